"""From one structure to another: how near, where they touch, how much of one lies close to the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from prosector.errors import InputError
from prosector.kernels.closest import closest_points
from prosector.kernels.mesh_components import components
from prosector.measurement import definitions_basic as define
from prosector.measurement.border import HALF, border_meshes, corners_of
from prosector.measurement.filling import Filling, fill_segment
from prosector.measurement.points import as_points
from prosector.measurement.sizes import widest
from prosector.measurement.uncertainty import SPACING, of_distance, of_threshold
from prosector.measurement.warnings import object_warnings
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.measurement import Contribution, Measurement, Measurements
from prosector.model.mesh import Mesh
from prosector.model.volume import Volume

CONTACT_MM = 1.0
"""A vessel's wall is not part of its lumen, nor a capsule of a lesion: so much may lie between what touches."""

TOUCHING_VOXELS = 0.1
"""Surfaces nearer than this share of the shortest grid step are taken to touch: it is less than they are known to."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two structures, ready to be compared; ``low`` and ``high`` are the surfaces at the shifted thresholds."""

    first: Filling
    second: Filling
    names: tuple[str, str]
    first_meshes: tuple[Mesh, Mesh, Mesh]
    second_meshes: tuple[Mesh, Mesh, Mesh]
    warnings: tuple[str, ...]

    @property
    def of(self) -> str:
        """Both names."""
        return f"{self.names[0]} to {self.names[1]}"

    @property
    def half_voxel_mm(self) -> float:
        """Half the mean grid step of the coarser grid."""
        return max(float(np.mean(f.geometry.spacing_mm)) for f in (self.first, self.second)) / 2


def make_pair(
    labels: LabelMap,
    first: str,
    second: str,
    volume: Volume | None = None,
    other_labels: LabelMap | None = None,
    *,
    threshold_uncertainty_hu: float = 0.0,
) -> Pair:
    """Surfaces of two segments, the second from ``other_labels`` where given; these may lie on another grid.

    Raises
    ------
    InputError
        If there is no segment of a name, or both are the same.
    EmptyResultError
        If one holds no voxel.
    GeometryError
        If the volume lies on another grid than the labels.
    """
    if other_labels is None and first == second:
        raise InputError(f"a distance goes from one segment to another; both are {first!r}")
    there = labels if other_labels is None else other_labels
    values = volume if volume is None or there.geometry.matches(volume.geometry) else None
    a, b = fill_segment(labels, first, volume), fill_segment(there, second, values)
    source = volume.source if volume else None
    warnings = [
        f"{name}: {words}"
        for name, segmentation, filling in ((first, labels, a), (second, there, b))
        for words in (
            *object_warnings(segmentation.mask(name), segmentation.geometry, source),
            *filling.warnings,
        )
    ]
    hu = threshold_uncertainty_hu
    return Pair(a, b, (first, second), border_meshes(a, hu), border_meshes(b, hu), tuple(warnings))


def measure_distances(
    pair: Pair,
    *,
    contact_mm: float = CONTACT_MM,
    within_mm: float = 5.0,
    threshold_uncertainty_hu: float = 0.0,
) -> Measurements:
    """Minimum distance with its pair of points, contact, and volume of the first within a distance of the second.

    Parameters
    ----------
    pair : Pair
        From :func:`make_pair`, with the same ``threshold_uncertainty_hu``.
    contact_mm : float
        Surfaces no further apart than this count as in contact.
    within_mm : float
        Volume of the first structure up to this far from the second.
    threshold_uncertainty_hu : float

    Notes
    -----
    Distances go from the corners, edge middles and centres of the triangles of either surface to the nearest point of
    any triangle of the other.
    """
    distance, ends = nearest(pair, 0)
    parts = [of_distance(ends[0], ends[1], pair.first.geometry)]
    if threshold_uncertainty_hu:
        low, high = nearest(pair, 1)[0], nearest(pair, 2)[0]
        parts.append(of_threshold(distance, low, high, threshold_uncertainty_hu))
    items = [Measurement(define.MINIMUM_DISTANCE, distance, pair.of, tuple(parts), as_points(ends), pair.warnings)]
    return Measurements((*items, *_contact(pair, contact_mm), _within(pair, within_mm)))


def distance_map(pair: Pair, *, far_mm: float = 20.0) -> Mesh:
    """Surface of the first structure with its distance to the second's at each vertex, mm; 0 inside of it.

    Parameters
    ----------
    pair : Pair
    far_mm : float
        Colours are spread from 0 to here; values are not cut.
    """
    mesh = pair.first_meshes[0]
    values = _outside_of(pair.second, pair.second_meshes[0], mesh.vertices_lps.astype(np.float64))
    return Mesh(
        mesh.vertices_lps,
        mesh.faces,
        mesh.normals_lps,
        values.astype(np.float32),
        f"distance to {pair.names[1]}",
        "mm",
        (0.0, far_mm),
    )


