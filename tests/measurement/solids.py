"""Analytic bodies on any grid, with partial volume, for measuring tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from prosector import Geometry, Volume
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD

ISOTROPIC = np.diag([0.8, 0.8, 0.8])[:, ::-1]
ELONGATED = np.diag([0.8, 0.8, 2.0])[:, ::-1]
TILTED = np.array([[0.0, 0.0, 0.7], [0.4, 0.7, 0.0], [1.1, 0.0, 0.0]])
MIRRORED = np.diag([-0.8, 0.8, 1.0])[:, ::-1]
GRIDS = {"isotropic": ISOTROPIC, "elongated": ELONGATED, "tilted": TILTED, "mirrored": MIRRORED}

Body = Callable[[Array], Array]
"""Signed distance, negative inside, of (…, 3) points."""


def grid(steps: Array, extent_mm: float) -> Geometry:
    """About so wide, LPS 0 at a place that is no voxel's centre."""
    shape = tuple(int(np.ceil(extent_mm / s)) for s in np.linalg.norm(steps, axis=0))
    affine = np.eye(4)
    affine[:3, :3] = steps
    affine[:3, 3] = -steps @ ((np.array(shape) - 1) / 2) + (0.13, -0.21, 0.17)
    return Geometry(shape, affine)


def centers(geometry: Geometry) -> Array:
    return geometry.to_lps(np.moveaxis(np.indices(geometry.shape), 0, -1))


def sphere(center: tuple[float, float, float], radius: float) -> Body:
    return lambda p: np.linalg.norm(p - np.array(center), axis=-1) - radius


def rod(direction: tuple[float, float, float], radius: float, half_length: float) -> Body:
    axis = np.array(direction) / np.linalg.norm(direction)

    def distance(p: Array) -> Array:
        along = p @ axis
        return np.maximum(np.linalg.norm(p - along[..., None] * axis, axis=-1) - radius, np.abs(along) - half_length)

    return distance


def scanned(geometry: Geometry, body: Body, inside: float, outside: float, noise: float = 0.0) -> Volume:
    """Each voxel the mean of 3³ points in it, weighted as a slightly blurring scanner would."""
    offsets = np.moveaxis(np.indices((4, 4, 4)), 0, -1).reshape(-1, 3) / 4 - 0.375
    index = np.moveaxis(np.indices(geometry.shape), 0, -1).astype(np.float64)
    part = np.mean([body(geometry.to_lps(index + 1.2 * offset)) < 0 for offset in offsets], axis=0)
    values = outside + (inside - outside) * part + np.random.default_rng(1).normal(0, noise, geometry.shape)
    return Volume(np.rint(values).astype(np.int16), geometry, HOUNSFIELD)


def labelled(geometry: Geometry, **masks: Array) -> LabelMap:
    """Segments by name; the first that claims a voxel has it."""
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    for n, mask in enumerate(masks.values(), 1):
        labels[mask & (labels == 0)] = n
    segments = tuple(Segment(n, name, structure("lesion")) for n, name in enumerate(masks, 1))
    return LabelMap(labels, geometry, segments)
