"""Sums over blocks of voxels, and borders at half the way between two local levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, parallel_kernel

Array = np.ndarray[Any, Any]

CORE, WALL, NEAR, OUT = 3, 2, 1, 0
"""States of a voxel: deep in a vessel, at its border, beside it (decided by the threshold), or elsewhere."""


@leaf
def _is_deep(found, k, j, i):  # type: ignore[no-untyped-def]
    """Whether all six neighbours belong to the vessel as well; the grid's border counts as vessel."""
    nk, nj, ni = found.shape
    return (
        (k == 0 or found[k - 1, j, i] != 0)
        and (k == nk - 1 or found[k + 1, j, i] != 0)
        and (j == 0 or found[k, j - 1, i] != 0)
        and (j == nj - 1 or found[k, j + 1, i] != 0)
        and (i == 0 or found[k, j, i - 1] != 0)
        and (i == ni - 1 or found[k, j, i + 1] != 0)
    )


@parallel_kernel
def states(found: Array, near: Array, out: Array) -> None:
    """State of each voxel from the vessels found and what lies near them, both masks."""
    nk, nj, ni = found.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                if found[k, j, i] != 0:
                    out[k, j, i] = CORE if _is_deep(found, k, j, i) else WALL
                else:
                    out[k, j, i] = NEAR if near[k, j, i] != 0 else OUT


@parallel_kernel
def block_sums(
    voxels: Array, state: Array, excluded: Array, limits: Array, factors: Array, shallow: float, out: Array
) -> None:
    """Sums and weights of blood and of its surroundings in blocks; ``out`` is (4, k, j, i) of float64.

    Blood counts in full where it lies deep and with weight ``shallow`` at the border; surroundings are what is
    neither in or near vessels nor excluded, from ``limits[0]`` to ``limits[1]``.
    """
    nk, nj, ni = voxels.shape
    fk, fj, fi = factors
    for bk in prange(out.shape[1]):
        out[:, bk] = 0.0
        for k in range(bk * fk, min(nk, (bk + 1) * fk)):
            for j in range(nj):
                for i in range(ni):
                    value = np.float64(voxels[k, j, i])
                    kind = state[k, j, i]
                    if kind >= WALL:
                        weight = 1.0 if kind == CORE else shallow
                        out[0, bk, j // fj, i // fi] += weight * value
                        out[1, bk, j // fj, i // fi] += weight
                    elif kind == OUT and excluded[k, j, i] == 0 and limits[0] <= value <= limits[1]:
                        out[2, bk, j // fj, i // fi] += value
                        out[3, bk, j // fj, i // fi] += 1.0


@leaf
def _cell(at, size):  # type: ignore[no-untyped-def]
    """Lower cell and share of the upper one; a field of one cell is constant."""
    at = min(max(at, 0.0), size - 1.0)
    low = min(int(at), max(size - 2, 0))
    return low, at - low


@leaf
def _field(field, k, j, i):  # type: ignore[no-untyped-def]
    """Trilinear value of a coarse field at fractional cell coordinates."""
    nk, nj, ni = field.shape
    a, u = _cell(k, nk)
    b, v = _cell(j, nj)
    c, w = _cell(i, ni)
    total = 0.0
    for n in range(8):
        ka, jb, ic = (n >> 2) & 1, (n >> 1) & 1, n & 1
        share = (u if ka else 1.0 - u) * (v if jb else 1.0 - v) * (w if ic else 1.0 - w)
        if share > 0.0:
            total += share * field[a + ka, b + jb, c + ic]
    return total


@parallel_kernel
def half_way(
    voxels: Array, smooth: Array, state: Array, fields: tuple[Array, Array], factors: Array, ball: Array, out: Array
) -> None:
    """Vessel where a voxel lies above the middle of the local blood and the local surroundings.

    The local blood is the coarse field, but no more than the largest smoothed vessel value within ``ball`` (n, 3):
    a vessel narrower than the resolution never reaches the level of its blood.
    """
    nk, nj, ni = voxels.shape
    blood, tissue = fields
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                kind = state[k, j, i]
                out[k, j, i] = 0
                if kind != OUT:
                    bk = (k + 0.5) / factors[0] - 0.5
                    bj = (j + 0.5) / factors[1] - 0.5
                    bi = (i + 0.5) / factors[2] - 0.5
                    level = min(_field(blood, bk, bj, bi), _peak(smooth, state, ball, k, j, i))
                    out[k, j, i] = 1 if voxels[k, j, i] >= 0.5 * (level + _field(tissue, bk, bj, bi)) else 0


@leaf
def _peak(smooth, state, ball, k, j, i):  # type: ignore[no-untyped-def]
    """Largest smoothed value of the vessel voxels around; infinite where there is none."""
    nk, nj, ni = state.shape
    best, seen = -np.inf, False
    for n in range(ball.shape[0]):
        a, b, c = k + ball[n, 0], j + ball[n, 1], i + ball[n, 2]
        if 0 <= a < nk and 0 <= b < nj and 0 <= c < ni and state[a, b, c] >= WALL:
            best, seen = max(best, np.float64(smooth[a, b, c])), True
    return best if seen else np.inf
