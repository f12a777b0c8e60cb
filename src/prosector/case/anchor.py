"""Anchors: the head of a log vouched for from outside, by a time stamp (RFC 3161) or by somebody's signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from prosector.atomic import write_bytes, write_text
from prosector.case.events import Event
from prosector.case.folder import ANCHORS, read_case, record
from prosector.case.keys import is_signed
from prosector.case.sessions import Session, certified_text
from prosector.case.state import CaseState
from prosector.case.time_stamp import Stamp, read_stamp, require_nonce
from prosector.errors import CaseError, FileFormatError, TamperedError
from prosector.model.digest import canonical_json

CLOCKS_APART = timedelta(minutes=5)
"""By how much the clocks of a workstation and a time-stamping authority may differ."""

SIGNED = "prosector.signed-head/1"


@dataclass(frozen=True, slots=True)
class Anchored:
    """What an anchor covers: the log up to an event, in words."""

    number: int
    words: str


def request_timestamp(folder: str | Path) -> Path:
    """Write a time-stamp request (RFC 3161, 2.4.1) for the head of a case's log.

    Its message imprint is the sha256 of the last line, which is the head hash itself; it has a nonce and asks for
    the authority's certificate. Send it to an authority (``Content-Type: application/timestamp-query``), then
    :func:`add_timestamp` takes the answer; the log may grow in between.

    Returns
    -------
    Path
        A ``.tsq`` file in the case's folder ``anchors``.

    Raises
    ------
    CaseError, TamperedError
        As :func:`prosector.case.folder.read_case`.
    OutputError
        If the case cannot be written.
    """
    folder = Path(folder)
    last = read_case(folder).events[-1]
    builder = TimestampRequestBuilder().data(last.line().encode()).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    path = folder / ANCHORS / f"{_stem(last)}.tsq"
    write_bytes(path, request.as_bytes())
    return path


def add_timestamp(
    folder: str | Path, response: str | Path, ca: str | Path | None = None, session: Session | None = None
) -> Event:
    """Check a time-stamping authority's answer against the log and enter it.

    Parameters
    ----------
    folder : path
        The case.
    response : path
        The ``.tsr`` file; it is copied into the case.
    ca : path, optional
        Root certificates (PEM, intermediate ones may be among them) that the authority's certificate must lead to;
        kept in the case too. Without them the signature is not checked, and verification says so.
    session : Session, optional

    Raises
    ------
    FileFormatError
        If the answer or the certificates cannot be read.
    CaseError
        If the authority refused, the answer is to no request of this case, or its signature does not hold.
    """
    folder, response = Path(folder), Path(response)
    answer = response.read_bytes()
    roots = Path(ca).read_bytes() if ca is not None else b""
    stamp = read_stamp(answer, roots)
    covered = _covered(read_case(folder), stamp.head)
    asked = folder / ANCHORS / f"{_stem(covered)}.tsq"
    if not asked.exists():
        raise CaseError(f"no request for event {covered.number} was made here: prosector case anchor request")
    require_nonce(asked.read_bytes(), answer)
    kept = {asked: None, asked.with_suffix(".tsr"): answer, asked.with_suffix(".ca.pem"): roots}
    for path, content in kept.items():
        if content:
            write_bytes(path, content)
    data = {
        "head": stamp.head,
        "number": covered.number,
        "method": "rfc3161",
        "at": stamp.at.isoformat(timespec="seconds"),
        "by": stamp.by,
        "files": _rows(folder, [path for path in kept if path.suffix != ".pem" or roots]),
    }
    return record(folder, "anchored", data, session=session)


def sign_head(folder: str | Path, session: Session) -> Event:
    """Enter a person's signature over the head of the log; the file that it makes can be kept elsewhere.

    The file holds all that is needed to check it without the case: the session's certificate by the person's key,
    and the signature by the session's key.
    """
    folder = Path(folder)
    state = read_case(folder)
    last = state.events[-1]
    said = {"case_id": state.created.data["case_id"], "head": last.sha256, "number": last.number, "schema": SIGNED}
    signature = session.sign(canonical_json(said).encode())
    path = folder / ANCHORS / f"{_stem(last)}.{session.id[:8]}.signed.json"
    write_text(path, canonical_json({**said, "session": session.opening(), "signature": signature}) + "\n")
    data = {"head": last.sha256, "number": last.number, "method": "signature", "files": _rows(folder, [path])}
    return record(folder, "anchored", data, session=session)


def check_anchor(folder: str | Path, anchor: str | Path, ca: str | Path | None = None) -> Anchored:
    """Hold a case against an anchor that was kept outside: a ``.tsr`` or ``.signed.json`` file.

    Raises
    ------
    FileFormatError
        If the file is no anchor.
    TamperedError
        If the log holds no event with that hash: it was changed or cut since.
    CaseError
        If the anchor itself does not hold.
    """
    state, anchor = read_case(folder), Path(anchor)
    content = anchor.read_bytes()
    if anchor.suffix == ".json":
        said, by = _read_signed(content)
        if said["case_id"] != state.created.data["case_id"]:
            raise CaseError("this signature is of another case")
        covered = _covered(state, said["head"])
        return Anchored(covered.number, f"the log up to event {covered.number} was signed by {by}")
    stamp = read_stamp(content, Path(ca).read_bytes() if ca is not None else b"")
    covered = _covered(state, stamp.head)
    return Anchored(covered.number, _stamp_words(stamp, covered.number))


def anchors_of(folder: Path, state: CaseState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with the anchors that the log names, and what they say: one line each."""
    wrong, notes = [], []
    for event in (e for e in state.events if e.kind == "anchored"):  # a withdrawn one is no less true
        try:
            notes.append(f"event {event.number}: {_held(folder, state, event)}")
        except (CaseError, FileFormatError, OSError, LookupError, TypeError, ValueError) as error:
            what = str(error) if isinstance(error, (CaseError, FileFormatError)) else "its files cannot be read"
            wrong.append(f"event {event.number}: {what}")
    return tuple(wrong), tuple(notes)


