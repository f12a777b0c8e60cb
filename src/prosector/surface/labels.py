"""Surfaces of all segments of a label map at once: neighbours share their border, without gap or overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import EmptyResultError
from prosector.kernels.mesh_components import components
from prosector.kernels.mesh_labels import label_surfaces
from prosector.kernels.mesh_walls import spread_steps, sum_walls
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.mesh import Mesh
from prosector.surface.boxes import bounding_box
from prosector.surface.polydata import build_mesh, smooth_points
from prosector.surface.process import LEAST_VOLUME_KEPT, SMOOTHING_ITERATIONS, SMOOTHING_PASSBAND

VOLUME_TOLERANCE = 1e-3
"""Part of its volume by which a segment's smoothed surface may miss what its voxels hold."""

_ROUNDS = 10


@dataclass(frozen=True, eq=False)
class _Borders:
    """Triangles between labels, the walls behind and in front of each, and whose walls they are.

    A wall is a connected part of the closed border of one label: its outside, or that of a cavity. Wall 0
    stands for the background, which needs no volume.
    """

    faces: Array
    walls: Array
    label_of_wall: Array


def extract_label_meshes(
    labelmap: LabelMap,
    *,
    smooth: bool = True,
    iterations: int = SMOOTHING_ITERATIONS,
    passband: float = SMOOTHING_PASSBAND,
) -> dict[str, Mesh]:
    """Triangulate the borders of all segments together.

    Each mesh is closed, each of its edges has two triangles, and where two segments touch, both meshes have
    the same vertices and the same triangles, turned round, after smoothing too.

    Parameters
    ----------
    labelmap : LabelMap
    smooth : bool
        Whether to take off the stairs that the voxels leave. Each surface then encloses as much as its
        voxels hold, within 0.1 % for all but segments of a few voxels.
    iterations, passband : int, float
        As of :func:`prosector.surface.process.smooth_mesh`.

    Returns
    -------
    dict of str to Mesh
        By name of the segment, in the order of the label map; the second of two segments of one name has its
        number behind. Segments without a voxel are left out.

    Raises
    ------
    ParameterError
        If a parameter of smoothing is out of its range.
    EmptyResultError
        If no segment holds a voxel.

    Notes
    -----
    A vertex inside a cell in which several labels meet may join two sheets of one segment at a point.

    Smoothing moves all borders at once (Taubin, Zhang, Golub: Optimal surface smoothing as filter design,
    ECCV 1996). The volumes that it takes are given back as in a foam: every wall gets a pressure, every
    border between two of them moves by the difference, and the pressures are such that all volumes are met.
    """
    known = np.array(sorted(s.number for s in labelmap.segments), dtype=np.int64)
    box = bounding_box(np.isin(labelmap.labels, known))
    if box is None:
        raise EmptyResultError("no segment holds a voxel, so there is no surface; look at how it was segmented")
    labels = labelmap.labels[box]
    labels = np.where(np.isin(labels, known), labels, 0)
    affine = np.array(labelmap.geometry.affine)
    affine[:3, 3] = labelmap.geometry.to_lps([s.start for s in box])
    points, faces, sides = label_surfaces(labels, affine)
    if smooth:
        borders = _find_walls(faces, sides)
        voxels = np.bincount(labels.ravel(), minlength=int(known[-1]) + 1) * labelmap.geometry.voxel_volume_mm3
        smoothed = smooth_points(points, faces, iterations, passband)
        points = _with_volumes(points, smoothed, borders, voxels)
    meshes = {}
    for segment in labelmap.segments:
        behind, front = (faces[sides[:, n] == segment.number] for n in range(2))
        if len(behind) + len(front):
            name = f"{segment.name} {segment.number}" if segment.name in meshes else segment.name
            meshes[name] = build_mesh(points, np.concatenate([behind, front[:, ::-1]]))
    return meshes


def _find_walls(faces: Array, sides: Array) -> _Borders:
    walls = np.zeros(sides.shape, dtype=np.int64)
    label_of_wall = [np.zeros(1, dtype=np.int64)]
    found = 1
    for label in np.unique(sides[sides > 0]):
        behind, front = (np.flatnonzero(sides[:, n] == label) for n in range(2))
        corners = faces[np.concatenate([behind, front])]
        start = corners.min()  # vertices are numbered through space: those of one label lie close together
        count = int(corners.max() - start) + 1
        of_face = np.empty(len(corners), dtype=np.int32)
        number = components(
            corners - start, np.arange(count, dtype=np.int32), np.full(count, -1, dtype=np.int32), of_face
        )
        walls[behind, 0] = found + of_face[: len(behind)]
        walls[front, 1] = found + of_face[len(behind) :]
        label_of_wall.append(np.full(number, label, dtype=np.int64))
        found += number
    return _Borders(faces, walls, np.concatenate(label_of_wall))


