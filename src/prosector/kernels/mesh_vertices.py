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
def _slope(before, here, after, half):  # type: ignore[no-untyped-def]
    """Central difference; a neighbour that is not a number is left out."""
    low = before if before == before else here
    high = after if after == after else here
    return (high - low) * half


@inline
def _gradient(voxels, k, j, i):  # type: ignore[no-untyped-def]
    """Gradient per index step at a sample; one-sided at the border."""
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
def _place(voxels, level, k, j, i, axis, affine, to_covector, vertex, normal):  # type: ignore[no-untyped-def]
    """Write the vertex on the edge that goes one step along ``axis`` from a sample, which may lie outside."""
    depth, rows, columns = voxels.shape
    k1, j1, i1 = k + (axis == 2), j + (axis == 1), i + (axis == 0)
    from_outside = k < 0 or j < 0 or i < 0
    to_outside = k1 >= depth or j1 >= rows or i1 >= columns
    part = 0.5
    gk = gj = gi = 0.0
    rising = 1.0 if from_outside else -1.0
    if not (from_outside or to_outside):
        low, high = np.float64(voxels[k, j, i]), np.float64(voxels[k1, j1, i1])
        rising = 1.0 if high >= level else -1.0
        crossing = (level - low) / (high - low)
        if crossing == crossing:
            part = min(max(crossing, CLEARANCE), 1.0 - CLEARANCE)
        ak, aj, ai = _gradient(voxels, k, j, i)
        bk, bj, bi = _gradient(voxels, k1, j1, i1)
        gk, gj, gi = ak + part * (bk - ak), aj + part * (bj - aj), ai + part * (bi - ai)
    size = gk * gk + gj * gj + gi * gi
    if not (size > 0.0 and size < math.inf):
        # Flat or not a number, as in the middle of a sheet one voxel thick: look along the edge.
        gk, gj, gi = rising * (axis == 2), rising * (axis == 1), rising * (axis == 0)
    pk, pj, pi = k + part * (axis == 2), j + part * (axis == 1), i + part * (axis == 0)
    for n in range(3):
        vertex[n] = affine[n, 0] * pk + affine[n, 1] * pj + affine[n, 2] * pi + affine[n, 3]
    nx = -(to_covector[0, 0] * gk + to_covector[0, 1] * gj + to_covector[0, 2] * gi)
    ny = -(to_covector[1, 0] * gk + to_covector[1, 1] * gj + to_covector[1, 2] * gi)
    nz = -(to_covector[2, 0] * gk + to_covector[2, 1] * gj + to_covector[2, 2] * gi)
    length = math.sqrt(nx * nx + ny * ny + nz * nz)
    normal[0], normal[1], normal[2] = nx / length, ny / length, nz / length


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
    depth, rows, columns = shape
    last = (columns - 1) // 64
    last_mask = (np.uint64(1) << np.uint64((columns - 1) % 64)) - np.uint64(1)
    for task in prange(len(tasks) - 1):
        for r in range(tasks[task], tasks[task + 1]):
            k, j = r // rows, r % rows
            for axis in range(3):
                if (axis == 1 and j + 1 == rows) or (axis == 2 and k + 1 == depth):
                    continue
                vertex = first_vertex[r, axis]
                for w in range(last + 1):
                    if axis == 0:
                        crossed = edges_along_i(bits, r, w, last, last_mask)
                    else:
                        crossed = bits[r, w] ^ bits[r + (1 if axis == 1 else rows), w]
                    while crossed != 0:
                        i = 64 * w + np.int64(lowest_bit(crossed)) - margin
                        crossed &= crossed - np.uint64(1)
                        _place(
                            voxels, level, k - margin, j - margin, i, axis,
                            affine, to_covector, vertices[vertex], normals[vertex],
                        )  # fmt: skip
                        vertex += 1
