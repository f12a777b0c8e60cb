"""Curves in space: even steps, smoothing, and frames across them that do not turn."""

from __future__ import annotations

import numpy as np

from prosector.model.geometry import Array


def arc_of(points: Array) -> Array:
    """(n,) length from the first point to each, of (n, 3) points."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


def resampled(points: Array, step: float) -> Array:
    """The polyline in even steps of about ``step``, ends kept; at least two points."""
    arc = arc_of(points)
    at = np.linspace(0.0, arc[-1], max(2, round(arc[-1] / step) + 1))
    return np.stack([np.interp(at, arc, points[:, axis]) for axis in range(3)], axis=1)


def smoothed(points: Array, sigma: Array) -> Array:
    """Gaussian smoothing along (n, 3) evenly spaced points by (n,) ``sigma`` points each.

    Beyond the ends lies the line reflected in its end point: ends stay, and a straight line stays straight.
    """
    reach = min(int(3 * sigma.max()) + 1, len(points) - 1)
    head = 2 * points[0] - points[reach:0:-1]
    tail = 2 * points[-1] - points[-2 : -2 - reach : -1]
    wide = np.concatenate([head, points, tail])
    result = np.empty_like(points)
    for n, s in enumerate(sigma):
        away = np.arange(-min(reach, int(3 * s) + 1), min(reach, int(3 * s) + 1) + 1)
        weight = np.exp(-0.5 * (away / s) ** 2)
        result[n] = weight @ wide[n + reach + away] / weight.sum()
    return result


def tangents(points: Array) -> Array:
    """(n, 3) unit directions along (n, 3) points."""
    along = np.gradient(points, arc_of(points), axis=0)
    return np.asarray(along / np.linalg.norm(along, axis=1, keepdims=True))


def frames(points: Array, along: Array) -> tuple[Array, Array]:
    """Two unit directions across, carried along with the least turning.

    By double reflection (Wang, Jüttler, Zheng and Liu, ACM Trans Graph 27, 2008): a rotation-minimising frame to
    fourth order of the step.

    Parameters
    ----------
    points, along : (n, 3) array
        The curve and its unit tangents.

    Returns
    -------
    across, upward : (n, 3) array
        ``across`` begins as the patient's left as far as it can be, else the back; ``along × across`` is ``upward``.
    """
    axis = np.eye(3)[0] if abs(along[0, 0]) < 0.9 else np.eye(3)[1]
    first = axis - along[0] * (axis @ along[0])
    across = np.empty_like(points)
    across[0] = first / np.linalg.norm(first)
    for n in range(len(points) - 1):
        across[n + 1] = _carried(across[n], along[n], along[n + 1], points[n + 1] - points[n])
    return across, np.cross(along, across)


def _carried(across: Array, here: Array, there: Array, step: Array) -> Array:
    square = step @ step
    if square > 0:
        across = across - 2 / square * (step @ across) * step
        here = here - 2 / square * (step @ here) * step
    turn = there - here
    square = turn @ turn
    if square > 1e-20:
        across = across - 2 / square * (turn @ across) * turn
    across = across - there * (across @ there)
    return np.asarray(across / np.linalg.norm(across))
