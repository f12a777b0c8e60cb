"""Where the data cannot support a number: truncation, thick slices, elongated voxels, too few voxels.

Motion is not looked for: one reconstructed volume does not tell a moved vessel from a bent one.
"""

from __future__ import annotations

import numpy as np

from prosector.model.geometry import Array, Geometry
from prosector.model.source import Source

FEWEST_ACROSS = 4
"""Voxels across an object below which half a voxel at either side is a quarter of it."""

FEWEST_SLICES = 4
"""Slices that an object reaches through, below which its shape across them is hardly known."""

ELONGATED = 2.0
"""Longest over shortest grid step."""

GAP_SHARE = 1.05
"""Slices further apart than this many times their thickness leave tissue out."""

_SIDES = (("first slice", "last slice"), ("first row", "last row"), ("first column", "last column"))


def grid_warnings(geometry: Geometry, source: Source | None = None) -> tuple[str, ...]:
    """What the grid itself leaves open, whatever is measured on it."""
    found = []
    steps = geometry.spacing_mm
    if max(steps) > ELONGATED * min(steps):
        found.append(
            f"voxels are elongated ({' × '.join(f'{s:.2f}' for s in steps)} mm): less is known along the longest step"
        )
    thickness = source.acquisition.slice_thickness_mm if source else None
    if thickness and geometry.slice_distance_mm > GAP_SHARE * thickness:
        found.append(
            f"slices {thickness:.2f} mm thick lie {geometry.slice_distance_mm:.2f} mm apart: "
            "tissue between was not seen"
        )
    return tuple(found)


def object_warnings(mask: Array, geometry: Geometry, source: Source | None = None) -> tuple[str, ...]:
    """What the data leave open about one object: (k, j, i) boolean mask that is not empty, on its whole grid."""
    span = []
    for axis in range(3):
        there = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        span.append((int(there[0]), int(there[-1]) + 1))
    return span_warnings(tuple(span), geometry, source)


def span_warnings(
    span: tuple[tuple[int, int], ...], geometry: Geometry, source: Source | None = None
) -> tuple[str, ...]:
    """The same from the object's first and one-past-last index along k, j and i."""
    spans = [end - first for first, end in span]
    cut = []
    for (first, end), size, sides in zip(span, geometry.shape, _SIDES, strict=True):
        cut += [side for side, reaches in zip(sides, (first == 0, end == size), strict=True) if reaches]
    found = []
    if cut:
        found.append(f"it reaches the border of the volume ({', '.join(cut)}): what lies beyond is not counted")
    if spans[0] < FEWEST_SLICES:
        found.append(f"it reaches through {spans[0]} slice(s) only, {geometry.slice_distance_mm:.2f} mm apart")
    thickness = source.acquisition.slice_thickness_mm if source else None
    height = spans[0] * geometry.slice_distance_mm
    if thickness and height < FEWEST_SLICES * thickness and spans[0] >= FEWEST_SLICES:
        found.append(f"slices are {thickness:.2f} mm thick, it is {height:.1f} mm high: its ends are blurred")
    if min(spans[1:]) < FEWEST_ACROSS:
        found.append(f"it is {min(spans[1:])} voxel(s) across within the slices: its size is known to about a voxel")
    return (*found, *grid_warnings(geometry, source))
