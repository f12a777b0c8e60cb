"""How far numbers can be trusted: what the voxel spacing leaves open.

The model is one for all: a place found in the images is known to half a voxel along each grid axis, and that error
is independent from place to place. A number f of places p then has the half width

    ½ · sqrt( Σ_places Σ_axes (∂f/∂p · a_axis)² )

where a_axis is the step of the grid along an axis in mm (any affine): half widths propagated to first order and
added in quadrature (JCGM 100:2008, 5.1.2, with half widths for standard deviations).
"""

from __future__ import annotations

import numpy as np

from prosector.kernels import mesh_sizes
from prosector.model.geometry import Array, Geometry
from prosector.model.measurement import Contribution
from prosector.model.mesh import Mesh

SPACING = "voxel spacing"


def from_spacing(gradients: Array, geometry: Geometry) -> Contribution:
    """Half width of a number whose gradient to each of its places is known.

    Parameters
    ----------
    gradients : (n, 3) array
        Derivative of the number to each place, per LPS mm.
    geometry : Geometry
        The grid on which the places were found.
    """
    along = np.atleast_2d(gradients) @ geometry.affine[:3, :3]
    return Contribution(SPACING, 0.5 * float(np.sqrt((along**2).sum())))


def of_distance(start: Array, end: Array, geometry: Geometry) -> Contribution:
    """Half width of the distance between two places, LPS mm; of two that coincide, along the longest grid step."""
    way = np.asarray(end, dtype=np.float64) - start
    length = float(np.linalg.norm(way))
    if length == 0:
        steps = geometry.affine[:3, :3]
        way = steps[:, int(np.argmax(geometry.spacing_mm))]
        length = float(np.linalg.norm(way))
    return from_spacing(np.array([way, -way]) / length, geometry)


def of_volume(mesh: Mesh, geometry: Geometry) -> Contribution:
    """Half width of the volume inside a surface whose vertices are the places."""
    return from_spacing(_gradients(mesh)[0], geometry)


def of_area(mesh: Mesh, geometry: Geometry) -> Contribution:
    """Half width of a surface's area, its vertices moving along their normals.

    Movements within the surface change no smooth surface, only its triangles, and are left out.
    """
    normals = mesh.normals_lps.astype(np.float64)
    along = np.einsum("ij,ij->i", _gradients(mesh)[1], normals)
    return from_spacing(normals * along[:, None], geometry)


def _gradients(mesh: Mesh) -> tuple[Array, Array]:
    """Derivatives of volume and area to each vertex, (n, 3) each."""
    of_volume, of_area = np.zeros(mesh.vertices_lps.shape), np.zeros(mesh.vertices_lps.shape)
    mesh_sizes.gradients(mesh.vertices_lps, mesh.faces, of_volume, of_area)
    return of_volume, of_area


def of_threshold(value: float, low: float, high: float, hu: float) -> Contribution:
    """Half width from a number worked out again with the border at ± ``hu``: the larger of the two changes."""
    return Contribution(f"threshold ±{hu:g} HU", float(max(abs(low - value), abs(high - value))))
