"""Drafting, signing and amending the report of a case: documents in ``reports/``, and the events that name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prosector.case import keys
from prosector.case.events import Event
from prosector.case.folder import REPORTS, read_case, record
from prosector.case.people import unlock
from prosector.case.runs import path_sha256
from prosector.case.sessions import Session
from prosector.case.state import CaseState
from prosector.errors import CaseError, NotPermittedError
from prosector.model.progress import Progress, silent
from prosector.report.compose import compose_report
from prosector.report.document import Completeness, Report, Signature, Text
from prosector.report.html import write_report_html
from prosector.report.json import document_sha256, read_report, write_report_json
from prosector.report.pdf import write_report_pdf
from prosector.report.pictures import pictures_of_case

ATTESTATION = (
    "I attest that the 3D reconstructions were performed under my concurrent supervision: I designed or directed the "
    "anatomic region, determined the tissues and structures displayed, determined the images archived, and monitored "
    "and adjusted the 3D work product. I have reviewed the images and this report."
)
"""Offered where no other text is given; for supervised work only."""

INTERPRETATION = (
    "I have reviewed the images and this report. The images were computed without a physician's concurrent supervision."
)
"""The same for work that nobody supervised."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A report that was put into its case."""

    report: Report
    event: Event
    files: tuple[Path, ...]


def draft_report(
    folder: str | Path,
    session: Session | None = None,
    *,
    completeness: Completeness | None = None,
    progress: Progress = silent,
) -> Filed:
    """Write a draft of the report into a case.

    Parameters
    ----------
    folder : path
        The case.
    session : Session, optional
        Who asks for it; without one the program drafts by itself.
    completeness : Completeness, optional
        What the rules say, to be shown in it.

    Raises
    ------
    CaseError
        If there is no case or source, or the source reads otherwise than it did.
    """
    report = compose_report(folder, completeness=completeness, progress=progress)
    files = _write(Path(folder), report)
    data = _filed(Path(folder), report, files)
    event = record(folder, "report-drafted", data, about=[report.report_id], session=session)
    return Filed(report, event, files)


def sign_report(
    folder: str | Path,
    session: Session,
    passphrase: str,
    attestation: str = "",
    *,
    completeness: Completeness | None = None,
    progress: Progress = silent,
) -> Filed:
    """Compose the report as the case stands, and sign it.

    Parameters
    ----------
    folder : path
        The case.
    session : Session
        A physician's. The passphrase is asked for again: it opens the physician's own key for this one signature.
    passphrase : str
    attestation : str, optional
        In the physician's words; left out, what the physician has attested in the case already, or
        :data:`ATTESTATION`.

    Returns
    -------
    Filed
        The final report: JSON, HTML and PDF in ``reports/``.

    Raises
    ------
    NotPermittedError
        If the session is no physician's, or the passphrase is wrong.
    CaseError
        If a report is signed already (amend it), or nothing was computed yet.
    """
    if signed_reports(folder):
        raise CaseError("the report of this case is signed: prosector report amend CASE --reason TEXT")
    private = _physicians_key(session, passphrase)
    _require_work(read_case(folder))
    report = compose_report(folder, status="final", completeness=completeness, progress=progress)
    return _sign(Path(folder), report, session, private, attestation)


def amend_report(
    folder: str | Path,
    session: Session,
    passphrase: str,
    reason: str,
    attestation: str = "",
    *,
    addendum: str = "",
    completeness: Completeness | None = None,
    progress: Progress = silent,
) -> Filed:
    """Sign a new version of a signed report; the earlier one is kept as it is, and named.

    Parameters
    ----------
    folder : path
    session : Session
        A physician's.
    passphrase : str
    reason : str
        Why it is changed.
    attestation : str, optional
    addendum : str, optional
        Text that is added to the earlier version, which says all else as it did. Left out, the whole report is composed
        anew from what the case holds now.

    Raises
    ------
    NotPermittedError
        If the session is no physician's, or the passphrase is wrong.
    CaseError
        If nothing is signed yet, the reason is empty, or the earlier version is not what was signed.
    """
    signed = signed_reports(folder)
    if not signed:
        raise CaseError("there is no signed report to amend: prosector report sign CASE")
    if not reason.strip():
        raise CaseError("an amendment says why")
    private = _physicians_key(session, passphrase)
    before = read_filed(folder, signed[-1])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    why = Text(text=reason, origin="written", by=session.person.name, at=now)
    if addendum.strip():
        report = _with_addendum(Path(folder), before, why, addendum, now)
    else:
        report = compose_report(
            folder, status="amended", predecessor=before, amendment=why, completeness=completeness, progress=progress
        )
    return _sign(Path(folder), report, session, private, attestation)


def verify_signature(report: Report, public_key: str = "") -> bool:
    """Whether a report is signed and says what was signed.

    Parameters
    ----------
    report : Report
    public_key : str, optional
        The signer's, as somebody knows it from elsewhere; left out, the one in the report is believed.
    """
    signed = report.signature
    if signed is None or public_key not in ("", signed.public_key):
        return False
    return keys.is_signed(signed.public_key, signed.value, document_sha256(report).encode())


