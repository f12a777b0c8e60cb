"""Orientation letters, scale bar and captions, drawn into a rendering."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from prosector.errors import ParameterError
from prosector.model.camera import VIEWS, Camera, orientation_letters, view_angles
from prosector.model.geometry import Array
from prosector.model.rendering import Rendering
from prosector.rendering.presets import METHOD_WORDS

SCALE_LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)
SCALE_SHARE = 0.3
"""The scale bar is the longest round length that takes at most this share of the picture's width."""

INK = (255, 255, 255)
OUTLINE = (0, 0, 0)
ALERT = (255, 190, 60)
NOT_SUPERVISED = "NOT SUPERVISED"
DISCLAIMER = "Prosector, not for diagnosis"
SMALLEST_TEXT_PX = 6
FINE_PX = 1600
CAPTIONS_FROM_PX = 192
"""Pictures with a shorter side than this carry letters and the marker only: captions would cover them."""

Ink = tuple[int, int, int]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


@dataclass(frozen=True)
class _Style:
    """Sizes in pixels, all from the picture's shorter side."""

    width: int
    height: int

    @property
    def short(self) -> int:
        return min(self.width, self.height)

    @property
    def letter(self) -> int:
        return max(SMALLEST_TEXT_PX + 2, round(self.short * 0.042))

    @property
    def caption(self) -> int:
        return max(SMALLEST_TEXT_PX, round(5 + self.short * 0.0165))

    @property
    def small(self) -> int:
        return max(SMALLEST_TEXT_PX, round(self.caption * 0.85))

    @property
    def margin(self) -> int:
        return max(2, round(self.short * 0.016))

    @property
    def line(self) -> int:
        """Thickness of the scale bar."""
        return max(1, round(self.short / 360))

    @property
    def halo(self) -> int:
        """Width of the dark halo around everything that is drawn."""
        return max(1, round(self.short / 400))


class _Sheet:
    """What is to be drawn, collected first: one mask for each ink, and one for the halo below them.

    Small pictures are drawn on a finer grid, since letters of a few pixels are spaced unevenly otherwise.
    """

    def __init__(self, style: _Style) -> None:
        self.style = style
        self._fine = max(1, min(4, FINE_PX // style.short))
        self._masks: dict[Ink, Image.Image] = {}
        self._halo = self._blank()

    def text(self, at: tuple[float, float], text: str, size: int, anchor: str, ink: Ink) -> None:
        fine, font = self._fine, self._font(size)
        at = (round(at[0]) * fine, round(at[1]) * fine)
        ImageDraw.Draw(self._mask(ink)).text(at, text, fill=255, font=font, anchor=anchor)
        stroke = self.style.halo * fine
        ImageDraw.Draw(self._halo).text(at, text, fill=255, font=font, anchor=anchor, stroke_width=stroke)

    def text_length(self, text: str, size: int) -> float:
        """Width of a line of text in pixels."""
        return ImageDraw.Draw(self._halo).textlength(text, font=self._font(size)) / self._fine

    def box(self, left: int, top: int, right: int, bottom: int, ink: Ink) -> None:
        """Fill a box; the pixels at ``right`` and ``bottom`` belong to it."""
        for mask, grow in ((self._mask(ink), 0), (self._halo, self.style.halo)):
            corners = (left - grow, top - grow, right + grow + 1, bottom + grow + 1)
            x0, y0, x1, y1 = (v * self._fine for v in corners)
            ImageDraw.Draw(mask).rectangle((x0, y0, x1 - 1, y1 - 1), fill=255)

    def onto(self, pixels: Array) -> Array:
        """Darken under the halo, then lay the inks on."""
        image = Image.fromarray(np.array(pixels))
        soft = self._halo.reduce(self._fine).filter(ImageFilter.GaussianBlur(self.style.halo))
        image.paste(OUTLINE, mask=soft.point(lambda v: min(230, v * 3 // 2)))
        for ink, mask in self._masks.items():
            image.paste(ink, mask=mask.reduce(self._fine))
        return np.asarray(image)

    def _mask(self, ink: Ink) -> Image.Image:
        if ink not in self._masks:
            self._masks[ink] = self._blank()
        return self._masks[ink]

    def _blank(self) -> Image.Image:
        return Image.new("L", (self.style.width * self._fine, self.style.height * self._fine))

    def _font(self, size: int) -> Font:
        return ImageFont.load_default(size=size * self._fine)


def annotate(
    rendering: Rendering,
    *,
    modality: str = "",
    description: str = "",
    supervised: bool = False,
) -> Rendering:
    """Draw orientation letters, a scale bar and captions; return a new rendering.

    White on a soft dark halo, so that it is read on any background. Sizes follow the picture's. Captions
    never name the patient; ``description`` is the caller's to check.

    Parameters
    ----------
    rendering : Rendering
        Not annotated yet.
    modality, description : str
        Of the series, for the upper right corner; letters that the font does not have are replaced.
    supervised : bool
        False draws ``NOT SUPERVISED`` in plain sight.

    Raises
    ------
    ParameterError
        If the rendering is annotated already.
    """
    if rendering.annotated:
        raise ParameterError("this rendering is annotated already; annotate the one that it was made from")
    style = _Style(*rendering.size)
    sheet = _Sheet(style)
    _draw_letters(sheet, rendering.letters or orientation_letters(rendering.camera))
    marker = [] if supervised else [(NOT_SUPERVISED, style.caption, ALERT)]
    if style.short >= CAPTIONS_FROM_PX:
        _draw_scale(sheet, rendering.pixel_spacing_mm)
        first = METHOD_WORDS.get(rendering.method, rendering.method)
        second = ", ".join(part for part in (rendering.preset, view_words(rendering.camera)) if part)
        _draw_lines(sheet, [(first, style.caption, INK), (second, style.small, INK)], "la")
        series = [(_plain(modality), style.caption, INK), (_plain(description), style.small, INK)]
        _draw_lines(sheet, series, "ra")
        marker.append((DISCLAIMER, style.small, INK))
    _draw_lines(sheet, marker, "ld")
    return replace(rendering, pixels=sheet.onto(rendering.pixels), annotated=True)


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


def _draw_letters(sheet: _Sheet, letters: dict[str, str]) -> None:
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


def _draw_scale(sheet: _Sheet, spacing_mm: float) -> None:
    """A bar with a tick at each end in the lower right corner; ticks are ``length / spacing`` apart."""
    style = sheet.style
    length_mm = scale_bar_mm(style.width, spacing_mm)
    if length_mm is None:
        return
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


def _draw_lines(sheet: _Sheet, lines: list[tuple[str, int, Ink]], anchor: str) -> None:
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


def _fit(sheet: _Sheet, text: str, size: int, room: float) -> tuple[str, int]:
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
