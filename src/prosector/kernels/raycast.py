"""Volume rendering: colour and opacity composited from front to back.

Segments between neighbouring samples are integrated exactly over their values (``optics``), so that thin
transparent shells neither vanish nor leave rings. The gradient is taken at the mean of what is seen in a
segment, which keeps the shading free of steps.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, outlined, parallel_kernel
from prosector.kernels.gradient import gradient_any, to_patient
from prosector.kernels.light import arriving_at, illuminate
from prosector.kernels.occupancy import is_seen, is_seen_inside, octant_of
from prosector.kernels.optics import (
    MIXED,
    between,
    fading,
    mixed_color,
    mixed_depth,
    row_of,
    segment_ends,
    style_of,
)
from prosector.kernels.rays import (
    LEVEL,
    brick_of,
    grid_of,
    inverse_of,
    knot,
    last_inside,
    may_hold_nothing,
    nth,
    ray_through,
    sample,
    sample_any,
    sample_inside,
    tile_bounds,
    view_direction,
    whole_inside,
)

OPAQUE = 1.0 / 512
"""A ray ends when less light than this is left. That rest takes the colour seen so far, which is wrong by
half a grey level at most."""


CUT_STEPS = 2.0
"""So far behind a cut the face of the cut is lit: one voxel, where it is shortest."""


@leaf
def back(position, pace, steps):  # type: ignore[no-untyped-def]
    """The position so many steps before another one on a ray; ``pace`` in fixed point, as floats."""
    return (
        position[0] - np.int64(steps * pace[0]),
        position[1] - np.int64(steps * pace[1]),
        position[2] - np.int64(steps * pace[2]),
    )


@leaf
def cut_of(ray, planes, to_lps):  # type: ignore[no-untyped-def]
    """Up to which step a ray is at the face of a cut, and the normal of that face (unit, LPS).

    At a cut the gradient says nothing of the face, which is not in the data.
    """
    origin, step = ray[0], ray[1]
    end, normal = -np.inf, (0.0, 0.0, 0.0)
    for n in range(planes.shape[0]):
        a, b, c = planes[n, 0], planes[n, 1], planes[n, 2]
        height = a * origin[0] + b * origin[1] + c * origin[2] + planes[n, 3]
        slope = a * step[0] + b * step[1] + c * step[2]
        if slope >= LEVEL and -height / slope >= ray[4]:
            x, y, z = to_patient(to_lps, (a, b, c))
            inverse = 1.0 / np.sqrt(x * x + y * y + z * z)
            end, normal = ray[4] + CUT_STEPS, (x * inverse, y * inverse, z * inverse)
    return end, normal


@leaf
def share_and_style(masks, grid, middle):  # type: ignore[no-untyped-def]
    """Weight (0 to 1) and style (or MIXED) in the middle of a segment."""
    weights, styles = masks
    share, style = 1.0, np.int64(0)
    if weights.size > 1:
        share = np.float64(sample(weights, grid, middle)) / 255.0
    if styles.size > 1 and share > 0.0:
        style = style_of(styles, grid, middle)
    return share, style


@leaf
def shade(scene, t, position, value):  # type: ignore[no-untyped-def]
    """Gradient table row, and light (six factors as ``illuminate`` gives), at a position ``t`` steps along a ray."""
    flat, grid, scale = scene[0], scene[1], scene[3]
    to_lps, lamps, gloss, light = scene[4]
    gx, gy, gz = to_patient(to_lps, gradient_any(flat, grid, position, value))
    square = gx * gx + gy * gy + gz * gz
    magnitude, normal = 0.0, (0.0, 0.0, 0.0)
    if square > 0.0:
        inverse = 1.0 / np.sqrt(square)
        magnitude = square * inverse
        normal = (gx * inverse, gy * inverse, gz * inverse)
    if t < scene[8][0]:
        normal = scene[8][1]
    arriving = (1.0, 1.0)
    if light.size > 2:
        arriving = arriving_at(light, (scale[6], scale[7], scale[8]), position)
    lit = illuminate(normal, scene[6], lamps, gloss, (scale[4], scale[5]), arriving)
    return magnitude * scale[3], lit


def segment_added(scene, position, span, values, seen):  # type: ignore[no-untyped-def]
    """Add one segment to (r, g, b, light left).

    position : of its far end; span : steps along the ray at its two ends; values : there.
    """
    length = span[1] - span[0]
    grid, (table, factors), scale = scene[1], scene[2], scene[3]
    ends = segment_ends(table[1], scale, values[0], values[1])
    share, style = 1.0, np.int64(0)
    middle = position
    if scene[5][0].size > 1 or scene[5][1].size > 1:
        middle = back(position, scene[7], 0.5 * length)
        share, style = share_and_style(scene[5], grid, middle)
        if share == 0.0:
            return seen
    if style == MIXED:
        depth, moment = mixed_depth(table, scene[5][1], grid, middle, ends)
    else:
        depth, moment = between(table, style, ends, 0), between(table, style, ends, 1)
    if depth == 0.0:
        return seen
    width = ends[1] - ends[0]
    inverse = 1.0 / (depth * width)  # the only division: by depth or by width is a multiplication by both
    x, lit = 0.0, (1.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    if scene[4][2].shape[1] > 1:
        where = min(max((moment - ends[0] * depth) * inverse, 0.0), 1.0)
        value = np.float32(values[0] + np.float32(where) * (values[1] - values[0]))
        rest = (1.0 - where) * length
        x, lit = shade(scene, span[1] - rest, back(position, scene[7], rest), value)
    part, opening = width * inverse, 1.0
    if style == MIXED:
        mixed, red, green, blue = mixed_color(table, scene[5][1], grid, middle, ends, factors, x)
        if mixed == 0.0:
            return seen
        part, opening = 1.0 / mixed, mixed / depth
    else:
        opening = row_of(factors, style, x)
        red, green, blue = (
            between(table, style, ends, 2),
            between(table, style, ends, 3),
            between(table, style, ends, 4),
        )
    alpha = seen[3] * (1.0 - fading(depth * depth * inverse * opening * length * share * scale[2]))
    part *= alpha
    return (
        seen[0] + part * red * lit[0] + alpha * lit[3],
        seen[1] + part * green * lit[1] + alpha * lit[4],
        seen[2] + part * blue * lit[2] + alpha * lit[5],
        seen[3] - alpha,
    )


composite_segment = leaf(segment_added)
"""Inside of the loop that takes the time."""

composite_called = outlined(segment_added)
"""Where it is rarely needed: compiling it into a second loop would take half as long again."""


@leaf
def is_bright(flat, scale, before, after):  # type: ignore[no-untyped-def]
    """Whether anything can be seen between two values."""
    if not (before > scale[9] or after > scale[9]):
        return False
    if may_hold_nothing(flat):
        return before == before and after == after
    return True


@outlined
def cast_clamped(scene, bits, ray, run, state, seen):  # type: ignore[no-untyped-def]
    """Composite the knots of a ray from ``run[0]`` to ``run[1]``, which lie in one brick.

    ``state``: distance and value of the knot before, whether that value is known, and whether its block is
    seen. A segment is passed over where the blocks of both of its ends are not; where one is seen and the
    value at the other end is not known yet, that is made up for.
    """
    flat, grid = scene[0], scene[1]
    t_before, before, have, was = state
    m, first = run[0], np.int64(np.floor(ray[4]))
    while m <= run[1]:
        t, position = knot(ray, m)
        now = is_seen(bits, grid, position)
        if now or was:
            if not have and m > first:
                t_before, place = knot(ray, m - 1)
                before = sample_any(flat, grid, place)
                have = True
            after = sample_any(flat, grid, position)
            if have and is_bright(flat, scene[3], before, after):
                seen = composite_called(scene, position, (t_before, t), (before, after), seen)
                if not seen[3] > OPAQUE:
                    break
            t_before, before, have = t, after, True
        else:
            have = False
        was = now
        m += 1
    return (t_before, before, have, was), seen


@leaf
def cast_inside(scene, bits, ray, run, state, seen):  # type: ignore[no-untyped-def]
    """As ``cast_clamped``, for whole steps that are ``inside``."""
    flat, grid = scene[0], scene[1]
    t_before, before, have, was = state
    m, first = run[0], np.int64(np.floor(ray[4]))
    x, y, z = nth(ray[2], ray[3], m)
    while m <= run[1]:
        now = is_seen_inside(bits, (x, y, z))
        if now or was:
            if not have and m > first:
                t_before, place = knot(ray, m - 1)
                before = sample_any(flat, grid, place)
                have = True
            after = sample_inside(flat, grid, (x, y, z))
            if have and is_bright(flat, scene[3], before, after):
                seen = composite_segment(scene, (x, y, z), (t_before, np.float64(m)), (before, after), seen)
                if not seen[3] > OPAQUE:
                    break
            t_before, before, have = np.float64(m), after, True
        else:
            have = False
        was = now
        m += 1
        x, y, z = x + ray[3][0], y + ray[3][1], z + ray[3][2]
    return (t_before, before, have, was), seen


@leaf
def cast(scene, leap, bits, ray, inverse, free):  # type: ignore[no-untyped-def]
    """Composite one ray, from ``ray[4]`` to ``ray[5]`` in steps.

    Knots are the whole steps in between and the two ends. Bricks in which nothing is seen are crossed in
    one leap. ``free`` : as ``whole_inside`` gives.
    """
    grid = scene[1]
    seen = (0.0, 0.0, 0.0, 1.0)
    n, last = np.int64(np.floor(ray[4])), np.int64(np.ceil(ray[5]))
    state = (ray[4], np.float32(0.0), False, False)
    octant = octant_of(inverse)
    while n <= last and seen[3] > OPAQUE:
        brick = brick_of(grid, knot(ray, n)[1])
        bk, bj, bi = np.uint64(brick[0]), np.uint64(brick[1]), np.uint64(brick[2])
        distance = np.int64(leap[octant, bk, bj, bi])
        end = last_inside(brick, max(distance - 1, 0), ray[0], inverse, n, last)
        if distance > 0 and not state[3]:
            state = (ray[4], np.float32(0.0), False, False)
        else:
            # after what is seen, one more knot ends the last segment
            stop = n if distance > 0 else end
            if free[0] <= n <= free[1]:
                stop = min(stop, free[1])
                state, seen = cast_inside(scene, bits[bk, bj, bi], ray, (n, stop), state, seen)
            else:
                stop = min(stop, free[0] - 1) if n < free[0] <= free[1] else stop
                state, seen = cast_clamped(scene, bits[bk, bj, bi], ray, (n, stop), state, seen)
            if distance > 0:
                state = (ray[4], np.float32(0.0), False, False)
            else:
                end = stop
        n = end + 1
    red, green, blue, left = seen
    if left > OPAQUE:
        return seen
    whole = 1.0 / (1.0 - left)
    return red * whole, green * whole, blue * whole, 0.0


@outlined
def cast_tile(number, voxels, leap, bits, frame, planes, tables, scale, shading, masks, out):  # type: ignore[no-untyped-def]
    """Fill one tile of ``raycast``."""
    flat, grid = voxels.reshape(voxels.size), grid_of(voxels.shape)
    flat_masks = (masks[0].reshape(masks[0].size), masks[1].reshape(masks[1].size))
    flat_tables = ((tables[0].reshape(tables[0].size), tables[0].shape[1]), tables[1])
    row0, row1, column0, column1 = tile_bounds(number, out.shape)
    for row in range(row0, row1):
        for column in range(column0, column1):
            ray = ray_through(frame, planes, voxels.shape, row, column)
            seen = (0.0, 0.0, 0.0, 1.0)
            if ray[4] < ray[5]:
                view = view_direction(frame, row, column)
                pace = (np.float64(ray[3][0]), np.float64(ray[3][1]), np.float64(ray[3][2]))
                cut = cut_of(ray, planes, shading[0])
                scene = (flat, grid, flat_tables, scale, shading, flat_masks, view, pace, cut)
                seen = cast(scene, leap, bits, ray, inverse_of(ray[1]), whole_inside(ray, voxels.shape))
            out[row, column, 0] = seen[0]
            out[row, column, 1] = seen[1]
            out[row, column, 2] = seen[2]
            out[row, column, 3] = 1.0 - seen[3]


@parallel_kernel
def raycast(voxels, leap, bits, frame, planes, tables, scale, shading, masks, tiles, out):  # type: ignore[no-untyped-def]
    """Composite the rays of the tiles from ``tiles[0]`` to before ``tiles[1]`` into ``out``.

    leap : as ``forward_distances`` gives; bits : as
    ``seen_blocks`` gives; frame, planes : the camera's rays and what they are clipped to, see ``rays``.

    tables : (styles, rows, 5) float64, running integrals over the values of extinction, extinction × row,
    extinction × red, green, blue; and (styles, rows) float64, gradient opacity.

    scale : value of row 0, rows per value, mm per step, gradient rows per (value per mm), ambient, diffuse,
    sizes of the light volume's cells in voxels, the value up to which nothing is seen.

    shading : transposed inverse of the affine; (lamps, 6) float64, direction (LPS) and colour; (1, rows)
    float64, highlight by cosine, a single row where no gradient is needed; light volume as ``spread_light``
    gives, or a single cell.

    masks : uint8 (k, j, i), weights of what is shown, and style of every voxel; a single voxel where all is
    shown, or all is of style 0.

    out : (height, width, 4) float32: colour times opacity, and opacity.
    """
    for number in prange(tiles[1] - tiles[0]):
        cast_tile(number + tiles[0], voxels, leap, bits, frame, planes, tables, scale, shading, masks, out)
