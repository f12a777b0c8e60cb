"""Colour by depth: red near, over yellow, green and cyan, to blue far; brightness stays the value's."""

from __future__ import annotations

import numpy as np

from prosector.model.geometry import Array

PERCENTILES = (2.0, 98.0)
"""Share of the depths in a picture that is nearer than the scale's near end, and than its far end."""

SCALE_RGB = (
    (1.00, 0.35, 0.25),
    (1.00, 0.80, 0.25),
    (0.55, 0.95, 0.40),
    (0.30, 0.85, 0.95),
    (0.40, 0.50, 1.00),
)
"""Colours at equal distances from the near end to the far end."""


def depth_range(depth_mm: Array) -> tuple[float, float]:
    """Near and far end of the scale, mm, for a picture's depths; beyond them the colour stays the same."""
    seen = depth_mm[np.isfinite(depth_mm)]
    if seen.size == 0:
        return 0.0, 1.0
    near, far = (float(v) for v in np.percentile(seen, PERCENTILES))
    return near, max(far, near + 1.0)


def color_at(share: float) -> tuple[int, int, int]:
    """The scale's colour (0 to 255) at a share of the way from the near end to the far end, at full brightness."""
    place = min(max(share, 0.0), 1.0) * (len(SCALE_RGB) - 1)
    red, green, blue = (
        round(255 * float(np.interp(place, np.arange(len(SCALE_RGB)), c))) for c in zip(*SCALE_RGB, strict=True)
    )
    return red, green, blue


def colored_by_depth(grey: Array, depth_mm: Array, ends_mm: tuple[float, float]) -> Array:
    """(height, width, 3) uint8: each pixel's grey (uint8) in the colour of its depth."""
    near, far = ends_mm
    place = np.clip((np.nan_to_num(depth_mm) - near) / (far - near), 0, 1) * (len(SCALE_RGB) - 1)
    knots = np.arange(len(SCALE_RGB))
    colors = np.stack([np.interp(place, knots, [c[n] for c in SCALE_RGB]) for n in range(3)], axis=-1)
    return np.rint(colors * grey[..., np.newaxis]).astype(np.uint8)
