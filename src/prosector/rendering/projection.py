"""Projections: maximum, minimum, average, sum, closest vessel, and maximum coded by depth."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from prosector.errors import ParameterError, UnknownNameError
from prosector.kernels.maximum import block_bounds, footprints, project_extreme
from prosector.kernels.projection import project_greatest, project_mean, project_peaks
from prosector.model.camera import Camera, orientation_letters
from prosector.model.geometry import Array
from prosector.model.region import Region
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.model.window import Window
from prosector.rendering.depth_colors import colored_by_depth, depth_range
from prosector.rendering.rays import Shown, bricks_of, ray_frame, shown_of, step_mm

METHODS = ("mip", "minip", "average", "sum", "closest", "depth")
"""Projection methods."""

ROBUST_PERCENTILES = (1.0, 99.5)
"""Share of the projected values below black and below white where no window is given."""

NO_PICTURE = np.empty((0, 0), dtype=np.float32)
NO_DEPTH = np.empty((0, 0), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Ranked:
    """What finds the extremes of a volume quickly: bounds of blocks, and bricks from the greatest downwards.

    Parameters
    ----------
    blocks : (k, j, i) float32
        Greatest ``sign·value`` of every block of 4×4×4 cells.
    order, tops : (n,) int32 and float32
        Bricks (flat numbers), those with the greatest ``sign·value`` first, and those values.
    """

    blocks: Array
    order: Array
    tops: Array


_RANKED: WeakKeyDictionary[Volume, dict[int, Ranked]] = WeakKeyDictionary()


def ranked(volume: Volume, sign: int) -> Ranked:
    """Blocks and bricks in the order of ``sign·value``; made once and kept as long as the volume."""
    kept = _RANKED.setdefault(volume, {})
    if sign not in kept:
        blocks = np.empty([max(1, ((n - 2) >> 2) + 1) for n in volume.voxels.shape], np.float32)
        block_bounds(volume.voxels, np.float32(sign), blocks)
        bricks = blocks
        for axis in range(3):
            bricks = np.maximum.reduceat(bricks, np.arange(0, bricks.shape[axis], 2), axis=axis)
        order = np.argsort(-bricks.ravel(), kind="stable").astype(np.int32)
        kept[sign] = Ranked(blocks, order, np.ascontiguousarray(bricks.ravel()[order]))
    return kept[sign]


def project(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    method: str,
    window: Window | None = None,
    region: Region | None = None,
    *,
    threshold: float | None = None,
    drop: float = 0.0,
) -> Rendering:
    """Project a volume along the rays of a camera.

    Samples lie half of the smallest voxel plane distance apart and are interpolated trilinearly. Voxels
    that are NaN or infinite are nothing: a sample with more than half of its weight on them is left out, and
    so is one outside the region.

    Parameters
    ----------
    volume : Volume
    camera : Camera
        Parallel or perspective.
    size : (width, height)
        In pixels.
    method : str
        ``mip`` (maximum), ``minip`` (minimum), ``average``, ``sum`` (of the values times the distance between
        samples: modality units × mm, HU·mm for CT), ``closest`` (closest vessel: the first local maximum
        along the ray that reaches ``threshold``, else the maximum; after Sato et al., 1998) or ``depth`` (the
        maximum, coloured from red, near, to blue, far, with the brightness of its value; see
        :mod:`prosector.rendering.depth_colors`).
    window : Window, optional
        For the pixels; without it from 1 % to 99.5 % of the projected values.
    region : Region, optional
        What is shown; all by default. The borders of structures are smooth: the mask, interpolated, is ½.
    threshold : float, optional
        For ``closest``, in modality units.
    drop : float
        For ``closest``: how far values must fall behind a local maximum, so that noise makes none.

    Returns
    -------
    Rendering
        With ``values`` (float32, NaN where a ray meets nothing); such pixels are black.

    Raises
    ------
    UnknownNameError
        If the method is not in METHODS.
    ParameterError
        If the size is out of range or ``closest`` has no threshold.
    GeometryError, InputError
        If the region's label map does not fit.
    """
    values, depth = projected(volume, camera, size, method, region, threshold, drop)
    missed = np.isnan(values)
    window = window or robust_window(values)
    grey = window.apply(np.where(missed, np.float32(window.low), values))
    grey[missed] = 0
    pixels = np.repeat(grey[..., np.newaxis], 3, axis=2)
    ends = None if depth is None else depth_range(depth)
    if depth is not None and ends is not None:
        pixels = colored_by_depth(grey, depth, ends)
    letters = orientation_letters(camera)
    return Rendering(pixels, camera, method, letters=letters, values=values, depth_ends_mm=ends)


def projected_values(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    method: str,
    region: Region | None = None,
    threshold: float | None = None,
) -> Array:
    """(height, width) float32 projection; NaN where a ray meets nothing. See :func:`project`."""
    return projected(volume, camera, size, method, region, threshold)[0]


def projected(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    method: str,
    region: Region | None,
    threshold: float | None,
    drop: float = 0.0,
) -> tuple[Array, Array | None]:
    """Values, and for ``depth`` also the depth of each (mm from the camera's plane or the eye, float64)."""
    if method not in METHODS:
        raise UnknownNameError("projection", method, METHODS)
    if method == "closest" and (threshold is None or not np.isfinite(threshold)):
        raise ParameterError("a closest-vessel projection needs a threshold, in modality units")
    if not (np.isfinite(drop) and drop >= 0):
        raise ParameterError(f"values fall by 0 or more behind a vessel; found {drop}")
    frame, shown = ray_frame(volume.geometry, camera, size), shown_of(region, volume.geometry)
    if method in ("average", "sum"):
        out = np.empty((size[1], size[0]), dtype=np.float32)
        step = step_mm(volume.geometry) if method == "sum" else 0.0
        project_mean(volume.voxels, shown.states, shown.mask, shown.planes, frame, step, out)
        return out, None
    out = extremes(volume, frame, shown, size, -1 if method == "minip" else 1)
    if method == "closest":
        bounds = (bricks_of(volume).high, shown.states, shown.mask, shown.planes)
        project_peaks(volume.voxels, *bounds, frame, np.float32(threshold), np.float32(drop), out)
    return out, depths(volume, frame, shown, out) if method == "depth" else None


def extremes(volume: Volume, frame: Array, shown: Shown, size: tuple[int, int], sign: int, slack: float = 0.0) -> Array:
    """Maximum (sign 1) or minimum (sign −1) along each ray; of parallel rays at most ``slack`` short of it."""
    out = np.empty((size[1], size[0]), dtype=np.float32)
    if frame[7, 1]:
        bricks = bricks_of(volume)
        bound = bricks.high if sign > 0 else -bricks.low
        parts = (shown.states, shown.mask, shown.planes, frame, np.float32(sign), NO_PICTURE, out, NO_DEPTH)
        project_greatest(volume.voxels, bound, *parts)
        return out
    order = ranked(volume, sign)
    # rows of the inverse take an index position to (column, row) on the picture
    columns_rows = np.linalg.inv(frame[1:4].T)[:2]
    place = np.hstack([columns_rows, -columns_rows @ frame[0][:, np.newaxis]])[::-1].copy()
    prints = np.empty((order.order.size, 4), dtype=np.int32)
    footprints(order.order, shown.states.shape, shown.states, shown.planes, place, prints)
    bricks_in_order = (order.blocks, order.order, order.tops, prints, shown.states, shown.mask, shown.planes)
    project_extreme(volume.voxels, *bricks_in_order, place, frame, np.float32(sign), np.float32(slack), out)
    return out


def depths(volume: Volume, frame: Array, shown: Shown, maxima: Array) -> Array:
    """Where each ray first has its maximum, mm from sample 0; NaN where it meets nothing."""
    least = np.where(np.isnan(maxima), np.float32(-np.inf), maxima)
    again, where = np.empty_like(maxima), np.empty(maxima.shape, dtype=np.float64)
    bounds = (bricks_of(volume).high, shown.states, shown.mask, shown.planes)
    project_greatest(volume.voxels, *bounds, frame, np.float32(1), least, again, where)
    return where


def robust_window(values: Array) -> Window:
    """Window from the 1st to the 99.5th percentile of the values that are not NaN."""
    seen = values[np.isfinite(values)]
    if seen.size == 0:
        return Window(0.0, 1.0)
    low, high = (float(v) for v in np.percentile(seen, ROBUST_PERCENTILES))
    return Window((low + high) / 2, max(high - low, 1.0 if high == low else 1e-6))
