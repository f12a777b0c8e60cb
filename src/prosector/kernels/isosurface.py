"""First hit of parallel rays with an isosurface."""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, outlined, parallel_kernel
from prosector.kernels.gradient import gradient, to_patient
from prosector.kernels.rays import (
    at,
    brick_of,
    clip_ray,
    fixed,
    grid_of,
    inverse_of,
    knot,
    last_inside,
    ray_origin,
    sample,
    sample_any,
    tile_bounds,
    tile_count,
)

REFINEMENTS = 8
"""Samples spent on refining a hit; the interval shrinks at least to a sixteenth of a step."""


@leaf
def refine(flat, grid, ray, level, ends, values):  # type: ignore[no-untyped-def]
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
        value = sample(flat, grid, at(ray[0], ray[1], middle))
        if value >= level:
            high, above = middle, value
        else:
            low, below = middle, value
    if below == below and above > below:
        return low + (high - low) * np.float64(level - below) / np.float64(above - below)
    return high


@leaf
def first_hit(flat, grid, leap, level, ray, inverse):  # type: ignore[no-untyped-def]
    """Where a ray first meets a value of at least ``level``, in steps; NaN where it never does."""
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
            if value >= level:
                if t == ray[4]:
                    return t
                return refine(flat, grid, ray, level, (t_before, t), (before, value))
            t_before, before = t, value
        n = end + 1
    return np.nan


@leaf
def entry_axis(origin, step, shape):  # type: ignore[no-untyped-def]
    """Axis through whose border a ray enters the grid."""
    axis, best = 0, -np.inf
    for a in range(3):
        near, _ = clip_one(origin, step, shape, a)
        if near > best:
            axis, best = a, near
    return axis


@leaf
def clip_one(origin, step, shape, axis):  # type: ignore[no-untyped-def]
    """Where a ray enters and leaves the slab of one axis, in steps."""
    if step[axis] == 0.0:
        return -np.inf, np.inf
    a = (-0.5 - origin[axis]) / step[axis]
    b = (shape[axis] - 0.5 - origin[axis]) / step[axis]
    return min(a, b), max(a, b)


@leaf
def surface_normal(flat, grid, ray, shape, level, to_lps, hit):  # type: ignore[no-untyped-def]
    """Unit normal (LPS) against the gradient; that of the border where the ray enters inside the object."""
    origin, step = ray[0], ray[1]
    if hit == ray[4]:
        axis = entry_axis(origin, step, shape)
        sign = -1.0 if step[axis] > 0.0 else 1.0
        gx, gy, gz = sign * to_lps[0, axis], sign * to_lps[1, axis], sign * to_lps[2, axis]
    else:
        g = gradient(flat, grid, at(origin, step, hit), np.float32(level))
        gx, gy, gz = to_patient(to_lps, g)
        gx, gy, gz = -gx, -gy, -gz
    size = np.sqrt(gx * gx + gy * gy + gz * gz)
    if size > 0.0:
        return gx / size, gy / size, gz / size
    return 0.0, 0.0, 0.0


@outlined
def hit_tile(number, voxels, leap, level, frame, to_lps, depth, normal):  # type: ignore[no-untyped-def]
    """Fill one tile of ``first_hits``."""
    flat, grid = voxels.reshape(voxels.size), grid_of(voxels.shape)
    step = (frame[3, 0], frame[3, 1], frame[3, 2])
    inverse, pace = inverse_of(step), fixed(step)
    row0, row1, column0, column1 = tile_bounds(number, depth.shape)
    for row in range(row0, row1):
        for column in range(column0, column1):
            origin = ray_origin(frame, row, column)
            t_in, t_out = clip_ray(origin, step, voxels.shape)
            ray = (origin, step, fixed(origin), pace, t_in, t_out)
            hit = first_hit(flat, grid, leap, level, ray, inverse) if t_in < t_out else np.nan
            n = (0.0, 0.0, 0.0)
            if hit == hit:
                n = surface_normal(flat, grid, ray, voxels.shape, level, to_lps, hit)
            depth[row, column] = hit
            normal[row, column, 0] = n[0]
            normal[row, column, 1] = n[1]
            normal[row, column, 2] = n[2]


@parallel_kernel
def first_hits(voxels, leap, level, frame, to_lps, depth, normal):  # type: ignore[no-untyped-def]
    """First value of at least ``level`` on every ray.

    leap : uint8, distance of every brick to the nearest one that reaches the level; level : float32;
    frame, to_lps : as in ``raycast``; depth : (height, width) float64, in steps from the camera's plane,
    NaN where nothing is hit; normal : (height, width, 3) float32, unit, LPS, out of the object; zero where
    nothing is hit or the field is flat.
    """
    for number in prange(tile_count(depth.shape)):
        hit_tile(number, voxels, leap, level, frame, to_lps, depth, normal)
