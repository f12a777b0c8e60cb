"""Diameters and extents of a surface: in three dimensions, in the slices, along its principal axes."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist
from skimage.measure import find_contours

from prosector.kernels import filling as kernels
from prosector.kernels import labelling
from prosector.kernels.mesh_sizes import distances
from prosector.measurement.border import HALF
from prosector.measurement.filling import Filling
from prosector.model.geometry import Array, Geometry

_BLOCK = 1000

_FEW = 1000
"""Points of which none are sorted out before the hull is taken."""

_WALKS = 8


def widest(points: Array) -> tuple[float, Array]:
    """Largest distance between two of (n, 2 or 3) points, and the (2, dimensions) pair; 0 for a single point."""
    corners = _hull(_outer(points))
    best, pair = -1.0, corners[[0, 0]]
    for start in range(0, len(corners), _BLOCK):
        apart = cdist(corners[start : start + _BLOCK], corners)
        row, column = np.unravel_index(np.argmax(apart), apart.shape)
        if apart[row, column] > best:
            best, pair = float(apart[row, column]), corners[[start + int(row), int(column)]]
    return best, pair


def _outer(points: Array) -> Array:
    """Those points that can be an end of the largest distance.

    With no point further than R from some centre, an end of a distance of at least L is no nearer to it than L − R.
    L comes from walking to the farthest point a few times.
    """
    if len(points) < _FEW or points.shape[1] != 3:
        return points
    points = np.array(points, dtype=np.float64)
    apart = np.empty(len(points))
    middle = center = points[0].copy()
    longest = 0.0
    for _ in range(_WALKS):
        distances(points, center, apart)
        end = points[int(np.argmax(apart))]
        if apart.max() <= longest:
            break
        longest = float(apart.max())
        middle, center = 0.5 * (center + end), end.copy()
    distances(points, middle, apart)
    return points[apart >= (longest - float(apart.max())) * (1 - 1e-9) - 1e-9] if longest else points


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
    at, plane = -1, _plane(filling.geometry)
    bounds = _bounds(filling)
    for k in np.argsort(-bounds, kind="stable").tolist():
        if bounds[k] < (best[0] if best else 0.0):
            break
        for outline in _outlines(filling.parts[k], k, filling.geometry):
            length, pair = widest(outline @ plane.T)
            if best is None or length > best[0] or (length == best[0] and k < at):
                best, at = (length, pair @ plane, outline), k
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


def _bounds(filling: Filling) -> Array:
    """(k,) mm that no diameter of an outline in a slice exceeds; −1 in slices that the segment does not reach."""
    full = (filling.parts >= HALF).view(np.uint8)
    counts = np.empty(full.shape[:2], dtype=np.int32)
    labelling.count_runs(full, counts)
    row_start = np.zeros(counts.size + 1, dtype=np.int64)
    np.cumsum(counts.ravel(), out=row_start[1:])
    begin, end, piece = (np.empty(int(row_start[-1]), dtype=np.int32) for _ in range(3))
    labelling.find_runs(full, row_start, begin, end)
    # over corners: find_contours joins what touches there or does not, and the bound holds for both
    count = labelling.label_runs(row_start, begin, end, full.shape[1], True, False, piece)
    row = np.repeat(np.arange(counts.size), counts.ravel())
    low, high = np.full((count, 2), max(full.shape)), np.zeros((count, 2), dtype=np.int64)
    for axis, (first, last) in enumerate(((row % full.shape[1], row % full.shape[1]), (begin, end - 1))):
        np.minimum.at(low[:, axis], piece, first)
        np.maximum.at(high[:, axis], piece, last)
    j, i = filling.geometry.affine[:3, 1], filling.geometry.affine[:3, 2]
    size = high - low + 2.0  # an outline runs less than one step outside
    across = [np.linalg.norm(size[:, :1] * j + sign * size[:, 1:] * i, axis=1) for sign in (-1, 1)]
    slice_of = np.zeros(count, dtype=np.int64)
    slice_of[piece] = row // full.shape[1]
    out = np.zeros(full.shape[0])
    np.maximum.at(out, slice_of, np.maximum(*across) + 1e-9)
    out[~filling.mask.any(axis=(1, 2))] = -1.0
    return out


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
    sums = np.empty((filling.parts.shape[0], 10))
    kernels.moments(filling.parts, (np.array(filling.parts.shape) - 1) / 2, sums)
    whole, *rest = sums.sum(axis=0)
    mean, (kk, jj, ii, kj, ki, ji) = np.array(rest[:3]) / whole, np.array(rest[3:]) / whole
    around = np.array([[kk, kj, ki], [kj, jj, ji], [ki, ji, ii]]) - np.outer(mean, mean)
    matrix = filling.geometry.affine[:3, :3]
    moments = matrix @ around @ matrix.T
    _, axes = np.linalg.eigh(moments)
    axes = axes.T[::-1]
    signs = np.sign(axes[np.arange(3), np.argmax(np.abs(axes), axis=1)])  # the sign of an eigenvector is arbitrary
    return np.asarray(axes * signs[:, None])


def extent_along(points: Array, axis: Array) -> tuple[float, Array]:
    """Width of (n, 3) points along a unit axis and the (2, 3) outermost points."""
    reach = points @ axis
    return float(np.ptp(reach)), points[[int(np.argmin(reach)), int(np.argmax(reach))]]
