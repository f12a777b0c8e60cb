"""What the document's sections hold, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from prosector.report.document import EventLine, Finding, ImageLine, MeasurementLine, Report
from prosector.report.json import document_sha256
from prosector.report.layout import (
    Block,
    Bullets,
    Heading,
    Passage,
    Picture,
    Pictures,
    Section,
    Table,
    pairs,
    passage,
    section,
)
from prosector.report.words import REASONS, about_in_words, counted, day, listed, moment, person_name
from prosector.report.work import PICTURES

MISSING = {
    "question": "The clinical question that the request for 3D post-processing asks",
    "necessity": "Why the 2D images and reformats of the base study did not suffice",
    "findings": "Findings from the 3D images, apart from those of the base report",
    "added_value": "What the 3D images added",
    "impression": "An interpretation that answers the clinical question",
    "signature": "The interpreting physician's attestation and signature",
}
"""What only people can add. No program fills these in."""

ELEMENT_TITLES = (
    ("region", "1. Design of the anatomic region"),
    ("tissue", "2. Tissues and structures displayed"),
    ("archive", "3. Images and cine loops archived"),
    ("review", "4. Monitoring and adjustment"),
)


def sections_of(report: Report) -> Iterator[Section]:
    """Every section of the document, in order."""
    if report.amendment or report.addenda:
        yield _changes(report)
    yield _patient(report)
    yield _order(report)
    yield _necessity(report)
    yield _technique(report)
    yield _region(report)
    yield _supervision(report)
    yield _findings(report)
    yield section("What the 3D images added", passage(report.added_value))
    yield section("Impression", passage(report.impression), *_communicated(report))
    yield _limitations(report)
    if report.images or report.files:
        yield _archive(report)
    yield _attestation(report)
    if report.completeness is not None:
        yield _completeness(report)
    missing = tuple(missing_parts(report))
    if missing:
        remark = Passage("Only people can add these; they are left open on purpose.")
        yield section("What a complete record still needs", remark, Bullets(missing))
    yield _integrity(report)


def missing_parts(report: Report) -> Iterator[str]:
    """What is still to be added by people, in words."""
    if not report.supervision.supervised:
        yield "The supervising physician, in a session of a case while the images are computed"
    if not report.order.orderer:
        yield "The request for 3D post-processing"
    for name, words in MISSING.items():
        value = getattr(report, name)
        empty = not any(f.texts for f in report.findings) if name == "findings" else value is None
        if empty:
            yield words
    for element, title in ELEMENT_TITLES:
        if not any(line.role == "physician" for line in getattr(report.supervision, element)):
            yield f"The physician's own decisions: {title[3:].lower()}"
    if report.signature is None and not any(image.receipts for image in report.images):
        yield "Proof that the images were archived"


def _changes(report: Report) -> Section:
    blocks: list[Block] = []
    if report.amendment:
        blocks += [Heading(f"Amends {report.predecessor}"), passage(report.amendment)]
    for text in report.addenda:
        blocks += [Heading("Addendum"), passage(text)]
    return section("Addendum" if report.status == "addendum" else "Amendment", blocks)


def _patient(report: Report) -> Section:
    patient, study = report.patient, report.base_study
    return section(
        "Patient and base study",
        pairs(
            ("Patient", person_name(patient.name)),
            ("Base study", study.procedure),
            ("Patient ID", patient.id),
            ("Performed", moment(study.performed)),
            ("Date of birth", day(patient.birth_date)),
            ("Accession number", study.accession),
            ("Sex", patient.sex),
            ("Modality, base code", " · ".join(part for part in (study.modality, study.cpt) if part)),
            ("Referring physician", person_name(study.referring)),
            ("Base report", " ".join(part for part in (study.report_id, study.report_status) if part)),
            ("Institution", study.institution),
            ("3D performed", moment(report.performed)),
            wide=(("Study Instance UID", study.study_uid),),
        ),
    )


def _order(report: Report) -> Section:
    order = report.order
    npi = f", NPI {order.npi}" if order.npi else ""
    fields = pairs(
        ("Ordered by", order.orderer and order.orderer + npi),
        (
            "Order",
            " · ".join(part for part in (order.id, moment(order.date), "URGENT" if order.urgent else "") if part),
        ),
    )
    copy = Passage(f"The order is kept in the case, sha256 {order.document_sha256}.") if order.document_sha256 else None
    return section("Order and clinical question", fields, copy, passage(report.question, "No question was entered."))


def _necessity(report: Report) -> Section:
    found = report.positive_finding
    seen: list[Block] = [Heading("Finding of the base study"), passage(found)] if found else []
    return section(
        "Why 2D images did not suffice", passage(report.necessity), _reason(report), seen, _considered(report)
    )


def _reason(report: Report) -> Passage | None:
    words = REASONS.get(report.necessity_reason, report.necessity_reason)
    return Passage(f"Reason on record: {words}.") if words else None


def _considered(report: Report) -> list[Block]:
    return [Heading("Other studies considered"), passage(report.considered)] if report.considered else []


def _technique(report: Report) -> Section:
    blocks: list[Block] = [Passage(report.workstation.statement)]
    if report.procedure:
        blocks.append(passage(report.procedure))
    if not any(statement.qualifies for statement in report.technique):
        blocks.append(Passage("None of the steps is a 3D technique in the sense of 76377.", alarm=True))
    named = dict.fromkeys((s.technique, s.qualifies) for s in report.technique)
    for technique, qualifies in named:
        blocks.append(Heading(technique or "Preparation", "3D technique of 76377" if qualifies else ""))
        for statement in report.technique:
            if (statement.technique, statement.qualifies) == (technique, qualifies):
                shown = _numbers(report, statement.images)
                blocks.append(Passage(statement.words + (f" [{shown}]" if shown else "")))
    rows = tuple((name, value) for name, value in report.source.items() if name != "Series Instance UID")
    blocks += [Heading("Source series"), pairs(*rows, wide=(("Series Instance UID", ", ".join(_series(report))),))]
    return section("Technique", blocks)


def _series(report: Report) -> tuple[str, ...]:
    return report.base_study.series_uids


def _region(report: Report) -> Section:
    rows = tuple(
        (s.name + (f" ({s.code})" if s.code else ""), s.how,
         "" if s.volume_ml is None else f"{s.volume_ml:.1f} ml", _numbers(report, s.images, ""))
        for s in report.structures
    )  # fmt: skip
    if not rows:
        return section("Region and tissues", Passage("No structure was delineated or brought out.", absent=True))
    table = Table(("Structure", "How", "Volume", "Images"), rows, (0.34, 0.4, 0.13, 0.13), numbers=(2, 3))
    return section("Region and tissues", table)


def _supervision(report: Report) -> Section:
    found = report.supervision
    blocks: list[Block] = [Passage(found.statement, alarm=not found.supervised)]
    if found.sessions or found.operators:
        blocks.append(
            pairs(wide=(("Physicians", "; ".join(found.physicians)), ("Computed by", "; ".join(found.operators))))
        )
        for element, title in ELEMENT_TITLES:
            blocks += [Heading(title), _events(getattr(found, element))]
        blocks += [Heading("Sessions"), _events(found.sessions)]
    return section("Concurrent supervision", blocks)


def _events(lines: tuple[EventLine, ...]) -> Block:
    if not lines:
        return Passage("No decision is on record.", absent=True)
    rows = tuple(
        (str(line.event), moment(line.at), f"{line.by}, {line.role}",
         line.words + (f" [{about_in_words(line.about)}]" if line.about else ""))
        for line in lines
    )  # fmt: skip
    return Table(("Event", "When", "Who", "What"), rows, (0.07, 0.21, 0.24, 0.48))


def _findings(report: Report) -> Section:
    blocks: list[Block] = []
    if not report.findings:
        blocks.append(Passage("No findings were entered.", absent=True))
    placed: set[int] = set()
    for finding in report.findings:
        blocks += _finding(report, finding, placed)
    in_findings = {id(m) for finding in report.findings for m in finding.measurements}
    rest = tuple(m for m in report.measurements if id(m) not in in_findings and not _told(report, m))
    if rest:
        blocks += [Heading("Measurements"), *_measurements(rest)]
    others = tuple(image for image in _one_each(report) if image.number not in placed)
    if others:
        blocks += [Heading("Key images" if report.supervision.sessions else "Images"), _pictures(others)]
    return section("Findings", blocks)


def _told(report: Report, line: MeasurementLine) -> bool:
    return any(line in finding.measurements for finding in report.findings)


def _finding(report: Report, finding: Finding, placed: set[int]) -> list[Block]:
    blocks: list[Block] = [Heading(finding.structure)]
    blocks += [passage(text) for text in finding.texts] or [
        Passage("Measured; nothing was written about it.", absent=True)
    ]
    fresh = tuple(i for i in _one_each(report) if i.id in _same_pictures(report, finding.images) - _ids(report, placed))
    if fresh:
        placed.update(image.number for image in fresh)
        blocks.append(_pictures(fresh))
    elif finding.images:
        blocks.append(Passage(f"See {_numbers(report, finding.images).lower()}."))
    if finding.measurements:
        blocks += _measurements(finding.measurements)
    return blocks


def _same_pictures(report: Report, ids: tuple[str, ...]) -> set[str]:
    numbers = {image.number for image in report.images if image.id in ids}
    return _ids(report, numbers)


def _ids(report: Report, numbers: set[int]) -> set[str]:
    return {image.id for image in report.images if image.number in numbers}


def _one_each(report: Report) -> tuple[ImageLine, ...]:
    """The first line of every image number."""
    return tuple({image.number: image for image in reversed(report.images)}[n] for n in _ordered(report))


def _ordered(report: Report) -> list[int]:
    return sorted({image.number for image in report.images})


def _pictures(images: tuple[ImageLine, ...]) -> Pictures:
    return Pictures(tuple(Picture(i.number, i.caption, f"sha256 {i.value_sha256[:16]}…") for i in images))


def _measurements(lines: tuple[MeasurementLine, ...]) -> list[Block]:
    """A table, and under it once each what the numbers must be read with."""
    notes = list(dict.fromkeys(warning for line in lines for warning in line.warnings))
    rows = tuple((line.name, line.of, _with_notes(line, notes), line.definition) for line in lines)
    table = Table(("Measurement", "Of", "Value", "Definition"), rows, (0.24, 0.15, 0.2, 0.41), numbers=(2,))
    return [table, *(Passage(f"{n}) {note[:1].upper()}{note[1:]}.") for n, note in enumerate(notes, start=1))]


def _with_notes(line: MeasurementLine, notes: list[str]) -> str:
    marked = ", ".join(str(notes.index(warning) + 1) for warning in line.warnings)
    return f"{line.text}  {marked})" if marked else line.text


def _communicated(report: Report) -> list[Block]:
    blocks: list[Block] = [Heading("Communication")] if report.communications else []
    for line in report.communications:
        critical = "Critical result communicated" if line.critical else "Communicated"
        blocks.append(Passage(f"{critical} to {line.to} by {line.by}, {moment(line.at)}: {line.what}"))
    return blocks


def _limitations(report: Report) -> Section:
    written = [passage(text) for text in report.limitations if text.origin == "written"]
    items = tuple(text.text for text in report.limitations if text.origin == "generated")
    nothing = Passage("The loader found nothing unusual about the series.") if not report.limitations else None
    return section("Limitations", written, Bullets(items) if items else None, nothing)


def _archive(report: Report) -> Section:
    blocks: list[Block] = []
    if report.images:
        rows = tuple(
            (str(i.number), i.id, i.selected_by or "nobody yet", "; ".join(i.receipts) or "not yet sent",
             "\n".join(part for part in (i.sop_instance_uid, i.sha256 or i.value_sha256) if part))
            for i in report.images
        )  # fmt: skip
        head = ("No.", "File", "Selected by", "Receipts", "SOP Instance UID, sha256")
        blocks.append(Table(head, rows, (0.05, 0.27, 0.17, 0.15, 0.36), code=(4,)))
    others = tuple((f.file, f.content, f.sha256 or f.value_sha256) for f in report.files if f.kind not in PICTURES)
    if others:
        blocks += [Heading("Other files"), Table(("File", "Content", "sha256"), others, (0.3, 0.22, 0.48), code=(2,))]
    more = len(report.files) - len(others)
    if more:
        what = "1 further file of a picture was" if more == 1 else f"{more} further files of pictures were"
        blocks.append(Passage(f"{what} written and not selected; the JSON form of this report and the log name each."))
    return section("Archived images and files" if report.supervision.sessions else "Images and files", blocks)


def _attestation(report: Report) -> Section:
    signed = report.signature
    if signed is None:
        return section("Attestation and signature", Passage("Not signed.", absent=True))
    npi = f"NPI {signed.npi}" if signed.npi else ""
    name = ", ".join(part for part in (signed.name, signed.credentials, npi) if part)
    return section(
        "Attestation and signature",
        passage(report.attestation),
        Passage(f"Electronically signed by {name}, {signed.role}, on {moment(signed.at)}."),
        pairs(wide=(("Document sha256", document_sha256(report)), ("Ed25519 public key", signed.public_key),
                    ("Signature", signed.value))),
    )  # fmt: skip


def _completeness(report: Report) -> Section:
    found = report.completeness
    assert found is not None, "asked for only where it is there"
    rows = tuple((r.rule, r.severity, r.message, r.satisfied_by) for r in found.results)
    table = Table(("Rule", "Severity", "Finding", "What satisfies it"), rows, (0.1, 0.12, 0.42, 0.36)) if rows else None
    return section("Completeness", Passage(found.statement, alarm=not found.complete), table)


def _integrity(report: Report) -> Section:
    held, station = report.integrity, report.workstation
    versions = ", ".join(f"{name} {value}" for name, value in station.versions.items())
    build = f", build sha256 {station.build_sha256}" if station.build_sha256 else ""
    events = f"{held.log_events} events" + (", anchored outside" if held.anchored else "")
    wide: tuple[tuple[str, str], ...] = (
        ("Case", held.case_id),
        ("Log", f"{events}; head {held.log_head}" if held.log_head else "none"),
        ("Source sha256", listed(held.source_sha256)),
        ("Trace sha256", listed(held.trace_sha256)),
        ("Workstation", station.id),
        ("Software", f"{station.software} {station.version}{build}"),
        ("Versions", versions),
    )
    follows = (
        (("Predecessor", f"{report.predecessor}, sha256 {report.predecessor_sha256}"),) if report.predecessor else ()
    )
    return section("Integrity", Passage(held.how_to_verify), pairs(wide=(*follows, *wide)))


def _numbers(report: Report, ids: tuple[str, ...], word: str = "Images ") -> str:
    numbers = {image.number for image in report.images if image.id in ids}
    if not numbers:
        return ""
    return (word if len(numbers) > 1 else word.replace("s ", " ")) + counted(numbers)
