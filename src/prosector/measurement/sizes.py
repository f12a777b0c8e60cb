"""Diameters and extents of a surface: in three dimensions, in the slices, along its principal axes."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist
from skimage.measure import find_contours

from prosector.measurement.border import HALF
from prosector.measurement.filling import Filling
from prosector.model.geometry import Array, Geometry

_BLOCK = 1000


def widest(points: Array) -> tuple[float, Array]:
    """Largest distance between two of (n, 2 or 3) points, and the (2, dimensions) pair; 0 for a single point."""
    corners = _hull(points)
    best, pair = -1.0, corners[[0, 0]]
    for start in range(0, len(corners), _BLOCK):
        apart = cdist(corners[start : start + _BLOCK], corners)
        row, column = np.unravel_index(np.argmax(apart), apart.shape)
        if apart[row, column] > best:
            best, pair = float(apart[row, column]), corners[[start + int(row), int(column)]]
    return best, pair


def _hull(points: Array) -> Array:
    """Corners of the convex hull; all points where there is none."""
    points = np.asarray(points, dtype=np.float64)
    try:
        return np.asarray(points[np.sort(ConvexHull(points).vertices)])
    except (QhullError, ValueError):
        return points


def slice_axes(filling: Filling) -> tuple[float, Array, float, Array] | None:
    """Longest diameter of one outline over all acquired slices, and the width of that outline across it.

    Returns
    -------
    long_mm, (2, 3) ends, short_mm, (2, 3) ends : LPS mm
        None where no slice has an outline. The ends of the short axis stand where the outline reaches furthest to
        either side, brought onto one line across.
    """
    best: tuple[float, Array, Array] | None = None
    plane = _plane(filling.geometry)
    for k in np.flatnonzero(filling.mask.any(axis=(1, 2))):
        for outline in _outlines(filling.parts[k], int(k), filling.geometry):
            length, pair = widest(outline @ plane.T)
            if best is None or length > best[0]:
                best = (length, pair @ plane, outline)
    if best is None:
        return None
    length, ends, outline = best
    normal = filling.geometry.normal_lps
    ends = ends + (outline[0] @ normal) * normal
    across = np.cross(normal, ends[1] - ends[0])
    across /= np.linalg.norm(across)
    reach = outline @ across
    foot = outline[int(np.argmax(reach))]
    return length, ends, float(np.ptp(reach)), np.array([foot, foot - np.ptp(reach) * across])


def _plane(geometry: Geometry) -> Array:
    """(2, 3) unit vectors that span a slice."""
    row = geometry.affine[:3, 2] / np.linalg.norm(geometry.affine[:3, 2])
    return np.array([row, np.cross(geometry.normal_lps, row)])


def _outlines(parts: Array, k: int, geometry: Geometry) -> list[Array]:
    """Outlines at the half level in one slice, (n, 3) LPS mm each."""
    wide = np.pad(parts, 1)  # closed where the object leaves the volume
    found = find_contours(wide, HALF)
    return [geometry.to_lps(np.column_stack([np.full(len(line), k), line - 1])) for line in found if len(line) > 3]


def principal_axes(filling: Filling) -> Array:
    """(3, 3) unit rows, the longest first: axes of the second moments of what the segment fills, LPS."""
    index = np.argwhere(filling.parts > 0)
    weights = filling.parts[filling.parts > 0].astype(np.float64)
    points = filling.geometry.to_lps(index)
    around = points - np.average(points, axis=0, weights=weights)
    moments = (around * weights[:, None]).T @ around / weights.sum()
    _, axes = np.linalg.eigh(moments)
    axes = axes.T[::-1]
    signs = np.sign(axes[np.arange(3), np.argmax(np.abs(axes), axis=1)])  # the sign of an eigenvector is arbitrary
    return np.asarray(axes * signs[:, None])


def extent_along(points: Array, axis: Array) -> tuple[float, Array]:
    """Width of (n, 3) points along a unit axis and the (2, 3) outermost points."""
    reach = points @ axis
    return float(np.ptp(reach)), points[[int(np.argmin(reach)), int(np.argmax(reach))]]
