"""Least and greatest value of every brick of 8×8×8 cells, and how far away the next visible one is.

Neighbouring bricks share the voxels on their common face, so the range of a brick holds every value
that trilinear interpolation can give in it.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import inline, kernel, parallel_kernel
from prosector.kernels.rays import BRICK_SHIFT

ROUNDING = np.float32(2.0**-20)
"""Ranges are this much wider, relative to the largest value, than the voxels': what float32
interpolation may add."""

FARTHEST = 255
"""Largest distance that is told apart."""


def brick_counts(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Number of bricks along (k, j, i)."""
    k, j, i = (max(1, ((n - 2) >> BRICK_SHIFT) + 1) for n in shape)
    return k, j, i


@parallel_kernel
def brick_ranges(voxels, low, high):  # type: ignore[no-untyped-def]
    """Fill ``low`` and ``high`` (float32, one per brick); a brick without finite voxels gets (inf, −inf)."""
    nk, nj, ni = voxels.shape
    bk, bj, _ = low.shape
    width = 1 << BRICK_SHIFT
    for row in prange(bk * bj):
        k, j = row // bj, row % bj
        least = np.full(ni, np.inf, dtype=np.float32)
        most = np.full(ni, -np.inf, dtype=np.float32)
        for a in range(k * width, min((k + 1) * width + 1, nk)):
            for b in range(j * width, min((j + 1) * width + 1, nj)):
                for i in range(ni):
                    value = np.float32(voxels[np.uint64(a), np.uint64(b), np.uint64(i)])
                    least[np.uint64(i)] = value if value < least[np.uint64(i)] else least[np.uint64(i)]
                    most[np.uint64(i)] = value if value > most[np.uint64(i)] else most[np.uint64(i)]
        reduce_row(least, most, low[k, j], high[k, j])


@inline
def reduce_row(least, most, low, high):  # type: ignore[no-untyped-def]
    """Least and most of a row of voxels, for every brick along it, widened for rounding."""
    width = 1 << BRICK_SHIFT
    for b in range(low.size):
        lowest, highest = np.float32(np.inf), np.float32(-np.inf)
        for i in range(b * width, min((b + 1) * width + 1, least.size)):
            lowest = min(lowest, least[i])
            highest = max(highest, most[i])
        margin = ROUNDING * max(abs(lowest), abs(highest))
        low[b] = lowest - margin
        high[b] = highest + margin


@kernel
def distances(visible, out):  # type: ignore[no-untyped-def]
    """Chessboard distance of every brick to the nearest visible one, at most 255.

    Two sweeps over half of the 26 neighbours each (Rosenfeld and Pfaltz, 1966). All bricks nearer than
    the distance are empty, so a ray may leap that far.
    """
    nk, nj, ni = visible.shape
    for k in range(nk):
        for j in range(nj):
            for i in range(ni):
                out[k, j, i] = 0 if visible[k, j, i] else nearest(out, k, j, i, -1)
    for k in range(nk - 1, -1, -1):
        for j in range(nj - 1, -1, -1):
            for i in range(ni - 1, -1, -1):
                if out[k, j, i] > 0:
                    out[k, j, i] = min(np.int64(out[k, j, i]), nearest(out, k, j, i, 1))


@inline
def nearest(out, k, j, i, side):  # type: ignore[no-untyped-def]
    """One more than the least distance among the thirteen neighbours on one side."""
    nk, nj, ni = out.shape
    best = np.int64(FARTHEST)
    for dk in range(-1, 2):
        for dj in range(-1, 2):
            for di in range(-1, 2):
                if (dk * 9 + dj * 3 + di) * side <= 0:
                    continue
                a, b, c = k + dk, j + dj, i + di
                if 0 <= a < nk and 0 <= b < nj and 0 <= c < ni:
                    best = min(best, np.int64(out[a, b, c]) + 1)
    return best
