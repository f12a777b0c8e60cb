"""Orientation letters and cube, scale bar, captions and patient banner, drawn into a rendering."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import numpy as np

from prosector.errors import ParameterError
from prosector.model.camera import VIEWS, Camera, direction_letters, orientation_letters, view_angles
from prosector.model.geometry import Array
from prosector.model.rendering import Rendering
from prosector.model.source import Source
from prosector.rendering.depth_colors import color_at
from prosector.rendering.overlay_cube import CUBE_FROM_PX, draw_cube
from prosector.rendering.overlay_sheet import ALERT, INK, SMALLEST_TEXT_PX, Ink, Sheet, Style
from prosector.rendering.presets import METHOD_WORDS

SCALE_LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)
SCALE_SHARE = 0.3
"""The scale bar is the longest round length that takes at most this share of the picture's width."""

NOT_SUPERVISED = "NOT SUPERVISED"
DISCLAIMER = "Prosector, not for diagnosis"
NOT_3D = "not a 3D rendering"
FLAT = {"mpr": "Oblique plane", "curved-mpr": "Curved reformat"}
"""Methods that show a plane or a surface laid flat, with their names for people."""

CURVED = "curved-mpr"
"""Directions change from row to row: there are no letters and no cube."""

DEPTH_STEPS = 16
"""Fields of the scale of depths."""

NO_SCALE = "perspective, no scale"
CAPTIONS_FROM_PX = 192
"""Pictures with a shorter side than this carry letters and the marker only: captions would cover them."""

Lines = list[tuple[str, int, Ink]]


def annotate(
    rendering: Rendering,
    *,
    modality: str = "",
    description: str = "",
    supervised: bool = False,
    slab: str = "",
    identity: Source | None = None,
) -> Rendering:
    """Draw orientation letters and cube, a scale bar and captions; return a new rendering.

    White on a soft dark halo, so that it is read on any background. Sizes follow the picture's. Captions
    name the patient only where ``identity`` is given; ``description`` is the caller's to check. A
    perspective view has no scale bar, since a millimetre is not the same everywhere in it, and says so.

    Parameters
    ----------
    rendering : Rendering
        Not annotated yet.
    modality, description : str
        Of the series, for the upper right corner; letters that the font does not have are replaced.
    supervised : bool
        False draws ``NOT SUPERVISED`` in plain sight. A reformat is always marked ``not a 3D rendering``.
    slab : str
        What the picture is a slab of, in words; :func:`slab_words` makes them.
    identity : Source, optional
        Draws the patient's name and ID and the study date, in the upper right corner. The result then says
        ``burned_in_identity``.

    Raises
    ------
    ParameterError
        If the rendering is annotated already, or is too small for a patient banner that is asked for.
    """
    if rendering.annotated:
        raise ParameterError("this rendering is annotated already; annotate the one that it was made from")
    style = Style(*rendering.size)
    if identity is not None and style.short < CAPTIONS_FROM_PX:
        raise ParameterError(
            f"a patient banner needs a picture of at least {CAPTIONS_FROM_PX} pixels each way; found {style.short}"
        )
    sheet = Sheet(style)
    marker: Lines = [] if supervised else [(NOT_SUPERVISED, style.caption, ALERT)]
    if style.short >= CAPTIONS_FROM_PX:
        _draw_corner(sheet, rendering)
        _draw_lines(sheet, _technique_lines(rendering, slab, style), "la")
        series: Lines = [(_plain(modality), style.caption, INK), (_plain(description), style.small, INK)]
        _draw_lines(sheet, [*_identity_lines(identity, style), *series], "ra")
        marker.append((DISCLAIMER, style.small, INK))
        if rendering.depth_ends_mm is not None:
            _draw_depth_scale(sheet, rendering.depth_ends_mm)
    if rendering.method in FLAT:
        marker.insert(0, (NOT_3D, style.caption, ALERT))
    if rendering.method != CURVED:
        _draw_letters(sheet, rendering.letters or orientation_letters(rendering.camera))
    _draw_lines(sheet, marker, "ld")
    burned_in = rendering.burned_in_identity or identity is not None
    return replace(rendering, pixels=sheet.onto(rendering.pixels), annotated=True, burned_in_identity=burned_in)


