"""A contact sheet of the series in a folder: the middle slice of each volume."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prosector.dicom.middle import middle_slice
from prosector.errors import EmptyResultError, ProsectorError
from prosector.rendering.contact_sheet import Tile, write_sheet

if TYPE_CHECKING:
    from prosector.dicom.scan import Scan
    from prosector.model.progress import Progress


def write_contact_sheet(path: Path, found: Scan, progress: Progress) -> None:
    """Write one tile a volume; volumes that cannot be decoded are shown as such."""
    tiles = []
    for n, series in enumerate(found.series):
        progress("reading middle slices", n / len(found.series))
        for number, assessed in enumerate(series.volumes, 1):
            if assessed.stack is None:
                continue
            name = f"{series.modality} {series.description}".strip()
            several = f" (volume {number})" if len(series.volumes) > 1 else ""
            try:
                plane, spacing_mm = middle_slice(assessed.stack)
                tiles.append(Tile(plane, spacing_mm, f"{name}{several}"))
            except ProsectorError as error:
                tiles.append(Tile(None, (1.0, 1.0), f"{name}{several}: {type(error).__name__}"))
    if not tiles:
        raise EmptyResultError("no series makes a volume, so there is nothing to show on a contact sheet")
    write_sheet(path, tiles)
