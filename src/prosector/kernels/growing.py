"""Growing from seeds: a flood within bounds, and what the flooded voxels are like.

The flood's queue has a fixed size: what does not fit is marked in the result itself and found again by a scan when
the queue has run empty. A flood reaches the same voxels in whatever order it runs, so nothing depends on the size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import kernel, leaf, parallel_kernel

Array = np.ndarray[Any, Any]


@leaf
def _difference(voxels: Array, k: int, j: int, i: int, axis: int) -> Any:
    """Central difference along an index axis; one-sided at the border of the grid."""
    n = voxels.shape[axis]
    at = k if axis == 0 else j if axis == 1 else i
    up = 1 if at + 1 < n else 0
    down = 1 if at > 0 else 0
    if up + down == 0:
        return 0.0
    if axis == 0:
        step = np.float64(voxels[k + up, j, i]) - np.float64(voxels[k - down, j, i])
    elif axis == 1:
        step = np.float64(voxels[k, j + up, i]) - np.float64(voxels[k, j - down, i])
    else:
        step = np.float64(voxels[k, j, i + up]) - np.float64(voxels[k, j, i - down])
    return step / (up + down)


@leaf
def _steepness(voxels: Array, metric: Array, k: int, j: int, i: int) -> Any:
    """Squared gradient per mm²: gᵀ (MᵀM)⁻¹ g for the index gradient g and the grid's matrix M."""
    a = _difference(voxels, k, j, i, 0)
    b = _difference(voxels, k, j, i, 1)
    c = _difference(voxels, k, j, i, 2)
    along = metric[0, 0] * a * a + metric[1, 1] * b * b + metric[2, 2] * c * c
    return along + 2.0 * (metric[0, 1] * a * b + metric[0, 2] * a * c + metric[1, 2] * b * c)


@kernel
def flood(
    voxels: Array, low: float, high: float, gradient: float, metric: Array, steps: Array, seeds: Array,
    queue: Array, allowed: Array, out: Array,
) -> int:  # fmt: skip
    """Grow from the (n, 3) seeds over the (m, 3) neighbour ``steps``; returns how many voxels were reached.

    A voxel is reached where ``allowed`` is 1, its value lies in ``low`` … ``high`` and, with a finite ``gradient``,
    its gradient (per mm, ``metric`` is (MᵀM)⁻¹) is at most that. ``out`` becomes 1 there; it comes in as zeros.
    """
    nk, nj, ni = voxels.shape
    flat = out.reshape(-1)
    steep = gradient * gradient
    capacity = queue.size
    head = used = count = 0
    for n in range(-seeds.shape[0], 0):
        k, j, i = seeds[n, 0], seeds[n, 1], seeds[n, 2]
        value = voxels[k, j, i]
        fits = allowed[k, j, i] != 0 and out[k, j, i] == 0 and value >= low and value <= high
        if fits and (steep == np.inf or _steepness(voxels, metric, k, j, i) <= steep):
            out[k, j, i] = 2
            count += 1
    pending = count > 0
    while pending:
        pending = False
        for n in range(flat.size):
            if flat[n] == 2 and used == capacity:
                pending = True
                break
            if flat[n] == 2:
                flat[n] = 1
                queue[(head + used) % capacity] = n
                used += 1
        while used > 0:
            here = queue[head]
            head = (head + 1) % capacity
            used -= 1
            k0 = here // (nj * ni)
            j0 = (here - k0 * nj * ni) // ni
            i0 = here - (k0 * nj + j0) * ni
            for n in range(steps.shape[0]):
                k, j, i = k0 + steps[n, 0], j0 + steps[n, 1], i0 + steps[n, 2]
                if k < 0 or k >= nk or j < 0 or j >= nj or i < 0 or i >= ni:
                    continue
                if out[k, j, i] != 0 or allowed[k, j, i] == 0:
                    continue
                value = voxels[k, j, i]
                if not (value >= low and value <= high):
                    continue
                if steep != np.inf and not _steepness(voxels, metric, k, j, i) <= steep:
                    continue
                count += 1
                if used < capacity:
                    out[k, j, i] = 1
                    queue[(head + used) % capacity] = (k * nj + j) * ni + i
                    used += 1
                else:
                    out[k, j, i] = 2
                    pending = True
    return count


@parallel_kernel
def slice_moments(voxels: Array, mask: Array, origin: float, out: Array) -> None:
    """Count, sum and sum of squares of (value − ``origin``) over the mask, for each slice: (k, 3) float64."""
    nk, nj, ni = voxels.shape
    for k in prange(nk):
        count, total, squares = 0.0, 0.0, 0.0
        for j in range(nj):
            for i in range(ni):
                if mask[k, j, i]:
                    value = np.float64(voxels[k, j, i]) - origin
                    count += 1.0
                    total += value
                    squares += value * value
        out[k, 0], out[k, 1], out[k, 2] = count, total, squares