def _held(folder: Path, state: CaseState, event: Event) -> str:
    """An anchor of the log in words, or an error that says what is wrong with it."""
    number, head = int(event.data["number"]), event.data["head"]
    if number >= event.number or state.events[number].sha256 != head:
        raise CaseError(f"it vouches for another event {number} than the log holds")
    contents = {Path(row["file"]).name.split(".", 1)[1]: (folder / row["file"]) for row in event.data["files"]}
    if event.data["method"] == "signature":
        (path,) = contents.values()
        said, by = _read_signed(path.read_bytes())
        if (said["case_id"], said["head"], said["number"]) != (state.created.data["case_id"], head, number):
            raise CaseError("the signature is of another log")
        if said["session"]["session"] != event.actor.session:
            raise CaseError("the signature is by another session than entered it")
        return f"the log up to event {number} was signed by {by}"
    answer = contents["tsr"].read_bytes()
    stamp = read_stamp(answer, contents["ca.pem"].read_bytes() if "ca.pem" in contents else b"")
    if stamp.head != head:
        raise CaseError("the time stamp is of another hash")
    require_nonce(contents["tsq"].read_bytes(), answer)
    then, entered = (datetime.fromisoformat(e.utc) for e in (state.events[number], event))
    if not then - CLOCKS_APART <= stamp.at <= entered + CLOCKS_APART:
        raise CaseError(f"it was stamped at {stamp.at.isoformat()}, which is not between what it covers and its entry")
    return _stamp_words(stamp, number)


def _stamp_words(stamp: Stamp, number: int) -> str:
    trust = "" if stamp.trusted else "; its signature was not checked, since no root certificate was given"
    return f"the log up to event {number} was time-stamped {stamp.at.isoformat()} by {stamp.by}{trust}"


def _read_signed(content: bytes) -> tuple[dict[str, Any], str]:
    """A signed head and who signed it; CaseError if the signature does not hold."""
    try:
        whole = json.loads(content)
        opening, signature = whole["session"], whole["signature"]
        said = {name: whole[name] for name in ("case_id", "head", "number", "schema")}
        certified = is_signed(opening["public_key"], opening["certificate"], certified_text(opening))
        holds = is_signed(opening["session_key"], signature, canonical_json(said).encode())
        by = f"{opening['person']['name']} ({opening['person']['role']}, key {opening['public_key'][:16]}…)"
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"this is no signed head of a log: {type(error).__name__}") from error
    if said["schema"] != SIGNED or not (certified and holds):
        raise CaseError("the signature over the head does not hold")
    return {**said, "session": opening}, by


def _covered(state: CaseState, head: str) -> Event:
    for event in state.events:
        if event.sha256 == head:
            return event
    raise TamperedError(
        f"the log holds no event with the hash {head[:16]}…: the anchor is of another case, or the log was changed or "
        f"cut since"
    )


def _stem(event: Event) -> str:
    return f"{event.number:06d}-{event.sha256[:12]}"


def _rows(folder: Path, paths: Sequence[Path]) -> list[dict[str, str]]:
    return [
        {"file": path.relative_to(folder).as_posix(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in paths
    ]
