"""What every ray needs: where it meets the grid, what it finds there, when it leaves a brick.

Positions are indices (k, j, i) in float64. A grid of n voxels along an axis reaches from −0.5 to n − 0.5:
whole voxels, so a slab of n voxels is n spacings thick and a single slice has a thickness. Between voxel
centres values are trilinear; in the outer half voxel the edge value goes on.

Sample n of a ray lies at ``start + n·pace`` in fixed point: 24 bits of voxels, 40 bits of fractions (an
error below 1e-6 voxels over any ray). Integers add exactly in any order, so a sample does not depend on
which ones were looked at before, and finding its cell is a shift.

A frame, (8, 3) float64, says which rays a picture has. Parallel: index position of sample 0 of pixel (0, 0),
then what a column, a row and a step add to it. Perspective: index position of the eye, what a column and a
row add to the vector from the eye to a pixel, and that vector for pixel (0, 0). Rows 4 to 6 are rows 1 to 3
as vectors in LPS mm. Row 7: the length of a step in mm; 1 for perspective, 0 for parallel; 0.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from prosector.kernels._jit import leaf, outlined

BRICK_SHIFT = 3
"""A brick is 2³ = 8 cells wide."""

TILE = 16
"""Pixels along the side of a tile, the unit of work of a thread."""

SAFE = 1e-7
"""Samples closer than this (in voxels) to the end of a brick are looked up again in the next one."""

MARGIN = 1e-6
"""Positions (in voxels) that are not nearer than this to the outermost centres are inside, rounding or not."""

FRACTION_BITS = 40
ONE = 1 << FRACTION_BITS
WEIGHT_BITS = 24
"""Interpolation weights keep this many bits: what float32 holds exactly."""

LEVEL = 1e-12
"""A step that moves less than this along an axis or towards a plane (in voxels or mm) does not move."""

SHOWN_NOT, SHOWN_PARTLY, SHOWN_WHOLLY = 0, 1, 2
"""How much of a brick a mask shows."""

MAY_HOLD_NOTHING = "only floats can be NaN or infinite"


def may_hold_nothing(flat):  # type: ignore[no-untyped-def]
    """Whether voxels can be NaN or infinite; known when compiling, so integers pay nothing."""
    raise NotImplementedError(MAY_HOLD_NOTHING)


@overload(may_hold_nothing, inline="always")
def _may_hold_nothing(flat):  # type: ignore[no-untyped-def]
    if isinstance(flat.dtype, types.Float):
        return lambda flat: True  # noqa: ARG005
    return lambda flat: False  # noqa: ARG005


@leaf
def grid_of(shape):  # type: ignore[no-untyped-def]
    """Last centres, last cells and strides; a single voxel along an axis gets stride 0."""
    nk, nj, ni = shape[0], shape[1], shape[2]
    si = np.uint64(1) if ni > 1 else np.uint64(0)
    sj = np.uint64(ni) if nj > 1 else np.uint64(0)
    sk = np.uint64(ni * nj) if nk > 1 else np.uint64(0)
    tops = (np.int64(nk - 1) << FRACTION_BITS, np.int64(nj - 1) << FRACTION_BITS, np.int64(ni - 1) << FRACTION_BITS)
    cells = (max(np.int64(nk - 2), np.int64(0)), max(np.int64(nj - 2), np.int64(0)), max(np.int64(ni - 2), np.int64(0)))
    return tops, cells, (sk, sj, si)


@leaf
def fixed(position):  # type: ignore[no-untyped-def]
    """An index position in fixed point."""
    return (
        np.int64(np.floor(position[0] * ONE + 0.5)),
        np.int64(np.floor(position[1] * ONE + 0.5)),
        np.int64(np.floor(position[2] * ONE + 0.5)),
    )


@leaf
def weight_of(x, cell):  # type: ignore[no-untyped-def]
    """Fraction (0 to 1) of the way from a cell's first voxel to its second."""
    bits = (x - (cell << FRACTION_BITS)) >> (FRACTION_BITS - WEIGHT_BITS)
    return np.float32(bits) * np.float32(2.0**-WEIGHT_BITS)


@leaf
def cell_of(x, top, last_cell):  # type: ignore[no-untyped-def]
    """Cell that holds a coordinate, and the fraction from its first voxel to its second."""
    x = min(max(x, np.int64(0)), top)
    cell = min(x >> FRACTION_BITS, last_cell)
    return cell, weight_of(x, cell)


