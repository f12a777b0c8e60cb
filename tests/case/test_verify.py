"""A case attacked: every change is found, located and named; replay gives the same bytes."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prosector.case import folder as module
from prosector.case import keys
from prosector.case.decisions import decide, write_text_field
from prosector.case.events import FIRST
from prosector.case.folder import create_case, read_case, record
from prosector.case.log import HEAD, LOG
from prosector.case.people import Person, add_person
from prosector.case.replay import replay_case
from prosector.case.runs import run_in_case
from prosector.case.sessions import current_session, log_in
from prosector.case.source import add_source
from prosector.case.verify import verify_case
from prosector.errors import CaseError, NotPermittedError
from prosector.model.digest import canonical_json
from prosector.pipeline.recipes import parse_recipe

PASSPHRASE = "correct horse battery staple"
SIZE = {"width": 48, "height": 48}
RECIPE = parse_recipe(
    {
        "name": "all kinds",
        "steps": [
            {"id": "mip", "operation": "mip", "inputs": {"volume": "source"}, "parameters": SIZE},
            {"id": "bone", "operation": "segment-bone", "inputs": {"volume": "source"}},
            {"id": "mesh", "operation": "extract-label-mesh", "inputs": {"labels": "bone"}},
            {
                "id": "turn",
                "operation": "cine-mip",
                "inputs": {"volume": "source"},
                "parameters": {**SIZE, "frames": 2},
            },
        ],
        "outputs": [
            {"step": "mip", "file": "mip.png"},
            {"step": "mip", "file": "mip.dcm"},
            {"step": "bone", "file": "bone.dcm"},
            {"step": "bone", "file": "bone.nii.gz"},
            {"step": "mesh", "file": "bone.stl"},
            {"step": "turn", "file": "turn.frames"},
            {"step": "turn", "file": "turn.dcm"},
        ],
    }
)


@pytest.fixture(scope="module")
def original(tmp_path_factory, ct_series):
    """A workstation with a case, made once."""
    place = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROSECTOR_HOME", str(place / "home"))
        patch.setattr(keys, "ARGON2", {"iterations": 1, "lanes": 1, "memory_kib": 64})
        add_person(Person("ada", "Ada Example (made up)", "physician", "MD"), PASSPHRASE)
        session = log_in("ada", PASSPHRASE)
        folder = create_case(place / "case")
        volume = add_source(folder, ct_series)
        run_in_case(folder, RECIPE, session=session, volume=volume)
        decide(folder, session, "archive", "select", ["run-0001/mip.png"])
    return place


@pytest.fixture
def case(original, workstation, tmp_path):
    shutil.copytree(original / "home", workstation, dirs_exist_ok=True)
    return Path(shutil.copytree(original / "case", tmp_path / "case"))


@pytest.fixture
def doctor(case):
    return current_session("ada")


def wrong(found):
    return {check.name: list(check.wrong) for check in found.checks if check.wrong}


def test_an_honest_case_verifies_and_replays_to_the_same_bytes(case, doctor):
    found = verify_case(case, replay=True)
    assert found.ok, wrong(found)
    assert [c.name for c in found.checks] == ["chain", "signatures", "source", "files", "reports", "anchors", "replay"]
    assert replay_case(case) == ()
    before = len(read_case(case).events)
    verify_case(case)
    assert len(read_case(case).events) == before
    verify_case(case, enter=doctor)
    assert read_case(case).events[-1].data["ok"] is True


def test_one_grey_level_in_a_picture_is_found(case):
    path = case / "outputs/run-0001/mip.png"
    pixels = np.array(Image.open(path))
    pixels[20, 30] += 1
    Image.fromarray(pixels).save(path)
    found = wrong(verify_case(case))
    assert list(found) == ["files"]
    assert "outputs/run-0001/mip.png was changed" in found["files"][0]


@pytest.mark.parametrize("name", ["mip.dcm", "bone.nii.gz", "bone.stl", "turn.dcm"])
def test_one_bit_in_any_file_is_found(case, name):
    path = case / "outputs/run-0001" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert f"{name} was changed" in wrong(verify_case(case))["files"][0]


def test_a_frame_and_a_missing_file_are_found(case):
    frames = case / "outputs/run-0001/turn.frames"
    sorted(frames.iterdir())[0].unlink()
    (case / "outputs/run-0001/bone.stl").unlink()
    lines = wrong(verify_case(case))["files"]
    assert any("turn.frames was changed" in line for line in lines)
    assert any("bone.stl is gone" in line for line in lines)


def test_what_a_broken_off_run_left_is_noted_not_wrong(case):
    (case / "outputs/run-0002").mkdir()
    (case / "outputs/run-0002/half.png").write_bytes(b"half")
    found = verify_case(case)
    assert found.ok
    (files,) = [c for c in found.checks if c.name == "files"]
    assert "run-0002/half.png is named by no event" in files.notes[0]


def chained(folder, events):
    """Write events as a forger with all the time in the world: chain and head hold again."""
    previous, lines = FIRST, []
    for number, data in enumerate(events):
        line = canonical_json({**data, "number": number, "previous": previous}).encode()
        previous = hashlib.sha256(line).hexdigest()
        lines.append(line + b"\n")
    (folder / LOG).write_bytes(b"".join(lines))
    (folder / HEAD).write_text(f"{len(lines) - 1} {previous}\n")


def events_of(folder):
    return [json.loads(line) for line in (folder / LOG).read_bytes().splitlines()]


def test_an_event_put_in_a_physicians_mouth_is_found(case):
    events = events_of(case)
    forged = {**events[-1], "data": {**events[-1]["data"], "what": "reject"}}
    chained(case, [*events, forged])
    found = wrong(verify_case(case))
    assert any("not signed by its session's key" in line for line in found["signatures"])


def test_a_forged_session_is_found(case, doctor):
    """Somebody makes a key of his own and enters the physician's name with it."""
    other = add_person(Person("eve", "Eve Example", "physician"), PASSPHRASE, by=doctor.person)
    eve = log_in(other.id, PASSPHRASE)
    write_text_field(case, eve, "impression", "All is well.")
    events = events_of(case)
    opening, entry = events[-2], events[-1]
    opening["data"]["person"]["id"] = "ada"
    for event in (opening, entry):
        event["actor"] |= {"person": "ada", "name": doctor.person.name}
    chained(case, events)
    lines = wrong(verify_case(case))["signatures"]
    assert any("not certified by the person's key" in line for line in lines)
    assert any("not the one that this workstation knows" in line for line in lines)


