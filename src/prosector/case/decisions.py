"""Decisions: the one door through which supervision is entered, from API, command line and viewer alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prosector.case.audit import AuditEvent, audit
from prosector.case.events import ELEMENTS, NECESSITY_REASONS, TEXT_FIELDS, Event
from prosector.case.folder import read_case, record
from prosector.case.sessions import Session, current_session, forget_session
from prosector.errors import CaseError, UnknownNameError

CHOICES: Mapping[str, tuple[str, ...]] = {
    "region": ("crop", "clip", "slab", "voi", "segment", "accepted"),
    "tissue": ("preset", "threshold", "transfer", "show", "hide", "segment", "accepted"),
    "archive": ("select", "reject"),
    "review": ("reviewed", "adjusted", "no-change-needed"),
}
"""What can be decided in each element of supervision."""


def decide(
    folder: str | Path,
    session: Session,
    element: str,
    what: str,
    about: Sequence[str],
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """Enter a decision of concurrent supervision.

    Parameters
    ----------
    folder : path
        The case.
    session : Session
        Of whoever decides; only a physician's decisions count as supervision.
    element : str
        ``region``, ``tissue``, ``archive`` or ``review``.
    what : str
        See :data:`CHOICES`.
    about : sequence of str
        Ids of runs ("run-0001") or outputs ("run-0001/mip.png"); an archive decision names outputs.
    detail : mapping, optional
        ``parameters``, ``note``; for ``adjusted`` also ``parameter``, ``old`` and ``new``.

    Raises
    ------
    UnknownNameError
        For an element or choice that is not in the table.
    CaseError
        If it is about something that the case does not hold, or an adjustment does not say what changed.
    """
    if element not in CHOICES:
        raise UnknownNameError("element of supervision", element, ELEMENTS)
    if what not in CHOICES[element]:
        raise UnknownNameError(f"decision on {element}", what, CHOICES[element])
    detail = dict(detail or {})
    if what == "adjusted" and not {"parameter", "old", "new"} <= set(detail):
        raise CaseError("an adjustment says which parameter was changed, from what (old) to what (new)")
    _require_known(folder, element, about)
    return record(folder, "decision", {"element": element, "what": what, **detail}, about=about, session=session)


def _require_known(folder: str | Path, element: str, about: Sequence[str]) -> None:
    state = read_case(folder)
    runs = {event.data["run"] for event in state.of("run-done")}
    known = set(state.outputs) | (runs if element != "archive" else set())
    strange = [name for name in about if name not in known]
    if strange or not about:
        there = ", ".join(sorted(known)) or "nothing yet: run a recipe first"
        found = f"there is no {strange[0]!r}" if strange else "nothing is named"
        raise CaseError(f"a decision on {element} is about something in the case: {found}; there is: {there}")


def write_text_field(
    folder: str | Path, session: Session, field: str, text: str, extra: Mapping[str, Any] | None = None
) -> Event:
    """Enter a passage in somebody's own words: the question, the necessity, findings, the impression.

    Parameters
    ----------
    field : str
        One of :data:`prosector.case.events.TEXT_FIELDS`.
    text : str
        Kept as it is.
    extra : mapping, optional
        ``structure`` for findings; ``reason`` for the necessity, one of NECESSITY_REASONS.

    Raises
    ------
    UnknownNameError, CaseError
        For an unknown field or reason, or an empty text.
    """
    extra = dict(extra or {})
    if field not in TEXT_FIELDS:
        raise UnknownNameError("field", field, TEXT_FIELDS)
    if not text.strip():
        raise CaseError(f"the text of {field} is empty")
    if "reason" in extra and extra["reason"] not in NECESSITY_REASONS:
        raise UnknownNameError("reason", str(extra["reason"]), NECESSITY_REASONS)
    return record(folder, "text-recorded", {"field": field, "text": text, **extra}, session=session)


def correct(folder: str | Path, session: Session, number: int, reason: str) -> Event:
    """Withdraw an entry; it stays in the log and counts no more.

    Raises
    ------
    CaseError
        If there is no such entry, it is none that a person makes, or the reason is empty.
    """
    state = read_case(folder)
    fixed = ("case-created", "source-added", "session-started", "session-ended", "report-signed", "log-recovered")
    if not 0 <= number < len(state.events) or state.events[number].kind in fixed:
        raise CaseError(f"event {number} is not one that can be withdrawn; amend a signed report instead")
    if not reason.strip():
        raise CaseError("a correction says why")
    return record(folder, "correction", {"of": number, "reason": reason}, session=session)


def log_out(session: Session, reason: str = "logged out") -> tuple[Path, ...]:
    """End a session, here and in every case that it entered something in.

    Returns
    -------
    tuple of Path
        Cases that are not where they were, in which its end could not be entered.
    """
    kept = current_session(session.person.id)
    cases = kept.cases if kept is not None and kept.id == session.id else session.cases
    lost = []
    for place in map(Path, cases):
        try:
            record(place, "session-ended", {"session": session.id, "reason": reason}, session=session)
        except CaseError:
            lost.append(place)
    forget_session(session)
    audit(AuditEvent("logout", person=session.person.id, name=session.person.name))
    return tuple(lost)
