"""How thick a solid is under its surface, as far as a limit.

From the middle of each face a ray runs inward; the wall ends at the nearest face that it leaves through.
Faces are found through a grid whose cells are hashed into buckets, since rays are short and most of the
space is empty.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from prosector.kernels._jit import inline, kernel, parallel_kernel

FACING = 0.5
"""A wall has another side: the faces look apart, by more than 120°. Others are the next step of a stair."""


@inline
def _bucket(x, y, z, mask):  # type: ignore[no-untyped-def]
    """Bucket of a cell: its numbers times large odd ones, mixed."""
    h = np.uint64(x) * np.uint64(0x9E3779B97F4A7C15)
    h ^= np.uint64(y) * np.uint64(0xC2B2AE3D27D4EB4F)
    h ^= np.uint64(z) * np.uint64(0x165667B19E3779F9)
    return np.int64((h ^ h >> np.uint64(29)) & np.uint64(mask))


@inline
def _cells(points, faces, f, low, step, first, end):  # type: ignore[no-untyped-def]
    """Cells that the box around a face touches."""
    for n in range(3):
        a, b, c = points[faces[f, 0], n], points[faces[f, 1], n], points[faces[f, 2], n]
        first[n] = math.floor((min(a, b, c) - low[n]) / step)
        end[n] = math.floor((max(a, b, c) - low[n]) / step) + 1


@kernel
def fill_buckets(points, faces, low, step, starts, entries):  # type: ignore[no-untyped-def]
    """Sort the faces into buckets; called without room for entries, it counts them.

    Parameters
    ----------
    points : (n, 3) float64 array
    faces : (m, 3) int32 array
    low : (3,) float64 array
        Corner of the grid.
    step : float
        Width of its cells.
    starts : (buckets + 1,) int64 array
        Zero when counting, and filled with the entries of each bucket, shifted by one. Otherwise the first
        entry of each bucket, and filled with the first of the next.
    entries : (e,) int32 array
        Filled, unless it is empty.
    """
    mask = len(starts) - 2
    first, end = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    for f in range(len(faces)):
        _cells(points, faces, f, low, step, first, end)
        for x in range(first[0], end[0]):
            for y in range(first[1], end[1]):
                for z in range(first[2], end[2]):
                    bucket = _bucket(x, y, z, mask)
                    if len(entries) == 0:
                        starts[bucket + 1] += 1
                    else:
                        entries[starts[bucket]] = f
                        starts[bucket] += 1


@inline
def _hit(points, faces, normals, f, origin, ray, limit):  # type: ignore[no-untyped-def]
    """Distance to a face along a ray (Möller, Trumbore: J. Graphics Tools 2, 1997); the limit if it is missed."""
    # most faces nearby look the same way as the one the ray starts from: one look at the normal is enough
    if normals[f, 0] * ray[0] + normals[f, 1] * ray[1] + normals[f, 2] * ray[2] <= FACING:
        return limit
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    slope = nx * ray[0] + ny * ray[1] + nz * ray[2]
    px, py, pz = origin[0] - points[a, 0], origin[1] - points[a, 1], origin[2] - points[a, 2]
    t = -(nx * px + ny * py + nz * pz) / slope
    if t <= 0.0 or t >= limit:
        return limit
    px, py, pz = px + t * ray[0], py + t * ray[1], pz + t * ray[2]
    size = nx * nx + ny * ny + nz * nz
    # weights of the second and third corner: areas of the opposite triangles
    s = (nx * (py * vz - pz * vy) + ny * (pz * vx - px * vz) + nz * (px * vy - py * vx)) / size
    r = (nx * (uy * pz - uz * py) + ny * (uz * px - ux * pz) + nz * (ux * py - uy * px)) / size
    return t if s >= 0.0 and r >= 0.0 and s + r <= 1.0 else limit


@parallel_kernel
def thickness(points, faces, normals, low, step, starts, entries, limit, thick):  # type: ignore[no-untyped-def]
    """Thickness of the solid under the middle of each face.

    Parameters
    ----------
    points : (n, 3) float64 array
    faces : (m, 3) int32 array
        Counter-clockwise as seen from outside.
    normals : (m, 3) float64 array
        Unit normals of the faces; zero where a face has no area.
    low, step, starts, entries : arrays
        The buckets, with the first entry of each and the end.
    limit : float
        How far to look.
    thick : (m,) float64 array
        Filled; the limit where the solid is at least as thick, or the face has no area.
    """
    mask = len(starts) - 2
    for portion in prange((len(faces) + 1023) // 1024):
        origin, ray = np.empty(3), np.empty(3)
        first, end = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
        for f in range(1024 * portion, min(1024 * (portion + 1), len(faces))):
            thick[f] = limit
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            if normals[f, 0] == 0.0 and normals[f, 1] == 0.0 and normals[f, 2] == 0.0:
                continue
            for n in range(3):
                ray[n] = -normals[f, n]
                origin[n] = (points[a, n] + points[b, n] + points[c, n]) / 3.0
                reach = origin[n] + limit * ray[n]
                first[n] = math.floor((min(origin[n], reach) - low[n]) / step)
                end[n] = math.floor((max(origin[n], reach) - low[n]) / step) + 1
            nearest = limit
            for x in range(first[0], end[0]):
                for y in range(first[1], end[1]):
                    for z in range(first[2], end[2]):
                        bucket = _bucket(x, y, z, mask)
                        for e in range(starts[bucket], starts[bucket + 1]):
                            nearest = _hit(points, faces, normals, entries[e], origin, ray, nearest)
            thick[f] = nearest
