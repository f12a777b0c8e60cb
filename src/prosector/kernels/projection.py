"""Maximum, minimum and average along parallel rays."""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, outlined, parallel_kernel
from prosector.kernels.rays import (
    brick_of,
    clip_ray,
    fixed,
    grid_of,
    inside,
    inverse_of,
    last_inside,
    nth,
    ray_origin,
    sample,
    sample_any,
    sample_inside,
    tile_bounds,
    tile_count,
)


@leaf
def sample_range(origin, step, shape):  # type: ignore[no-untyped-def]
    """First and last whole step of a ray in the grid; first > last where it misses."""
    t_in, t_out = clip_ray(origin, step, shape)
    if not t_in <= t_out:
        return np.int64(0), np.int64(-1)
    return np.int64(np.ceil(t_in - 1e-9)), np.int64(np.floor(t_out + 1e-9))


@leaf
def greatest_of(flat, grid, ray, sign, span, found):  # type: ignore[no-untyped-def]
    """Greatest ``sign·value`` of the samples from ``span[0]`` to ``span[1]``, if above the one found so far."""
    best, where = found
    start, pace = ray
    k, j, i = nth(start, pace, span[0])
    if inside(grid, (k, j, i)) and inside(grid, nth(start, pace, span[1])):
        for m in range(span[0], span[1] + 1):
            value = sign * sample_inside(flat, grid, (k, j, i))
            if value > best:
                best, where = value, m
            k, j, i = k + pace[0], j + pace[1], i + pace[2]
        return best, where
    for m in range(span[0], span[1] + 1):
        value = sign * sample(flat, grid, (k, j, i))
        if value > best:
            best, where = value, m
        k, j, i = k + pace[0], j + pace[1], i + pace[2]
    return best, where


@leaf
def greatest(flat, grid, bound, ray, sign, seed):  # type: ignore[no-untyped-def]
    """Greatest ``sign·value`` along a ray and where, −inf where it meets nothing.

    The sample at ``seed``, where a neighbouring ray was greatest, is looked at first: bricks that cannot
    exceed it are passed over. The order of looking does not change a maximum.
    """
    origin, inverse, start, pace, first, last = ray
    best, where = np.float32(-np.inf), seed
    if first <= seed <= last:
        value = sign * sample(flat, grid, nth(start, pace, seed))
        if value > best:
            best = value
    n = first
    while n <= last:
        brick = brick_of(grid, nth(start, pace, n))
        end = last_inside(brick, 0, origin, inverse, n, last)
        if bound[np.uint64(brick[0]), np.uint64(brick[1]), np.uint64(brick[2])] > best:
            best, where = greatest_of(flat, grid, (start, pace), sign, (n, end), (best, where))
        n = end + 1
    return best, where


@leaf
def mean_of(flat, grid, ray, first, last):  # type: ignore[no-untyped-def]
    """Mean of the finite samples of a ray, NaN where there are none."""
    total, count = 0.0, 0
    k, j, i = nth(ray[0], ray[1], first)
    for _ in range(first, last + 1):
        value = sample_any(flat, grid, (k, j, i))
        if value == value:
            total += np.float64(value)
            count += 1
        k, j, i = k + ray[1][0], j + ray[1][1], i + ray[1][2]
    return np.float32(total / count) if count > 0 else np.float32(np.nan)


@outlined
def greatest_in_tile(number, voxels, bound, frame, sign, out):  # type: ignore[no-untyped-def]
    """Fill one tile of ``project_greatest``."""
    flat, grid = voxels.reshape(voxels.size), grid_of(voxels.shape)
    step = (frame[3, 0], frame[3, 1], frame[3, 2])
    inverse, pace = inverse_of(step), fixed(step)
    row0, row1, column0, column1 = tile_bounds(number, out.shape)
    seed = np.int64(0)
    for row in range(row0, row1):
        for column in range(column0, column1):
            origin = ray_origin(frame, row, column)
            first, last = sample_range(origin, step, voxels.shape)
            ray = (origin, inverse, fixed(origin), pace, first, last)
            best, seed = greatest(flat, grid, bound, ray, sign, seed)
            out[row, column] = sign * best if best > np.float32(-np.inf) else np.float32(np.nan)


@outlined
def average_in_tile(number, voxels, frame, out):  # type: ignore[no-untyped-def]
    """Fill one tile of ``project_average``."""
    flat, grid = voxels.reshape(voxels.size), grid_of(voxels.shape)
    step = (frame[3, 0], frame[3, 1], frame[3, 2])
    pace = fixed(step)
    row0, row1, column0, column1 = tile_bounds(number, out.shape)
    for row in range(row0, row1):
        for column in range(column0, column1):
            origin = ray_origin(frame, row, column)
            first, last = sample_range(origin, step, voxels.shape)
            out[row, column] = mean_of(flat, grid, (fixed(origin), pace), first, last)


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
