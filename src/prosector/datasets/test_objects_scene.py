"""What a test object is made of, and the numbers that are true of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prosector.datasets.scanner import Part
from prosector.datasets.shapes import Placed, Points, Shape, distance
from prosector.datasets.shapes_swept import Tube
from prosector.model.geometry import Array

Numbers = dict[str, float]
"""Parameters of a kind of test object by name."""


@dataclass(frozen=True)
class Quantity:
    """A true number: what, of which part, its UCUM unit, how it is meant, and the points that show it (LPS mm)."""

    name: str
    of: str
    value: float
    unit: str
    definition: str
    where_lps: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Scene:
    """Parts in the order of painting, without the body around them, and what is true of them.

    ``facts`` holds further truth that is ready for JSON: centre lines, transforms, points.
    """

    parts: tuple[Part, ...]
    quantities: tuple[Quantity, ...]
    facts: dict[str, Any] = field(default_factory=dict)


def listed(array: Any, digits: int = 6) -> Any:
    """Numbers as JSON takes them, rounded, without a negative zero."""
    return (np.round(np.asarray(array, dtype=np.float64), digits) + 0.0).tolist()


def unit(*v: float) -> Array:
    """Vector of length 1."""
    return np.asarray(np.array(v) / np.linalg.norm(v))


def turn_about(axis: Array, angle_deg: float) -> Array:
    """3×3 rotation about a unit axis (Rodrigues' formula)."""
    n, angle = np.asarray(axis), np.radians(angle_deg)
    cross = np.array([[0, -n[2], n[1]], [n[2], 0, -n[0]], [-n[1], n[0], 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


@dataclass(frozen=True, eq=False)
class Pose:
    """Turns an object that was built around the origin along z: leaning ``lean_deg`` towards ``azimuth_deg``."""

    lean_deg: float
    azimuth_deg: float

    @property
    def matrix(self) -> Array:
        """3×3 rotation."""
        return turn_about(np.array([0.0, 0, 1]), self.azimuth_deg) @ turn_about(np.array([0.0, 1, 0]), self.lean_deg)

    def place(self, shape: Shape) -> Placed:
        """The shape, turned."""
        return Placed(shape, self.matrix)

    def at(self, points: Any) -> Array:
        """Points or directions, turned."""
        return np.asarray(np.asarray(points, dtype=np.float64) @ self.matrix.T)


def swept_volume_mm3(tube: Tube) -> float:
    """Volume of a tube with half balls as ends whose line bends less than its radius (Pappus)."""
    areas = np.pi * tube.radii**2
    along = float(np.sum((areas[1:] + areas[:-1] + np.sqrt(areas[1:] * areas[:-1])) / 3 * np.diff(tube.arc_mm)))
    return along + 2 / 3 * np.pi * float(tube.radii[0] ** 3 + tube.radii[-1] ** 3)


def volume_mm3(shape: Shape, step_mm: float = 0.7) -> float:
    """Volume of a shape by summing how much of each small cube lies in it.

    Each cube's face counts as flat, so the error falls with the square of the step; below 0.1 % for bodies of
    ten steps and more.
    """
    low, high = shape.low - step_mm, shape.high + step_mm
    axes = [np.arange(a, b, step_mm) for a, b in zip(low, high, strict=True)]
    total = 0.0
    for z in axes[2]:
        plane = np.stack(np.meshgrid(axes[0], axes[1], [z], indexing="ij"), axis=-1).reshape(-1, 3)
        points = Points.of(plane)
        total += float(np.clip(0.5 - distance(shape, points) / step_mm, 0, 1).sum())
    return total * step_mm**3