def slab_words(thickness_mm: float, center_lps: Array | None = None, normal_lps: Array | None = None) -> str:
    """``slab 20 mm``, and where it lies along its normal if that is given: ``slab 20 mm at P 35 mm``.

    The place is the centre's coordinate along the normal, counted from the origin of patient space.
    """
    words = f"slab {thickness_mm:g} mm"
    if center_lps is None or normal_lps is None:
        return words
    normal = np.asarray(normal_lps, dtype=np.float64) / np.linalg.norm(normal_lps)
    place = float(np.asarray(center_lps, dtype=np.float64) @ normal)
    return f"{words} at {direction_letters(normal if place >= 0 else -normal)} {abs(place):.0f} mm"


def view_words(camera: Camera) -> str:
    """``anterior view`` and its like for a named view, else empty."""
    for name in VIEWS:
        azimuth, elevation = np.radians(view_angles(name))
        toward = (np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation))
        if np.allclose(-camera.forward_lps, toward, atol=1e-6):
            return f"{name} view"
    return ""


def scale_bar_mm(width_px: int, spacing_mm: float) -> int | None:
    """Length of the scale bar for a picture of ``width_px``; None where no round length fits."""
    fits = [n for n in SCALE_LENGTHS_MM if n / spacing_mm <= SCALE_SHARE * width_px]
    return fits[-1] if fits and fits[-1] / spacing_mm >= 8 else None


def _draw_letters(sheet: Sheet, letters: dict[str, str]) -> None:
    style = sheet.style
    middle = (style.width / 2, style.height / 2)
    places = {
        "left": ((style.margin, middle[1]), "lm"),
        "right": ((style.width - style.margin, middle[1]), "rm"),
        "top": ((middle[0], style.margin), "ma"),
        "bottom": ((middle[0], style.height - style.margin), "md"),
    }
    for side, (at, anchor) in places.items():
        sheet.text(at, letters.get(side, ""), style.letter, anchor, INK)


def _technique_lines(rendering: Rendering, slab: str, style: Style) -> Lines:
    scale = "" if rendering.camera.is_parallel else NO_SCALE
    words = (rendering.preset, slab, view_words(rendering.camera), scale)
    first = METHOD_WORDS.get(rendering.method) or FLAT.get(rendering.method, rendering.method)
    return [(first, style.caption, INK), (", ".join(part for part in words if part), style.small, INK)]


def _identity_lines(identity: Source | None, style: Style) -> Lines:
    """Name, ID and study date; a person name in its first form (PS3.5 6.2.1.1), a date as 2026-01-31."""
    if identity is None:
        return []
    family, *given = identity.patient.name.split("=")[0].split("^")
    name = ", ".join(part for part in (family, " ".join(part for part in given if part)) if part)
    match = re.fullmatch(r"(\d{4})\.?(\d\d)\.?(\d\d)", identity.study.date)
    date = "-".join(match.groups()) if match else identity.study.date
    second = "  ".join(part for part in (_plain(identity.patient.id), _plain(date)) if part)
    return [(_plain(name) or "no name", style.caption, INK), (second or "no ID", style.small, INK)]


def _draw_corner(sheet: Sheet, rendering: Rendering) -> None:
    """The scale bar in the lower right corner, and the cube above it."""
    style = sheet.style
    top = style.height - style.margin
    bar = scale_bar_mm(style.width, rendering.pixel_spacing_mm) if rendering.camera.is_parallel else None
    if bar is not None:
        top -= round(2.2 * style.caption) + style.margin
    if style.short >= CUBE_FROM_PX and rendering.method != CURVED:
        draw_cube(sheet, rendering.camera, style.width - style.margin, top)
    if bar is not None:
        _draw_scale(sheet, bar, rendering.pixel_spacing_mm)


