"""Rules D and E: concurrent supervision as the log shows it, and who did what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from prosector.case.events import FIRST, Event
from prosector.case.keys import is_signed
from prosector.case.people import is_npi
from prosector.case.runs import supervised_text
from prosector.case.sessions import certified_text
from prosector.case.state import CaseState, SessionRecord
from prosector.case.verify import entry_faults
from prosector.pipeline.export import trace_sha256
from prosector.report.rules_table import Finding, Subject, rule

OPERATORS = ("technologist", "physician")


@rule("R030")
def supervisor_is_identified(on: Subject) -> Iterator[Finding]:
    """R030."""
    if not on.supervising:
        yield Finding("no physician's session stands behind the images")
    for session in on.supervising:
        person, evidence = session.person, (session.started.number,)
        if not str(person.get("name", "")).strip():
            yield Finding("the supervising physician has no name on record", evidence)
        if not is_npi(str(person.get("npi") or "")):
            yield Finding("the supervising physician has no NPI on record", evidence)
        degrees = re.split(r"[,;/\s]+", str(person.get("credentials") or "").upper().replace(".", ""))
        if not set(degrees) & set(on.profile.supervisor_degrees):
            asked = " or ".join(on.profile.supervisor_degrees)
            message = f"the supervisor's credentials do not name {asked}; sources disagree on others"
            yield Finding(message, evidence, on.profile.other_degrees)


@rule("R031")
def supervision_overlaps_the_work(on: Subject) -> Iterator[Finding]:
    """R031."""
    if not on.runs:
        yield Finding("nothing was computed")
    spans = [_span(session, on.state) for session in on.state.sessions if session.person["role"] == "physician"]
    for run in on.runs:
        began = datetime.fromisoformat(on.traces[run.data["run"]].started_utc)
        done = datetime.fromisoformat(run.utc)
        if not any(start <= done and began <= end for start, end in spans):
            yield Finding(f"no physician's session was open while {run.data['run']} was computed", (run.number,))


@rule("R032")
def region_was_designed(on: Subject) -> Iterator[Finding]:
    """R032."""
    yield from _without(on, "region", "no physician took part in the design of the region")


@rule("R033")
def tissues_were_chosen(on: Subject) -> Iterator[Finding]:
    """R033."""
    yield from _without(on, "tissue", "no physician chose the tissues displayed")


@rule("R034")
def images_were_chosen(on: Subject) -> Iterator[Finding]:
    """R034."""
    if not on.report.images:
        yield Finding("no image was selected for the archive")
    decided = {output: event for event in on.by_physicians("archive") for output in event.about}
    for image in on.report.images:
        event = decided.get(image.id)
        if event is None:
            others = tuple(e.number for e in on.state.decisions("archive") if image.id in e.about)
            yield Finding(f"no physician selected {image.id}", others)
        elif event.data["what"] != "select":
            yield Finding(f"the physician rejected {image.id}, and it is archived", (event.number,))


@rule("R035")
def work_was_monitored(on: Subject) -> Iterator[Finding]:
    """R035."""
    events = on.by_physicians("review")
    numbers, said = tuple(e.number for e in events), {e.data["what"] for e in events}
    if not said & {"reviewed", "no-change-needed"}:
        yield Finding("no physician reviewed the work", numbers)
    elif not said & {"adjusted", "no-change-needed"}:
        yield Finding("the physician neither adjusted anything nor found that no change was needed", numbers)
    if numbers:
        reviewed = {about.split("/", 1)[0] for event in events for about in event.about}
        for run in on.runs:
            if run.data["run"] not in reviewed:
                yield Finding(f"no review names {run.data['run']}", (run.number,), "W")


@rule("R036")
def supervision_is_attested(on: Subject) -> Iterator[Finding]:
    """R036."""
    attestation, events = on.report.attestation, on.state.of("attested")
    if attestation is None or not attestation.text.strip():
        yield Finding("no attestation of supervision is in the report")
    elif not any(e.data["text"] == attestation.text and not [*entry_faults(on.state, e)] for e in events):
        numbers = tuple(e.number for e in events)
        yield Finding(
            "the attestation in the report was not entered in the log, under a physician's signature", numbers
        )


@rule("R037")
def nothing_was_made_by_a_program_alone(on: Subject) -> Iterator[Finding]:
    """R037."""
    for run in on.runs:
        seal = run.data.get("supervisor") or {}
        if not seal:
            yield Finding(f"{run.data['run']} was made without a physician's session: not supervised", (run.number,))
        elif not is_sealed(on, run):
            yield Finding(f"the supervisor's signature under {run.data['run']} does not fit its trace", (run.number,))
    for run in on.all_runs:
        if run not in on.runs and not is_sealed(on, run):
            message = f"{run.data['run']}, which gives the report no image and no number, was not supervised either"
            yield Finding(message, (run.number,), "W")
    if not on.runs and on.state.events:
        yield Finding("nothing was computed in a physician's session: not supervised")


@rule("R038")
def log_holds_together(on: Subject) -> Iterator[Finding]:
    """R038."""
    previous = FIRST
    for place, event in enumerate(on.state.events):
        if (event.number, event.previous) != (place, previous):
            yield Finding(f"line {place + 1} of the log does not follow the one before it", (place,))
        previous = event.sha256
    check = on.asked("chain")
    if check is not None and not check.ok:
        yield Finding(f"the log was changed: {'; '.join(check.wrong)}")
    count, head = on.report.integrity.log_events, on.report.integrity.log_head
    if not head or not 0 < count <= len(on.state.events) or on.state.events[count - 1].sha256 != head:
        yield Finding("the hash of the log that the report names is not that of the log")
    if not on.state.of("anchored"):
        yield Finding("the log's head is anchored nowhere outside", severity="W")


@rule("R039")
def acts_are_spread_over_the_work(on: Subject) -> Iterator[Finding]:
    """R039."""
    acts = [e for element in ("region", "tissue", "archive", "review") for e in on.by_physicians(element)]
    if not acts:
        return
    times = sorted(datetime.fromisoformat(e.utc) for e in acts)
    numbers = tuple(sorted(e.number for e in acts))
    shortest = timedelta(seconds=on.profile.rubber_stamp_session_seconds)
    work = min([times[0], *(datetime.fromisoformat(on.traces[run.data["run"]].started_utc) for run in on.runs)])
    if times[-1] - work < shortest:
        seconds = (times[-1] - work).total_seconds()
        yield Finding(
            f"only {seconds:.0f} s lie between the start of the work and the last act of supervision", numbers
        )
    signing = [datetime.fromisoformat(e.utc) for e in on.state.of("attested", "report-signed")]
    before = timedelta(seconds=on.profile.rubber_stamp_before_signing_seconds)
    if signing and timedelta(0) <= min(signing) - times[0] < before:
        yield Finding(f"every act of supervision was entered in the last {before.seconds} s before signing", numbers)


@rule("R03A")
def physicians_entries_are_their_own(on: Subject) -> Iterator[Finding]:
    """R03A."""
    for session in on.state.sessions:
        opening = session.started.data
        if not is_signed(opening["public_key"], opening["certificate"], certified_text(opening)):
            yield Finding("a session's key is not certified by the person's own", (session.started.number,))
    for event in on.state.events:
        if event.actor.role == "physician":
            for fault in entry_faults(on.state, event):
                yield Finding(f"an entry under a physician's name: {fault}", (event.number,))
    check = on.asked("signatures")
    if check is not None and not check.ok:
        yield Finding(f"signatures do not fit: {'; '.join(check.wrong)}")


@rule("R040")
def operators_are_recorded(on: Subject) -> Iterator[Finding]:
    """R040."""
    for run in on.runs:
        if not run.actor.person or not run.actor.name:
            yield Finding(f"nobody is recorded as the operator of {run.data['run']}", (run.number,))
        elif run.actor.role not in OPERATORS:
            yield Finding(f"the operator of {run.data['run']} is a {run.actor.role}", (run.number,), "W")


@rule("R041")
def interpreter_is_named(on: Subject) -> Iterator[Finding]:
    """R041."""
    signature, impression = on.report.signature, on.state.text("impression")
    person = signature.person if signature else ""
    if not person and impression is not None and impression.actor.role == "physician":
        person = impression.actor.person
    if not person:
        yield Finding("no interpreting physician is named")
    elif on.supervising and person not in {session.person["id"] for session in on.supervising}:
        yield Finding("another physician interprets than supervised: the report should say why", severity="W")


@rule("R042")
def component_is_recorded(on: Subject) -> Iterator[Finding]:
    """R042."""
    if on.report.coding.component not in ("global", "tc", "26"):
        yield Finding("whether the global, technical or professional component is meant is not recorded")


def is_sealed(on: Subject, run: Event) -> bool:
    """Whether a physician's session signed this very trace."""
    seal = run.data.get("supervisor") or {}
    session = on.state.session(str(seal.get("session", "")))
    if session is None or session.person["role"] != "physician":
        return False
    sha256 = trace_sha256(on.traces[run.data["run"]])
    message = supervised_text(sha256, session.id)
    if sha256 != seal.get("trace_sha256"):
        return False
    return is_signed(session.started.data["session_key"], str(seal.get("signature", "")), message)


def is_supervised(on: Subject) -> bool:
    """Whether every run that the report draws on was signed by a physician's session: by the log, not by words."""
    return bool(on.runs) and all(is_sealed(on, run) for run in on.runs)


def _without(on: Subject, element: str, words: str) -> Iterator[Finding]:
    if not on.by_physicians(element):
        by_others: Sequence[Event] = on.state.decisions(element)
        yield Finding(words, tuple(e.number for e in by_others))


def _span(session: SessionRecord, state: CaseState) -> tuple[datetime, datetime]:
    """A session's time: until its end, or while it is open until it expires."""
    opening = session.started.data
    until = session.ended.utc if session.ended else str(opening.get("expires") or state.events[-1].utc)
    return datetime.fromisoformat(str(opening.get("logged_in") or session.started.utc)), datetime.fromisoformat(until)
