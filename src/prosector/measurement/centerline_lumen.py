"""The lumen as a graph of voxels: cheapest ways that keep to its middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import EmptyResultError, ParameterError
from prosector.kernels.distance_field import distance_field
from prosector.kernels.minimal_path import cheapest_paths
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap

CENTERING = 2.0
"""A millimetre costs the inner distance to the power of minus this: 1 would cut corners of wide vessels."""


@dataclass(frozen=True, eq=False)
class Lumen:
    """A lumen's bounding box, one voxel wider where the grid goes on.

    Parameters
    ----------
    mask : (k, j, i) bool array
    depth_mm : (k, j, i) float32 array
        Distance from the nearest voxel centre outside; along the volume's border there is no wall.
    geometry : Geometry
        Of the box.
    """

    mask: Array
    depth_mm: Array
    geometry: Geometry


@dataclass(frozen=True, eq=False)
class Ways:
    """Cheapest ways from a start: total cost, length in mm and parent voxel, flat; infinite and −1 off the lumen."""

    totals: Array
    lengths_mm: Array
    parents: Array

    def back_from(self, voxel: int) -> Array:
        """Flat indices from the start to a voxel."""
        chain = [voxel]
        while self.parents[chain[-1]] != chain[-1]:
            chain.append(int(self.parents[chain[-1]]))
        return np.array(chain[::-1])


def lumen_of(labels: LabelMap, segment: str | None = None) -> Lumen:
    """Crop a lumen and work out its inner distances.

    Raises
    ------
    EmptyResultError
        If the segment is empty.
    """
    mask = labels.mask(segment)
    if not mask.any():
        raise EmptyResultError(f"the lumen {segment or 'in the labels'} is empty: there is nothing to find a line in")
    box = []
    for axis in range(3):
        there = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append((max(0, there[0] - 1), min(mask.shape[axis], there[-1] + 2)))
    part = np.ascontiguousarray(mask[tuple(slice(a, b) for a, b in box)])
    affine = labels.geometry.affine.copy()
    affine[:3, 3] = labels.geometry.to_lps([a for a, _ in box])
    depth = np.empty(part.shape, dtype=np.float32)
    distance_field(part, affine[:3, :3], depth)
    if np.isinf(depth).any():  # the lumen fills the whole volume: every place is as good
        depth[:] = max(labels.geometry.extent_mm)
    return Lumen(part, depth, Geometry(part.shape, affine))


def ways_from(lumen: Lumen, seeds: Array) -> Ways:
    """Cheapest ways from flat indices to all voxels of the lumen that hang together with them."""
    cost = np.zeros(lumen.depth_mm.shape, dtype=np.float32)
    np.power(lumen.depth_mm, -CENTERING, out=cost, where=lumen.mask)
    offsets = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    offsets = np.ascontiguousarray(offsets[np.any(offsets != 0, axis=1)])
    steps = np.linalg.norm(offsets @ lumen.geometry.affine[:3, :3].T, axis=1)
    size = cost.size
    ways = Ways(np.full(size, np.inf), np.full(size, np.inf, dtype=np.float32), np.full(size, -1, dtype=np.int32))
    heap, places = np.empty(int(lumen.mask.sum()) + 1, dtype=np.int32), np.full(size, -1, dtype=np.int32)
    cheapest_paths(cost, np.atleast_1d(seeds), offsets, steps, heap, places, ways.totals, ways.lengths_mm, ways.parents)
    return ways


def snapped(lumen: Lumen, point_lps: Array, within_mm: float) -> int:
    """Flat index of the voxel of the lumen nearest to a point, moved inward from the wall.

    From the nearest voxel it goes to the deepest one within its own depth and a voxel: a point set on the wall comes
    to lie in the lumen, and none moves along the vessel by more than its radius.

    Raises
    ------
    ParameterError
        If the lumen is farther away than ``within_mm``.
    """
    voxels = np.argwhere(lumen.mask)
    places = lumen.geometry.to_lps(voxels)
    away = np.linalg.norm(places - point_lps, axis=1)
    nearest = int(away.argmin())
    if away[nearest] > within_mm:
        shown = ", ".join(f"{x:.1f}" for x in np.asarray(point_lps))
        raise ParameterError(
            f"the point {shown} (LPS mm) lies {away[nearest]:.1f} mm from the lumen; "
            f"set it within {within_mm:g} mm, or allow a longer way"
        )
    depth = lumen.depth_mm[tuple(voxels.T)]
    reach = depth[nearest] + max(lumen.geometry.spacing_mm)
    close = np.linalg.norm(places - places[nearest], axis=1) <= reach
    score = np.where(close, depth - 0.25 * np.linalg.norm(places - places[nearest], axis=1), -np.inf)
    return int(np.ravel_multi_index(tuple(voxels[int(score.argmax())]), lumen.mask.shape))


def places_of(lumen: Lumen, flat: Array) -> Array:
    """(n, 3) LPS mm of flat indices."""
    return lumen.geometry.to_lps(np.stack(np.unravel_index(flat, lumen.mask.shape), axis=1))
