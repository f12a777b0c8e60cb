"""Opposed faces of two fragments: where they are, how far apart, and how far shifted along each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from prosector.measurement.fragments_surface import Surface, nearest
from prosector.model.geometry import Array

FACING = 0.75
"""Cosine within which a face's normals follow the normal of the fracture plane."""

ASIDE = 0.6
"""Cosine below which a surface is the side of the bone and not a face."""

LEAST_POINTS, LEAST_INNER = 25, 10
"""Of a face, and of a face without its rim: fewer show no plane."""

RIM_VOXELS = 1.5
"""Width of the border between face and side that blur rounds off."""

BAND_MM = 2.5
"""How far along the side of the bone the step is read."""

ONE_WAY = 4.0
"""Ratio of what the sides tell of the shift one way and across: above it, the lesser is noise and left out."""

LOCAL_MM = 2.0
"""Radius over which a local gap is averaged before the largest is taken."""


@dataclass(frozen=True, eq=False)
class FractureLine:
    """Two opposed faces.

    Parameters
    ----------
    normal : (3,) array
        Of the plane half-way between the faces, from the first fragment to the second.
    center : (3,) array
        Middle of the faces on that plane, LPS mm.
    gap_mm, largest_gap_mm : float
    gap_ends : (2, 3) array
        Where the gap is largest: a point of each face.
    step : (3,) array or None
        Shift of the second face's outline against the first's, within the plane; None where no side could be
        followed to the line.
    area_mm2 : float
        Of the first face where the second lies opposite.
    first, second : (n,) int arrays
        Points of each surface that belong to its face, its rounded rim included.
    """

    normal: Array
    center: Array
    gap_mm: float
    largest_gap_mm: float
    gap_ends: Array
    step: Array | None
    area_mm2: float
    first: Array
    second: Array


def find_line(a: Surface, b: Surface, reach_mm: float) -> FractureLine | None:
    """The fracture line between two fragments, or None where no faces are opposed within ``reach_mm``.

    A face is what of one surface looks at the other along the common normal, with the other at most ``reach_mm``
    away; the normal is the mean over both faces, found by repetition.
    """
    normal = _first_normal(a, b, reach_mm)
    if normal is None:
        return None
    for _ in range(4):
        first, second = _facing(a, b, normal, reach_mm), _facing(b, a, -normal, reach_mm)
        if min(len(first), len(second)) < LEAST_POINTS:
            return None
        normal = _flat_normal(a.points[first], normal) + _flat_normal(b.points[second], normal)
        normal /= np.linalg.norm(normal)
    first, second = _inner(a, first), _inner(b, second)
    if min(len(first), len(second)) < LEAST_INNER:
        return None
    gaps, pairs = _gaps(a.points[first], b.points[second], normal)
    if len(gaps) < LEAST_INNER:
        return None
    on_a = a.points[first][pairs]
    tree = cKDTree(on_a)
    local = np.array([np.mean(gaps[near]) for near in tree.query_ball_point(on_a, LOCAL_MM)])
    widest = int(np.argmax(local))
    ends = np.array([on_a[widest], on_a[widest] + local[widest] * normal])
    center = on_a.mean(axis=0) + gaps.mean() / 2 * normal
    area = float(_areas(a)[first][pairs].sum())
    step = _step(a, b, (first, second), normal, center)
    faces = (_with_rim(a, first), _with_rim(b, second))
    return FractureLine(normal, center, float(gaps.mean()), float(local[widest]), ends, step, area, *faces)


