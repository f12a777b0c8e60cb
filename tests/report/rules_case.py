"""A record that is complete against every rule, to be broken one thing at a time: report, log, people and keys."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from prosector.case import keys
from prosector.case.events import FIRST, PROGRAM, Event
from prosector.case.people import Person
from prosector.case.runs import supervised_text
from prosector.case.sessions import Session, certified_text
from prosector.case.source import identity_sha256
from prosector.case.state import CaseState, fold
from prosector.case.verify import Verification
from prosector.model.recipe import Output, Trace, TraceStep
from prosector.model.source import Patient
from prosector.pipeline.export import trace_sha256
from prosector.pipeline.operations import OPERATIONS
from prosector.pipeline.recipes import trace_to_json
from prosector.report.check import check_report
from prosector.report.document import Completeness, Report
from prosector.report.json import document_sha256

MORNING = datetime(2026, 2, 1, 10, 0, tzinfo=UTC)
STUDY, SERIES = "1.2.3", "1.2.3.4"
SALT = "00" * 16
ATTESTATION = "The 3D reconstructions were performed under my concurrent supervision."
IMAGES = ("run-0001/mip.dcm", "run-0001/bone.dcm")


def at(minutes: float) -> str:
    """So many minutes after ten."""
    return (MORNING + timedelta(minutes=minutes)).isoformat(timespec="seconds")


@dataclass
class Entry:
    """What is to be entered, by whom (a login, or nobody), and when."""

    kind: str
    who: str
    minutes: float
    data: dict[str, Any]
    about: tuple[str, ...] = ()


@dataclass
class Draft:
    """The record before it is built: everything in it can be changed."""

    report: dict[str, Any]
    entries: list[Entry]
    closing: list[Entry]
    people: dict[str, Person]
    supervisor: str = "ada"
    signer: str = "ada"
    signature: dict[str, str] = field(default_factory=dict)
    earlier: list[Report] = field(default_factory=list)
    verified: Verification | None = None
    tamper_log: Callable[[list[Event]], None] | None = None
    tamper_report: Callable[[Report], Report] | None = None

    def entry(self, kind: str, **data: Any) -> Entry:
        """The entry of a kind whose data hold these."""
        fits = (e for e in self.entries if e.kind == kind and all(e.data.get(k) == v for k, v in data.items()))
        return next(fits)

    def drop(self, kind: str, **data: Any) -> None:
        """Take out all such entries."""
        self.entries = [e for e in self.entries if e.kind != kind or any(e.data.get(k) != v for k, v in data.items())]

    def trace(self, change: Callable[[Trace], Trace]) -> None:
        """Change what was run."""
        run = self.entry("run-done")
        run.data["trace"] = change(run.data["trace"])

    def step(self, name: str, **changes: Any) -> None:
        """Change a step of the trace."""
        self.trace(lambda t: replace(t, steps=tuple(replace(s, **changes) if s.id == name else s for s in t.steps)))


@dataclass(frozen=True)
class Built:
    """A report and the state behind it."""

    report: Report
    state: CaseState
    draft: Draft

    def check(self, profile: str) -> Completeness:
        """What the rules say."""
        return check_report(self.report, self.state, profile, earlier=self.draft.earlier, verified=self.draft.verified)


@cache
def private_key(name: str) -> bytes:
    """A person's or a session's key: fixed, so that every run is the same."""
    return (name.encode() * 32)[:32]


def session_of(person: Person) -> Session:
    """A session of a working day."""
    bare = Session(
        id=f"session-{person.id}",
        person=replace(person, public_key=keys.public_key_of(private_key(person.id))),
        private_key=private_key(f"session {person.id}"),
        session_key=keys.public_key_of(private_key(f"session {person.id}")),
        certificate="",
        started=at(0),
        expires=at(480),
    )
    return replace(bare, certificate=keys.sign(private_key(person.id), certified_text(bare.opening())))


def step(name: str, operation: str, kind: str, inputs: dict[str, str], **parameters: Any) -> TraceStep:
    """A step with every parameter of its operation."""
    settings = {p.name: None for p in OPERATIONS[operation].parameters} | parameters
    given = {key: (origin, "0" * 64) for key, origin in inputs.items()}
    return TraceStep(name, operation, given, settings, kind, (name.encode().hex() * 64)[:64], 0.1)


def a_trace() -> Trace:
    """Two pictures, a segmentation and its volume."""
    steps = (
        step("mip", "mip", "Rendering", {"volume": "source"}, preset="ct-bone", supervised=True),
        step("bone", "volume", "Rendering", {"volume": "source"}, preset="ct-bone", supervised=True),
        step("labels", "segment-bone", "LabelMap", {"volume": "source"}),
        step("numbers", "measure-segments", "Measurements", {"labels": "labels"}),
    )
    return Trace(
        recipe="bone-ct",
        source_sha256="a" * 64,
        source_series_uid=SERIES,
        steps=steps,
        outputs=tuple(Output(name, f"{name}.dcm") for name in ("mip", "bone")),
        versions={"prosector": "0.1.0"},
        machine={"cpu": "x86_64", "threads": 2},
        started_utc=at(8),
        supervised=True,
    )


def output(name: str, kind: str = "Rendering") -> dict[str, str]:
    """A row of a run's outputs."""
    return {"id": f"run-0001/{name}.dcm", "file": f"outputs/run-0001/{name}.dcm", "step": name, "kind": kind,
            "sha256": name[0] * 64, "value_sha256": (name.encode().hex() * 64)[:64], "method": name,
            "sop_class_uid": "1.2.840.10008.5.1.4.1.1.7", "sop_instance_uid": f"1.2.3.5.{len(name)}"}  # fmt: skip


