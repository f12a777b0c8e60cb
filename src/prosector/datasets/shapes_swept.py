"""Balls swept along curves and surfaces, and bodies lofted through levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from prosector.datasets.shapes import FAR, Points
from prosector.kernels.swept import swept_polyline, swept_triangles
from prosector.model.geometry import Array

Knot = tuple[float, float, float, float]
"""x, y, z, radius."""


def through(knots: ArrayLike, per_span: int) -> Array:
    """Sample a Catmull–Rom spline through (n, ...) knots, ``per_span`` steps from knot to knot."""
    p = np.asarray(knots, dtype=np.float64)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = (np.arange(per_span) / per_span).reshape(-1, *[1] * (p.ndim - 1))
    spans = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        spans.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return np.concatenate([*spans, p[-2:-1]])


@dataclass(frozen=True, eq=False)
class Tube:
    """A tube around a polyline of (n, 3) centres with (n,) radii.

    The section perpendicular to the centre line is a disc of exactly the radius there: a point belongs
    to the nearest place on the line, and is inside if it is closer to it than the radius.
    """

    centers: Array
    radii: Array

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return np.asarray((self.centers - self.radii[:, None]).min(axis=0))

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.asarray((self.centers + self.radii[:, None]).max(axis=0))

    @cached_property
    def arc_mm(self) -> Array:
        """(n,) length along the line."""
        steps = np.linalg.norm(np.diff(self.centers, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @cached_property
    def _boxes(self) -> Array:
        a, b = self.centers[:-1], self.centers[1:]
        reach = np.maximum(self.radii[:-1], self.radii[1:])[:, None]
        return np.concatenate([np.minimum(a, b) - reach, -np.maximum(a, b) - reach], axis=1)

    def distance(self, points: Points) -> Array:
        """Distance from the nearest place on the line, less the radius there."""
        close = points.near(self._boxes)
        result = np.full(len(points.xyz), FAR)
        # whole runs of segments keep the line in one piece; a gap between runs lies out of reach
        for run in np.split(close, np.flatnonzero(np.diff(close) > 1) + 1):
            if len(run):
                part = slice(run[0], run[-1] + 2)
                piece = np.empty_like(result)
                swept_polyline(points.xyz, self.centers[part], self.radii[part], piece)
                np.minimum(result, piece, out=result)
        return result


def tube(knots: Sequence[Knot], step_mm: float = 2.0) -> Tube:
    """A tube through (x, y, z, radius) knots, smooth, in steps of about ``step_mm``."""
    p = np.array(knots, dtype=np.float64)
    longest = np.linalg.norm(np.diff(p[:, :3], axis=0), axis=1).max()
    per_span = max(1, int(np.ceil(longest / step_mm))) if len(p) > 2 else 1
    line = through(p[:, :3], per_span)
    at = np.arange(len(line)) / per_span
    return Tube(line, np.interp(at, np.arange(len(p)), p[:, 3]))


@dataclass(frozen=True, eq=False)
class Sheet:
    """A curved plate: balls of varying radius swept over (n, 3, 4) triangles of (x, y, z, radius)."""

    triangles: Array

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return np.asarray((self.triangles[..., :3] - self.triangles[..., 3:]).min(axis=(0, 1)))

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.asarray((self.triangles[..., :3] + self.triangles[..., 3:]).max(axis=(0, 1)))

    @cached_property
    def _boxes(self) -> Array:
        corner, radius = self.triangles[..., :3], self.triangles[..., 3:]
        return np.concatenate([(corner - radius).min(axis=1), -(corner + radius).max(axis=1)], axis=1)

    def distance(self, points: Points) -> Array:
        """Least distance from a triangle, less the radius at its nearest point."""
        result = np.full(len(points.xyz), FAR)
        swept_triangles(points.xyz, self.triangles[points.near(self._boxes)], result)
        return result


def sheet(rows: Sequence[Sequence[Knot]], step_mm: float = 9.0) -> Sheet:
    """A smooth plate through a grid of (x, y, z, radius) knots, in facets of about ``step_mm``."""
    knots = np.array(rows, dtype=np.float64)
    counts = []
    for axis in (0, 1):
        lengths = np.linalg.norm(np.diff(knots[..., :3], axis=axis), axis=-1)
        counts.append(max(1, int(np.ceil(lengths.mean() / step_mm))))
    grid = through(knots, counts[0])
    grid = through(grid.swapaxes(0, 1), counts[1]).swapaxes(0, 1)
    grid[..., 3] = np.maximum(grid[..., 3], knots[..., 3].min())
    a, b, c, d = (grid[s, t].reshape(-1, 4) for s in (slice(-1), slice(1, None)) for t in (slice(-1), slice(1, None)))
    triangles = np.concatenate([np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)])
    sides = np.cross(triangles[:, 1, :3] - triangles[:, 0, :3], triangles[:, 2, :3] - triangles[:, 0, :3])
    return Sheet(triangles[np.linalg.norm(sides, axis=1) > 1e-6])


@dataclass(frozen=True, eq=False)
class Loft:
    """A column of superelliptical sections between levels (z, center y, half width, half depth).

    ``exponent`` 2 is an ellipse; more is boxier. Distances are first order: good near the surface.
    """

    levels: Sequence[tuple[float, float, float, float]]
    exponent: float = 2.4

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        z, y, a, b = np.array(self.levels).T
        return np.array([-a.max(), (y - b).min(), z.min()])

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        z, y, a, b = np.array(self.levels).T
        return np.array([a.max(), (y + b).max(), z.max()])

    @cached_property
    def _smooth(self) -> Array:
        return through(self.levels, 8)

    def distance(self, points: Points) -> Array:
        """Level of the superellipse over its slope, and the distance from the end planes."""
        smooth = self._smooth
        z = points.xyz[:, 2]
        y, a, b = (np.interp(z, smooth[:, 0], smooth[:, n]) for n in (1, 2, 3))
        n = self.exponent
        u, v = np.abs(points.xyz[:, 0]) / a + 1e-6, np.abs(points.xyz[:, 1] - y) / b + 1e-6
        level = (u**n + v**n) ** (1 / n)
        slope = level ** (1 - n) * np.hypot(u ** (n - 1) / a, v ** (n - 1) / b)
        ends = np.maximum(z - smooth[-1, 0], smooth[0, 0] - z)
        return np.asarray(np.maximum((level - 1) / slope, ends))
