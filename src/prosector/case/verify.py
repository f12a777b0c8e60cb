"""Verification: everything that a case says of itself, checked, and what is wrong located."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prosector.case.anchor import anchors_of
from prosector.case.events import Event
from prosector.case.filed import reports_of
from prosector.case.folder import ANCHORS, DOCUMENTS, OUTPUTS, REPORTS, record, witness_of
from prosector.case.keys import is_signed
from prosector.case.log import faults_of, read_log
from prosector.case.people import people
from prosector.case.replay import replay_case
from prosector.case.runs import path_sha256, supervised_text
from prosector.case.sessions import Session, certified_text
from prosector.case.source import changed_files
from prosector.case.state import CaseState, fold
from prosector.errors import CaseError, TamperedError
from prosector.model.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it found wrong, one line each, and what is worth knowing though it is not wrong."""

    name: str
    wrong: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)


def verify_case(
    folder: str | Path,
    *,
    replay: bool = False,
    enter: Session | None = None,
    progress: Progress = silent,
) -> Verification:
    """Check a case: chain, signatures, source, files, reports, anchors and, if asked, every output computed again.

    Parameters
    ----------
    folder : path
    replay : bool
        Also compute everything again; takes as long as the work did.
    enter : Session, optional
        Enter the result into the log, in this session's name; otherwise nothing is written.
    progress : callable

    Raises
    ------
    CaseError
        If there is no case.
    """
    folder = Path(folder)
    content = read_log(folder)
    try:
        state = fold(content.events())
        witness = witness_of(state)
    except (TamperedError, CaseError):
        faults = tuple(f"line {f.line}: {f.what}" for f in faults_of(folder, content))
        return Verification((Check("chain", faults or ("the log holds no whole event",)),))
    faults = tuple(f"line {f.line}: {f.what}" for f in faults_of(folder, content, witness))
    torn = (f"{len(content.torn)} bytes of a torn line stand at the end; they were never an event",)
    unknown = (
        () if witness else ("this workstation has not written to the case: it cannot tell whether its end was cut",)
    )
    checks = [Check("chain", faults, (*(torn if content.torn else ()), *unknown)), *_signed(state)]
    checks += [_sources(folder, state, progress), _files(folder, state)]
    checks += [Check("reports", reports_of(folder, state)), Check("anchors", *anchors_of(folder, state))]
    if replay:
        checks.append(_replayed(folder, state, progress))
    found = Verification(tuple(checks))
    if enter is not None:
        rows = [{"name": c.name, "ok": c.ok, "wrong": list(c.wrong)} for c in checks]
        record(folder, "verified", {"ok": found.ok, "checks": rows}, session=enter)
    return found


def _signed(state: CaseState) -> Iterator[Check]:
    known = {person.id: person.public_key for person in people()}
    wrong, notes = [], []
    for session in state.sessions:
        opening = session.started.data
        where = f"event {session.started.number}"
        if not is_signed(opening["public_key"], opening["certificate"], certified_text(opening)):
            wrong.append(f"{where}: the session's key is not certified by the person's key")
        person = opening["person"]["id"]
        if person not in known:
            notes.append(f"{where}: {person!r} is no user of this workstation; the key cannot be compared")
        elif known[person] != opening["public_key"]:
            wrong.append(f"{where}: the key is not the one that this workstation knows of {person!r}")
    wrong += [f"event {event.number}: {what}" for event in state.events for what in entry_faults(state, event)]
    yield Check("signatures", tuple(wrong), tuple(dict.fromkeys(notes)))


def entry_faults(state: CaseState, event: Event) -> Iterator[str]:
    """What is wrong with who entered an event: session, person, signature, time; nothing where all is well."""
    if event.kind == "run-done" and event.data.get("supervisor"):
        yield from _supervised(state, event)
    if not event.actor.person:
        if event.actor.role != "program":
            yield f"a {event.actor.role} is named, but no person"
        return
    session = state.session(event.actor.session)
    if session is None or session.started.number > event.number:
        yield "its session was not begun"
        return
    opening = session.started.data
    person = opening["person"]
    if (person["id"], person["role"], person["name"]) != (event.actor.person, event.actor.role, event.actor.name):
        yield "it names another person than its session"
    if not is_signed(opening["session_key"], event.signature, event.signed_text()):
        yield "it is not signed by its session's key"
    if not opening["logged_in"] <= _second(event.utc) <= opening["expires"]:
        yield "it was entered outside the time of its session"
    if session.ended is not None and session.ended.number < event.number:
        yield "it was entered after its session had ended"


def _supervised(state: CaseState, event: Event) -> Iterator[str]:
    seal = event.data["supervisor"]
    session = state.session(seal["session"])
    if session is None or session.person["role"] != "physician" or session.person["id"] != seal["person"]:
        yield "the supervising session is none of a physician"
    elif not is_signed(
        session.started.data["session_key"], seal["signature"], supervised_text(seal["trace_sha256"], seal["session"])
    ):
        yield "the run is not signed by the supervising session"


def _second(utc: str) -> str:
    """A time to the second: sessions are recorded no finer."""
    return datetime.fromisoformat(utc).replace(microsecond=0).isoformat(timespec="seconds")


def _sources(folder: Path, state: CaseState, progress: Progress) -> Check:
    added = state.of("source-added")
    wrong = [f"event {e.number}: {what}" for e in added for what in changed_files(e, progress, folder)]
    return Check("source", tuple(wrong), () if added else ("the case has no source yet",))


def _files(folder: Path, state: CaseState) -> Check:
    """Every file that the log names is there and unchanged; files that it does not name are noted."""
    named = dict(_named(state))
    wrong = []
    for file, (number, sha256) in named.items():
        path = folder / file
        if not path.exists():
            wrong.append(f"event {number}: {file} is gone")
        elif path_sha256(path) != sha256:
            wrong.append(f"event {number}: {file} was changed")
    there = [
        path.relative_to(folder).as_posix()
        for name in (OUTPUTS, REPORTS, DOCUMENTS, ANCHORS)
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    ]
    strange = [f for f in there if f not in named and not any(f.startswith(f"{name}/") for name in named)]
    return Check("files", tuple(wrong), tuple(f"{file} is named by no event (a broken-off run?)" for file in strange))


def _named(state: CaseState) -> Iterator[tuple[str, tuple[int, str]]]:
    """Files that events name, withdrawn ones included, with the event and the hash."""
    for event in state.events:
        rows = [*event.data.get("outputs", ()), *event.data.get("files", ()), *event.data.get("given", {}).values()]
        if event.kind == "order-recorded" and event.data.get("document"):
            rows.append({"file": f"{DOCUMENTS}/{event.data['document']['name']}", **event.data["document"]})
        for row in rows:
            if "file" in row:
                yield row["file"], (event.number, row["sha256"])


def _replayed(folder: Path, state: CaseState, progress: Progress) -> Check:
    if not state.of("run-done"):
        return Check("replay", notes=("nothing was computed yet",))
    try:
        found = replay_case(folder, progress)
    except CaseError as error:
        return Check("replay", (str(error),))
    lines = {d: f"{d.run}, step {d.step or '?'}{f', {d.file}' if d.file else ''}: {d.what}" for d in found}
    wrong = tuple(line for d, line in lines.items() if not d.close)
    return Check("replay", wrong, tuple(f"{line}; within tolerance" for d, line in lines.items() if d.close))
