"""Growing, splitting and merging, as OPERATIONS calls them: ``function(inputs, settings) -> value``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prosector.model.labels import LabelMap

if TYPE_CHECKING:
    from prosector.segmentation.growing import Limits

Inputs = Mapping[str, Any]
Settings = dict[str, Any]

CONFIDENCE_SMOOTHING_MM = 0.5
"""Takes the tips off noise without moving a border by much."""


def settle_region(inputs: Inputs, settings: Settings) -> Settings:
    """Work out the values between which a region grows: what was not given, from what the seeds are like."""
    import numpy as np

    from prosector.segmentation.growing import confidence_bounds

    settled = dict(settings)
    given = settled["low"] is not None or settled["high"] is not None
    if settled["smoothing_mm"] is None:
        settled["smoothing_mm"] = 0.0 if given else CONFIDENCE_SMOOTHING_MM
    if not given:
        settled["low"], settled["high"] = confidence_bounds(
            inputs["volume"],
            settled["seeds_lps"],
            deviations=settled["deviations"],
            iterations=settled["iterations"],
            limits=_limits(settled),
            inside=inputs.get("labels"),
        )
    voxels = inputs["volume"].voxels
    if settled["low"] is None:
        settled["low"] = float(np.nanmin(voxels))
    if settled["high"] is None:
        settled["high"] = float(np.nanmax(voxels))
    return settled


def region(inputs: Inputs, settings: Settings) -> LabelMap:
    """Grow a region from seeds."""
    from prosector.segmentation.growing import segment_region

    return segment_region(
        inputs["volume"],
        settings["seeds_lps"],
        low=settings["low"],
        high=settings["high"],
        limits=_limits(settings),
        inside=inputs.get("labels"),
        name=settings["name"],
    )


def _limits(settings: Settings) -> Limits:
    """Limits of growth; 0 stands for none."""
    from prosector.segmentation.growing import Limits

    return Limits(
        gradient_per_mm=settings["gradient_per_mm"] or float("inf"),
        radius_mm=settings["radius_mm"] or float("inf"),
        opening_mm=settings["opening_mm"],
        smoothing_mm=settings["smoothing_mm"],
        corners=settings["corners"],
    )


def threshold(inputs: Inputs, settings: Settings) -> LabelMap:
    """Paint everything between two values."""
    from prosector.segmentation.threshold import segment_threshold

    return segment_threshold(inputs["volume"], inside=inputs.get("labels"), **settings)


def lesion(inputs: Inputs, settings: Settings) -> LabelMap:
    """Delineate a lesion from one click."""
    from prosector.segmentation.lesion import segment_lesion

    return segment_lesion(inputs["volume"], **settings)


def fragments(inputs: Inputs, settings: Settings) -> LabelMap:
    """Take bone apart where it is broken; find the bone first where it is not given."""
    from prosector.segmentation.bone import segment_bone
    from prosector.segmentation.fragments import segment_fragments

    bone = inputs.get("labels") or segment_bone(inputs["volume"])
    return segment_fragments(inputs["volume"], bone, **settings)


def split_at_necks(inputs: Inputs, settings: Settings) -> LabelMap:
    """Split a segment by the watershed of its depth."""
    from prosector.segmentation.splitting import split_watershed

    return split_watershed(inputs["labels"], volume=inputs.get("volume"), **settings)


def split_from_seeds(inputs: Inputs, settings: Settings) -> LabelMap:
    """Split a segment into one part for each seed."""
    from prosector.segmentation.splitting import split_seeds

    return split_seeds(inputs["labels"], volume=inputs.get("volume"), **settings)


def merge(inputs: Inputs, settings: Settings) -> LabelMap:
    """Join segments."""
    from prosector.segmentation.merging import merge_segments

    return merge_segments(inputs["labels"], **settings)


def rename(inputs: Inputs, settings: Settings) -> LabelMap:
    """Rename a segment."""
    from prosector.segmentation.merging import rename_segment

    return rename_segment(inputs["labels"], **settings)


def keep(inputs: Inputs, settings: Settings) -> LabelMap:
    """Keep some segments."""
    from prosector.segmentation.merging import keep_segments

    return keep_segments(inputs["labels"], **settings)


def order(inputs: Inputs, settings: Settings) -> LabelMap:
    """Number segments by volume."""
    from prosector.segmentation.merging import order_segments

    return order_segments(inputs["labels"], **settings)