def test_an_event_of_another_case_does_not_fit_in(case, doctor, tmp_path):
    other = create_case(tmp_path / "other")
    write_text_field(other, doctor, "impression", "Of the other patient.")
    stolen = events_of(other)[-1]
    chained(case, [*events_of(case), stolen])
    lines = wrong(verify_case(case))["signatures"]
    assert any("not signed by its session's key" in line for line in lines)


def test_an_entry_after_the_session_ended_is_found(case, doctor):
    record(case, "session-ended", {"session": doctor.id, "reason": "logged out"}, session=doctor)
    with pytest.raises(NotPermittedError, match="this session is over"):
        write_text_field(case, doctor, "impression", "late")
    module._append(case, read_case(case).events, "verified", {"ok": True, "checks": []}, (), doctor)
    assert any("after its session had ended" in line for line in wrong(verify_case(case))["signatures"])


def test_an_entry_outside_the_sessions_time_is_found(case, doctor):
    short = replace(doctor, id="11111111-1111-1111-1111-111111111111", expires="2020-01-01T00:00:00+00:00")
    with pytest.raises(NotPermittedError, match="this session is over"):
        write_text_field(case, short, "impression", "late")
    events = module._append(case, read_case(case).events, "session-started", short.opening(), (), short)
    module._append(case, events, "verified", {"ok": True, "checks": []}, (), short)
    lines = wrong(verify_case(case))["signatures"]
    assert any("outside the time of its session" in line for line in lines)


def test_a_run_said_to_be_supervised_is_found(case, doctor):
    events = events_of(case)
    run = next(e for e in events if e["kind"] == "run-done")
    run["data"]["supervisor"]["trace_sha256"] = "0" * 64
    chained(case, events)
    assert any("not signed by the supervising session" in line for line in wrong(verify_case(case))["signatures"])


def test_a_changed_source_stops_the_replay_and_is_named(tmp_path, ct_series, doctor):
    series = tmp_path / "series"
    shutil.copytree(ct_series, series)
    case = create_case(tmp_path / "own")
    volume = add_source(case, series)
    run_in_case(case, parse_recipe({"name": "m", "steps": [
        {"id": "m", "operation": "mip", "inputs": {"volume": "source"}, "parameters": SIZE}]}),
        session=doctor, volume=volume)  # fmt: skip
    victim = sorted(series.rglob("*.dcm"))[5]
    data = bytearray(victim.read_bytes())
    data[-3] ^= 4
    victim.write_bytes(data)
    found = wrong(verify_case(case, replay=True))
    assert f"{victim.name} was changed" in found["source"][0]
    assert "reads otherwise" in found["replay"][0]


def test_replay_names_the_first_pixel_that_differs(case):
    """The log claims another value than the one that comes out, and the picture another pixel."""
    path = case / "outputs/run-0001/mip.png"
    pixels = np.array(Image.open(path))
    pixels[7, 9] ^= 0x10
    Image.fromarray(pixels).save(path)
    events = events_of(case)
    run = next(e for e in events if e["kind"] == "run-done")
    run["data"]["trace"]["steps"][0]["output"]["sha256"] = "0" * 64
    chained(case, events)
    first = replay_case(case)[0]
    assert (first.run, first.step, first.file) == ("run-0001", "mip", "outputs/run-0001/mip.png")
    assert "first at row 7, column 9" in first.what
    assert not first.close


def test_other_versions_are_said(case):
    events = events_of(case)
    run = next(e for e in events if e["kind"] == "run-done")
    run["data"]["trace"]["versions"]["numpy"] = "1.0"
    run["data"]["trace"]["steps"][0]["output"]["sha256"] = "0" * 64
    chained(case, events)
    assert "numpy 1.0 then" in replay_case(case)[0].what


KILLED = """
import sys
from pathlib import Path
from prosector.case.folder import record
case, at = Path(sys.argv[1]), 0
print("ready", flush=True)
while True:
    record(case, "verified", {"ok": True, "checks": ["x" * 4000, at]})
    at += 1
"""


@pytest.mark.parametrize("delay_ms", [3, 17, 41, 77, 120])
def test_a_case_survives_kill_9_at_any_moment(case, delay_ms):
    writer = subprocess.Popen([sys.executable, "-c", KILLED, str(case)], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"ready\n"
    time.sleep(delay_ms / 1000)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    read_case(case)
    record(case, "verified", {"ok": True, "checks": []})
    found = verify_case(case)
    assert found.ok, wrong(found)


def test_no_case_is_said(tmp_path):
    with pytest.raises(CaseError, match="is no case"):
        verify_case(tmp_path)
