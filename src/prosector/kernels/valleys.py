"""Thin dark lines: what lies deep between brighter values on two opposite sides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import parallel_kernel

Array = np.ndarray[Any, Any]


@parallel_kernel
def valleys(voxels: Array, mask: Array, steps: Array, counts: Array, out: Array) -> None:
    """How far each voxel of the mask lies below both of its sides, along the direction in which that is most.

    Along each of the (n, 3) ``steps`` a side is the highest value of the next ``counts[n]`` voxels on the grid;
    ``out`` (float32) is the lower side less the voxel, at least 0; 0 outside the mask.
    """
    nk, nj, ni = voxels.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                out[k, j, i] = 0.0
                if mask[k, j, i] == 0:
                    continue
                here = np.float32(voxels[k, j, i])
                best = np.float32(0.0)
                for n in range(steps.shape[0]):
                    sides = np.float32(np.inf)
                    for sign in (-1, 1):
                        side = np.float32(-np.inf)
                        for m in range(1, counts[n] + 1):
                            kk = k + sign * m * steps[n, 0]
                            jj = j + sign * m * steps[n, 1]
                            ii = i + sign * m * steps[n, 2]
                            if kk < 0 or kk >= nk or jj < 0 or jj >= nj or ii < 0 or ii >= ni:
                                break
                            side = max(side, np.float32(voxels[kk, jj, ii]))
                        sides = min(sides, side)
                    best = max(best, sides - here)
                out[k, j, i] = best
