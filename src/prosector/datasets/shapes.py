"""Bodies described by signed distance: negative inside, millimetres, exact or nearly so close to the surface.

Every shape knows its bounding box, and distances are asked for a small cloud of neighbouring points at a
time, so that whatever lies further than :data:`FAR` is skipped at the price of one comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from prosector.model.geometry import Array

FAR = 9.0
"""Distances (mm) outside a shape are not told apart beyond this."""


@dataclass(frozen=True, eq=False)
class Points:
    """A cloud of (n, 3) LPS points with its bounding box."""

    xyz: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, xyz: Array) -> Points:
        """Bound a cloud that is not empty."""
        return cls(np.ascontiguousarray(xyz), xyz.min(axis=0), xyz.max(axis=0))

    def near(self, boxes: Array) -> Array:
        """Numbers of those of the (n, 6) boxes (low, −high) that come within FAR of the cloud."""
        bound = np.concatenate([self.high + FAR, FAR - self.low])
        return np.flatnonzero((boxes <= bound).all(axis=1))

    def reaches(self, shape: Shape) -> bool:
        """Whether the shape's box comes within FAR of the cloud."""
        return len(self.near(boxes_of([shape]))) > 0


def boxes_of(shapes: Sequence[Shape]) -> Array:
    """(n, 6) bounding boxes as (low, −high), so that one comparison tests both ends."""
    return np.array([[*s.low, *(-s.high)] for s in shapes])


class Shape(Protocol):
    """What can be asked for its signed distance."""

    @property
    def low(self) -> Array:
        """Lower corner of the bounding box."""

    @property
    def high(self) -> Array:
        """Upper corner of the bounding box."""

    def distance(self, points: Points) -> Array:
        """(n,) signed distances."""


def distance(shape: Shape, points: Points) -> Array:
    """Signed distance, FAR where the shape is out of reach."""
    if not points.reaches(shape):
        return np.full(len(points.xyz), FAR)
    return shape.distance(points)


def inside(shape: Shape, xyz: Array) -> Array:
    """Boolean (n,): which of the points lie within the shape."""
    return np.asarray(distance(shape, Points.of(xyz)) < 0)


def smooth_minimum(a: Array, b: Array, blend_mm: float) -> Array:
    """Minimum whose crease is filled over ``blend_mm`` (quadratic polynomial blend)."""
    lower = np.minimum(a, b)
    if blend_mm <= 0:
        return lower
    overlap = np.maximum(blend_mm - np.abs(a - b), 0.0) / blend_mm
    return np.asarray(lower - overlap * overlap * (blend_mm / 4))


def _first_order(level: Array, slope: Array, least_radius: float) -> Array:
    """Distance from the surface level = 1; at the very centre, where there is no slope, the least radius."""
    per_level = np.divide(level, slope, out=np.full_like(level, least_radius), where=slope > 1e-9)
    return np.asarray(per_level * (level - 1))


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """An ellipsoid; ``axes`` has its unit half-axis directions as rows."""

    center: tuple[float, float, float]
    radii: tuple[float, float, float]
    axes: Array = field(default_factory=lambda: np.eye(3))

    @cached_property
    def _reach(self) -> Array:
        return np.asarray(np.sqrt(((np.array(self.radii)[:, None] * self.axes) ** 2).sum(axis=0)))

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return np.asarray(np.array(self.center) - self._reach)

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.asarray(np.array(self.center) + self._reach)

    def distance(self, points: Points) -> Array:
        """First-order distance, exact on the surface and for a sphere."""
        local = (points.xyz - np.array(self.center)) @ self.axes.T
        radii = np.array(self.radii)
        level = np.linalg.norm(local / radii, axis=1)
        slope = np.linalg.norm(local / radii**2, axis=1)
        return _first_order(level, slope, float(radii.min()))


