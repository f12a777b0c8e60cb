"""Volume rendering: colour and opacity composited from front to back along parallel rays.

Between two neighbouring samples the value is taken as linear, and the transfer function is integrated
exactly over the values in between (pre-integration in one dimension: Engel, Kraus, Ertl, 2001), so that
thin transparent shells neither vanish nor leave rings. The same tables give the mean value of what is
seen in a segment; its gradient is taken there, which keeps the shading free of steps.
"""

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
    sample_any,
    tile_bounds,
    tile_count,
)

OPAQUE = 1.0 / 512
"""A ray ends when less light than this is left. That rest takes the colour seen so far, which is wrong by
half a grey level at most."""


@leaf
def lookup(table, x, column):  # type: ignore[no-untyped-def]
    """Linear interpolation in one column of a table; ``x`` in rows, inside the table."""
    row = np.uint64(np.int64(x))
    fraction = x - np.float64(row)
    low = table[row, column]
    return low + fraction * (table[row + np.uint64(1), column] - low)


@leaf
def segment_ends(table, scale, before, after):  # type: ignore[no-untyped-def]
    """The two values of a segment in table rows, at least one row apart and half a row from the ends."""
    top = np.float64(table.shape[0]) - 2.0
    a = min(max((np.float64(before) - scale[0]) * scale[1], 1.0), top)
    b = min(max((np.float64(after) - scale[0]) * scale[1], 1.0), top)
    if abs(b - a) >= 1.0:
        return a, b
    middle = 0.5 * (a + b)
    return middle - 0.5, middle + 0.5


@leaf
def row_of(table, x, column):  # type: ignore[no-untyped-def]
    """As ``lookup``, constant beyond the last row; what is not a number counts as beyond."""
    top = np.float64(table.shape[0]) - 1.000001
    if not x < top:
        x = top
    return lookup(table, x, column)


@leaf
def shade(flat, grid, position, value, shading):  # type: ignore[no-untyped-def]
    """Gradient opacity, colour factor and highlight at a position, under a headlight."""
    to_lps, forward, factors, rows_per_gradient, lights = shading
    gx, gy, gz = to_patient(to_lps, gradient(flat, grid, position, value))
    magnitude = np.sqrt(gx * gx + gy * gy + gz * gz)
    cosine = 1.0
    if magnitude > 0.0:
        cosine = abs(gx * forward[0] + gy * forward[1] + gz * forward[2]) / magnitude
    x = cosine * np.float64(lights.shape[0] - 1)
    return row_of(factors, magnitude * rows_per_gradient, 0), row_of(lights, x, 0), row_of(lights, x, 1)


@leaf
def composite_segment(scene, ray, span, values, seen):  # type: ignore[no-untyped-def]
    """Add one segment to (r, g, b, light left); ``span`` and ``values`` at its two ends, in steps."""
    flat, grid, table, scale, shading = scene
    red, green, blue, left = seen
    a, b = segment_ends(table, scale, values[0], values[1])
    depth = lookup(table, b, 0) - lookup(table, a, 0)
    if depth == 0.0:
        return seen
    opening, factor, highlight = 1.0, 1.0, 0.0
    if shading[4].shape[0] > 1:
        mean = (lookup(table, b, 1) - lookup(table, a, 1)) / depth
        where = min(max((mean - a) / (b - a), 0.0), 1.0)
        position = at(ray[0], ray[1], span[0] + where * (span[1] - span[0]))
        value = np.float32(values[0] + np.float32(where) * (values[1] - values[0]))
        opening, factor, highlight = shade(flat, grid, position, value, shading)
    thickness = depth / (b - a) * (span[1] - span[0]) * opening * scale[2]
    alpha = left * (1.0 - np.exp(-thickness))
    share = alpha / depth * factor
    red += share * (lookup(table, b, 2) - lookup(table, a, 2)) + alpha * highlight
    green += share * (lookup(table, b, 3) - lookup(table, a, 3)) + alpha * highlight
    blue += share * (lookup(table, b, 4) - lookup(table, a, 4)) + alpha * highlight
    return red, green, blue, left - alpha


