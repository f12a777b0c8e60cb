"""The operations on vessels, as OPERATIONS calls them: ``function(inputs, settings) -> value``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prosector.model.labels import LabelMap
from prosector.model.progress import Progress
from prosector.model.volume import Volume

Inputs = Mapping[str, Any]
Settings = dict[str, Any]


def settle_enhance(inputs: Inputs, settings: Settings) -> Settings:
    """Measure the contrast where it is not given."""
    from prosector.segmentation.vesselness import measured_contrast

    if settings["contrast"] is None:
        return {**settings, "contrast": measured_contrast(inputs["volume"], _window(settings))}
    return settings


def settle_segment(inputs: Inputs, settings: Settings) -> Settings:
    """Say which kind of angiogram it is, and how small a piece may be."""
    from prosector.segmentation.vessels import MINIMUM_MM3, kind_of

    settled = dict(settings)
    if settled["kind"] == "auto":
        settled["kind"] = kind_of(inputs["volume"])
    if settled["minimum_volume_mm3"] is None:
        settled["minimum_volume_mm3"] = MINIMUM_MM3[settled["kind"]]
    return settled


def enhance(inputs: Inputs, settings: Settings, progress: Progress) -> Volume:
    """Vesselness of a volume."""
    from prosector.segmentation.vesselness import vesselness

    own = {name: value for name, value in settings.items() if name not in ("low", "high")}
    return vesselness(inputs["volume"], window=_window(settings), progress=progress, **own)


def segment(inputs: Inputs, settings: Settings, progress: Progress) -> LabelMap:
    """Lumen of the vessels."""
    from prosector.segmentation.vessels import segment_vessels

    own = {**settings, "blood": settings["blood"] or None}
    return segment_vessels(inputs["volume"], labels=inputs.get("labels"), progress=progress, **own)


def thrombus(inputs: Inputs, settings: Settings) -> LabelMap:
    """Thrombus beside the lumen."""
    from prosector.segmentation.thrombus import grow_thrombus

    return grow_thrombus(inputs["volume"], inputs["labels"], **settings)


def _window(settings: Settings) -> tuple[float, float] | None:
    low, high = settings["low"], settings["high"]
    return (low, high) if low < high else None
