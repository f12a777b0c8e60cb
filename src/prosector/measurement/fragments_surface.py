"""The surface of a bone fragment, finer than voxels where the values show it.

Cortex, marrow and what fills a fracture have different values, so no one threshold lies half-way everywhere: each
point of the border is put where its own profile along the normal passes half-way between the densest value just
inside and the level outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from prosector.measurement.border import border_mesh
from prosector.measurement.filling import fill_segment
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap
from prosector.model.mesh import Mesh
from prosector.model.volume import Volume

INNER_VOXELS, OUTER_VOXELS = 2.0, 2.0
"""How far the profile is followed to either side of the labels' border, which a threshold may misplace by a voxel.

Farther inside, what belongs to another tissue would count: cortex behind marrow.
"""

STEP_VOXELS = 0.125
RING_VOXELS = (2, 5)
"""Distance from all labels at which the level outside is taken: beyond the blur, still beside the bone."""

NEIGHBOURS = 12
LEAST_CONTRAST = 0.1
"""Of the fragment's largest contrast: a profile with less shows no border."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface with a normal at every point.

    Parameters
    ----------
    mesh : Mesh
        Vertices LPS mm, at the border as seen.
    normals : (n, 3) float64 array
        Outward, averaged over neighbouring points.
    step_mm : (n,) array
        Size of the voxels along each normal.
    seen : (n,) bool array
        Where the values show the border; elsewhere it lies where it was labelled.
    voxel_mm : float
        Side of a cube of a voxel's volume.
    """

    mesh: Mesh
    normals: Array
    step_mm: Array
    seen: Array
    voxel_mm: float

    @property
    def points(self) -> Array:
        """(n, 3) float64 points, LPS mm."""
        return np.asarray(self.mesh.vertices_lps, dtype=np.float64)


def nearest(tree: cKDTree, points: Array, count: int = 1, within: float = np.inf) -> tuple[Array, Array]:
    """Distances of the ``count`` points of a tree nearest to each point, and their numbers; infinite beyond."""
    apart, number = tree.query(points, count, distance_upper_bound=within)
    return np.asarray(apart), np.asarray(number)


def find_surface(labels: LabelMap, segment: str, volume: Volume | None) -> Surface:
    """The surface of a segment.

    Parameters
    ----------
    labels : LabelMap
    segment : str
    volume : Volume or None
        On the same grid; without it the border is the smoothed one of the labels.

    Raises
    ------
    EmptyResultError
        If the segment holds no voxel.
    GeometryError
        If the volume lies on another grid.
    """
    mesh = border_mesh(fill_segment(labels, segment))
    points = mesh.vertices_lps.astype(np.float64)
    near = nearest(cKDTree(points), points, min(NEIGHBOURS, len(points)))[1].reshape(len(points), -1)
    normals = _averaged(mesh.normals_lps.astype(np.float64), near)
    step = 1 / np.linalg.norm(normals @ labels.geometry.inverse[:3, :3].T, axis=1)
    voxel_mm = float(np.cbrt(labels.geometry.voxel_volume_mm3))
    if volume is None:
        return Surface(mesh, normals, step, np.zeros(len(points), dtype=bool), voxel_mm)
    volume.geometry.require_same(labels.geometry, "the segmentation")
    offset = _offsets(points, normals, step, volume, _outside_level(labels, volume))
    seen = np.isfinite(offset)
    offset = np.where(seen, offset, 0.0)
    smooth = np.median(offset[near[:, :7]], axis=1)  # one profile in noise may find a neighbour's edge
    offset = np.where(np.abs(offset - smooth) > step, smooth, offset)
    moved = Mesh((points + offset[:, None] * normals).astype(np.float32), mesh.faces, normals.astype(np.float32))
    return Surface(moved, _fitted_normals(moved.vertices_lps, normals, near), step, seen, voxel_mm)


def _averaged(normals: Array, near: Array) -> Array:
    mean = normals[near].mean(axis=1)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9))


def _fitted_normals(points: Array, normals: Array, near: Array) -> Array:
    """Normals of the planes through each point's neighbours, on the side of the given ones."""
    cloud = points.astype(np.float64)[near]
    cloud = cloud - cloud.mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", cloud, cloud))
    fitted = axes[:, :, 0]
    return np.asarray(fitted * np.where((fitted * normals).sum(axis=1) < 0, -1.0, 1.0)[:, None])


def _outside_level(labels: LabelMap, volume: Volume) -> float:
    """Median of what lies around the labelled bone."""
    mask = labels.labels > 0
    inner = ndimage.binary_dilation(mask, iterations=RING_VOXELS[0])
    ring = ndimage.binary_dilation(inner, iterations=RING_VOXELS[1] - RING_VOXELS[0]) & ~inner
    return float(np.median(volume.voxels[ring])) if ring.any() else float(volume.background)


def _offsets(points: Array, normals: Array, step: Array, volume: Volume, outside: float) -> Array:
    """(n,) mm along the normals to where the value is half-way; NaN where it never is."""
    t = np.arange(-INNER_VOXELS, OUTER_VOXELS + STEP_VOXELS / 2, STEP_VOXELS)
    places = points[:, None, :] + (t * step[:, None])[:, :, None] * normals[:, None, :]
    values = _sampled(volume, places.reshape(-1, 3)).reshape(len(points), -1)
    steady = ndimage.uniform_filter1d(values, round(1 / STEP_VOXELS), axis=1, mode="nearest")
    reach = t <= 0.5
    peak_at = np.argmax(steady[:, reach], axis=1)
    rows = np.arange(len(points))
    peak = steady[rows, peak_at]
    contrast = peak - outside
    half = (outside + peak) / 2
    below = (values < half[:, None]) & (np.arange(len(t)) > peak_at[:, None])
    first = np.argmax(below, axis=1)
    above, under = values[rows, first - 1], values[rows, first]
    share = np.divide(above - half, above - under, out=np.zeros(len(points)), where=above > under)
    found = below.any(axis=1) & (contrast > LEAST_CONTRAST * np.max(contrast, initial=0)) & (above > under)
    return np.where(found, (t[first - 1] + share * STEP_VOXELS) * step, np.nan)


def _sampled(volume: Volume, places: Array) -> Array:
    index = volume.geometry.to_index(places)
    low = np.floor(index.min(axis=0)).astype(int)
    box = _box(low, np.ceil(index.max(axis=0)).astype(int), volume.geometry)
    part = volume.voxels[box].astype(np.float32)
    index -= [s.start for s in box]
    return np.asarray(ndimage.map_coordinates(part, index.T, order=1, mode="nearest"))


def _box(low: Array, high: Array, geometry: Geometry) -> tuple[slice, ...]:
    sizes = zip(low, high, geometry.shape, strict=True)
    return tuple(slice(int(np.clip(a, 0, n - 1)), int(np.clip(b, 0, n - 1)) + 1) for a, b, n in sizes)
