"""Audit messages as XML (DICOM PS3.15 A.5.1): what happened, who took part, and on which study."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from xml.etree import ElementTree as Xml

from prosector.errors import ParameterError, UnknownNameError

Outcome = Literal[0, 4, 8, 12]
"""Success; minor failure (a wrong passphrase); serious failure (given up); major failure (an account locked)."""

PRIVATE = "99PROSECTOR"

CODES: Mapping[str, str] = {
    "110100": "Application Activity",
    "110101": "Audit Log Used",
    "110102": "Begin Transferring DICOM Instances",
    "110103": "DICOM Instances Accessed",
    "110104": "DICOM Instances Transferred",
    "110106": "Export",
    "110107": "Import",
    "110112": "Query",
    "110113": "Security Alert",
    "110114": "User Authentication",
    "110120": "Application Start",
    "110121": "Application Stop",
    "110122": "Login",
    "110123": "Logout",
    "110137": "User Security Attributes Changed",
    "110150": "Application",
    "110151": "Application Launcher",
    "110152": "Destination Role ID",
    "110153": "Source Role ID",
    "110154": "Destination Media",
    "110180": "Study Instance UID",
    "110181": "SOP Class UID",
}
"""DCM codes of CID 400 to 404 (PS3.16) that are used here, with their meanings."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: its code, type code (or none) and action (PS3.15 A.5.3)."""

    code: str
    action: Literal["C", "R", "U", "D", "E"]
    type: str = ""


KINDS: Mapping[str, Kind] = {
    "application-start": Kind("110100", "E", "110120"),
    "application-stop": Kind("110100", "E", "110121"),
    "login": Kind("110114", "E", "110122"),
    "logout": Kind("110114", "E", "110123"),
    "people-changed": Kind("110113", "E", "110137"),
    "create-case": Kind("110103", "C"),
    "read-case": Kind("110103", "R"),
    "update-case": Kind("110103", "U"),
    "export": Kind("110106", "R"),
    "import": Kind("110107", "C"),
    "begin-transfer": Kind("110102", "E"),
    "transferred": Kind("110104", "R"),
    "received": Kind("110104", "C"),
    "query": Kind("110112", "E"),
    "read-audit": Kind("110101", "R"),
}
"""What is audited; failed logins and lock-outs are ``login`` with an outcome."""

TO_ANOTHER = ("export", "import", "begin-transfer", "transferred", "received", "query")
"""Kinds that have a sender and a receiver."""