def entries() -> list[Entry]:
    """A case from its creation to the day's end, all but attestation and signature."""
    station = {"id": "0242ac", "host_kind": "workstation", "independent": True, "cleared": "K123456",
               "manufacturer": "Maker of computers", "model": "Tower", "serial": "77"}  # fmt: skip
    software = {"name": "Prosector", "version": "0.1.0", "build_sha256": "b" * 64}
    run = {"run": "run-0001", "recipe": "bone-ct", "trace": a_trace(), "outputs": [output("mip"), output("bone")],
           "given": {}, "operator": "tom"}  # fmt: skip
    instances = [{"id": o["id"], "sop_class_uid": o["sop_class_uid"], "sop_instance_uid": o["sop_instance_uid"],
                  "sha256": o["sha256"], "status": "0000"} for o in run["outputs"]]  # type: ignore[attr-defined]  # fmt: skip
    source = {"path": "/series", "study_uid": STUDY, "series_uid": SERIES, "files": [], "volume_sha256": "a" * 64,
              "load": {}, "identity_sha256": "", "warnings": ["gantry tilt: slices are sheared by 12.00°"],
              "equipment": {"manufacturer": "Maker", "model": "Scanner 7", "serial": "1", "station": "CT"}}  # fmt: skip
    order = {"orderer": {"name": "Olga Orderer", "npi": "1234567893"}, "date": "2026-01-31", "order_id": "7",
             "document": {"name": "order.pdf", "sha256": "c" * 64}, "urgent": False}  # fmt: skip
    coding = {"units": 1, "setting": "hospital", "component": "global", "rendering_host": "workstation",
              "practice_share_percent": 12, "icd10": ["S32.401A"]}  # fmt: skip
    return [
        Entry("case-created", "", 0, {"schema": "prosector.case/1", "case_id": "1d", "salt": SALT,
                                      "software": software, "workstation": station}),
        Entry("source-added", "", 1, source),
        Entry("session-started", "ada", 2, {}),
        Entry("session-started", "tom", 3, {}),
        Entry("order-recorded", "tom", 4, order),
        Entry("base-recorded", "tom", 4.2, {"cpt": "72192", "report_id": "R-1", "status": "interpreted"}),
        Entry("coding-recorded", "tom", 4.4, coding),
        Entry("text-recorded", "tom", 5, {"field": "question", "text": "q"}),
        Entry("text-recorded", "ada", 6, {"field": "necessity", "text": "n", "reason": "overlap",
                                          "positive_finding": "fracture line on the base study"}),
        Entry("run-done", "tom", 9, run, ("run-0001", *IMAGES)),
        Entry("decision", "ada", 10, {"element": "region", "what": "crop"}, ("run-0001",)),
        Entry("decision", "ada", 11, {"element": "tissue", "what": "preset"}, ("run-0001",)),
        Entry("decision", "ada", 12, {"element": "review", "what": "adjusted", "parameter": "level", "old": 200,
                                      "new": 250}, ("run-0001",)),
        Entry("decision", "ada", 13, {"element": "review", "what": "reviewed"}, ("run-0001",)),
        Entry("decision", "ada", 14, {"element": "archive", "what": "select"}, IMAGES),
        Entry("text-recorded", "ada", 15, {"field": "findings", "text": "f", "structure": "acetabulum"}),
        Entry("text-recorded", "ada", 16, {"field": "impression", "text": "i"}),
        Entry("archive-sent", "", 17, {"transfer": "t1", "node": {"name": "pacs"}, "instances": instances}),
        Entry("archive-committed", "", 18, {"transfer": "t1", "failed": [],
                                            "committed": [i["sop_instance_uid"] for i in instances]}),
        Entry("verified", "tom", 19, {"ok": True, "checks": [{"name": "replay", "ok": True, "wrong": []}]}),
        Entry("anchored", "", 20, {"head": "", "number": 0, "method": "rfc3161", "files": []}),
    ]  # fmt: skip


