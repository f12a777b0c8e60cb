"""Frames of enhanced multi-frame objects (PS3.3 C.7.6.16), native and legacy converted."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from prosector.dicom.frames import SPLIT_KEYWORDS, Frame, place
from prosector.dicom.header import Header, tag_name
from prosector.errors import MissingAttributeError, NoDicomError
from prosector.model.geometry import Array

MAX_FRAMES = 100_000
"""More frames than this in one object are taken for a damaged header."""

# functional group sequence → attributes of its item that the loader uses
_GROUPS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlanePositionVolumeSequence": ("ImagePositionVolume",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PlaneOrientationVolumeSequence": ("ImageOrientationVolume",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "FrameContentSequence": ("StackID", "TemporalPositionIndex"),
    "MREchoSequence": ("EffectiveEchoTime",),
    "MRDiffusionSequence": ("DiffusionBValue",),
    "CardiacSynchronizationSequence": ("NominalPercentageOfCardiacPhase",),
    "TemporalPositionSequence": ("TemporalPositionTimeOffset",),
    "MRImageFrameTypeSequence": ("FrameType", "ComplexImageComponent"),
    "CTImageFrameTypeSequence": ("FrameType",),
    "CTExposureSequence": ("ExposureInmAs",),
    "CTXRayDetailsSequence": ("KVP",),
    "MRTimingAndRelatedParametersSequence": ("FlipAngle",),
    "MRModifierSequence": ("InversionTimes",),
    "UnassignedSharedConvertedAttributesSequence": (),
    "UnassignedPerFrameConvertedAttributesSequence": ("EchoTime", "AcquisitionNumber", "TemporalPositionIdentifier"),
}
_KEY_NAMES = {"TemporalPositionTimeOffset": "TemporalPositionIndex", "InversionTimes": "InversionTime"}


def enhanced_frames(header: Header) -> Iterator[Frame]:
    """Yield the frames of a multi-frame object, in stored order."""
    data = read_full(header)
    count = header.integer("NumberOfFrames") or 1
    per_frame = data.get("PerFrameFunctionalGroupsSequence") or []
    shared = next(iter(data.get("SharedFunctionalGroupsSequence") or []), Dataset())
    if count < 1 or count > MAX_FRAMES or len(per_frame) not in (0, count):
        raise NoDicomError(f"{tag_name('NumberOfFrames')} is {count}, but {len(per_frame)} functional groups are there")
    base = _collect(shared)
    for number in range(count):
        yield _frame(header, number, base | _collect(per_frame[number]) if len(per_frame) else base)


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


def _collect(group: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for sequence, attributes in _GROUPS.items():
        try:
            items = group.get(sequence)
            for name in attributes if items else ():
                value = items[0].get(name)
                if value is not None:
                    found[name] = value
        except Exception:  # noqa: S112 (a group that cannot be read is as good as absent)
            continue
    return found


def _frame(header: Header, number: int, found: dict[str, Any]) -> Frame:
    frame = Frame(header, number)
    frame.image_type = tuple(str(v) for v in found.get("FrameType", ())) or header.values("ImageType")
    frame.slope, frame.intercept = _number(found, "RescaleSlope"), _number(found, "RescaleIntercept")
    frame.thickness_mm = _number(found, "SliceThickness")
    for name, value in found.items():
        key = _KEY_NAMES.get(name, name)
        if key in SPLIT_KEYWORDS and str(value):
            frame.keys[key] = str(value)
    if frame.image_type:
        frame.keys["ImageType"] = "\\".join([*frame.image_type, str(found.get("ComplexImageComponent", ""))])
    found.setdefault("ImagePositionPatient", found.get("ImagePositionVolume"))
    found.setdefault("ImageOrientationPatient", found.get("ImageOrientationVolume"))
    place(frame, lambda keyword, count: _numbers(header, found, keyword, count))
    return frame


def _number(found: dict[str, Any], name: str) -> float | None:
    try:
        value = float(found[name])
    except (KeyError, TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def _numbers(header: Header, found: dict[str, Any], keyword: str, count: int) -> Array:
    value = found.get(keyword)
    if value is None:
        if header.has(keyword):
            return header.numbers(keyword, count)
        raise MissingAttributeError(f"{tag_name(keyword)} is absent from the functional groups of {header.name}")
    values = np.array([float(v) for v in value], dtype=np.float64)
    if len(values) != count or not np.isfinite(values).all():
        raise MissingAttributeError(f"{tag_name(keyword)} in {header.name} does not hold {count} finite numbers")
    return values
