"""Maximum and minimum along parallel rays: bricks in the order of what they may hold, tile by tile.

A maximum does not depend on the order of looking. Bricks (8×8×8 cells) are sorted once by their greatest
value; each tile of the picture meets those that fall on it from the greatest downwards and stops when no
brick to come can exceed the least value found in the tile. In a brick, the blocks of 4×4×4 cells are looked at
one by one, and in a block only the rays that it can raise. Every sample that is looked at is computed as
everywhere else, so the result is that of a ray caster that looks at all of them, bit for bit.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import kernel, leaf, outlined, parallel_kernel
from prosector.kernels.projection import sample_range
from prosector.kernels.rays import (
    BRICK_SHIFT,
    SHOWN_NOT,
    SHOWN_PARTLY,
    TILE,
    fixed,
    grid_of,
    inside,
    nth,
    ray_through,
    sample,
    sample_inside,
    shown,
)

BLOCK_SHIFT = 2
"""A block is 2² = 4 cells wide."""

NOWHERE = 2**31 - 1
"""A row that no picture has."""

WIDER = 1e-6
"""Blocks are taken this much wider (in voxels), so that no sample falls between two of them."""

STANDING = 1e30
"""Steps per voxel along an axis on which a ray does not move: in a block for ever, or never."""


@parallel_kernel
def block_bounds(voxels, sign, out):  # type: ignore[no-untyped-def]
    """Greatest ``sign·value`` of every block of 4×4×4 cells, float32; −inf where nothing is finite.

    ``out`` has (n − 2) // 4 + 1 blocks, at least 1, along each axis. Neighbours share the voxels between them.
    """
    nk, nj, ni = voxels.shape
    width = 1 << BLOCK_SHIFT
    for row in prange(out.shape[0] * out.shape[1]):
        k, j = row // out.shape[1], row % out.shape[1]
        most = np.full(ni, -np.inf, dtype=np.float32)
        for a in range(k * width, min((k + 1) * width + 1, nk)):
            for b in range(j * width, min((j + 1) * width + 1, nj)):
                for i in range(ni):
                    value = sign * np.float32(voxels[np.uint64(a), np.uint64(b), np.uint64(i)])
                    # comparisons with NaN are false; an infinite value is nothing either
                    if most[np.uint64(i)] < value < np.float32(np.inf):
                        most[np.uint64(i)] = value
        for b in range(out.shape[2]):
            highest = np.float32(-np.inf)
            for i in range(b * width, min((b + 1) * width + 1, ni)):
                highest = max(highest, most[i])
            out[k, j, b] = highest + abs(highest) * np.float32(2.0**-20) if highest > -np.inf else highest


@leaf
def box_axis(number, count, shift):  # type: ignore[no-untyped-def]
    """Where a block begins and ends along one axis; the outermost go on for ever."""
    low = np.float64(number << shift) - WIDER if number > 0 else -np.inf
    high = np.float64((number + 1) << shift) + WIDER if number < count - 1 else np.inf
    return low, high


@leaf
def span_in(box, origin, inverse, span):  # type: ignore[no-untyped-def]
    """First and last sample, from ``span[0]`` to ``span[1]``, of a ray in a box."""
    t_in, t_out = np.float64(span[0]), np.float64(span[1])
    a, b = (box[0][0] - origin[0]) * inverse[0], (box[0][1] - origin[0]) * inverse[0]
    t_in, t_out = max(t_in, min(a, b)), min(t_out, max(a, b))
    a, b = (box[1][0] - origin[1]) * inverse[1], (box[1][1] - origin[1]) * inverse[1]
    t_in, t_out = max(t_in, min(a, b)), min(t_out, max(a, b))
    a, b = (box[2][0] - origin[2]) * inverse[2], (box[2][1] - origin[2]) * inverse[2]
    t_in, t_out = max(t_in, min(a, b)), min(t_out, max(a, b))
    if not t_in <= t_out:
        return np.int64(1), np.int64(0)
    return np.int64(np.ceil(t_in)), np.int64(np.floor(t_out))


@leaf
def raised(scene, start, pace, span, best):  # type: ignore[no-untyped-def]
    """Greatest of ``best`` and the samples from ``span[0]`` to ``span[1]``."""
    flat, grid, _, sign = scene
    k, j, i = nth(start, pace, span[0])
    if inside(grid, (k, j, i)) and inside(grid, nth(start, pace, span[1])):
        for _ in range(span[0], span[1] + 1):
            value = sign * sample_inside(flat, grid, (k, j, i))
            best = value if value > best else best
            k, j, i = k + pace[0], j + pace[1], i + pace[2]
        return best
    for _ in range(span[0], span[1] + 1):
        value = sign * sample(flat, grid, (k, j, i))
        best = value if value > best else best
        k, j, i = k + pace[0], j + pace[1], i + pace[2]
    return best


@leaf
def raised_where_shown(scene, start, pace, span, best):  # type: ignore[no-untyped-def]
    """As ``raised``, of the samples that the mask shows."""
    flat, grid, mask, sign = scene
    k, j, i = nth(start, pace, span[0])
    for _ in range(span[0], span[1] + 1):
        value = sign * sample(flat, grid, (k, j, i))
        if value > best and shown(mask, grid, (k, j, i)):
            best = value
        k, j, i = k + pace[0], j + pace[1], i + pace[2]
    return best


@leaf
def footprint(place, center, half):  # type: ignore[no-untyped-def]
    """First and last row and column on which a box may fall.

    ``place`` takes index positions to (row, column): two rows of (k, j, i, constant).
    """
    row = place[0, 0] * center[0] + place[0, 1] * center[1] + place[0, 2] * center[2] + place[0, 3]
    column = place[1, 0] * center[0] + place[1, 1] * center[1] + place[1, 2] * center[2] + place[1, 3]
    high = half * (abs(place[0, 0]) + abs(place[0, 1]) + abs(place[0, 2]))
    wide = half * (abs(place[1, 0]) + abs(place[1, 1]) + abs(place[1, 2]))
    return (
        np.int64(np.ceil(max(row - high, -2e9))),
        np.int64(np.floor(min(row + high, 2e9))),
        np.int64(np.ceil(max(column - wide, -2e9))),
        np.int64(np.floor(min(column + wide, 2e9))),
    )


@leaf
def center_of(k, j, i, shift):  # type: ignore[no-untyped-def]
    """Index position of the middle of a brick or block."""
    half = 0.5 * (1 << shift)
    return np.float64(k << shift) + half, np.float64(j << shift) + half, np.float64(i << shift) + half


@leaf
def beyond(planes, center, half):  # type: ignore[no-untyped-def]
    """Whether a box lies wholly outside one of the half-spaces."""
    for n in range(planes.shape[0]):
        a, b, c = planes[n, 0], planes[n, 1], planes[n, 2]
        height = a * center[0] + b * center[1] + c * center[2] + planes[n, 3]
        if height + half * (abs(a) + abs(b) + abs(c)) < 0.0:
            return True
    return False


@parallel_kernel
def footprints(order, counts, states, planes, place, out):  # type: ignore[no-untyped-def]
    """Rows and columns (int32: first and last of each) of the bricks in their order; none for those not shown."""
    for n in prange(order.size):
        number = order[n]
        i, rest = number % counts[2], number // counts[2]
        j, k = rest % counts[1], rest // counts[1]
        center, half = center_of(k, j, i, BRICK_SHIFT), 0.5 * (1 << BRICK_SHIFT) + 0.6
        if states[k, j, i] == SHOWN_NOT or beyond(planes, center, half):
            out[n, 0], out[n, 1], out[n, 2], out[n, 3] = NOWHERE, -1, NOWHERE, -1
        else:
            out[n, 0], out[n, 1], out[n, 2], out[n, 3] = footprint(place, center, half)


@outlined
def start_tile(row0, column0, frame, planes, shape, out, rays):  # type: ignore[no-untyped-def]
    """Rays of a tile: origins and fixed starts and spans; rays that miss are marked by infinity."""
    origins, starts, spans, best = rays
    for row in range(row0, min(row0 + TILE, out.shape[0])):
        for column in range(column0, min(column0 + TILE, out.shape[1])):
            n = np.uint64((row - row0) * TILE + column - column0)
            ray = ray_through(frame, planes, shape, row, column)
            first, last = sample_range(ray)
            origins[n, 0], origins[n, 1], origins[n, 2] = ray[0]
            starts[n, 0], starts[n, 1], starts[n, 2] = ray[2]
            spans[n, 0], spans[n, 1] = first, last
            best[n] = -np.inf if first <= last else np.inf


@outlined
def raise_block(scene, block, box, bound, state, corner, rays, step, slack):  # type: ignore[no-untyped-def]
    """Look at one block for the rays of a tile on which it falls and which it can raise."""
    origins, starts, spans, best = rays
    inverse, pace = step
    row0, column0 = corner
    for row in range(max(block[0] - row0, 0), min(block[1] - row0, TILE - 1) + 1):
        for column in range(max(block[2] - column0, 0), min(block[3] - column0, TILE - 1) + 1):
            n = np.uint64(row * TILE + column)
            if best[n] + slack < bound:
                origin = (origins[n, 0], origins[n, 1], origins[n, 2])
                span = span_in(box, origin, inverse, (spans[n, 0], spans[n, 1]))
                if span[0] <= span[1]:
                    start = (starts[n, 0], starts[n, 1], starts[n, 2])
                    if state == SHOWN_PARTLY:
                        best[n] = raised_where_shown(scene, start, pace, span, best[n])
                    else:
                        best[n] = raised(scene, start, pace, span, best[n])


@leaf
def raise_brick(scene, brick, state, bounds, place, corner, rays, step, low, slack):  # type: ignore[no-untyped-def]
    """Look at those of a brick's eight blocks that can raise a ray of the tile."""
    for number in range(8):
        k = 2 * brick[0] + (number >> 2)
        j = 2 * brick[1] + ((number >> 1) & 1)
        i = 2 * brick[2] + (number & 1)
        if k < bounds.shape[0] and j < bounds.shape[1] and i < bounds.shape[2]:
            bound = bounds[np.uint64(k), np.uint64(j), np.uint64(i)]
            if bound > low + slack:
                box = (
                    box_axis(k, bounds.shape[0], BLOCK_SHIFT),
                    box_axis(j, bounds.shape[1], BLOCK_SHIFT),
                    box_axis(i, bounds.shape[2], BLOCK_SHIFT),
                )
                half = 0.5 * (1 << BLOCK_SHIFT) + 0.6
                block = footprint(place, center_of(k, j, i, BLOCK_SHIFT), half)
                raise_block(scene, block, box, bound, state, corner, rays, step, slack)


