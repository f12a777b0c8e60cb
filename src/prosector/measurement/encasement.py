"""How much of a vessel's circumference a lesion surrounds.

Sections stand across the vessel's local direction: that of a given centreline, or else the longest axis of the lumen
around each of its middles. In a section rays go out from its middle; each finds the border of the lumen and then, up
to the contact tolerance further out, the lesion. The angle is the sum of the directions that find it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import EmptyResultError
from prosector.kernels.closest import closest_points
from prosector.kernels.crossings import crossings
from prosector.measurement import definitions_basic as define
from prosector.measurement.border import HALF, corners_of
from prosector.measurement.distance import CONTACT_MM, Pair, sample
from prosector.measurement.filling import Filling
from prosector.measurement.points import as_points
from prosector.measurement.uncertainty import SPACING
from prosector.model.centerlines import Centerlines
from prosector.model.geometry import Array
from prosector.model.measurement import Contribution, Curve, Measurement, Measurements

DIRECTIONS = 720

_REACH = 4.0
"""Rays go this many radii out; a lumen that goes on beyond is cut lengthwise, or branches."""

_LEAST_BORDER = 0.75
"""Share of the rays that must find the lumen's border for a section to count."""

_AROUND = 2.5
"""Radii of the ball whose lumen says which way the vessel runs."""

_RECENTRINGS = 3

_RESOLVED = 3.0
"""Voxels along the vessel over which an angle is averaged: what is finer, the images do not show."""


@dataclass(frozen=True, eq=False)
class _Station:
    center: Array
    direction: Array
    radius: float
    position: float


@dataclass(frozen=True, eq=False)
class _Section:
    """``gaps``: (DIRECTIONS,) mm from the lumen's border out to the lesion, inf where it is not met."""

    station: _Station
    rim: Array
    gaps: Array
    radius: float

    def degrees(self, tolerance: float) -> float:
        return float(np.count_nonzero(self.gaps <= tolerance)) * 360 / DIRECTIONS


