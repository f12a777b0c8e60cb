"""Small random volumes under any affine, random cameras, and analytic solids."""

from __future__ import annotations

from typing import Any

import numpy as np

from prosector.model.camera import Camera
from prosector.model.geometry import Geometry
from prosector.model.volume import Volume

Array = Any

RANGES = {"uint8": (0, 255), "int16": (-1024, 3000), "uint16": (0, 4000), "float32": (-1.0, 1.0)}


def random_geometry(rng: np.random.Generator, shape: tuple[int, int, int]) -> Geometry:
    """A rotated, sheared, stretched and as often as not mirrored grid."""
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    shear = np.eye(3)
    shear[0, 1], shear[1, 2], shear[0, 2] = rng.uniform(-0.5, 0.5, 3)
    affine = np.eye(4)
    affine[:3, :3] = rotation @ shear @ np.diag(rng.uniform(0.6, 3.0, 3))
    affine[:3, 3] = rng.uniform(-50, 50, 3)
    return Geometry(shape, affine)


def random_volume(seed: int, dtype: str, shape: tuple[int, int, int] = (6, 9, 8)) -> Volume:
    """Random voxels; floats have NaN and infinity among them."""
    rng = np.random.default_rng(seed)
    low, high = RANGES[dtype]
    voxels = rng.uniform(low, high, shape).astype(dtype)
    if dtype == "float32":
        voxels[rng.random(shape) < 0.1] = np.nan
        voxels[rng.random(shape) < 0.02] = np.inf
    return Volume(voxels, random_geometry(rng, shape))


def random_camera(seed: int, geometry: Geometry) -> Camera:
    """A camera somewhere near the grid; parts of the picture miss it."""
    rng = np.random.default_rng(seed + 1000)
    size = float(np.ptp(geometry.corners_lps, axis=0).max())
    center = geometry.center_lps + rng.uniform(-0.2, 0.2, 3) * size
    return Camera(center, rng.normal(size=3), rng.normal(size=3), 1.2 * size)


def stepped(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Geometry:
    """Axial slices, rows to the left, columns to the back, slices upwards; origin in the grid's middle."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *spacing, 1
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, affine)


def sphere(radius_mm: float, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Volume:
    """A ball around the origin: value 100 at the surface, falling by 10 per mm."""
    geometry = stepped(shape, spacing)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm(geometry.to_lps(index), axis=-1)
    return Volume((100 + 10 * (radius_mm - distance)).astype(np.float32), geometry)
