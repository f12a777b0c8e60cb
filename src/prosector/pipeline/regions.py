"""The parameters that choose what a picture shows, and the region that they stand for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from prosector.errors import ParameterError
from prosector.model.camera import MAX_VIEW_ANGLE_DEG, Camera
from prosector.model.labels import LabelMap
from prosector.model.region import ClipPlane, Region
from prosector.pipeline.parameters import Parameter

Settings = dict[str, Any]

REGION_PARAMETERS = (
    Parameter(
        "view_angle_deg", "number", 0.0, "perspective: angle at the eye; 0: parallel", "°", 0, MAX_VIEW_ANGLE_DEG - 1
    ),
    Parameter("crop_lps", "numbers", (), "crop box: low corner, then high corner (left, back, head)", "mm", count=6),
    Parameter(
        "clip_planes",
        "numbers",
        (),
        "for each plane a point and a normal; kept is the side that the normal points to",
        "mm",
        count=6,
        repeated=True,
    ),
    Parameter("slab_thickness_mm", "number", 0.0, "show only a slab this thick; 0: all", "mm", 0, 10000),
    Parameter("slab_center_lps", "numbers", (), "point in the slab; left out, the middle", "mm", count=3),
    Parameter("slab_normal_lps", "numbers", (), "across the slab; left out, the viewing direction", count=3),
    Parameter("include", "names", (), "structures of the labels to show; left out, all"),
    Parameter(
        "inset_mm",
        "number",
        None,
        "shrink what the labels show by this much; left out, 5 for a minimum, which would show its border, else 0",
        "mm",
        0,
        50,
    ),
    Parameter("exclude", "names", (), "structures of the labels to leave out"),
)

REGION_WORDS = {
    "view_angle_deg": "The view was a perspective one with an angle of {view_angle_deg}° at the eye.",
    "crop_lps": "Only the box from and to {crop_lps} mm (LPS) was shown.",
    "clip_planes": "It was clipped by planes (point and normal, LPS, mm): {clip_planes}.",
    "slab_thickness_mm": "Only a slab of {slab_thickness_mm} mm through {slab_center_lps} (LPS, mm), normal "
    "{slab_normal_lps}, was shown.",
    "include": "Of the segmented structures only these were shown: {include}.",
    "inset_mm": "What the labels show was shrunk by {inset_mm} mm.",
    "exclude": "These segmented structures were left out: {exclude}.",
}
"""Sentences for the report, said where the parameter is set."""


def settle_slab(settings: Settings, camera: Camera) -> Settings:
    """Fill in a slab's centre and direction.

    Raises
    ------
    ParameterError
        If a centre or direction is given without a thickness.
    """
    settled = dict(settings)
    if not settled["slab_thickness_mm"]:
        if settled["slab_center_lps"] or settled["slab_normal_lps"]:
            raise ParameterError("a slab has a thickness: give slab_thickness_mm with its centre or normal")
        return settled
    if not settled["slab_center_lps"]:
        settled["slab_center_lps"] = [float(x) for x in camera.center_lps]
    if not settled["slab_normal_lps"]:
        settled["slab_normal_lps"] = [float(x) for x in camera.forward_lps]
    return settled


def inset(labels: LabelMap | None, settings: Settings) -> LabelMap | None:
    """Labels shrunk by a ball, all structures as one, as settled parameters say."""
    if labels is None or not settings["inset_mm"]:
        return labels
    from prosector.segmentation.mask import shrink

    inner = shrink(labels.mask().view(np.uint8), labels.geometry.affine[:3, :3], settings["inset_mm"])
    return replace(labels, labels=labels.labels * inner.astype(labels.labels.dtype))


def region_of(settings: Settings, labels: LabelMap | None, more: Region | None = None) -> Region | None:
    """What settled parameters show of a volume, cut by the planes of ``more``; None for all of it.

    Raises
    ------
    ParameterError
        If structures are chosen without labels, or a normal has no direction.
    """
    planes = list(more.planes) if more is not None else []
    if settings["slab_thickness_mm"]:
        normal = settings["slab_normal_lps"]
        if np.linalg.norm(normal) < 1e-9:
            raise ParameterError(f"a slab's normal has a direction; found {normal}")
        planes += Region.slab(tuple(settings["slab_center_lps"]), tuple(normal), settings["slab_thickness_mm"]).planes
    rows = settings["clip_planes"]
    planes += [ClipPlane(tuple(rows[n : n + 3]), tuple(rows[n + 3 : n + 6])) for n in range(0, len(rows), 6)]
    include, exclude = tuple(settings["include"]), tuple(settings["exclude"])
    if (include or exclude) and labels is None:
        raise ParameterError("include and exclude name structures of labels: give the operation the input 'labels'")
    crop = settings["crop_lps"]
    if not planes and not crop and labels is None:
        return more
    region = Region(planes=tuple(planes), labels=labels, include=include, exclude=exclude)
    if not crop:
        return region
    return replace(region, crop_low_lps=tuple(crop[:3]), crop_high_lps=tuple(crop[3:]))
