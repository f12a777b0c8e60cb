"""Maximum, minimum and average intensity projections."""

from __future__ import annotations

import numpy as np

from prosector.errors import UnknownNameError
from prosector.kernels.projection import project_average, project_greatest
from prosector.model.camera import Camera, orientation_letters
from prosector.model.geometry import Array
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.model.window import Window
from prosector.rendering.rays import bricks_of, ray_frame

METHODS = ("mip", "minip", "average")
"""Projection methods."""

ROBUST_PERCENTILES = (1.0, 99.5)
"""Share of the projected values below black and below white where no window is given."""


def project(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    method: str,
    window: Window | None = None,
) -> Rendering:
    """Project a volume along parallel rays.

    Samples lie half of the smallest voxel plane distance apart and are interpolated trilinearly. Voxels
    that are NaN or infinite are nothing: a sample with more than half of its weight on them is left out.

    Parameters
    ----------
    volume : Volume
    camera : Camera
    size : (width, height)
        In pixels.
    method : str
        ``mip`` (maximum), ``minip`` (minimum) or ``average``.
    window : Window, optional
        For the pixels; without it from 1 % to 99.5 % of the projected values.

    Returns
    -------
    Rendering
        With ``values`` in modality units (float32, NaN where a ray misses the volume); missed rays are black.

    Raises
    ------
    UnknownNameError
        If the method is not in METHODS.
    ParameterError
        If the size is out of range.
    """
    if method not in METHODS:
        raise UnknownNameError("projection", method, METHODS)
    values = projected_values(volume, camera, size, method)
    missed = np.isnan(values)
    window = window or robust_window(values)
    grey = window.apply(np.where(missed, np.float32(window.low), values))
    grey[missed] = 0
    pixels = np.repeat(grey[..., np.newaxis], 3, axis=2)
    return Rendering(pixels, camera, method, letters=orientation_letters(camera), values=values)


def projected_values(volume: Volume, camera: Camera, size: tuple[int, int], method: str) -> Array:
    """(height, width) float32 projection in modality units; NaN where a ray meets nothing."""
    frame = ray_frame(volume.geometry, camera, size)
    out = np.empty((size[1], size[0]), dtype=np.float32)
    if method == "average":
        project_average(volume.voxels, frame, out)
        return out
    bricks = bricks_of(volume)
    if method == "mip":
        project_greatest(volume.voxels, bricks.high, frame, np.float32(1), out)
    else:
        project_greatest(volume.voxels, -bricks.low, frame, np.float32(-1), out)
    return out


def robust_window(values: Array) -> Window:
    """Window from the 1st to the 99.5th percentile of the values that are not NaN."""
    seen = values[np.isfinite(values)]
    if seen.size == 0:
        return Window(0.0, 1.0)
    low, high = (float(v) for v in np.percentile(seen, ROBUST_PERCENTILES))
    return Window((low + high) / 2, max(high - low, 1.0 if high == low else 1e-6))
