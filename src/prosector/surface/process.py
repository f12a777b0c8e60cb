"""Smoothing, reduction and choice of components, by VTK; outward winding and normals are kept."""

from __future__ import annotations

import math

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkFiltersCore import (
    vtkPolyDataConnectivityFilter,
    vtkQuadricDecimation,
    vtkWindowedSincPolyDataFilter,
)

from prosector.errors import EmptyResultError, ParameterError
from prosector.model.geometry import Array
from prosector.model.mesh import Mesh
from prosector.surface.polydata import build_mesh, to_mesh, to_polydata, update

SMOOTHING_ITERATIONS = 30
SMOOTHING_PASSBAND = 0.05


def smooth_mesh(
    mesh: Mesh, *, iterations: int = SMOOTHING_ITERATIONS, passband: float = SMOOTHING_PASSBAND
) -> Mesh:
    """Smooth without shrinking, with a windowed sinc filter.

    Parameters
    ----------
    mesh : Mesh
    iterations : int
        Order of the filter; more make its edge sharper.
    passband : float
        What remains, from 0 (only the coarsest form) to 2 (everything).

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    EmptyResultError
        If the mesh has no triangles.

    References
    ----------
    Taubin, Zhang, Golub: Optimal surface smoothing as filter design, ECCV 1996.
    """
    _require_triangles(mesh)
    if iterations < 1:
        raise ParameterError(f"smoothing takes at least one iteration; found {iterations}")
    if not 0 < passband <= 2:
        raise ParameterError(f"the pass band of smoothing is above 0 and at most 2; found {passband}")
    smoothing = vtkWindowedSincPolyDataFilter()
    smoothing.SetInputData(to_polydata(mesh))
    smoothing.SetNumberOfIterations(iterations)
    smoothing.SetPassBand(passband)
    smoothing.NormalizeCoordinatesOn()
    smoothing.NonManifoldSmoothingOn()
    smoothing.FeatureEdgeSmoothingOff()
    smoothing.BoundarySmoothingOn()
    return to_mesh(update(smoothing, "smoothing"))


def reduce_mesh(mesh: Mesh, fraction: float) -> Mesh:
    """Remove triangles where the surface is flattest.

    Parameters
    ----------
    mesh : Mesh
    fraction : float
        Part of the triangles to remove, from 0 to below 1. Less is removed where the form would be lost.

    Raises
    ------
    ParameterError
        If the fraction is out of its range.
    EmptyResultError
        If the mesh has no triangles.

    References
    ----------
    Garland, Heckbert: Surface simplification using quadric error metrics, SIGGRAPH 1997.
    """
    _require_triangles(mesh)
    if not 0 <= fraction < 1:
        raise ParameterError(f"the fraction of triangles to remove is from 0 to below 1; found {fraction}")
    if fraction == 0:
        return mesh
    reduction = vtkQuadricDecimation()
    reduction.SetInputData(to_polydata(mesh))
    reduction.SetTargetReduction(fraction)
    reduction.VolumePreservationOn()
    return to_mesh(update(reduction, "reduction"))


def largest_components(mesh: Mesh, count: int = 1) -> Mesh:
    """Keep the components with the largest area.

    The walls of inner cavities are components of their own; they go too if they are not among the
    largest, which fills the cavity.

    Parameters
    ----------
    mesh : Mesh
    count : int
        How many to keep.

    Raises
    ------
    ParameterError
        If the count is not positive.
    EmptyResultError
        If the mesh has no triangles.
    """
    _require_triangles(mesh)
    if count < 1:
        raise ParameterError(f"at least one component is kept; found {count}")
    component, areas = _components(mesh)
    # Stable: of equal components, the one that comes first.
    kept = np.argsort(-areas, kind="stable")[:count]
    return _select(mesh, np.isin(component, kept))


def remove_specks(mesh: Mesh, minimum_area_mm2: float) -> Mesh:
    """Remove components with a smaller area.

    Parameters
    ----------
    mesh : Mesh
    minimum_area_mm2 : float
        Components of at least this area stay.

    Raises
    ------
    ParameterError
        If the area is negative or not a number.
    EmptyResultError
        If no component is that large; the message says how large they are.
    """
    _require_triangles(mesh)
    if not minimum_area_mm2 >= 0:
        raise ParameterError(f"the smallest area is not negative; found {minimum_area_mm2} mm²")
    component, areas = _components(mesh)
    if areas.max() < minimum_area_mm2:
        raise EmptyResultError(
            f"no component of the surface has {minimum_area_mm2:g} mm²; the largest of {len(areas)} has "
            f"{math.floor(areas.max())} mm²: ask for less"
        )
    return _select(mesh, (areas >= minimum_area_mm2)[component])


def _components(mesh: Mesh) -> tuple[Array, Array]:
    """Component of each face, and each component's area in mm²."""
    connectivity = vtkPolyDataConnectivityFilter()
    connectivity.SetInputData(to_polydata(mesh))
    connectivity.SetExtractionModeToAllRegions()
    connectivity.ColorRegionsOn()
    polydata = update(connectivity, "finding components")
    of_point = vtk_to_numpy(polydata.GetPointData().GetArray("RegionId")).astype(np.int64)
    of_face = of_point[mesh.faces[:, 0]]
    a, b, c = (mesh.vertices_lps[mesh.faces[:, n]].astype(np.float64) for n in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return of_face, np.bincount(of_face, weights=areas)


def _select(mesh: Mesh, faces_kept: Array) -> Mesh:
    return mesh if faces_kept.all() else build_mesh(mesh.vertices_lps, mesh.faces[faces_kept])


def _require_triangles(mesh: Mesh) -> None:
    if len(mesh.faces) == 0:
        raise EmptyResultError("the surface has no triangles; extract it at another level first")
