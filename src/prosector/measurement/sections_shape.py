"""Sizes of a vessel's sections: area, perimeter and four diameters, each with its definition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.kernels.sections import inscribed_circles
from prosector.measurement.sections import Sections
from prosector.model.geometry import Array

DIRECTIONS = 90
"""Directions over half a turn in which a section's width is taken: the largest is missed by 0.02 % at most."""


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of n sections, each (n,); NaN where the rim is cut open.

    ``inscribed`` diameter of the largest circle in the section; ``equivalent`` that of the circle of the same area;
    ``least_feret`` and ``greatest_feret`` its least and greatest width between parallel lines; mm, mm².
    """

    area: Array
    perimeter: Array
    inscribed: Array
    equivalent: Array
    least_feret: Array
    greatest_feret: Array


def sizes_of(sections: Sections) -> Sizes:
    """Sizes from the rims as found."""
    return rim_sizes(sections.radii_mm, sections.is_open)


def rim_sizes(radii: Array, is_open: Array) -> Sizes:
    """Sizes of rims given as (n, angles) radii at even angles; single missing rays are bridged.

    Area and perimeter are those of the polygon through the rim's points, made up for the arc between them.
    """
    whole = _bridged(np.where(is_open[:, None], np.nan, radii))
    turn = 2 * np.pi * np.arange(radii.shape[1]) / radii.shape[1]
    rim = whole[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    following = np.roll(rim, -1, axis=1)
    angle = turn[1]
    area = 0.5 * (rim[..., 0] * following[..., 1] - rim[..., 1] * following[..., 0]).sum(axis=1) * angle / np.sin(angle)
    perimeter = np.linalg.norm(following - rim, axis=2).sum(axis=1) * (angle / 2) / np.sin(angle / 2)
    ways = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    shadow = rim @ np.stack([np.cos(ways), np.sin(ways)])
    widths = shadow.max(axis=1) - shadow.min(axis=1)
    return Sizes(area, perimeter, _inscribed(rim), 2 * np.sqrt(area / np.pi), widths.min(axis=1), widths.max(axis=1))


def _bridged(radii: Array) -> Array:
    """Missing radii, linear between their neighbours around the rim; rows without any stay NaN."""
    whole = radii.copy()
    count = radii.shape[1]
    at = np.arange(count)
    holes = np.flatnonzero(np.isnan(radii).any(axis=1) & ~np.isnan(radii).all(axis=1))
    for n in holes:
        known = np.isfinite(whole[n])
        whole[n] = np.interp(at, at[known], whole[n, known], period=count)
    return whole


def _inscribed(rim: Array) -> Array:
    """Diameter of the largest circle inside each (n, angles, 2) rim; NaN where the rim is open."""
    out = np.full(len(rim), np.nan)
    closed = np.isfinite(rim).all(axis=(1, 2))
    found = np.empty(int(closed.sum()))
    inscribed_circles(np.ascontiguousarray(rim[closed]), found)
    out[closed] = 2 * found
    return out