@dataclass(frozen=True, slots=True)
class Node:
    """An application elsewhere: its name (AE title, URL or medium) and network address, if any."""

    id: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that is audited.

    Parameters
    ----------
    kind : str
        See :data:`KINDS`.
    person, name : str
        Login and name of the user; empty for a program by itself.
    outcome, why : int, str
        See :data:`Outcome`; ``why`` says in words what went wrong.
    study_uid, sop_classes, instances
        The study, UIDs of SOP classes with their numbers of instances, or only how many.
    patient, case_id : str
        A pseudonym of the patient; the case's id.
    source, destination : Node, optional
        For exports and transfers; the one that is left out is this workstation.
    log : str
        For ``read-audit``: the file that was read.
    query : bytes
        For ``query``: the request's identifier, as sent.
    """

    kind: str
    person: str = ""
    name: str = ""
    outcome: Outcome = 0
    why: str = ""
    study_uid: str = ""
    sop_classes: tuple[tuple[str, int], ...] = ()
    instances: int = 0
    patient: str = ""
    case_id: str = ""
    source: Node | None = None
    destination: Node | None = None
    log: str = ""
    query: bytes = b""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownNameError("kind of audit event", self.kind, KINDS)
        if self.outcome not in (0, 4, 8, 12):
            raise ParameterError(f"an outcome is 0, 4, 8 or 12; found {self.outcome}")


def build_message(event: AuditEvent, now: datetime) -> str:
    """The XML of an event on one line.

    Parameters
    ----------
    event : AuditEvent
    now : datetime
        With its time zone.
    """
    kind = KINDS[event.kind]
    root = Xml.Element("AuditMessage")
    said = Xml.SubElement(
        root,
        "EventIdentification",
        EventActionCode=kind.action,
        EventDateTime=now.isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=str(event.outcome),
    )
    _code(said, "EventID", kind.code)
    if kind.type:
        _code(said, "EventTypeCode", kind.type)
    if event.why:
        Xml.SubElement(said, "EventOutcomeDescription").text = _clean(event.why)
    _participants(root, event)
    source = Xml.SubElement(root, "AuditSourceIdentification", AuditSourceID=f"prosector@{socket.gethostname()}")
    Xml.SubElement(source, "AuditSourceTypeCode", {"csd-code": "1"})  # an end user's display
    _objects(root, event)
    return Xml.tostring(root, encoding="unicode").replace("\n", "&#10;")


def _participants(root: Xml.Element, event: AuditEvent) -> None:
    """The person, and this workstation: source or destination of what moves, else the application."""
    if event.person:
        fields = {"UserID": _clean(event.person), "UserIsRequestor": "true"}
        _participant(root, fields | ({"UserName": _clean(event.name)} if event.name else {}), _person_role(event.kind))
    here = {
        "UserID": "prosector",
        "AlternativeUserID": str(os.getpid()),
        "UserIsRequestor": "false" if event.person else "true",
        "NetworkAccessPointID": socket.gethostname() or "localhost",
        "NetworkAccessPointTypeCode": "1",
    }
    if event.kind not in TO_ANOTHER:
        _participant(root, here, "110150" if event.kind.startswith("application") else "")
        return
    inward = event.source is not None
    for node, role in ((event.source, "110153"), (event.destination, "110152")):
        if node is not None:
            _participant(root, _elsewhere(node), role)
    _participant(root, here, "110152" if inward else "110153")


def _person_role(kind: str) -> str:
    return "110151" if kind.startswith("application") else ""


def _elsewhere(node: Node) -> dict[str, str]:
    fields = {"UserID": _clean(node.id), "UserIsRequestor": "false"}
    if node.host:
        address = all(part.isdigit() for part in node.host.split(".")) or ":" in node.host
        fields |= {"NetworkAccessPointID": node.host, "NetworkAccessPointTypeCode": "2" if address else "1"}
    return fields


def _participant(root: Xml.Element, fields: dict[str, str], role: str) -> None:
    element = Xml.SubElement(root, "ActiveParticipant", fields)
    if role:
        _code(element, "RoleIDCode", role)


def _objects(root: Xml.Element, event: AuditEvent) -> None:
    if event.study_uid:
        study = _object(root, event.study_uid, "2", "3", f"case {event.case_id}" if event.case_id else "study")
        rows = event.sop_classes or ((("", event.instances),) if event.instances else ())
        if rows:
            described = Xml.SubElement(study, "ParticipantObjectDescription")
            for uid, count in rows:
                Xml.SubElement(described, "SOPClass", ({"UID": uid} if uid else {}) | {"NumberOfInstances": str(count)})
    if event.patient:
        _object(root, event.patient, "1", "1", "not named here", id_type=("pseudonym", PRIVATE, "Pseudonym"))
    if event.query:
        _query(root, event)
    if event.log:
        uri = ("12", "RFC-3881", "URI")
        _object(root, event.log, "2", "13", "Security Audit Log", id_type=uri)


def _object(
    root: Xml.Element, object_id: str, kind: str, role: str, name: str, id_type: tuple[str, str, str] | None = None
) -> Xml.Element:
    element = Xml.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_clean(object_id),
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )
    code, system, meaning = id_type or ("110180", "DCM", CODES["110180"])
    said = {"csd-code": code, "codeSystemName": system, "originalText": meaning}
    Xml.SubElement(element, "ParticipantObjectIDTypeCode", said)
    Xml.SubElement(element, "ParticipantObjectName").text = _clean(name)
    return element


def _query(root: Xml.Element, event: AuditEvent) -> None:
    asked = event.sop_classes[0][0] if event.sop_classes else "query"
    element = _object(root, asked, "2", "3", "", id_type=("110181", "DCM", CODES["110181"]))
    element.remove(element[-1])  # a query in place of a name
    Xml.SubElement(element, "ParticipantObjectQuery").text = base64.b64encode(event.query).decode("ascii")


def _code(parent: Xml.Element, name: str, code: str) -> None:
    Xml.SubElement(parent, name, {"csd-code": code, "codeSystemName": "DCM", "originalText": CODES[code]})


def _clean(text: str) -> str:
    """Text without what XML cannot hold (XML 1.0, 2.2) and without line ends: one message is one line."""
    allowed = (c if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff" else " " for c in text)
    return "".join(allowed)
