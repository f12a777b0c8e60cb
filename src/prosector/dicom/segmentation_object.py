"""Label maps as DICOM Segmentation (PS3.3 A.51), and back.

highdicom encodes the frames and functional groups. It asks for the source images' headers; those parts
of them that it reads are made here from Source and Geometry, so that nothing is read from disk again and
the builder stays pure. Each frame carries its own position, so a stack under gantry tilt needs no
resampling. Positions are those of the volume's grid, from which the scanner's own may deviate by rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr import CodedConcept
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.uid import UID, CTImageStorage
from pydicom.valuerep import DS

from prosector._version import __version__
from prosector.dicom.codes import NEIGHBORHOOD_ANALYSIS, SEGMENTATION
from prosector.dicom.derived import LO_LENGTH, Derivation, DerivedSeries, finish, require_dicom
from prosector.dicom.modules import add_context, add_derivation, add_source_images, put
from prosector.dicom.segmentation_read import read_segmentation as read_segmentation
from prosector.dicom.uids import derived_uid
from prosector.errors import EmptyResultError, GeometryError, InputError
from prosector.model.digest import digest
from prosector.model.geometry import ORTHOGONAL_TOLERANCE, Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.source import Source
from prosector.model.structures import Code


def build_segmentation(labelmap: LabelMap, source: Source, derivation: Derivation) -> Dataset:
    """Build a binary DICOM Segmentation: one segment for each of the label map, empty frames left out.

    Segment numbers become 1, 2, … in the order of the label map's segments, as DICOM requires.

    Parameters
    ----------
    labelmap : LabelMap
        On the grid of the volume that was read from ``source``.
    source : Source
    derivation : Derivation
        Its one code is that of segmentation, whatever is given.

    Returns
    -------
    pydicom Dataset
        With file meta information, ready for :func:`prosector.dicom.derived.write_dicom`.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    EmptyResultError
        If no voxel is labelled.
    GeometryError
        If rows and columns are not at right angles, which Image Orientation (Patient) cannot state.
    InputError
        If a label has no segment.
    """
    require_dicom(source)
    labels = _numbered_from_one(labelmap)
    uid = derivation.uid("segmentation", digest(labelmap))
    with config.disable_value_validation():  # the source's UIDs are carried as found
        dataset = _encode(labelmap, labels, source, derivation.series, uid)
    dataset.InstanceNumber = derivation.instance_number
    _replace_context(dataset, source, derivation)
    add_derivation(dataset, derivation.description, [SEGMENTATION], derivation.supervised)
    _name_source_class(dataset, labelmap.geometry, source)
    return finish(dataset)


def _encode(labelmap: LabelMap, labels: Array, source: Source, series: DerivedSeries, uid: str) -> Segmentation:
    """The object as highdicom makes it."""
    station = series.workstation
    return Segmentation(
        source_images=_headers(labelmap.geometry, source),
        pixel_array=labels,
        segmentation_type="BINARY",
        segment_descriptions=[_description(s, n, uid) for n, s in enumerate(labelmap.segments, 1)],
        series_instance_uid=series.instance_uid,
        series_number=series.number,
        sop_instance_uid=uid,
        instance_number=1,
        manufacturer=station.manufacturer,
        manufacturer_model_name=station.model,
        software_versions=station.software_version,
        device_serial_number=station.serial_number,
        content_label="SEGMENTATION",
        content_description=series.description,
        omit_empty_frames=True,
    )


def _numbered_from_one(labelmap: LabelMap) -> Array:
    """Labels with segments numbered 1, 2, …; checks that each label has its segment and some are set."""
    present = np.zeros(65536, dtype=bool)
    for plane in labelmap.labels:  # slice by slice: no copy of the volume
        present[np.unique(plane)] = True
    if not present[1:].any():
        raise EmptyResultError("the label map is empty: a segmentation without a voxel cannot be written")
    numbers = [s.number for s in labelmap.segments]
    unknown = sorted(set(np.flatnonzero(present).tolist()) - {0} - set(numbers))
    if unknown:
        raise InputError(f"labels {unknown[:10]} have no segment; name each label that occurs")
    if numbers == list(range(1, len(numbers) + 1)):
        return labelmap.labels
    table = np.zeros(max(numbers) + 1, dtype=np.uint8 if len(numbers) < 256 else np.uint16)
    table[numbers] = np.arange(1, len(numbers) + 1)
    return np.asarray(table[labelmap.labels])


def _headers(geometry: Geometry, source: Source) -> list[Dataset]:
    """What highdicom reads of the source images: one header for each slice of the grid."""
    step_k, step_j, step_i = (geometry.affine[:3, n] for n in range(3))
    spacing_j, spacing_i = float(np.linalg.norm(step_j)), float(np.linalg.norm(step_i))
    if abs(step_j @ step_i) / (spacing_j * spacing_i) > ORTHOGONAL_TOLERANCE:
        raise GeometryError("DICOM images have rows and columns at right angles; resample the grid first")
    orientation = _decimal([*(step_i / spacing_i), *(step_j / spacing_j)])
    count = geometry.shape[0]
    uids = source.sop_instance_uids
    headers = []
    for k in range(count):
        header = Dataset()
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"):
            setattr(header, keyword, None)
        for keyword in ("StudyID", "StudyDate", "StudyTime"):
            setattr(header, keyword, None)
        header.StudyInstanceUID = source.study.instance_uid
        header.SeriesInstanceUID = source.series_instance_uid
        header.SOPClassUID = CTImageStorage  # a plain slice, whatever it was cut from; _name_source_class says
        header.SOPInstanceUID = uids[k if len(uids) == count else 0]
        header.Modality = source.modality
        header.FrameOfReferenceUID = _frame_of_reference(geometry, source)
        header.Rows, header.Columns = geometry.shape[1:]
        header.ImageOrientationPatient = orientation
        header.ImagePositionPatient = _decimal(geometry.affine[:3, 3] + k * step_k)
        header.PixelSpacing = _decimal([spacing_j, spacing_i])
        # the grid's own: the scanner's Slice Thickness may overlap or leave gaps
        header.SliceThickness, header.SpacingBetweenSlices = _decimal([geometry.slice_distance_mm] * 2)
        headers.append(header)
    return headers


def _frame_of_reference(geometry: Geometry, source: Source) -> str:
    """The source's, or one that stands for its series where the scanner gave none."""
    return geometry.frame_of_reference_uid or derived_uid("frame of reference", source.series_instance_uid)


