"""The pixels of a report's images, small enough for a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from prosector.case.state import CaseState
from prosector.dicom.preview import read_preview
from prosector.errors import ProsectorError
from prosector.model.cine import Cine
from prosector.model.geometry import Array
from prosector.model.rendering import Rendering
from prosector.pipeline.operation import Value
from prosector.rendering.png import encode_png, read_png
from prosector.report.document import Report

LONGEST_PX = 640
"""A picture's longer side is at most this long: 300 dpi at the width of a third of a page."""


def pictures_of_case(folder: str | Path, state: CaseState, report: Report) -> dict[int, bytes]:
    """PNG files by image number, from what the case holds: a PNG of the picture, else its DICOM object.

    A cine shows its first frame. Images of which neither was kept are absent.
    """
    folder, found = Path(folder), {}
    for image in report.images:
        if image.number in found:
            continue
        same = [row for row in state.outputs.values() if row.value_sha256 == image.value_sha256]
        for path in sorted((folder / row.file for row in same), key=_preference):
            pixels = _pixels(path)
            if pixels is not None:
                found[image.number] = encode_png(reduced(pixels))
                break
    return found


def pictures_of_result(values: Mapping[str, Value], report: Report) -> dict[int, bytes]:
    """PNG files by image number, from the values of a run."""
    found = {}
    shown = [value for value in values.values() if isinstance(value, (Rendering, Cine))]
    for image, value in zip(report.images, shown, strict=True):
        found[image.number] = encode_png(reduced(value.frames[0] if isinstance(value, Cine) else value.pixels))
    return found


def reduced(pixels: Array) -> Array:
    """(height, width, 3) pixels with blocks of n × n averaged into one; a rest at the right and the bottom is cut."""
    n = -(-max(pixels.shape[:2]) // LONGEST_PX)
    height, width = (side // n for side in pixels.shape[:2])
    if n == 1 or not height or not width:
        return pixels
    blocks = pixels[: height * n, : width * n].reshape(height, n, width, n, 3)
    return np.asarray(np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8))


def _preference(path: Path) -> int:
    order = (".png", ".frames", ".dcm")
    return order.index(path.suffix) if path.suffix in order else len(order)


def _pixels(path: Path) -> Array | None:
    """RGB of the first frame, or None where the file is gone or of another kind."""
    try:
        if path.suffix == ".frames" and path.is_dir():
            return read_png(min(path.glob("*.png")))
        if path.suffix == ".png":
            return read_png(path)
        return read_preview(path) if path.suffix == ".dcm" else None
    except (ProsectorError, OSError, ValueError):
        return None
