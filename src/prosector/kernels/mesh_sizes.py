"""Area and volume of a triangle mesh, and how they change as its vertices move."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import kernel, leaf, parallel_kernel

Array = np.ndarray[Any, Any]

PORTIONS = 64
"""Sums of faces; as many for any number of threads, so that they are added in the same order."""


@leaf
def _cross(ux, uy, uz, vx, vy, vz):  # type: ignore[no-untyped-def]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


@parallel_kernel
def area_and_volume(vertices: Array, faces: Array, origin: Array, out: Array) -> None:
    """Area and signed volume (as of cones from ``origin``) of the faces in each portion, (PORTIONS, 2) float64."""
    for portion in prange(out.shape[0]):
        area, volume = 0.0, 0.0
        for n in range(portion * len(faces) // out.shape[0], (portion + 1) * len(faces) // out.shape[0]):
            p, q, r = faces[n, 0], faces[n, 1], faces[n, 2]
            ax, ay, az = vertices[p, 0] - origin[0], vertices[p, 1] - origin[1], vertices[p, 2] - origin[2]
            bx, by, bz = vertices[q, 0] - origin[0], vertices[q, 1] - origin[1], vertices[q, 2] - origin[2]
            cx, cy, cz = vertices[r, 0] - origin[0], vertices[r, 1] - origin[1], vertices[r, 2] - origin[2]
            x, y, z = _cross(bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az)
            area += 0.5 * np.sqrt(x * x + y * y + z * z)
            x, y, z = _cross(bx, by, bz, cx, cy, cz)
            volume += (ax * x + ay * y + az * z) / 6.0
        out[portion, 0], out[portion, 1] = area, volume


@kernel
def gradients(vertices: Array, faces: Array, of_volume: Array, of_area: Array) -> None:
    """Derivatives of volume and area to each vertex, (n, 3) float64 each, which come in as zeros."""
    for n in range(len(faces)):
        p, q, r = faces[n, 0], faces[n, 1], faces[n, 2]
        ax, ay, az = np.float64(vertices[p, 0]), np.float64(vertices[p, 1]), np.float64(vertices[p, 2])
        bx, by, bz = vertices[q, 0] - ax, vertices[q, 1] - ay, vertices[q, 2] - az
        cx, cy, cz = vertices[r, 0] - ax, vertices[r, 1] - ay, vertices[r, 2] - az
        x, y, z = _cross(bx, by, bz, cx, cy, cz)
        length = np.sqrt(x * x + y * y + z * z)
        half = 0.5 / length if length > 0.0 else 0.0
        for corner in range(3):
            at = p if corner == 0 else q if corner == 1 else r
            # the side across from this corner
            sx = cx - bx if corner == 0 else -cx if corner == 1 else bx
            sy = cy - by if corner == 0 else -cy if corner == 1 else by
            sz = cz - bz if corner == 0 else -cz if corner == 1 else bz
            gx, gy, gz = _cross(x * half, y * half, z * half, sx, sy, sz)
            of_area[at, 0] += gx
            of_area[at, 1] += gy
            of_area[at, 2] += gz
            of_volume[at, 0] += x / 6.0
            of_volume[at, 1] += y / 6.0
            of_volume[at, 2] += z / 6.0


@parallel_kernel
def distances(points: Array, center: Array, out: Array) -> None:
    """Distance of each of (n, 3) points to the centre."""
    for n in prange(len(points)):
        x, y, z = points[n, 0] - center[0], points[n, 1] - center[1], points[n, 2] - center[2]
        out[n] = np.sqrt(x * x + y * y + z * z)
