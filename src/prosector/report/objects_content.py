"""What of a report goes into its DICOM structured report, and under which heading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache

from prosector.dicom import codes
from prosector.dicom.report_references import ObjectReference
from prosector.dicom.sr_document import DocumentStatus, Observer, Verification
from prosector.dicom.structured_report import Passage, ReportContent, Section, SegmentReference
from prosector.measurement import definitions_basic, definitions_vessel, fragments_definitions
from prosector.model.measurement import Contribution, Definition, Measurement
from prosector.model.structures import STRUCTURES, Code
from prosector.report.document import EventLine, MeasurementLine, Report, Text
from prosector.report.words import moment

POSITIONS = {"physician": codes.PHYSICIAN, "technologist": codes.TECHNOLOGIST, "physicist": codes.PHYSICIST}
"""Role of a person in a case to CID 7452."""


def report_content(
    report: Report,
    images: tuple[ObjectReference, ...],
    segments: Mapping[str, SegmentReference],
    frame_of_reference_uid: str,
    predecessors: tuple[ObjectReference, ...],
) -> ReportContent:
    """The content of the structured report.

    Parameters
    ----------
    report : Report
    images : tuple of ObjectReference
        The archived ones.
    segments : mapping
        Name of a structure to its segment.
    frame_of_reference_uid : str
        Of the points of measurements.
    predecessors : tuple of ObjectReference
        The structured reports that it takes the place of.
    """
    return ReportContent(
        measurements=tuple(_measurement(line) for line in report.measurements),
        sections=tuple(_sections(report, images)),
        observers=tuple(_observers(report)),
        status=status_of(report, predecessors),
        frame_of_reference_uid=frame_of_reference_uid,
        sites={line.name: _known_sites()[line.code] for line in report.structures if line.code in _known_sites()},
        segments=segments,
    )


def status_of(report: Report, predecessors: tuple[ObjectReference, ...]) -> DocumentStatus:
    """How far the document is: complete once it is no draft, verified once it is signed."""
    signed = report.signature
    verification = None
    if signed is not None:
        verification = Verification(signed.name, datetime.fromisoformat(signed.at), report.base_study.institution)
    return DocumentStatus(report.status != "draft", verification, predecessors)


def _measurement(line: MeasurementLine) -> Measurement:
    code = _known_codes().get(line.code)
    if code is None and ":" in line.code:
        scheme, value = line.code.split(":", 1)
        code = Code(value, scheme, line.name)
    parts = () if line.uncertainty is None else (Contribution("all", line.uncertainty),)
    definition = Definition(line.name, line.unit, line.definition, code=code)
    return Measurement(definition, line.value, line.of, parts, line.where_lps, line.warnings)


@cache
def _known_codes() -> dict[str, Code]:
    """Codes of definitions by ``scheme:value``: the document's lines do not carry the meaning."""
    rooms = (definitions_basic, definitions_vessel, fragments_definitions)
    defined = (value for room in rooms for value in vars(room).values() if isinstance(value, Definition))
    return {f"{d.code.scheme}:{d.code.value}": d.code for d in defined if d.code is not None}


@cache
def _known_sites() -> dict[str, Code]:
    return {f"{row.type.scheme}:{row.type.value}": row.type for row in STRUCTURES.values()}


def _observers(report: Report) -> Iterable[Observer]:
    """Everybody who had a session, with the part that the log gives them; then whoever signed, if not among them."""
    people = {(line.by, line.role): _observer(line, report) for line in report.supervision.sessions}
    yield from people.values()
    signed = report.signature
    if signed is not None and not any(by.startswith(signed.name) for by, _ in people):
        yield Observer(signed.name, POSITIONS.get(signed.role), codes.VERIFYING)


def _observer(line: EventLine, report: Report) -> Observer:
    role: Code | None = codes.PERFORMING
    if line.role == "physician":
        role = codes.SUPERVISING if report.supervision.supervised else None
    return Observer(line.by, POSITIONS.get(line.role), role)


def _sections(report: Report, images: tuple[ObjectReference, ...]) -> Iterable[Section]:
    """Headings of CID 7001 with what there is to say under them; those with nothing are left out."""
    told = (
        (codes.REQUEST, [*_order(report), *_written(report.question)]),
        (codes.INDICATIONS, _written(report.necessity, report.considered)),
        (codes.PROCEDURE_DESCRIPTIONS, _procedure(report)),
        (codes.FINDINGS, _findings(report)),
        (codes.IMPRESSIONS, _written(report.impression, report.added_value)),
        (codes.CRITICAL_RESULTS, _communications(report)),
        (codes.ADDENDUM, _written(report.amendment, *report.addenda)),
    )
    for heading, passages in told:
        if passages:
            yield Section(heading, tuple(passages))
    shown = tuple(image for image in images if image.is_image)
    if shown:
        captions = {line.sop_instance_uid: line.caption for line in report.images}
        named = [captions[i.sop_instance_uid] for i in shown if captions.get(i.sop_instance_uid)]
        yield Section(codes.KEY_IMAGES, tuple(map(Passage, dict.fromkeys(named))), shown)


def _written(*texts: Text | None, about: str = "") -> list[Passage]:
    """Passages with their author; what the software wrote has none."""
    return [Passage(t.text, t.by if t.origin == "written" else "", about) for t in texts if t is not None and t.text]


def _order(report: Report) -> list[Passage]:
    order = report.order
    if not order.orderer:
        return []
    urgent = ", urgent" if order.urgent else ""
    number = f", number {order.id}" if order.id else ""
    return [Passage(f"Ordered by {order.orderer} on {order.date}{number}{urgent}.")]


def _procedure(report: Report) -> list[Passage]:
    """What was done, where, under whose supervision, with which limits; and what ties the document to its record."""
    generated = (report.workstation.statement, *(s.words for s in report.technique), report.supervision.statement)
    passages = [*_written(report.procedure), *(Passage(words) for words in generated if words)]
    passages += [*_written(*report.limitations), *_written(report.attestation)]
    whole = report.integrity
    if whole.log_head:
        words = f"Case {whole.case_id}: sha256 of event {whole.log_events - 1} of its log {whole.log_head}."
        passages.append(Passage(words))
    return passages


def _findings(report: Report) -> list[Passage]:
    return [passage for f in report.findings for passage in _written(*f.texts, about=f.structure)]


def _communications(report: Report) -> list[Passage]:
    return [
        Passage(f"To {c.to}, {moment(c.at)}{f', by {c.by}' if c.by else ''}: {c.what}{' (critical)' * c.critical}")
        for c in report.communications
    ]