@leaf
def least(best):  # type: ignore[no-untyped-def]
    """Least value found in a tile."""
    low = np.float32(np.inf)
    for n in range(best.size):
        low = min(low, best[np.uint64(n)])
    return low


@outlined
def raise_tile(scene, stripe, bricks, maps, corner, rays, step, slack):  # type: ignore[no-untyped-def]
    """Look at the bricks of a stripe that fall on one tile, from the greatest downwards."""
    listed, count = stripe
    order, tops, prints, states, bounds = bricks
    place, columns = maps
    low = least(rays[3])
    for m in range(count):
        n = np.uint64(listed[np.uint64(m)])
        if prints[n, 2] <= columns and prints[n, 3] >= corner[1]:
            if not tops[n] > low + slack:
                return
            number = order[n]
            i, rest = number % states.shape[2], number // states.shape[2]
            j, k = rest % states.shape[1], rest // states.shape[1]
            raise_brick(scene, (k, j, i), states[k, j, i], bounds, place, corner, rays, step, low, slack)
            low = least(rays[3])


@kernel
def fill_stripe(row0, voxels, bricks, place, region, frame, sign, slack, out):  # type: ignore[no-untyped-def]
    """Fill the tiles of one stripe of the picture."""
    mask, planes = region
    prints = bricks[2]
    listed, count = np.empty(prints.shape[0], np.int32), 0
    for n in range(prints.shape[0]):
        if prints[n, 0] <= row0 + TILE - 1 and prints[n, 1] >= row0:
            listed[count] = n
            count += 1
    size = TILE * TILE
    origins, starts = np.empty((size, 3), np.float64), np.empty((size, 3), np.int64)
    spans, best = np.empty((size, 2), np.int64), np.empty(size, np.float32)
    rays = (origins, starts, spans, best)
    grid = grid_of(voxels.shape)
    scene = (voxels.reshape(voxels.size), grid, mask.reshape(mask.size), sign)
    step = standing_step(frame)
    for column0 in range(0, out.shape[1], TILE):
        best[:] = np.inf
        start_tile(row0, column0, frame, planes, voxels.shape, out, rays)
        maps = (place, column0 + TILE - 1)
        raise_tile(scene, (listed, count), bricks, maps, (row0, column0), rays, step, slack)
        for row in range(row0, min(row0 + TILE, out.shape[0])):
            for column in range(column0, min(column0 + TILE, out.shape[1])):
                value = best[(row - row0) * TILE + column - column0]
                out[row, column] = sign * value if abs(value) < np.inf else np.nan


