"""A DICOM Segmentation as a label map on a volume's grid, whoever wrote it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
from highdicom.color import CIELabColor
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from prosector.errors import FileFormatError, GeometryError, MissingCodecError
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import Code, Structure, structure_coded

SEGMENTATION_STORAGE = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation and Label Map Segmentation."""

SAME_PLACE_VOXELS = 0.1
"""A frame lies on a slice of the grid when its corners are no further off than this part of a voxel."""

_GREY = (170, 170, 170)


def read_segmentation(path: str | Path, geometry: Geometry) -> LabelMap:
    """Read a DICOM Segmentation (binary or label map) that was made on the grid of a volume.

    Parameters
    ----------
    path : path
        One DICOM file.
    geometry : Geometry
        The volume's grid. Every frame must lie on one of its slices; slices without a frame are empty.

    Returns
    -------
    LabelMap
        Labels are the file's segment numbers; names, codes, colours and algorithms are the file's.

    Raises
    ------
    FileFormatError
        If the file is no such object, is fractional, or its segments overlap (a label map holds one
        label for each voxel).
    GeometryError
        If a frame lies elsewhere, or in another frame of reference.
    MissingCodecError
        If the frames are compressed and no decoder is installed.
    """
    dataset = _open(Path(path))
    segments = tuple(_segment(item) for item in dataset.SegmentSequence if int(item.SegmentNumber) > 0)
    _check_frame_of_reference(dataset, geometry)
    highest = max((s.number for s in segments), default=0)
    labels = np.zeros(geometry.shape, dtype=np.uint8 if highest < 256 else np.uint16)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for frame, groups in zip(_frames(dataset), dataset.PerFrameFunctionalGroupsSequence, strict=True):
        plane = labels[_slice_of(frame.shape, groups, shared, geometry)]
        if dataset.SegmentationType == "BINARY":
            number = int(_group(groups, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber)
            frame = frame.astype(plane.dtype) * plane.dtype.type(number)
        if ((frame > 0) & (plane > 0)).any():
            raise FileFormatError(
                "segments of the DICOM Segmentation overlap, and a label map holds one label for each voxel; "
                "read a file whose (0062,0013) Segments Overlap is NO"
            )
        np.maximum(plane, frame, out=plane, casting="unsafe")
    return LabelMap(labels, geometry, segments)


def _open(path: Path) -> Dataset:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's value rules
            dataset = pydicom.dcmread(path)
    except FileNotFoundError as error:
        raise FileFormatError(f"cannot read {path}: there is no such file") from error
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise FileFormatError(f"cannot read {path}: not a readable DICOM file") from error
    if dataset.get("SOPClassUID") not in SEGMENTATION_STORAGE:
        raise FileFormatError(f"{path} is DICOM, but (0008,0016) SOP Class UID is not that of a Segmentation")
    kind = dataset.get("SegmentationType")
    if kind not in ("BINARY", "LABELMAP"):
        raise FileFormatError(
            f"{path}: (0062,0001) Segmentation Type is {kind}; only BINARY and LABELMAP name one label for a voxel"
        )
    needed = ("SegmentSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PixelData")
    missing = [keyword for keyword in needed if keyword not in dataset]
    if missing:
        raise FileFormatError(f"{path}: the DICOM Segmentation has no {', no '.join(missing)}")
    return dataset


def _frames(dataset: Dataset) -> Iterator[Array]:
    """Frames (rows, columns), one at a time, so that a long segmentation is never unpacked whole."""
    if dataset.BitsAllocated == 1 and not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        yield from _unpacked(dataset)
        return
    frames = iter_pixels(dataset)
    while True:
        try:
            yield next(frames)
        except StopIteration:
            return
        except RuntimeError as error:
            syntax = dataset.file_meta.TransferSyntaxUID.name
            raise MissingCodecError(
                f"no decoder for {syntax}: install one with pip install 'prosector[codecs]'"
            ) from error
        except Exception as error:
            raise FileFormatError("(7FE0,0010) Pixel Data of the DICOM Segmentation cannot be decoded") from error


def _unpacked(dataset: Dataset) -> Iterator[Array]:
    """Frames of one bit a pixel, low bit first; frames follow one another within a byte (PS3.5 8.1.1).

    By hand, since pydicom refuses frames that do not end with a byte.
    """
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    size = rows * columns
    packed = np.frombuffer(dataset.PixelData, dtype=np.uint8)
    count = int(dataset.NumberOfFrames)
    if packed.size * 8 < size * count:
        raise FileFormatError(f"(7FE0,0010) Pixel Data holds {packed.size} bytes, too few for {count} frames")
    for n in range(count):
        first, last = n * size, (n + 1) * size
        bits = np.unpackbits(packed[first // 8 : -(-last // 8)], bitorder="little")
        yield bits[first % 8 : first % 8 + size].reshape(rows, columns)


def _group(groups: Dataset, shared: Dataset, keyword: str) -> Dataset:
    """A functional group of a frame, from the frame itself or shared by all (PS3.3 C.7.6.16)."""
    for holder in (groups, shared):
        if holder.get(keyword):
            item: Dataset = holder[keyword].value[0]
            return item
    raise FileFormatError(f"the DICOM Segmentation has no {keyword}")


def _slice_of(shape: tuple[int, ...], groups: Dataset, shared: Dataset, geometry: Geometry) -> int:
    """The slice k on which a frame lies, by three of its corners (C.7.6.2.1.1)."""
    if shape != geometry.shape[1:]:
        raise GeometryError(
            f"frames of {shape[0]}×{shape[1]} rows and columns, slices of {geometry.shape[1]}×{geometry.shape[2]}; "
            "use a segmentation made from the same series"
        )
    position = np.array(_group(groups, shared, "PlanePositionSequence").ImagePositionPatient, dtype=np.float64)
    cosines = np.array(_group(groups, shared, "PlaneOrientationSequence").ImageOrientationPatient, dtype=np.float64)
    spacing = [float(v) for v in _group(groups, shared, "PixelMeasuresSequence").PixelSpacing]
    rows, columns = shape
    corners = position + np.array(
        [np.zeros(3), cosines[:3] * spacing[1] * (columns - 1), cosines[3:] * spacing[0] * (rows - 1)]
    )
    index = geometry.to_index(corners)
    k = round(float(index[0, 0]))
    off = np.abs(index - [[k, 0, 0], [k, 0, columns - 1], [k, rows - 1, 0]]).max()
    if not 0 <= k < geometry.shape[0] or off > SAME_PLACE_VOXELS:
        raise GeometryError(
            f"a frame at {[round(float(v), 2) for v in position]} mm lies on no slice of the volume; "
            "use a segmentation made from the same series"
        )
    return k


def _check_frame_of_reference(dataset: Dataset, geometry: Geometry) -> None:
    theirs, ours = dataset.get("FrameOfReferenceUID"), geometry.frame_of_reference_uid
    if theirs and ours and theirs != ours:
        raise GeometryError(
            f"(0020,0052) Frame of Reference UID is {theirs} in the segmentation and {ours} in the volume: "
            "their positions cannot be compared; use a segmentation made from the same series"
        )


def _segment(item: Dataset) -> Segment:
    number = int(item.SegmentNumber)
    kind = str(item.get("SegmentAlgorithmType") or "SEMIAUTOMATIC")
    name = str(item.get("SegmentAlgorithmName") or "")
    if kind != "MANUAL" and not name:
        name = "not stated"
    return Segment(number, str(item.get("SegmentLabel") or f"segment {number}"), _structure(item), kind, name)


def _structure(item: Dataset) -> Structure:
    """Our row where the codes are those of one, else one made of the file's codes and colour."""
    category = _code(item, "SegmentedPropertyCategoryCodeSequence")
    kind = _code(item, "SegmentedPropertyTypeCodeSequence")
    modifiers = item.SegmentedPropertyTypeCodeSequence[0].get("SegmentedPropertyTypeModifierCodeSequence") or []
    modifier = _concept(modifiers[0]) if len(modifiers) == 1 else None
    known = (
        structure_coded(category, kind, modifier, str(item.get("SegmentLabel") or "")) if len(modifiers) < 2 else None
    )
    if known is not None:
        return known
    color = item.get("RecommendedDisplayCIELabValue")
    rgb = CIELabColor.from_dicom_value(list(map(int, color))).to_rgb(clip=True) if color else _GREY
    return Structure(kind.meaning.lower(), category, kind, (int(rgb[0]), int(rgb[1]), int(rgb[2])), modifier)


def _code(item: Dataset, keyword: str) -> Code:
    if not item.get(keyword):
        raise FileFormatError(f"a segment of the DICOM Segmentation has no {keyword}")
    return _concept(item[keyword].value[0])


def _concept(concept: Dataset) -> Code:
    value = concept.get("CodeValue") or concept.get("LongCodeValue") or concept.get("URNCodeValue")
    return Code(str(value), str(concept.get("CodingSchemeDesignator") or ""), str(concept.get("CodeMeaning") or ""))
