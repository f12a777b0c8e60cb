"""Tubes of known width as volumes and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from prosector.datasets.shapes_swept import Tube
from prosector.kernels.swept import swept_polyline
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume

Array = np.ndarray[Any, Any]

LUMEN_HU, AROUND_HU = 350.0, 40.0
PAD_MM = 7.0
SUB = 3
"""Points along each axis of a voxel over which it averages."""


def scanned(
    tube: Tube,
    spacing: tuple[float, float, float] = (1.0, 0.7, 0.7),
    *,
    tilt: float = 0.0,
    blur_mm: float = 0.5,
    noise_hu: float = 20.0,
) -> tuple[Volume, LabelMap]:
    """A tube with partial volume, blur and noise; its label holds the voxels whose centres lie inside.

    ``tilt`` shears slices along the rows: mm for each mm of slice step.
    """
    step = np.diag(spacing)
    step[1, 0] = tilt * spacing[0]
    matrix = np.array([[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]]) @ step
    low, high = tube.low - PAD_MM, tube.high + PAD_MM
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T @ np.linalg.inv(matrix).T
    first = corners.min(axis=0)
    shape = tuple((np.ceil(corners.max(axis=0) - first) + 1).astype(int))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix, matrix @ first
    geometry = Geometry(shape, affine)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    away = distance(tube, geometry.to_lps(index))
    share = (away < 0).astype(np.float64)
    edge = np.abs(away) < 0.5 * np.linalg.norm(np.abs(matrix).sum(axis=1))
    share[edge] = 0
    for part in (np.stack(np.meshgrid(*[np.arange(SUB)] * 3), axis=-1).reshape(-1, 3) - (SUB - 1) / 2) / SUB:
        share[edge] += inside(tube, geometry.to_lps(index[edge] + part)) / SUB**3
    hu = AROUND_HU + (LUMEN_HU - AROUND_HU) * share.reshape(shape)
    hu = ndimage.gaussian_filter(hu, [blur_mm / s for s in spacing])
    hu += noise_hu * np.random.default_rng(1).normal(size=shape)
    mask = (away < 0).reshape(shape).astype(np.uint8)
    lumen = Segment(1, "lumen", structure("vessel lumen"))
    return Volume(hu.astype(np.float32), geometry, HOUNSFIELD), LabelMap(mask, geometry, (lumen,))


def distance(tube: Tube, points: Array) -> Array:
    """Signed distance of points from a tube's wall."""
    out = np.empty(len(points))
    swept_polyline(np.ascontiguousarray(points), tube.centers, tube.radii, out)
    return out


def inside(tube: Tube, points: Array) -> Array:
    """Whether points lie in a tube."""
    return distance(tube, points) < 0


def bent(length: float, radii: Array) -> Tube:
    """A tube that bends in space, with (n,) radii from end to end."""
    t = np.linspace(0, 1, len(radii))
    centers = np.stack([0.2 * length * np.sin(2.2 * t), 0.2 * length * np.cos(2 * t), length * (t - 0.5)], axis=1)
    return Tube(centers, np.asarray(radii, dtype=np.float64))


def straight(direction: tuple[float, float, float], radius: float, length: float) -> Tube:
    """A straight tube through the origin."""
    unit = np.array(direction) / np.linalg.norm(direction)
    return Tube(np.outer([-length / 2, length / 2], unit), np.full(2, radius))
