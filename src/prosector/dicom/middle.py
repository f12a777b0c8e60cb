"""The middle slice of a stack, without reading the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from prosector.dicom.pixels import read_voxels
from prosector.dicom.stack import Stack
from prosector.model.geometry import Array, Geometry
from prosector.model.volume import AIR_HU


def middle_slice(stack: Stack) -> tuple[Array, tuple[float, float]]:
    """Values (rows, columns) of the middle slice, for CT not below air, and its (row, column) spacing in mm."""
    n = len(stack.frames) // 2
    shape = stack.geometry.shape
    geometry = Geometry((1, shape[1], shape[2]), stack.geometry.affine)
    single = replace(stack, frames=stack.frames[n : n + 1], geometry=geometry, lower=None, weight=None)
    is_ct = stack.frames[n].header.text("Modality") == "CT"
    voxels, _ = read_voxels(single, AIR_HU if is_ct else 0.0)
    plane = np.clip(voxels[0], AIR_HU, None) if is_ct else voxels[0]  # some fill the corners far below air
    return plane, stack.geometry.spacing_mm[1:]