def measure_encasement(
    pair: Pair, centerlines: Centerlines | None = None, *, contact_mm: float = CONTACT_MM
) -> Measurements:
    """Largest encasement angle of the second structure (a vessel's lumen) by the first (a lesion), and where.

    Parameters
    ----------
    pair : Pair
        Lesion first, vessel second, from :func:`prosector.measurement.distance.make_pair`.
    centerlines : Centerlines, optional
        Of the vessel. Without them the direction comes from the lumen itself, and there is no length along the vessel.
    contact_mm : float
        The lesion may begin so far outward of the lumen's border: the vessel's wall lies between.

    Returns
    -------
    Measurements
        The angle, its place the part of the rim that is touched; with a centreline the length that is touched and the
        curve of the angle along each branch near the lesion.

    Raises
    ------
    EmptyResultError
        If no section across the vessel could be made near the lesion.
    """
    runs = _along(centerlines, pair, contact_mm) if centerlines else _by_itself(pair, contact_mm)
    tried = [[_section(station, pair, contact_mm) for station in run] for run in runs]
    sections = [[s for s in run if s is not None] for run in tried]
    sections = [run for run in sections if run]
    if not sections:
        if runs:
            raise EmptyResultError(f"no section across {pair.names[1]!r} could be made near {pair.names[0]!r}: "
                                   "the lumen is too small or too branched there")  # fmt: skip
        return Measurements((Measurement(define.ENCASEMENT, 0.0, _of(pair), (), (), pair.warnings),))
    best, value = _largest(sections, pair, contact_mm)
    touched = best.rim[best.gaps <= contact_mm]
    where = as_points(touched[:: max(1, len(touched) // 36)]) if len(touched) else ()
    parts = _uncertainty(best, pair, sections, contact_mm, value)
    items = [Measurement(define.ENCASEMENT, value, _of(pair), parts, where, pair.warnings)]
    if centerlines is None:
        return Measurements(tuple(items))
    length, step = _touched_length(sections, min(pair.second.geometry.spacing_mm), contact_mm)
    part = (Contribution(SPACING, max(step, 2**0.5 * pair.half_voxel_mm)),)
    items.append(Measurement(define.ENCASED_LENGTH, length, _of(pair), part, (), pair.warnings))
    return Measurements(tuple(items), tuple(_curve(run, pair, contact_mm) for run in sections))


def _of(pair: Pair) -> str:
    return f"{pair.names[1]} by {pair.names[0]}"


def _largest(sections: list[list[_Section]], pair: Pair, tolerance: float) -> tuple[_Section, float]:
    """The section with the largest angle, as the mean over as much of the vessel as the grid can tell apart.

    The largest of many single angles would be the one with the most noise.
    """
    best, value = sections[0][0], -1.0
    reach = _RESOLVED * max(pair.second.geometry.spacing_mm) / 2 + 1e-6
    for run in sections:
        angles = np.array([s.degrees(tolerance) for s in run])
        places = np.array([s.station.position for s in run])
        near = np.abs(places[:, None] - places) <= reach
        means = near @ angles / near.sum(axis=1)
        n = int(np.argmax(means))
        if means[n] > value:
            best, value = run[n], float(means[n])
    return best, value


def _uncertainty(
    best: _Section, pair: Pair, sections: list[list[_Section]], tolerance: float, value: float
) -> tuple[Contribution, ...]:
    """Half a voxel at either end of the arc, and half a voxel of the gap."""
    half = pair.half_voxel_mm
    ends = float(np.degrees(half / best.radius)) * 2**0.5 if 0 < value < 360 else 0.0
    varied = [_largest(sections, pair, tolerance + sign * half)[1] for sign in (-1, 1)]
    gap = max(abs(v - value) for v in varied)
    return Contribution(SPACING, ends), Contribution("voxel spacing, of the gap", gap)


def _touched_length(sections: list[list[_Section]], voxel: float, tolerance: float) -> tuple[float, float]:
    """Longest stretch of one branch between first and last touch, and the largest step between its sections.

    A touch is at least a voxel wide: less is noise.
    """
    best, step = 0.0, 0.0
    for run in sections:
        places = np.array([s.station.position for s in run])
        touched = places[[s.degrees(tolerance) >= np.degrees(voxel / s.radius) for s in run]]
        if len(touched) and np.ptp(touched) >= best:
            best = float(np.ptp(touched))
            step = float(np.diff(places).max()) if len(places) > 1 else 0.0
    return best, step


def _curve(run: list[_Section], pair: Pair, tolerance: float) -> Curve:
    rows = [[s.station.position, s.degrees(tolerance)] for s in run]
    return Curve("encasement along the vessel", (("position", "mm"), ("angle", "deg")), np.array(rows), _of(pair))


def _along(lines: Centerlines, pair: Pair, contact_mm: float) -> list[list[_Station]]:
    """Stations along the branches, half a voxel apart, where the lesion is in reach."""
    step = min(pair.second.geometry.spacing_mm) / 2
    runs = []
    for branch in lines.branches:
        arc = branch.arc_mm()
        at = np.arange(0.0, arc[-1] + 1e-9, step)
        centers = np.column_stack([np.interp(at, arc, branch.points_lps[:, n]) for n in range(3)])
        radii = np.maximum(np.interp(at, arc, branch.radii_mm), step)
        wide = np.maximum(radii, 2 * step)
        ahead, behind = (
            np.column_stack([np.interp(np.clip(at + s * wide, 0, arc[-1]), arc, branch.points_lps[:, n])
                             for n in range(3)]) for s in (1, -1)
        )  # fmt: skip
        way = ahead - behind
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
        near = _near(centers, radii, pair, contact_mm)
        run = [_Station(centers[n], way[n], float(radii[n]), float(at[n])) for n in np.flatnonzero(near)]
        if run:
            runs.append(run)
    return runs


def _near(centers: Array, radii: Array, pair: Pair, contact_mm: float) -> Array:
    if not len(centers):
        return np.zeros(0, dtype=bool)
    distance = closest_points(centers, corners_of(pair.first_meshes[0]))[0]
    return np.asarray((distance <= 2 * radii + contact_mm + 2 * pair.half_voxel_mm) | _inside(pair.first, centers))


def _inside(filling: Filling, points: Array) -> Array:
    return np.asarray(sample(filling, points) >= HALF)


def _by_itself(pair: Pair, contact_mm: float) -> list[list[_Station]]:
    """Stations around the middles of the lumen near the lesion, each ball of it with its own direction."""
    filling = pair.second
    points = filling.geometry.to_lps(np.argwhere(filling.mask))
    reach = float(np.ptp(points, axis=0).max())
    points = points[_close_to(points, pair.first_meshes[0].vertices_lps, min(reach, 60.0) + contact_mm)]
    if not len(points):
        return []
    depth = closest_points(points, corners_of(pair.second_meshes[0]))[0]
    step = min(filling.geometry.spacing_mm)
    near = _near(points, depth, pair, contact_mm)
    left = np.where(near & (depth >= step), depth, -1.0)
    runs = []
    while left.max() > 0:
        n = int(np.argmax(left))
        radius = float(depth[n])
        away = np.linalg.norm(points - points[n], axis=1)
        left[away <= 1.2 * radius] = -1
        ball = points[away <= _AROUND * radius]
        if len(ball) < 8:
            continue
        spread, axes = np.linalg.eigh(np.cov(ball.T))
        if spread[2] < 1.5 * spread[1]:
            continue  # as wide as long: an end, a branching, or no vessel
        offsets = np.arange(-radius, radius + 1e-9, step)
        middle = ball.mean(axis=0) if np.linalg.norm(ball.mean(axis=0) - points[n]) < radius else points[n]
        runs.append([_Station(middle + o * axes[:, 2], axes[:, 2], radius, float(o)) for o in offsets])
    return runs


def _close_to(points: Array, others: Array, reach: float) -> Array:
    low, high = others.min(axis=0) - reach, others.max(axis=0) + reach
    return np.asarray(((points >= low) & (points <= high)).all(axis=1))


def _section(station: _Station, pair: Pair, contact_mm: float) -> _Section | None:
    """Rim of the lumen around a station and the gap from there to the lesion; None where there is no whole rim."""
    u, v = _across(station.direction)
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    rays = np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * v
    step = min(pair.second.geometry.spacing_mm) / 4
    center = station.center
    for _ in range(_RECENTRINGS + 1):
        radii = _cross(center, rays, station.radius * _REACH, step, pair.second, falling=True)
        found = np.isfinite(radii)
        if np.count_nonzero(found) < _LEAST_BORDER * DIRECTIONS:
            return None
        rim = center + radii[:, None] * rays
        last, center = center, _centroid(rim[found], u, v, center)
    rim = last + radii[:, None] * rays
    furthest = contact_mm + 2 * pair.half_voxel_mm
    start = np.where(found[:, None], rim, last)
    gaps = _cross(start, rays, furthest, step, pair.first, falling=False)
    gaps = np.where(np.isfinite(gaps) & found, gaps, np.inf)
    return _Section(station, rim, gaps, float(np.median(radii[found])))


def _cross(starts: Array, rays: Array, reach: float, step: float, filling: Filling, *, falling: bool) -> Array:
    """(n,) mm along rays in space to where the filling passes the half level; NaN where it does not."""
    grid = filling.geometry
    starts = np.broadcast_to(grid.to_index(starts), rays.shape)
    steps = step * rays @ grid.inverse[:3, :3].T
    found = crossings(filling.parts, starts, steps, int(np.ceil(reach / step)), HALF, falling=falling)
    return np.asarray(found * step)


def _across(direction: Array) -> tuple[Array, Array]:
    """Two unit vectors that span the plane across a direction."""
    u = np.cross(direction, np.eye(3)[int(np.argmin(np.abs(direction)))])
    u /= np.linalg.norm(u)
    return u, np.cross(direction, u)


def _centroid(rim: Array, u: Array, v: Array, center: Array) -> Array:
    """Centre of the area within a rim (shoelace formula), in space."""
    x, y = (rim - center) @ u, (rim - center) @ v
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    area = cross.sum() / 2
    if area <= 0:
        return center
    cx = ((x + np.roll(x, -1)) * cross).sum() / (6 * area)
    cy = ((y + np.roll(y, -1)) * cross).sum() / (6 * area)
    return np.asarray(center + cx * u + cy * v)
