"""Measuring test objects as patients are measured: by operations of the one table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from prosector.acceptance.limits import (
    ANGLE_DEG,
    CERTAINTY,
    DISTANCE_VOXELS,
    VOLUME_PERCENT,
    noise_of_arc_deg,
    noise_of_volume_percent,
)
from prosector.acceptance.values import Drawn, Row
from prosector.errors import ProsectorError
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.measurement import Measurements
from prosector.pipeline.run import run_operation

CORRECTED = "volume with partial-volume correction"


def dice(found: Array, truth: Array) -> float:
    """Twice the common voxels over all voxels of both (Dice, Ecology 26 (1945) 297)."""
    both = int(np.count_nonzero(found & truth))
    return 2 * both / max(int(np.count_nonzero(found)) + int(np.count_nonzero(truth)), 1)


def dice_row(drawn: Drawn, of: str, found: LabelMap, truth: Array, limit: float) -> Row:
    """How well a segmentation agrees with the truth."""
    return Row(
        drawn.words,
        "Dice coefficient",
        of,
        "1",
        "Twice the voxels common to the segmentation and the true label map over the voxels of both.",
        1.0,
        dice(found.labels > 0, truth),
        limit,
        f"at least {limit:g}",
        at_least=True,
    )


def voxel_along(drawn: Drawn, direction: Any) -> float:
    """Length of a voxel along a direction, mm."""
    way = np.asarray(direction, dtype=np.float64)
    length = float(np.linalg.norm(way))
    if length == 0:
        return drawn.voxel_mm
    return float(1 / np.linalg.norm(drawn.phantom.volume.geometry.inverse[:3, :3] @ (way / length)))


def limit_of(drawn: Drawn, unit: str, truth: float, along: Any = None) -> tuple[float, str]:
    """The limit for a number of this unit, and its words."""
    if unit == "mm3":
        return truth * VOLUME_PERCENT / 100, f"{VOLUME_PERCENT:g} %"
    if unit == "deg":
        return ANGLE_DEG, f"{ANGLE_DEG:g}°"
    voxel = drawn.voxel_mm if along is None else voxel_along(drawn, along)
    return DISTANCE_VOXELS * voxel, f"{DISTANCE_VOXELS:g} voxel"


def noise_to_contrast(drawn: Drawn) -> float:
    """Noise of the scan over the difference of a lesion from the tissue around it."""
    scan = drawn.phantom.truth["scan"]
    return float(scan["noise"] / abs(scan["materials"]["lesion"] - scan["materials"]["tissue"]))


def limit_of_lesion(drawn: Drawn, volume_mm3: float) -> tuple[float, str]:
    """The limit for a lesion's volume: that of volumes, or what the scan's noise leaves of it."""
    voxels = volume_mm3 / drawn.phantom.volume.geometry.voxel_volume_mm3
    noise = CERTAINTY * noise_of_volume_percent(voxels, noise_to_contrast(drawn))
    if noise <= VOLUME_PERCENT:
        return limit_of(drawn, "mm3", volume_mm3)
    return volume_mm3 * noise / 100, f"{noise:.1f} %: {CERTAINTY:g} σ of noise"


def limit_of_arc(drawn: Drawn, diameter_mm: float) -> tuple[float, str]:
    """The limit for an encasement angle: that of angles, of lengths along the circumference, or of noise."""
    radius = diameter_mm / 2 / drawn.voxel_mm
    arc = math.degrees(DISTANCE_VOXELS / radius)
    noise = CERTAINTY * noise_of_arc_deg(radius, noise_to_contrast(drawn))
    rules = (
        (ANGLE_DEG, f"{ANGLE_DEG:g}°"),
        (arc, f"{DISTANCE_VOXELS:g} voxel of the circumference"),
        (noise, f"{CERTAINTY:g} σ of noise"),
    )
    return max(rules)


def row_of(
    drawn: Drawn, found: Measurements | None, name: str, of: str, truth: float, *, labels: str, along: Any = None,
    limit: tuple[float, str] | None = None, note: str = "",
) -> Row:  # fmt: skip
    """A row from the first measurement of this name and of this; NaN where it is not there.

    ``limit`` is the limit and its words; left out, that of the measurement's unit, in voxels along ``along``.
    """
    for item in found.items if found else ():
        if item.definition.name == name and (not of or item.of == of):
            unit = item.definition.unit
            most, rule = limit or limit_of(drawn, unit, truth, along)
            words = item.definition.text
            return Row(drawn.words, name, of or item.of, unit, words, truth, item.value, most, rule, labels)
    return Row(
        drawn.words, name, of, "", "", truth, math.nan, math.nan, "", labels, note=note or "nothing was measured"
    )


def attempt(operation: str, inputs: dict[str, Any], **settings: Any) -> tuple[Any, str]:
    """Run an operation; what it made, or None and why not."""
    try:
        return run_operation(operation, inputs, **settings), ""
    except ProsectorError as error:
        return None, f"{operation}: {error}"


def renamed(found: LabelMap, truth: LabelMap, names: Sequence[str]) -> LabelMap:
    """Found segments under the names of the true ones that they overlap most, the rest left out.

    Parameters
    ----------
    found, truth : LabelMap
        On the same grid.
    names : sequence of str
        True segments that are looked for; one that nothing overlaps is not in the result.
    """
    labels = np.zeros(found.labels.shape, dtype=np.uint8)
    segments = []
    for n, name in enumerate(names, start=1):
        counts = np.bincount(found.labels[truth.mask(name)].ravel(), minlength=1)
        counts[0] = 0
        if counts.any():
            labels[found.labels == int(np.argmax(counts))] = n
            kind = next(s.structure for s in truth.segments if s.name == name)
            segments.append(Segment(n, name, kind, algorithm_name="matched to the truth"))
    return LabelMap(labels, found.geometry, tuple(segments))


Measure = Callable[[Drawn], list[Row]]
