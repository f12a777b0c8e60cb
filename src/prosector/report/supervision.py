"""Concurrent supervision as the log tells it: who, from when to when, and each of the four elements."""

from __future__ import annotations

from collections.abc import Sequence

from prosector.case.events import ELEMENTS, Event
from prosector.case.state import CaseState, SessionRecord
from prosector.report.document import EventLine, Supervision
from prosector.report.words import NOT_SUPERVISED, UNSUPERVISED, decision_in_words, listed, moment, titled


def unsupervised() -> Supervision:
    """Of a run outside a case: nobody supervised it."""
    return Supervision(supervised=False, statement=UNSUPERVISED)


def supervision_of(state: CaseState) -> Supervision:
    """Who supervised a case, when, and by which acts.

    Supervised are images whose run a physician's session countersigned as it was made: the runs that the archived
    images are from or, before any were selected, all runs.
    """
    runs = _told_runs(state)
    alone = [run for run in runs if not run.data.get("supervisor")]
    ids = dict.fromkeys(run.data["supervisor"]["session"] for run in runs if run.data.get("supervisor"))
    sessions = [session for session in map(state.session, ids) if session is not None]
    supervised = bool(runs) and not alone and bool(sessions)
    lines = {element: tuple(_line(e) for e in state.decisions(element)) for element in ELEMENTS}
    return Supervision(
        supervised=supervised,
        statement=_statement(runs, alone, sessions) if runs else UNSUPERVISED,
        physicians=tuple(dict.fromkeys(_named(s) for s in state.sessions if s.person["role"] == "physician")),
        operators=_operators(state, runs),
        sessions=tuple(_session(s) for s in state.sessions),
        **lines,
    )


def _told_runs(state: CaseState) -> list[Event]:
    """The runs that the archived images are from, or all."""
    of_images = {state.outputs[output].run for output in state.archived if output in state.outputs}
    return [run for run in state.of("run-done") if not of_images or run.data["run"] in of_images]


def _statement(runs: Sequence[Event], alone: Sequence[Event], sessions: Sequence[SessionRecord]) -> str:
    if len(alone) == len(runs):
        return UNSUPERVISED
    if alone:
        names = listed([run.data["run"] for run in alone])
        return f"{NOT_SUPERVISED} throughout: {names} had no physician's session. {UNSUPERVISED.split('. ', 2)[2]}"
    who = listed([titled(session.person) for session in sessions])
    began, ended = moment(_login(sessions[0])), sessions[-1].ended
    until = f"ended {moment(ended.utc)}" if ended else "was open when this was written"
    of_all = "The run was" if len(runs) == 1 else f"All {len(runs)} runs were"
    return (
        f"The 3D post-processing was performed under the concurrent supervision of {who}, whose session began "
        f"{began} and {until}. {of_all} made and countersigned within it."
    )


def _operators(state: CaseState, runs: Sequence[Event]) -> tuple[str, ...]:
    """Who computed: name and role of each, and how many runs."""
    count: dict[str, int] = {}
    for run in runs:
        session = state.session(run.actor.session)
        who = f"{titled(session.person)} ({run.actor.role})" if session else "a program, by itself"
        count[who] = count.get(who, 0) + 1
    return tuple(f"{who}: {n} run{'s' if n > 1 else ''}" for who, n in count.items())


def _named(session: SessionRecord) -> str:
    npi = session.person.get("npi")
    return titled(session.person) + (f", NPI {npi}" if npi else "")


def _login(session: SessionRecord) -> str:
    """When somebody logged in, as that person's key has certified; the case heard of it with the first entry."""
    return str(session.started.data.get("logged_in") or session.started.utc)


def _session(session: SessionRecord) -> EventLine:
    until = f"to {moment(session.ended.utc)} ({session.ended.data['reason']})" if session.ended else "still open"
    return EventLine(
        event=session.started.number,
        at=_login(session),
        by=titled(session.person),
        role=session.person["role"],
        words=f"Session from {moment(_login(session))} {until}.",
    )


def _line(event: Event) -> EventLine:
    return EventLine(
        event=event.number,
        at=event.utc,
        by=event.actor.name,
        role=event.actor.role,
        words=decision_in_words(event),
        about=event.about,
    )
