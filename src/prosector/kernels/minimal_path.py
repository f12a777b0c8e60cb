"""Cheapest ways through the voxels of a lumen (Dijkstra, Numer Math 1, 1959, on 26 neighbours, binary heap)."""

from __future__ import annotations

from typing import Any

import numpy as np

from prosector.kernels._jit import kernel, leaf

Array = np.ndarray[Any, Any]


@leaf
def rises(heap, places, totals, at):  # type: ignore[no-untyped-def]
    """Move an entry up to where its parent is no dearer; the lower index goes first among equals."""
    voxel = heap[at]
    while at > 0:
        parent = (at - 1) >> 1
        above = heap[parent]
        if totals[above] < totals[voxel] or (totals[above] == totals[voxel] and above < voxel):
            break
        heap[at] = above
        places[above] = at
        at = parent
    heap[at] = voxel
    places[voxel] = at


@leaf
def sinks(heap, places, totals, size):  # type: ignore[no-untyped-def]
    """Move the first entry down to where no child is cheaper."""
    voxel = heap[0]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = child + 1
        if other < size:
            a, b = heap[other], heap[child]
            if totals[a] < totals[b] or (totals[a] == totals[b] and a < b):
                child = other
        below = heap[child]
        if totals[voxel] < totals[below] or (totals[voxel] == totals[below] and voxel < below):
            break
        heap[at] = below
        places[below] = at
        at = child
    heap[at] = voxel
    places[voxel] = at


@kernel
def cheapest_paths(cost, seeds, offsets, lengths, heap, places, totals, lengths_out, parents):  # type: ignore[no-untyped-def]
    """Least total cost from the seeds to every voxel that they reach.

    cost : (k, j, i) float32, per mm, 0 or less where there is no way; a step costs its length times the mean of
    both ends. seeds : (n,) flat indices. offsets, lengths : (m, 3) index steps and their mm. heap : (number of
    voxels of the lumen,) int32; places : (size,) int32 of −1. totals : (size,) float64 of inf. lengths_out :
    (size,) float32, mm along the cheapest way. parents : (size,) int32 of −1; that of a seed is itself.
    """
    nk, nj, ni = cost.shape
    flat = cost.reshape(cost.size)
    size = 0
    for n in range(seeds.size):
        if totals[seeds[n]] != 0.0:
            totals[seeds[n]] = 0.0
            lengths_out[seeds[n]] = 0.0
            parents[seeds[n]] = seeds[n]
            heap[size] = seeds[n]
            rises(heap, places, totals, size)
            size += 1
    while size > 0:
        voxel = heap[0]
        places[voxel] = -2
        size -= 1
        if size > 0:
            heap[0] = heap[size]
            sinks(heap, places, totals, size)
        k = voxel // (nj * ni)
        j = (voxel // ni) % nj
        i = voxel % ni
        for m in range(lengths.size):
            kk, jj, ii = k + offsets[m, 0], j + offsets[m, 1], i + offsets[m, 2]
            if kk < 0 or kk >= nk or jj < 0 or jj >= nj or ii < 0 or ii >= ni:
                continue
            other = (kk * nj + jj) * ni + ii
            if flat[other] <= 0 or places[other] == -2:
                continue
            total = totals[voxel] + lengths[m] * 0.5 * (np.float64(flat[voxel]) + np.float64(flat[other]))
            if total < totals[other]:
                totals[other] = total
                lengths_out[other] = lengths_out[voxel] + np.float32(lengths[m])
                parents[other] = voxel
                if places[other] < 0:
                    places[other] = size
                    heap[size] = other
                    size += 1
                rises(heap, places, totals, places[other])


@kernel
def cover(points, radii, matrix, reach, open_):  # type: ignore[no-untyped-def]
    """Set ``open_`` (k, j, i) to 0 within ``radii`` mm of index points; ``reach``: index steps of 1 mm at most."""
    nk, nj, ni = open_.shape
    for n in range(points.shape[0]):
        k, j, i = points[n]
        square = radii[n] * radii[n]
        dk, dj, di = (int(radii[n] * reach[0]), int(radii[n] * reach[1]), int(radii[n] * reach[2]))
        for kk in range(max(0, k - dk), min(nk, k + dk + 1)):
            for jj in range(max(0, j - dj), min(nj, j + dj + 1)):
                for ii in range(max(0, i - di), min(ni, i + di + 1)):
                    away = 0.0
                    for a in range(3):
                        part = matrix[a, 0] * (kk - k) + matrix[a, 1] * (jj - j) + matrix[a, 2] * (ii - i)
                        away += part * part
                    if away <= square:
                        open_[kk, jj, ii] = 0