def _draw_scale(sheet: Sheet, length_mm: int, spacing_mm: float) -> None:
    """A bar with a tick at each end in the lower right corner; ticks are ``length / spacing`` apart."""
    style = sheet.style
    length = round(length_mm / spacing_mm)
    thick, tick = style.line, style.line + max(2, style.caption // 3)
    right = style.width - style.margin - style.halo - thick
    left, bottom = right - length, style.height - style.margin - style.halo - 1
    rows = (bottom - thick + 1, bottom)
    boxes = [(left, rows[0], right + thick - 1, rows[1])]
    boxes += [(x, bottom - tick + 1, x + thick - 1, bottom) for x in (left, right)]
    for box in boxes:
        sheet.box(*box, INK)
    label_at = ((left + right + thick) / 2, bottom - tick - style.halo)
    sheet.text(label_at, f"{length_mm} mm", style.caption, "md", INK)


def _draw_depth_scale(sheet: Sheet, ends_mm: tuple[float, float]) -> None:
    """Colours from near (below) to far (above) at the right border, with the distance between the two ends in mm.

    Distances count from the near end: where the camera stands says nothing to a reader.
    """
    style = sheet.style
    step, wide = max(1, round(style.short * 0.2 / DEPTH_STEPS)), max(3, style.margin)
    right, top = style.width - style.margin - style.halo, round(style.height * 0.28)
    bottom = top + DEPTH_STEPS * step
    for n in range(DEPTH_STEPS):
        color = color_at((n + 0.5) / DEPTH_STEPS)
        sheet.box(right - wide + 1, bottom - (n + 1) * step, right, bottom - n * step - 1, color)
    beside = right - wide - 2 * style.halo - 1
    sheet.text((beside, top), f"{ends_mm[1] - ends_mm[0]:.0f} mm deep", style.small, "ra", INK)
    sheet.text((beside, bottom), "0 mm, near", style.small, "rd", INK)


def _draw_lines(sheet: Sheet, lines: Lines, anchor: str) -> None:
    """Stack lines of (text, size, ink) away from the corner that ``anchor`` names."""
    style = sheet.style
    room = style.width / 2 - style.margin - 1.5 * style.letter
    x = style.margin if anchor[0] == "l" else style.width - style.margin
    y = float(style.margin if anchor[1] == "a" else style.height - style.margin)
    if style.short < CAPTIONS_FROM_PX:  # a line of its own above the lower letter
        room, y = style.width - 2 * style.margin, y - style.letter * 1.3
    for text, size, ink in lines if anchor[1] == "a" else reversed(lines):
        if text:
            fitted, smaller = _fit(sheet, text, size, room)
            sheet.text((x, y), fitted, smaller, anchor, ink)
            y += size * 1.35 if anchor[1] == "a" else -size * 1.35


def _fit(sheet: Sheet, text: str, size: int, room: float) -> tuple[str, int]:
    """Shrink by up to a quarter, then shorten the text, until it takes at most ``room`` pixels."""
    smallest = max(SMALLEST_TEXT_PX, round(size * 0.75))
    for smaller in range(size, smallest - 1, -1):
        if sheet.text_length(text, smaller) <= room:
            return text, smaller
    while len(text) > 1 and sheet.text_length(text + "…", smallest) > room:
        text = text[:-1].rstrip()
    return text + "…", smallest


def _plain(text: str) -> str:
    """``text`` in the letters that the built-in font has: ASCII, accents dropped, other scripts as ``?``."""
    split = unicodedata.normalize("NFKD", " ".join(text.split()))
    return "".join(c if " " <= c <= "~" else "?" for c in split if not unicodedata.combining(c))
