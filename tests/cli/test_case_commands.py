"""A case from the command line: people, sessions, work, verification, and what is refused."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prosector.case import keys
from prosector.case.audit import audit_files
from prosector.case.decisions import CHOICES
from prosector.case.events import KINDS, NECESSITY_REASONS, TEXT_FIELDS
from prosector.case.folder import read_case
from prosector.cli import main
from prosector.cli.case_words import event_words
from prosector.datasets.write_series import write_ct_series

PASSPHRASE = "correct horse battery staple"
RECIPE = {
    "name": "two views",
    "steps": [
        {
            "id": "mip-{view}",
            "operation": "mip",
            "inputs": {"volume": "source"},
            "parameters": {"width": 48, "height": 48},
            "for_each": {"view": ["anterior", "left"]},
        }
    ],
    "outputs": [{"step": "mip-{view}", "file": "{view}.png"}],
}


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


def told(capsys, *arguments):
    """Run the command line in this process."""
    try:
        main([str(a) for a in arguments])
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert "internal error" not in captured.err
    return Result(code, captured.out, captured.err)


@pytest.fixture
def call(capsys):
    return lambda *arguments: told(capsys, *arguments)


@pytest.fixture(scope="module")
def original(small_ct, tmp_path_factory):
    """A workstation with two people logged in, and a case with one supervised run, made by commands."""
    place = tmp_path_factory.mktemp("commands")
    write_ct_series(small_ct, place / "series")
    (place / "secret").write_text(PASSPHRASE + "\n")
    (place / "two.json").write_text(json.dumps(RECIPE))
    secret = ("--passphrase-file", str(place / "secret"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROSECTOR_HOME", str(place / "home"))
        patch.setattr(keys, "ARGON2", {"iterations": 1, "lanes": 1, "memory_kib": 64})
        case = str(place / "case")
        for words in (
            ["people", "add", "ada", "--name", "Ada Example", "--role", "physician", "--credentials", "MD", *secret],
            ["login", "ada", *secret],
            ["people", "add", "tom", "--name", "Tom Example", "--role", "technologist", *secret],
            ["login", "tom", *secret],
            ["case", "create", case, "--series", str(place / "series"), "--workstation", "serial=7"],
            ["case", "run", case, "--recipe", str(place / "two.json"), "--as", "tom"],
        ):
            main(words)  # returns where all is well
    return place


@pytest.fixture
def case(original, tmp_path, monkeypatch):
    shutil.copytree(original / "home", tmp_path / "home")
    for session in (tmp_path / "home/sessions").glob("*.json"):  # they end in the copy, not in the original
        session.write_text(session.read_text().replace(str(original / "case"), str(tmp_path / "case")))
    monkeypatch.setenv("PROSECTOR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(keys, "ARGON2", {"iterations": 1, "lanes": 1, "memory_kib": 64})
    return Path(shutil.copytree(original / "case", tmp_path / "case"))


def last(case):
    return read_case(case).events[-1]


def test_the_run_was_the_technologists_under_the_physicians_eye(case, call):
    (run,) = read_case(case).of("run-done")
    assert (run.actor.person, run.data["supervisor"]["person"]) == ("tom", "ada")
    assert list(read_case(case).outputs) == ["run-0001/anterior.png", "run-0001/left.png"]
    assert read_case(case).created.data["workstation"]["serial"] == "7"
    people = json.loads(call("people", "list", "--json").out)
    assert [(p["id"], bool(p["logged_in_until"])) for p in people] == [("ada", True), ("tom", True)]
    assert "Tom Example" in call("people", "list").out


def test_a_whole_case_and_its_verification(case, call, original):
    everything = [
        ("case", "decide", case, "region", "crop", "run-0001", "--set", "box=[1, 2]", "--note", "The ring"),
        ("case", "decide", case, "tissue", "preset", "run-0001", "--set", "preset=ct-bone"),
        ("case", "decide", case, "archive", "select", "all"),
        ("case", "decide", case, "review", "adjusted", "run-0001", "--parameter", "w", "--old", "1", "--new", "2.5"),
        ("case", "text", case, "question", "--text", "Is it broken?"),
        ("case", "text", case, "findings", "--text", "A gap.", "--structure", "ring"),
        ("case", "text", case, "necessity", "--text", "Overlap.", "--reason", "overlap", "--positive-finding", "gap"),
        ("case", "order", case, "--orderer", "Dr. Ref", "--date", "2026-11-20", "--npi", "1234567893", "--id", "O1",
         "--document", original / "two.json", "--urgent", "--setting", "hospital"),
        ("case", "base", case, "--cpt", "72192", "--status", "interpreted", "--performed", "2026-11-20T10:00"),
        ("case", "coding", case, "--units", "1", "--icd10", "S32.401A", "--rendering-host", "workstation"),
        ("case", "communication", case, "--to", "Dr. Ref", "--at", "2026-11-23T14:05", "--what", "gap", "--critical"),
        ("case", "attest", case, "--text", "I supervised it."),
    ]  # fmt: skip
    for words in everything:
        done = call(*words, "--as", "ada")
        assert done.code == 0, done.err
        assert done.out.startswith(f"event {last(case).number}: {KINDS[last(case).kind].words}, by Ada Example")
    state = read_case(case)
    assert state.archived == ("run-0001/anterior.png", "run-0001/left.png")
    assert state.decisions("region")[0].data["parameters"] == {"box": [1, 2]}
    assert [state.decisions("review")[0].data[k] for k in ("parameter", "old", "new")] == ["w", 1, 2.5]
    assert state.last("order-recorded").data["urgent"] is True
    document = state.last("order-recorded").data["document"]
    assert (case / "documents" / document["name"]).read_bytes() == (original / "two.json").read_bytes()
    assert state.last("base-recorded").data["cpt"] == "72192"
    assert state.last("coding-recorded").data == {
        "units": 1, "icd10": ["S32.401A"], "rendering_host": "workstation"}  # fmt: skip
    assert state.last("communication-recorded").data["by"] == "Ada Example"
    assert state.last("attested").data["text"] == "I supervised it."

    found = json.loads(call("case", "verify", case, "--replay", "--record", "--json", "--as", "ada").out)
    assert found["ok"] is True, found
    assert last(case).kind == "verified"
    shown = json.loads(call("case", "show", case, "--json").out)
    assert shown["missing"] == ["text: added-value", "text: impression", "a signed report", "a receipt from an archive"]
    assert [o["archived"] for o in shown["outputs"]] == [True, True]
    words = call("case", "show", case).out
    for part in ("Is it broken?", "Dr. Ref", "supervised by", "Missing: text: added-value"):
        assert part in words
    assert call("case", "replay", case).out.strip() == "1 run computed again: the same bytes"


def test_the_log_in_words(case, call):
    call("case", "text", case, "question", "--text", "[red]Is it\nbroken?", "--as", "ada")
    number = last(case).number
    assert call("case", "correct", case, number, "--reason", "wrong case", "--as", "ada").code == 0
    rows = json.loads(call("case", "log", case, "--json").out)
    assert [row["event"] for row in rows] == list(range(len(rows)))
    assert [row["event"] for row in rows if row["withdrawn"]] == [number]
    assert rows[number]["words"] == "text entered: question: [red]Is it broken?"
    said = call("case", "log", case).out
    assert "question: [red]Is it broken? (withdrawn)" in said
    assert "run-0001, recipe two views, 2 files, supervised by ada" in said


def test_every_kind_of_event_has_words(case):
    """With nothing but the fields that a kind must have."""
    from dataclasses import replace

    values = {
        "software": {"name": "P", "version": "1"}, "person": {"name": "A", "role": "physician"}, "files": [],
        "outputs": [], "orderer": {"name": "O"}, "node": {"name": "PACS"}, "instances": [], "committed": [],
        "failed": [], "checks": [], "trace": {}, "at": "now", "by": "TSA",
    }  # fmt: skip
    event = last(case)
    for kind in KINDS.values():
        data = {name: values.get(name, "x") for name in kind.fields}
        assert event_words(replace(event, kind=kind.name, data=data)).startswith(kind.words)


def test_what_is_refused_and_with_which_code(case, call, original, tmp_path):
    refused = [
        (2, ("case", "decide", case, "colour", "red", "run-0001"), "unknown element"),
        (2, ("case", "decide", case, "region", "paint", "run-0001"), "unknown decision on region"),
        (3, ("case", "decide", case, "region", "crop", "run-9"), "there is no 'run-9'"),
        (3, ("case", "decide", case, "review", "adjusted", "run-0001"), "from what"),
        (2, ("case", "text", case, "question"), "either --text or --file"),
        (2, ("case", "text", case, "diagnosis", "--text", "x"), "unknown field"),
        (3, ("case", "text", case, "question", "--file", tmp_path / "none"), "cannot be read"),
        (2, ("case", "text", case, "necessity", "--text", "x", "--reason", "money"), "unknown reason"),
        (3, ("case", "order", case, "--orderer", "x", "--date", "yesterday"), "no date"),
        (3, ("case", "order", case, "--orderer", "x", "--date", "2026-01-01", "--npi", "123"), "NPI"),
        (3, ("case", "order", case, "--orderer", "x", "--date", "2026-01-01", "--document", tmp_path / "no"), "cannot"),
        (2, ("case", "order", case, "--orderer", "x", "--date", "2026-01-01", "--setting", "home"), "unknown setting"),
        (3, ("case", "base", case, "--cpt", "7"), "five characters"),
        (3, ("case", "coding", case), "nothing was given"),
        (3, ("case", "coding", case, "--icd10", "broken"), "ICD-10"),
        (3, ("case", "communication", case, "--to", " ", "--at", "2026-01-01", "--what", "x"), "empty"),
        (3, ("case", "correct", case, 0, "--reason", "x"), "not one that can be withdrawn"),
        (3, ("case", "create", case, "--series", original / "series"), "not empty"),
        (2, ("case", "create", tmp_path / "n", "--series", original / "series", "--workstation", "x=1"), "has no 'x'"),
        (2, ("case", "run", case, "--recipe", "bone-ct", "--supervisor", "ada", "--unsupervised"), "exclude"),
        (3, ("case", "run", case, "--recipe", "bone-ct", "--supervisor", "tom"), "a physician supervises"),
        (2, ("case", "replay", case, "--run", "run-7"), "unknown run"),
        (3, ("case", "show", tmp_path), "is no case"),
        (3, ("case", "verify", tmp_path), "is no case"),
        (3, ("case", "anchor", "add", case, original / "secret"), "no time-stamp response"),
        (3, ("case", "show", case, "--as", "eve"), "not logged in"),
        (3, ("people", "add", "x", "--name", "X", "--role", "technologist"), "a login is"),
        (2, ("people", "add", "eve", "--name", "X", "--role", "admin"), "unknown role"),
        (2, ("people", "passwd", "eve"), "unknown person"),
        (3, ("login", "ada", "--passphrase-file", tmp_path / "none"), "cannot be read"),
    ]  # fmt: skip
    before = (case / "case.jsonl").read_bytes()
    for code, words, why in refused:
        done = call(*words)
        assert (done.code, why in done.err) == (code, True), f"{words}: {done.code} {done.err}"
    assert (case / "case.jsonl").read_bytes() == before


def test_a_technologist_does_not_attest(case, call):
    done = call("case", "attest", case, "--as", "tom")
    assert (done.code, "only physician" in done.err) == (3, True)


def test_nobody_attests_what_nobody_supervised(case, call, original, tmp_path):
    own = tmp_path / "own"
    assert call("case", "create", own, "--series", original / "series").code == 0
    run = call("case", "run", own, "--recipe", original / "two.json", "--unsupervised", "--as", "tom")
    assert "run-0001, NOT SUPERVISED" in run.out
    done = call("case", "attest", own, "--as", "ada")
    assert (done.code, "nobody can attest" in done.err) == (3, True)
    shown = json.loads(call("case", "show", own, "--json").out)
    assert "a physician's session over every run" in shown["missing"]


def test_without_a_session_nothing_is_entered_but_a_programs_run(case, call, original):
    assert call("logout", "--all").out == "Tom Example is logged out\nAda Example is logged out\n"
    done = call("case", "text", case, "question", "--text", "x")
    assert (done.code, "prosector login" in done.err) == (3, True)
    done = call("case", "run", case, "--recipe", original / "two.json")
    assert done.code == 0
    assert "NOT SUPERVISED" in done.out
    assert read_case(case).of("run-done")[-1].actor.role == "program"
    ended = [s.ended is not None for s in read_case(case).sessions]
    assert ended == [True, True]


def test_a_case_that_cannot_begin_leaves_nothing(call, case, tmp_path):
    (tmp_path / "nothing").mkdir()
    done = call("case", "create", tmp_path / "new", "--series", tmp_path / "nothing")
    assert done.code == 3
    assert not (tmp_path / "new").exists()


def test_verify_names_what_was_changed_and_returns_1(case, call):
    picture = case / "outputs/run-0001/left.png"
    pixels = np.array(Image.open(picture))
    pixels[3, 4] ^= 1
    Image.fromarray(pixels).save(picture)
    done = call("case", "verify", case)
    assert done.code == 1
    assert "outputs/run-0001/left.png was changed" in done.out
    assert "the case is NOT what it says" in done.out
    found = json.loads(call("case", "verify", case, "--json").out)
    assert [check["name"] for check in found["checks"] if not check["ok"]] == ["files"]


@pytest.mark.parametrize("attack", ["edit", "swap", "cut", "junk"])
def test_a_log_under_attack_is_told_and_opens_no_door(case, call, attack):
    path = case / "case.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "edit": [lines[0], lines[1].replace(b"Tom Example", b"Tim Example"), *lines[2:]],
        "swap": [lines[0], lines[2], lines[1], *lines[3:]],
        "cut": lines[:-1],
        "junk": [*lines[:-1], b"{]\n"],
    }[attack]
    path.write_bytes(b"".join(changed))
    done = call("case", "verify", case)
    assert done.code == 1
    assert "chain        WRONG" in done.out
    assert "line " in done.out
    assert call("case", "text", case, "question", "--text", "x", "--as", "ada").code == 3
    assert path.read_bytes() == b"".join(changed)


def test_anchors_from_the_command_line(case, call, tmp_path):
    done = call("case", "anchor", "sign", case, "--as", "ada")
    assert done.code == 0
    kept = shutil.copy(done.out.splitlines()[-1], tmp_path / "kept.signed.json")
    assert "was signed by Ada Example" in call("case", "anchor", "check", case, kept).out
    request = call("case", "anchor", "request", case).out.strip()
    assert Path(request).read_bytes()[:1] == b"\x30"
    lines = (case / "case.jsonl").read_bytes().splitlines(keepends=True)
    (case / "case.jsonl").write_bytes(b"".join(lines[:2]))
    done = call("case", "anchor", "check", case, kept)
    assert (done.code, "cut" in done.out) == (1, True)


def test_passphrases_by_prompt_file_and_standard_input(case, call, monkeypatch, tmp_path):
    asked = []

    def answer(prompt, **options):
        asked.append((prompt, options.get("hide_input"), options.get("confirmation_prompt")))
        return PASSPHRASE if prompt == "Passphrase" else "a new long passphrase"

    monkeypatch.setattr("click.prompt", answer)
    assert call("login", "ada").code == 0
    (tmp_path / "old").write_text(PASSPHRASE)
    assert call("people", "passwd", "ada", "--old-passphrase-file", tmp_path / "old").code == 0
    assert asked == [("Passphrase", True, False), ("New passphrase", True, True)]
    monkeypatch.setattr("sys.stdin", io.StringIO("a new long passphrase\n"))
    assert call("login", "ada", "--passphrase-file", "-").code == 0
    done = call("login", "ada", "--passphrase-file", tmp_path / "old")
    assert (done.code, "passphrase is wrong" in done.err) == (3, True)
    trail = call("people", "audit").out
    assert "passphrase of ada changed" in trail
    assert PASSPHRASE not in trail
    assert "110101" in audit_files()[-1].read_text()  # that it was read is in it too


def test_only_the_first_user_is_added_by_nobody(case, call, monkeypatch, tmp_path):
    (tmp_path / "secret").write_text(PASSPHRASE)
    call("logout", "--all")
    add = ("people", "add", "eve", "--name", "Eve", "--role", "physician", "--passphrase-file", tmp_path / "secret")
    assert "log in to add another" in call(*add).err
    monkeypatch.setenv("PROSECTOR_HOME", str(tmp_path / "other"))
    assert call("people", "list").out == "no users yet: prosector people add\n"
    assert call(*add).code == 0


def test_the_help_tells_every_choice(call):
    said = call("case", "decide", "--help").out
    assert all(word in said for words in CHOICES.values() for word in words)
    said = call("case", "text", "--help").out.replace("\n", " ")
    assert all(word in said for word in (*TEXT_FIELDS, *NECESSITY_REASONS))
    for name in ("create", "add", "run", "order", "base", "coding", "communication", "show", "log", "verify"):
        assert call("case", name, "--help").code == 0


def test_the_last_line_torn_by_a_kill_is_told_and_set_aside(case, call):
    with (case / "case.jsonl").open("ab") as file:
        file.write(b'{"about":["run-00')
    done = call("case", "verify", case)
    assert done.code == 0
    assert "17 bytes of a torn line" in done.out
    assert call("case", "text", case, "question", "--text", "x", "--as", "ada").code == 0
    assert [e.kind for e in read_case(case).events[-2:]] == ["log-recovered", "text-recorded"]


def test_kill_9_while_a_run_is_made_leaves_a_case_that_verifies(case, call, original):
    """Killed as the first of its files is there."""
    command = [sys.executable, "-m", "prosector", "case", "run", case, "--recipe", original / "two.json"]
    worker = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (case / "outputs/run-0002/anterior.png").exists():
        assert time.monotonic() < until, "the run never came so far"
        time.sleep(0.002)
    worker.kill()
    worker.wait()
    done = call("case", "verify", case)
    assert done.code == 0, done.out
    assert call("case", "run", case, "--recipe", original / "two.json").code == 0
    runs = [run.data["run"] for run in read_case(case).of("run-done")]
    assert len(set(runs)) == len(runs)
    assert call("case", "verify", case, "--replay").code == 0
