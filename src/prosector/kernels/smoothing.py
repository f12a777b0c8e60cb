"""Gaussian smoothing of slabs of planes, in three passes along directions that may lie askew in the grid.

A Gaussian that is round in the patient is an ellipsoid in the index space of an anisotropic or sheared grid. The
passes follow its triangular factor (Geusebroek, Smeulders, van de Weijer, IEEE Trans. Image Process. 12, 2003): the
first steps from plane to plane, the second from row to row, each with whatever shift within the plane goes with a
step; the third runs along i. Taps come as lists, so that an upright grid pays for no shift.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import inline, parallel_kernel

Array = np.ndarray[Any, Any]


@inline
def _clamp(n: int, top: int) -> int:
    return min(max(n, 0), top)


@inline
def _add_row(row: Array, shift: int, weight: float, out: Array) -> None:
    """Add a row of float32, moved by ``shift`` columns, border repeated."""
    n = out.size
    if shift == 0:
        for i in range(np.uint64(n)):
            out[i] += weight * row[i]
    else:
        for i in range(n):
            out[i] += weight * row[_clamp(i + shift, n - 1)]


@inline
def _add_values(row: Array, shift: int, weight: float, limits: Array, out: Array) -> None:
    """As ``_add_row`` for values of any type: clipped, and what is not a number counts as ``limits[2]``."""
    low, high, instead = limits[0], limits[1], limits[2]
    n = out.size
    if shift == 0:
        for i in range(np.uint64(n)):
            value = np.float32(row[i])
            value = value if value == value else instead
            out[i] += weight * min(max(value, low), high)
    else:
        for i in range(n):
            value = np.float32(row[_clamp(i + shift, n - 1)])
            value = value if value == value else instead
            out[i] += weight * min(max(value, low), high)


@inline
def _along_row(row: Array, half: Array, line: Array, out: Array) -> None:
    """Symmetric taps along a row; ``half`` holds the middle one and those on one side."""
    n, reach = row.size, half.size - 1
    for i in range(line.size):
        line[i] = row[_clamp(i - reach, n - 1)]
    middle, weight = line[reach : reach + n], half[0]
    for i in range(np.uint64(n)):
        out[i] = weight * middle[i]
    for t in range(1, reach + 1):
        left, right, weight = line[reach - t : reach - t + n], line[reach + t : reach + t + n], half[t]
        for i in range(np.uint64(n)):
            out[i] += weight * (left[i] + right[i])


@parallel_kernel
def smooth_slab(
    voxels: Array, first: int, limits: Array, steps: tuple[Array, Array, Array, Array, Array], wanted: Array,
    work: Array, out: Array,
) -> None:  # fmt: skip
    """Smooth planes ``first`` … ``first + len(out) - 1``; planes, rows and columns beyond the border repeat it.

    ``steps`` holds offsets (n, 3) and float32 weights of the taps across planes, offsets (m, 2) and weights of
    those across rows, and half of the symmetric weights along i. ``limits`` is (lowest, highest, instead of NaN).
    ``wanted`` (planes, nj) is 0 for rows of the result that need not be filled. ``work`` is (planes, nj, ni); ``out``
    is (planes, nj, ni + 2) with the border repeated in its outer columns.
    """
    across, across_weights, down, down_weights, half = steps
    nk, nj, ni = voxels.shape
    reach = 0
    for t in range(down_weights.size):
        reach = max(reach, abs(down[t, 0]))
    for p in prange(out.shape[0]):
        top, bottom = nj, 0
        for j in range(nj):
            if wanted[p, j] != 0:
                top = min(top, j)
                bottom = j + 1
        if bottom == 0:
            continue
        for j in range(max(0, top - reach), min(nj, bottom + reach)):
            here = out[p, j][:ni]  # the pass down needs a second copy; the outer columns come last
            here[:] = np.float32(0.0)
            for t in range(across_weights.size):
                k = _clamp(_clamp(first + p, nk - 1) + across[t, 0], nk - 1)
                row = voxels[k, _clamp(j + across[t, 1], nj - 1)]
                _add_values(row, across[t, 2], across_weights[t], limits, here)
        for j in range(top, bottom):
            if wanted[p, j] == 0:
                continue
            work[p, j][:] = np.float32(0.0)
            for t in range(down_weights.size):
                _add_row(out[p, _clamp(j + down[t, 0], nj - 1)][:ni], down[t, 1], down_weights[t], work[p, j])
        line = np.empty(ni + 2 * half.size - 2, dtype=np.float32)
        for j in range(top, bottom):
            if wanted[p, j] == 0:
                continue
            _along_row(work[p, j], half, line, out[p, j][1 : ni + 1])
            out[p, j, 0] = out[p, j, 1]
            out[p, j, ni + 1] = out[p, j, ni]
