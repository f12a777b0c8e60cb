"""The report as DICOM objects for the archive: structured report, encapsulated PDF, selection of the key images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from prosector._version import __version__
from prosector.case.folder import REPORTS, read_case
from prosector.case.runs import path_sha256
from prosector.case.source import read_source
from prosector.case.state import CaseState
from prosector.dicom import codes
from prosector.dicom.derived import Derivation, Workstation, derive_series, write_dicom
from prosector.dicom.derived_image import frame_of_reference
from prosector.dicom.encapsulated import DocumentState, build_encapsulated_pdf
from prosector.dicom.key_objects import build_key_objects
from prosector.dicom.modules import SH_LENGTH
from prosector.dicom.report_references import ObjectReference, read_reference, reference_of
from prosector.dicom.sr_document import Observer
from prosector.dicom.structured_report import SegmentReference, build_structured_report
from prosector.errors import CaseError, FileFormatError, NoDicomError
from prosector.model.progress import Progress, silent
from prosector.model.volume import Volume
from prosector.report.document import Report
from prosector.report.json import document_sha256, read_report
from prosector.report.objects_content import report_content
from prosector.report.pdf import report_pdf
from prosector.report.pictures import pictures_of_case

SR, PDF, KEY_OBJECTS = ".sr.dcm", ".pdf.dcm", ".ko.dcm"
"""Endings of the objects' files."""

SERIES = {SR: (1011, "report"), PDF: (1012, "report, PDF"), KEY_OBJECTS: (1013, "key images")}
"""Series Number (0020,0011) of each, and what follows the title."""

TITLE = "post-processing"

Dataset = Any
"""A pydicom dataset: that package is used in the room dicom alone."""


@dataclass(frozen=True)
class _Filing:
    """What all objects of one report share."""

    report: Report
    folder: Path
    volume: Volume
    images: tuple[ObjectReference, ...]

    def derivation(self, ending: str) -> Derivation:
        """Series and identity of one object; the same report gives the same."""
        report, (number, words) = self.report, SERIES[ending]
        supervised = report.supervision.supervised
        marks = ("DRAFT" if report.status == "draft" else "", "" if supervised else "NOT SUPERVISED")
        series = derive_series(
            self.volume.source,
            " ".join(part for part in (*marks, TITLE, words) if part),
            datetime.fromisoformat(report.signature.at if report.signature else report.created),
            recipe_sha256=document_sha256(report),
            number=number,
            workstation=_workstation(report),
        )
        return Derivation(series, supervised=supervised)


