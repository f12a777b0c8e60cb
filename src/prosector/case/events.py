"""Events: one line of the log each, and the table of what each kind holds and who may enter it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prosector.errors import CaseError, NotPermittedError, UnknownNameError
from prosector.model.digest import canonical_json

FIRST = "0" * 64
"""Stands for the hash before the first event."""

ROLES = ("physician", "technologist", "physicist")

ANYONE = (*ROLES, "program")
PEOPLE = ROLES
PHYSICIAN = ("physician",)

TEXT_FIELDS = (
    "question",
    "necessity",
    "findings",
    "added-value",
    "impression",
    "limitations",
    "considered",
    "procedure",
)
"""What people write in their own words; it stays as written."""

ELEMENTS = ("region", "tissue", "archive", "review")
"""The four elements of concurrent supervision."""

NECESSITY_REASONS = ("complex-geometry", "overlap", "spatial-relation", "preoperative", "quantitative")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: ``fields`` are what its data must have (others may follow), ``may`` says who enters it."""

    name: str
    words: str
    fields: tuple[str, ...]
    may: tuple[str, ...] = ANYONE


KINDS: Mapping[str, Kind] = {
    k.name: k
    for k in (
        # schema, case_id (uuid), salt (hex), software {name, version, build_sha256}, workstation {id, host_kind,
        # manufacturer, model, serial, system, independent (bool), cleared (text: number or "not cleared")}
        Kind("case-created", "case created", ("schema", "case_id", "salt", "software", "workstation")),
        # path (absolute, where the source stays), study_uid, series_uid, modality, files [{name, sha256, bytes}],
        # volume_sha256, instances, equipment {manufacturer, model, serial, station}, load {series, volume, gaps, tilt,
        # modality: as given to read_volume}, identity_sha256 (salted), warnings, acquired (ISO or "")
        Kind("source-added", "source series added",
             ("path", "study_uid", "series_uid", "files", "volume_sha256", "load")),
        # session (uuid), person {id, name, role, credentials, npi}, public_key, session_key, certificate, expires
        Kind("session-started", "session started", ("session", "person", "public_key", "session_key", "certificate")),
        Kind("session-ended", "session ended", ("session", "reason")),
        # run (id, "run-0001"), recipe, trace (its JSON), outputs [{id "run-0001/FILE", file, step, kind, sha256 (of the
        # file), value_sha256, sop_class_uid, sop_instance_uid, method}], operator (person id or ""), given {name:
        # {file, sha256}}, supervisor {person, session, trace_sha256, signature} or {}
        Kind("run-done", "images computed", ("run", "recipe", "trace", "outputs")),
        # element: see ELEMENTS; what: crop, clip, slab, voi, segment; preset, threshold, show, hide; select, reject;
        # reviewed, adjusted, no-change-needed; about holds ids of runs or outputs; old and new for adjusted
        Kind("decision", "supervision decision", ("element", "what"), PEOPLE),
        # field: see TEXT_FIELDS; text; structure (findings), reason (necessity), positive_finding (necessity)
        Kind("text-recorded", "text entered", ("field", "text"), PEOPLE),
        # orderer {name, npi}, date, order_id, document {name, sha256} or None, urgent (bool), setting
        Kind("order-recorded", "order recorded", ("orderer", "date"), PEOPLE),
        # cpt, accession, procedure, report_id, status (interpreted, pending), performed (ISO)
        Kind("base-recorded", "base study recorded", ("cpt",), PEOPLE),
        # units, regions [], icd10 [], also_claimed [], prior_authorisation, setting (hospital, non-hospital, opps),
        # component (global, tc, 26), purpose, rendering_host (workstation, console, server), practice_share_percent
        Kind("coding-recorded", "coding recorded", (), PEOPLE),
        # to, by, at (ISO), what, critical (bool), specific_need, study_time
        Kind("communication-recorded", "communication recorded", ("to", "at", "what"), PEOPLE),
        # of (event number), reason; the event that it names counts no more
        Kind("correction", "entry withdrawn", ("of", "reason"), PEOPLE),
        # supervising: attestation text as signed
        Kind("attested", "supervision attested", ("text",), PHYSICIAN),
        # report (id), version, status (draft), files [{file, sha256}], document_sha256, head (hash of the log before)
        Kind("report-drafted", "report drafted", ("report", "version", "files", "document_sha256")),
        # as report-drafted, with status final|amended|addendum, predecessor, signature {person, public_key, value, at}
        Kind("report-signed", "report signed", ("report", "version", "status", "files", "document_sha256", "signature"),
             PHYSICIAN),
        # transfer (id), node {name, protocol, title}, instances [{id, sop_class_uid, sop_instance_uid, sha256, status}]
        Kind("archive-sent", "sent to an archive", ("transfer", "node", "instances")),
        # transfer, committed [uids], failed [{uid, reason}]
        Kind("archive-committed", "storage commitment received", ("transfer", "committed", "failed")),
        # head, number, method (rfc3161, signature), files [{file, sha256}]
        Kind("anchored", "log anchored outside", ("head", "number", "method")),
        Kind("log-recovered", "torn end of the log set aside", ("bytes", "sha256", "file")),
        # checks [{name, ok, detail}], ok
        Kind("verified", "case verified", ("ok", "checks")),
        Kind("exported", "case exported", ("what", "to")),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Who entered an event: a person in a session, or a program by itself (``role`` "program", no person)."""

    role: str = "program"
    person: str = ""
    name: str = ""
    session: str = ""


PROGRAM = Actor()


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log.

    ``about`` are ids of runs, outputs, reports or transfers. ``signature`` is base64 Ed25519 by the session's key
    over :meth:`signed_text`; empty for a program.
    """

    number: int
    previous: str
    utc: str
    kind: str
    actor: Actor
    about: tuple[str, ...]
    data: Mapping[str, Any]
    signature: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as the line holds it."""
        actor = {"role": self.actor.role, "person": self.actor.person, "name": self.actor.name,
                 "session": self.actor.session}  # fmt: skip
        return {"number": self.number, "previous": self.previous, "utc": self.utc, "kind": self.kind, "actor": actor,
                "about": list(self.about), "data": dict(self.data), "signature": self.signature}  # fmt: skip

    def line(self) -> str:
        """The canonical JSON that the log holds, without the newline."""
        return canonical_json(self.as_dict())

    @property
    def sha256(self) -> str:
        """Hash of the line; the next event names it."""
        return hashlib.sha256(self.line().encode()).hexdigest()

    def signed_text(self) -> bytes:
        """What the signature covers: everything but itself."""
        fields = self.as_dict()
        del fields["signature"]
        return canonical_json(fields).encode()


def parse_event(data: Any) -> Event:
    """Build an event from its JSON; CaseError says what is wrong."""
    try:
        actor = data["actor"]
        return Event(
            int(data["number"]), str(data["previous"]), str(data["utc"]), str(data["kind"]),
            Actor(actor["role"], actor["person"], actor["name"], actor["session"]),
            tuple(data["about"]), dict(data["data"]), str(data["signature"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise CaseError(f"this is no event: {type(error).__name__} at {error}") from error


def check_event(kind: str, actor: Actor, data: Mapping[str, Any]) -> None:
    """Raise unless the kind is known, the actor may enter it, and its data are complete.

    Raises
    ------
    UnknownNameError
        For a kind that is not in the table.
    NotPermittedError
        If the actor's role may not enter it.
    CaseError
        If a field is missing.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of event", kind, KINDS)
    row = KINDS[kind]
    if actor.role not in row.may:
        raise NotPermittedError(f"{row.words}: only {' or '.join(row.may)} may enter this; the role is {actor.role}")
    missing = [field for field in row.fields if field not in data]
    if missing:
        raise CaseError(f"{row.words}: needs {', '.join(missing)}")
