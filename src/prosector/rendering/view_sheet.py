"""Six views of one method on one page, as a radiologist lays them out: all at one scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from prosector._version import __version__
from prosector.atomic import atomic_path
from prosector.errors import ParameterError
from prosector.model.camera import fit_camera, view_angles
from prosector.model.geometry import Array, Geometry
from prosector.model.rendering import Rendering

SHEET_VIEWS = ("anterior", "left", "superior", "posterior", "right", "inferior")
"""Row by row."""

SHEET_COLUMNS = 3
GAP_PX = 4
GAP_GREY = 64


def sheet_zooms(geometry: Geometry, size: tuple[int, int], zoom: float = 1.0) -> dict[str, float]:
    """Zoom of each view that gives all of them one scale, with the largest still whole."""
    heights = {view: fit_camera(geometry, size, *view_angles(view)).height_mm for view in SHEET_VIEWS}
    largest = max(heights.values())
    return {view: zoom * height / largest for view, height in heights.items()}


def view_sheet(renderings: Sequence[Rendering], columns: int = SHEET_COLUMNS) -> Array:
    """Lay pictures of one size out row by row.

    Returns
    -------
    (height, width, 3) uint8 array
        With a grey line between the pictures.

    Raises
    ------
    ParameterError
        If there is no picture, or they differ in size.
    """
    if not renderings or len({rendering.size for rendering in renderings}) > 1:
        raise ParameterError("a sheet is made of pictures of one size, at least one")
    width, height = renderings[0].size
    columns = min(columns, len(renderings))
    rows = -(-len(renderings) // columns)
    shape = (rows * (height + GAP_PX) - GAP_PX, columns * (width + GAP_PX) - GAP_PX, 3)
    page = np.full(shape, GAP_GREY, dtype=np.uint8)
    for number in range(rows * columns):
        top, left = number // columns * (height + GAP_PX), number % columns * (width + GAP_PX)
        page[top : top + height, left : left + width] = renderings[number].pixels if number < len(renderings) else 0
    return page


def write_view_sheet(path: str | Path, renderings: Sequence[Rendering]) -> None:
    """Write the pictures as one PNG; the same pictures give the same bytes.

    Raises
    ------
    ParameterError
        As :func:`view_sheet`.
    OutputError
        If the file cannot be written.
    """
    page = view_sheet(renderings)
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", f"Prosector {__version__}")
    text.add_text("Disclaimer", "Not for diagnosis")
    if any(rendering.burned_in_identity for rendering in renderings):
        text.add_text("Burned In Annotation", "YES")
    with atomic_path(path) as partial:
        Image.fromarray(page).save(partial, format="PNG", pnginfo=text)
