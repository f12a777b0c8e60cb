"""Growing by an exact ball, and the votes of a ball's voxels where labels meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import parallel_kernel

Array = np.ndarray[Any, Any]

CANDIDATES = 4
"""Labels that are kept for a voxel: more than four hardly ever meet in a ball."""

CHUNK = 4096


@parallel_kernel
def stamp_runs(row_start: Array, begin: Array, end: Array, ball: Array, out: Array) -> None:
    """Fill the union of balls around every voxel of runs along i (see ``labelling``), which stays exact at any size.

    ``ball`` has rows (dk, dj, first i, last i).
    """
    nk, nj, ni = out.shape
    for k in prange(nk):
        for n in range(ball.shape[0]):
            kk = k - ball[n, 0]
            if kk < 0 or kk >= nk:
                continue
            for j in range(max(0, ball[n, 1]), min(nj, nj + ball[n, 1])):
                row = kk * nj + j - ball[n, 1]
                for run in range(row_start[row], row_start[row + 1]):
                    low = max(0, begin[run] + ball[n, 2])
                    high = min(ni, end[run] + ball[n, 3])
                    for i in range(low, high):
                        out[k, j, i] = 1


@parallel_kernel
def find_borders(labels: Array, out: Array) -> None:
    """1 where one of the six neighbours has another label."""
    nk, nj, ni = labels.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                here = labels[k, j, i]
                other = (
                    (k > 0 and labels[k - 1, j, i] != here)
                    or (k < nk - 1 and labels[k + 1, j, i] != here)
                    or (j > 0 and labels[k, j - 1, i] != here)
                    or (j < nj - 1 and labels[k, j + 1, i] != here)
                    or (i > 0 and labels[k, j, i - 1] != here)
                    or (i < ni - 1 and labels[k, j, i + 1] != here)
                )
                out[k, j, i] = 1 if other else 0


@parallel_kernel
def count_votes(
    labels: Array, count: int, voxels: Array, offsets: Array, weights: Array, out_label: Array, out_score: Array
) -> None:
    """The labels below ``count`` that weigh most in the ball around each of the (n, 3) voxels, heaviest first.

    Outputs are (n, CANDIDATES); unused places hold label −1. Equal weights go to the lower label.
    All ``weights`` are above 0.
    """
    total = voxels.shape[0]
    for chunk in prange((total + CHUNK - 1) // CHUNK):
        votes = np.zeros(count, dtype=np.float64)
        met = np.empty(count, dtype=np.int32)
        for n in range(chunk * CHUNK, min(total, (chunk + 1) * CHUNK)):
            some = 0
            for m in range(offsets.shape[0]):
                k = voxels[n, 0] + offsets[m, 0]
                j = voxels[n, 1] + offsets[m, 1]
                i = voxels[n, 2] + offsets[m, 2]
                if 0 <= k < labels.shape[0] and 0 <= j < labels.shape[1] and 0 <= i < labels.shape[2]:
                    label = labels[k, j, i]
                    if label < count:
                        if votes[label] == 0.0:
                            met[some] = label
                            some += 1
                        votes[label] += weights[m]
            for place in range(CANDIDATES):
                best = -1
                for n_met in range(some):
                    label = met[n_met]
                    more = best < 0 or votes[label] > votes[best] or (votes[label] == votes[best] and label < best)
                    if votes[label] > 0.0 and more:
                        best = label
                out_label[n, place] = best
                out_score[n, place] = votes[best] if best >= 0 else 0.0
                if best >= 0:
                    votes[best] = 0.0
            for n_met in range(some):
                votes[met[n_met]] = 0.0
