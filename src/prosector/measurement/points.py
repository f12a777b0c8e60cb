"""Distances, angles, lengths and areas from points that the user set, LPS mm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from prosector.errors import ParameterError
from prosector.measurement.definitions_basic import ANGLE, DISTANCE, LINE_ANGLE, PATH_LENGTH, POLYGON_AREA
from prosector.measurement.uncertainty import from_spacing, of_distance
from prosector.measurement.warnings import grid_warnings
from prosector.model.geometry import Array, Geometry
from prosector.model.measurement import Contribution, Definition, Measurement, Measurements, Point

OUT_OF_PLANE_SHARE = 0.1
"""Distance of a polygon's points from its plane, as a share of its extent, from which the area is doubtful."""

_STEP_MM = 1e-4
"""Of the central differences by which the uncertainty of an angle or area is propagated."""


def measure_distance(points_lps: ArrayLike, geometry: Geometry | None = None, *, of: str = "") -> Measurements:
    """Straight distance between two points.

    Parameters
    ----------
    points_lps : (2, 3) array
    geometry : Geometry, optional
        Grid on which the points were set; without it nothing is known of the uncertainty.
    of : str
        What the user calls it.

    Raises
    ------
    ParameterError
        If there are not two points of three finite numbers.
    """
    points = _checked(points_lps, "distance", 2, 2)
    parts = (of_distance(points[0], points[1], geometry),) if geometry else ()
    return _one(DISTANCE, float(np.linalg.norm(points[1] - points[0])), points, parts, _outside(points, geometry), of)


def measure_angle(points_lps: ArrayLike, geometry: Geometry | None = None, *, of: str = "") -> Measurements:
    """Angle at the middle of three points, or between two lines of two points each.

    Parameters
    ----------
    points_lps : (3, 3) or (4, 3) array
    geometry, of
        As of :func:`measure_distance`.

    Raises
    ------
    ParameterError
        If there are not three or four points, or two that make a side coincide.
    """
    points = _checked(points_lps, "angle", 3, 4)
    sides = _sides(points)
    if min(float(np.linalg.norm(side)) for side in sides) == 0:
        raise ParameterError("two points of the angle are the same: its side has no direction")
    definition = ANGLE if len(points) == 3 else LINE_ANGLE
    parts = _propagated(_angle, points, geometry)
    return _one(definition, _angle(points), points, parts, _outside(points, geometry), of)


def measure_path(points_lps: ArrayLike, geometry: Geometry | None = None, *, of: str = "") -> Measurements:
    """Length of the straight pieces between two or more points in turn.

    Parameters
    ----------
    points_lps : (n, 3) array
    geometry, of
        As of :func:`measure_distance`.

    Raises
    ------
    ParameterError
        If there are fewer than two points.
    """
    points = _checked(points_lps, "path", 2)
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    unit = np.divide(steps, lengths, out=np.zeros_like(steps), where=lengths > 0)
    gradients = np.zeros_like(points)
    gradients[1:] += unit
    gradients[:-1] -= unit
    parts = (from_spacing(gradients, geometry),) if geometry else ()
    return _one(PATH_LENGTH, float(lengths.sum()), points, parts, _outside(points, geometry), of)


def measure_polygon(points_lps: ArrayLike, geometry: Geometry | None = None, *, of: str = "") -> Measurements:
    """Area of a closed polygon through three or more points.

    Points out of one plane are projected onto that of the polygon's area vector; a warning says so where they lie
    further from it than a tenth of the polygon's extent or, with a grid, a voxel.

    Parameters
    ----------
    points_lps : (n, 3) array
        In turn around it; the last is joined to the first.
    geometry, of
        As of :func:`measure_distance`.

    Raises
    ------
    ParameterError
        If there are fewer than three points.
    """
    points = _checked(points_lps, "polygon", 3)
    warnings = _outside(points, geometry) + _out_of_plane(points, geometry)
    return _one(POLYGON_AREA, _area(points), points, _propagated(_area, points, geometry), warnings, of)


def _checked(points_lps: ArrayLike, what: str, least: int, most: int | None = None) -> Array:
    points = np.asarray(points_lps, dtype=np.float64)
    points = points.reshape(-1, 3) if points.size % 3 == 0 else points
    wanted = f"{least}" if most == least else f"{least} or more" if most is None else f"{least} to {most}"
    if (
        points.ndim != 2
        or points.shape[1] != 3
        or len(points) < least
        or len(points) > (most or len(points))
        or not np.isfinite(points).all()
    ):
        raise ParameterError(f"a {what} needs {wanted} points of three finite numbers (LPS, mm)")
    return points


def _sides(points: Array) -> tuple[Array, Array]:
    if len(points) == 3:
        return points[0] - points[1], points[2] - points[1]
    return points[1] - points[0], points[3] - points[2]


def _angle(points: Array) -> float:
    u, v = _sides(points)
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(u, v)), u @ v)))


def _area_vector(points: Array) -> Array:
    around = points - points.mean(axis=0)
    return np.asarray(np.cross(around, np.roll(around, -1, axis=0)).sum(axis=0) / 2)


def _area(points: Array) -> float:
    return float(np.linalg.norm(_area_vector(points)))


def _out_of_plane(points: Array, geometry: Geometry | None) -> tuple[str, ...]:
    area = _area_vector(points)
    size = float(np.linalg.norm(area))
    around = points - points.mean(axis=0)
    if size == 0:
        return ("the points lie on a line, or the polygon crosses itself: it has no area",)
    off = float(np.abs(around @ (area / size)).max())
    limit = max(OUT_OF_PLANE_SHARE * float(np.linalg.norm(around, axis=1).max()), _longest_step(geometry))
    return (f"the points lie up to {off:.1f} mm out of one plane: its projection was measured",) if off > limit else ()


def _longest_step(geometry: Geometry | None) -> float:
    return max(geometry.spacing_mm) if geometry else 0.0


def _propagated(number: Callable[[Array], float], points: Array, geometry: Geometry | None) -> tuple[Contribution, ...]:
    if geometry is None:
        return ()
    gradients = np.empty_like(points)
    for place in np.ndindex(*points.shape):
        step = np.zeros_like(points)
        step[place] = _STEP_MM
        gradients[place] = (number(points + step) - number(points - step)) / (2 * _STEP_MM)
    return (from_spacing(gradients, geometry),)


def _outside(points: Array, geometry: Geometry | None) -> tuple[str, ...]:
    if geometry is None:
        return ()
    index = geometry.to_index(points)
    off = ((index < -0.5) | (index > np.array(geometry.shape) - 0.5)).any(axis=1)
    count = int(off.sum())
    return ((f"{count} point(s) lie outside the volume",) if count else ()) + grid_warnings(geometry)


def _one(
    definition: Definition, value: float, points: Array, parts: tuple[Contribution, ...], warnings: tuple[str, ...],
    of: str,
) -> Measurements:  # fmt: skip
    return Measurements((Measurement(definition, value, of, parts, as_points(points), warnings),))


def as_points(points: Array) -> tuple[Point, ...]:
    """Rows of an (n, 3) array as places of a measurement."""
    return tuple((float(x), float(y), float(z)) for x, y, z in np.atleast_2d(points))
