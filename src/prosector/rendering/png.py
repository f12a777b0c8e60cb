"""Renderings as PNG files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from prosector._version import __version__
from prosector.atomic import atomic_path
from prosector.errors import FileFormatError
from prosector.model.geometry import Array
from prosector.model.rendering import Rendering
from prosector.rendering.presets import METHOD_WORDS

METRES_PER_INCH = 0.0254
COMPRESS_LEVEL = 6


def write_png(path: str | Path, rendering: Rendering) -> None:
    """Write a rendering as 8-bit RGB; the same rendering gives the same bytes.

    The pixel spacing of a parallel view goes into pHYs (whole pixels per metre, PNG specification 11.3.5.3)
    and, exactly, into a tEXt chunk beside software, method, preset and orientation. Nothing beside the pixels
    says who the patient is; where the pixels do, ``Burned In Annotation`` is YES.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    density: dict[str, Any] = {}
    if rendering.camera.is_parallel:
        per_inch = max(1.0, 1000.0 / rendering.pixel_spacing_mm) * METRES_PER_INCH
        density["dpi"] = (per_inch, per_inch)
    with atomic_path(path) as partial:
        Image.fromarray(rendering.pixels).save(
            partial,
            format="PNG",
            compress_level=COMPRESS_LEVEL,
            pnginfo=_text(rendering),
            **density,
        )


def encode_png(pixels: Array) -> bytes:
    """(height, width, 3) uint8 pixels as a PNG file in memory, the same bytes for the same pixels."""
    out = BytesIO()
    Image.fromarray(pixels).save(out, format="PNG", compress_level=COMPRESS_LEVEL)
    return out.getvalue()


def read_png(path: str | Path) -> Array:
    """(height, width, 3) uint8 pixels of a picture.

    Raises
    ------
    FileFormatError
        If it is no PNG.
    """
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return np.array(picture.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise FileFormatError(f"{Path(path).name} is no PNG: {error}") from error


def _text(rendering: Rendering) -> PngImagePlugin.PngInfo:
    letters = rendering.letters
    entries = {
        "Software": f"Prosector {__version__}",
        "Method": METHOD_WORDS.get(rendering.method, rendering.method),
        "Preset": rendering.preset,
        "Orientation": " ".join(f"{side}={letters[side]}" for side in sorted(letters)),
        "Pixel spacing": f"{rendering.pixel_spacing_mm:.6g} mm" if rendering.camera.is_parallel else "",
        "Burned In Annotation": "YES" if rendering.burned_in_identity else "",
        "Disclaimer": "Not for diagnosis",
    }
    info = PngImagePlugin.PngInfo()
    for key, value in entries.items():
        if value:
            info.add_text(key, value)
    return info