def _first_normal(a: Surface, b: Surface, reach_mm: float) -> Array | None:
    """Mean direction across, over the closest pairs that look at each other."""
    apart, near = nearest(cKDTree(b.points), a.points, within=reach_mm)
    there = np.flatnonzero(np.isfinite(apart))
    opposed = (a.normals[there] * b.normals[near[there]]).sum(axis=1) < -0.5
    there = there[opposed]
    if len(there) < LEAST_POINTS:
        return None
    across = a.normals[there] - b.normals[near[there]]
    way = b.points[near[there]] - a.points[there]
    across = across[(across * way).sum(axis=1) > 0]
    if len(across) < LEAST_POINTS:
        return None
    for _ in range(5):  # towards the direction that most agree on
        normal = across.mean(axis=0)
        normal /= np.linalg.norm(normal)
        agreeing = across @ normal > FACING * np.linalg.norm(across, axis=1)
        if np.count_nonzero(agreeing) < LEAST_POINTS:
            break
        across = across[agreeing]
    return np.asarray(normal)


def _facing(a: Surface, b: Surface, normal: Array, reach_mm: float) -> Array:
    """Points of a's face: turned along the normal, with b's surface ahead within reach, near the same line."""
    turned = np.flatnonzero(a.normals @ normal > FACING)
    other = b.points[b.normals @ normal < -FACING]
    if not len(turned) or not len(other):
        return np.empty(0, dtype=np.int64)
    apart, near = nearest(cKDTree(other), a.points[turned], within=1.5 * reach_mm)
    there = np.isfinite(apart)
    turned, near = turned[there], near[there]
    way = other[near] - a.points[turned]
    ahead = way @ normal
    aside = np.linalg.norm(way - ahead[:, None] * normal, axis=1)
    return np.asarray(turned[(ahead > -reach_mm / 2) & (ahead < reach_mm) & (aside < reach_mm)])


def _inner(surface: Surface, face: Array) -> Array:
    """The face without its rim, which blur rounds off: points a voxel and more from the rest of the surface."""
    others = np.ones(len(surface.points), dtype=bool)
    others[face] = False
    apart, _ = nearest(cKDTree(surface.points[others]), surface.points[face])
    return np.asarray(face[apart > RIM_VOXELS * surface.voxel_mm])


def _flat_normal(points: Array, along: Array) -> Array:
    """Unit normal of the plane through points, those far from it left out, on the side of ``along``."""
    kept = points
    for _ in range(3):
        around = kept - kept.mean(axis=0)
        axis = np.linalg.eigh(around.T @ around)[1][:, 0]
        off = np.abs((points - kept.mean(axis=0)) @ axis)
        kept = points[off <= np.quantile(off, 0.85)]
    return np.asarray(axis if axis @ along > 0 else -axis)


def _plane_axes(normal: Array) -> Array:
    """(2, 3) unit vectors across a normal."""
    u = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    u /= np.linalg.norm(u)
    return np.array([u, np.cross(normal, u)])


def _gaps(a: Array, b: Array, normal: Array) -> tuple[Array, Array]:
    """Lengths along the normal from points of one face to the other face, and which points those are.

    The other face at a place is the plane through its six points nearest in projection.
    """
    axes = _plane_axes(normal)
    flat_a, flat_b = a @ axes.T, b @ axes.T
    apart, near = nearest(cKDTree(flat_b), flat_a, 6)
    spacing = np.median(nearest(cKDTree(flat_b), flat_b, 2)[0][:, 1])
    there = np.flatnonzero(apart[:, 2] < 3 * spacing)
    cloud = flat_b[near[there]]
    heights = (b @ normal)[near[there]]
    middle, level = cloud.mean(axis=1), heights.mean(axis=1)
    spread = cloud - middle[:, None, :]
    moments = np.einsum("nki,nkj->nij", spread, spread) + 1e-3 * spacing**2 * np.eye(2)
    slope = np.linalg.solve(moments, np.einsum("nki,nk->ni", spread, heights - level[:, None])[:, :, None])[:, :, 0]
    lean = ((flat_a[there] - middle) * np.clip(slope, -1, 1)).sum(axis=1)
    return level + lean - a[there] @ normal, there


