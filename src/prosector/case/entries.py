"""Structured entries of a case: order, base study, coding, communication, attestation, each checked as it is made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from prosector.atomic import write_bytes
from prosector.case.events import Event
from prosector.case.folder import DOCUMENTS, read_case, record
from prosector.case.people import is_npi
from prosector.case.sessions import Session
from prosector.errors import CaseError, UnknownNameError

CHOICES: Mapping[str, tuple[str, ...]] = {
    "setting": ("hospital", "non-hospital", "opps"),
    "component": ("global", "tc", "26"),
    "rendering_host": ("workstation", "console", "server"),
    "status": ("interpreted", "pending"),
}
"""Fields that take one of a few words."""


def record_order(
    folder: str | Path,
    session: Session,
    orderer: str,
    date: str,
    *,
    npi: str = "",
    document: str | Path | None = None,
    more: Mapping[str, Any] | None = None,
) -> Event:
    """Enter the order for 3D post-processing.

    Parameters
    ----------
    folder : path
        The case.
    session : Session
    orderer : str
        Name of who ordered.
    date : str
        ISO date, or date and time.
    npi : str, optional
        The orderer's National Provider Identifier.
    document : path, optional
        The written order; copied into the case under a name that says nothing.
    more : mapping, optional
        ``order_id``, ``urgent``, ``setting``.

    Raises
    ------
    CaseError, UnknownNameError
        For an empty name, what is no date, NPI or setting.
    """
    _require_text(orderer, "the orderer's name")
    _require_time(date, "the order's date")
    if npi and not is_npi(npi):
        raise CaseError(f"an NPI has ten digits, the last a check digit; found {npi!r}")
    kept = _keep_document(Path(folder), Path(document)) if document is not None else None
    data = {"orderer": {"name": orderer, "npi": npi}, "date": date, "document": kept, **_given(more)}
    return record(folder, "order-recorded", data, session=session)


def record_base(folder: str | Path, session: Session, cpt: str, more: Mapping[str, Any] | None = None) -> Event:
    """Enter the code of the base study and what ties to it.

    Parameters
    ----------
    cpt : str
        The number of its code; five characters.
    more : mapping, optional
        ``accession``, ``procedure``, ``report_id``, ``status`` (interpreted, pending), ``performed`` (ISO).

    Raises
    ------
    CaseError, UnknownNameError
        For what is no code, status or time.
    """
    _require_code(cpt)
    more = _given(more)
    if "performed" in more:
        _require_time(more["performed"], "when the base study was performed")
    return record(folder, "base-recorded", {"cpt": cpt, **more}, session=session)


def record_coding(folder: str | Path, session: Session, fields: Mapping[str, Any]) -> Event:
    """Enter what the coding needs; a later entry replaces the earlier one whole.

    Parameters
    ----------
    fields : mapping
        ``units`` (int), ``regions``, ``icd10``, ``also_claimed`` (lists of text), ``prior_authorisation``, ``setting``
        (hospital, non-hospital, opps), ``component`` (global, tc, 26), ``purpose``, ``rendering_host`` (workstation,
        console, server), ``practice_share_percent`` (float).

    Raises
    ------
    CaseError, UnknownNameError
        For nothing at all, or a value that is none of the field's.
    """
    fields = _given(fields)
    if not fields:
        raise CaseError("coding: nothing was given")
    for code in fields.get("also_claimed", ()):
        _require_code(code)
    for code in fields.get("icd10", ()):
        if not re.fullmatch(r"[A-TV-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?", code):
            raise CaseError(f"an ICD-10-CM code is a letter, a digit and up to five more, as S32.401A; found {code!r}")
    return record(folder, "coding-recorded", fields, session=session)


def record_communication(
    folder: str | Path, session: Session, to: str, at: str, what: str, more: Mapping[str, Any] | None = None
) -> Event:
    """Enter that a result was communicated.

    Parameters
    ----------
    to, at, what : str
        To whom, when (ISO date and time), and what was said.
    more : mapping, optional
        ``by`` (left out, the session's person), ``critical``, ``specific_need``, ``study_time`` (ISO).

    Raises
    ------
    CaseError
        For an empty field or what is no time.
    """
    _require_text(to, "to whom it was communicated")
    _require_text(what, "what was communicated")
    _require_time(at, "when it was communicated")
    more = _given(more)
    if "study_time" in more:
        _require_time(more["study_time"], "the time of the study")
    data = {"to": to, "at": at, "what": what, "by": session.person.name, **more}
    return record(folder, "communication-recorded", data, session=session)


def attest(folder: str | Path, session: Session, text: str) -> Event:
    """Enter a physician's attestation of concurrent supervision.

    Raises
    ------
    CaseError
        If nothing in the case was supervised, or the text is empty.
    NotPermittedError
        If the session is no physician's.
    """
    _require_text(text, "the attestation")
    runs = read_case(folder).of("run-done")
    if session.person.role == "physician" and not any(run.data.get("supervisor") for run in runs):
        raise CaseError("no run of this case was supervised: nobody can attest that it was")
    return record(folder, "attested", {"text": text}, session=session)


def _given(fields: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields that have a value; those of a few words held to their words."""
    given = {name: value for name, value in (fields or {}).items() if value not in (None, "", (), [])}
    for name, words in CHOICES.items():
        if name in given and given[name] not in words:
            raise UnknownNameError(name.replace("_", " "), str(given[name]), words)
    return given


def _keep_document(folder: Path, document: Path) -> dict[str, str]:
    try:
        content = document.read_bytes()
    except OSError as error:
        raise CaseError(f"the order's document cannot be read: {error.strerror}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    name = f"order-{sha256[:12]}{document.suffix.lower()}"
    read_case(folder)  # nothing is put where there is no case
    write_bytes(folder / DOCUMENTS / name, content)
    return {"name": name, "sha256": sha256}


def _require_text(text: str, what: str) -> None:
    if not text.strip():
        raise CaseError(f"{what} is empty")


def _require_time(text: str, what: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise CaseError(f"{what}: {text!r} is no date or time such as 2026-11-23 or 2026-11-23T14:05") from None


def _require_code(code: str) -> None:
    if not re.fullmatch(r"\d{4}[0-9A-Z]|[A-Z]\d{4}", code):
        raise CaseError(f"a procedure's code has five characters, as 74177, 0559T or C8001; found {code!r}")
