"""First hit of rays with an isosurface, cut by planes and by a mask."""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, outlined, parallel_kernel
from prosector.kernels.gradient import gradient, to_patient
from prosector.kernels.occupancy import FACE
from prosector.kernels.rays import (
    at,
    brick_of,
    grid_of,
    inverse_of,
    knot,
    last_inside,
    ray_through,
    sample,
    sample_any,
    tile_bounds,
    tile_count,
)

REFINEMENTS = 8
"""Samples spent on refining a hit; the interval shrinks at least to a sixteenth of a step."""

PROBE = 1.0 / 8
"""So far before a hit, in steps, the value says whether the level was crossed there or the mask."""


@leaf
def value_where_shown(scene, position):  # type: ignore[no-untyped-def]
    """Value at a position; NaN where the mask hides it."""
    flat, grid, weights = scene
    if weights.size > 1 and sample(weights, grid, position) < FACE:
        return np.float32(np.nan)
    return sample(flat, grid, position)


@leaf
def refine(scene, ray, level, ends, values):  # type: ignore[no-untyped-def]
    """Position of the crossing between two samples, in steps.

    False position and bisection in turn: the first is quick where the field is smooth, the second sure
    where it is not. A value that is NaN counts as outside.
    """
    low, high = ends
    below, above = values
    for turn in range(REFINEMENTS):
        middle = 0.5 * (low + high)
        if (turn & 1) == 0 and below == below and above > below:
            guess = low + (high - low) * np.float64(level - below) / np.float64(above - below)
            middle = min(max(guess, low), high)
        value = value_where_shown(scene, at(ray[0], ray[1], middle))
        if value >= level:
            high, above = middle, value
        else:
            low, below = middle, value
    if below == below and above > below:
        return low + (high - low) * np.float64(level - below) / np.float64(above - below)
    return high


@leaf
def first_hit(scene, leap, level, ray, inverse):  # type: ignore[no-untyped-def]
    """Where a ray first meets a shown value of at least ``level``, in steps; NaN where it never does."""
    flat, grid, weights = scene
    n, last = np.int64(np.floor(ray[4])), np.int64(np.ceil(ray[5]))
    t_before, before = ray[4], np.float32(np.nan)
    while n <= last:
        brick = brick_of(grid, knot(ray, n)[1])
        distance = np.int64(leap[np.uint64(brick[0]), np.uint64(brick[1]), np.uint64(brick[2])])
        end = last_inside(brick, max(distance - 1, 0), ray[0], inverse, n, last)
        if distance > 0:
            n = end
        for m in range(n, end + 1):
            t, position = knot(ray, m)
            value = sample_any(flat, grid, position)
            if value >= level and weights.size > 1:
                value = value_where_shown(scene, position)
            if value >= level:
                if t == ray[4]:
                    return t
                return refine(scene, ray, level, (t_before, t), (before, value))
            t_before, before = t, value
        n = end + 1
    return np.nan


@leaf
def entry_normal(ray, planes, shape, to_lps):  # type: ignore[no-untyped-def]
    """Normal (LPS, not unit) of what a ray enters through: a face of the grid or a plane; zero at the eye."""
    origin, step = ray[0], ray[1]
    nk, nj, ni, best = 0.0, 0.0, 0.0, -np.inf
    for axis in range(3):
        if step[axis] == 0.0:
            continue
        near = min((-0.5 - origin[axis]) / step[axis], (shape[axis] - 0.5 - origin[axis]) / step[axis])
        if near > best:
            side = -1.0 if step[axis] > 0.0 else 1.0
            nk, nj, ni, best = side * (axis == 0), side * (axis == 1), side * (axis == 2), near
    for n in range(planes.shape[0]):
        a, b, c = planes[n, 0], planes[n, 1], planes[n, 2]
        slope = a * step[0] + b * step[1] + c * step[2]
        if slope > 0.0:
            near = -(a * origin[0] + b * origin[1] + c * origin[2] + planes[n, 3]) / slope
            if near > best:
                nk, nj, ni, best = -a, -b, -c, near
    if best < ray[4]:
        return 0.0, 0.0, 0.0
    return to_patient(to_lps, (nk, nj, ni))


@leaf
def surface_normal(scene, ray, planes, shape, level, to_lps, hit):  # type: ignore[no-untyped-def]
    """Unit normal (LPS) against the gradient of the field or, where that is what cuts, of the mask or the border."""
    flat, grid, weights = scene
    if hit == ray[4]:
        gx, gy, gz = entry_normal(ray, planes, shape, to_lps)
    else:
        position = at(ray[0], ray[1], hit)
        g = gradient(flat, grid, position, np.float32(level))
        if weights.size > 1 and sample(flat, grid, at(ray[0], ray[1], hit - PROBE)) >= level:
            g = gradient(weights, grid, position, FACE)
        gx, gy, gz = to_patient(to_lps, g)
        gx, gy, gz = -gx, -gy, -gz
    size = np.sqrt(gx * gx + gy * gy + gz * gz)
    if size > 0.0:
        return gx / size, gy / size, gz / size
    return 0.0, 0.0, 0.0


@outlined
def hit_tile(number, voxels, weights, leap, level, frame, planes, to_lps, depth, normal):  # type: ignore[no-untyped-def]
    """Fill one tile of ``first_hits``."""
    scene = (voxels.reshape(voxels.size), grid_of(voxels.shape), weights.reshape(weights.size))
    row0, row1, column0, column1 = tile_bounds(number, depth.shape)
    for row in range(row0, row1):
        for column in range(column0, column1):
            ray = ray_through(frame, planes, voxels.shape, row, column)
            hit = first_hit(scene, leap, level, ray, inverse_of(ray[1])) if ray[4] < ray[5] else np.nan
            n = (0.0, 0.0, 0.0)
            if hit == hit:
                n = surface_normal(scene, ray, planes, voxels.shape, level, to_lps, hit)
            depth[row, column] = hit
            normal[row, column, 0] = n[0]
            normal[row, column, 1] = n[1]
            normal[row, column, 2] = n[2]


@parallel_kernel
def first_hits(voxels, weights, leap, level, frame, planes, to_lps, depth, normal):  # type: ignore[no-untyped-def]
    """First value of at least ``level`` on every ray.

    weights : as in ``raycast``; leap : uint8, distance of every brick to the nearest one that reaches the
    level; level : float32; frame, planes, to_lps : as in ``raycast``; depth : (height, width) float64, in
    steps from sample 0, NaN where nothing is hit; normal : (height, width, 3) float32, unit, LPS, out of the
    object; zero where nothing is hit or the field is flat.
    """
    for number in prange(tile_count(depth.shape)):
        hit_tile(number, voxels, weights, leap, level, frame, planes, to_lps, depth, normal)
