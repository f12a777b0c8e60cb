"""Surfaces of segments for measuring: the half level of how much of each voxel is filled."""

from __future__ import annotations

import numpy as np

from prosector.errors import EmptyResultError
from prosector.kernels import filling as filling_kernels
from prosector.kernels import mesh_sizes
from prosector.kernels.mesh import isosurface
from prosector.measurement.filling import Filling
from prosector.model.geometry import Array
from prosector.model.mesh import Mesh

HALF = 0.5


def border_mesh(filling: Filling) -> Mesh:
    """Closed surface at the half level, LPS mm.

    Where the border was seen in the values this is the level half-way between inside and outside, interpolated
    between voxels. Where only labels are known it is the smoothed border of the voxels. Blur and smoothing draw a bent
    surface inward (by the filter's variance times the mean curvature), so it is then moved along its normals, by at
    most half a voxel, until it encloses what the voxels hold.

    Raises
    ------
    EmptyResultError
        If nothing is left.
    """
    mesh = _at_half(filling, 0.0)
    return _moved(mesh, _way_out(mesh, filling))


def border_meshes(filling: Filling, threshold_hu: float) -> tuple[Mesh, Mesh, Mesh]:
    """The surface, and where it would be with the threshold so much lower and higher; the same for labels alone.

    Raises
    ------
    EmptyResultError
        If nothing is left.
    """
    mesh = _at_half(filling, 0.0)
    way = _way_out(mesh, filling)
    if not threshold_hu or filling.contrast is None:
        mesh = _moved(mesh, way)
        return mesh, mesh, mesh
    low, high = (_at_half(filling, hu) for hu in (-threshold_hu, threshold_hu))
    return _moved(mesh, way), _moved(low, way), _moved(high, way)


def _at_half(filling: Filling, shift_hu: float) -> Mesh:
    parts = filling.parts
    if shift_hu and filling.contrast is not None:
        parts = np.empty_like(parts)
        filling_kernels.shift_level(filling.parts, filling.contrast, shift_hu, parts)
    mesh = Mesh(*isosurface(parts, HALF, filling.geometry.affine, closed=True))
    if not len(mesh.faces) or area_and_volume(mesh)[0] == 0:
        raise EmptyResultError("the segment is too small for a surface, or its threshold too uncertain")
    return mesh


def _way_out(mesh: Mesh, filling: Filling) -> float:
    """Millimetres along the normals by which the volumes of surface and voxels agree."""
    held = float(filling.parts.sum(dtype=np.float64)) if filling.is_corrected else np.count_nonzero(filling.mask)
    most = min(filling.geometry.spacing_mm) / 2
    area, volume = area_and_volume(mesh)
    return float(np.clip((held * filling.geometry.voxel_volume_mm3 - volume) / area, -most, most))


def _moved(mesh: Mesh, way_mm: float) -> Mesh:
    return Mesh(mesh.vertices_lps + np.float32(way_mm) * mesh.normals_lps, mesh.faces, mesh.normals_lps)


def area_and_volume(mesh: Mesh) -> tuple[float, float]:
    """Area in mm² and enclosed volume in mm³, as the mesh's own, without its copies of all corners."""
    sums = np.empty((mesh_sizes.PORTIONS, 2))
    origin = mesh.vertices_lps.mean(axis=0, dtype=np.float64) if len(mesh.vertices_lps) else np.zeros(3)
    mesh_sizes.area_and_volume(mesh.vertices_lps, mesh.faces, origin, sums)
    area, volume = sums.sum(axis=0)
    return float(area), float(volume)


def corners_of(mesh: Mesh) -> Array:
    """(m, 3, 3) float64 corners of the triangles."""
    return mesh.vertices_lps[mesh.faces].astype(np.float64)
