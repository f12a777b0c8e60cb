"""Where the level crosses an edge of the grid, and which way the surface looks there."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from prosector.kernels._jit import inline, parallel_kernel
from prosector.kernels.mesh_bits import edges_along_i, lowest_bit

CLEARANCE = 1.0 / 512.0
"""Vertices keep this part of a step away from samples. On whole numbers a level is often met exactly at
a sample, where all its vertices would fall on one point and leave triangles without area, which slicers
of 3D printers reject."""


@inline
def _crossing(low, high, level):  # type: ignore[no-untyped-def]
    """Part of the step from ``low`` to ``high`` at which the level is met; the middle if one is no number."""
    part = (level - low) / (high - low)
    return min(max(part, CLEARANCE), 1.0 - CLEARANCE) if part == part else 0.5


@inline
def _slope(before, here, after, half):  # type: ignore[no-untyped-def]
    """Central difference; a neighbour that is not a number is left out."""
    low = before if before == before else here
    high = after if after == after else here
    return (high - low) * half


@inline
def _border_gradient(voxels, k, j, i):  # type: ignore[no-untyped-def]
    """Gradient per index step at any sample; one-sided at the border."""
    depth, rows, columns = voxels.shape
    k0, k1 = max(k - 1, 0), min(k + 1, depth - 1)
    j0, j1 = max(j - 1, 0), min(j + 1, rows - 1)
    i0, i1 = max(i - 1, 0), min(i + 1, columns - 1)
    here = np.float64(voxels[k, j, i])
    return (
        _slope(np.float64(voxels[k0, j, i]), here, np.float64(voxels[k1, j, i]), 0.5 if k1 - k0 == 2 else 1.0),
        _slope(np.float64(voxels[k, j0, i]), here, np.float64(voxels[k, j1, i]), 0.5 if j1 - j0 == 2 else 1.0),
        _slope(np.float64(voxels[k, j, i0]), here, np.float64(voxels[k, j, i1]), 0.5 if i1 - i0 == 2 else 1.0),
    )


@inline
def _inner_gradient(flat, at, slice_step, row_step):  # type: ignore[no-untyped-def]
    """The same at a sample that has neighbours on all sides."""
    here, one = np.float64(flat[at]), np.uint64(1)
    return (
        _slope(np.float64(flat[at - slice_step]), here, np.float64(flat[at + slice_step]), 0.5),
        _slope(np.float64(flat[at - row_step]), here, np.float64(flat[at + row_step]), 0.5),
        _slope(np.float64(flat[at - one]), here, np.float64(flat[at + one]), 0.5),
    )


@inline
def _on_inner_edge(flat, level, at, step, slice_step, row_step):  # type: ignore[no-untyped-def]
    """Part of the step, rise along it, and gradient, on an edge whose ends have neighbours on all sides."""
    low, high = np.float64(flat[at]), np.float64(flat[at + step])
    part = _crossing(low, high, level)
    ak, aj, ai = _inner_gradient(flat, at, slice_step, row_step)
    bk, bj, bi = _inner_gradient(flat, at + step, slice_step, row_step)
    return part, high - low, ak + part * (bk - ak), aj + part * (bj - aj), ai + part * (bi - ai)


@inline
def _on_border_edge(voxels, level, k, j, i, axis):  # type: ignore[no-untyped-def]
    """The same on any edge, one end of which may lie outside the volume, half a step beyond the surface."""
    depth, rows, columns = voxels.shape
    k1, j1, i1 = k + (axis == 2), j + (axis == 1), i + (axis == 0)
    if k < 0 or j < 0 or i < 0:
        return 0.5, 1.0, 0.0, 0.0, 0.0
    if k1 >= depth or j1 >= rows or i1 >= columns:
        return 0.5, -1.0, 0.0, 0.0, 0.0
    low, high = np.float64(voxels[k, j, i]), np.float64(voxels[k1, j1, i1])
    part = _crossing(low, high, level)
    ak, aj, ai = _border_gradient(voxels, k, j, i)
    bk, bj, bi = _border_gradient(voxels, k1, j1, i1)
    return part, high - low, ak + part * (bk - ak), aj + part * (bj - aj), ai + part * (bi - ai)


@inline
def _inward(gk, gj, gi, axis, rise, outside_first):  # type: ignore[no-untyped-def]
    """The gradient, made to agree with which end of the edge is inside."""
    along_k, along_j, along_i = 1.0 * (axis == 2), 1.0 * (axis == 1), 1.0 * (axis == 0)
    if rise * (gk * along_k + gj * along_j + gi * along_i) <= 0.0:
        # Noise, or a sheet one voxel thick: along the edge, the two samples on it decide.
        gk += along_k * (rise - gk)
        gj += along_j * (rise - gj)
        gi += along_i * (rise - gi)
    size = gk * gk + gj * gj + gi * gi
    if size > 0.0 and size < math.inf and rise == rise:
        return gk, gj, gi
    # An end is infinite or no number.
    sign = 1.0 if outside_first else -1.0
    return sign * along_k, sign * along_j, sign * along_i


@inline
def _write(position, gradient, affine, to_covector, vertices, normals, vertex):  # type: ignore[no-untyped-def]
    """Carry a vertex and its outward normal from the grid to space."""
    k, j, i = position
    gk, gj, gi = gradient
    nx = to_covector[0, 0] * gk + to_covector[0, 1] * gj + to_covector[0, 2] * gi
    ny = to_covector[1, 0] * gk + to_covector[1, 1] * gj + to_covector[1, 2] * gi
    nz = to_covector[2, 0] * gk + to_covector[2, 1] * gj + to_covector[2, 2] * gi
    scale = -1.0 / math.sqrt(nx * nx + ny * ny + nz * nz)
    for n in range(3):
        vertices[vertex, n] = affine[n, 0] * k + affine[n, 1] * j + affine[n, 2] * i + affine[n, 3]
    normals[vertex, 0] = nx * scale
    normals[vertex, 1] = ny * scale
    normals[vertex, 2] = nz * scale


@parallel_kernel
def place_vertices(  # type: ignore[no-untyped-def]
    voxels, level, margin, bits, shape, first_vertex, tasks, affine, to_covector, vertices, normals
):
    """Write position and normal of every vertex.

    Parameters
    ----------
    voxels : (k, j, i) array
    level : float
    margin : int
        Border of the classified grid around the voxels.
    bits : (k·j, words + 1) uint64 array
    shape : tuple of int
        (k, j, i) of the classified grid.
    first_vertex : (k·j, 3) int64 array
        Number of each row's first vertex along i, j and k.
    tasks : (n + 1,) int64 array
        Rows at which the portions of work begin and end.
    affine : (4, 4) float64 array
        Index of the voxels to space.
    to_covector : (3, 3) float64 array
        Inverse transpose of its linear part: index gradients to gradients in space.
    vertices, normals : (n, 3) float32 arrays
        Filled.
    """
    flat = voxels.reshape(-1)
    slice_step, row_step = np.uint64(voxels.shape[1] * voxels.shape[2]), np.uint64(voxels.shape[2])
    last = (shape[2] - 1) // 64
    last_mask = (np.uint64(1) << np.uint64((shape[2] - 1) % 64)) - np.uint64(1)
    for task in prange(len(tasks) - 1):
        for r in range(tasks[task], tasks[task + 1]):
            k, j = r // shape[1] - margin, r % shape[1] - margin
            inner_row = 1 <= k < voxels.shape[0] - 2 and 1 <= j < voxels.shape[1] - 2
            inner_start = np.uint64(max((k * voxels.shape[1] + j) * voxels.shape[2], 0))
            for axis in range(3):
                if (axis == 1 and j + margin + 1 == shape[1]) or (axis == 2 and k + margin + 1 == shape[0]):
                    continue
                vertex = first_vertex[r, axis]
                along_k, along_j, along_i = 1.0 * (axis == 2), 1.0 * (axis == 1), 1.0 * (axis == 0)
                step = slice_step if axis == 2 else row_step if axis == 1 else np.uint64(1)
                for w in range(last + 1):
                    if axis == 0:
                        crossed = edges_along_i(bits, r, w, last, last_mask)
                    else:
                        crossed = bits[r, w] ^ bits[r + (1 if axis == 1 else shape[1]), w]
                    while crossed != 0:
                        bit = lowest_bit(crossed)
                        crossed &= crossed - np.uint64(1)
                        i = 64 * w + np.int64(bit) - margin
                        if inner_row and 1 <= i < voxels.shape[2] - 2:
                            at = inner_start + np.uint64(i)
                            part, rise, gk, gj, gi = _on_inner_edge(flat, level, at, step, slice_step, row_step)
                        else:
                            part, rise, gk, gj, gi = _on_border_edge(voxels, level, k, j, i, axis)
                        outside_first = (bits[r, w] >> bit & np.uint64(1)) == 0
                        gk, gj, gi = _inward(gk, gj, gi, axis, rise, outside_first)
                        position = (k + part * along_k, j + part * along_j, i + part * along_i)
                        _write(position, (gk, gj, gi), affine, to_covector, vertices, normals, vertex)
                        vertex += 1
