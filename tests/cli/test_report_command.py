"""``prosector report``: build, sign, amend, show."""

from __future__ import annotations

import json

import pytest

from prosector.case import keys
from prosector.case.folder import create_case, read_case
from prosector.case.people import Person, add_person
from prosector.case.runs import run_in_case
from prosector.case.sessions import log_in
from prosector.case.source import add_source
from prosector.cli import main
from prosector.datasets.write_series import write_ct_series
from prosector.pipeline.recipes import parse_recipe

PASSPHRASE = "correct horse battery staple"
MIP = {"id": "m", "operation": "mip", "inputs": {"volume": "source"}, "parameters": {"width": 48, "height": 32}}
RECIPE = {"name": "mip", "steps": [MIP], "outputs": [{"step": "m", "file": "m.png"}]}


@pytest.fixture
def call(capsys):
    def run(*arguments):
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code or 0
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def case(tmp_path, monkeypatch, small_ct):
    monkeypatch.setenv("PROSECTOR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(keys, "ARGON2", {"iterations": 1, "lanes": 1, "memory_kib": 64})
    ada = add_person(Person("ada", "Ada Example (made up)", "physician", "MD"), PASSPHRASE)
    add_person(Person("tom", "Tom Example (made up)", "technologist"), PASSPHRASE, by=ada)
    write_ct_series(small_ct, tmp_path / "series")
    (tmp_path / "word").write_text(PASSPHRASE + "\n")
    folder = create_case(tmp_path / "case")
    add_source(folder, tmp_path / "series")
    doctor = log_in("ada", PASSPHRASE)
    run_in_case(folder, parse_recipe(RECIPE), session=doctor)
    return folder


def test_from_draft_to_addendum(call, case, tmp_path):
    code, out, _ = call("report", "build", case, "--profile", "research")
    assert code == 0
    (draft,) = (case / "reports").glob("*.json")
    assert json.loads(draft.read_text(encoding="utf-8"))["completeness"]["profile"] == "research"
    assert [line.rpartition(".")[2] for line in out.splitlines()] == ["json", "html", "pdf"]
    code, out, _ = call("report", "sign", case, "--passphrase-file", tmp_path / "word")
    assert code == 0
    assert "version 2 is final, signed by Ada Example" in out
    code, out, _ = call("report", "amend", case, "--reason", "Asked.", "--addendum", "Left.", "--passphrase-file",
                        tmp_path / "word")  # fmt: skip
    assert code == 0
    assert "version 3 is addendum" in out
    code, out, _ = call("report", "show", case, "--fhir", tmp_path / "bundle.json")
    assert code == 0
    lines = [line for line in out.splitlines() if line.startswith("version")]
    assert [line.split()[2] for line in lines] == ["draft", "final", "addendum"]
    assert "signature fits" in lines[1]
    assert json.loads((tmp_path / "bundle.json").read_text())["resourceType"] == "Bundle"


def test_build_elsewhere_enters_nothing(call, case, tmp_path):
    head = read_case(case).head
    code, _, _ = call("report", "build", case, "--out", tmp_path / "out")
    assert code == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"report.json", "report.html", "report.pdf"}
    assert read_case(case).head == head


def test_a_changed_report_is_shown_as_such(call, case):
    call("report", "build", case)
    (file,) = (case / "reports").glob("*.json")
    file.write_text(file.read_text(encoding="utf-8").replace('"draft"', '"final"'), encoding="utf-8")
    code, out, _ = call("report", "show", case)
    assert code == 1
    assert "not what event" in out


def test_who_may_not(call, case, tmp_path):
    (tmp_path / "wrong").write_text("wrong horse battery staple\n")
    code, _, err = call("report", "sign", case, "--passphrase-file", tmp_path / "wrong")
    assert (code, "passphrase is wrong" in err) == (3, True)
    log_in("tom", PASSPHRASE)
    code, _, err = call("report", "sign", case, "--as", "tom", "--passphrase-file", tmp_path / "word")
    assert (code, "for a physician" in err) == (3, True)
    code, _, err = call("report", "show", case, "--version", 9)
    assert (code, "no such report" in err) == (3, True)


def test_the_passphrase_is_asked_for(call, case, monkeypatch):
    monkeypatch.setattr("click.prompt", lambda *_, **options: PASSPHRASE if options["hide_input"] else "")
    code, out, _ = call("report", "sign", case, "--attestation", "I was there.")
    assert code == 0
    assert "is final" in out
