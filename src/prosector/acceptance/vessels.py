"""The tests of lumens along their centrelines: diameters, stenosis, aneurysm."""

from __future__ import annotations

from typing import Any

import numpy as np

from prosector.acceptance.limits import (
    HIGH_DIAMETER_VOXELS,
    LABELS_FOUND,
    MEAN_DIAMETER_VOXELS,
    VESSEL_DICE,
)
from prosector.acceptance.measure import attempt, dice_row, renamed, row_of
from prosector.acceptance.values import Drawn, Row
from prosector.model.geometry import Array
from prosector.model.measurement import Measurements

ROUND = (
    "maximum inscribed circle diameter",
    "circular-equivalent diameter",
    "minimum Feret diameter",
    "maximum Feret diameter",
)
"""Diameters that agree on a circle."""

LENGTH = "length along the centreline"
END_DIAMETERS = 1.0
"""Sections nearer to an end than this many diameters are left out: the test object ends in half balls."""


def measure_along(operation: str, drawn: Drawn) -> tuple[list[Row], Measurements | None, str]:
    """Find the lumen and its centreline between the true ends, and measure along it."""
    phantom = drawn.phantom
    found, why = attempt("segment-vessels", {"volume": phantom.volume})
    if found is None:
        return [], None, why
    lumen = renamed(found, phantom.labels, ["vessel"])
    rows = [dice_row(drawn, "vessel", lumen, phantom.labels.mask("vessel"), VESSEL_DICE)]
    line = phantom.truth["centerlines"]["vessel"]["points_lps"]
    center, why = attempt("centerline", {"labels": lumen}, start_lps=line[0], ends_lps=line[-1])
    if center is None:
        return rows, None, why
    inputs = {"centerlines": center, "labels": lumen, "volume": phantom.volume}
    found, why = attempt(operation, inputs)
    return rows, found, why


def measure_diameters(drawn: Drawn) -> list[Row]:
    """Every section of a tube: mean deviation, and the 95th percentile of the deviations."""
    truth = drawn.phantom.value("diameter", "vessel")
    rows, found, why = measure_along("measure-vessel", drawn)
    if found is None:
        return [*rows, row_of(drawn, None, ROUND[1], "vessel", truth, labels=LABELS_FOUND, note=why)]
    curve = next(c for c in found.curves if ROUND[1] in [name for name, _ in c.columns])
    along = curve.column(LENGTH)
    inner = (along > END_DIAMETERS * truth) & (along < along.max() - END_DIAMETERS * truth)
    for name in ROUND:
        values = curve.column(name)[inner]
        rows += _section_rows(drawn, name, truth, values[np.isfinite(values)])
    line = drawn.phantom.value("centreline length", "vessel")
    return [*rows, row_of(drawn, found, LENGTH, "vessel", line, labels=LABELS_FOUND)]


def _section_rows(drawn: Drawn, name: str, truth: float, values: Array) -> list[Row]:
    mean = float(values.mean()) if values.size else float("nan")
    high = float(np.percentile(np.abs(values - truth), 95)) if values.size else float("nan")
    text = f"{name} of the lumen in sections perpendicular to the centreline"
    low_limit, high_limit = MEAN_DIAMETER_VOXELS * drawn.voxel_mm, HIGH_DIAMETER_VOXELS * drawn.voxel_mm
    return [
        Row(drawn.words, f"mean {name}", "vessel", "mm", f"Mean {text}.", truth, mean, low_limit,
            f"{MEAN_DIAMETER_VOXELS:g} voxel"),
        Row(drawn.words, f"deviation of {name}", "vessel", "mm", f"95th percentile of the deviation of the {text}.",
            0.0, high, high_limit, f"{HIGH_DIAMETER_VOXELS:g} voxel"),
    ]  # fmt: skip


def measure_stenosis(drawn: Drawn) -> list[Row]:
    """The narrowest place, its reference, and what follows from both."""
    phantom = drawn.phantom
    rows, found, why = measure_along("measure-stenosis", drawn)
    full, narrow = phantom.value("diameter"), phantom.value("minimum diameter")
    one, mean = _single(drawn), _mean(drawn)
    share = HIGH_DIAMETER_VOXELS * drawn.voxel_mm / full
    percent = (100 * share, f"{HIGH_DIAMETER_VOXELS:g} voxel of the diameter")
    area = (100 * 2 * share * narrow / full + 100 * share**2, percent[1])
    known: dict[str, Any] = {"labels": LABELS_FOUND, "note": why}
    by_area = phantom.value("stenosis by area")
    return [
        *rows,
        row_of(drawn, found, "diameter at the narrowing", "", narrow, limit=one, **known),
        row_of(drawn, found, "reference diameter", "", full, limit=mean, **known),
        row_of(drawn, found, "stenosis by NASCET", "", phantom.value("stenosis by diameter"), limit=percent, **known),
        row_of(drawn, found, "stenosis by area", "", by_area, limit=area, **known),
    ]


def measure_aneurysm(drawn: Drawn) -> list[Row]:
    """The widest place of a fusiform aneurysm and the vessel before it."""
    rows, found, why = measure_along("measure-aneurysm", drawn)
    widest, full = drawn.phantom.value("maximum diameter"), drawn.phantom.value("diameter")
    known: dict[str, Any] = {"labels": LABELS_FOUND, "note": why}
    return [
        *rows,
        row_of(drawn, found, "maximum aneurysm diameter", "", widest, limit=_single(drawn), **known),
        row_of(drawn, found, "reference diameter", "", full, limit=_mean(drawn), **known),
    ]


def _single(drawn: Drawn) -> tuple[float, str]:
    return HIGH_DIAMETER_VOXELS * drawn.voxel_mm, f"{HIGH_DIAMETER_VOXELS:g} voxel"


def _mean(drawn: Drawn) -> tuple[float, str]:
    return MEAN_DIAMETER_VOXELS * drawn.voxel_mm, f"{MEAN_DIAMETER_VOXELS:g} voxel"
