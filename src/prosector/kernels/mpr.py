"""Planes and curved surfaces through a volume, of any thickness."""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, outlined, parallel_kernel
from prosector.kernels.rays import fixed, grid_of, sample

MEAN, GREATEST, LEAST = 0, 1, 2
"""What a thick slab shows."""


@leaf
def is_in_grid(position, shape):  # type: ignore[no-untyped-def]
    """Whether an index position lies in a voxel of the grid."""
    k, j, i = position
    inside_k = -0.5 <= k <= shape[0] - 0.5
    return inside_k and -0.5 <= j <= shape[1] - 0.5 and -0.5 <= i <= shape[2] - 0.5


@leaf
def through_slab(scene, shape, middle, depth, count, how):  # type: ignore[no-untyped-def]
    """Mean, greatest or least of ``count`` samples around ``middle``, ``depth`` apart; NaN where there are none."""
    flat, grid = scene
    total, found, best = 0.0, 0, np.nan
    for n in range(count):
        t = n - 0.5 * (count - 1)
        position = (middle[0] + t * depth[0], middle[1] + t * depth[1], middle[2] + t * depth[2])
        if not is_in_grid(position, shape):
            continue
        value = np.float64(sample(flat, grid, fixed(position)))
        if value != value:
            continue
        total += value
        found += 1
        if best != best or (how == GREATEST and value > best) or (how == LEAST and value < best):
            best = value
    if how == MEAN and found > 0:
        return total / found
    return best


@outlined
def reformat_row(voxels, row, start, across, depth, count, how, out):  # type: ignore[no-untyped-def]
    """Fill one row of ``reformat``."""
    scene = (voxels.reshape(voxels.size), grid_of(voxels.shape))
    way = (depth[row, 0], depth[row, 1], depth[row, 2])
    for column in range(out.shape[1]):
        middle = (
            start[row, 0] + column * across[row, 0],
            start[row, 1] + column * across[row, 1],
            start[row, 2] + column * across[row, 2],
        )
        out[row, column] = np.float32(through_slab(scene, voxels.shape, middle, way, count, how))


@parallel_kernel
def reformat(voxels, start, across, depth, count, how, out):  # type: ignore[no-untyped-def]
    """Sample a surface made of straight rows.

    start : (rows, 3) float64, index position of the first pixel of each row; across : (rows, 3), what a
    column adds; depth : (rows, 3), distance between the ``count`` samples through the slab; how : MEAN,
    GREATEST or LEAST; out : (rows, columns) float32, NaN outside of the grid.
    """
    for row in prange(out.shape[0]):
        reformat_row(voxels, row, start, across, depth, count, how, out)
