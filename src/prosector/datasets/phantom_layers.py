"""From shapes to Hounsfield units: layers painted one over the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from prosector.datasets.shapes import FAR, Points, Shape, boxes_of, distance
from prosector.model.geometry import Array

AIR_HU = -1000.0


@dataclass(frozen=True, eq=False)
class Paint:
    """What a layer does to a cloud of n points.

    ``covered`` says which points it changes, ``hu`` to what; ``edge`` is each point's distance (mm) from the
    nearest boundary between two tissues of the layer, so that the scanner knows where to look closer.
    """

    covered: Array
    hu: Array
    edge: Array


def _untouched(d: Array) -> Paint:
    """What a layer does that ends before it reaches the points."""
    return Paint(np.zeros(len(d), dtype=bool), d, np.abs(d))


class Layer(Protocol):
    """Something that is painted; ``label`` 0 leaves the label below."""

    @property
    def label(self) -> int:
        """Number of the segment that it belongs to."""

    @property
    def shape(self) -> Shape:
        """Where it is."""

    def paint(self, points: Points) -> Paint:
        """Hounsfield units of the points."""


def ripple(xyz: Array, wave_mm: float, seed: int) -> Array:
    """A smooth random texture of about unit standard deviation: six plane waves of fixed random directions."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(6, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    waves = directions * (2 * np.pi / wave_mm * rng.uniform(0.6, 1.6, 6)[:, None])
    return np.asarray(np.sin(xyz @ waves.T + rng.uniform(0, 2 * np.pi, 6)).sum(axis=1) / np.sqrt(3))


@dataclass(frozen=True, eq=False)
class Solid:
    """One tissue of a mean value, with a texture of standard deviation ``texture_hu``."""

    shape: Shape
    hu: float
    label: int = 0
    texture_hu: float = 0.0
    wave_mm: float = 9.0

    def paint(self, points: Points) -> Paint:
        """Fill the shape."""
        d = distance(self.shape, points)
        if d.min() > 0:
            return _untouched(d)
        hu = np.full(len(d), self.hu)
        if self.texture_hu:
            hu += self.texture_hu * ripple(points.xyz, self.wave_mm, 11)
        return Paint(d < 0, hu, np.abs(d))


@dataclass(frozen=True, eq=False)
class Bone:
    """A cortical shell around marrow.

    ``profile`` gives each (n, 3) point cortical thickness (mm) and marrow HU. ``unbroken`` is the bone before
    a fracture: the shell follows it, so that broken faces lay the marrow bare.
    """

    shape: Shape
    profile: Callable[[Array], tuple[Array, Array]]
    label: int
    cortex_hu: float = 1200.0
    unbroken: Shape | None = None

    def paint(self, points: Points) -> Paint:
        """Cortex down to its thickness, marrow with trabecular texture below."""
        d = distance(self.shape, points)
        if d.min() > 0:
            return _untouched(d)
        skin = d if self.unbroken is None else distance(self.unbroken, points)
        cortex, marrow = self.profile(points.xyz)
        grain = marrow + 0.08 * np.maximum(marrow, 60) * ripple(points.xyz, 9.0, 5)
        hu = np.where(skin > -cortex, self.cortex_hu, grain)
        return Paint(d < 0, hu, np.minimum(np.abs(d), np.abs(skin + cortex)))


@dataclass(frozen=True, eq=False)
class Muscles:
    """Muscles side by side with planes of fat between them, none of them outside the ``envelope``."""

    shape: Shape
    parts: Sequence[Shape]
    envelope: Shape
    hu: float = 48.0
    fat_hu: float = -85.0
    plane_mm: float = 1.1

    label = 0

    @cached_property
    def _boxes(self) -> Array:
        return boxes_of(self.parts)

    def paint(self, points: Points) -> Paint:
        """Muscle, but fat where two muscles are equally deep."""
        first = np.full(len(points.xyz), FAR)
        second = first.copy()
        for n in points.near(self._boxes):
            d = self.parts[n].distance(points)
            second = np.minimum(second, np.maximum(first, d))
            first = np.minimum(first, d)
        if first.min() <= 0:
            first = np.maximum(first, distance(self.envelope, points))
        if first.min() > 0:
            return _untouched(first)
        between = (second - first) - self.plane_mm
        striped = self.hu + 6 * ripple(points.xyz * (1, 1, 0.35), 8.0, 3)
        return Paint(first < 0, np.where(between < 0, self.fat_hu, striped), np.minimum(np.abs(first), np.abs(between)))


@dataclass(frozen=True, eq=False)
class Bowel:
    """A hollow organ: wall, contents, and gas that rises to the front above a fluid level."""

    shape: Shape
    contents_hu: float
    gas: Shape | None = None
    level_y: float = 0.0
    wall_mm: float = 2.6
    wall_hu: float = 48.0

    label = 0

    def paint(self, points: Points) -> Paint:
        """Wall and what it holds."""
        d = distance(self.shape, points)
        if d.min() > 0:
            return _untouched(d)
        lumen = d + self.wall_mm
        hu = np.where(lumen > 0, self.wall_hu, self.contents_hu + 10 * ripple(points.xyz, 7.0, 7))
        edge = np.minimum(np.abs(d), np.abs(lumen))
        if self.gas is not None:
            pocket = np.maximum(np.maximum(distance(self.gas, points), points.xyz[:, 1] - self.level_y), lumen)
            hu = np.where(pocket < 0, AIR_HU + 20, hu)
            edge = np.minimum(edge, np.abs(pocket))
        return Paint(d < 0, hu, edge)


@dataclass(frozen=True, eq=False)
class Skin:
    """The body's outline: skin, and fat below it."""

    shape: Shape
    label: int
    thickness_mm: float = 1.8

    def paint(self, points: Points) -> Paint:
        """Skin over fat."""
        d = distance(self.shape, points)
        if d.min() > 0:
            return _untouched(d)
        fat = -102 + 5 * ripple(points.xyz, 14.0, 2)
        hu = np.where(d > -self.thickness_mm, 15.0, fat)
        return Paint(d < 0, hu, np.minimum(np.abs(d), np.abs(d + self.thickness_mm)))
