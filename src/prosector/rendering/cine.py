"""Cine: how the camera or the slab moves, and the frames that come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prosector.errors import ParameterError
from prosector.model.camera import FIT_MARGIN, Camera
from prosector.model.cine import Cine
from prosector.model.geometry import Array
from prosector.model.progress import Progress, silent
from prosector.model.region import Region
from prosector.model.rendering import Rendering
from prosector.rendering.overlay import slab_words

LARGEST_CINE_BYTES = 4 << 30
"""Frames are kept in memory, so there is an end to it."""


@dataclass(frozen=True, eq=False)
class Shot:
    """What one frame shows: from where, which part (None: all of it), and that part in words."""

    camera: Camera
    region: Region | None = None
    slab: str = ""


def rotation(camera: Camera, axis_lps: Array, frames: int, degrees: float = 360.0) -> tuple[Shot, ...]:
    """A camera that walks around an axis through its center at an even pace.

    Counterclockwise as seen against the axis (right-hand rule): about the long axis, from the front by way of
    the patient's left to the back. A full turn ends one step before where it began, so that it repeats without
    a stop.
    """
    return tuple(Shot(turned(camera, axis_lps, degrees * n / frames)) for n in range(_count(frames)))


def rocking(camera: Camera, axis_lps: Array, frames: int, degrees: float = 30.0) -> tuple[Shot, ...]:
    """A camera that swings to both sides by up to ``degrees`` (a sine: it rests at the ends and loops)."""
    angles = degrees * np.sin(2 * np.pi * np.arange(_count(frames)) / frames)
    return tuple(Shot(turned(camera, axis_lps, float(angle))) for angle in angles)


def sweep(camera: Camera, points_lps: Array, axis_lps: Array, frames: int, thickness_mm: float) -> tuple[Shot, ...]:
    """A slab that moves along an axis over all points, seen by a camera at rest.

    The first slab begins at the first point and the last ends at the last one.

    Parameters
    ----------
    camera : Camera
    points_lps : (n, 3) array
        What the slab moves over, LPS mm.
    axis_lps : (3,) array
        At right angles to the slab.
    frames : int
    thickness_mm : float
    """
    axis = _unit(axis_lps)
    along = points_lps @ axis
    half = min(thickness_mm, float(np.ptp(along))) / 2
    shots = []
    for place in np.linspace(along.min() + half, along.max() - half, _count(frames)):
        point = camera.center_lps + axis * (place - camera.center_lps @ axis)
        x, y, z = (float(v) for v in point)
        a, b, c = (float(v) for v in axis)
        region = Region.slab((x, y, z), (a, b, c), thickness_mm)
        shots.append(Shot(camera, region, slab_words(thickness_mm, point, axis)))
    return tuple(shots)


def turned(camera: Camera, axis_lps: Array, degrees: float) -> Camera:
    """The camera turned about an axis through its center (Rodrigues' formula, right-hand rule)."""
    x, y, z = _unit(axis_lps)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return replace(camera, forward_lps=turn @ camera.forward_lps, up_lps=turn @ camera.up_lps)


def fitted(shots: Sequence[Shot], points_lps: Array, size: tuple[int, int], zoom: float = 1.0) -> tuple[Shot, ...]:
    """The shots with one field of view for all, that shows every point in every frame.

    Parameters
    ----------
    shots : sequence of Shot
    points_lps : (n, 3) array
        What must be seen, LPS mm.
    size : (width, height)
    zoom : float
        Above 1 shows less, enlarged.
    """
    half = 0.0
    for shot in shots:
        offsets = points_lps - shot.camera.center_lps
        wide, high = (float(np.abs(offsets @ v).max()) for v in (shot.camera.right_lps, shot.camera.up_lps))
        half = max(half, high, wide * size[1] / size[0])
    height = 2 * half * FIT_MARGIN / zoom
    return tuple(replace(shot, camera=replace(shot.camera, height_mm=height)) for shot in shots)


def film(
    shots: Sequence[Shot],
    render: Callable[[Shot], Rendering],
    motion: str,
    frame_time_ms: float,
    progress: Progress = silent,
) -> Cine:
    """Render every shot into one cine.

    ``progress`` is told before every frame and may raise to interrupt.

    Raises
    ------
    ParameterError
        If there are no shots, or the frames would take more memory than LARGEST_CINE_BYTES.
    """
    frames: Array | None = None
    letters, last = [], None
    for n, shot in enumerate(shots):
        progress(f"frame {n + 1} of {len(shots)}", n / len(shots))
        last = render(shot)
        if frames is None:
            frames = _room(len(shots), last)
        frames[n] = last.pixels
        letters.append(last.letters)
    if frames is None or last is None:
        raise ParameterError("a cine has at least one frame")
    return Cine(
        frames,
        frame_time_ms,
        tuple(shot.camera for shot in shots),
        last.method,
        last.preset,
        motion,
        tuple(letters),
        last.annotated,
        last.burned_in_identity,
    )


def _room(count: int, first: Rendering) -> Array:
    shape = (count, *first.pixels.shape)
    if np.prod(shape, dtype=np.int64) > LARGEST_CINE_BYTES:
        raise ParameterError(
            f"{count} frames of {first.size[0]}×{first.size[1]} pixels take more than "
            f"{LARGEST_CINE_BYTES >> 30} GiB; choose fewer or smaller ones"
        )
    return np.empty(shape, dtype=np.uint8)


def _unit(axis_lps: Array) -> Array:
    axis = np.asarray(axis_lps, dtype=np.float64)
    length = float(np.linalg.norm(axis)) if axis.shape == (3,) else 0.0
    if not (np.isfinite(length) and length > 1e-9):
        raise ParameterError(f"an axis is three numbers, not all zero; found {np.array(axis_lps).tolist()}")
    return np.asarray(axis / length)


def _count(frames: int) -> int:
    if frames < 1:
        raise ParameterError(f"a cine has at least one frame; found {frames}")
    return frames