def _areas(surface: Surface) -> Array:
    """Area that belongs to each point: a third of each of its triangles, mm²."""
    corners = surface.points[surface.mesh.faces]
    size = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 6
    return np.bincount(surface.mesh.faces.ravel(), np.repeat(size, 3), minlength=len(surface.points))


def _with_rim(surface: Surface, face: Array) -> Array:
    """The face's points and what lies within two voxels of them: the rounded rim."""
    reach = 2 * surface.voxel_mm
    apart, _ = nearest(cKDTree(surface.points[face]), surface.points, within=reach)
    return np.flatnonzero(np.isfinite(apart))


def _step(a: Surface, b: Surface, faces: tuple[Array, Array], normal: Array, center: Array) -> Array | None:
    """Shift within the plane that brings the outline of a's face onto b's, each found from the sides behind it."""
    outline_a, sides_a = _outline(a, faces[0], _flat_normal(a.points[faces[0]], normal))
    outline_b, sides_b = _outline(b, faces[1], _flat_normal(b.points[faces[1]], -normal))
    if min(len(outline_a), len(outline_b)) < LEAST_POINTS:
        return None
    axes = _plane_axes(normal)
    flat_a, flat_b = (outline_a - center) @ axes.T, (outline_b - center) @ axes.T
    m_a, m_b = sides_a @ axes.T, sides_b @ axes.T
    tree = cKDTree(flat_a)
    shift, turn = np.zeros(2), 0.0
    for _ in range(30):
        back = _turned(flat_b - shift, -turn)
        apart, near = nearest(tree, back)
        fits = (m_b * m_a[near]).sum(axis=1) > 0.5
        if np.count_nonzero(fits) < LEAST_POINTS:
            return None
        kept = np.flatnonzero(fits & (apart <= np.quantile(apart[fits], 0.85)))
        m, q = m_a[near[kept]], back[kept]
        off = ((q - flat_a[near[kept]]) * m).sum(axis=1)
        columns = np.column_stack([m, q[:, 0] * m[:, 1] - q[:, 1] * m[:, 0]])
        dx, dy, dturn = _solved(columns, off)
        shift, turn = shift + _turned(np.array([[dx, dy]]), turn)[0], turn + float(dturn)
        if max(abs(dx), abs(dy)) < 1e-4 and abs(dturn) < 1e-5:
            break
    return np.asarray(shift @ axes)


def _solved(columns: Array, off: Array) -> Array:
    """Shift and turn by least squares; sides that look one way, as of a plate, tell the shift across them only."""
    _, sizes, ways = np.linalg.svd(columns[:, :2], full_matrices=False)
    if sizes[0] <= ONE_WAY * sizes[1]:
        return np.asarray(np.linalg.lstsq(columns, off, rcond=None)[0])
    across = np.column_stack([columns[:, :2] @ ways[0], columns[:, 2]])
    along, turn = np.linalg.lstsq(across, off, rcond=None)[0]
    return np.array([*(along * ways[0]), turn])


def _turned(points: Array, angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[c, s], [-s, c]]))


def _outline(surface: Surface, face: Array, outward: Array) -> tuple[Array, Array]:
    """Points of the bone's side next to a face, carried along the side to the face's plane, and the side's normals.

    The rim itself is rounded by the scanner's blur, so points start a voxel behind the face.
    """
    height = (surface.points - surface.points[face].mean(axis=0)) @ outward
    rim = surface.voxel_mm
    lean = surface.normals @ outward
    band = (height < -rim) & (height > -rim - BAND_MM) & (np.abs(lean) < ASIDE)
    apart, _ = nearest(cKDTree(surface.points[face]), surface.points, within=2 * (BAND_MM + rim))
    band = np.flatnonzero(band & np.isfinite(apart))
    side = surface.normals[band]
    up = outward - lean[band, None] * side
    carried = surface.points[band] - height[band, None] / (up @ outward)[:, None] * up
    across = side - lean[band, None] * outward
    return carried, across / np.linalg.norm(across, axis=1, keepdims=True)