@dataclass(frozen=True, eq=False)
class Drum:
    """An elliptical cylinder with rounded edges and a waist, as vertebral bodies and discs are.

    ``axes`` has its lateral, front-to-back and long directions as rows; ``half`` the half extents along
    them. ``waist`` is the fraction by which the middle is narrower than the ends (negative: bulging).
    """

    center: tuple[float, float, float]
    half: tuple[float, float, float]
    axes: Array
    waist: float = 0.0
    rounding: float = 2.0

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return np.asarray(np.array(self.center) - np.linalg.norm(self.half) * 1.1)

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.asarray(np.array(self.center) + np.linalg.norm(self.half) * 1.1)

    def distance(self, points: Points) -> Array:
        """Distance as of a rounded cylinder, first order across the ellipse."""
        u, v, w = self.axes @ (points.xyz - np.array(self.center)).T
        a, b, h = self.half
        narrow = 1 - self.waist * np.clip(1 - (w / h) ** 2, 0, 1)
        level = np.hypot(u / (a * narrow), v / (b * narrow))
        slope = np.hypot(u / (a * narrow) ** 2, v / (b * narrow) ** 2)
        across = _first_order(level, slope, min(a, b)) + self.rounding
        along = np.abs(w) - h + self.rounding
        outer = np.hypot(np.maximum(across, 0), np.maximum(along, 0))
        return np.asarray(np.minimum(np.maximum(across, along), 0) + outer - self.rounding)


class _Compound:
    """Bounding box of the parts."""

    parts: Sequence[Shape]

    @cached_property
    def boxes(self) -> Array:
        """Boxes of the parts."""
        return boxes_of(self.parts)

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return np.asarray(np.min([p.low for p in self.parts], axis=0))

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.asarray(np.max([p.high for p in self.parts], axis=0))


@dataclass(frozen=True, eq=False)
class Union(_Compound):
    """Shapes joined, creases filled over ``blend_mm``, which is at most FAR: parts further off are not seen."""

    parts: Sequence[Shape]
    blend_mm: float = 0.0

    def distance(self, points: Points) -> Array:
        """Smooth minimum over the parts."""
        result = np.full(len(points.xyz), FAR)
        for n in points.near(self.boxes):
            result = smooth_minimum(result, self.parts[n].distance(points), self.blend_mm)
        return result


@dataclass(frozen=True, eq=False)
class Difference:
    """A shape with another taken away, the edge rounded over ``blend_mm``."""

    base: Shape
    cut: Shape
    blend_mm: float = 0.0

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return self.base.low

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return self.base.high

    def distance(self, points: Points) -> Array:
        """Smooth maximum of the base and the complement of the cut."""
        base = self.base.distance(points)
        if not points.reaches(self.cut):
            return base
        return -smooth_minimum(-base, self.cut.distance(points), self.blend_mm)


@dataclass(frozen=True, eq=False)
class Clipped:
    """The part of a shape on the side of a plane that ``normal`` points away from."""

    base: Shape
    point: tuple[float, float, float]
    normal: Array

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return self.base.low

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return self.base.high

    def plane(self, points: Points) -> Array:
        """Signed distance from the plane, positive on the side taken away."""
        return np.asarray((points.xyz - np.array(self.point)) @ self.normal)

    def distance(self, points: Points) -> Array:
        """Maximum of shape and half space."""
        return np.maximum(self.base.distance(points), self.plane(points))


@dataclass(frozen=True, eq=False)
class Grown:
    """A shape with ``by_mm`` added all round."""

    base: Shape
    by_mm: float

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return np.asarray(self.base.low - self.by_mm)

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.asarray(self.base.high + self.by_mm)

    def distance(self, points: Points) -> Array:
        """Distance, less the growth."""
        return np.asarray(self.base.distance(points) - self.by_mm)


@dataclass(frozen=True, eq=False)
class Placed:
    """A shape moved rigidly or mirrored: ``x → matrix · (x − pivot) + pivot + shift``, matrix orthogonal."""

    base: Shape
    matrix: Array
    pivot: Array = field(default_factory=lambda: np.zeros(3))
    shift: Array = field(default_factory=lambda: np.zeros(3))

    def _corners(self) -> Array:
        box = (self.base.low, self.base.high)
        corners = np.array([[box[a][0], box[b][1], box[c][2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
        return np.asarray((corners - self.pivot) @ self.matrix.T + self.pivot + self.shift)

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return np.asarray(self._corners().min(axis=0))

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.asarray(self._corners().max(axis=0))

    def back(self, points: Points) -> Points:
        """Where the points were before the move."""
        return Points.of((points.xyz - self.pivot - self.shift) @ self.matrix + self.pivot)

    def distance(self, points: Points) -> Array:
        """Distance at the place before the move."""
        return self.base.distance(self.back(points))


MIRROR = np.diag([-1.0, 1.0, 1.0])


def mirrored(shape: Shape) -> Placed:
    """The same shape on the other side of the body."""
    return Placed(shape, MIRROR)


def both_sides(*shapes: Shape) -> list[Shape]:
    """Shapes of the left side, each followed by its mirror image."""
    return [side for shape in shapes for side in (shape, mirrored(shape))]
