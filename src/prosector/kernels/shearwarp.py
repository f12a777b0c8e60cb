"""Object-order projections for turning a volume by hand: shear the slices, project them, warp the result.

(Lacroute and Levoy, 1994.) Slices across the axis that the rays cross fastest are shifted so that the rays stand
at right angles to them. Within a slice all four weights of the bilinear interpolation are the same, and
neighbours in the slice are neighbours in memory. The projected slices are then warped to the picture.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import kernel, leaf, parallel_kernel

ROWS = 16
"""Rows of the sheared picture that stay in the cache while the slices pass."""


@leaf
def parts_of(x):  # type: ignore[no-untyped-def]
    """Whole part and fraction."""
    whole = np.floor(x)
    return np.int64(whole), np.float32(x - whole)


@kernel
def raise_row(first, second, at, weights, best):  # type: ignore[no-untyped-def]
    """Raise ``best[n]`` to the blend of the two rows at ``n + at`` where that lies inside."""
    w00, w01, w10, w11 = weights
    start = max(np.int64(0), -at)
    count = min(best.size, first.size - 1 - at) - start
    if count <= 0:
        return
    a, b, out = first[start + at :], second[start + at :], best[start : start + count]
    for n in range(np.uint64(count)):
        m = np.uint64(n) + np.uint64(1)
        value = w00 * np.float32(a[n]) + w01 * np.float32(a[m]) + w10 * np.float32(b[n]) + w11 * np.float32(b[m])
        out[n] = value if value > out[n] else out[n]


@kernel
def add_row(first, second, at, weights, total, counts):  # type: ignore[no-untyped-def]
    """As ``raise_row``, adding up values that are finite and counting them."""
    w00, w01, w10, w11 = weights
    start = max(np.int64(0), -at)
    count = min(total.size, first.size - 1 - at) - start
    for n in range(start, start + count):
        m = n + at
        value = w00 * np.float32(first[m]) + w01 * np.float32(first[m + 1])
        value += w10 * np.float32(second[m]) + w11 * np.float32(second[m + 1])
        if np.isfinite(value):
            total[n] += value
            counts[n] += np.float32(1.0)


@kernel
def shear_rows(voxels, axis, shear, offset, first_row, out, counts):  # type: ignore[no-untyped-def]
    """Project all slices onto some rows of the sheared picture."""
    slices, height = voxels.shape[axis], voxels.shape[1 - axis]
    for s in range(slices):
        u, fu = parts_of(shear[0] * s - offset[0])
        v, fv = parts_of(shear[1] * s - offset[1])
        one = np.float32(1.0)
        weights = ((one - fu) * (one - fv), (one - fu) * fv, fu * (one - fv), fu * fv)
        for row in range(first_row, min(first_row + ROWS, out.shape[0])):
            near = row + u
            if 0 <= near < height - 1:
                a = voxels[s, near] if axis == 0 else voxels[near, s]
                b = voxels[s, near + 1] if axis == 0 else voxels[near + 1, s]
                if counts.size > 0:
                    add_row(a, b, v, weights, out[row], counts[row])
                else:
                    raise_row(a, b, v, weights, out[row])


@parallel_kernel
def shear_project(voxels, axis, shear, offset, out, counts):  # type: ignore[no-untyped-def]
    """Maximum (``counts`` empty) or sum and number of the slices across ``axis`` (0 or 1) of a volume.

    shear : what (row, column) in a slice changes from one slice to the next along a ray; offset : sheared
    picture's place of row and column 0; out : float32, −inf or 0 at first.
    """
    for n in prange((out.shape[0] + ROWS - 1) // ROWS):
        shear_rows(voxels, axis, shear, offset, n * ROWS, out, counts)


@parallel_kernel
def warp(sheared, place, out):  # type: ignore[no-untyped-def]
    """Picture from the sheared one, bilinear; the nearest pixel at its border; NaN where that met nothing.

    place : (2, 3) float64, row and column in the sheared picture: constant, per column, per row.
    """
    for row in prange(out.shape[0]):
        for column in range(out.shape[1]):
            y = place[0, 0] + column * place[0, 1] + row * place[0, 2]
            x = place[1, 0] + column * place[1, 1] + row * place[1, 2]
            out[row, column] = pixel(sheared, y, x)


@leaf
def pixel(sheared, y, x):  # type: ignore[no-untyped-def]
    """Value of the sheared picture between its pixels."""
    if not (-0.5 <= y <= sheared.shape[0] - 0.5 and -0.5 <= x <= sheared.shape[1] - 0.5):
        return np.float32(np.nan)
    j, fy = parts_of(y)
    i, fx = parts_of(x)
    if 0 <= j < sheared.shape[0] - 1 and 0 <= i < sheared.shape[1] - 1:
        near = sheared[j, i] + fx * (sheared[j, i + 1] - sheared[j, i])
        far = sheared[j + 1, i] + fx * (sheared[j + 1, i + 1] - sheared[j + 1, i])
        value = near + fy * (far - near)
        if np.isfinite(value):
            return value
    value = sheared[
        min(max(np.int64(np.floor(y + 0.5)), 0), sheared.shape[0] - 1),
        min(max(np.int64(np.floor(x + 0.5)), 0), sheared.shape[1] - 1),
    ]
    return value if np.isfinite(value) else np.float32(np.nan)
