"""Parameters that give structures and levels a look of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prosector.errors import ParameterError
from prosector.model.labels import LabelMap
from prosector.model.transfer import LabelStyle
from prosector.model.volume import Volume
from prosector.pipeline.parameters import Parameter
from prosector.rendering import presets

if TYPE_CHECKING:
    from prosector.rendering.isosurface import Isosurface

Settings = dict[str, Any]

HIDDEN = "hidden"

STYLE_PARAMETERS = (
    Parameter(
        "styles",
        "names",
        (),
        "looks of structures of the labels, each NAME=PRESET, NAME=PRESET@OPACITY, NAME=@OPACITY or NAME=hidden; "
        "the rest of the volume stays in view unless include says what to show",
    ),
)
SURFACE_PARAMETERS = (
    Parameter("color_rgb", "numbers", (), "colour of the surface, 0 to 1; left out, the preset's", "", 0, 1, count=3),
    Parameter("opacity", "number", 1.0, "opacity of the surface; below 1 what lies behind shines through", "", 0, 1),
    Parameter(
        "more_surfaces",
        "numbers",
        (),
        "further surfaces, five numbers each: level, red, green, blue, opacity (0 to 1)",
        count=5,
        repeated=True,
    ),
)
LOOK_WORDS = {"styles": "Structures had looks of their own: {styles}."}
SURFACE_WORDS = {
    "color_rgb": "Its colour was {color_rgb}.",
    "more_surfaces": "Further surfaces (level, colour, opacity): {more_surfaces}.",
}


def styles_of(settings: Settings, volume: Volume, labels: LabelMap | None) -> dict[str, LabelStyle]:
    """Styles by segment name.

    Raises
    ------
    ParameterError
        If a style cannot be understood, or there are no labels for it.
    UnknownNameError
        If a preset is unknown.
    """
    if settings.get("styles") and labels is None:
        raise ParameterError("styles name structures of labels: give the operation the input 'labels'")
    return dict(_style(text, volume) for text in settings.get("styles", ()))


def _style(text: str, volume: Volume) -> tuple[str, LabelStyle]:
    name, equals, look = (part.strip() for part in text.partition("="))
    if not name or not equals or not look:
        raise ParameterError(
            f"a style is NAME=PRESET, NAME=PRESET@OPACITY, NAME=@OPACITY or NAME=hidden; found {text!r}"
        )
    if look == HIDDEN:
        return name, LabelStyle(visible=False)
    preset, at, opacity = (part.strip() for part in look.partition("@"))
    transfer = presets.preset(preset).resolved(volume).transfer if preset else None
    try:
        return name, LabelStyle(transfer, float(opacity) if at else 1.0)
    except ValueError:
        raise ParameterError(f"opacity in style {text!r} is a number from 0 to 1") from None


def surfaces_of(settings: Settings, color_rgb: tuple[float, float, float]) -> tuple[Isosurface, ...]:
    """All surfaces of settled parameters; the first takes ``color_rgb`` unless it has its own colour.

    Raises
    ------
    ParameterError
        If a colour or opacity is not from 0 to 1.
    """
    from prosector.rendering.isosurface import Isosurface

    own = tuple(settings["color_rgb"]) or color_rgb
    rows, found = settings["more_surfaces"], [Isosurface(settings["level"], own, settings["opacity"])]
    for level, red, green, blue, opacity in (rows[n : n + 5] for n in range(0, len(rows), 5)):
        if not all(0 <= part <= 1 for part in (red, green, blue)):
            raise ParameterError(f"a colour is three numbers from 0 to 1; found {red:g}, {green:g}, {blue:g}")
        found.append(Isosurface(level, (red, green, blue), opacity))
    return tuple(found)
