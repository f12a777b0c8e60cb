"""From the frames of one volume to its grid: order, step, affine; and what to do where it is irregular.

PS3.3 C.7.6.2.1.1 places pixel (row j, column i) of a slice at
``IPP + i · PixelSpacing[1] · IOP[0:3] + j · PixelSpacing[0] · IOP[3:6]``. Slices are ordered along the
normal ``IOP[0:3] × IOP[3:6]``. The step from slice to slice is the vector between their positions, which
under a gantry tilt is not the normal: the affine is then a shear, and is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prosector.dicom.frames import Frame
from prosector.dicom.header import tag_name
from prosector.errors import (
    MissingAttributeError,
    MixedGeometryError,
    NotAVolumeError,
    SliceSpacingError,
    UnknownNameError,
)
from prosector.model.geometry import Array, Geometry

GAPS = {
    "refuse": "stop with an error that names the places",
    "interpolate": "lay a regular grid and interpolate between the slices that are there",
    "largest-regular-run": "take the longest run of evenly spaced slices",
    "drop-duplicates": "of several slices at one place keep the first by Instance Number",
}
"""What to do about missing, irregular or double slices."""

SAME_PLACE_MM = 1e-3
"""Slices closer than this lie at the same place."""

IRREGULAR_FRACTION = 0.05
"""Slices further than this fraction of a step from a regular grid are irregular."""

JITTER_FRACTION = 0.01
"""Slices further than this fraction of a step from a regular grid are warned of."""

JITTER_FLOOR_MM = 0.02
"""Positions are often written to a tenth or a hundredth of a millimetre; less than this is rounding, …"""

FLOOR_FRACTION = 0.25
"""… unless it is more than this fraction of a step."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Frames in slice order and the grid that they make.

    ``lower`` and ``weight`` are set where slices are to be interpolated: slice k of the grid is
    ``(1 − weight[k]) · frame[lower[k]] + weight[k] · frame[lower[k] + 1]``.
    """

    frames: tuple[Frame, ...]
    geometry: Geometry
    warnings: tuple[str, ...]
    lower: Array | None = None
    weight: Array | None = None


def build_stack(frames: Sequence[Frame], gaps: str = "refuse") -> Stack:
    """Order frames of one grid and derive their geometry.

    Parameters
    ----------
    frames : sequence of Frame
        Of one size, orientation and spacing (see :func:`prosector.dicom.split.split`).
    gaps : str
        A key of :data:`GAPS`.

    Raises
    ------
    MissingAttributeError
        Where a slice lacks position, orientation, spacing or size.
    MixedGeometryError
        Where slices do not lie in line.
    SliceSpacingError
        Where slices are missing, doubled or irregular and ``gaps`` refuses it.
    NotAVolumeError
        For fewer than two slices.
    """
    if gaps not in GAPS:
        raise UnknownNameError("way to treat gaps", gaps, GAPS)
    placed, positions, along_mm = _ordered(frames)
    placed, positions, along_mm, dropped = _without_doubles(placed, positions, along_mm, gaps)
    if len(placed) < 2:
        raise NotAVolumeError("only one slice position; a volume needs at least two parallel slices")
    trouble = _irregularity(positions, along_mm)
    if trouble is None:
        return _regular(placed, positions, dropped)
    if isinstance(trouble, MixedGeometryError) or gaps in ("refuse", "drop-duplicates"):
        raise trouble
    if gaps == "interpolate":
        return _interpolated(placed, positions, along_mm, dropped)
    first, last = _longest_run(along_mm)
    note = (
        f"{len(placed) - (last - first)} of {len(placed)} slices left out: only the longest evenly spaced run, "
        f"{along_mm[first]:.2f} to {along_mm[last - 1]:.2f} mm along the slice normal, was taken"
    )
    return _regular(placed[first:last], positions[first:last], (*dropped, note))


def _ordered(frames: Sequence[Frame]) -> tuple[list[Frame], Array, Array]:
    for frame in frames:
        if frame.problem or frame.position is None or frame.orientation is None:
            raise MissingAttributeError(frame.problem or "a slice without a place")
    if not frames:
        raise NotAVolumeError("no slices")
    first = frames[0]
    if min(first.size) < 1:
        raise MissingAttributeError(f"{tag_name('Rows')} or {tag_name('Columns')} is absent or zero")
    assert first.orientation is not None
    positions = np.stack([f.position for f in frames])  # type: ignore[misc]
    along = positions @ np.cross(first.orientation[:3], first.orientation[3:])
    instance = [f.header.integer("InstanceNumber") or 0 for f in frames]
    order = np.lexsort(([f.number for f in frames], instance, np.round(along / SAME_PLACE_MM)))
    return [frames[n] for n in order], positions[order], along[order]


def _without_doubles(
    frames: list[Frame], positions: Array, along_mm: Array, gaps: str
) -> tuple[list[Frame], Array, Array, tuple[str, ...]]:
    double = np.flatnonzero(np.diff(along_mm) < SAME_PLACE_MM) + 1
    if not len(double):
        return frames, positions, along_mm, ()
    places = _places(np.unique(np.round(along_mm[double], 2)))
    if gaps == "refuse":
        raise SliceSpacingError(
            f"{len(double)} of {len(frames)} slices lie at the place of another one, at {places} along the slice "
            f"normal, and no attribute tells them apart. {_choices()}"
        )
    keep = np.setdiff1d(np.arange(len(frames)), double)
    note = f"{len(double)} double slices left out, at {places}: the first by (0020,0013) Instance Number was kept"
    return [frames[n] for n in keep], positions[keep], along_mm[keep], (note,)


def _irregularity(positions: Array, along_mm: Array) -> MixedGeometryError | SliceSpacingError | None:
    steps = np.diff(along_mm)
    usual = float(np.median(steps))
    regular = _line(positions)
    off = float(np.linalg.norm(positions - regular, axis=1).max())
    if off <= _tolerance_mm(IRREGULAR_FRACTION, usual):
        return None
    odd = np.abs(steps - usual) > _tolerance_mm(IRREGULAR_FRACTION, usual)
    direction = (positions[-1] - positions[0]) / (along_mm[-1] - along_mm[0])
    beside = positions - positions[0] - (along_mm - along_mm[0])[:, None] * direction
    if np.linalg.norm(beside, axis=1).max() > max(0.5 * usual, 1.0):
        return MixedGeometryError(
            f"slice positions do not lie on one line: up to {np.linalg.norm(beside, axis=1).max():.2f} mm beside it; "
            "the series holds slices of several acquisitions, or the patient was moved between them"
        )
    wide = np.flatnonzero(odd & (steps > 1.5 * usual))
    shown = ", ".join(f"{along_mm[n]:.2f} to {along_mm[n + 1]:.2f} mm" for n in wide[:5])
    more = ", …" if len(wide) > 5 else ""
    what = f"gaps at {shown}{more}" if len(wide) else f"steps from {steps.min():.3f} to {steps.max():.3f} mm"
    return SliceSpacingError(
        f"slices are not evenly spaced: {what} along the slice normal, where the usual step is {usual:.3f} mm. "
        f"{_choices()}"
    )


def _tolerance_mm(fraction: float, step_mm: float) -> float:
    return max(fraction * step_mm, min(JITTER_FLOOR_MM, FLOOR_FRACTION * step_mm))


def _choices() -> str:
    ways = "; ".join(f"{name!r}: {what}" for name, what in GAPS.items() if name != "refuse")
    return f"Fetch the whole series again, or choose what to do (gaps=…, --gaps on the command line): {ways}"


def _line(positions: Array) -> Array:
    n = np.linspace(0, 1, len(positions))[:, None]
    return np.asarray(positions[0] + n * (positions[-1] - positions[0]))


def _regular(frames: Sequence[Frame], positions: Array, notes: tuple[str, ...]) -> Stack:
    usual = float(np.linalg.norm(positions[-1] - positions[0])) / (len(positions) - 1)
    off = float(np.linalg.norm(positions - _line(positions), axis=1).max())
    if off > _tolerance_mm(JITTER_FRACTION, usual):
        notes = (*notes, f"slice positions deviate from a regular grid by up to {off:.3f} mm")
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    geometry = _geometry(frames[0], len(frames), positions[0], step)
    return Stack(tuple(frames), geometry, (*notes, *_grid_notes(frames, geometry)))


def _interpolated(frames: Sequence[Frame], positions: Array, along_mm: Array, notes: tuple[str, ...]) -> Stack:
    usual = float(np.median(np.diff(along_mm)))
    length = along_mm[-1] - along_mm[0]
    count = max(2, round(length / usual) + 1)
    targets = np.linspace(along_mm[0], along_mm[-1], count)
    lower = np.clip(np.searchsorted(along_mm, targets, side="right") - 1, 0, len(frames) - 2)
    weight = np.clip((targets - along_mm[lower]) / (along_mm[lower + 1] - along_mm[lower]), 0, 1)
    near = IRREGULAR_FRACTION * usual / np.diff(along_mm)[lower]
    weight = np.where(weight < near, 0.0, np.where(weight > 1 - near, 1.0, weight))
    made = targets[(weight > 0) & (weight < 1)]
    note = f"{len(made)} of {count} slices interpolated between neighbours, at {_places(made)} along the slice normal"
    geometry = _geometry(frames[0], count, positions[0], (positions[-1] - positions[0]) / (count - 1))
    warnings = (*notes, note, *_grid_notes(frames, geometry))
    return Stack(tuple(frames), geometry, warnings, lower, weight)


def _longest_run(along_mm: Array) -> tuple[int, int]:
    """(first, last) of the longest run of slices with one step."""
    steps = np.diff(along_mm)
    best, start = (0, 2), 0
    for n in range(1, len(steps) + 1):
        if n == len(steps) or abs(steps[n] - steps[start]) > _tolerance_mm(IRREGULAR_FRACTION, steps[start]):
            if n + 1 - start > best[1] - best[0]:
                best = (start, n + 1)
            start = n
    return best


def _geometry(frame: Frame, count: int, position: Array, step: Array) -> Geometry:
    assert frame.orientation is not None
    assert frame.spacing_mm is not None
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = frame.orientation[3:] * frame.spacing_mm[0]
    affine[:3, 2] = frame.orientation[:3] * frame.spacing_mm[1]
    affine[:3, 3] = position
    return Geometry((count, *frame.size), affine, frame.header.text("FrameOfReferenceUID"))


def _grid_notes(frames: Sequence[Frame], geometry: Geometry) -> tuple[str, ...]:
    notes = list(dict.fromkeys(f.note for f in frames if f.note))
    if not geometry.is_orthogonal:
        notes.append(f"gantry tilt: slices are sheared by {geometry.tilt_degrees:.2f}°; kept as acquired")
    thickness, distance = frames[0].thickness_mm, geometry.slice_distance_mm
    if thickness and distance > 1.05 * thickness:
        notes.append(
            f"slices of {thickness:g} mm (0018,0050) lie {distance:.3f} mm apart: tissue between was not imaged"
        )
    return tuple(notes)


def _places(along_mm: Array) -> str:
    shown = ", ".join(f"{v:.2f}" for v in along_mm[:6])
    return f"{shown}{', …' if len(along_mm) > 6 else ''} mm"
