"""Points that the user gave, on the grid: indices, boxes and neighbourhoods around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from prosector.errors import EmptyResultError, ParameterError
from prosector.model.geometry import Array, Geometry

Box = tuple[slice, ...]

FACES = np.array([s for s in np.ndindex(3, 3, 3) if sum(n != 1 for n in s) == 1], dtype=np.int64) - 1
"""Steps to the 6 neighbours across a face."""

ALL_NEIGHBOURS = np.array([s for s in np.ndindex(3, 3, 3) if s != (1, 1, 1)], dtype=np.int64) - 1
"""Steps to the 26 neighbours."""


def as_points(seeds_lps: ArrayLike) -> Array:
    """(n, 3) points from a flat list or from a list of points; ParameterError unless there are some."""
    flat = np.asarray(seeds_lps, dtype=np.float64).ravel()
    if flat.size == 0 or flat.size % 3 or not np.isfinite(flat).all():
        raise ParameterError(f"seeds_lps are points of three coordinates (LPS mm); found {flat.size} numbers")
    return flat.reshape(-1, 3)


def seed_indices(geometry: Geometry, seeds_lps: ArrayLike) -> Array:
    """(n, 3) indices (k, j, i) of the voxels that hold the seeds; ParameterError where one lies off the grid."""
    points = as_points(seeds_lps)
    index = np.rint(geometry.to_index(points)).astype(np.int64)
    off = ((index < 0) | (index >= geometry.shape)).any(axis=1)
    if off.any():
        low, high = geometry.corners_lps.min(axis=0).round(1), geometry.corners_lps.max(axis=0).round(1)
        raise ParameterError(
            f"seed {points[off][0].round(1).tolist()} (LPS mm) lies outside the volume, which reaches from "
            f"{low.tolist()} to {high.tolist()}"
        )
    return index


def box_around(geometry: Geometry, seeds_lps: ArrayLike, radius_mm: float) -> Box:
    """The part of the grid within ``radius_mm`` of the seeds, with two voxels of margin; all of it for infinity."""
    if not np.isfinite(radius_mm):
        return tuple(slice(0, n) for n in geometry.shape)
    index = geometry.to_index(as_points(seeds_lps))
    reach = radius_mm * np.linalg.norm(geometry.inverse[:3, :3], axis=1) + 2
    low = np.maximum(0, np.floor(index.min(axis=0) - reach)).astype(int)
    high = np.minimum(geometry.shape, np.ceil(index.max(axis=0) + reach).astype(int) + 1)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def box_of(mask: Array, margin: int = 2) -> Box:
    """The bounding box of a mask that is not empty, with a margin of so many voxels."""
    box = []
    for axis in range(3):
        at = np.flatnonzero(mask.any(axis=tuple(n for n in range(3) if n != axis)))
        box.append(slice(max(0, int(at[0]) - margin), min(mask.shape[axis], int(at[-1]) + margin + 1)))
    return tuple(box)


def corner(box: Box) -> Array:
    """Index of a box's first voxel."""
    return np.array([part.start for part in box], dtype=np.int64)


def within(geometry: Geometry, box: Box, seeds_lps: ArrayLike, radius_mm: float) -> Array:
    """uint8 mask, on the box, of the voxels whose centres lie within ``radius_mm`` of a seed."""
    shape = tuple(part.stop - part.start for part in box)
    if not np.isfinite(radius_mm):
        return np.ones(shape, dtype=np.uint8)
    out = np.zeros(shape, dtype=np.uint8)
    matrix = geometry.affine[:3, :3]
    for at in geometry.to_index(as_points(seeds_lps)) - corner(box):
        k, j, i = (np.arange(n) - c for n, c in zip(shape, at, strict=True))
        squares = sum(
            (matrix[axis, 0] * k[:, None, None] + matrix[axis, 1] * j[:, None] + matrix[axis, 2] * i) ** 2
            for axis in range(3)
        )
        out |= (squares <= radius_mm**2).view(np.uint8)
    return out


def snapped(mask: Array, geometry: Geometry, box: Box, seeds_lps: ArrayLike, reach_mm: float) -> Array:
    """(n, 3) indices into ``mask``, which lies on the box, of its voxels nearest to each seed.

    Raises
    ------
    EmptyResultError
        If a seed is farther than ``reach_mm`` from the mask.
    """
    points = as_points(seeds_lps)
    found = []
    for point in points:
        near = box_around(geometry, point, reach_mm)
        part = tuple(slice(max(0, a.start - b.start), max(0, a.stop - b.start)) for a, b in zip(near, box, strict=True))
        at = np.argwhere(mask[part]) + corner(part)
        away = np.linalg.norm(geometry.to_lps(at + corner(box)) - point, axis=1)
        if away.size == 0 or float(away.min()) > reach_mm:
            raise EmptyResultError(
                f"seed {point.round(1).tolist()} (LPS mm) lies farther than {reach_mm:g} mm from what it is a seed "
                "of; place it inside"
            )
        found.append(at[int(np.argmin(away))])
    return np.array(found, dtype=np.int64)