@leaf
def cast(scene, leap, ray, inverse):  # type: ignore[no-untyped-def]
    """Composite one ray, from ``ray[4]`` to ``ray[5]`` in steps.

    Knots are the whole steps in between and the two ends. Bricks that the transfer function leaves
    transparent are crossed in one leap; a segment whose ends lie in two of them is transparent as well,
    since neighbouring bricks share voxels.
    """
    flat, grid = scene[0], scene[1]
    seen = (0.0, 0.0, 0.0, 1.0)
    n, last = np.int64(np.floor(ray[4])), np.int64(np.ceil(ray[5]))
    t_before, before, have, was_visible = ray[4], np.float32(0.0), False, False
    while n <= last and seen[3] > OPAQUE:
        brick = brick_of(grid, knot(ray, n)[1])
        distance = np.int64(leap[np.uint64(brick[0]), np.uint64(brick[1]), np.uint64(brick[2])])
        end = last_inside(brick, max(distance - 1, 0), ray[0], inverse, n, last)
        stop = end
        if distance > 0:
            if not was_visible:
                n, have = end, False
            stop = n
        for m in range(n, stop + 1):
            t, position = knot(ray, m)
            after = sample_any(flat, grid, position)
            if have and before == before and after == after:
                seen = composite_segment(scene, ray, (t_before, t), (before, after), seen)
                if not seen[3] > OPAQUE:
                    break
            t_before, before, have = t, after, True
        was_visible = distance == 0
        n = stop + 1
    red, green, blue, left = seen
    if left > OPAQUE:
        return seen
    whole = 1.0 / (1.0 - left)
    return red * whole, green * whole, blue * whole, 0.0


@outlined
def cast_tile(number, voxels, leap, frame, table, scale, to_lps, forward, factors, lights, out):  # type: ignore[no-untyped-def]
    """Fill one tile of ``raycast``."""
    flat, grid = voxels.reshape(voxels.size), grid_of(voxels.shape)
    step = (frame[3, 0], frame[3, 1], frame[3, 2])
    inverse, pace = inverse_of(step), fixed(step)
    scene = (flat, grid, table, scale, (to_lps, forward, factors, scale[3], lights))
    row0, row1, column0, column1 = tile_bounds(number, out.shape)
    for row in range(row0, row1):
        for column in range(column0, column1):
            origin = ray_origin(frame, row, column)
            t_in, t_out = clip_ray(origin, step, voxels.shape)
            seen = (0.0, 0.0, 0.0, 1.0)
            if t_in < t_out:
                seen = cast(scene, leap, (origin, step, fixed(origin), pace, t_in, t_out), inverse)
            out[row, column, 0] = seen[0]
            out[row, column, 1] = seen[1]
            out[row, column, 2] = seen[2]
            out[row, column, 3] = 1.0 - seen[3]


@parallel_kernel
def raycast(voxels, leap, frame, table, scale, to_lps, forward, factors, lights, out):  # type: ignore[no-untyped-def]
    """Composite every ray into ``out`` (height, width, 4) float32: colour times opacity, and opacity.

    leap : uint8, distance of every brick to the nearest visible one; frame : as in ``projection``;
    table : (rows, 5) float64, running integrals over the values of extinction, extinction × row,
    extinction × red, green, blue; scale : value of row 0, rows per value, mm per step, gradient rows per
    (value per mm); to_lps : transposed inverse of the affine; forward : viewing direction (LPS);
    factors : (rows, 1) float64, gradient opacity; lights : (rows, 2) float64, factor for the colour and
    white highlight for cosines from 0 to 1, or a single row where no gradient is needed.
    """
    for number in prange(tile_count(out.shape)):
        cast_tile(number, voxels, leap, frame, table, scale, to_lps, forward, factors, lights, out)
