"""What tells bone from what lies on it, voxel by voxel; masks are uint8 of 0 and 1, arrays (k, j, i)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, parallel_kernel

Array = np.ndarray[Any, Any]


@parallel_kernel
def block_shares(voxels: Array, dark: float, dense: float, factors: Array, darker: Array, denser: Array) -> None:
    """Shares of each block's voxels that are below ``dark`` and at least ``dense``."""
    nk, nj, ni = voxels.shape
    for k in prange(darker.shape[0]):
        first, last = k * factors[0], min((k + 1) * factors[0], nk)
        for j in range(darker.shape[1]):
            top, bottom = j * factors[1], min((j + 1) * factors[1], nj)
            for i in range(darker.shape[2]):
                left, right = i * factors[2], min((i + 1) * factors[2], ni)
                below = 0
                above = 0
                for kk in range(first, last):
                    for jj in range(top, bottom):
                        for ii in range(left, right):
                            value = voxels[kk, jj, ii]
                            below += 1 if value < dark else 0
                            above += 1 if value >= dense else 0
                count = np.float32((last - first) * (bottom - top) * (right - left))
                darker[k, j, i] = np.float32(below) / count
                denser[k, j, i] = np.float32(above) / count


@parallel_kernel
def plateau(
    voxels: Array, low: float, high: float, offsets: Array, open_blocks: Array, factors: Array, out: Array
) -> None:
    """1 where the voxel and all at the (n, 3) offsets on the grid lie in ``low`` … ``high``, in a nonzero block."""
    nk, nj, ni = voxels.shape
    for k in prange(nk):
        kb = k // factors[0]
        for j in range(nj):
            jb = j // factors[1]
            for i in range(ni):
                value = voxels[k, j, i]
                out[k, j, i] = 0
                if not (low <= value <= high) or open_blocks[kb, jb, i // factors[2]] == 0:
                    continue
                even = True
                for n in range(offsets.shape[0]):
                    kk, jj, ii = k + offsets[n, 0], j + offsets[n, 1], i + offsets[n, 2]
                    if 0 <= kk < nk and 0 <= jj < nj and 0 <= ii < ni:
                        value = voxels[kk, jj, ii]
                        if not (low <= value <= high):
                            even = False
                            break
                if even:
                    out[k, j, i] = 1


@leaf
def _exposed(state: Array, k: int, j: int, i: int, deep: bool) -> bool:
    """Whether one of the four neighbours in the slice is 0, or where ``deep`` of all six."""
    nk, nj, ni = state.shape
    if (i > 0 and state[k, j, i - 1] == 0) or (i < ni - 1 and state[k, j, i + 1] == 0):
        return True
    if (j > 0 and state[k, j - 1, i] == 0) or (j < nj - 1 and state[k, j + 1, i] == 0):
        return True
    return bool(deep and ((k > 0 and state[k - 1, j, i] == 0) or (k < nk - 1 and state[k + 1, j, i] == 0)))


@leaf
def _inwards(state: Array, k: int, j: int, i: int, offsets: Array, metric: Array) -> tuple[float, float, float]:
    """Away from what is outside (0) among the (n, 3) offsets, by 1 mm, as an index; 0 where there is no such way."""
    nk, nj, ni = state.shape
    dk, dj, di = 0.0, 0.0, 0.0
    for n in range(offsets.shape[0]):
        kk, jj, ii = k + offsets[n, 0], j + offsets[n, 1], i + offsets[n, 2]
        if 0 <= kk < nk and 0 <= jj < nj and 0 <= ii < ni and state[kk, jj, ii] == 0:
            dk -= offsets[n, 0]
            dj -= offsets[n, 1]
            di -= offsets[n, 2]
    square = metric[0, 0] * dk * dk + metric[1, 1] * dj * dj + metric[2, 2] * di * di
    square += 2.0 * (metric[0, 1] * dk * dj + metric[0, 2] * dk * di + metric[1, 2] * dj * di)
    scale = 1.0 / np.sqrt(square) if square > 0.0 else 0.0
    return scale * dk, scale * dj, scale * di


@leaf
def _profile(
    voxels: Array, state: Array, k: int, j: int, i: int, way: tuple[float, float, float], depths: Array
) -> tuple[float, float]:
    """Greatest value in bone at ``depths`` [0] (mm) along the way inwards, and mean at [1], each at most that."""
    nk, nj, ni = voxels.shape
    most = float(voxels[k, j, i])
    total = 0.0
    count = 0
    for part in range(2):
        for n in range(depths.shape[1]):
            step = depths[part, n]
            kk, jj, ii = (
                k + int(np.rint(step * way[0])),
                j + int(np.rint(step * way[1])),
                i + int(np.rint(step * way[2])),
            )
            if 0 <= kk < nk and 0 <= jj < nj and 0 <= ii < ni:
                value = float(voxels[kk, jj, ii])
                if part == 1:
                    total += min(most, value)
                    count += 1
                elif state[kk, jj, ii] == 1:
                    most = max(most, value)
    return most, total / count if count > 0 else most


@leaf
def _edge_share(edge: Array, peak: float, inside: float) -> float:
    """``edge`` (m, n), over peak and inside from 0 to 1, interpolated."""
    a = min(max(peak, 0.0), 1.0) * (edge.shape[0] - 1)
    b = min(max(inside, 0.0), 1.0) * (edge.shape[1] - 1)
    m, n = min(int(a), edge.shape[0] - 2), min(int(b), edge.shape[1] - 2)
    a -= m
    b -= n
    low = edge[m, n] + a * (edge[m + 1, n] - edge[m, n])
    high = edge[m, n + 1] + a * (edge[m + 1, n + 1] - edge[m, n + 1])
    return float(low + b * (high - low))


@parallel_kernel
def peel(
    voxels: Array,
    state: Array,
    bounds: Array,
    edge: Array,
    offsets: Array,
    metric: Array,
    depths: Array,
    deep: bool,
    out: Array,
) -> None:
    """Turn bone (1) that is exposed to the outside (0) into outside where it is but the blur of denser bone.

    ``bounds`` are the least level of an edge, the most of what lies beside bone, the density of compact bone, and
    the share of the way from there to its own peak by which the bone at hand is less dense.
    The least value at the (n, 3) offsets is what lies beside bone; the greatest at ``depths`` [0] (mm inwards;
    ``metric`` is that of the grid) is its peak; the mean at ``depths`` [1] its inside. ``edge`` (m, n) has the share
    of the way to compact bone at which the edge lies, for shares of peak and inside from 0 to 1. Neither bone nor
    outside are 2: holes. Exposed is exposed within the slice, or where ``deep`` to the next slices too.
    """
    nk, nj, ni = voxels.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                out[k, j, i] = state[k, j, i]
                if state[k, j, i] != 1 or not _exposed(state, k, j, i, deep):
                    continue
                least = bounds[1]
                for n in range(offsets.shape[0]):
                    kk, jj, ii = k + offsets[n, 0], j + offsets[n, 1], i + offsets[n, 2]
                    if 0 <= kk < nk and 0 <= jj < nj and 0 <= ii < ni:
                        least = min(least, float(voxels[kk, jj, ii]))
                way = _inwards(state, k, j, i, offsets, metric)
                most, inside = _profile(voxels, state, k, j, i, way, depths)
                span = (1.0 - bounds[3]) * max(bounds[2], most) + bounds[3] * most - least
                level = least
                if span > 0.0:
                    level += span * _edge_share(edge, (most - least) / span, (inside - least) / span)
                if voxels[k, j, i] < max(bounds[0], level):
                    out[k, j, i] = 0


@parallel_kernel
def thin_sheets(
    voxels: Array, low: float, high: float, contrast: float, offsets: Array, body: Array, out: Array
) -> None:
    """1 where a voxel in ``low`` … ``high`` stands out on both sides in one direction and not in all.

    ``offsets`` (n, 3) are half of a ring of directions; the voxel stands out along one when it is brighter
    than both ends by ``contrast``.
    """
    nk, nj, ni = voxels.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                value = np.float32(voxels[k, j, i])
                out[k, j, i] = 0
                if body[k, j, i] == 0 or value < low or value >= high:
                    continue
                across = 0
                along = 0
                for n in range(offsets.shape[0]):
                    dk, dj, di = offsets[n, 0], offsets[n, 1], offsets[n, 2]
                    if not (0 <= k - dk < nk and 0 <= j - dj < nj and 0 <= i - di < ni):
                        continue
                    if not (0 <= k + dk < nk and 0 <= j + dj < nj and 0 <= i + di < ni):
                        continue
                    a = np.float32(voxels[k - dk, j - dj, i - di])
                    b = np.float32(voxels[k + dk, j + dj, i + di])
                    if max(a, b) <= value - np.float32(contrast):
                        across += 1
                    elif min(a, b) > value - np.float32(contrast):
                        along += 1
                if across > 0 and along > 0:
                    out[k, j, i] = 1


@parallel_kernel
def leave_out(voxels: Array, mask: Array, top: float, out: Array) -> None:
    """Make ``out`` 0 where the mask is set and the voxel at most ``top``."""
    nk, nj, ni = voxels.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                if mask[k, j, i] != 0 and voxels[k, j, i] <= top:
                    out[k, j, i] = 0


@parallel_kernel
def fill_out(voxels: Array, mask: Array, zone: Array, stay: Array, fill: float, out: Array) -> None:
    """``fill`` where the mask is set, at most ``fill`` in the zone; the voxel itself elsewhere and in ``stay``."""
    nk, nj, ni = voxels.shape
    put = out.dtype.type(fill)
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                value = voxels[k, j, i]
                if stay[k, j, i] == 0 and (mask[k, j, i] != 0 or (zone[k, j, i] != 0 and value > put)):
                    value = put
                out[k, j, i] = value


@parallel_kernel
def paint_sides(mask: Array, along: Array, offset: float, band: float, out: Array) -> None:
    """In the mask 1 where ``along`` · (k, j, i) + ``offset`` exceeds ``band``, 2 below its negative, 3 between."""
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                out[k, j, i] = 0
                if mask[k, j, i] != 0:
                    place = along[0] * k + along[1] * j + along[2] * i + offset
                    out[k, j, i] = 1 if place > band else 2 if place < -band else 3
