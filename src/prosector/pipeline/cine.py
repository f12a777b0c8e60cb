"""The cine operations: a picture's parameters and how it moves."""

from __future__ import annotations

from typing import Any

import numpy as np

from prosector.errors import ParameterError
from prosector.model.camera import Camera
from prosector.model.cine import MOTIONS, Cine
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.progress import Progress, silent
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.pipeline.parameters import Parameter
from prosector.pipeline.pictures import camera_of, settle, shoot, shown_of
from prosector.rendering import presets

Settings = dict[str, Any]

AXES = {"long": (0.0, 0.0, 1.0), "left-right": (1.0, 0.0, 0.0), "front-back": (0.0, 1.0, 0.0)}
"""Named axes, LPS."""

VIEW_AXES = ("view", "up")
"""Axes of the picture: into it, and towards its top."""

TURN_DEG = {"rotate": 360.0, "rock": 30.0, "sweep": 0.0}
"""How far each motion turns by default."""

SLAB_MM = 20.0

MOST_FRAMES = 3600

SAMPLES_PER_AXIS = 96
AIR_HU = -500.0
AIR_SHARE = 0.1
"""Of an MR's robust range."""

CINE_PARAMETERS = (
    Parameter("motion", "text", "rotate", "around an axis, to and fro about it, or a slab along it", choices=MOTIONS),
    Parameter("frames", "integer", 36, "number of frames", "", 1, MOST_FRAMES),
    Parameter("frames_per_second", "number", 12.0, "how fast it plays", "", 0.1, 120),
    Parameter(
        "axis",
        "text",
        None,
        f"{', '.join((*AXES, *VIEW_AXES))}, or three numbers (towards left, back, head); "
        "left out, the long axis, and for a sweep the viewing direction",
    ),
    Parameter("turn_deg", "number", None, "how far it turns; rocking, to either side", "°", -3600, 3600),
    Parameter("slab_mm", "number", None, "thickness of the slab of a sweep; 0 for none", "mm", 0, 10000),
)

CINE_WORDS = "A film of {frames} frames at {frames_per_second} per second, motion: {motion}, axis: {axis}."
CINE_WHEN_SET = {
    "turn_deg": "The camera turned by {turn_deg}°.",
    "slab_mm": "A slab of {slab_mm} mm moved along the axis.",
}


def settle_cine(method: str, volume: Volume, settings: Settings) -> Settings:
    """Fill in what was left to be worked out.

    Raises
    ------
    ParameterError
        If the axis cannot be understood, or a slab is asked for without a sweep or a turn with one.
    """
    settled = settle(method, volume, settings)
    moves = settled["motion"] == "sweep"
    if moves and settled["turn_deg"]:
        raise ParameterError("a sweep does not turn: leave turn_deg out, or choose rotate or rock")
    if not moves and settled["slab_mm"]:
        raise ParameterError("slab_mm belongs to a sweep: leave it out, or choose motion sweep")
    if settled["axis"] is None:
        settled["axis"] = "view" if moves else "long"
    if settled["turn_deg"] is None:
        settled["turn_deg"] = TURN_DEG[settled["motion"]]
    if settled["slab_mm"] is None or (moves and not settled["slab_mm"]):
        settled["slab_mm"] = SLAB_MM if moves else 0.0
    axis_of(settled["axis"], camera_of(volume, settled))
    return settled


def axis_of(text: str, camera: Camera) -> Array:
    """A unit vector, LPS, from the name of an axis or three numbers.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    if text in VIEW_AXES:
        return camera.forward_lps if text == "view" else camera.up_lps
    try:
        numbers = AXES[text] if text in AXES else tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        numbers = ()
    axis = np.array(numbers, dtype=np.float64)
    if axis.shape != (3,) or not np.isfinite(axis).all() or np.linalg.norm(axis) < 1e-9:
        raise ParameterError(
            f"an axis is {', '.join((*AXES, *VIEW_AXES))}, or three numbers such as 0,0.2,1; found {text!r}"
        )
    return np.asarray(axis / np.linalg.norm(axis))


def cine(
    method: str, volume: Volume, settings: Settings, progress: Progress = silent, labels: LabelMap | None = None
) -> Cine:
    """Film one settled set of parameters; ``progress`` is told of every frame and may raise to interrupt."""
    from prosector.rendering.cine import Shot, film, fitted, rocking, rotation, sweep

    camera, count = camera_of(volume, settings), settings["frames"]
    axis = axis_of(settings["axis"], camera)
    if settings["motion"] == "sweep":
        shots = sweep(camera, shown_points(volume), axis, count, settings["slab_mm"])
    else:
        move = rotation if settings["motion"] == "rotate" else rocking
        size = (settings["width"], settings["height"])
        shots = fitted(move(camera, axis, count, settings["turn_deg"]), shown_points(volume), size, settings["zoom"])

    def render(shot: Shot) -> Rendering:
        shown = shown_of(settings, labels, shot.region)
        return shoot(method, volume, settings, shot.camera, shown, shot.slab, labels)

    return film(shots, render, settings["motion"], 1000 / settings["frames_per_second"], progress)


def shown_points(volume: Volume) -> Array:
    """Points that a film must show: the ends of what is not air in each row of a sample of voxels.

    The corners of a CT's grid are empty; a camera that walks around them would show the patient small. Where
    all is air, the corners are taken after all.

    Returns
    -------
    (n, 3) float64 array
        LPS mm.
    """
    steps = np.array([-(-n // SAMPLES_PER_AXIS) for n in volume.voxels.shape])
    sample = volume.voxels[tuple(slice(None, None, step) for step in steps)]
    seen = np.nan_to_num(sample, nan=-np.inf) > _air(volume)
    rows = np.argwhere(seen.any(axis=2))
    if not len(rows):
        return volume.geometry.corners_lps
    filled = seen[rows[:, 0], rows[:, 1]]
    ends = (filled.argmax(axis=1), filled.shape[1] - 1 - filled[:, ::-1].argmax(axis=1))
    index = np.vstack([np.column_stack([rows, end]) for end in ends])
    return volume.geometry.to_lps(index * steps)


def _air(volume: Volume) -> float:
    """A value that air stays below."""
    if volume.is_hounsfield:
        return AIR_HU
    low, high = presets.robust_range(volume)
    return low + AIR_SHARE * (high - low)
