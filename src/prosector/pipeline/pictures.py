"""The rendering operations: from recipe parameters to an annotated picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from prosector.model.camera import VIEWS, Camera, fit_camera, view_angles
from prosector.model.labels import LabelMap
from prosector.model.region import Region
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.model.window import Window
from prosector.pipeline.looks import LOOK_WORDS, STYLE_PARAMETERS, SURFACE_PARAMETERS, styles_of, surfaces_of
from prosector.pipeline.parameters import Parameter
from prosector.pipeline.regions import region_of, settle_slab
from prosector.rendering import presets

Settings = dict[str, Any]

LARGEST_PICTURE = 8192

VIEW_PARAMETERS = (
    Parameter("view", "text", None, "named view: the side that the viewer stands on", choices=tuple(VIEWS)),
    Parameter("azimuth_deg", "number", None, "viewer's place around the long axis: 0 in front, 90 on the left", "°"),
    Parameter("elevation_deg", "number", None, "viewer's place above (+) or below the patient", "°", -90, 90),
    Parameter("roll_deg", "number", 0.0, "turns the picture clockwise", "°"),
    Parameter("zoom", "number", 1.0, "above 1 shows less, enlarged", "", 0.05, 100),
    Parameter("width", "integer", 512, "picture width", "pixels", 16, LARGEST_PICTURE),
    Parameter("height", "integer", 512, "picture height", "pixels", 16, LARGEST_PICTURE),
    Parameter(
        "preset", "text", None, "named look; left out, the one for the modality and method", choices=presets.names()
    ),
    Parameter("annotate", "boolean", True, "draw orientation letters, scale bar and captions"),
    Parameter("banner", "boolean", False, "draw the patient's name and ID into the picture, with the captions"),
)
MARK_PARAMETERS = (
    Parameter("supervised", "boolean", False, "a physician's session was open; set by a case, never by a recipe"),
)
"""Without it a picture says in plain sight that it was not supervised."""

WINDOW_PARAMETERS = (
    Parameter("window_center", "number", None, "window center, in modality units"),
    Parameter("window_width", "number", None, "window width, in modality units", "", 1e-6),
)
THRESHOLD_PARAMETERS = (
    Parameter("threshold", "number", None, "value from which on a local maximum is a vessel, in modality units"),
    Parameter("drop", "number", None, "fall behind a local maximum that noise does not make, in modality units", "", 0),
)
CINEMATIC_PARAMETERS = (
    Parameter("cinematic", "boolean", False, "ambient occlusion and soft shadows; slower"),
    *STYLE_PARAMETERS,
)
CINEMATIC_WORDS = {
    "cinematic": "Ambient occlusion and soft shadows of a light from the upper left were added.",
    **LOOK_WORDS,
}
LEVEL_PARAMETERS = (
    Parameter("level", "number", None, "value at which the surface lies, in modality units"),
    *SURFACE_PARAMETERS,
)


MINIMUM_INSET_MM = 5.0
"""Skin, and what the border of a body mixes with air, is darker than all that lies inside."""

NOISE_SHARE = 0.1
"""Of the window of a maximum intensity projection: noise makes no local maximum that stands out by more."""

LOOKS_LIKE = {"closest": "mip", "depth": "mip", "sum": "average"}
"""Projections that take the window of another one."""


def settle(method: str, volume: Volume, settings: Settings) -> Settings:
    """Fill in what was left to be worked out, so that the trace says what was taken."""
    settled = dict(settings)
    azimuth, elevation = view_angles(settled["view"] or "anterior")
    for name, value in (("azimuth_deg", azimuth), ("elevation_deg", elevation)):
        if settled[name] is None:
            settled[name] = value if settled["view"] or settings["azimuth_deg"] is None else 0.0
    settled["preset"] = settled["preset"] or presets.default_for(presets.modality_of(volume), method)
    look = presets.preset(settled["preset"]).resolved(volume)
    if "level" in settled and settled["level"] is None:
        settled["level"] = float(look.level)
    if "threshold" in settled and settled["threshold"] is None:
        settled["threshold"] = float(look.window_for("mip").center)
    if "drop" in settled and settled["drop"] is None:
        settled["drop"] = float(look.window_for("mip").width) * NOISE_SHARE
    if "window_center" in settled:
        window = look.window_for(LOOKS_LIKE.get(method, method))
        if method == "sum":  # of as many millimetres as the volume is long, across
            window = _times(window, float(np.median(np.array(volume.geometry.shape) * volume.geometry.spacing_mm)))
        for name, value in (("window_center", window.center), ("window_width", window.width)):
            settled[name] = float(value) if settled[name] is None else settled[name]
    if settled["inset_mm"] is None:
        settled["inset_mm"] = MINIMUM_INSET_MM if method == "minip" else 0.0
    return settle_slab(settled, camera_of(volume, settled))


def _times(window: Window, factor: float) -> Window:
    return replace(window, center=window.center * factor, width=window.width * factor)


def picture(method: str, volume: Volume, settings: Settings, labels: LabelMap | None = None) -> Rendering:
    """Render one settled set of parameters; labels hide what has none."""
    slab = f"slab {settings['slab_thickness_mm']:g} mm" if settings["slab_thickness_mm"] else ""
    return shoot(method, volume, settings, camera_of(volume, settings), shown_of(settings, labels), slab, labels)


def shown_of(settings: Settings, labels: LabelMap | None, more: Region | None = None) -> Region | None:
    """The region that is shown; labels that are there for their looks limit it only where structures are chosen."""
    only_looks = settings.get("styles") and not settings["include"] and not settings["exclude"]
    return region_of(settings, None if only_looks else labels, more)


def camera_of(volume: Volume, settings: Settings) -> Camera:
    """The camera that settled parameters stand for."""
    size = (settings["width"], settings["height"])
    angles = (settings["azimuth_deg"], settings["elevation_deg"], settings["roll_deg"])
    return fit_camera(volume.geometry, size, *angles, settings["zoom"], settings["view_angle_deg"])


def shoot(
    method: str,
    volume: Volume,
    settings: Settings,
    camera: Camera,
    region: Region | None = None,
    slab: str = "",
    labels: LabelMap | None = None,
) -> Rendering:
    """Render with settled parameters from a camera, what ``region`` keeps, and annotate if that is asked for.

    ``labels`` name the structures that have looks of their own.
    """
    from prosector.rendering.isosurface import render_surfaces
    from prosector.rendering.overlay import annotate
    from prosector.rendering.projection import project
    from prosector.rendering.volume import render_volume

    size = (settings["width"], settings["height"])
    look = presets.preset(settings["preset"]).resolved(volume)
    kept: dict[str, Any] = {} if region is None else {"region": region}
    if method == "volume":
        styles = styles_of(settings, volume, labels)
        kept |= {"labels": labels, "label_styles": styles} if styles else {}
        bare = render_volume(volume, camera, size, look.transfer, cinematic=settings.get("cinematic", False), **kept)
    elif method == "surface":
        bare = render_surfaces(volume, camera, size, surfaces_of(settings, look.color_rgb), **kept)
    else:
        window = Window(settings["window_center"], settings["window_width"])
        closest = {"threshold": settings.get("threshold"), "drop": settings.get("drop", 0.0)}
        bare = project(volume, camera, size, method, window, region, **closest)
    named = replace(bare, camera=camera, method=method, preset=look.name)
    if not settings["annotate"]:
        return named
    source = volume.source
    identity = source if settings["banner"] else None
    words = {"modality": source.modality, "description": source.description, "slab": slab}
    return annotate(named, **words, supervised=settings["supervised"], identity=identity)