def written(text: str, event: int | None = None) -> dict[str, Any]:
    """A passage as somebody wrote it."""
    return {"text": text, "origin": "written", "by": "Ada Example", "event": event}


def image(number: int, name: str) -> dict[str, Any]:
    """A line of an archived image."""
    row = output(name)
    kept = ("id", "file", "sha256", "value_sha256", "sop_class_uid", "sop_instance_uid", "method")
    return {"number": number, "caption": name, **{key: row[key] for key in kept}}


def a_report() -> dict[str, Any]:
    """The document on it."""
    statements = [("mip", "mip"), ("bone", "volume"), ("labels", "segment-bone"), ("numbers", "measure-segments")]
    return {
        "report_id": "report-1d",
        "status": "final",
        "created": at(21),
        "patient": {"name": "Doe^Jane", "id": "A1", "birth_date": "19700102", "sex": "F"},
        "base_study": {"study_uid": STUDY, "series_uids": [SERIES], "accession": "ACC1", "procedure": "CT pelvis",
                       "cpt": "72192", "modality": "CT", "performed": "20260131 094107", "report_id": "R-1",
                       "report_status": "interpreted"},
        "order": {"orderer": "Olga Orderer", "npi": "1234567893", "date": "2026-01-31", "id": "7",
                  "document_sha256": "c" * 64},
        "question": written("Is the fracture of the acetabulum displaced?", 7),
        "necessity": written("On the axial images and MPR the fragments overlap; surgery is planned.", 8),
        "necessity_reason": "overlap",
        "considered": written("No MR was made; radiographs do not show the columns.", 8),
        "workstation": {"statement": "The 3D images were computed on an independent workstation.", "id": "0242ac",
                        "software": "Prosector", "version": "0.1.0", "build_sha256": "b" * 64, "independent": True,
                        "cleared": "K123456"},
        "technique": [{"words": f"{name}.", "operation": operation, "technique": OPERATIONS[operation].technique,
                       "qualifies": OPERATIONS[operation].qualifies, "steps": [f"run-0001/{name}"]}
                      for name, operation in statements],
        "source": {"Series Instance UID": SERIES, "Matrix": "512 × 512 × 200 slices", "Slice distance": "1.000 mm",
                   "Slice thickness": "1.000 mm", "Pixel spacing": "0.700 × 0.700 mm", "Kernel": "B60",
                   "Contrast agent": "none"},
        "structures": [{"name": "bone", "code": "SCT:3138006", "how": "segmented by program (hysteresis)"}],
        "supervision": {"supervised": True, "statement": "Supervised."},
        "findings": [{"structure": "acetabulum", "images": list(IMAGES),
                      "texts": [written("The 3D volume rendering shows two fragments.", 15)]}],
        "measurements": [{"name": "volume by voxel count", "of": "bone", "value": 512.0, "unit": "mm3",
                          "uncertainty": 4.0, "definition": "Number of voxels times the volume of one.",
                          "step": "run-0001/numbers", "run": "run-0001"}],
        "added_value": written("The 3D images show the displacement in one view."),
        "impression": written("Displaced fracture of both columns of the acetabulum.", 16),
        "limitations": [{"text": "Gantry tilt: slices are sheared by 12.00°"}],
        "images": [image(1, "mip"), image(2, "bone")],
        "coding": {"units": 1, "icd10": ["S32.401A"], "setting": "hospital", "component": "global"},
        "attestation": written(ATTESTATION),
        "integrity": {"case_id": "1d"},
    }  # fmt: skip


