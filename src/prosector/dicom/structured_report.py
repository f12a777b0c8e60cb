"""Measurements and narrative as a Comprehensive 3D SR (PS3.3 A.35.13) by PS3.16 TID 1500.

The content items are built by hand: highdicom's templates have no place for a definition in words, an uncertainty or
points in the patient beside a number, nor for narrative headings; it reads what is written here, which the tests hold
it to. TID 1500 may be extended, and is so by sections with the headings of CID 7001.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage

from prosector.dicom import codes
from prosector.dicom import content_items as items
from prosector.dicom.content_items import (
    CONTAINS,
    HAS_CONCEPT_MOD,
    HAS_OBS_CONTEXT,
    HAS_PROPERTIES,
    INFERRED_FROM,
)
from prosector.dicom.derived import Derivation, Workstation, finish
from prosector.dicom.modules import begin_object
from prosector.dicom.report_references import ObjectReference, source_references
from prosector.dicom.sr_document import (
    DocumentStatus,
    Observer,
    add_document,
    add_private_scheme,
    device_context,
    language,
    person_context,
)
from prosector.dicom.uids import derived_uid
from prosector.model.digest import canonical_json
from prosector.model.measurement import Definition, Measurement
from prosector.model.source import Source
from prosector.model.structures import Code

PROCEDURES = {"CT": codes.CT_PROCEDURE, "MR": codes.MR_PROCEDURE}

SECTION_ELEMENTS = {
    codes.REQUEST: codes.REQUEST_TEXT,
    codes.INDICATIONS: codes.INDICATION_TEXT,
    codes.HISTORY: codes.HISTORY_TEXT,
    codes.PROCEDURE_DESCRIPTIONS: codes.PROCEDURE_TEXT,
    codes.FINDINGS: codes.FINDING,
    codes.IMPRESSIONS: codes.IMPRESSION,
    codes.KEY_IMAGES: codes.KEY_OBJECT_DESCRIPTION,
    codes.CRITICAL_RESULTS: codes.COMMENT,
    codes.ADDENDUM: codes.COMMENT,
}
"""Heading (CID 7001) to the name of the passages below it (CID 7002)."""

PRIVATE_DIGITS = 10
MEANING_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Passage:
    """Text of a section. ``by`` is who wrote it, as it stands; empty where the software did.

    ``about`` names the thing that it is about, as measurements do (``of``).
    """

    text: str
    by: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of CID 7001 with its passages and images."""

    heading: Code
    passages: tuple[Passage, ...] = ()
    images: tuple[ObjectReference, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentReference:
    """A segment that numbers were measured on."""

    segmentation: ObjectReference
    number: int


@dataclass(frozen=True)
class ReportContent:
    """What a structured report says.

    Parameters
    ----------
    measurements : tuple of Measurement
        Those of the same thing (``of``) become one group.
    sections : tuple of Section
    observers : tuple of Observer
    status : DocumentStatus
    frame_of_reference_uid : str
        Of the points that measurements name; without it the points are left out.
    sites : mapping
        Name of a thing to the code of the structure that it is.
    segments : mapping
        Name of a thing to its segment.
    """

    measurements: tuple[Measurement, ...] = ()
    sections: tuple[Section, ...] = ()
    observers: tuple[Observer, ...] = ()
    status: DocumentStatus = field(default_factory=DocumentStatus)
    frame_of_reference_uid: str = ""
    sites: Mapping[str, Code] = field(default_factory=dict)
    segments: Mapping[str, SegmentReference] = field(default_factory=dict)


def build_structured_report(content: ReportContent, source: Source, derivation: Derivation) -> Dataset:
    """Build a Comprehensive 3D SR: imaging measurement report with narrative sections and image library.

    Each number carries its code (our own private one where the standard has none), UCUM unit, definition in words,
    uncertainty as a range (371884006, SCT), warnings, and where it was measured: points in the patient, or the
    segment of its group.

    Parameters
    ----------
    content : ReportContent
    source : Source
        Its images are the image library.
    derivation : Derivation
        Its description and codes are not used; that nobody supervised is said as a comment at the beginning.

    Returns
    -------
    pydicom Dataset
        With file meta information, ready for :func:`prosector.dicom.derived.write_dicom`.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    """
    tree = _tree(content, source, derivation)
    uid = derivation.uid("structured report", hashlib.sha256(canonical_json(tree.to_json_dict()).encode()).hexdigest())
    dataset = begin_object(Comprehensive3DSRStorage, uid, "SR", source, derivation)
    pictures = (picture for section in content.sections for picture in section.images)
    segmentations = (segment.segmentation for segment in content.segments.values())
    named = (*source_references(source), *pictures, *segmentations)
    add_document(dataset, content.status, dict.fromkeys(named), ())
    dataset.update(tree)
    add_private_scheme(dataset)
    return finish(dataset)


def _tree(content: ReportContent, source: Source, derivation: Derivation) -> Dataset:
    """The root container of TID 1500."""
    children = [language()]
    for observer in content.observers:
        children += person_context(observer)
    children += device_context(derivation.series.workstation)
    procedure = PROCEDURES.get(source.modality, codes.IMAGING_PROCEDURE)
    children.append(items.code(HAS_CONCEPT_MOD, codes.PROCEDURE_REPORTED, procedure))
    children.append(_library(source))
    if content.measurements:
        groups = _groups(content, source, derivation.series.instance_uid)
        children.append(items.container(CONTAINS, codes.IMAGING_MEASUREMENTS, groups))
    if not derivation.supervised:
        children.append(items.text(CONTAINS, codes.COMMENT, "NOT SUPERVISED: made without a physician's session."))
    children += [_section(section, derivation.series.workstation) for section in content.sections]
    root = items.container(CONTAINS, codes.IMAGING_MEASUREMENT_REPORT, children, "1500")
    del root.RelationshipType
    return root


def _library(source: Source) -> Dataset:
    """TID 1600: the source images."""
    images = [items.image(CONTAINS, None, reference) for reference in source_references(source)]
    group = items.container(CONTAINS, codes.IMAGE_LIBRARY_GROUP, images)
    return items.container(CONTAINS, codes.IMAGE_LIBRARY, [group], "1600")


def _groups(content: ReportContent, source: Source, series_uid: str) -> Iterable[Dataset]:
    """TID 1501, or TID 1411 where the thing is a segment: one group for each thing that was measured."""
    things: dict[str, list[Measurement]] = {}
    for measurement in content.measurements:
        things.setdefault(measurement.of, []).append(measurement)
    for name, measured in things.items():
        label = (name or measured[0].definition.name)[:MEANING_LENGTH]
        segment = content.segments.get(name)
        children = [
            items.text(HAS_OBS_CONTEXT, codes.TRACKING_IDENTIFIER, label),
            items.uid(HAS_OBS_CONTEXT, codes.TRACKING_UID, derived_uid("tracking", series_uid, label)),
        ]
        if segment is not None:
            children += _segment(segment, source)
        if name in content.sites:
            children.append(items.code(HAS_CONCEPT_MOD, codes.FINDING_SITE, content.sites[name]))
        children += [_number(m, content.frame_of_reference_uid) for m in measured]
        yield items.container(CONTAINS, codes.MEASUREMENT_GROUP, children, "1501" if segment is None else "1411")


def _segment(segment: SegmentReference, source: Source) -> list[Dataset]:
    return [
        items.image(CONTAINS, codes.REFERENCED_SEGMENT, segment.segmentation, segment.number),
        items.uid(CONTAINS, codes.SOURCE_SERIES, source.series_instance_uid),
    ]


def _number(measurement: Measurement, frame_of_reference: str) -> Dataset:
    """TID 300: the number and what stands behind it."""
    definition = measurement.definition
    children = []
    if definition.modifier is not None:
        children.append(items.code(HAS_CONCEPT_MOD, codes.DERIVATION, definition.modifier))
    if definition.code is not None:
        children.append(items.code(HAS_CONCEPT_MOD, codes.MEASUREMENT_METHOD, private_code(definition)))
    if measurement.uncertainty is not None:
        range_ = items.number(HAS_PROPERTIES, codes.UNCERTAINTY_RANGE, measurement.uncertainty, definition.unit)
        children.append(range_)
    told = (definition.text, *(f"Warning: {warning}" for warning in measurement.warnings))
    children += [items.text(HAS_PROPERTIES, codes.COMMENT, words) for words in told if words]
    if measurement.where_lps and frame_of_reference:
        where = items.points(INFERRED_FROM, codes.SOURCE_OF_MEASUREMENT, measurement.where_lps, frame_of_reference)
        children.append(where)
    concept = definition.code or private_code(definition)
    return items.number(CONTAINS, concept, measurement.value, definition.unit, children)


def private_code(definition: Definition) -> Code:
    """Our own code for a definition: a function of its name, the same in every document."""
    digits = hashlib.sha256(definition.name.encode()).hexdigest()[:PRIVATE_DIGITS].upper()
    return Code(f"M-{digits}", codes.PRIVATE_SCHEME, definition.name[:MEANING_LENGTH])


def _section(section: Section, station: Workstation) -> Dataset:
    """A heading with passages, each with who wrote it: a person, or the workstation."""
    element = SECTION_ELEMENTS.get(section.heading, codes.COMMENT)
    children = []
    for passage in section.passages:
        told = person_context(Observer(passage.by)) if passage.by else device_context(station)
        if passage.about:
            thing = passage.about[:MEANING_LENGTH]
            told = [items.text(HAS_OBS_CONTEXT, codes.TRACKING_IDENTIFIER, thing), *told]
        children.append(items.text(CONTAINS, element, passage.text, told))
    children += [items.image(CONTAINS, None, picture) for picture in section.images]
    return items.container(CONTAINS, section.heading, children)
