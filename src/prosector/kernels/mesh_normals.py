"""Vertex normals from faces, for surfaces that no longer lie where the volume's gradient is known."""

from __future__ import annotations

import math

from prosector.kernels._jit import kernel


@kernel
def vertex_normals(vertices, faces, normals):  # type: ignore[no-untyped-def]
    """Mean of the normals of the faces around each vertex, weighted by their area.

    One thread: faces add to shared vertices, and the order of a sum decides its last bit.

    Parameters
    ----------
    vertices : (n, 3) float32 array
    faces : (m, 3) int32 array
        Counter-clockwise as seen from outside.
    normals : (n, 3) float64 array, zero
        Filled with unit vectors; zero where a vertex has no face of any area.
    """
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for vertex in (a, b, c):
            normals[vertex, 0] += nx
            normals[vertex, 1] += ny
            normals[vertex, 2] += nz
    for v in range(len(normals)):
        length = math.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2)
        if length > 0.0:
            normals[v, 0] /= length
            normals[v, 1] /= length
            normals[v, 2] /= length
