"""Rules I: signature, hashes, and the versions of a report."""

from __future__ import annotations

from collections.abc import Iterator

from prosector.case.events import Event
from prosector.case.keys import is_signed
from prosector.pipeline.export import trace_sha256
from prosector.report.document import Report
from prosector.report.json import document_sha256
from prosector.report.rules_table import Finding, Subject, rule

SIGNED = ("final", "amended", "addendum")


@rule("R080")
def report_is_signed(on: Subject) -> Iterator[Finding]:
    """R080."""
    signature = on.report.signature
    if on.report.status not in SIGNED or signature is None:
        yield Finding(f"the report is a {on.report.status}: nobody has signed it")
        return
    named = {"name": signature.name, "credentials": signature.credentials, "time": signature.at}
    absent = [name for name, value in named.items() if not value.strip()]
    if absent:
        yield Finding(f"the signature lacks {', '.join(absent)}")
    entered = _entered(on)
    if entered is None:
        yield Finding("the log knows of no signature under this version of the report")
    elif (entered.actor.person, entered.actor.role) != (signature.person, "physician"):
        yield Finding("the report is signed in another person's name than the one who was logged in", (entered.number,))
    elif not _is_by(on, signature.person, signature.public_key):
        yield Finding("the key of the signature is not that of the person who is named", (entered.number,))


@rule("R081")
def hashes_agree(on: Subject) -> Iterator[Finding]:
    """R081."""
    entered = _entered(on)
    if on.report.signature is not None and entered is not None:
        yield from _signed_document(on.report, entered)
    computed = {trace_sha256(trace): run for run, trace in on.traces.items()}
    told = set(on.report.integrity.trace_sha256)
    for sha256, run in computed.items():
        if sha256 not in told:
            yield Finding(f"the trace of {run} is not among those whose hashes the report names")
    if told - set(computed):
        yield Finding("the report names the hash of a trace that the log does not hold")
    yield from _replayed(on)


@rule("R082")
def earlier_versions_are_kept(on: Subject) -> Iterator[Finding]:
    """R082."""
    report = on.report
    before = [e for e in on.state.of("report-signed") if int(e.data["version"]) < report.version]
    kept = {f"{e.data['report']}-v{e.data['version']}": e for e in before}
    if report.status not in ("amended", "addendum"):
        if before and report.status == "final":
            yield Finding("an earlier version was signed, and this one does not call itself an amendment",
                          tuple(e.number for e in before))  # fmt: skip
        return
    event = kept.get(report.predecessor)
    if event is None:
        yield Finding(f"the log knows of no signed report {report.predecessor or 'before this one'}")
    elif report.predecessor_sha256 != event.data["document_sha256"]:
        yield Finding("the predecessor's hash is not the one that was signed", (event.number,))


def _entered(on: Subject) -> Event | None:
    """The event that filed this version of the report as signed."""
    key = (on.report.report_id, on.report.version)
    return next((e for e in on.state.of("report-signed") if (e.data["report"], e.data["version"]) == key), None)


def _is_by(on: Subject, person: str, public_key: str) -> bool:
    keys = {s.started.data["public_key"] for s in on.state.sessions if s.person["id"] == person}
    return public_key in keys


def _signed_document(report: Report, entered: Event) -> Iterator[Finding]:
    sha256, signature = document_sha256(report), report.signature
    assert signature is not None, "only a signed document is held to its signature"
    if sha256 != entered.data["document_sha256"]:
        yield Finding("the report is not the one that was signed: its hash is another", (entered.number,))
    elif not is_signed(signature.public_key, signature.value, sha256.encode()):
        yield Finding("the signature does not fit the report", (entered.number,))


def _replayed(on: Subject) -> Iterator[Finding]:
    """Whether every output came out the same, now or, by the log, since the last run."""
    check = on.asked("replay")
    if check is not None:
        if not check.ok:
            yield Finding(f"not every output comes out as it was: {'; '.join(check.wrong)}")
        return
    last = max((run.number for run in on.all_runs), default=-1)
    for event in reversed(on.state.of("verified")):
        rows = [row for row in event.data["checks"] if row["name"] == "replay"]
        if rows and event.number > last:
            if not rows[0]["ok"]:
                yield Finding("not every output came out as it was when it was last computed again", (event.number,))
            return
    yield Finding("it is not on record that the outputs were computed again since the last run")
