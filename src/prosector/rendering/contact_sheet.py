"""Many small pictures on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from prosector.atomic import atomic_path
from prosector.model.geometry import Array
from prosector.model.window import Window

TILE = 256
CAPTION = 34
COLUMNS = 4
GAP = 8
MAX_CAPTION = 200
LARGEST = 1e37
"""Values beyond this are shown as this: their differences would leave float32."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Values (rows, columns) or None where there are none, (row, column) spacing in mm, and what it is."""

    values: Array | None
    spacing_mm: tuple[float, float]
    caption: str


def write_sheet(path: str | Path, tiles: Sequence[Tile]) -> None:
    """Write a contact sheet as PNG, each tile in true proportion and windowed by its own values.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    page = Image.new("RGB", (columns * (TILE + GAP) + GAP, rows * (TILE + CAPTION + GAP) + GAP), (24, 24, 28))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=12)
    for n, tile in enumerate(tiles):
        left = GAP + n % columns * (TILE + GAP)
        top = GAP + n // columns * (TILE + CAPTION + GAP)
        draw.rectangle((left, top, left + TILE - 1, top + TILE - 1), fill=(0, 0, 0))
        if tile.values is not None:
            picture = _fitted(tile.values, tile.spacing_mm)
            page.paste(picture, (left + (TILE - picture.width) // 2, top + (TILE - picture.height) // 2))
        for line, text in enumerate(_lines(tile.caption, draw, font)):
            draw.text((left, top + TILE + 3 + 15 * line), text, font=font, fill=(225, 225, 225))
    with atomic_path(path) as partial:
        page.save(partial, format="PNG")


def _fitted(values: Array, spacing_mm: tuple[float, float]) -> Image.Image:
    finite = values[np.isfinite(values)]
    ends = np.percentile(finite.astype(np.float64), [1, 99.5]) if finite.size else np.array([0.0, 1.0])
    low, high = np.clip(ends, -LARGEST, LARGEST).tolist()
    grey = Window((low + high) / 2, max(high - low, 1e-3)).apply(np.clip(np.nan_to_num(values, nan=low), low, high))
    height_mm, width_mm = values.shape[0] * spacing_mm[0], values.shape[1] * spacing_mm[1]
    scale = TILE / max(height_mm, width_mm)
    size = (max(1, round(width_mm * scale)), max(1, round(height_mm * scale)))
    return Image.fromarray(grey).resize(size, Image.Resampling.LANCZOS).convert("RGB")


def _drawable(text: str) -> str:
    """Text that can be drawn: without lone halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _lines(
    caption: str, draw: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont
) -> tuple[str, ...]:
    """At most two lines that fit the tile."""
    lines: list[str] = []
    rest = " ".join(caption.split())[:MAX_CAPTION]
    while rest and len(lines) < 2:
        count = len(rest)
        while count > 1 and draw.textlength(_drawable(rest[:count]), font=font) > TILE:
            count -= 1
        lines.append(_drawable(rest[:count]))
        rest = rest[count:].strip()
    return tuple(lines)
