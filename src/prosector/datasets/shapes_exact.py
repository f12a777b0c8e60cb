"""Bodies with flat faces and sharp sectors, for test objects whose every number is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prosector.datasets.shapes import Points
from prosector.model.geometry import Array


@dataclass(frozen=True, eq=False)
class RoundedBox:
    """A box along the patient axes with rounded edges; ``half`` are its half extents in mm."""

    center: Array
    half: Array
    rounding: float = 0.0

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return np.asarray(np.asarray(self.center) - self.half)

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.asarray(np.asarray(self.center) + self.half)

    def distance(self, points: Points) -> Array:
        """Exact distance."""
        beyond = np.abs(points.xyz - self.center) - (np.asarray(self.half) - self.rounding)
        outer = np.linalg.norm(np.maximum(beyond, 0), axis=1)
        return np.asarray(outer + np.minimum(beyond.max(axis=1), 0) - self.rounding)


@dataclass(frozen=True, eq=False)
class Sleeve:
    """Part of a pipe's wall along z around the origin: between two radii, ``angle_deg`` of its circumference.

    The sector is centred on +x and its sides are radial planes, so that a vessel of the inner radius is touched
    over exactly ``angle_deg`` in every section. An inner radius of 0 with 360° is a cylinder with flat ends.
    """

    inner: float
    outer: float
    half_length: float
    angle_deg: float = 360.0

    @property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return -self.high

    @property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.array([self.outer, self.outer, self.half_length])

    @property
    def volume_mm3(self) -> float:
        """In closed form."""
        return float(np.radians(self.angle_deg) * (self.outer**2 - self.inner**2) * self.half_length)

    def distance(self, points: Points) -> Array:
        """Maximum over the faces: exact next to a face, a lower bound beyond an edge."""
        x, y, z = points.xyz.T
        radius = np.hypot(x, y)
        d = np.maximum(np.abs(z) - self.half_length, radius - self.outer)
        if self.inner > 0:
            d = np.maximum(d, self.inner - radius)
        if self.angle_deg < 360:
            past = np.abs(np.arctan2(y, x)) - np.radians(self.angle_deg) / 2
            d = np.maximum(d, radius * np.sin(np.clip(past, -np.pi / 2, np.pi / 2)))
        return np.asarray(d)
