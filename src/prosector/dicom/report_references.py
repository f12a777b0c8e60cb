"""References from documents to what they speak of: images of the base study, archived pictures, segments, documents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import SegmentationStorage

from prosector.dicom.codes import code_sequence
from prosector.dicom.modules import image_reference, put
from prosector.errors import NoDicomError
from prosector.model.source import Source
from prosector.model.structures import Code

DOCUMENT_CLASSES = ("1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.", "1.2.840.10008.5.1.4.1.1.11.")
"""Beginnings of SOP Class UIDs of what is no image: reports, encapsulated documents, presentation states."""


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """One instance and where it is filed; ``segments`` are numbers and labels of a segmentation's segments."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    segments: tuple[tuple[int, str], ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether it is referred to as an image, rather than as another composite object."""
        return not self.sop_class_uid.startswith(DOCUMENT_CLASSES)


def read_reference(path: str | Path) -> ObjectReference:
    """The reference to a DICOM file; its pixels are not read.

    Raises
    ------
    NoDicomError
        If the file is not there or not DICOM.
    """
    try:
        data = pydicom.dcmread(path, stop_before_pixels=True)
    except (OSError, InvalidDicomError) as error:
        raise NoDicomError(f"{Path(path).name} cannot be read as DICOM, so no document can refer to it") from error
    segments = data.SegmentSequence if data.SOPClassUID == SegmentationStorage else ()
    return ObjectReference(
        data.SOPClassUID,
        data.SOPInstanceUID,
        data.SeriesInstanceUID,
        data.StudyInstanceUID,
        tuple((int(item.SegmentNumber), str(item.SegmentLabel)) for item in segments),
    )


def reference_of(dataset: Dataset) -> ObjectReference:
    """The reference to an object that was just built."""
    return ObjectReference(
        dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID
    )


def source_references(source: Source) -> tuple[ObjectReference, ...]:
    """The images of the source series."""
    place = (source.series_instance_uid, source.study.instance_uid)
    return tuple(ObjectReference(source.sop_class_uid, uid, *place) for uid in dict.fromkeys(source.sop_instance_uids))


def evidence(references: Iterable[ObjectReference]) -> list[Dataset]:
    """Items of a Hierarchical SOP Instance Reference (PS3.3 C.17.2.1): studies, their series, their instances."""
    studies: dict[str, dict[str, dict[str, ObjectReference]]] = {}
    for reference in references:
        series = studies.setdefault(reference.study_instance_uid, {}).setdefault(reference.series_instance_uid, {})
        series[reference.sop_instance_uid] = reference
    items = []
    for study_uid, all_series in studies.items():
        study = Dataset()
        put(study, "StudyInstanceUID", study_uid)
        study.ReferencedSeriesSequence = [_series_item(uid, found.values()) for uid, found in all_series.items()]
        items.append(study)
    return items


def _series_item(series_uid: str, references: Iterable[ObjectReference]) -> Dataset:
    series = Dataset()
    put(series, "SeriesInstanceUID", series_uid)
    series.ReferencedSOPSequence = [image_reference(r.sop_class_uid, r.sop_instance_uid) for r in references]
    return series


def purposed(references: Iterable[ObjectReference], purpose: Code) -> list[Dataset]:
    """Items that name instances, each with the purpose of the reference."""
    items = []
    for reference in references:
        item = image_reference(reference.sop_class_uid, reference.sop_instance_uid)
        item.PurposeOfReferenceCodeSequence = code_sequence([purpose])
        items.append(item)
    return items
