"""Masks in millimetres: growing, shrinking, opening, filling, and keeping what lies inside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from prosector.errors import ParameterError
from prosector.kernels import morphology
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume

LARGEST_BALL = 160
"""A ball of more voxels than this is applied in several smaller steps."""

SLAB_BYTES = 32 << 20
"""Masks of a whole volume are grown slab by slab, so that only this much is held twice."""


def ball_offsets(matrix: Array, radius_mm: float) -> Array:
    """(n, 3) index offsets (k, j, i) that lie within ``radius_mm``.

    ``matrix`` is the 3×3 part of the affine, so that anisotropic and sheared (tilted) grids get a ball in
    the patient, not in the array.
    """
    reach = np.floor(radius_mm * np.linalg.norm(np.linalg.inv(matrix), axis=1) + 1e-6).astype(int)
    index = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.linalg.norm(index @ matrix.T, axis=1) <= radius_mm * (1 + 1e-6)
    return np.ascontiguousarray(index[inside], dtype=np.int64)


def grow(mask: Array, matrix: Array, radius_mm: float) -> Array:
    """Dilate a (k, j, i) uint8 mask by a ball; large balls are approached by several small ones."""
    for offsets in _ball_steps(matrix, radius_mm):
        out = np.empty(mask.shape, dtype=np.uint8)
        morphology.dilate(mask, offsets, out)
        mask = out
    return mask


def shrink(mask: Array, matrix: Array, radius_mm: float) -> Array:
    """Erode a (k, j, i) uint8 mask by a ball. The grid's border does not erode."""
    for offsets in _ball_steps(matrix, radius_mm):
        out = np.empty(mask.shape, dtype=np.uint8)
        morphology.erode(mask, offsets, out)
        mask = out
    return mask


def opened(mask: Array, matrix: Array, radius_mm: float) -> Array:
    """Remove what is thinner than twice the radius."""
    return grow(shrink(mask, matrix, radius_mm), matrix, radius_mm)


def closed(mask: Array, matrix: Array, radius_mm: float) -> Array:
    """Fill gaps that are narrower than twice the radius."""
    return shrink(grow(mask, matrix, radius_mm), matrix, radius_mm)


def opened_in_plane(mask: Array, matrix: Array, radius_mm: float) -> Array:
    """Open each slice k by itself with a disc."""
    disc = _disc(matrix, radius_mm)
    thick, out = np.empty_like(mask), np.empty_like(mask)
    morphology.erode(mask, disc, thick)
    morphology.dilate(thick, disc, out)
    return out


def closed_in_plane(mask: Array, matrix: Array, radius_mm: float) -> Array:
    """Close each slice k by itself with a disc that reaches at least to the next pixel."""
    disc = _disc(matrix, radius_mm, neighbours=True)
    wide, out = np.empty_like(mask), np.empty_like(mask)
    morphology.dilate(mask, disc, wide)
    morphology.erode(wide, disc, out)
    return out


def filled_slices(mask: Array, axis: int = 0) -> Array:
    """Fill the holes of each slice across ``axis``: what its border cannot reach over 4 neighbours."""
    across = np.ascontiguousarray(np.moveaxis(mask, axis, 0))
    out = np.empty_like(across)
    morphology.fill_slices(across, out)
    return np.ascontiguousarray(np.moveaxis(out, 0, axis))


def keep_inside(volume: Volume, labelmap: LabelMap, margin_mm: float = 0.0) -> Volume:
    """Replace what lies outside the labels by the volume's background (air for CT).

    Parameters
    ----------
    volume : Volume
    labelmap : LabelMap
        On the volume's grid; every label counts.
    margin_mm : float
        Keep this much around the labels too. One voxel's diagonal keeps the partial-volume ramp of the
        skin, so that surfaces and gradients of the result are those of the original.

    Returns
    -------
    Volume
        Same grid, unit, type and source.

    Raises
    ------
    GeometryError
        If the labels lie on another grid.
    ParameterError
        If the margin is negative or not a number.
    """
    volume.geometry.require_same(labelmap.geometry, "the label map")
    if not (np.isfinite(margin_mm) and margin_mm >= 0):
        raise ParameterError(f"a margin is 0 mm or more; found {margin_mm}")
    voxels = volume.voxels
    out = np.empty_like(voxels)
    matrix = volume.geometry.affine[:3, :3]
    background = volume.background
    if np.issubdtype(voxels.dtype, np.integer):
        background = float(np.clip(background, np.iinfo(voxels.dtype).min, np.iinfo(voxels.dtype).max))
    halo = int(np.floor(margin_mm * np.linalg.norm(np.linalg.inv(matrix)[0]) + 1e-6)) + 1
    thick = max(halo, SLAB_BYTES // max(1, voxels.shape[1] * voxels.shape[2]))
    for first in range(0, voxels.shape[0], thick):
        last = min(first + thick, voxels.shape[0])
        top = max(0, first - halo)
        mask = np.ascontiguousarray(labelmap.labels[top : last + halo] > 0).view(np.uint8)
        near = grow(mask, matrix, margin_mm)[first - top : last - top]
        morphology.where_inside(voxels[first:last], near, background, out[first:last])
    return replace(volume, voxels=out)


def _disc(matrix: Array, radius_mm: float, *, neighbours: bool = False) -> Array:
    """In-plane offsets within the radius; ``neighbours`` are in it even where they are farther away."""
    ball = ball_offsets(matrix, radius_mm)
    disc = ball[ball[:, 0] == 0]
    if neighbours:
        cross = np.array([[0, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
        disc = np.unique(np.concatenate([disc, cross]), axis=0)
    return np.ascontiguousarray(disc)


def _ball_steps(matrix: Array, radius_mm: float) -> list[Array]:
    """Offsets of balls that, applied one after the other, reach ``radius_mm``."""
    if radius_mm <= 0:
        return []
    voxel_mm3 = abs(float(np.linalg.det(matrix)))
    small = (LARGEST_BALL * voxel_mm3 * 0.75 / np.pi) ** (1 / 3)
    longest = float(np.linalg.norm(matrix, axis=0).max())
    # a step shorter than the longest voxel side would never cross to the next slice
    steps = max(1, min(int(np.rint(radius_mm / small)), int(radius_mm / longest)))
    balls = [ball_offsets(matrix, radius_mm / steps)] * steps
    return [b for b in balls if len(b) > 1]
