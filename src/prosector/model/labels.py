"""Which voxels belong to which structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import InputError
from prosector.model.geometry import Array, Geometry, frozen
from prosector.model.structures import Structure


@dataclass(frozen=True, slots=True)
class Segment:
    """One structure of a label map.

    ``algorithm_type`` is MANUAL, SEMIAUTOMATIC or AUTOMATIC (PS3.3 C.8.20.2); ``algorithm_name`` is empty
    only for MANUAL.
    """

    number: int
    name: str
    structure: Structure
    algorithm_type: str = "AUTOMATIC"
    algorithm_name: str = ""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Labels on exactly the grid of their volume; 0 is background.

    Parameters
    ----------
    labels : (k, j, i) array of uint8 or uint16
    geometry : Geometry
    segments : tuple of Segment
        One for each label number that may occur.
    """

    labels: Array
    geometry: Geometry
    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if labels.dtype == np.bool_:
            labels = labels.view(np.uint8)
        if labels.dtype.name not in ("uint8", "uint16"):
            raise InputError(f"labels are uint8 or uint16; found {labels.dtype.name}")
        if labels.shape != self.geometry.shape:
            raise InputError(f"labels of shape {labels.shape} on a grid of shape {self.geometry.shape}")
        numbers = [s.number for s in self.segments]
        if len(set(numbers)) != len(numbers) or (numbers and min(numbers) < 1):
            raise InputError(f"segment numbers are distinct and start at 1; found {numbers}")
        object.__setattr__(self, "labels", frozen(labels))

    def mask(self, name: str | None = None) -> Array:
        """Boolean (k, j, i) mask of one segment by name, or of all of them."""
        if name is None:
            return np.asarray(self.labels > 0)
        return np.asarray(self.labels == self.number(name))

    def number(self, name: str) -> int:
        """Number of the segment of that name, or InputError."""
        for segment in self.segments:
            if segment.name == name:
                return segment.number
        raise InputError(f"no segment {name!r} here; there are: {', '.join(s.name for s in self.segments)}")

    def volumes_mm3(self) -> dict[str, float]:
        """Voxel count of each segment times the voxel's volume."""
        counts = np.zeros(65536, dtype=np.int64)
        for plane in self.labels:  # bincount widens its input eightfold: never the whole volume at once
            counts += np.bincount(plane.ravel(), minlength=counts.size)
        return {s.name: float(counts[s.number]) * self.geometry.voxel_volume_mm3 for s in self.segments}
