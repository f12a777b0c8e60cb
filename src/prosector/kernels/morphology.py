"""Binary morphology and block reduction on (k, j, i) arrays; masks are uint8 of 0 and 1.

Outside the grid lies nothing: neither dilation nor erosion is moved by it, so a body that the field of
view cuts off is not eaten from its cut face.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import inline, parallel_kernel
from prosector.kernels.labelling import root

Array = np.ndarray[Any, Any]


@parallel_kernel
def block_mean(voxels: Array, factors: Array, low: float, high: float, out: Array) -> None:
    """Mean of each block of ``factors`` voxels, clipped to ``low`` … ``high``; NaN counts as ``low``."""
    nk, nj, ni = voxels.shape
    fk, fj, fi = factors[0], factors[1], factors[2]
    for k in prange(out.shape[0]):
        sums = np.empty(ni, dtype=np.float32)
        bottom, top = np.float32(low), np.float32(high)
        k_end = min((k + 1) * fk, nk)
        for j in range(out.shape[1]):
            j_end = min((j + 1) * fj, nj)
            sums[:] = 0.0
            for kk in range(k * fk, k_end):
                for jj in range(j * fj, j_end):
                    row = voxels[kk, jj]
                    for i in range(ni):
                        value = np.float32(row[i])
                        value = value if value >= bottom else bottom
                        sums[i] += value if value <= top else top
            area = (k_end - k * fk) * (j_end - j * fj)
            for i in range(out.shape[2]):
                i_end = min((i + 1) * fi, ni)
                total = np.float32(0.0)
                for ii in range(i * fi, i_end):
                    total += sums[ii]
                out[k, j, i] = total / np.float32(area * (i_end - i * fi))


@inline
def _bounds(row: Array) -> tuple[int, int]:
    """First and one-past-last nonzero index; both 0 where there is none."""
    first, last = 0, row.size
    while last > 0 and row[last - 1] == 0:
        last -= 1
    if last == 0:
        return 0, 0
    while row[first] == 0:
        first += 1
    return first, last


@parallel_kernel
def dilate(mask: Array, offsets: Array, out: Array) -> None:
    """1 where any voxel at one of the (n, 3) offsets is 1."""
    nk, nj, ni = mask.shape
    begin = np.empty((nk, nj), dtype=np.int64)
    end = np.empty((nk, nj), dtype=np.int64)
    for k in prange(nk):
        for j in range(nj):
            begin[k, j], end[k, j] = _bounds(mask[k, j])
    for k in prange(nk):
        for j in range(nj):
            target = out[k, j]
            target[:] = 0
            for n in range(offsets.shape[0]):
                kk = k + offsets[n, 0]
                jj = j + offsets[n, 1]
                shift = offsets[n, 2]
                if 0 <= kk < nk and 0 <= jj < nj:
                    first = max(begin[kk, jj], shift)
                    last = min(end[kk, jj], ni + shift)
                    if first < last:
                        source = mask[kk, jj, first:last]
                        part = target[first - shift : last - shift]
                        for i in range(part.size):
                            part[i] |= source[i]


@parallel_kernel
def erode(mask: Array, offsets: Array, out: Array) -> None:
    """1 where all voxels at the (n, 3) offsets that lie on the grid are 1, itself among them."""
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            target = out[k, j]
            target[:] = mask[k, j]
            begin, end = _bounds(mask[k, j])
            for n in range(offsets.shape[0]):
                kk = k + offsets[n, 0]
                jj = j + offsets[n, 1]
                shift = offsets[n, 2]
                if 0 <= kk < nk and 0 <= jj < nj:
                    first = max(begin + shift, 0)
                    last = min(end + shift, ni)
                    if first < last:
                        source = mask[kk, jj, first:last]
                        part = target[first - shift : last - shift]
                        for i in range(part.size):
                            part[i] &= source[i]


@inline
def _zero_runs(plane: Array, row_start: Array, begin: Array, end: Array) -> int:
    """The runs of 0 of a slice, row by row; returns how many."""
    nj, ni = plane.shape
    count = 0
    for j in range(nj):
        row_start[j] = count
        i = 0
        while i < ni:
            while i < ni and plane[j, i] != 0:
                i += 1
            if i < ni:
                begin[count] = i
                while i < ni and plane[j, i] == 0:
                    i += 1
                end[count] = i
                count += 1
    row_start[nj] = count
    return count


@inline
def _join(parent: Array, a: int, b: int) -> None:
    first, second = root(parent, a), root(parent, b)
    parent[max(first, second)] = min(first, second)


@parallel_kernel
def fill_slices(mask: Array, out: Array) -> None:
    """Fill, in each slice k, what cannot be reached from the slice's border over 0 (4-connected).

    Runs of 0 are joined from row to row; those that reach the border are joined to number 0, the outside.
    """
    nk, nj, ni = mask.shape
    for k in prange(nk):
        most = nj * ((ni + 1) // 2)
        row_start = np.empty(nj + 1, dtype=np.int32)
        begin, end = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32)
        count = _zero_runs(mask[k], row_start, begin, end)
        parent = np.arange(count + 1)
        for j in range(nj):
            above = row_start[max(0, j - 1)]
            for n in range(row_start[j], row_start[j + 1]):
                if j == 0 or j == nj - 1 or begin[n] == 0 or end[n] == ni:
                    _join(parent, n + 1, 0)
                while j > 0 and above < row_start[j] and end[above] <= begin[n]:
                    above += 1
                other = above
                while j > 0 and other < row_start[j] and begin[other] < end[n]:
                    _join(parent, n + 1, other + 1)
                    other += 1
        out[k] = 1
        for j in range(nj):
            for n in range(row_start[j], row_start[j + 1]):
                if root(parent, n + 1) == 0:
                    out[k, j, begin[n] : end[n]] = 0


@parallel_kernel
def refine(voxels: Array, threshold: float, core: Array, reach: Array, factors: Array, out: Array) -> None:
    """1 in the blocks of ``core``, and in those of ``reach`` where the voxel is at least ``threshold``."""
    nk, nj, ni = voxels.shape
    for k in prange(nk):
        kk = k // factors[0]
        for j in range(nj):
            jj = j // factors[1]
            for i in range(ni):
                ii = i // factors[2]
                if core[kk, jj, ii] or (reach[kk, jj, ii] and voxels[k, j, i] >= threshold):
                    out[k, j, i] = 1
                else:
                    out[k, j, i] = 0


@parallel_kernel
def paint_below(
    voxels: Array, threshold: float, core: Array, reach: Array, factors: Array, number: int, out: Array
) -> None:
    """``number`` in the blocks of ``core``, and in those of ``reach`` below ``threshold``, where ``out`` is 0."""
    nk, nj, ni = voxels.shape
    for k in prange(nk):
        kk = k // factors[0]
        for j in range(nj):
            jj = j // factors[1]
            for i in range(ni):
                ii = i // factors[2]
                if out[k, j, i] == 0 and (core[kk, jj, ii] or (reach[kk, jj, ii] and voxels[k, j, i] < threshold)):
                    out[k, j, i] = number


@parallel_kernel
def where_inside(voxels: Array, mask: Array, background: float, out: Array) -> None:
    """Copy voxels where the mask is not 0, ``background`` elsewhere."""
    nk, nj, ni = voxels.shape
    empty = out.dtype.type(background)
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                out[k, j, i] = voxels[k, j, i] if mask[k, j, i] else empty


@parallel_kernel
def candidates(voxels: Array, low: float, mask: Array, ceiling: Array, factors: Array, out: Array) -> None:
    """1 where the mask is set, the voxel at least ``low`` and above its block's ``ceiling``."""
    nk, nj, ni = voxels.shape
    for k in prange(nk):
        kk = k // factors[0]
        for j in range(nj):
            jj = j // factors[1]
            for i in range(ni):
                value = voxels[k, j, i]
                inside = mask[k, j, i] != 0 and value >= low
                out[k, j, i] = 1 if inside and value > ceiling[kk, jj, i // factors[2]] else 0


@parallel_kernel
def steepest(values: Array, out: Array) -> None:
    """Largest absolute difference to one of the six neighbours."""
    nk, nj, ni = values.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                here = values[k, j, i]
                best = np.float32(0.0)
                if k > 0:
                    best = max(best, abs(here - values[k - 1, j, i]))
                if k < nk - 1:
                    best = max(best, abs(here - values[k + 1, j, i]))
                if j > 0:
                    best = max(best, abs(here - values[k, j - 1, i]))
                if j < nj - 1:
                    best = max(best, abs(here - values[k, j + 1, i]))
                if i > 0:
                    best = max(best, abs(here - values[k, j, i - 1]))
                if i < ni - 1:
                    best = max(best, abs(here - values[k, j, i + 1]))
                out[k, j, i] = best
