"""Analytic bodies with exact truth, in LPS millimetres, sampled on any grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prosector.model.geometry import Array, Geometry
from prosector.model.source import Source
from prosector.model.volume import HOUNSFIELD, Volume

Inside = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Part:
    """Where ``inside`` holds, the value becomes ``hu``; later parts lie over earlier ones."""

    inside: Inside
    hu: float


def ellipse(x0: float, y0: float, a: float, b: float) -> Inside:
    """A cylinder along the patient's long axis."""
    return lambda x, y, z: ((x - x0) / a) ** 2 + ((y - y0) / b) ** 2 <= 1 + 0 * z


def ball(x0: float, y0: float, z0: float, a: float, b: float, c: float) -> Inside:
    """An ellipsoid."""
    return lambda x, y, z: ((x - x0) / a) ** 2 + ((y - y0) / b) ** 2 + ((z - z0) / c) ** 2 <= 1


def box(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float] = (-1e9, 1e9)) -> Inside:
    """An upright box."""
    return lambda X, Y, Z: (x[0] <= X) & (x[1] >= X) & (y[0] <= Y) & (y[1] >= Y) & (z[0] <= Z) & (z[1] >= Z)


def grid(affine: Array, shape: tuple[int, int, int]) -> Geometry:
    """A grid whose middle lies at the origin of the patient."""
    whole = np.eye(4)
    whole[:3, :3] = affine
    whole[:3, 3] = -affine @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, whole)


def points(geometry: Geometry) -> tuple[Array, Array, Array]:
    """Coordinates of all voxel centres."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1)
    lps = geometry.to_lps(index)
    return lps[..., 0], lps[..., 1], lps[..., 2]


def scan(geometry: Geometry, parts: list[Part], noise: float = 12.0, modality: str = "CT") -> Volume:
    """Sample the parts in air, with noise that is the same on every machine."""
    x, y, z = points(geometry)
    values = np.full(geometry.shape, -1000.0)
    for part in parts:
        values[part.inside(x, y, z)] = part.hu
    values += np.random.default_rng(7).normal(0, noise, geometry.shape)
    unit = HOUNSFIELD if modality == "CT" else "1"
    return Volume(np.rint(values).astype(np.int16), geometry, unit, Source(modality=modality))


def truth(geometry: Geometry, *inside: Inside) -> Array:
    """The union of parts on the grid."""
    x, y, z = points(geometry)
    return np.logical_or.reduce([part(x, y, z) for part in inside])


def dice(a: Array, b: Array) -> float:
    """Overlap of two masks: 1 when they are the same."""
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))
