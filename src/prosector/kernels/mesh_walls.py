"""Sums over the faces of borders that several structures share. One thread: the order of a sum decides its last bit."""

from __future__ import annotations

import math

from prosector.kernels._jit import inline, kernel


@inline
def _doubled(points, a, b, c):  # type: ignore[no-untyped-def]
    """Normal of a face with twice its area as length."""
    ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


@kernel
def sum_walls(points, faces, walls, origin, volumes, areas):  # type: ignore[no-untyped-def]
    """Volume that each wall encloses, by the divergence theorem, and area of each face.

    Parameters
    ----------
    points : (n, 3) float64 array
    faces : (m, 3) int32 array
    walls : (m, 2) int64 array
        The wall behind each face and the wall in front.
    origin : (3,) float64 array
        A point in their midst, so that little is lost to rounding.
    volumes : (w,) float64 array, zero
        Filled; negative for the wall of a cavity.
    areas : (m,) float64 array
        Filled.
    """
    for f in range(len(faces)):
        a = faces[f, 0]
        nx, ny, nz = _doubled(points, a, faces[f, 1], faces[f, 2])
        areas[f] = 0.5 * math.sqrt(nx * nx + ny * ny + nz * nz)
        x, y, z = points[a, 0] - origin[0], points[a, 1] - origin[1], points[a, 2] - origin[2]
        volume = (nx * x + ny * y + nz * z) / 6.0
        volumes[walls[f, 0]] += volume
        volumes[walls[f, 1]] -= volume


@kernel
def spread_steps(points, faces, steps, moved, weights):  # type: ignore[no-untyped-def]
    """Mean of the steps of the faces around each vertex along their normals, weighted by area.

    Parameters
    ----------
    points : (n, 3) float64 array
    faces : (m, 3) int32 array
    steps : (m,) float64 array
    moved : (n, 3) float64 array, zero
        Filled; zero where a vertex has no face of any area.
    weights : (n,) float64 array, zero
        Overwritten.
    """
    for f in range(len(faces)):
        nx, ny, nz = _doubled(points, faces[f, 0], faces[f, 1], faces[f, 2])
        weight = math.sqrt(nx * nx + ny * ny + nz * nz)
        for n in range(3):
            vertex = faces[f, n]
            moved[vertex, 0] += steps[f] * nx
            moved[vertex, 1] += steps[f] * ny
            moved[vertex, 2] += steps[f] * nz
            weights[vertex] += weight
    for v in range(len(moved)):
        if weights[v] > 0.0:
            for n in range(3):
                moved[v, n] /= weights[v]
