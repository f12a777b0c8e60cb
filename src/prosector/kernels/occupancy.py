"""Which blocks of 2×2×2 cells can be seen: one bit each, 64 to a brick of 8×8×8 cells.

Neighbouring blocks share the voxels on their common face, edge or corner, so the values along a segment
from one to the next lie in the union of their ranges: between two that cannot be seen nothing can.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import inline, leaf, outlined, parallel_kernel
from prosector.kernels.bricks import FARTHEST, ROUNDING
from prosector.kernels.rays import BRICK_SHIFT, FRACTION_BITS

BLOCK = 2
"""Cells along the side of a block."""

MOST_STYLES = 63
"""Styles that a set of bits can hold."""

SOFT_SUM = 32
"""Half of the weights of the 27 voxels that ``soften`` looks at: from there on a voxel is wholly shown."""


FACE = np.float32(0.75 * 255)
"""The weight on the faces of the outermost voxels of a softened mask."""


@leaf
def range_is_seen(table, scale, style, low, high):  # type: ignore[no-untyped-def]
    """Whether a style shows anything of a range of values; two rows wider, since segments are at least one wide."""
    top = np.float64(table.shape[1] - 1)
    margin = np.float64(ROUNDING) * max(abs(low), abs(high))
    first = np.floor(min(max((low - margin - scale[0]) * scale[1], 0.0), top)) - 2.0
    last = np.ceil(min(max((high + margin - scale[0]) * scale[1], 0.0), top)) + 2.0
    first, last = max(first, 0.0), min(last, top)
    s = np.uint64(style)
    return table[s, np.uint64(last), np.uint64(0)] > table[s, np.uint64(first), np.uint64(0)]


@leaf
def any_is_seen(table, scale, found, low, high):  # type: ignore[no-untyped-def]
    """Whether any of a set of styles (bits) shows anything of a range of values."""
    if not low <= high:
        return False
    for style in range(table.shape[0]):
        if (found >> np.uint64(style)) & np.uint64(1) and range_is_seen(table, scale, style, low, high):
            return True
    return False


@leaf
def dress_of(weights, styles, corner):  # type: ignore[no-untyped-def]
    """Styles (bits) of what is shown in a block or within a voxel of it.

    A segment's style and weight are those of its middle, which may lie in a block beside those of its ends.
    """
    if weights.size <= 1 and styles.size <= 1:
        return np.uint64(1)
    shape = weights.shape if weights.size > 1 else styles.shape
    found, heaviest = np.uint64(0), np.int64(0)
    for k in range(max(corner[0] - 1, 0), min(corner[0] + BLOCK + 2, shape[0])):
        for j in range(max(corner[1] - 1, 0), min(corner[1] + BLOCK + 2, shape[1])):
            for i in range(max(corner[2] - 1, 0), min(corner[2] + BLOCK + 2, shape[2])):
                if styles.size > 1:
                    found |= np.uint64(1) << np.uint64(styles[k, j, i])
                else:
                    found = np.uint64(1)
                heaviest = max(heaviest, np.int64(weights[k, j, i]) if weights.size > 1 else np.int64(1))
    return found if heaviest > 0 else np.uint64(0)


@leaf
def block_is_seen(voxels, weights, styles, table, scale, corner):  # type: ignore[no-untyped-def]
    """Whether anything of the block whose first voxel is ``corner`` can be seen."""
    low, high = np.inf, -np.inf
    for k in range(corner[0], min(corner[0] + BLOCK + 1, voxels.shape[0])):
        for j in range(corner[1], min(corner[1] + BLOCK + 1, voxels.shape[1])):
            for i in range(corner[2], min(corner[2] + BLOCK + 1, voxels.shape[2])):
                value = np.float64(voxels[np.uint64(k), np.uint64(j), np.uint64(i)])
                if np.isfinite(value):
                    low, high = min(low, value), max(high, value)
    return any_is_seen(table, scale, dress_of(weights, styles, corner), low, high)


@outlined
def brick_bits(voxels, weights, styles, table, scale, brick):  # type: ignore[no-untyped-def]
    """Bits of the 64 blocks of a brick; block (k, j, i) is bit 16·k + 4·j + i."""
    bits = np.uint64(0)
    width = 1 << BRICK_SHIFT
    across = width // BLOCK
    last = (max(voxels.shape[0] - 2, 0), max(voxels.shape[1] - 2, 0), max(voxels.shape[2] - 2, 0))
    for k in range(across):
        for j in range(across):
            for i in range(across):
                corner = (brick[0] * width + k * BLOCK, brick[1] * width + j * BLOCK, brick[2] * width + i * BLOCK)
                if corner[0] > last[0] or corner[1] > last[1] or corner[2] > last[2]:
                    continue
                if block_is_seen(voxels, weights, styles, table, scale, corner):
                    bits |= np.uint64(1) << np.uint64(k * 16 + j * 4 + i)
    return bits


@parallel_kernel
def seen_blocks(voxels, weights, styles, low, high, table, scale, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` (uint64, one per brick).

    weights, styles : uint8, as in ``raycast``, or of a single voxel where there are none; low, high : range
    of every brick; table, scale : as in ``raycast``.
    """
    bk, bj, bi = low.shape
    every = (np.uint64(1) << np.uint64(table.shape[0])) - np.uint64(1)
    for row in prange(bk * bj):
        k, j = row // bj, row % bj
        for i in range(bi):
            bits = np.uint64(0)
            if any_is_seen(table, scale, every, np.float64(low[k, j, i]), np.float64(high[k, j, i])):
                bits = brick_bits(voxels, weights, styles, table, scale, (k, j, i))
            out[k, j, i] = bits


