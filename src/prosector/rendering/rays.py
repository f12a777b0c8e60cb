"""From a camera to rays in index space, and what is kept of a volume between pictures."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from prosector.errors import ParameterError
from prosector.kernels.bricks import brick_counts, brick_ranges
from prosector.model.camera import Camera
from prosector.model.geometry import Array, Geometry
from prosector.model.volume import Volume

SAMPLES_PER_VOXEL = 2
"""Samples along a ray for the smallest distance between neighbouring planes of voxels."""

LARGEST_SIDE = 16384
"""Pictures are at most this many pixels wide or high."""


@dataclass(frozen=True, eq=False)
class Bricks:
    """Least and greatest value of each brick of a volume, float32."""

    low: Array
    high: Array


_BRICKS: WeakKeyDictionary[Volume, Bricks] = WeakKeyDictionary()


def bricks_of(volume: Volume) -> Bricks:
    """Brick ranges of a volume; made once and kept as long as the volume (about 1 % of its size)."""
    bricks = _BRICKS.get(volume)
    if bricks is None:
        counts = brick_counts(volume.voxels.shape)
        bricks = Bricks(np.empty(counts, np.float32), np.empty(counts, np.float32))
        brick_ranges(volume.voxels, bricks.low, bricks.high)
        _BRICKS[volume] = bricks
    return bricks


def step_mm(geometry: Geometry) -> float:
    """Sampling distance along a ray: half of the smallest distance between neighbouring voxel planes."""
    distances = 1 / np.linalg.norm(geometry.inverse[:3, :3], axis=1)
    return float(distances.min()) / SAMPLES_PER_VOXEL


def ray_frame(geometry: Geometry, camera: Camera, size: tuple[int, int]) -> Array:
    """Rays of a parallel camera in index space.

    Pixel (row r, column c) looks along ``forward`` through ``center + right·(c + ½ − w/2)·s +
    up·(h/2 − r − ½)·s``, with s the pixel spacing; its sample 0 lies in the plane of the camera's center.

    Returns
    -------
    (4, 3) float64 array
        Index (k, j, i) of sample 0 of pixel (0, 0); then what a column, a row and a step add.
    """
    width, height = checked_size(size)
    spacing = camera.pixel_spacing_mm((width, height))
    corner = camera.center_lps + spacing * (camera.right_lps * (0.5 - width / 2) + camera.up_lps * (height / 2 - 0.5))
    steps = np.stack([camera.right_lps * spacing, -camera.up_lps * spacing, camera.forward_lps * step_mm(geometry)])
    frame = np.vstack([geometry.to_index(corner), steps @ geometry.inverse[:3, :3].T])
    # a step that is only rounding error would make the ray cross voxel planes at absurd distances
    frame[3, np.abs(frame[3]) < 1e-12] = 0.0
    return np.ascontiguousarray(frame)


def checked_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height), or raise ParameterError."""
    width, height = (int(n) for n in size)
    if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
        raise ParameterError(f"a picture is 1 to {LARGEST_SIDE} pixels wide and high; found {width}×{height}")
    return width, height
