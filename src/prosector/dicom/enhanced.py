"""Frames of enhanced multi-frame objects (PS3.3 C.7.6.16), native and legacy converted."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from prosector.dicom.frames import SPLIT_KEYWORDS, Frame, place
from prosector.dicom.header import Header, tag_name
from prosector.errors import MissingAttributeError, NoDicomError
from prosector.model.geometry import Array

MAX_FRAMES = 100_000
"""More frames than this in one object are taken for a damaged header."""

# attributes of classic objects that a converted one keeps apart (PS3.3 C.7.6.16.2.25)
_UNASSIGNED = ("EchoTime", "AcquisitionNumber", "TemporalPositionIdentifier", "TriggerTime", "ConvolutionKernel", "KVP")

# functional group sequence → attributes of its item that the loader uses
_GROUPS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlanePositionVolumeSequence": ("ImagePositionVolume",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PlaneOrientationVolumeSequence": ("ImageOrientationVolume",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "FrameContentSequence": ("StackID", "TemporalPositionIndex", "DimensionIndexValues"),
    "MREchoSequence": ("EffectiveEchoTime",),
    "MRDiffusionSequence": ("DiffusionBValue", "DiffusionGradientDirectionSequence"),
    "MRVelocityEncodingSequence": ("VelocityEncodingDirection",),
    "CardiacSynchronizationSequence": ("NominalPercentageOfCardiacPhase",),
    "TemporalPositionSequence": ("TemporalPositionTimeOffset",),
    "MRImageFrameTypeSequence": ("FrameType", "ComplexImageComponent"),
    "CTImageFrameTypeSequence": ("FrameType",),
    "XRay3DFrameTypeSequence": ("FrameType",),
    "USImageDescriptionSequence": ("FrameType",),
    "PETFrameTypeSequence": ("FrameType",),
    "ParametricMapFrameTypeSequence": ("FrameType",),
    "CTReconstructionSequence": ("ConvolutionKernel",),
    "CTXRayDetailsSequence": ("KVP",),
    "MRTimingAndRelatedParametersSequence": ("FlipAngle",),
    "MRModifierSequence": ("InversionTimes",),
    "UnassignedSharedConvertedAttributesSequence": _UNASSIGNED,
    "UnassignedPerFrameConvertedAttributesSequence": _UNASSIGNED,
}
_REAL_WORLD = "RealWorldValueMappingSequence"
_SEQUENCES = {tag: name for name in (*_GROUPS, _REAL_WORLD) if (tag := tag_for_keyword(name)) is not None}
_KEY_NAMES = {"TemporalPositionTimeOffset": "TemporalPositionIndex", "InversionTimes": "InversionTime"}
_PLACES = {0x00200032, 0x00209056, 0x00209057, 0x00209301, 0x00209302}
"""Dimension indices that say where a frame lies, not which volume it belongs to."""

_VOLUME_FRAME = (
    "positions are given in the volume's own frame of reference (0020,9301), not the patient's: left, right, head "
    "and feet are not known"
)


def enhanced_frames(header: Header) -> Iterator[Frame]:
    """Yield the frames of a multi-frame object, in stored order.

    Raises
    ------
    NoDicomError
        If its functional groups cannot be read, or are not as many as its frames.
    """
    data = read_full(header)
    count = header.integer("NumberOfFrames") or 1
    per_frame = _items(data, "PerFrameFunctionalGroupsSequence")
    shared = next(iter(_items(data, "SharedFunctionalGroupsSequence")), Dataset())
    if count < 1 or count > MAX_FRAMES or len(per_frame) not in (0, count):
        raise NoDicomError(
            f"{header.name}: {tag_name('NumberOfFrames')} is {count}, but {len(per_frame)} functional groups are there"
        )
    counting = [n for n, tag in enumerate(_dimensions(data)) if tag not in _PLACES]
    base = {_REAL_WORLD: _items(data, _REAL_WORLD)} | _collect(shared)
    for number in range(count):
        found = base | _collect(per_frame[number]) if per_frame else dict(base)
        yield _frame(header, number, found, counting)


def read_full(header: Header) -> Dataset:
    """Everything before the pixel data, parsed."""
    end = header.pixels.offset if header.pixels else header.blob.size
    raw = header.blob.read(0, end)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(io.BytesIO(raw), force=True, stop_before_pixels=True)
            data.get("PerFrameFunctionalGroupsSequence")
        except Exception as error:  # pydicom raises many kinds on broken files
            raise NoDicomError(f"a DICOM file that cannot be read ({type(error).__name__})") from error
    return data


def _items(data: Dataset | dict[str, Any], keyword: str) -> list[Dataset]:
    """Items of a sequence; none where it is absent or no sequence."""
    try:
        return [item for item in data.get(keyword) or () if isinstance(item, Dataset)]
    except Exception:  # a sequence that cannot be read is as good as absent
        return []


def _dimensions(data: Dataset) -> list[int]:
    """Tags that Dimension Index Values (0020,9157) count, in their order."""
    pointers = [_value(item, "DimensionIndexPointer") for item in _items(data, "DimensionIndexSequence")]
    return [int(tag) if isinstance(tag, int) else 0 for tag in pointers]


def _value(item: Dataset, keyword: str) -> Any:
    """Value of an attribute; None where it is absent or cannot be read."""
    try:
        return item.get(keyword)
    except Exception:  # pydicom raises many kinds on broken values
        return None


def _collect(group: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for tag in group.keys():  # noqa: SIM118 (iterating a data set would parse every element)
        sequence = _SEQUENCES.get(int(tag), "")
        attributes = _GROUPS.get(sequence, ())
        items = _items(group, sequence) if attributes else []
        for name in attributes if items else ():
            value = _value(items[0], name)
            if value is not None:
                found[name] = value
        if sequence == _REAL_WORLD:
            found[_REAL_WORLD] = _items(group, sequence)
    for item in _items(found, "DiffusionGradientDirectionSequence"):
        found["DiffusionGradientOrientation"] = _value(item, "DiffusionGradientOrientation")
    return found


def _frame(header: Header, number: int, found: dict[str, Any], counting: list[int]) -> Frame:
    frame = Frame(header, number)
    frame.image_type = _texts(found.get("FrameType")) or header.values("ImageType")
    frame.slope, frame.intercept = _number(found, "RescaleSlope"), _number(found, "RescaleIntercept")
    frame.rescale_type = str(found.get("RescaleType") or header.text("RescaleType"))
    frame.thickness_mm = _number(found, "SliceThickness")
    index = _texts(found.pop("DimensionIndexValues", None))
    found["DimensionIndexValues"] = "\\".join(index[n] for n in counting if n < len(index))
    for name, value in found.items():
        key = _KEY_NAMES.get(name, name)
        if key in SPLIT_KEYWORDS and (text := "\\".join(_texts(value))):
            frame.keys[key] = text
    if frame.image_type:
        frame.keys["ImageType"] = "\\".join([*frame.image_type, *_texts(found.get("ComplexImageComponent"))])
    if "ImagePositionVolume" in found and "ImagePositionPatient" not in found:
        found["ImagePositionPatient"] = found["ImagePositionVolume"]
        found["ImageOrientationPatient"] = found.get("ImageOrientationVolume")
        frame.note = _VOLUME_FRAME
    if frame.slope is None and frame.intercept is None:
        _real_world(frame, found)
    place(frame, lambda keyword, count: _numbers(header, found, keyword, count))
    return frame


def _real_world(frame: Frame, found: dict[str, Any]) -> None:
    """Take the first linear Real World Value Mapping (PS3.3 C.7.6.16.2.11) for the rescale that is absent."""
    for item in _items(found, _REAL_WORLD):
        values = {name: _value(item, name) for name in ("RealWorldValueSlope", "RealWorldValueIntercept")}
        slope, intercept = (_number(values, name) for name in values)
        if slope is None or intercept is None or slope == 0:
            continue
        units = next(iter(_items(item, "MeasurementUnitsCodeSequence")), Dataset())
        unit = str(_value(units, "CodeValue") or "1") if _value(units, "CodingSchemeDesignator") == "UCUM" else "1"
        frame.slope, frame.intercept, frame.unit = slope, intercept, unit
        frame.note = (
            f"there is no modality rescale: values follow (0040,9096) Real World Value Mapping, in UCUM unit {unit!r}"
        )
        return


def _texts(value: Any) -> tuple[str, ...]:
    """The values of an attribute as text, whether it has one or several."""
    if value is None or value == "":
        return ()
    several = not isinstance(value, (str, bytes, Dataset)) and hasattr(value, "__iter__")
    return tuple(str(v) for v in value) if several else (str(value),)


def _number(found: dict[str, Any], name: str) -> float | None:
    try:
        value = float(found[name])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return value if np.isfinite(value) else None


def _numbers(header: Header, found: dict[str, Any], keyword: str, count: int) -> Array:
    value = found.get(keyword)
    if value is None:
        if header.has(keyword):
            return header.numbers(keyword, count)
        raise MissingAttributeError(f"{tag_name(keyword)} is absent from the functional groups of {header.name}")
    try:
        values = np.array([float(v) for v in _texts(value)], dtype=np.float64)
    except ValueError:
        values = np.empty(0)
    if len(values) != count or not np.isfinite(values).all():
        raise MissingAttributeError(f"{tag_name(keyword)} in {header.name} does not hold {count} finite numbers")
    return values
