"""Extinction and colour of a segment of a ray, by value and by structure.

Between the two ends of a segment the value is taken as linear, and the transfer function is integrated
exactly over the values in between (pre-integration in one dimension: Engel, Kraus, Ertl, 2001). Where
voxels around the segment belong to several structures, the extinctions of their styles are mixed by the
trilinear weights of the voxels, so that a structure's border is a slope, not a stair.
"""

from __future__ import annotations

import numpy as np

from prosector.kernels._jit import leaf, outlined
from prosector.kernels.rays import cell_of

COLUMNS = 5
"""Running integrals in a row of a table."""

LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453

MIXED = -1
"""Stands for several styles."""


@leaf
def segment_ends(rows, scale, before, after):  # type: ignore[no-untyped-def]
    """The two values of a segment in table rows, at least one row apart and half a row from the ends."""
    top = np.float64(rows) - 2.0
    a = min(max((np.float64(before) - scale[0]) * scale[1], 1.0), top)
    b = min(max((np.float64(after) - scale[0]) * scale[1], 1.0), top)
    if abs(b - a) >= 1.0:
        return a, b
    middle = 0.5 * (a + b)
    return middle - 0.5, middle + 0.5


@leaf
def lookup(table, style, x, column):  # type: ignore[no-untyped-def]
    """Linear interpolation in one column of a style's table; ``x`` in rows, inside the table.

    ``table`` : the running integrals, flat, and rows of a style; see ``raycast``.
    """
    integrals, rows = table
    row = np.int64(x)
    at = np.uint64((np.int64(style) * rows + row) * COLUMNS + np.int64(column))
    low = integrals[at]
    return low + (x - np.float64(row)) * (integrals[at + np.uint64(COLUMNS)] - low)


@leaf
def between(table, style, ends, column):  # type: ignore[no-untyped-def]
    """Integral of a column over a segment."""
    return lookup(table, style, ends[1], column) - lookup(table, style, ends[0], column)


@leaf
def row_of(table, style, x):  # type: ignore[no-untyped-def]
    """Linear interpolation in a row of a table, constant beyond its end; what is not a number counts as beyond."""
    top = np.float64(table.shape[1]) - 1.000001
    if not x < top:
        x = top
    s, cell = np.uint64(style), np.int64(x)
    low = table[s, np.uint64(cell)]
    return low + (x - np.float64(cell)) * (table[s, np.uint64(cell + 1)] - low)


@leaf
def fading(depth):  # type: ignore[no-untyped-def]
    """exp(−depth) for depth ≥ 0, relative error below 1e-8.

    A power of two and eight terms of the series, in pairs that do not wait for each other; a call of the
    library would push all that is in registers out of them.
    """
    y = min(depth, 700.0) * LOG2_E
    n = np.int64(y + 0.5)
    r = (np.float64(n) - y) * LN_2
    square = r * r
    low = (1.0 + r) + square * (1.0 / 2.0 + r * (1.0 / 6.0))
    high = (1.0 / 24.0 + r * (1.0 / 120.0)) + square * (1.0 / 720.0 + r * (1.0 / 5040.0))
    return (low + square * square * high) * np.int64((np.int64(1023) - n) << np.int64(52)).view(np.float64)


@leaf
def corner_of(grid, position):  # type: ignore[no-untyped-def]
    """Offset of the first voxel of the cell that holds a position, and the weights of the second ones."""
    tops, cells, strides = grid
    ck, fk = cell_of(position[0], tops[0], cells[0])
    cj, fj = cell_of(position[1], tops[1], cells[1])
    ci, fi = cell_of(position[2], tops[2], cells[2])
    return np.uint64(ck) * strides[0] + np.uint64(cj) * strides[1] + np.uint64(ci) * strides[2], (fk, fj, fi)


@leaf
def style_of(styles, grid, position):  # type: ignore[no-untyped-def]
    """The style of all voxels around a position, or MIXED."""
    base, _ = corner_of(grid, position)
    sk, sj, si = grid[2]
    first = styles[base]
    same = styles[base + si] == first and styles[base + sj] == first and styles[base + sj + si] == first
    far = base + sk
    same = same and styles[far] == first and styles[far + si] == first
    if same and styles[far + sj] == first and styles[far + sj + si] == first:
        return np.int64(first)
    return np.int64(MIXED)


@leaf
def corner_style(styles, grid, corner, number):  # type: ignore[no-untyped-def]
    """Style and trilinear weight of one of the eight voxels of a cell; bits 0, 1, 2 are k, j, i."""
    base, fractions = corner
    weight = 1.0
    for axis in range(3):
        fraction = np.float64(fractions[axis])
        if (number >> axis) & 1:
            base += grid[2][axis]
            weight *= fraction
        else:
            weight *= 1.0 - fraction
    return np.int64(styles[base]), weight


@outlined
def mixed_depth(table, styles, grid, position, ends):  # type: ignore[no-untyped-def]
    """Integrals of extinction and of extinction × row over a segment, mixed by the styles around it."""
    corner = corner_of(grid, position)
    depth, moment = 0.0, 0.0
    for number in range(8):
        style, weight = corner_style(styles, grid, corner, number)
        depth += weight * between(table, style, ends, 0)
        moment += weight * between(table, style, ends, 1)
    return depth, moment


@outlined
def mixed_color(table, styles, grid, position, ends, factors, x):  # type: ignore[no-untyped-def]
    """Integrals of extinction and extinction × colour, mixed, each style with its own gradient opacity."""
    corner = corner_of(grid, position)
    depth, red, green, blue = 0.0, 0.0, 0.0, 0.0
    for number in range(8):
        style, weight = corner_style(styles, grid, corner, number)
        weight *= row_of(factors, style, x)
        depth += weight * between(table, style, ends, 0)
        red += weight * between(table, style, ends, 2)
        green += weight * between(table, style, ends, 3)
        blue += weight * between(table, style, ends, 4)
    return depth, red, green, blue
