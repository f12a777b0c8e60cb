"""What is drawn over a picture: small patches of letters and boxes, collected on a sheet and laid on at once.

A patch is drawn on a finer grid and averaged down, so that letters are crisp and evenly spaced at any size. Text
patches are kept: the captions of a cine are drawn once, not once a frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from prosector.model.geometry import Array

INK = (255, 255, 255)
OUTLINE = (0, 0, 0)
ALERT = (255, 190, 60)
SMALLEST_TEXT_PX = 6
FINE_PX = 1600
"""The finer grid of a picture has about this many points along its shorter side, at most four a pixel."""

TILE_PX = 64
HALO_STRENGTH = [min(230, v * 3 // 2) for v in range(256)]

Ink = tuple[int, int, int]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


@dataclass(frozen=True)
class Style:
    """Sizes in pixels, all from the picture's shorter side."""

    width: int
    height: int

    @property
    def short(self) -> int:
        """The shorter side."""
        return min(self.width, self.height)

    @property
    def letter(self) -> int:
        """Size of the orientation letters."""
        return max(SMALLEST_TEXT_PX + 2, round(self.short * 0.042))

    @property
    def caption(self) -> int:
        """Size of the first line of a caption."""
        return max(SMALLEST_TEXT_PX, round(5 + self.short * 0.0165))

    @property
    def small(self) -> int:
        """Size of the lines below it."""
        return max(SMALLEST_TEXT_PX, round(self.caption * 0.85))

    @property
    def margin(self) -> int:
        """Distance from the border."""
        return max(2, round(self.short * 0.016))

    @property
    def line(self) -> int:
        """Thickness of the scale bar."""
        return max(1, round(self.short / 360))

    @property
    def halo(self) -> int:
        """Width of the dark halo around everything that is drawn."""
        return max(1, round(self.short / 400))

    @property
    def fine(self) -> int:
        """Points of the finer grid along a pixel."""
        return max(1, min(4, FINE_PX // self.short))


@dataclass(frozen=True)
class Patch:
    """An ink mask and the halo below it; ``offset`` is from the place that it is drawn at to its corner."""

    offset: tuple[int, int]
    ink: Image.Image
    halo: Image.Image


class Sheet:
    """What is to be drawn: one mask for each ink, and one for the halo below them all."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self._masks: dict[Ink, Image.Image] = {}
        self._touched: dict[Ink, set[tuple[int, int]]] = {OUTLINE: set()}
        self._halo = self._blank()

    def text(self, at: tuple[float, float], text: str, size: int, anchor: str, ink: Ink) -> None:
        """Write a line; ``anchor`` is Pillow's (``lm``: left, middle)."""
        if text:
            self.lay(at, text_patch(text, size, anchor, self.style.halo, self.style.fine), ink)

    def text_length(self, text: str, size: int) -> float:
        """Width of a line of text in pixels."""
        return font_of(size * self.style.fine).getlength(text) / self.style.fine

    def box(self, left: int, top: int, right: int, bottom: int, ink: Ink) -> None:
        """Fill a box; the pixels at ``right`` and ``bottom`` belong to it."""
        pad = 4 * self.style.halo
        size = (right - left + 1 + 2 * pad, bottom - top + 1 + 2 * pad)
        mask, halo = Image.new("L", size), Image.new("L", size)
        inner = (pad, pad, size[0] - pad - 1, size[1] - pad - 1)
        ImageDraw.Draw(mask).rectangle(inner, fill=255)
        grow = self.style.halo
        grown = (inner[0] - grow, inner[1] - grow, inner[2] + grow, inner[3] + grow)
        ImageDraw.Draw(halo).rectangle(grown, fill=255)
        self.lay((left, top), Patch((-pad, -pad), mask, softened(halo, self.style.halo)), ink)

    def lay(self, at: tuple[float, float], patch: Patch, ink: Ink) -> None:
        """Lay a patch down; where patches overlap, the stronger counts."""
        corner = (round(at[0]) + patch.offset[0], round(at[1]) + patch.offset[1])
        for color, mask, part in ((ink, self._mask(ink), patch.ink), (OUTLINE, self._halo, patch.halo)):
            box = (*corner, corner[0] + part.width, corner[1] + part.height)
            mask.paste(ImageChops.lighter(mask.crop(box), part), corner)
            self._touched[color].update(self._tiles(box))

    def onto(self, pixels: Array) -> Array:
        """Darken under the halo, then lay the inks on in the order in which they were first used."""
        image = Image.fromarray(np.array(pixels))
        for ink, mask in ((OUTLINE, self._halo), *self._masks.items()):
            for left, top in sorted(self._touched[ink]):
                box = (left, top, min(left + TILE_PX, image.width), min(top + TILE_PX, image.height))
                image.paste(ink, box, mask.crop(box))
        return np.asarray(image)

    def _tiles(self, box: tuple[int, int, int, int]) -> Iterator[tuple[int, int]]:
        """Corners of the tiles that a box lies in: most of a picture is left as it is."""
        left, top = max(0, box[0]), max(0, box[1])
        right, bottom = min(self.style.width, box[2]), min(self.style.height, box[3])
        for x in range(left // TILE_PX * TILE_PX, right, TILE_PX):
            yield from ((x, y) for y in range(top // TILE_PX * TILE_PX, bottom, TILE_PX))

    def _mask(self, ink: Ink) -> Image.Image:
        if ink not in self._masks:
            self._masks[ink] = self._blank()
            self._touched[ink] = set()
        return self._masks[ink]

    def _blank(self) -> Image.Image:
        return Image.new("L", (self.style.width, self.style.height))


@lru_cache(maxsize=256)
def text_patch(text: str, size: int, anchor: str, halo: int, fine: int) -> Patch:
    """A line of text, anchored at the patch's origin."""
    font, stroke, pad = font_of(size * fine), halo * fine, 3 * halo
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = probe.textbbox((0, 0), text, font=font, anchor=anchor, stroke_width=stroke)
    x, y = math.floor(left / fine) - pad, math.floor(top / fine) - pad
    width, height = math.ceil(right / fine) + pad - x, math.ceil(bottom / fine) + pad - y
    masks = []
    for stroke_width in (0, stroke):
        mask = Image.new("L", (width * fine, height * fine))
        at = (-x * fine, -y * fine)
        ImageDraw.Draw(mask).text(at, text, fill=255, font=font, anchor=anchor, stroke_width=stroke_width)
        masks.append(mask.reduce(fine))
    return Patch((x, y), masks[0], softened(masks[1], halo))


def softened(halo: Image.Image, width: int) -> Image.Image:
    """A halo with a soft border, not quite black."""
    return halo.filter(ImageFilter.GaussianBlur(width)).point(HALO_STRENGTH)


@lru_cache(maxsize=64)
def font_of(size: int) -> Font:
    """The built-in font in a size."""
    return ImageFont.load_default(size=size)
