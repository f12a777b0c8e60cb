"""A volume: voxels, where they lie and where they came from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from prosector.errors import InputError
from prosector.model.geometry import Array, Geometry, frozen
from prosector.model.source import Source

VOXEL_TYPES = ("uint8", "int16", "uint16", "float32")
"""What the kernels are compiled for."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels in modality units on a grid.

    Parameters
    ----------
    voxels : (k, j, i) array
        uint8, int16, uint16 or float32; made read-only.
    geometry : Geometry
        Same shape as the voxels.
    unit : str
        UCUM unit of a voxel value: ``[hnsf'U]`` for CT (Hounsfield), ``1`` where values are arbitrary.
    source : Source
        The series that it was read from.
    """

    voxels: Array
    geometry: Geometry
    unit: str = "1"
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        voxels = frozen(self.voxels)
        if voxels.dtype.name not in VOXEL_TYPES:
            raise InputError(f"voxels are one of {', '.join(VOXEL_TYPES)}; found {voxels.dtype.name}")
        if voxels.shape != self.geometry.shape:
            raise InputError(f"voxels of shape {voxels.shape} on a grid of shape {self.geometry.shape}")
        object.__setattr__(self, "voxels", voxels)

    @property
    def is_hounsfield(self) -> bool:
        """Whether voxel values are Hounsfield units."""
        return self.unit == HOUNSFIELD

    @property
    def background(self) -> float:
        """The value that stands for nothing there: air for CT, zero or the lowest value elsewhere."""
        return AIR_HU if self.is_hounsfield else min(0.0, float(np.nanmin(self.voxels)))


HOUNSFIELD = "[hnsf'U]"
"""UCUM for Hounsfield units."""

AIR_HU = -1024.0
"""What stands for nothing in a CT volume."""


def compact(values: Array) -> Array:
    """The smallest of int16, uint16 and float32 (uint8 stays) that holds all values, exactly where it can."""
    kind = values.dtype
    if kind.name in VOXEL_TYPES:
        return values
    if kind.kind in "iub":
        low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
        for target in (np.int16, np.uint16):
            if np.iinfo(target).min <= low and high <= np.iinfo(target).max:
                return np.asarray(values, dtype=target)
    return np.asarray(values, dtype=np.float32)
