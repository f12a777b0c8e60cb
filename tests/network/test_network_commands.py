"""``prosector send`` and ``prosector fetch`` as a user types them."""

from __future__ import annotations

import json

import pytest

import prosector.network
from prosector.cli import main


def run(capsys, *arguments):
    code = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def named(orthanc, workstation):
    """The archive under two names in nodes.toml."""
    dimse, web = orthanc.node(), orthanc.web()
    (workstation / "nodes.toml").write_text(
        f'[nodes.archive]\nhost = "127.0.0.1"\nport = {dimse.port}\n'
        f'title = "{dimse.title}"\nlisten = "{dimse.listen}"\n'
        f'[nodes.web]\nurl = "{web.url}"\nuser = "{web.user}"\npassword_file = "{web.password_file}"\n'
    )
    return orthanc


def test_send_a_case_list_it_and_fetch_it_back(named, make_case, tmp_path, capsys):
    case = make_case(2)
    code, out, err = run(capsys, "send", case, "--to", "archive")
    assert (code, out) == (0, "archive: 2 sent and acknowledged; 2 committed to storage\n")
    assert "no signed report" in err
    code, out, _ = run(capsys, "send", case, "--to", "archive")
    assert (code, out) == (0, "archive: 0 sent and acknowledged, 2 acknowledged before; 2 committed to storage\n")

    code, out, _ = run(capsys, "fetch", "--from", "web", "--patient-id", "SECRETID", "--list")
    assert code == 0
    assert "2.25.7001.1" in out
    assert "SECRET" not in out
    code, out, _ = run(capsys, "fetch", "--from", "archive", "--study", "2.25.7001", "--list", "--json")
    (row,) = json.loads(out)
    assert (row["uid"], row["instances"], "patient_name" in row) == ("2.25.7001", "2", False)
    code, out, _ = run(capsys, "fetch", "--from", "archive", "--study", "2.25.7001", "--list", "--show-patients")
    assert "SECRETNAME" in out
    assert "ACC1" in out

    code, out, _ = run(capsys, "fetch", "--from", "web", "--study", "2.25.7001", "--out", tmp_path / "back")
    assert code == 0
    assert out.startswith("2 instance(s) fetched, 0 were here already")
    assert "3D pictures" in out
    assert len(list((tmp_path / "back" / "2.25.7001" / "2.25.7001.1").glob("*.dcm"))) == 2


def test_files_and_what_can_go_wrong(named, pictures, tmp_path, capsys):
    code, out, _ = run(capsys, "send", "--files", pictures, "--to", "web")
    assert (code, out) == (0, "web: 6 sent and acknowledged; 6 committed to storage\n")
    assert run(capsys, "send", "--to", "web")[0] == 2
    assert run(capsys, "send", "--files", pictures, "--to", "nowhere")[0] == 2
    assert run(capsys, "fetch", "--from", "web", "--list")[0] == 2
    assert run(capsys, "fetch", "--from", "web", "--study", "1.2")[0] == 2
    assert run(capsys, "fetch", "--from", "web", "--study", "1.2", "--list")[0] == 1
    code, _, err = run(capsys, "fetch", "--from", "web", "--study", "1.2", "--out", tmp_path / "out")
    assert code == 4
    assert "no study that matches" in err


def test_the_missing_extra_is_named(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(prosector.network, "LIBRARIES", ("pynetdicom", "no_such_library"))
    for arguments in (("send", "--files", tmp_path, "--to", "x"), ("fetch", "--from", "x", "--study", "1.2", "--list")):
        code, _, err = run(capsys, *arguments)
        assert code == 4
        assert "no_such_library not installed" in err
        assert "prosector[network]" in err