def _with_volumes(raw: Array, smoothed: Array, borders: _Borders, voxels_mm3: Array) -> Array:
    """Give back the volumes that smoothing took; walls too small to be smoothed stay as they were."""
    before, _ = _volumes(raw, borders)
    after, _ = _volumes(smoothed, borders)
    small = after * np.sign(before) < LEAST_VOLUME_KEPT * np.abs(before)
    small[0] = False
    fixed = np.zeros(len(raw), dtype=bool)
    fixed[borders.faces[small[borders.walls].any(axis=1)]] = True
    points = np.where(fixed[:, None], raw, smoothed).astype(np.float64)
    volumes, areas = _volumes(points, borders)
    wanted = _wanted(before, small, areas, borders, voxels_mm3)
    free = ~small
    free[0] = False
    for _ in range(_ROUNDS):
        missing = np.where(free, wanted - volumes, 0.0)
        if (np.abs(missing) <= VOLUME_TOLERANCE / 2 * np.abs(wanted)).all():
            break
        pressure = _pressures(borders.walls, areas, missing, free)
        steps = pressure[borders.walls[:, 0]] - pressure[borders.walls[:, 1]]
        moved = np.zeros_like(points)
        spread_steps(points, borders.faces, steps, moved, np.zeros(len(points)))
        points += np.where(fixed[:, None], 0.0, moved)
        volumes, areas = _volumes(points, borders)
    return points.astype(np.float32)


def _wanted(before: Array, small: Array, areas: Array, borders: _Borders, voxels_mm3: Array) -> Array:
    """Volume for each wall: that before smoothing, and what cutting the corners of voxels took from its label.

    A label gets it back at all its walls by one pressure, so that what a cavity gains is what its core lacks.
    """
    labels = borders.label_of_wall
    count = len(voxels_mm3)
    cut = voxels_mm3 - np.bincount(labels, weights=before, minlength=count)
    areas = np.where(small[borders.walls].any(axis=1), 0.0, areas)
    free = np.bincount(labels[~small], minlength=count) > 0
    free[0] = False
    pressure = _pressures(labels[borders.walls], areas, cut, free)
    gained = areas * (pressure[labels[borders.walls[:, 0]]] - pressure[labels[borders.walls[:, 1]]])
    behind, front = (np.bincount(borders.walls[:, n], weights=gained, minlength=len(before)) for n in range(2))
    return np.asarray(before + behind - front)


def _volumes(points: Array, borders: _Borders) -> tuple[Array, Array]:
    """Volume in mm³ that each wall encloses, negative for a cavity, without meaning for wall 0; areas of the faces."""
    points = np.asarray(points, dtype=np.float64)
    volumes, areas = np.zeros(len(borders.label_of_wall)), np.empty(len(borders.faces))
    sum_walls(points, borders.faces, borders.walls, points.mean(axis=0), volumes, areas)
    return volumes, areas


def _pressures(walls: Array, areas: Array, missing: Array, free: Array) -> Array:
    """Solve, for the walls that are free, Σ area·(pressure − pressure beyond) = missing volume.

    Conjugate gradients (Hestenes, Stiefel 1952). A small pull towards zero keeps groups of walls in bounds
    that nothing fixed touches.
    """
    count = len(missing)
    pairs, pair = np.unique(walls[:, 0] * count + walls[:, 1], return_inverse=True)
    area = np.bincount(pair, weights=areas)
    one, two = pairs // count, pairs % count
    diagonal = np.bincount(one, area, count) + np.bincount(two, area, count)

    def operator(p: Array) -> Array:
        beyond = np.bincount(one, area * p[two], count) + np.bincount(two, area * p[one], count)
        return np.where(free, 1.0001 * diagonal * p - beyond, 0.0)

    scale = np.where(free, 1.0 / np.maximum(diagonal, 1e-30), 0.0)
    pressure, residual = np.zeros(count), np.where(free, missing, 0.0)
    direction = scale * residual
    size = float(residual @ direction)
    enough = 1e-12 * size
    for _ in range(500):
        if size <= enough:
            break
        moved = operator(direction)
        length = size / float(direction @ moved)
        pressure, residual = pressure + length * direction, residual - length * moved
        preconditioned = scale * residual
        size, before = float(residual @ preconditioned), size
        direction = preconditioned + size / before * direction
    return pressure
