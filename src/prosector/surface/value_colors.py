"""Colours of values on a mesh, from striking at the low end of their range to quiet at the high end."""

from __future__ import annotations

import numpy as np

from prosector.model.geometry import Array
from prosector.model.mesh import Mesh

ANCHORS = (
    (0.0, (165, 0, 38)),
    (0.2, (230, 95, 50)),
    (0.4, (250, 185, 90)),
    (0.6, (240, 235, 165)),
    (0.8, (130, 185, 215)),
    (1.0, (50, 80, 160)),
)
"""Place in the range and sRGB; lightness tells the middle from the ends, so that it reads without red and green."""


def value_colors(mesh: Mesh) -> Array:
    """(n, 3) uint8 sRGB of a mesh that has values."""
    assert mesh.values is not None
    values = mesh.values.astype(np.float64)
    low, high = mesh.value_range or (float(values.min()), float(values.max()))
    share = np.clip((values - low) / (high - low if high > low else 1.0), 0, 1)
    places = [place for place, _ in ANCHORS]
    channels = [np.interp(share, places, [rgb[n] for _, rgb in ANCHORS]) for n in range(3)]
    return np.asarray(np.rint(np.column_stack(channels)).astype(np.uint8))
