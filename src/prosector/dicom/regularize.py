"""A tilted stack on an orthogonal grid, for filters and formats that need one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from prosector.model.geometry import Array, Geometry
from prosector.model.volume import Volume

WHOLE_PIXEL = 1e-6
"""Shifts closer than this to a whole pixel are copied, not interpolated."""


def regularize(volume: Volume) -> Volume:
    """Shear a tilted volume back onto an orthogonal grid.

    Slices keep their pixels, planes and distance; each is shifted within its plane, linearly interpolated,
    so that they stack along their normal. The grid grows to hold them all; what was not imaged becomes
    background. The volume's warnings say so. An orthogonal volume is returned as it is.

    Parameters
    ----------
    volume : Volume

    Returns
    -------
    Volume
        Same voxel type; ``geometry.is_orthogonal``.
    """
    geometry = volume.geometry
    if geometry.is_orthogonal:
        return volume
    slices, rows, columns = geometry.shape
    step, down, right = (geometry.affine[:3, n] for n in range(3))
    normal = geometry.normal_lps * np.sign(geometry.normal_lps @ step)
    aside = step - normal * (normal @ step)
    shift = np.array([aside @ down / (down @ down), aside @ right / (right @ right)])
    shift[np.abs(shift * (slices - 1)) < WHOLE_PIXEL] = 0.0
    total = shift * (slices - 1)
    first = np.floor(np.minimum(0, total)).astype(int)
    grown = np.ceil(np.maximum(0, total)).astype(int) - first
    affine = geometry.affine.copy()
    affine[:3, 0] = normal * geometry.slice_distance_mm
    affine[:3, 3] += first[0] * down + first[1] * right
    out = np.full((slices, rows + grown[0], columns + grown[1]), volume.background, dtype=volume.voxels.dtype)
    for k in range(slices):
        _shifted(volume.voxels[k], shift * k - first, out[k])
    note = (
        f"resampled onto an orthogonal grid: the shear of {geometry.tilt_degrees:.2f}° was taken out by shifting each "
        "slice within its plane"
    )
    warnings = tuple(w for w in volume.source.warnings if "kept as acquired" not in w)
    source = replace(volume.source, warnings=(*warnings, note))
    return Volume(out, Geometry(out.shape, affine, geometry.frame_of_reference_uid), volume.unit, source)


def _shifted(plane: Array, offset: Array, out: Array) -> None:
    """Lay a plane into ``out``, moved by (rows, columns) that need not be whole."""
    whole = np.floor(offset + WHOLE_PIXEL).astype(int)
    part = np.clip(offset - whole, 0, 1)
    rows, columns = plane.shape
    background = float(out.flat[0])
    framed = np.full((rows + 2, columns + 2), background)
    framed[1:-1, 1:-1] = plane
    along = framed[1:] * (1 - part[0]) + framed[:-1] * part[0]
    moved = along[:, 1:] * (1 - part[1]) + along[:, :-1] * part[1]
    height, width = min(rows + 1, out.shape[0] - whole[0]), min(columns + 1, out.shape[1] - whole[1])
    target = out[whole[0] : whole[0] + height, whole[1] : whole[1] + width]
    target[...] = np.rint(moved[:height, :width]) if out.dtype.kind in "iu" else moved[:height, :width]
