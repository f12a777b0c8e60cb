"""Smoothing, reduction, choice of components; outward winding and normals are kept."""

from __future__ import annotations

import math

import numpy as np

from prosector.errors import EmptyResultError, ParameterError
from prosector.kernels.mesh_components import components
from prosector.kernels.mesh_reduction import collapse, start_quadrics
from prosector.model.geometry import Array
from prosector.model.mesh import Mesh
from prosector.surface.polydata import build_mesh, smooth_points

SMOOTHING_ITERATIONS = 50
SMOOTHING_PASSBAND = 0.02
"""Chosen by eye and by the radius error of voxelised spheres: the stairs of slices 2.5 mm apart are gone."""

LEAST_VOLUME_KEPT = 0.5
"""A component that smoothing leaves with less of its volume is too small to be smoothed."""


def smooth_mesh(mesh: Mesh, *, iterations: int = SMOOTHING_ITERATIONS, passband: float = SMOOTHING_PASSBAND) -> Mesh:
    """Smooth without shrinking, with a windowed sinc filter.

    The filter alone takes some per cent of the volume of thin parts; each closed component is put back to
    its volume by moving it along its normals, all by the same distance. Components of a few voxels, of
    which the filter would leave less than half, stay as they are.

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
    mesh = build_mesh(mesh.vertices_lps, mesh.faces)
    smoothed = smooth_points(mesh.vertices_lps, mesh.faces, iterations, passband)
    return _with_volumes_of(mesh, build_mesh(smoothed, mesh.faces))


def with_volume(mesh: Mesh, volume_mm3: float) -> Mesh:
    """Move a closed surface along its normals, everywhere by the same distance, until it encloses a volume.

    Parameters
    ----------
    mesh : Mesh
    volume_mm3 : float
        Near the volume that it has; met within 0.1 %.

    Raises
    ------
    EmptyResultError
        If the mesh has no triangles.
    """
    _require_triangles(mesh)
    for _ in range(8):  # Newton's method: the area is the derivative of the volume
        missing = volume_mm3 - mesh.volume_mm3
        if abs(missing) <= 1e-3 * volume_mm3:
            break
        moved = mesh.vertices_lps + np.float32(missing / mesh.area_mm2) * mesh.normals_lps
        mesh = build_mesh(moved, mesh.faces)
    return mesh


def reduce_mesh(mesh: Mesh, fraction: float) -> Mesh:
    """Remove triangles where the surface is flattest.

    A closed manifold stays one: edges collapse only where that is sure, and where no triangle turns over.
    Borders, and edges with more than two triangles, stay as they are.

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
    mesh = build_mesh(mesh.vertices_lps, mesh.faces)
    middle = mesh.vertices_lps.mean(axis=0, dtype=np.float64)
    points, faces = mesh.vertices_lps - middle, mesh.faces.copy()
    quadrics, alive = np.zeros((len(points), 10)), np.ones(len(faces), dtype=bool)
    start_quadrics(points, faces, quadrics)
    collapse(points, faces, quadrics, _beside_odd_edges(mesh), round((1 - fraction) * len(faces)), alive)
    return build_mesh((points + middle).astype(np.float32), faces[alive])


def _beside_odd_edges(mesh: Mesh) -> Array:
    """Whether each vertex ends an edge that does not have just two triangles, run through both ways."""
    ends = np.stack([mesh.faces, np.roll(mesh.faces, -1, axis=1)], axis=-1).reshape(-1, 2).astype(np.int64)
    keys = np.sort(ends[:, 0] << 32 | ends[:, 1])
    back = np.sort(ends[:, 1] << 32 | ends[:, 0])
    odd = np.zeros(len(mesh.vertices_lps), dtype=bool)
    if (keys[1:] > keys[:-1]).all() and np.array_equal(keys, back):
        return odd
    once, counts = np.unique(keys, return_counts=True)
    bad = np.concatenate([once[counts > 1], np.setxor1d(once, back)])
    odd[bad >> 32] = True
    odd[bad & 0xFFFFFFFF] = True
    return odd


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


def _with_volumes_of(before: Mesh, after: Mesh) -> Mesh:
    """Move each closed component of ``after`` along its normals until it has its volume of ``before``."""
    component = _components(before)[0]
    of_vertex = np.zeros(len(before.vertices_lps), dtype=np.int64)
    of_vertex[before.faces.ravel()] = np.repeat(component, 3)
    wanted, _ = _volumes_and_areas(before, component)
    closed = _are_closed(before, component)
    left = _volumes_and_areas(after, component)[0]
    too_small = closed & (left * np.sign(wanted) < LEAST_VOLUME_KEPT * np.abs(wanted))
    unsmoothed = too_small[of_vertex][:, None]
    after = build_mesh(np.where(unsmoothed, before.vertices_lps, after.vertices_lps), before.faces)
    for _ in range(2):  # the area changes as the surface moves; the second step is a fine correction
        volumes, areas = _volumes_and_areas(after, component)
        distance = np.where(closed & ~too_small, (wanted - volumes) / np.maximum(areas, 1e-30), 0.0)
        after = build_mesh(after.vertices_lps + distance[of_vertex][:, None] * after.normals_lps, before.faces)
    return after


def _volumes_and_areas(mesh: Mesh, component: Array) -> tuple[Array, Array]:
    """Enclosed volume (mm³) and area (mm²) of each component; a volume is negative for a cavity's wall."""
    points = mesh.vertices_lps.astype(np.float64) - mesh.vertices_lps.mean(axis=0, dtype=np.float64)
    a, b, c = (points[mesh.faces[:, n]] for n in range(3))
    cross = np.cross(b - a, c - a)
    volumes = np.bincount(component, weights=np.einsum("ij,ij->i", a, cross) / 6)
    return volumes, np.bincount(component, weights=np.linalg.norm(cross, axis=1) / 2)


def _are_closed(mesh: Mesh, component: Array) -> Array:
    """Whether each component has no border.

    Around a vertex, the next corners of its faces are the previous corners of others; where the fan is
    open, one of each is left over, and the sums of their numbers differ.
    """
    balance = np.zeros(len(mesh.vertices_lps))
    for n in range(3):
        steps = mesh.faces[:, (n + 1) % 3].astype(np.float64) - mesh.faces[:, (n + 2) % 3]
        balance += np.bincount(mesh.faces[:, n], weights=steps, minlength=len(balance))
    return np.asarray(np.bincount(component, weights=balance[mesh.faces[:, 0]] != 0) == 0)


def _components(mesh: Mesh) -> tuple[Array, Array]:
    """Component of each face, and each component's area in mm²."""
    # Not vtkPolyDataConnectivityFilter: slower by far, and what it says of unused points is left to chance.
    count = len(mesh.vertices_lps)
    of_face = np.empty(len(mesh.faces), dtype=np.int32)
    components(mesh.faces, np.arange(count, dtype=np.int32), np.full(count, -1, dtype=np.int32), of_face)
    return of_face, _volumes_and_areas(mesh, of_face)[1]


def _select(mesh: Mesh, faces_kept: Array) -> Mesh:
    return mesh if faces_kept.all() else build_mesh(mesh.vertices_lps, mesh.faces[faces_kept])


def _require_triangles(mesh: Mesh) -> None:
    if len(mesh.faces) == 0:
        raise EmptyResultError("the surface has no triangles; extract it at another level first")
