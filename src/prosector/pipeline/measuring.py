"""The basic measuring operations, as OPERATIONS calls them: ``function(inputs, settings) -> value``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prosector.model.measurement import Measurements
from prosector.model.mesh import Mesh

if TYPE_CHECKING:
    from prosector.measurement.distance import Pair

Inputs = Mapping[str, Any]
Settings = dict[str, Any]

USUAL_UNCERTAINTY_HU = 25.0
"""Half-way thresholds in CT are hardly known better: noise, beam hardening and partial volume of the levels."""


def settle_threshold(inputs: Inputs, settings: Settings) -> Settings:
    """How uncertain the threshold is, where the user does not say: 25 HU in CT, and 0 where values have no scale."""
    if settings["threshold_uncertainty_hu"] is not None:
        return settings
    volume = inputs.get("volume")
    known = volume is not None and volume.is_hounsfield
    return {**settings, "threshold_uncertainty_hu": USUAL_UNCERTAINTY_HU if known else 0.0}


def points(inputs: Inputs, settings: Settings) -> Measurements:
    """A distance, angle, path or area through points."""
    from prosector.measurement import points as by

    functions = {
        "distance": by.measure_distance,
        "angle": by.measure_angle,
        "path": by.measure_path,
        "area": by.measure_polygon,
    }
    return functions[settings["kind"]](settings["points_lps"], inputs["volume"].geometry, of=settings["name"])


def segments(inputs: Inputs, settings: Settings) -> Measurements:
    """Volumes, surface, sizes and values of segments."""
    from prosector.measurement.volumes import measure_segments

    return measure_segments(inputs["labels"], inputs.get("volume"), **settings)


def histogram(inputs: Inputs, settings: Settings) -> Measurements:
    """Histograms of segments, or of the whole volume."""
    from prosector.measurement.statistics import measure_histogram

    return measure_histogram(inputs["volume"], inputs.get("labels"), **settings)


def calcium(inputs: Inputs, settings: Settings) -> Measurements:
    """Calcium-like sums in regions."""
    from prosector.measurement.calcium import measure_calcium

    return measure_calcium(inputs["volume"], inputs["labels"], **settings)


def distance(inputs: Inputs, settings: Settings) -> Measurements:
    """From one segment to another."""
    from prosector.measurement.distance import measure_distances

    pair = _pair(inputs, settings["first"], settings["second"], settings["threshold_uncertainty_hu"])
    return measure_distances(
        pair,
        contact_mm=settings["contact_mm"],
        within_mm=settings["within_mm"],
        threshold_uncertainty_hu=settings["threshold_uncertainty_hu"],
    )


def encasement(inputs: Inputs, settings: Settings) -> Measurements:
    """How far a lesion surrounds a vessel."""
    from prosector.measurement.encasement import measure_encasement

    pair = _pair(inputs, settings["lesion"], settings["vessel"], 0.0)
    return measure_encasement(pair, inputs.get("centerlines"), contact_mm=settings["contact_mm"])


def map_distance(inputs: Inputs, settings: Settings) -> Mesh:
    """Surface of one segment, coloured by its distance to another."""
    from prosector.measurement.distance import distance_map

    return distance_map(_pair(inputs, settings["first"], settings["second"], 0.0), far_mm=settings["far_mm"])


def _pair(inputs: Inputs, first: str, second: str, hu: float) -> Pair:
    from prosector.measurement.distance import make_pair

    return make_pair(
        inputs["labels"], first, second, inputs.get("volume"), inputs.get("other"), threshold_uncertainty_hu=hu
    )