def complete_draft() -> Draft:
    """A record with nothing wanting against medicare-hospital."""
    return Draft(
        report=a_report(),
        entries=entries(),
        closing=[Entry("attested", "ada", 22, {"text": ATTESTATION}), Entry("report-signed", "ada", 23, {})],
        people={
            "ada": Person("ada", "Ada Example", "physician", "MD", "1234567893"),
            "tom": Person("tom", "Tom Example", "technologist", "RT(R)"),
            "bea": Person("bea", "Bea Example", "physician", "MD", "1234567893"),
            "phil": Person("phil", "Phil Example", "physicist", "PhD"),
        },
    )


def complete_case(change: Callable[[Draft], object] | None = None) -> Built:
    """The complete record, changed before it is built: whatever else depends on the change is made to fit."""
    draft = complete_draft()
    if change is not None:
        change(draft)
    sessions = {name: session_of(person) for name, person in draft.people.items()}
    events = _log(draft, sessions)
    report = _report(draft, events)
    for entry in draft.closing:
        _append(events, entry, sessions, _closing_data(entry, report))
    if draft.tamper_log is not None:
        draft.tamper_log(events)
    if draft.tamper_report is not None:
        report = draft.tamper_report(report)
    return Built(report, fold(events), draft)


def _log(draft: Draft, sessions: dict[str, Session]) -> list[Event]:
    told = draft.report["patient"]
    identity = identity_sha256(SALT, Patient("Doe^Jane", "A1", told.get("issuer_of_id", ""), "19700102", "F"))
    events: list[Event] = []
    for entry in draft.entries:
        data = {k: copy.deepcopy(v) for k, v in entry.data.items() if k != "trace"}
        if entry.kind == "source-added":
            data["identity_sha256"] = data["identity_sha256"] or identity
        if entry.kind == "session-started":
            data = sessions[entry.who].opening() | data
        if entry.kind == "run-done":
            trace = entry.data["trace"]
            data |= {"trace": trace_to_json(trace)}
            data.setdefault("supervisor", _seal(trace, sessions.get(draft.supervisor)))
        _append(events, entry, sessions, data)
    return events


def _seal(trace: Trace, session: Session | None) -> dict[str, str]:
    if session is None:
        return {}
    sha256 = trace_sha256(trace)
    signature = session.sign(supervised_text(sha256, session.id))
    return {"person": session.person.id, "session": session.id, "trace_sha256": sha256, "signature": signature}


def _report(draft: Draft, events: list[Event]) -> Report:
    told = copy.deepcopy(draft.report)
    traces = [e.data["trace"] for e in draft.entries if e.kind == "run-done"]
    integrity = {"log_events": len(events), "log_head": events[-1].sha256,
                 "trace_sha256": [trace_sha256(t) for t in traces]}  # fmt: skip
    told["integrity"] = integrity | told["integrity"]
    if draft.signer:
        person = draft.people[draft.signer]
        told["signature"] = {
            "person": person.id, "name": person.name, "credentials": person.credentials, "npi": person.npi,
            "role": person.role, "at": at(23), "public_key": keys.public_key_of(private_key(person.id)),
            "text": ATTESTATION,
        } | draft.signature  # fmt: skip
    report = Report.model_validate(told)
    if report.signature is None:
        return report
    value = keys.sign(private_key(draft.signer), document_sha256(report).encode())
    return report.model_copy(update={"signature": report.signature.model_copy(update={"value": value})})


def _closing_data(entry: Entry, report: Report) -> dict[str, Any]:
    if entry.kind != "report-signed":
        return entry.data
    return {"report": report.report_id, "version": report.version, "status": report.status, "files": [],
            "document_sha256": document_sha256(report), "signature": {}, **entry.data}  # fmt: skip


def _append(events: list[Event], entry: Entry, sessions: dict[str, Session], data: dict[str, Any]) -> None:
    session = sessions.get(entry.who)
    previous = events[-1].sha256 if events else FIRST
    actor = session.actor if session else PROGRAM
    event = Event(len(events), previous, at(entry.minutes), entry.kind, actor, entry.about, data)
    events.append(replace(event, signature=session.sign(event.signed_text())) if session else event)
