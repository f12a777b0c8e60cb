"""From a chain of voxels to a smooth line in the middle of the lumen."""

from __future__ import annotations

import numpy as np

from prosector.kernels.sections import polar_samples
from prosector.measurement.centerline_frames import arc_of, frames, resampled, smoothed, tangents
from prosector.measurement.sections import Field
from prosector.model.geometry import Array

ROUNDS = 6
ANGLES = 32
SAMPLES = 48

FARTHEST = 1.5
"""Rays count as no longer than this many times their lower quartile: a branch does not draw the line into it."""

END_MM = 5.0
"""The line's direction at its end is taken over this length."""

LONGEST_END_MM = 30.0
"""A line goes on to the end of the lumen over no more than this: the radius of the widest vessel."""

SMOOTHING, LAST_SMOOTHING = 1.0, 0.5
"""Gaussian smoothing along the line in local radii, in all rounds and in the last.

Less, and a section that is tilted moves its centroid so that it tilts more, where the vessel widens."""


def refined(points_lps: Array, radii_mm: Array, field: Field, step_mm: float, fixed: tuple[bool, bool]) -> Array:
    """Relax a line into the middle of its sections.

    Each round resamples the line evenly, moves every point within its section to the section's centroid and
    smooths along the line.

    Parameters
    ----------
    points_lps : (n, 3) array
        Chain through the lumen, LPS mm.
    radii_mm : (n,) array
        Inner distance at each.
    field : Field
        The lumen, 1 inside and 0 outside.
    step_mm : float
        Distance between points of the result.
    fixed : (bool, bool)
        Whether the first and last point stay: nodes that several branches share.

    Returns
    -------
    (m, 3) array
        LPS mm, evenly spaced.
    """
    line, radii = np.asarray(points_lps, dtype=np.float64), np.asarray(radii_mm, dtype=np.float64)
    voxel = min(field.geometry.spacing_mm)
    for turn in range(ROUNDS):
        finer = resampled(line, step_mm)
        radius = np.interp(np.linspace(0, 1, len(finer)), np.linspace(0, 1, len(radii)), radii)
        share = LAST_SMOOTHING if turn == ROUNDS - 1 else SMOOTHING
        sigma = np.maximum(share * radius, voxel) / step_mm
        moved, radii = centered(smoothed(finer, sigma) if turn == 0 else finer, radius, field)
        for end, stays in ((0, fixed[0]), (-1, fixed[1])):
            if stays:
                moved[end] = points_lps[end]
        line = smoothed(moved, sigma)
    # smoothing drew bends inward; as much again of what it took is given back (twicing, Tukey 1977)
    return resampled(line + smoothed(moved - line, sigma), step_mm)


def drawn_out(line: Array, field: Field, step_mm: float, ends: tuple[bool, ...]) -> Array:
    """Go on straight at the free ends of a line, as far as the lumen goes but no farther than ``LONGEST_END``.

    The direction is that over the last ``END_MM`` of the line.
    """
    for end in range(2):
        if ends[end]:
            forward = line if end else line[::-1]
            back = forward[max(0, len(forward) - 1 - max(1, round(END_MM / step_mm)))]
            way = forward[-1] - back
            more = forward[-1] + np.outer(np.arange(1, 2 + int(LONGEST_END_MM / step_mm)) * step_mm, _unit(way))
            lumen = np.append(_in_lumen(more, field), False)
            forward = np.concatenate([forward, more[: int(np.argmin(lumen))]])
            line = forward if end else forward[::-1]
    return np.ascontiguousarray(line)


def ended_at(line: Array, point_lps: Array, field: Field, step_mm: float) -> Array:
    """Let a line end in the section that holds a point: cut there, or carried on straight while there is lumen.

    Parameters
    ----------
    line : (n, 3) array
        LPS mm; its last point is moved.
    point_lps : (3,) array
        Anywhere in the section.
    field : Field
        The lumen, 1 inside and 0 outside.
    step_mm : float

    Returns
    -------
    (m, 3) array
        LPS mm, evenly spaced.
    """
    count = min(len(line) - 1, max(2, round(END_MM / 2 / step_mm)))
    way = _unit(line[-1] - line[-1 - count])
    beyond = float((point_lps - line[-1]) @ way)
    if beyond > 0:
        more = line[-1] + np.outer(np.append(np.arange(step_mm, beyond, step_mm), beyond), way)
        line = np.concatenate([line, more[: int(np.argmin(np.append(_in_lumen(more, field), False)))]])
    else:
        line = _cut_at(line, point_lps, 3 * float(np.linalg.norm(point_lps - line[-1])) + 2 * step_mm)
    return resampled(line, step_mm)


def _cut_at(line: Array, point: Array, within_mm: float) -> Array:
    """The line up to its place nearest to a point, which lies within so many mm of its end."""
    arc = arc_of(line)
    first = min(int(np.searchsorted(arc, arc[-1] - within_mm)), len(line) - 2)
    step = np.diff(line[first:], axis=0)
    share = ((point - line[first:-1]) * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-12)
    feet = line[first:-1] + np.clip(share, 0, 1)[:, None] * step
    nearest = int(np.linalg.norm(feet - point, axis=1).argmin())
    kept = np.concatenate([line[: first + nearest + 1], feet[nearest : nearest + 1]])
    return kept if arc_of(kept)[-1] > 0 else line


def _in_lumen(points: Array, field: Field) -> Array:
    index = np.round(field.geometry.to_index(points)).astype(int)
    there = np.all((index >= 0) & (index < field.values.shape), axis=1)
    lumen = np.zeros(len(points), dtype=bool)
    lumen[there] = field.values[tuple(index[there].T)] >= 0.5
    return lumen


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


def centered(points: Array, radius: Array, field: Field) -> tuple[Array, Array]:
    """(n, 3) points moved to the centroids of their sections, and the (n,) least distance of the wall."""
    along = tangents(points)
    across, upward = frames(points, along)
    inverse = field.geometry.inverse[:3, :3]
    steps = (2 * radius + 2 * max(field.geometry.spacing_mm)) / (SAMPLES - 1)
    profiles = np.empty((len(points), ANGLES, SAMPLES), dtype=np.float32)
    polar_samples(
        field.values,
        np.ascontiguousarray(field.geometry.to_index(points)),
        np.ascontiguousarray(across @ inverse.T),
        np.ascontiguousarray(upward @ inverse.T),
        np.ascontiguousarray(steps),
        profiles,
    )
    reach = _reach(profiles) * steps[:, None]
    reach = np.minimum(reach, FARTHEST * np.quantile(reach, 0.25, axis=1)[:, None])
    turn = 2 * np.pi * np.arange(ANGLES) / ANGLES
    area = np.maximum((reach**2).sum(axis=1), 1e-12)
    x, y = (2 / 3 * (reach**3 * trend(turn)).sum(axis=1) / area for trend in (np.cos, np.sin))
    return points + x[:, None] * across + y[:, None] * upward, reach.min(axis=1)


def _reach(profiles: Array) -> Array:
    """(n, angles) samples until each ray falls below one half, with fractions; the last where it does not."""
    stops = ~(profiles >= 0.5)
    stops[..., 0] = False
    first = np.where(stops.any(axis=2), stops.argmax(axis=2), profiles.shape[2] - 1)
    n, a = np.indices(first.shape)
    before, after = profiles[n, a, first - 1], profiles[n, a, first]
    drop = before - after
    share = np.divide(before - 0.5, drop, out=np.zeros(first.shape), where=drop > 0)
    return np.asarray(first - 1 + np.clip(np.nan_to_num(share), 0, 1))