@leaf
def clip_axis(origin, step, high, t_in, t_out):  # type: ignore[no-untyped-def]
    """Narrow (t_in, t_out) to where ``origin + t·step`` lies between −0.5 and ``high``."""
    if step == 0.0:
        if origin < -0.5 or origin > high:
            return np.inf, -np.inf
        return t_in, t_out
    a = (-0.5 - origin) / step
    b = (high - origin) / step
    return max(t_in, min(a, b)), min(t_out, max(a, b))


@leaf
def clip_ray(origin, step, shape):  # type: ignore[no-untyped-def]
    """Part of the ray that lies in the grid, in steps; empty where t_in > t_out."""
    t_in, t_out = clip_axis(origin[0], step[0], shape[0] - 0.5, -np.inf, np.inf)
    t_in, t_out = clip_axis(origin[1], step[1], shape[1] - 0.5, t_in, t_out)
    return clip_axis(origin[2], step[2], shape[2] - 0.5, t_in, t_out)


@leaf
def clip_half_spaces(origin, step, planes, t_in, t_out):  # type: ignore[no-untyped-def]
    """Narrow (t_in, t_out) to where a·k + b·j + c·i + d ≥ 0 for every row (a, b, c, d) of ``planes``."""
    for n in range(planes.shape[0]):
        a, b, c = planes[n, 0], planes[n, 1], planes[n, 2]
        height = a * origin[0] + b * origin[1] + c * origin[2] + planes[n, 3]
        slope = a * step[0] + b * step[1] + c * step[2]
        if abs(slope) < LEVEL:
            if height < 0.0:
                return np.inf, -np.inf
        elif slope > 0.0:
            t_in = max(t_in, -height / slope)
        else:
            t_out = min(t_out, -height / slope)
    return t_in, t_out


@leaf
def ray_origin(frame, row, column):  # type: ignore[no-untyped-def]
    """Index position of sample 0 of a pixel: on the plane through the camera's center, or the eye."""
    if frame[7, 1] != 0.0:
        return frame[0, 0], frame[0, 1], frame[0, 2]
    return (
        frame[0, 0] + column * frame[1, 0] + row * frame[2, 0],
        frame[0, 1] + column * frame[1, 1] + row * frame[2, 1],
        frame[0, 2] + column * frame[1, 2] + row * frame[2, 2],
    )


@leaf
def toward(frame, row, column):  # type: ignore[no-untyped-def]
    """From the eye to a pixel of the plane through the camera's center, LPS mm; perspective frames only."""
    return (
        frame[6, 0] + column * frame[4, 0] + row * frame[5, 0],
        frame[6, 1] + column * frame[4, 1] + row * frame[5, 1],
        frame[6, 2] + column * frame[4, 2] + row * frame[5, 2],
    )


@leaf
def view_direction(frame, row, column):  # type: ignore[no-untyped-def]
    """Unit vector along the ray of a pixel, LPS."""
    x, y, z = frame[6, 0], frame[6, 1], frame[6, 2]
    if frame[7, 1] != 0.0:
        x, y, z = toward(frame, row, column)
    size = np.sqrt(x * x + y * y + z * z)
    return x / size, y / size, z / size


@leaf
def level(component):  # type: ignore[no-untyped-def]
    """A component of a step, or 0 where it is only rounding error: planes would be crossed at absurd distances."""
    return component if abs(component) >= LEVEL else 0.0


@leaf
def ray_step(frame, row, column):  # type: ignore[no-untyped-def]
    """What one step along the ray of a pixel adds to the index position."""
    if frame[7, 1] == 0.0:
        return frame[3, 0], frame[3, 1], frame[3, 2]
    x, y, z = toward(frame, row, column)
    scale = frame[7, 0] / np.sqrt(x * x + y * y + z * z)
    return (
        level(scale * (frame[3, 0] + column * frame[1, 0] + row * frame[2, 0])),
        level(scale * (frame[3, 1] + column * frame[1, 1] + row * frame[2, 1])),
        level(scale * (frame[3, 2] + column * frame[1, 2] + row * frame[2, 2])),
    )


@leaf
def ray_through(frame, planes, shape, row, column):  # type: ignore[no-untyped-def]
    """The ray of a pixel: origin and step, both also in fixed point, and where it enters and leaves, in steps.

    It lies in the grid, on the right side of every half-space in ``planes`` (n, 4), and in front of the eye;
    empty where it enters after it leaves.
    """
    origin, step = ray_origin(frame, row, column), ray_step(frame, row, column)
    t_in, t_out = clip_ray(origin, step, shape)
    t_in, t_out = clip_half_spaces(origin, step, planes, t_in, t_out)
    if frame[7, 1] != 0.0:
        t_in = max(t_in, 0.0)
    return origin, step, fixed(origin), fixed(step), t_in, t_out


