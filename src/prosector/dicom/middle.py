"""The middle slice of a stack, without reading the rest."""

from __future__ import annotations

from dataclasses import replace

from prosector.dicom.pixels import read_voxels
from prosector.dicom.stack import Stack
from prosector.model.geometry import Array, Geometry


def middle_slice(stack: Stack) -> tuple[Array, tuple[float, float]]:
    """Values (rows, columns) of the middle slice in modality units, and its (row, column) spacing in mm."""
    n = len(stack.frames) // 2
    shape = stack.geometry.shape
    geometry = Geometry((1, shape[1], shape[2]), stack.geometry.affine)
    single = replace(stack, frames=stack.frames[n : n + 1], geometry=geometry, lower=None, weight=None)
    voxels, _ = read_voxels(single, 0.0)
    return voxels[0], stack.geometry.spacing_mm[1:]
