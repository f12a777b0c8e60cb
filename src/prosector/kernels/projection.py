"""Maximum, minimum and average along parallel rays."""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import inline, parallel_kernel
from prosector.kernels.rays import (
    BRICK_SHIFT,
    at,
    brick_of,
    clip_ray,
    grid_of,
    last_inside,
    ray_origin,
    sample,
    tile_bounds,
    tile_count,
)


@inline
def sample_range(origin, step, shape):  # type: ignore[no-untyped-def]
    """First and last whole step of a ray in the grid; first > last where it misses."""
    t_in, t_out = clip_ray(origin, step, shape)
    if not t_in <= t_out:
        return np.int64(0), np.int64(-1)
    return np.int64(np.ceil(t_in - 1e-9)), np.int64(np.floor(t_out + 1e-9))


@inline
def greatest(flat, grid, bound, ray, sign, seed):  # type: ignore[no-untyped-def]
    """Greatest ``sign·value`` along a ray and where, −inf where it meets nothing.

    The sample at ``seed``, where a neighbouring ray was greatest, is looked at first: bricks that cannot
    exceed it are passed over. The order of looking does not change a maximum.
    """
    origin, step, first, last = ray
    best = np.float32(-np.inf)
    where = seed
    if first <= seed <= last:
        value = sign * sample(flat, grid, at(origin, step, np.float64(seed)))
        if value > best:
            best = value
    n = first
    while n <= last:
        brick = brick_of(grid, at(origin, step, np.float64(n)))
        end = last_inside(brick, 0, BRICK_SHIFT, origin, step, n, last)
        if bound[brick] > best:
            for m in range(n, end + 1):
                value = sign * sample(flat, grid, at(origin, step, np.float64(m)))
                if value > best:
                    best, where = value, m
        n = end + 1
    return best, where


@inline
def greatest_in_tile(number, voxels, bound, frame, sign, out):  # type: ignore[no-untyped-def]
    """Fill one tile of ``project_greatest``."""
    flat, grid = voxels.reshape(voxels.size), grid_of(voxels.shape)
    step = (frame[3, 0], frame[3, 1], frame[3, 2])
    row0, row1, column0, column1 = tile_bounds(number, out.shape)
    seed = np.int64(0)
    for row in range(row0, row1):
        for column in range(column0, column1):
            origin = ray_origin(frame, row, column)
            first, last = sample_range(origin, step, voxels.shape)
            best, seed = greatest(flat, grid, bound, (origin, step, first, last), sign, seed)
            out[row, column] = sign * best if best > np.float32(-np.inf) else np.float32(np.nan)


@inline
def average_in_tile(number, voxels, frame, out):  # type: ignore[no-untyped-def]
    """Fill one tile of ``project_average``."""
    flat, grid = voxels.reshape(voxels.size), grid_of(voxels.shape)
    step = (frame[3, 0], frame[3, 1], frame[3, 2])
    row0, row1, column0, column1 = tile_bounds(number, out.shape)
    for row in range(row0, row1):
        for column in range(column0, column1):
            origin = ray_origin(frame, row, column)
            first, last = sample_range(origin, step, voxels.shape)
            total, count = 0.0, 0
            for n in range(first, last + 1):
                value = sample(flat, grid, at(origin, step, np.float64(n)))
                if value == value:
                    total += np.float64(value)
                    count += 1
            out[row, column] = np.float32(total / count) if count > 0 else np.float32(np.nan)


@parallel_kernel
def project_greatest(voxels, bound, frame, sign, out):  # type: ignore[no-untyped-def]
    """Maximum (sign 1) or minimum (sign −1) along each ray; NaN where it meets nothing.

    bound : greatest ``sign·value`` of every brick; frame : (4, 3) float64, index position of sample 0 of
    the first pixel, then what a column, a row and a step add; out : (height, width) float32.
    """
    for number in prange(tile_count(out.shape)):
        greatest_in_tile(number, voxels, bound, frame, sign, out)


@parallel_kernel
def project_average(voxels, frame, out):  # type: ignore[no-untyped-def]
    """Mean of the finite samples along each ray; NaN where there are none. Arguments as above."""
    for number in prange(tile_count(out.shape)):
        average_in_tile(number, voxels, frame, out)
