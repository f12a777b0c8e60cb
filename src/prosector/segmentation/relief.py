"""The depth of a mask as a relief whose summits are its parts and whose passes are its necks."""

from __future__ import annotations

import numpy as np

from prosector.kernels import valleys as valley_kernels
from prosector.kernels import watershed
from prosector.kernels.distance_field import distance_field
from prosector.model.geometry import Array, frozen
from prosector.segmentation.seeds import ALL_NEIGHBOURS

LEVELS = 4096
"""Levels of a relief; the deepest voxel has the highest."""


def depth_mm(mask: Array, matrix: Array) -> Array:
    """Distance, float32 mm, of each voxel of a uint8 mask from the nearest voxel outside of it; exact on any grid.

    The border of the grid is no outside: what the field of view cuts off is as deep there as elsewhere.
    """
    out = np.empty(mask.shape, dtype=np.float32)
    distance_field(mask, matrix, out)
    out[np.isinf(out)] = 1.0
    return out


def relief_of(mask: Array, depth: Array) -> tuple[Array, float]:
    """uint16 levels of the depth: 2 and more where there is depth, 1 in the rest of the mask; and mm per level."""
    step = max(float(depth.max()), 1e-6) / (LEVELS - 3)
    level = mask.astype(np.uint16)
    deep = depth > 0
    level[deep] = 2 + np.rint(depth[deep] / step).astype(np.uint16)
    return level, step


def summit_markers(level: Array, height_levels: int) -> Array:
    """int32 markers, 1 and up, one voxel each, on the summits that stand out by at least so many levels."""
    at = np.flatnonzero(level)
    order = at[np.argsort(-level.ravel()[at].astype(np.int32), kind="stable")]
    basin = np.zeros(level.shape, dtype=np.int32)
    parent, peak = np.zeros(order.size + 1, dtype=np.int32), np.zeros(order.size + 1, dtype=np.int64)
    count = watershed.summits(order, level, ALL_NEIGHBOURS, max(1, height_levels), basin, parent, peak)
    alone = np.flatnonzero(parent[: count + 1] == np.arange(count + 1))[1:]
    basin[...] = 0
    basin.ravel()[peak[alone]] = np.arange(1, alone.size + 1)
    return basin


def run_down(level: Array, label: Array) -> Array:
    """Let int32 labels run down a relief until all that they can reach has one.

    Returns the relief in which every voxel has the lowest level on its way to its label.
    """
    reached, label_of = level.copy(), label
    size = int(level.max(initial=0)) + 1
    first, last = np.full(size, -1, dtype=np.int64), np.full(size, -1, dtype=np.int64)
    following = np.empty(level.shape, dtype=np.int32)
    watershed.flood_levels(reached, ALL_NEIGHBOURS, first, last, following, label_of)
    return reached


def valley_depth(values: Array, mask: Array, matrix: Array, width_mm: float) -> Array:
    """How far each voxel of the mask lies below the brighter values on two opposite sides of it, float32.

    Looked for along the 13 lines to the neighbours, half of ``width_mm`` and a voxel more to either side; the line on
    which it is most counts. Only the six faces' lines go to voxels that are farther apart than ``width_mm``.
    """
    steps = ALL_NEIGHBOURS[ALL_NEIGHBOURS.shape[0] // 2 :]
    lengths = np.linalg.norm(steps @ matrix.T, axis=1)
    counts = np.floor(0.5 * width_mm / lengths + 1e-6).astype(np.int64) + 1
    counts[(lengths > width_mm) & (np.abs(steps).sum(axis=1) > 1)] = 0
    out = np.empty(mask.shape, dtype=np.float32)
    chosen = counts > 0
    valley_kernels.valleys(frozen(values), mask, np.ascontiguousarray(steps[chosen]), counts[chosen], out)
    return out
