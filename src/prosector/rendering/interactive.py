"""Projections in a hurry, for turning a volume by hand; never archived.

:func:`project_within` is off by no more than is asked for; :func:`project_interactive` is quicker, but its error
is only measured.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from prosector.errors import ParameterError, UnknownNameError
from prosector.kernels.shearwarp import shear_project, warp
from prosector.model.camera import Camera, orientation_letters
from prosector.model.geometry import Array
from prosector.model.region import Region
from prosector.model.rendering import INTERACTIVE, Rendering
from prosector.model.volume import Volume
from prosector.model.window import Window
from prosector.rendering.projection import extremes, robust_window
from prosector.rendering.rays import ray_frame, shown_of

METHODS = ("mip", "average")
"""Projections that have an interactive tier."""

BOUNDED = ("mip", "minip")
"""Projections whose error can be bounded."""

NO_COUNTS = np.empty((0, 0), dtype=np.float32)

_TURNED: WeakKeyDictionary[Volume, Array] = WeakKeyDictionary()


def project_within(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    method: str,
    within: float,
    window: Window | None = None,
    region: Region | None = None,
) -> Rendering:
    """Maximum or minimum projection with a bounded error, for turning a volume by hand; it cannot be archived.

    The rays are those of :func:`prosector.rendering.projection.project`. Blocks of 4×4×4 cells whose greatest
    value is no more than ``within`` above what a ray has found are not looked at, so a maximum is at most
    ``within`` too low and never too high (a minimum at most as much too high and never too low), at every
    pixel. Perspective views are exact.

    Parameters
    ----------
    volume, camera, size, window, region
        As for ``project``.
    method : str
        ``mip`` or ``minip``.
    within : float
        The bound, in modality units; 0 gives the still values.

    Raises
    ------
    UnknownNameError
        If the method has no bounded tier.
    ParameterError
        If the bound is negative or not finite, or the size is out of range.
    """
    if method not in BOUNDED:
        raise UnknownNameError("bounded projection", method, BOUNDED)
    if not (np.isfinite(within) and within >= 0):
        raise ParameterError(f"a bound on the error is 0 or more; found {within}")
    frame, shown = ray_frame(volume.geometry, camera, size), shown_of(region, volume.geometry)
    # what float32 adds to a bound must not go beyond the one that was asked for
    slack = within * (1 - 1e-3)
    values = extremes(volume, frame, shown, size, -1 if method == "minip" else 1, slack)
    return _finished(values, camera, method, window)


def project_interactive(
    volume: Volume, camera: Camera, size: tuple[int, int], method: str, window: Window | None = None
) -> Rendering:
    """As ``project`` for parallel views, quicker and less exact; the rendering says so and cannot be archived.

    Values are taken where a ray crosses the slices that it crosses fastest, not at every half voxel, and the
    picture is interpolated once more: bright points are found up to a voxel beside and somewhat darker.

    Raises
    ------
    UnknownNameError
        If the method has no interactive tier.
    ParameterError
        If the view is a perspective one, or the volume is but one voxel thick.
    """
    return _finished(interactive_values(volume, camera, size, method), camera, method, window)


def _finished(values: Array, camera: Camera, method: str, window: Window | None) -> Rendering:
    missed = np.isnan(values)
    window = window or robust_window(values)
    grey = window.apply(np.where(missed, np.float32(window.low), values))
    grey[missed] = 0
    pixels = np.repeat(grey[..., np.newaxis], 3, axis=2)
    letters = orientation_letters(camera)
    return Rendering(pixels, camera, method, letters=letters, values=values, tier=INTERACTIVE)


def interactive_values(volume: Volume, camera: Camera, size: tuple[int, int], method: str) -> Array:
    """(height, width) float32 projection; NaN where a ray meets nothing. See :func:`project_interactive`."""
    if method not in METHODS:
        raise UnknownNameError("interactive projection", method, METHODS)
    if not camera.is_parallel or min(volume.voxels.shape) < 2:
        raise ParameterError("an interactive projection needs a parallel view and at least two voxels along each axis")
    frame = ray_frame(volume.geometry, camera, size)
    main = int(np.argmax(np.abs(frame[3])))
    # axes of the array that is projected: slices lie across its axis 0 or 1, columns are neighbours in memory
    axes = (2, 0, 1) if main == 2 else (0, 1, 2)
    voxels = turned(volume) if main == 2 else volume.voxels
    frame = frame[:4, list(axes)]
    axis = axes.index(main)
    rows, columns = 1 - axis, 2
    slices = voxels.shape[axis]
    shear = frame[3] / frame[3, axis]
    drift = np.array([shear[rows], shear[columns]]) * (slices - 1)
    before, after = np.ceil(np.maximum(drift, 0)).astype(int), np.ceil(np.maximum(-drift, 0)).astype(int)
    shape = (voxels.shape[rows] + before[0] + after[0], voxels.shape[columns] + before[1] + after[1])
    average = method == "average"
    sheared = np.full(shape, 0.0 if average else -np.inf, dtype=np.float32)
    counts = np.zeros(shape, dtype=np.float32) if average else NO_COUNTS
    slope = (float(shear[rows]), float(shear[columns]))
    shear_project(voxels, axis, slope, (float(before[0]), float(before[1])), sheared, counts)
    if average:
        sheared = np.where(counts > 0, sheared / np.maximum(counts, 1), np.float32(-np.inf))
    # where the rays of the pixels cross slice 0
    at_zero = frame[:3] - np.outer(frame[:3, axis], shear)
    place = np.ascontiguousarray(at_zero[:, [rows, columns]].T)
    place[:, 0] += before
    out = np.empty((size[1], size[0]), dtype=np.float32)
    warp(sheared, place, out)
    return out


def turned(volume: Volume) -> Array:
    """The voxels with slices across the last axis first, for rays along it; a copy kept as long as the volume."""
    if volume not in _TURNED:
        _TURNED[volume] = np.ascontiguousarray(volume.voxels.transpose(2, 0, 1))
        _TURNED[volume].flags.writeable = False
    return _TURNED[volume]