def write_report_objects(
    report: Report,
    folder: str | Path,
    out: str | Path,
    volume: Volume | None = None,
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Write a report as DICOM: Comprehensive 3D SR, Encapsulated PDF and Key Object Selection of the archived images.

    All go into the base study, each into a series of its own. A signed report is VERIFIED by its signer; a draft says
    DRAFT in its series' description, and what nobody supervised NOT SUPERVISED. Nothing is recorded in the case.

    Parameters
    ----------
    report : Report
        As it is filed in the case; its PDF is taken from there where it was filed, so that it is the one that was
        signed.
    folder : path
        The case: its archived DICOM images, segmentations and earlier reports are referred to.
    out : path
        Folder for the files ``REPORT-vN.sr.dcm``, ``.pdf.dcm`` and ``.ko.dcm``; the last only where an image was
        archived as DICOM. Objects of the version before are looked for here, and else built again.
    volume : Volume, optional
        The source, where the caller has read it; left out, it is read and held to its recorded hash.
    progress : callable

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    CaseError
        If an archived image is gone or is another, or the version before is not there.
    NoDicomSourceError
        If the source is not DICOM.
    OutputError
        If a file cannot be written.
    """
    filing = _filing(report, Path(folder), volume, progress)
    stem = _stem(report)
    objects = {SR: _structured(filing, Path(out)), PDF: _pdf(filing, Path(out))}
    if filing.images:
        objects[KEY_OBJECTS] = _key_objects(filing)
    Path(out).mkdir(parents=True, exist_ok=True)
    written = []
    for ending, dataset in objects.items():
        written.append(Path(out) / f"{stem}{ending}")
        write_dicom(written[-1], dataset)
    return tuple(written)


def _filing(report: Report, folder: Path, volume: Volume | None, progress: Progress) -> _Filing:
    volume = read_source(folder, progress) if volume is None else volume
    return _Filing(report, folder, volume, tuple(_archived(report, folder)))


def _archived(report: Report, folder: Path) -> Iterator[ObjectReference]:
    """The archived DICOM images, in the report's order, held to what it says of them."""
    for line in report.images:
        if not line.sop_instance_uid:
            continue
        reference = _reference(folder, line.file)
        if reference.sop_instance_uid != line.sop_instance_uid:
            raise CaseError(f"{line.file} is another object than the report names: see prosector case verify")
        yield reference


def _reference(folder: Path, file: str) -> ObjectReference:
    try:
        return read_reference(folder / file)
    except NoDicomError as error:
        raise CaseError(f"{file} is gone or no DICOM object: see prosector case verify") from error


def _stem(report: Report) -> str:
    return f"{report.report_id}-v{report.version}"


def _workstation(report: Report) -> Workstation:
    made = report.workstation
    return Workstation(software_version=made.version or __version__, station_name=made.id[:SH_LENGTH])


def _structured(filing: _Filing, out: Path) -> Dataset:
    volume = filing.volume
    frame = frame_of_reference(volume.geometry, volume.source)
    segments = _segments(filing.report, filing.folder, read_case(filing.folder))
    content = report_content(filing.report, filing.images, segments, frame, _before(filing, out, SR))
    return build_structured_report(content, volume.source, filing.derivation(SR))


def _segments(report: Report, folder: Path, state: CaseState) -> dict[str, SegmentReference]:
    """Segments of the segmentations that were written in the runs of the measurements, by name."""
    runs = {line.run for line in report.measurements}
    names = {line.of for line in report.measurements}
    found: dict[str, SegmentReference] = {}
    for row in state.outputs.values():
        if row.kind == "LabelMap" and row.sop_instance_uid and row.run in runs:
            reference = _reference(folder, row.file)
            found |= {name: SegmentReference(reference, n) for n, name in reference.segments if name in names}
    return found


def _pdf(filing: _Filing, out: Path) -> Dataset:
    report, folder = filing.report, filing.folder
    pdf = _filed_pdf(report, folder)
    if pdf is None:
        pdf = report_pdf(report, pictures_of_case(folder, read_case(folder), report))
    words = f"{report.title}, {report.status}, version {report.version}"
    state = DocumentState(words, report.signature is not None, _before(filing, out, PDF))
    images = [image for image in filing.images if image.is_image]
    return build_encapsulated_pdf(pdf, filing.volume.source, filing.derivation(PDF), state, images)


def _filed_pdf(report: Report, folder: Path) -> bytes | None:
    """The file that was filed with the report, held to the log; None where none was."""
    name = f"{REPORTS}/{_stem(report)}.pdf"
    filed = {row["file"]: row["sha256"] for event in read_case(folder).reports for row in event.data["files"]}
    if name not in filed:
        return None
    if not (folder / name).is_file() or path_sha256(folder / name) != filed[name]:
        raise CaseError(f"{name} is gone or is not what was filed: see prosector case verify")
    return (folder / name).read_bytes()


def _before(filing: _Filing, out: Path, ending: str) -> tuple[ObjectReference, ...]:
    """The same object of the version that this report takes the place of: from its file, or built again."""
    name = filing.report.predecessor
    if not name:
        return ()
    if (out / f"{name}{ending}").is_file():
        return (read_reference(out / f"{name}{ending}"),)
    try:
        earlier = read_report(filing.folder / REPORTS / f"{name}.json")
    except FileFormatError as error:
        raise CaseError(f"{name}, which this report takes the place of, cannot be read from the case") from error
    before = _filing(earlier, filing.folder, filing.volume, silent)
    return (reference_of((_structured if ending == SR else _pdf)(before, out)),)


def _key_objects(filing: _Filing) -> Dataset:
    """The archived images (rule R071), chosen by those whom the report names."""
    people = dict.fromkeys(line.selected_by for line in filing.report.images if line.selected_by)
    return build_key_objects(
        filing.images,
        filing.volume.source,
        filing.derivation(KEY_OBJECTS),
        codes.FOR_REPORT_ATTACHMENT if filing.report.signature else codes.OF_INTEREST,
        f"Images archived with report {_stem(filing.report)}.",
        tuple(Observer(name, codes.PHYSICIAN) for name in people),
    )
