"""Values along rays in planes across a vessel."""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, parallel_kernel


@leaf
def sampled(field, k, j, i):  # type: ignore[no-untyped-def]
    """Trilinear value; the outer half voxel keeps the edge's value, beyond it is NaN."""
    nk, nj, ni = field.shape
    inside = -0.5 <= k <= nk - 0.5 and -0.5 <= j <= nj - 0.5 and -0.5 <= i <= ni - 0.5
    if not inside:
        return np.nan
    k, j, i = min(max(k, 0.0), nk - 1.0), min(max(j, 0.0), nj - 1.0), min(max(i, 0.0), ni - 1.0)
    a, b, c = min(int(k), max(nk - 2, 0)), min(int(j), max(nj - 2, 0)), min(int(i), max(ni - 2, 0))
    u, v, w = k - a, j - b, i - c
    aa, bb, cc = min(a + 1, nk - 1), min(b + 1, nj - 1), min(c + 1, ni - 1)
    low = (1 - v) * ((1 - w) * field[a, b, c] + w * field[a, b, cc])
    low += v * ((1 - w) * field[a, bb, c] + w * field[a, bb, cc])
    high = (1 - v) * ((1 - w) * field[aa, b, c] + w * field[aa, b, cc])
    high += v * ((1 - w) * field[aa, bb, c] + w * field[aa, bb, cc])
    return (1 - u) * low + u * high


@parallel_kernel
def polar_samples(field, centers, across, upward, steps, out):  # type: ignore[no-untyped-def]
    """Sample planes along rays from their centres.

    field : (k, j, i) float32. centers : (n, 3) index positions. across, upward : (n, 3), index steps of 1 mm
    along the plane's two axes. steps : (n,) mm between samples. out : (n, angles, samples) float32, the first
    sample at the centre, angles from ``across`` towards ``upward``; NaN beyond the grid.
    """
    count, angles, samples = out.shape
    for n in prange(count):
        for a in range(angles):
            turn = 2 * np.pi * a / angles
            x, y = np.cos(turn) * steps[n], np.sin(turn) * steps[n]
            dk = x * across[n, 0] + y * upward[n, 0]
            dj = x * across[n, 1] + y * upward[n, 1]
            di = x * across[n, 2] + y * upward[n, 2]
            for s in range(samples):
                value = sampled(field, centers[n, 0] + s * dk, centers[n, 1] + s * dj, centers[n, 2] + s * di)
                out[n, a, s] = np.float32(value)


@leaf
def room(rim, x, y):  # type: ignore[no-untyped-def]
    """Distance of a point from the nearest edge of a closed polygon (m, 2)."""
    count = rim.shape[0]
    best = np.inf
    for m in range(count):
        other = m + 1 if m + 1 < count else 0
        u, v = rim[other, 0] - rim[m, 0], rim[other, 1] - rim[m, 1]
        p, q = x - rim[m, 0], y - rim[m, 1]
        share = min(max((p * u + q * v) / max(u * u + v * v, 1e-12), 0.0), 1.0)
        p, q = p - share * u, q - share * v
        best = min(best, p * p + q * q)
    return np.sqrt(best)


@parallel_kernel
def inscribed_circles(rims, out):  # type: ignore[no-untyped-def]
    """Radius of the largest circle in each of (n, m, 2) polygons around the origin, into (n,) ``out``.

    The best of a 5×5 grid of centres, seven times over with half the step, from the middle of the corners.
    """
    for n in prange(rims.shape[0]):
        rim = rims[n]
        x, y, size = 0.0, 0.0, 0.0
        for m in range(rim.shape[0]):
            x += rim[m, 0] / rim.shape[0]
            y += rim[m, 1] / rim.shape[0]
            size += np.sqrt(rim[m, 0] ** 2 + rim[m, 1] ** 2) / rim.shape[0]
        step, best = 0.3 * size, room(rim, x, y)
        for _turn in range(7):
            left, low = x - 2 * step, y - 2 * step
            for a in range(25):
                px, py = left + (a // 5) * step, low + (a % 5) * step
                found = room(rim, px, py)
                if found > best:
                    best, x, y = found, px, py
            step *= 0.5
        out[n] = best