def nearest(pair: Pair, which: int) -> tuple[float, Array]:
    """Least distance of the surfaces (0 the surface, 1 and 2 at the shifted thresholds) and the (2, 3) points."""
    a, b = pair.first_meshes[which], pair.second_meshes[which]
    best = (np.inf, np.zeros((2, 3)))
    for mesh, other, filling, turned in ((a, b, pair.second, False), (b, a, pair.first, True)):
        corners = corners_of(mesh)
        edges = (corners + np.roll(corners, 1, axis=1)) / 2
        points = np.concatenate([mesh.vertices_lps, edges.reshape(-1, 3), corners.mean(axis=1)])
        distance, place, _ = closest_points(points, corners_of(other))
        if which == 0:
            distance[_inside(filling, points)] = 0
        n = int(np.argmin(distance))
        if distance[n] < best[0]:
            ends = np.array([points[n], points[n] if distance[n] == 0 else place[n]])
            best = (float(distance[n]), ends[::-1] if turned else ends)
    touching = TOUCHING_VOXELS * min(pair.first.geometry.spacing_mm)
    return (0.0 if best[0] < touching else best[0]), best[1]


def sample(filling: Filling, points: Array) -> Array:
    """How far the segment fills (…, 3) LPS points, interpolated between voxels; 0 beyond its part of the grid."""
    index = np.moveaxis(filling.geometry.to_index(points), -1, 0)
    return np.asarray(ndimage.map_coordinates(filling.parts, index, order=1, mode="constant", cval=0.0))


def _inside(filling: Filling, points: Array) -> Array:
    return np.asarray(sample(filling, points) >= HALF)


def _outside_of(filling: Filling, mesh: Mesh, points: Array) -> Array:
    """Distance of points to a structure; 0 inside."""
    distance = closest_points(points, corners_of(mesh))[0]
    distance[_inside(filling, points)] = 0
    return distance


def _contact(pair: Pair, contact_mm: float) -> list[Measurement]:
    mesh = pair.second_meshes[0]
    corners = corners_of(mesh)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    points = mesh.vertices_lps.astype(np.float64)
    distance = _outside_of(pair.first, pair.first_meshes[0], points)

    def found(tolerance: float) -> tuple[float, float, Array]:
        near = distance <= tolerance
        area = float((areas * near[mesh.faces].mean(axis=1)).sum())
        return area, *_longest_patch(mesh, near)

    area, length, ends = found(contact_mm)
    varied = [found(contact_mm + sign * pair.half_voxel_mm) for sign in (-1, 1)]
    warnings = (*pair.warnings, *_tolerance_warning(pair, contact_mm))
    rows = (
        (define.CONTACT_AREA, area, max(abs(other_area - area) for other_area, _, _ in varied)),
        (define.CONTACT_LENGTH, length, max(abs(other_length - length) for _, other_length, _ in varied)),
    )
    of = f"{pair.of}, up to {contact_mm:g} mm apart"
    return [
        Measurement(definition, value, of, (Contribution(SPACING, change),), as_points(ends), warnings)
        for definition, value, change in rows
    ]


def _longest_patch(mesh: Mesh, near: Array) -> tuple[float, Array]:
    """Largest extent of one connected part of those vertices, and its ends; 0 and none where there is no part."""
    faces = mesh.faces[near[mesh.faces].all(axis=1)]
    best: tuple[float, Array] = (0.0, np.empty((0, 3)))
    if not len(faces):
        return best
    count = len(mesh.vertices_lps)
    of_face = np.empty(len(faces), dtype=np.int32)
    found = components(faces, np.arange(count, dtype=np.int32), np.full(count, -1, dtype=np.int32), of_face)
    for n in range(found):
        patch = widest(mesh.vertices_lps[np.unique(faces[of_face == n])])
        best = max(best, patch, key=lambda b: b[0])
    return best


def _tolerance_warning(pair: Pair, contact_mm: float) -> tuple[str, ...]:
    if contact_mm >= pair.half_voxel_mm:
        return ()
    return (f"a contact tolerance of {contact_mm:g} mm is finer than half a voxel ({pair.half_voxel_mm:.2f} mm)",)


def _within(pair: Pair, within_mm: float) -> Measurement:
    filling, mesh = pair.first, pair.second_meshes[0]
    points = filling.geometry.to_lps(np.argwhere(filling.mask))
    furthest = within_mm + pair.half_voxel_mm
    low, high = mesh.vertices_lps.min(axis=0) - furthest, mesh.vertices_lps.max(axis=0) + furthest
    points = points[((points >= low) & (points <= high)).all(axis=1)]
    distance = _outside_of(pair.second, mesh, points) if len(points) else np.empty(0)
    size = filling.geometry.voxel_volume_mm3
    value, less, more = (
        float(np.count_nonzero(distance <= within_mm + d)) * size for d in (0, -pair.half_voxel_mm, pair.half_voxel_mm)
    )
    part = Contribution(SPACING, max(value - less, more - value))
    of = f"{pair.names[0]} within {within_mm:g} mm of {pair.names[1]}"
    return Measurement(define.VOLUME_WITHIN, value, of, (part,), (), pair.warnings)
