"""The reformatting operations: planes and curves through a volume, which are no 3D rendering."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.model.window import Window
from prosector.pipeline.parameters import REQUIRED, Parameter
from prosector.pipeline.pictures import MARK_PARAMETERS, VIEW_PARAMETERS, WINDOW_PARAMETERS, camera_of
from prosector.pipeline.pictures import settle as settle_view
from prosector.pipeline.regions import REGION_PARAMETERS

Settings = dict[str, Any]

SLAB_PARAMETERS = (
    Parameter("thickness_mm", "number", 0.0, "thickness; 0: a single sample", "mm", 0, 1000),
    Parameter("slab", "text", "mean", "what a thick slab shows", choices=("mean", "max", "min")),
)

MPR_PARAMETERS = (
    *VIEW_PARAMETERS,
    *WINDOW_PARAMETERS,
    *SLAB_PARAMETERS,
    Parameter("center_lps", "numbers", (), "point in the plane; left out, the volume's middle", "mm", count=3),
    *MARK_PARAMETERS,
)

CURVE_PARAMETERS = (
    Parameter("path_lps", "numbers", REQUIRED, "points of the path, in order", "mm", count=3, repeated=True),
    Parameter("width_mm", "number", 60.0, "width across the path", "mm", 1, 1000),
    Parameter("spacing_mm", "number", 0.5, "side of a pixel", "mm", 0.01, 50),
    Parameter("flat", "text", "straightened", "how it is laid flat", choices=("straightened", "stretched")),
    Parameter("turn_deg", "number", 0.0, "turns the lines across about the path", "°"),
    Parameter("preset", "text", None, "named look that the window is taken from"),
    Parameter("annotate", "boolean", True, "draw scale bar, captions and marks"),
    *WINDOW_PARAMETERS,
    *SLAB_PARAMETERS,
    *MARK_PARAMETERS,
)

UNUSED = {parameter.name: parameter.default for parameter in REGION_PARAMETERS}
"""What settling a view asks for and a plane does not have."""


def settle_plane(volume: Volume, settings: Settings) -> Settings:
    """Fill in view, preset, window and center."""
    settled = settle_view("average", volume, {**settings, **UNUSED})
    if not settled["center_lps"]:
        settled["center_lps"] = [float(x) for x in volume.geometry.center_lps]
    return {name: settled[name] for name in settings}


def settle_curve(volume: Volume, settings: Settings) -> Settings:
    """Fill in preset and window."""
    from prosector.rendering import presets

    settled = dict(settings)
    settled["preset"] = settled["preset"] or presets.default_for(presets.modality_of(volume), "average")
    window = presets.preset(settled["preset"]).resolved(volume).window_for("average")
    for name, value in (("window_center", window.center), ("window_width", window.width)):
        settled[name] = float(value) if settled[name] is None else settled[name]
    return settled


def plane(volume: Volume, settings: Settings) -> Rendering:
    """The plane that settled parameters stand for, annotated if that is asked for."""
    from prosector.rendering.overlay import annotate
    from prosector.rendering.reformat import Slab, reformat_plane

    camera = replace(camera_of(volume, {**settings, **UNUSED}), center_lps=settings["center_lps"])
    slab = Slab(settings["thickness_mm"], settings["slab"])
    window = Window(settings["window_center"], settings["window_width"])
    bare = reformat_plane(volume, camera, (settings["width"], settings["height"]), window, slab)
    named = replace(bare, preset=settings["preset"])
    if not settings["annotate"]:
        return named
    source = volume.source
    words = f"{settings['slab']} of {slab.thickness_mm:g} mm" if slab.thickness_mm else ""
    identity = source if settings["banner"] else None
    told = {"modality": source.modality, "description": source.description, "slab": words}
    return annotate(named, **told, supervised=settings["supervised"], identity=identity)


def curve(volume: Volume, settings: Settings) -> Rendering:
    """The curved reformat that settled parameters stand for, marked if that is asked for; its directions change."""
    from prosector.rendering.overlay import annotate
    from prosector.rendering.reformat import Slab, reformat_curve

    path = [settings["path_lps"][n : n + 3] for n in range(0, len(settings["path_lps"]), 3)]
    picture = reformat_curve(
        volume,
        path,
        settings["width_mm"],
        settings["spacing_mm"],
        flat=settings["flat"],
        turn_deg=settings["turn_deg"],
        window=Window(settings["window_center"], settings["window_width"]),
        slab=Slab(settings["thickness_mm"], settings["slab"]),
    )
    named = replace(picture, preset=settings["preset"])
    if not settings["annotate"]:
        return named
    words = volume.source.description
    return annotate(named, modality=volume.source.modality, description=words, supervised=settings["supervised"])