def signed_reports(folder: str | Path) -> tuple[Event, ...]:
    """Events of the signed versions, oldest first."""
    return read_case(folder).of("report-signed")


def read_filed(folder: str | Path, event: Event) -> Report:
    """Read a report that is filed in a case, and hold it to the log.

    Raises
    ------
    CaseError
        If it is not what the log says, or its signature does not fit.
    FileFormatError
        If it cannot be read.
    """
    (file,) = (row["file"] for row in event.data["files"] if row["file"].endswith(".json"))
    report = read_report(Path(folder) / file)
    if document_sha256(report) != event.data["document_sha256"]:
        raise CaseError(f"{file} is not what event {event.number} recorded: see prosector case verify")
    if event.kind == "report-signed" and not verify_signature(report, event.data["signature"]["public_key"]):
        raise CaseError(f"{file} is not signed as event {event.number} says: see prosector case verify")
    return report


def _physicians_key(session: Session, passphrase: str) -> bytes:
    if session.person.role != "physician":
        raise NotPermittedError(f"only a physician signs; logged in is a {session.person.role}")
    private = unlock(session.person.id, passphrase)
    if keys.public_key_of(private) != session.person.public_key:
        raise NotPermittedError("this person's key is another than that of the session: log in again")
    return private


def _require_work(state: CaseState) -> None:
    if not state.of("run-done"):
        raise CaseError("nothing was computed in this case: there is nothing to sign")


def _with_addendum(folder: Path, before: Report, why: Text, addendum: str, now: str) -> Report:
    state = read_case(folder)
    changes: dict[str, Any] = {
        "status": "addendum",
        "version": 1 + sum(event.kind.startswith("report-") for event in state.events),
        "predecessor": f"{before.report_id}-v{before.version}",
        "predecessor_sha256": document_sha256(before),
        "amendment": why,
        "created": now,
        "addenda": (*before.addenda, why.model_copy(update={"text": addendum})),
        "signature": None,
        "integrity": before.integrity.model_copy(update={"log_events": len(state.events), "log_head": state.head}),
    }
    return before.model_copy(update=changes)


def _sign(folder: Path, report: Report, session: Session, private: bytes, attestation: str) -> Filed:
    """Enter the attestation, put it and the signature into the document, write it, and enter that."""
    supervised = report.supervision.supervised
    text = attestation.strip() or (ATTESTATION if supervised else INTERPRETATION)
    if not supervised and text == ATTESTATION:
        raise CaseError("this work was not supervised: nobody can attest that it was")
    number = None
    if supervised:
        said = None if attestation.strip() else _attested(read_case(folder), session)
        said = said or record(folder, "attested", {"text": text}, about=[report.report_id], session=session)
        text, number = said.data["text"], said.number
    report = _signed(report, session, private, text, number)
    files = _write(folder, report)
    signature = {name: getattr(report.signature, name) for name in ("person", "public_key", "value", "at")}
    data = {**_filed(folder, report, files), "predecessor": report.predecessor, "signature": signature}
    event = record(folder, "report-signed", data, about=[report.report_id], session=session)
    return Filed(report, event, files)


def _attested(state: CaseState, session: Session) -> Event | None:
    """What this person has attested since the last signature, if anything."""
    entered = state.of("attested", "report-signed")
    return entered[-1] if entered and entered[-1].kind == "attested" and _is_by(entered[-1], session) else None


def _is_by(event: Event, session: Session) -> bool:
    return event.actor.person == session.person.id


def _signed(report: Report, session: Session, private: bytes, text: str, event: int | None) -> Report:
    person, now = session.person, datetime.now(UTC).isoformat(timespec="seconds")
    attestation = Text(text=text, origin="written", by=person.name, at=now, event=event)
    signature = Signature(
        person=person.id, name=person.name, credentials=person.credentials, npi=person.npi, role=person.role, at=now,
        text=text, public_key=person.public_key,
    )  # fmt: skip
    report = report.model_copy(update={"attestation": attestation, "signature": signature})
    value = keys.sign(private, document_sha256(report).encode())
    return report.model_copy(update={"signature": signature.model_copy(update={"value": value})})


def _write(folder: Path, report: Report) -> tuple[Path, ...]:
    """The document's three forms; what is written already is never written over."""
    stem = folder / REPORTS / f"{report.report_id}-v{report.version}"
    paths = tuple(stem.with_name(f"{stem.name}.{ending}") for ending in ("json", "html", "pdf"))
    pictures = pictures_of_case(folder, read_case(folder), report)
    write_report_json(paths[0], report)
    write_report_html(paths[1], report, pictures)
    write_report_pdf(paths[2], report, pictures)
    return paths


def _filed(folder: Path, report: Report, files: Sequence[Path]) -> dict[str, Any]:
    rows = [{"file": file.relative_to(folder).as_posix(), "sha256": path_sha256(file)} for file in files]
    return {
        "report": report.report_id,
        "version": report.version,
        "status": report.status,
        "files": rows,
        "document_sha256": document_sha256(report),
        "head": report.integrity.log_head,
    }