@leaf
def at(origin, step, t):  # type: ignore[no-untyped-def]
    """Position ``t`` steps along a ray, t not whole, in fixed point."""
    return fixed((origin[0] + t * step[0], origin[1] + t * step[1], origin[2] + t * step[2]))


@leaf
def nth(start, pace, n):  # type: ignore[no-untyped-def]
    """Position of sample n, in fixed point."""
    return start[0] + n * pace[0], start[1] + n * pace[1], start[2] + n * pace[2]


@leaf
def knot(ray, n):  # type: ignore[no-untyped-def]
    """Distance in steps and position (fixed point) of knot n: a whole step, or an end of the ray."""
    origin, step, start, pace, t_in, t_out = ray
    t = np.float64(n)
    if t < t_in:
        return t_in, at(origin, step, t_in)
    if t > t_out:
        return t_out, at(origin, step, t_out)
    return t, nth(start, pace, n)


@leaf
def brick_axis(x, top, last_cell):  # type: ignore[no-untyped-def]
    """Brick that holds a coordinate."""
    return min(min(max(x, np.int64(0)), top) >> FRACTION_BITS, last_cell) >> BRICK_SHIFT


@leaf
def brick_of(grid, position):  # type: ignore[no-untyped-def]
    """Brick (k, j, i) that holds a position."""
    tops, cells, _ = grid
    return (
        brick_axis(position[0], tops[0], cells[0]),
        brick_axis(position[1], tops[1], cells[1]),
        brick_axis(position[2], tops[2], cells[2]),
    )


@leaf
def inverse_of(step):  # type: ignore[no-untyped-def]
    """Steps per voxel along each axis; 0 where the ray never moves along it."""
    return (
        1.0 / step[0] if step[0] != 0.0 else 0.0,
        1.0 / step[1] if step[1] != 0.0 else 0.0,
        1.0 / step[2] if step[2] != 0.0 else 0.0,
    )


@leaf
def leave_axis(brick, reach, origin, inverse):  # type: ignore[no-untyped-def]
    """Step at which the ray leaves the bricks within ``reach`` of ``brick`` along one axis."""
    if inverse == 0.0:
        return np.inf
    if inverse > 0.0:
        return (np.float64((brick + 1 + reach) << BRICK_SHIFT) - SAFE - origin) * inverse
    return (np.float64((brick - reach) << BRICK_SHIFT) + SAFE - origin) * inverse


@leaf
def last_inside(brick, reach, origin, inverse, n, last):  # type: ignore[no-untyped-def]
    """Last sample, from n to ``last``, that surely lies in the bricks within ``reach`` of ``brick``."""
    t = min(
        leave_axis(brick[0], reach, origin[0], inverse[0]),
        leave_axis(brick[1], reach, origin[1], inverse[1]),
        leave_axis(brick[2], reach, origin[2], inverse[2]),
    )
    return np.int64(max(min(np.floor(t), np.float64(last)), np.float64(n)))


@leaf
def inside(grid, position):  # type: ignore[no-untyped-def]
    """Whether a position lies between voxel centres along every axis, so that nothing needs clamping."""
    tops = grid[0]
    return 0 <= position[0] < tops[0] and 0 <= position[1] < tops[1] and 0 <= position[2] < tops[2]


@leaf
def clip_inside(origin, step, top, t_in, t_out):  # type: ignore[no-untyped-def]
    """Narrow (t_in, t_out) to where ``inside`` holds along one axis, whatever rounding does."""
    low, high = MARGIN, np.float64(top) - MARGIN
    if step == 0.0:
        if origin < low or origin > high:
            return np.inf, -np.inf
        return t_in, t_out
    a, b = (low - origin) / step, (high - origin) / step
    return max(t_in, min(a, b)), min(t_out, max(a, b))


@leaf
def whole_inside(ray, shape):  # type: ignore[no-untyped-def]
    """First and last whole step of a ray that need no clamping; none where the first is greater."""
    origin, step, t_in, t_out = ray[0], ray[1], ray[4], ray[5]
    t_in, t_out = clip_inside(origin[0], step[0], shape[0] - 1, t_in, t_out)
    t_in, t_out = clip_inside(origin[1], step[1], shape[1] - 1, t_in, t_out)
    t_in, t_out = clip_inside(origin[2], step[2], shape[2] - 1, t_in, t_out)
    if not t_in <= t_out:
        return np.int64(1), np.int64(0)
    return np.int64(np.ceil(t_in)), np.int64(np.floor(t_out))


