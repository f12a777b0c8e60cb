"""Projections ray by ray, for any camera: greatest, mean and sum, where, and the first local maximum.

Parallel maxima and minima are quicker in ``maximum``. Arguments of all kernels here: voxels (k, j, i);
states, mask, planes: what is shown, see ``rendering.rays.Shown``; frame: see ``rays``; bound: greatest
``sign·value`` of every brick; pictures are (height, width) float32, NaN where a ray meets nothing.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, outlined, parallel_kernel
from prosector.kernels.rays import (
    SHOWN_NOT,
    SHOWN_PARTLY,
    brick_of,
    grid_of,
    inverse_of,
    last_inside,
    nth,
    ray_through,
    sample_any,
    shown,
    tile_bounds,
    tile_count,
)


@leaf
def sample_range(ray):  # type: ignore[no-untyped-def]
    """First and last whole step of a ray (as ``ray_through`` gives it); first > last where there is none."""
    if not ray[4] <= ray[5]:
        return np.int64(0), np.int64(-1)
    return np.int64(np.ceil(ray[4] - 1e-9)), np.int64(np.floor(ray[5] + 1e-9))


@leaf
def state_at(states, brick):  # type: ignore[no-untyped-def]
    """An entry of an array with one entry for each brick."""
    return states[np.uint64(brick[0]), np.uint64(brick[1]), np.uint64(brick[2])]


@leaf
def value_where_shown(scene, state, position):  # type: ignore[no-untyped-def]
    """Value at a position; NaN where the mask hides it."""
    flat, grid, mask = scene
    if state == SHOWN_PARTLY and not shown(mask, grid, position):
        return np.float32(np.nan)
    return sample_any(flat, grid, position)


@leaf
def greatest(scene, bound, states, ray, inverse, sign, least):  # type: ignore[no-untyped-def]
    """Greatest ``sign·value`` along a ray and the first sample that has it, in bricks that reach ``least``."""
    first, last = sample_range(ray)
    best, where = np.float32(-np.inf), first
    n = np.int64(first)
    while n <= last:
        brick = brick_of(scene[1], nth(ray[2], ray[3], n))
        end = last_inside(brick, 0, ray[0], inverse, n, last)
        state, most = state_at(states, brick), state_at(bound, brick)
        if state != SHOWN_NOT and most > best and most >= least:
            for m in range(n, end + 1):
                value = sign * value_where_shown(scene, state, nth(ray[2], ray[3], m))
                if value > best:
                    best, where = value, m
        n = end + 1
    return best, where


@leaf
def total_of(scene, states, ray, inverse):  # type: ignore[no-untyped-def]
    """Sum and number of the samples of a ray that are shown and finite."""
    first, last = sample_range(ray)
    total, count = 0.0, 0
    n = np.int64(first)
    while n <= last:
        brick = brick_of(scene[1], nth(ray[2], ray[3], n))
        end = last_inside(brick, 0, ray[0], inverse, n, last)
        state = state_at(states, brick)
        if state != SHOWN_NOT:
            for m in range(n, end + 1):
                value = value_where_shown(scene, state, nth(ray[2], ray[3], m))
                if value == value:
                    total += np.float64(value)
                    count += 1
        n = end + 1
    return total, count


@leaf
def first_peak(scene, bound, states, ray, inverse, threshold, drop):  # type: ignore[no-untyped-def]
    """Greatest value, from the first that reaches ``threshold``, before a fall; NaN where none reaches it.

    A fall is a value that lies more than ``drop`` below the greatest so far, a sample that is nothing, and the
    end of the ray.
    """
    first, last = sample_range(ray)
    best = np.float32(np.nan)
    n = np.int64(first)
    while n <= last:
        brick = brick_of(scene[1], nth(ray[2], ray[3], n))
        end = last_inside(brick, 0, ray[0], inverse, n, last)
        state = state_at(states, brick)
        least = best - drop if best == best else threshold
        reached = state != SHOWN_NOT and state_at(bound, brick) >= least
        if not reached and best == best:
            return best
        for m in range(n, end + 1 if reached else n):
            value = value_where_shown(scene, state, nth(ray[2], ray[3], m))
            if best == best and not value >= best - drop:
                return best
            if value >= threshold and not value <= best:
                best = value
        n = end + 1
    return best


@outlined
def greatest_in_tile(number, voxels, mask, bound, states, planes, frame, sign, least, out, where):  # type: ignore[no-untyped-def]
    """Fill one tile of ``project_greatest``."""
    scene = (voxels.reshape(voxels.size), grid_of(voxels.shape), mask.reshape(mask.size))
    row0, row1, column0, column1 = tile_bounds(number, out.shape)
    for row in range(row0, row1):
        for column in range(column0, column1):
            ray = ray_through(frame, planes, voxels.shape, row, column)
            lowest = least[row, column] if least.size > 0 else np.float32(-np.inf)
            best, n = greatest(scene, bound, states, ray, inverse_of(ray[1]), sign, lowest)
            met = best > np.float32(-np.inf)
            out[row, column] = sign * best if met else np.float32(np.nan)
            if where.size > 0:
                where[row, column] = n * frame[7, 0] if met else np.nan


@outlined
def mean_in_tile(number, voxels, mask, states, planes, frame, step, out):  # type: ignore[no-untyped-def]
    """Fill one tile of ``project_mean``."""
    scene = (voxels.reshape(voxels.size), grid_of(voxels.shape), mask.reshape(mask.size))
    row0, row1, column0, column1 = tile_bounds(number, out.shape)
    for row in range(row0, row1):
        for column in range(column0, column1):
            ray = ray_through(frame, planes, voxels.shape, row, column)
            total, count = total_of(scene, states, ray, inverse_of(ray[1]))
            if count == 0:
                out[row, column] = np.nan
            else:
                out[row, column] = total * step if step > 0.0 else total / count


@outlined
def peaks_in_tile(number, voxels, mask, bound, states, planes, frame, threshold, drop, out):  # type: ignore[no-untyped-def]
    """Fill one tile of ``project_peaks``."""
    scene = (voxels.reshape(voxels.size), grid_of(voxels.shape), mask.reshape(mask.size))
    row0, row1, column0, column1 = tile_bounds(number, out.shape)
    for row in range(row0, row1):
        for column in range(column0, column1):
            if out[row, column] >= threshold:
                ray = ray_through(frame, planes, voxels.shape, row, column)
                out[row, column] = first_peak(scene, bound, states, ray, inverse_of(ray[1]), threshold, drop)


@parallel_kernel
def project_greatest(voxels, bound, states, mask, planes, frame, sign, least, out, where):  # type: ignore[no-untyped-def]
    """Maximum (sign 1) or minimum (sign −1) along each ray, and where the first such sample lies.

    least : what ``sign·out`` is known to be at least, or empty; where : float64, mm from sample 0, or empty.
    """
    for number in prange(tile_count(out.shape)):
        greatest_in_tile(number, voxels, mask, bound, states, planes, frame, sign, least, out, where)


@parallel_kernel
def project_mean(voxels, states, mask, planes, frame, step, out):  # type: ignore[no-untyped-def]
    """Mean of the finite samples along each ray, or, where ``step`` (mm) is above 0, their sum times ``step``."""
    for number in prange(tile_count(out.shape)):
        mean_in_tile(number, voxels, mask, states, planes, frame, step, out)


@parallel_kernel
def project_peaks(voxels, bound, states, mask, planes, frame, threshold, drop, out):  # type: ignore[no-untyped-def]
    """Replace maxima of at least ``threshold`` in ``out`` by the ray's first peak (see ``first_peak``)."""
    for number in prange(tile_count(out.shape)):
        peaks_in_tile(number, voxels, mask, bound, states, planes, frame, threshold, drop, out)
