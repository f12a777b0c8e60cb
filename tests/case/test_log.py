"""The log under attack: every change is found and located, and a kill at any byte loses nothing."""

import hashlib
import json
import multiprocessing
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prosector.case.events import FIRST
from prosector.case.folder import create_case, read_case, record, witness_of
from prosector.case.log import HEAD, LOG, faults_of, read_log
from prosector.errors import CaseError, LockedError, NotPermittedError, TamperedError, UnknownNameError

COUNT = 6


@pytest.fixture
def case(tmp_path, doctor):
    """A case of seven events: created, a session, five texts."""
    folder = create_case(tmp_path / "case")
    for n in range(COUNT - 1):
        record(folder, "text-recorded", {"field": "findings", "text": f"finding {n}"}, session=doctor)
    return folder


def lines_of(folder):
    return (folder / LOG).read_bytes().splitlines(keepends=True)


def faults(folder, witness=None):
    return [(f.line, f.what) for f in faults_of(folder, read_log(folder), witness)]


def test_events_follow_each_other_and_are_canonical(case):
    state = read_case(case)
    previous = FIRST
    for number, (event, line) in enumerate(zip(state.events, lines_of(case), strict=True)):
        assert (event.number, event.previous) == (number, previous)
        assert event.line().encode() + b"\n" == line
        previous = hashlib.sha256(line[:-1]).hexdigest()
    assert state.head == previous
    assert faults(case) == []
    assert witness_of(state) == (COUNT, previous)
    kinds = [e.kind for e in state.events]
    assert kinds == ["case-created", "session-started", *["text-recorded"] * (COUNT - 1)]


def rehashed(lines, start):
    """What a forger does: make the chain hold again behind a change."""
    out = list(lines[:start])
    for number, line in enumerate(lines[start:], start):
        data = json.loads(line)
        data["number"] = number
        data["previous"] = hashlib.sha256(out[-1][:-1]).hexdigest() if out else FIRST
        out.append((json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode())
    return out


@pytest.mark.parametrize(
    ("attack", "line"),
    [
        (lambda ls: [*ls[:3], ls[3].replace(b"finding 1", b"finding 9"), *ls[4:]], 5),
        (lambda ls: [*ls[:3], *ls[4:]], 4),
        (lambda ls: [*ls[:2], ls[3], ls[2], *ls[4:]], 3),
        (lambda ls: [*ls[:3], ls[3], *ls[3:]], 5),
        (lambda ls: ls[:-1], COUNT),
        (lambda ls: ls[:2], 2),
        (lambda ls: [*ls[:-1], ls[-1].replace(b"finding 4", b"finding 9")], COUNT + 1),
        (lambda ls: [*ls[:3], b"{}\n", *ls[4:]], 4),
        (lambda ls: [*ls[:3], ls[3].replace(b'":', b'": ', 1), *ls[4:]], 4),
        (lambda ls: rehashed([*ls[:3], ls[3].replace(b"finding 1", b"finding 9"), *ls[4:]], 3), COUNT + 1),
        (lambda ls: rehashed([*ls[:3], *ls[4:]], 3), COUNT),
    ],
    ids=["edited", "deleted", "swapped", "doubled", "cut by one", "cut", "last edited", "no event", "spaced",
         "edited and chained anew", "deleted and chained anew"],
)  # fmt: skip
def test_every_change_is_found_and_located_and_stops_writing(case, doctor, attack, line):
    (case / LOG).write_bytes(b"".join(attack(lines_of(case))))
    found = faults(case)
    assert found, "the change was not noticed"
    assert line in {at for at, _ in found}
    before = (case / LOG).read_bytes()
    with pytest.raises(TamperedError, match="line"):
        record(case, "text-recorded", {"field": "findings", "text": "more"}, session=doctor)
    assert (case / LOG).read_bytes() == before


def test_a_log_cut_with_its_head_is_known_to_the_workstation(case):
    witness = witness_of(read_case(case))
    lines = lines_of(case)[:-2]
    (case / LOG).write_bytes(b"".join(lines))
    (case / HEAD).write_text(f"{len(lines) - 1} {hashlib.sha256(lines[-1][:-1]).hexdigest()}\n")
    assert faults(case) == []
    ((line, what),) = faults(case, witness)
    assert line == len(lines)
    assert "the workstation's own record knows of 7 events" in what


def test_a_head_that_is_gone_is_said(case):
    (case / HEAD).unlink()
    assert any("case.head is missing" in what for _, what in faults(case))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_kill_at_any_byte_leaves_a_case_that_opens(case, doctor, tmp_path_factory, data):
    """The last line is torn anywhere; its head was not yet written."""
    lines = lines_of(case)
    kept = data.draw(st.integers(0, len(lines[-1]) - 1))
    torn = tmp_path_factory.mktemp("torn") / "case"
    shutil.copytree(case, torn)
    (torn / LOG).write_bytes(b"".join(lines[:-1]) + lines[-1][:kept])
    (torn / HEAD).write_text(f"{COUNT - 1} {hashlib.sha256(lines[-2][:-1]).hexdigest()}\n")
    assert len(read_case(torn).events) == COUNT
    record(torn, "text-recorded", {"field": "findings", "text": "again"}, session=doctor)
    state = read_case(torn)
    assert faults(torn) == []
    recovered = state.of("log-recovered")
    assert len(recovered) == (1 if kept else 0)
    if kept:
        aside = (torn / recovered[0].data["file"]).read_bytes()
        assert aside == lines[-1][:kept]
        assert recovered[0].data["bytes"] == kept


def test_a_kill_between_log_and_head_is_no_fault(case, doctor):
    lines = lines_of(case)
    (case / HEAD).write_text(f"{COUNT - 1} {hashlib.sha256(lines[-2][:-1]).hexdigest()}\n")
    assert faults(case) == []
    record(case, "text-recorded", {"field": "findings", "text": "more"}, session=doctor)
    assert faults(case) == []


def _write_many(folder, start):
    start.wait()
    for n in range(8):
        record(folder, "verified", {"ok": True, "checks": [n]})


def test_two_processes_do_not_write_at_once(case):
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    writers = [context.Process(target=_write_many, args=(case, start)) for _ in range(2)]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert faults(case) == []
    assert len(read_case(case).events) == COUNT + 1 + 16


def test_another_writer_is_named_and_a_dead_one_does_not_block(case, monkeypatch):
    from prosector.case import folder as module
    from prosector.case.lock import locked

    monkeypatch.setattr(module, "locked", lambda path: locked(path, wait_s=0.1))
    with locked(case / "case.lock"), pytest.raises(LockedError, match=r"process \d+ on .* is writing"):
        record(case, "verified", {"ok": True, "checks": []})
    (case / "case.lock.holder").write_text('{"pid": 1, "host": "gone", "since": "long ago"}')
    record(case, "verified", {"ok": True, "checks": []})


def test_who_may_enter_what(case, doctor):
    with pytest.raises(NotPermittedError, match="only physician"):
        record(case, "attested", {"text": "supervised"})
    with pytest.raises(CaseError, match="needs text"):
        record(case, "attested", {}, session=doctor)
    with pytest.raises(UnknownNameError, match="kind of event"):
        record(case, "diagnosed", {}, session=doctor)


def test_a_case_begins_in_a_folder_of_its_own(case, tmp_path):
    with pytest.raises(CaseError, match="not empty"):
        create_case(case)
    with pytest.raises(CaseError, match="is no case"):
        read_case(tmp_path)
