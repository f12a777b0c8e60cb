"""The editing operations, as OPERATIONS calls them: ``function(inputs, settings) -> LabelMap``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from prosector.errors import ParameterError
from prosector.model.camera import Camera, fit_camera, view_angles
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap

Inputs = Mapping[str, Any]
Settings = dict[str, Any]


def edit(name: str, inputs: Inputs, settings: Settings) -> LabelMap:
    """Run an edit of whole segments; its parameters are those of the function."""
    from prosector.segmentation import editing

    functions = {
        "islands": editing.edit_islands,
        "fill": editing.edit_fill,
        "grow": editing.edit_grow,
        "shrink": editing.edit_shrink,
        "smooth": editing.edit_smooth,
        "union": editing.edit_union,
        "intersect": editing.edit_intersect,
        "subtract": editing.edit_subtract,
    }
    others = [inputs["other"]] if "other" in inputs else []
    edited: LabelMap = functions[name](inputs["labels"], *others, **settings)  # type: ignore[operator]
    return edited


def settle_view(_inputs: Inputs, settings: Settings) -> Settings:
    """Fill in the angles that a named view stands for, as for pictures."""
    settled = dict(settings)
    azimuth, elevation = view_angles(settled["view"] or "anterior")
    for name, value in (("azimuth_deg", azimuth), ("elevation_deg", elevation)):
        if settled[name] is None:
            settled[name] = value if settled["view"] or settings["azimuth_deg"] is None else 0.0
    return settled


def camera_of(geometry: Geometry, settings: Settings) -> Camera:
    """The camera that settled parameters stand for: that of a picture with the same ones."""
    angles = (settings["azimuth_deg"], settings["elevation_deg"], settings["roll_deg"])
    size = (settings["width"], settings["height"])
    return fit_camera(geometry, size, *angles, settings["zoom"], settings["view_angle_deg"])


def scissors(inputs: Inputs, settings: Settings) -> LabelMap:
    """Cut with a lasso drawn in a view."""
    from prosector.segmentation.editing_hand import edit_scissors

    labels: LabelMap = inputs["labels"]
    near, far = settings["from_mm"], settings["to_mm"]
    depth = (-math.inf if near is None else near, math.inf if far is None else far)
    camera = camera_of(labels.geometry, settings)
    return edit_scissors(labels, camera, settings["polygon_mm"], settings["remove"], depth, settings["segments"])


def brush(inputs: Inputs, settings: Settings) -> LabelMap:
    """Paint along a stroke."""
    from prosector.segmentation.editing_hand import edit_brush

    low, high = settings["low"], settings["high"]
    if low is not None and high is not None and low > high:
        raise ParameterError(f"low is at most high; found {low:g} and {high:g}")
    values = (-math.inf if low is None else low, math.inf if high is None else high)
    stroke = (settings["points_lps"], settings["radius_mm"], settings["segment"])
    return edit_brush(inputs["labels"], *stroke, inputs.get("volume"), values, settings["overwrite"])


def erase(inputs: Inputs, settings: Settings) -> LabelMap:
    """Erase along a stroke."""
    from prosector.segmentation.editing_hand import edit_erase

    return edit_erase(inputs["labels"], **settings)
