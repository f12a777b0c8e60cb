"""A case on disk: its log, the files that runs made, and one way to enter an event."""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prosector._version import __version__
from prosector.atomic import write_text
from prosector.case.audit import Node
from prosector.case.audit_case import AUDITED, audit_case
from prosector.case.build import build_sha256
from prosector.case.events import FIRST, PROGRAM, Actor, Event, check_event
from prosector.case.lock import locked
from prosector.case.log import LOG, append_line, faults_of, read_log, set_aside
from prosector.case.people import home
from prosector.case.sessions import Session, touched
from prosector.case.state import CaseState, fold
from prosector.errors import CaseError, NotPermittedError, OutputError, TamperedError

SCHEMA = "prosector.case/1"
LOCK = "case.lock"

OUTPUTS = "outputs"
REPORTS = "reports"
DOCUMENTS = "documents"
ANCHORS = "anchors"
"""Folders of a case; the log names every file in them with its sha256."""


def create_case(
    folder: str | Path, workstation: Mapping[str, Any] | None = None, origin: Mapping[str, Any] | None = None
) -> Path:
    """Begin a case in a new or empty folder; sources are added by :func:`prosector.case.source.add_source`.

    Parameters
    ----------
    folder : path
    workstation : mapping, optional
        What is known of this workstation beyond what the system says: ``id``, ``manufacturer``, ``model``,
        ``serial``, ``cleared``.
    origin : mapping, optional
        What the case was made from, where that is another one.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    CaseError
        If something is there already.
    OutputError
        If it cannot be made.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CaseError(f"{folder.name} is there already and not empty: a case begins in a folder of its own")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {folder}: {error.strerror}") from error
    data = {
        "schema": SCHEMA,
        "case_id": str(uuid.uuid4()),
        "salt": os.urandom(16).hex(),
        "software": {"name": "Prosector", "version": __version__, "build_sha256": build_sha256()},
        "workstation": {**_this_workstation(), **(workstation or {})},
        **({"origin": dict(origin)} if origin else {}),
    }
    with locked(folder / LOCK):
        _append(folder, (), "case-created", data, (), None)
    return folder


def read_case(folder: str | Path) -> CaseState:
    """The state of a case, from whatever whole events its log holds; a torn last line is left out.

    Raises
    ------
    CaseError
        If there is no case, or no whole event in it.
    TamperedError
        If a line of the log is no event; :mod:`prosector.case.verify` finds every other change.
    """
    state = fold(read_log(Path(folder)).events())
    if not state.events:
        raise CaseError(f"{Path(folder).name} holds no whole event: the case was not finished being created")
    return state


def record(
    folder: str | Path,
    kind: str,
    data: Mapping[str, Any],
    *,
    about: Sequence[str] = (),
    session: Session | None = None,
) -> Event:
    """Enter one event: the only way into the log.

    A torn last line, which a killed process may have left, is set aside first, and that is an event too; so is
    the beginning of a session that enters something here for the first time.

    Parameters
    ----------
    folder : path
    kind : str
        See :data:`prosector.case.events.KINDS`.
    data : mapping
        Plain data, as the kind asks for.
    about : sequence of str
        Ids of the runs, outputs, reports or transfers that it is about.
    session : Session, optional
        Who enters it; left out, the program does by itself.

    Raises
    ------
    CaseError, NotPermittedError, UnknownNameError
        If the event is not complete, not permitted or of no known kind.
    TamperedError
        If the end of the log is not what it was; nothing is written then.
    LockedError
        If another process writes all the while.
    """
    folder = Path(folder)
    check_event(kind, session.actor if session else PROGRAM, data)
    with locked(folder / LOCK):
        events = _begun(folder, _ready(folder), session) if session else _ready(folder)
        events = _append(folder, events, kind, data, about, session)
    if session is not None:
        touched(session, folder)
    if kind in AUDITED:
        where = Node(str(data["to"])) if kind == "exported" else None
        audit_case(AUDITED[kind], fold(events), session, destination=where)
    return events[-1]


def begin_session(folder: str | Path, session: Session) -> None:
    """Enter the beginning of a session, unless it is in the log: for somebody who supervises but enters nothing.

    Raises
    ------
    TamperedError, LockedError
        As :func:`record`.
    """
    folder = Path(folder)
    with locked(folder / LOCK):
        _begun(folder, _ready(folder), session)
    touched(session, folder)


def witness_of(state: CaseState) -> tuple[int, str] | None:
    """Number and hash of the last event of a case that this workstation remembers, outside the case's folder."""
    try:
        number, sha256 = _witness_path(state.created.data["case_id"]).read_text(encoding="utf-8").split()
        return int(number), sha256
    except (OSError, ValueError):
        return None


def _begun(folder: Path, events: tuple[Event, ...], session: Session) -> tuple[Event, ...]:
    """The events, with the beginning of the session among them.

    Raises
    ------
    NotPermittedError
        If the session has expired, or has ended in this case.
    """
    entered = fold(events).session(session.id)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if now > session.expires or (entered is not None and entered.ended is not None):
        raise NotPermittedError("this session is over: prosector login")
    if entered is not None:
        return events
    return _append(folder, events, "session-started", session.opening(), (), session)


def _ready(folder: Path) -> tuple[Event, ...]:
    """The events, after a torn end was set aside.

    Raises
    ------
    TamperedError
        If the log is shorter than, or other than, what its head says.
    """
    content = read_log(folder)
    faults = faults_of(folder, content)
    if faults:
        raise TamperedError(f"line {faults[0].line} of {LOG}: {faults[0].what}; see prosector case verify")
    events = content.events()
    if content.torn:
        data = set_aside(folder, content)
        events = _append(folder, events, "log-recovered", data, (), None)
    return events


def _append(
    folder: Path,
    events: tuple[Event, ...],
    kind: str,
    data: Mapping[str, Any],
    about: Sequence[str],
    session: Session | None,
) -> tuple[Event, ...]:
    actor: Actor = session.actor if session else PROGRAM
    previous = events[-1].sha256 if events else FIRST
    utc = datetime.now(UTC).isoformat(timespec="milliseconds")
    event = Event(len(events), previous, utc, kind, actor, tuple(about), dict(data))
    if session is not None:
        event = replace(event, signature=session.sign(event.signed_text()))
    append_line(folder, event)
    events = (*events, event)
    _remember(events)
    return events


def _remember(events: tuple[Event, ...]) -> None:
    path = _witness_path(fold(events).created.data["case_id"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, f"{events[-1].number} {events[-1].sha256}\n")


def _witness_path(case_id: str) -> Path:
    return home() / "witness" / f"{case_id}.head"


def _this_workstation() -> dict[str, Any]:
    return {
        "id": f"{uuid.getnode():012x}",
        "host_kind": "workstation",
        "independent": True,
        "cleared": "not cleared",
        "manufacturer": "",
        "model": platform.machine(),
        "serial": "",
        "system": f"{platform.system()} {platform.release()}",
    }
