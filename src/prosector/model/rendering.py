"""A picture of a volume."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from prosector.errors import InputError
from prosector.model.camera import Camera
from prosector.model.geometry import Array, frozen

STILL = "still"
INTERACTIVE = "interactive"
TIERS = (STILL, INTERACTIVE)


@dataclass(frozen=True, eq=False)
class Rendering:
    """Pixels and how they came about.

    Parameters
    ----------
    pixels : (height, width, 3) uint8 array
        RGB as displayed.
    camera : Camera
    method : str
        ``mip``, ``minip``, ``average``, ``volume`` or ``surface``.
    preset : str
        Name of the preset, or empty.
    letters : dict
        Patient direction at ``left, right, top, bottom``.
    values : (height, width) float32 array or None
        A projection's values in modality units, NaN where the ray missed the volume.
    annotated : bool
        Whether letters, scale bar and captions were drawn into the pixels.
    burned_in_identity : bool
        Whether the pixels say who the patient is.
    tier : str
        ``still``: exact, may be archived. ``interactive``: made in a hurry, for turning a volume by hand; never
        archived.
    depth_ends_mm : (near, far) or None
        What the ends of the colour scale stand for where colour is depth, mm along the rays.
    """

    pixels: Array
    camera: Camera
    method: str
    preset: str = ""
    letters: dict[str, str] = field(default_factory=dict)
    values: Array | None = None
    annotated: bool = False
    burned_in_identity: bool = False
    tier: str = STILL
    depth_ends_mm: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        pixels = frozen(self.pixels, np.uint8)
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise InputError(f"a rendering's pixels are (height, width, 3); found {pixels.shape}")
        if self.tier not in TIERS:
            raise InputError(f"a rendering's tier is one of {', '.join(TIERS)}; found {self.tier!r}")
        object.__setattr__(self, "pixels", pixels)
        if self.values is not None:
            object.__setattr__(self, "values", frozen(self.values, np.float32))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def pixel_spacing_mm(self) -> float:
        """Side of a pixel; true anywhere in a parallel view, and in the plane through the centre of another."""
        return self.camera.pixel_spacing_mm(self.size)

    def require_still(self) -> None:
        """Raise InputError unless the rendering may be archived."""
        if self.tier != STILL:
            raise InputError(f"only a finished picture can be archived; this one is {self.tier}: render it to its end")
