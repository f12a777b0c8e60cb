"""Binary morphology and block reduction on (k, j, i) arrays; masks are uint8 of 0 and 1.

Outside the grid lies nothing: neither dilation nor erosion is moved by it, so a body that the field of
view cuts off is not eaten from its cut face.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import parallel_kernel

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


@parallel_kernel
def dilate(mask: Array, offsets: Array, out: Array) -> None:
    """1 where any voxel at one of the (n, 3) offsets is 1."""
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            target = out[k, j]
            target[:] = 0
            for n in range(offsets.shape[0]):
                kk = k + offsets[n, 0]
                jj = j + offsets[n, 1]
                shift = offsets[n, 2]
                if 0 <= kk < nk and 0 <= jj < nj and abs(shift) < ni:
                    source = mask[kk, jj, max(0, shift) : ni + min(0, shift)]
                    part = target[max(0, -shift) : ni - max(0, shift)]
                    for i in range(part.size):
                        part[i] |= source[i]


@parallel_kernel
def erode(mask: Array, offsets: Array, out: Array) -> None:
    """1 where all voxels at the (n, 3) offsets that lie on the grid are 1."""
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            target = out[k, j]
            target[:] = mask[k, j]
            for n in range(offsets.shape[0]):
                kk = k + offsets[n, 0]
                jj = j + offsets[n, 1]
                shift = offsets[n, 2]
                if 0 <= kk < nk and 0 <= jj < nj and abs(shift) < ni:
                    source = mask[kk, jj, max(0, shift) : ni + min(0, shift)]
                    part = target[max(0, -shift) : ni - max(0, shift)]
                    for i in range(part.size):
                        part[i] &= source[i]


@parallel_kernel
def fill_slices(mask: Array, out: Array) -> None:
    """Fill, in each slice k, what cannot be reached from the slice's border over 0 (4-connected)."""
    nk, nj, ni = mask.shape
    for k in prange(nk):
        plane = out[k]
        plane[:] = 1
        stack = np.empty(nj * ni, dtype=np.int32)
        size = 0
        for j in range(nj):
            step = 1 if j == 0 or j == nj - 1 else max(1, ni - 1)
            for i in range(0, ni, step):
                if mask[k, j, i] == 0 and plane[j, i] == 1:
                    plane[j, i] = 0
                    stack[size] = j * ni + i
                    size += 1
        while size > 0:
            size -= 1
            j = stack[size] // ni
            i = stack[size] - j * ni
            for n in range(4):
                jj = j + (1 if n == 0 else -1 if n == 1 else 0)
                ii = i + (1 if n == 2 else -1 if n == 3 else 0)
                if 0 <= jj < nj and 0 <= ii < ni and plane[jj, ii] == 1 and mask[k, jj, ii] == 0:
                    plane[jj, ii] = 0
                    stack[size] = jj * ni + ii
                    size += 1


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
