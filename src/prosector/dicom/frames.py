"""One image plane: where it lies, how its values are scaled, and what tells its volume from others.

A classic object is one frame; an enhanced one is many, whose attributes lie in functional groups
(PS3.3 C.7.6.16).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from prosector.dicom.header import Header, tag_name
from prosector.errors import DicomInputError, MissingAttributeError
from prosector.model.geometry import Array, frozen


@dataclass(slots=True, eq=False)
class Frame:
    """A plane of pixels.

    Parameters
    ----------
    header : Header
        Of its file.
    number : int
        Index within the file, from 0.
    position, orientation, spacing_mm : array or None
        Image Position (3), Image Orientation (6), Pixel Spacing (2); None where absent.
    slope, intercept : float or None
        Modality rescale; None where absent.
    rescale_type : str
        Rescale Type (0028,1054).
    unit : str
        UCUM unit of a real world value mapping, where that takes the place of the rescale.
    keys : dict
        Attribute keyword to value: what volumes of one series differ in.
    problem : str
        Why the plane cannot be placed; empty where it can.
    note : str
        What the user should know of it.
    """

    header: Header
    number: int = 0
    position: Array | None = None
    orientation: Array | None = None
    spacing_mm: Array | None = None
    thickness_mm: float | None = None
    slope: float | None = None
    intercept: float | None = None
    keys: dict[str, str] = field(default_factory=dict)
    image_type: tuple[str, ...] = ()
    problem: str = ""
    rescale_type: str = ""
    unit: str = ""
    note: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.header.integer("Rows") or 0, self.header.integer("Columns") or 0

    @property
    def sop_instance_uid(self) -> str:
        """SOP Instance UID (0008,0018) of the file."""
        return self.header.text("SOPInstanceUID")


RIGHT_ANGLE = 0.0175
"""Cosine between rows and columns up to which they count as at a right angle: one degree."""

SPLIT_KEYWORDS = (
    "StackID",
    "TemporalPositionIndex",
    "TemporalPositionIdentifier",
    "NominalPercentageOfCardiacPhase",
    "TriggerTime",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "VelocityEncodingDirection",
    "EffectiveEchoTime",
    "EchoTime",
    "EchoNumbers",
    "InversionTime",
    "FlipAngle",
    "ImageType",
    "MonoenergeticEnergyEquivalent",
    "KVP",
    "ConvolutionKernel",
    "AcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
    "DimensionIndexValues",
)
"""What tells the volumes of a series apart, the surest first."""


FURTHEST_MM = 1e6
"""Positions beyond this are damaged."""


def place(frame: Frame, numbers: Any) -> None:
    """Fill in position, orientation and spacing; what is missing becomes the frame's problem."""
    try:
        frame.position = numbers("ImagePositionPatient", 3)
        frame.orientation = unit_axes(numbers("ImageOrientationPatient", 6), frame.header.name)
        frame.spacing_mm = numbers("PixelSpacing", 2)
        if np.abs(frame.position).max() > FURTHEST_MM:
            raise MissingAttributeError(
                f"{tag_name('ImagePositionPatient')} in {frame.header.name} is {frame.position.tolist()} mm: no place "
                "in a scanner"
            )
        if frame.spacing_mm.min() <= 0 or frame.spacing_mm.max() > FURTHEST_MM:
            raise MissingAttributeError(
                f"{tag_name('PixelSpacing')} in {frame.header.name} must be two positive numbers; "
                f"found {frame.spacing_mm.tolist()}"
            )
    except DicomInputError as error:
        frame.problem = str(error)


def unit_axes(orientation: Array, name: str) -> Array:
    """Row and column direction as unit vectors (PS3.3 C.7.6.2.1.1).

    Raises
    ------
    MissingAttributeError
        If they are no two directions at a right angle, within one degree.
    """
    axes = _unit_axes(*orientation.tolist())
    if axes is None:
        raise MissingAttributeError(
            f"{tag_name('ImageOrientationPatient')} in {name} must be two unit vectors at a right angle; "
            f"found {orientation.round(4).tolist()}"
        )
    return axes


@lru_cache(maxsize=256)
def _unit_axes(*cosines: float) -> Array | None:
    """Slices of a series share their orientation: worked out once."""
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.9 or max(lengths) > 1.1 or abs(row @ column) > RIGHT_ANGLE:
        return None
    return frozen(np.concatenate([row / lengths[0], column / lengths[1]]))