def _decimal(values: Sequence[float] | Array) -> list[Any]:
    """Decimal strings of at most 16 characters."""
    return [DS(float(v), auto_format=True) for v in values]


def _description(segment: Segment, number: int, object_uid: str) -> SegmentDescription:
    structure = segment.structure
    algorithm = None
    if segment.algorithm_type != "MANUAL":
        algorithm = AlgorithmIdentificationSequence(
            name=segment.algorithm_name[:LO_LENGTH] or "unknown",
            family=_concept(NEIGHBORHOOD_ANALYSIS),
            version=__version__,
            source="Prosector",
        )
    described = SegmentDescription(
        segment_number=number,
        segment_label=segment.name[:LO_LENGTH],
        segmented_property_category=_concept(structure.category),
        segmented_property_type=_concept(structure.type),
        algorithm_type=segment.algorithm_type,
        algorithm_identification=algorithm,
        tracking_uid=derived_uid("segment", object_uid, str(number)),
        tracking_id=segment.name[:LO_LENGTH],
        display_color=CIELabColor.from_rgb(*structure.color_rgb),
    )
    if structure.modifier is not None:  # PS3.3 table 10.30-1 nests it in the type
        described.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [
            _concept(structure.modifier)
        ]
    return described


def _concept(code: Code) -> CodedConcept:
    return CodedConcept(code.value, code.scheme, code.meaning)


def _replace_context(dataset: Dataset, source: Source, derivation: Derivation) -> None:
    """Replace what highdicom took from the made-up headers and from its own clock and random numbers."""
    add_context(dataset, "SEG", source, derivation)
    add_source_images(dataset, source, spatial_locations_preserved="YES")
    organization = UID(derived_uid("dimensions", dataset.SOPInstanceUID))
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization


def _name_source_class(dataset: Dataset, geometry: Geometry, source: Source) -> None:
    """Give each frame's reference the SOP class of the source; drop it where no frame is one source image."""
    cropped_or_resampled = len(source.sop_instance_uids) not in (1, geometry.shape[0])
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        if cropped_or_resampled:
            del frame.DerivationImageSequence
        else:
            reference = frame.DerivationImageSequence[0].SourceImageSequence[0]
            put(reference, "ReferencedSOPClassUID", source.sop_class_uid)