@parallel_kernel
def forward_distances(bits, out):  # type: ignore[no-untyped-def]
    """How far every brick lies from the next seen one, for rays of each octant, at most 255.

    ``out`` (8, k, j, i) uint8: in octant 4·(k falls) + 2·(j falls) + (i falls), the cube of that many bricks
    from a brick onwards, the way the ray goes, is empty; 0 where the brick itself is seen. What lies behind
    a ray does not hold it up.
    """
    nk, nj, ni = bits.shape
    for octant in prange(8):
        dk = -1 if octant & 4 else 1
        dj = -1 if octant & 2 else 1
        di = -1 if octant & 1 else 1
        for a in range(nk):
            k = a if dk < 0 else nk - 1 - a
            for b in range(nj):
                j = b if dj < 0 else nj - 1 - b
                for c in range(ni):
                    i = c if di < 0 else ni - 1 - c
                    out[octant, k, j, i] = 0 if bits[k, j, i] else ahead(out[octant], (k, j, i), (dk, dj, di))


@inline
def ahead(out, brick, way):  # type: ignore[no-untyped-def]
    """One more than the least distance among the seven neighbours ahead; nothing lies outside of the grid."""
    best = np.int64(FARTHEST)
    for number in range(1, 8):
        k = brick[0] + way[0] * (number & 1)
        j = brick[1] + way[1] * ((number >> 1) & 1)
        i = brick[2] + way[2] * (number >> 2)
        if 0 <= k < out.shape[0] and 0 <= j < out.shape[1] and 0 <= i < out.shape[2]:
            best = min(best, np.int64(out[k, j, i]) + 1)
    return best


@leaf
def octant_of(inverse):  # type: ignore[no-untyped-def]
    """Octant into which a ray goes, as ``forward_distances`` numbers them."""
    octant = np.uint64(0)
    if inverse[0] < 0.0:
        octant |= np.uint64(4)
    if inverse[1] < 0.0:
        octant |= np.uint64(2)
    if inverse[2] < 0.0:
        octant |= np.uint64(1)
    return octant


@leaf
def block_axis(x, top, last_cell):  # type: ignore[no-untyped-def]
    """Block, within its brick, that holds a coordinate."""
    cell = min(min(max(x, np.int64(0)), top) >> FRACTION_BITS, last_cell)
    return np.uint64((cell >> 1) & 3)


@leaf
def is_seen(bits, grid, position):  # type: ignore[no-untyped-def]
    """Whether the block that holds a position can be seen; ``bits`` are those of its brick."""
    tops, cells, _ = grid
    k = block_axis(position[0], tops[0], cells[0])
    j = block_axis(position[1], tops[1], cells[1])
    i = block_axis(position[2], tops[2], cells[2])
    return (bits >> ((k << np.uint64(4)) | (j << np.uint64(2)) | i)) & np.uint64(1) != np.uint64(0)


@leaf
def is_seen_inside(bits, position):  # type: ignore[no-untyped-def]
    """As ``is_seen``, for positions that are ``inside``."""
    k = (position[0] >> (FRACTION_BITS + 1 - 4)) & 0x30
    j = (position[1] >> (FRACTION_BITS + 1 - 2)) & 0x0C
    i = (position[2] >> (FRACTION_BITS + 1)) & 0x03
    return (bits >> np.uint64(k | j | i)) & np.uint64(1) != np.uint64(0)


@parallel_kernel
def soften(mask, out):  # type: ignore[no-untyped-def]
    """Weights (uint8, 255 is whole) of a mask (uint8, 0 or 1) with a slope of two voxels for an edge.

    A voxel's weight is twice the share of the mask in its neighbourhood, weighted (1, 2, 1)/4 along each
    axis, and at most whole, so that nothing thin is lost. Across a flat border it falls from whole at the
    last voxel of the mask over a half at the next to none; on the voxel's face it is FACE. The border of
    the grid goes on outside.
    """
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                total = np.int64(0)
                for dk in range(-1, 2):
                    for dj in range(-1, 2):
                        a, b = min(max(k + dk, 0), nk - 1), min(max(j + dj, 0), nj - 1)
                        w = (2 - abs(dk)) * (2 - abs(dj))
                        row = np.int64(mask[a, b, max(i - 1, 0)]) + 2 * np.int64(mask[a, b, i])
                        total += w * (row + np.int64(mask[a, b, min(i + 1, ni - 1)]))
                out[k, j, i] = min(total * 255 // SOFT_SUM, 255)