@leaf
def standing_step(frame):  # type: ignore[no-untyped-def]
    """Steps per voxel along each axis, and the step in fixed point."""
    step = (frame[3, 0], frame[3, 1], frame[3, 2])
    inverse = (
        1.0 / step[0] if step[0] != 0.0 else STANDING,
        1.0 / step[1] if step[1] != 0.0 else STANDING,
        1.0 / step[2] if step[2] != 0.0 else STANDING,
    )
    return inverse, fixed(step)


@parallel_kernel
def project_extreme(voxels, bounds, order, tops, prints, states, mask, planes, place, frame, sign, slack, out):  # type: ignore[no-untyped-def]
    """Maximum (sign 1) or minimum (sign −1) along parallel rays; NaN where they meet nothing.

    bounds : as made by ``block_bounds``; order : flat numbers of the bricks, those with the greatest
    ``sign·value`` first; tops : those values; prints : as made by ``footprints``; states, mask, planes : see
    ``rendering.rays.Shown``; place : (2, 4) float64, takes index positions to (row, column); frame : see
    ``rays``; slack : what a maximum may fall short by (a minimum too high): bricks and blocks that promise no
    more are passed over; out : (height, width) float32.
    """
    stripes = (out.shape[0] + TILE - 1) // TILE
    for n in prange(stripes):
        # threads take runs of numbers: every other stripe, so that their shares are alike
        half = (stripes + 1) // 2
        number = 2 * n if n < half else 2 * (n - half) + 1
        bricks = (order, tops, prints, states, bounds)
        fill_stripe(number * TILE, voxels, bricks, place, (mask, planes), frame, sign, slack, out)
