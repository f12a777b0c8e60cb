"""The operations on centrelines, as OPERATIONS calls them: ``function(inputs, settings) -> value``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prosector.errors import ParameterError
from prosector.model.centerlines import Centerlines
from prosector.model.measurement import Measurements
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.pipeline.reformats import curve, settle_curve

if TYPE_CHECKING:
    from prosector.measurement.centerline_profile import Look

Inputs = Mapping[str, Any]
Settings = dict[str, Any]


def centerline(inputs: Inputs, settings: Settings) -> Centerlines:
    """Centreline between points, or the whole tree where no end is given."""
    from prosector.measurement.centerline import find_centerline, find_tree

    start, ends = settings["start_lps"], settings["ends_lps"]
    common = {
        "segment": settings["segment"] or None,
        "step_mm": settings["step_mm"],
        "snap_mm": settings["snap_mm"],
    }
    if ends and not start:
        raise ParameterError("parameter 'start_lps' is left out: ends need a start; for a whole tree leave out both")
    if ends:
        points = [ends[n : n + 3] for n in range(0, len(ends), 3)]
        return find_centerline(inputs["labels"], start, points, **common)
    return find_tree(inputs["labels"], start_lps=start or None, shortest_mm=settings["shortest_mm"], **common)


def settle_centerline(inputs: Inputs, settings: Settings) -> Settings:
    """Fill in the step: the smallest grid spacing."""
    step = settings["step_mm"]
    spacing = min(inputs["labels"].geometry.spacing_mm)
    return {**settings, "step_mm": float(spacing) if step is None else step}


def vessel(inputs: Inputs, settings: Settings) -> Measurements:
    """Sizes along every branch."""
    from prosector.measurement.centerline_sizes import measure_vessel

    return measure_vessel(inputs["centerlines"], _look(inputs, settings), tuple(settings["at_mm"]))


def stenosis(inputs: Inputs, settings: Settings) -> Measurements:
    """Percent stenosis along the way to one end."""
    from prosector.measurement.stenosis import Where, measure_stenosis

    where = Where(*(_range(settings[name]) for name in ("lesion_mm", "proximal_mm", "distal_mm")))
    return measure_stenosis(inputs["centerlines"], _look(inputs, settings), where, settings["end"])


def aneurysm(inputs: Inputs, settings: Settings) -> Measurements:
    """The widest place, its sac and its neck along the way to one end."""
    from prosector.measurement.aneurysm import measure_aneurysm

    return measure_aneurysm(
        inputs["centerlines"],
        _look(inputs, settings),
        reference_mm=_range(settings["reference_mm"]),
        thrombus=settings["thrombus"] or None,
        end=settings["end"],
    )


def straightened(inputs: Inputs, settings: Settings) -> Rendering:
    """The volume along the way to one end, laid flat."""
    return curve(inputs["volume"], _as_curve(inputs["centerlines"], settings))


def settle_straightened(inputs: Inputs, settings: Settings) -> Settings:
    """Fill in preset and window."""
    volume: Volume = inputs["volume"]
    return settle_curve(volume, settings)


def _as_curve(lines: Centerlines, settings: Settings) -> Settings:
    from prosector.measurement.centerline_profile import path_through

    path = path_through(lines, settings["end"]).points_lps.ravel().tolist()
    return {**{name: value for name, value in settings.items() if name != "end"}, "path_lps": path}


def _look(inputs: Inputs, settings: Settings) -> Look:
    from prosector.measurement.centerline_profile import Look

    volume, labels = inputs.get("volume"), inputs.get("labels")
    if volume is not None and labels is not None:
        labels.geometry.require_same(volume.geometry, "the volume")
    return Look(volume, labels, settings["segment"] or None, settings["threshold_change"])


def _range(numbers: list[float]) -> tuple[float, float] | None:
    return (numbers[0], numbers[1]) if numbers else None
