"""From a camera to rays in index space, and what is kept of a volume between pictures."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from prosector.errors import ParameterError
from prosector.kernels.bricks import brick_counts, brick_ranges
from prosector.kernels.rays import LEVEL, SHOWN_NOT, SHOWN_PARTLY, SHOWN_WHOLLY
from prosector.model.camera import Camera
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap
from prosector.model.region import Region
from prosector.model.volume import Volume

SAMPLES_PER_VOXEL = 2
"""Samples along a ray for the smallest distance between neighbouring planes of voxels."""

LARGEST_SIDE = 16384
"""Pictures are at most this many pixels wide or high."""

FARTHEST_VOXELS = 1 << 20
"""Rays start at most this far away; positions have 24 bits for whole voxels."""


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
    """Rays of a camera in index space, as ``kernels.rays`` describes them.

    Pixel (row r, column c) looks at ``center + right·(c + ½ − w/2)·s + up·(h/2 − r − ½)·s``, with s the pixel
    spacing: along ``forward``, its sample 0 in the plane of the camera's center; or from the eye, sample 0
    being the eye.

    Returns
    -------
    (8, 3) float64 array

    Raises
    ------
    ParameterError
        If the size is out of range or the camera is absurdly far away.
    """
    width, height = checked_size(size)
    spacing = camera.pixel_spacing_mm((width, height))
    corner = camera.center_lps + spacing * (camera.right_lps * (0.5 - width / 2) + camera.up_lps * (height / 2 - 0.5))
    step, eye = step_mm(geometry), camera.eye_lps
    first = camera.forward_lps * step if eye is None else corner - eye
    vectors = np.stack([camera.right_lps * spacing, -camera.up_lps * spacing, first])
    origin = geometry.to_index(corner if eye is None else eye)
    if np.abs(geometry.to_index(camera.center_lps if eye is None else eye)).max() > FARTHEST_VOXELS:
        raise ParameterError(
            f"the camera is more than {FARTHEST_VOXELS} voxels away from the volume; move its center to the volume, "
            "or take a parallel view (view angle 0) for one from very far"
        )
    frame = np.vstack([origin, vectors @ geometry.inverse[:3, :3].T, vectors, [step, 0.0 if eye is None else 1.0, 0.0]])
    # a step that is only rounding error would make the ray cross voxel planes at absurd distances
    frame[3, np.abs(frame[3]) < LEVEL] = 0.0
    return np.ascontiguousarray(frame)


@dataclass(frozen=True, eq=False)
class Shown:
    """What a region shows of a volume, as kernels take it.

    Parameters
    ----------
    planes : (n, 4) float64
        Half-spaces in index space; see ``Region.half_spaces``.
    mask : (k, j, i) uint8
        1 where a voxel is shown; a single voxel where there is no mask, and then never looked at.
    states : uint8, one for each brick
        SHOWN_NOT, SHOWN_PARTLY (look at the mask) or SHOWN_WHOLLY.
    """

    planes: Array
    mask: Array
    states: Array


_MASKS: WeakKeyDictionary[LabelMap, tuple[tuple[tuple[str, ...], ...], Array, Array]] = WeakKeyDictionary()


def shown_of(region: Region | None, geometry: Geometry) -> Shown:
    """Half-spaces, mask and state of every brick; the last selection from a label map is kept as long as it.

    Raises
    ------
    GeometryError
        If the region's label map lies on another grid.
    InputError
        If a structure is not in the label map.
    """
    counts = brick_counts(geometry.shape)
    planes = np.empty((0, 4)) if region is None else np.ascontiguousarray(region.half_spaces(geometry))
    if region is None or region.labels is None:
        return Shown(planes, np.ones((1, 1, 1), np.uint8), np.full(counts, SHOWN_WHOLLY, np.uint8))
    geometry.require_same(region.labels.geometry, "the label map of the region")
    selection = (region.include, region.exclude)
    kept = _MASKS.get(region.labels)
    if kept is None or kept[0] != selection:
        mask = np.ascontiguousarray(region.mask(geometry))
        low, high = np.empty(counts, np.float32), np.empty(counts, np.float32)
        brick_ranges(mask, low, high)
        states = np.where(low >= 0.5, SHOWN_WHOLLY, np.where(high < 0.5, SHOWN_NOT, SHOWN_PARTLY)).astype(np.uint8)
        kept = (selection, mask, states)
        _MASKS[region.labels] = kept
    return Shown(planes, kept[1], kept[2])


def checked_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height), or raise ParameterError."""
    width, height = (int(n) for n in size)
    if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
        raise ParameterError(f"a picture is 1 to {LARGEST_SIDE} pixels wide and high; found {width}×{height}")
    return width, height