@leaf
def sample_inside(flat, grid, position):  # type: ignore[no-untyped-def]
    """As ``sample``, for positions for which ``inside`` holds."""
    sk, sj, si = grid[2]
    ck, cj, ci = position[0] >> FRACTION_BITS, position[1] >> FRACTION_BITS, position[2] >> FRACTION_BITS
    weights = (weight_of(position[0], ck), weight_of(position[1], cj), weight_of(position[2], ci))
    return blend_cell(flat, np.uint64(ck) * sk + np.uint64(cj) * sj + np.uint64(ci) * si, grid[2], weights)


@outlined
def sample(flat, grid, position):  # type: ignore[no-untyped-def]
    """Trilinear value (float32); NaN where most of the weight lies on voxels that are not finite."""
    tops, cells, strides = grid
    ck, fk = cell_of(position[0], tops[0], cells[0])
    cj, fj = cell_of(position[1], tops[1], cells[1])
    ci, fi = cell_of(position[2], tops[2], cells[2])
    base = np.uint64(ck) * strides[0] + np.uint64(cj) * strides[1] + np.uint64(ci) * strides[2]
    return blend_cell(flat, base, strides, (fk, fj, fi))


@leaf
def sample_any(flat, grid, position):  # type: ignore[no-untyped-def]
    """As ``sample``, quicker in the inside."""
    if inside(grid, position):
        return sample_inside(flat, grid, position)
    return sample(flat, grid, position)


@leaf
def blend_cell(flat, base, strides, weights):  # type: ignore[no-untyped-def]
    """Blend of a cell's eight voxels, leaving out those that are not finite."""
    value = blend(flat, base, strides[0], strides[1], strides[2], weights[0], weights[1], weights[2])
    if may_hold_nothing(flat) and value - value != np.float32(0.0):
        value = blend_finite(flat, base, strides, weights)
    return value


@leaf
def blend(flat, base, sk, sj, si, fk, fj, fi):  # type: ignore[no-untyped-def]
    """Trilinear blend of the eight voxels of a cell."""
    a = edge(flat, base, si, fi)
    b = edge(flat, base + sj, si, fi)
    c = edge(flat, base + sk, si, fi)
    d = edge(flat, base + sk + sj, si, fi)
    near = a + fj * (b - a)
    far = c + fj * (d - c)
    return near + fk * (far - near)


@leaf
def edge(flat, base, stride, fraction):  # type: ignore[no-untyped-def]
    """Linear blend of two neighbouring voxels."""
    first = np.float32(flat[base])
    return first + fraction * (np.float32(flat[base + stride]) - first)


@outlined
def blend_finite(flat, base, strides, fractions):  # type: ignore[no-untyped-def]
    """Blend of the finite voxels of a cell, or NaN where they hold less than half of the weight."""
    total = np.float32(0.0)
    weight = np.float32(0.0)
    for corner in range(8):
        at_corner = base
        w = np.float32(1.0)
        for axis in range(3):
            if (corner >> axis) & 1:
                at_corner += strides[axis]
                w *= fractions[axis]
            else:
                w *= np.float32(1.0) - fractions[axis]
        value = np.float32(flat[at_corner])
        if np.isfinite(value):
            total += w * value
            weight += w
    if weight < np.float32(0.5):
        return np.float32(np.nan)
    return total / weight


@leaf
def shown(mask, grid, position):  # type: ignore[no-untyped-def]
    """Whether a mask (flat, 0 and 1), interpolated, shows a position: a smooth border between the voxels."""
    return sample_any(mask, grid, position) >= np.float32(0.5)


@leaf
def tile_bounds(number, shape):  # type: ignore[no-untyped-def]
    """Rows and columns of a tile.

    Neighbouring numbers lie far apart in the picture, so that threads that take runs of numbers get
    shares of the same difficulty.
    """
    across = (shape[1] + TILE - 1) // TILE
    down = (shape[0] + TILE - 1) // TILE
    spread = (number % down) * across + number // down
    stripe, column = spread // across, spread % across
    row0, column0 = stripe * TILE, column * TILE
    return row0, min(row0 + TILE, shape[0]), column0, min(column0 + TILE, shape[1])


@leaf
def tile_count(shape):  # type: ignore[no-untyped-def]
    """Number of tiles of a picture."""
    return ((shape[0] + TILE - 1) // TILE) * ((shape[1] + TILE - 1) // TILE)
