"""Rigid registration of one surface onto another: trimmed iterative closest points, from several starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from prosector.measurement.fragments_surface import nearest
from prosector.model.geometry import Array

MOST_POINTS, MOST_STEPS = 3000, 60
START_TURN_DEG = 20.0
SCOUT_POINTS, SCOUT_STEPS = 400, 20
STILL = 1e-5
"""Radians, and parts of the cloud's radius, below which a step moves nothing."""


@dataclass(frozen=True, eq=False)
class Registration:
    """What brings the points onto the target.

    Parameters
    ----------
    matrix : (4, 4) array
        LPS mm.
    residual_mm : float
        Root mean square distance from the target's tangent planes, over the points that were kept.
    kept : float
        Share of the points that were kept.
    """

    matrix: Array
    residual_mm: float
    kept: float


def register(points: Array, normals: Array, target: Array, target_normals: Array, keep: float) -> Registration:
    """Bring a cloud with normals onto another.

    Point-to-plane steps (Chen & Medioni, Image and Vision Computing 10 (1992) 145) on the ``keep`` share of closest
    pairs (Chetverikov et al., ICPR 2002), in which normals point the same way. Thirteen starts: as it lies, and
    turned by 20° either way about each axis, from where it lies and from the target's middle; the best is refined.

    Parameters
    ----------
    points, normals : (n, 3) arrays
        What is moved; outward unit normals. LPS mm.
    target, target_normals : (m, 3) arrays
    keep : float
        Share of the points that have a counterpart, 0 to 1.
    """
    tree = cKDTree(target)
    best: tuple[float, Array] | None = None
    few = _spread(len(points), SCOUT_POINTS)
    for start in _starts(points, target):
        matrix, residual, share = _iterate(
            points[few], normals[few], tree, target, target_normals, keep, start, SCOUT_STEPS
        )
        # a start that keeps few pairs must not win by leaving out what does not fit
        score = residual / max(share, 1e-3)
        if best is None or score < best[0]:
            best = (score, matrix)
    assert best is not None
    many = _spread(len(points), MOST_POINTS)
    return Registration(*_iterate(points[many], normals[many], tree, target, target_normals, keep, best[1], MOST_STEPS))


def _spread(count: int, most: int) -> Array:
    """Numbers of at most ``most`` points, evenly through the list."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _starts(points: Array, target: Array) -> list[Array]:
    middle = points.mean(axis=0)
    turns = [np.zeros(3)]
    turns += [sign * np.radians(START_TURN_DEG) * axis for axis in np.eye(3) for sign in (-1, 1)]
    starts = [rigid(turn, np.zeros(3), middle) for turn in turns]
    return starts + [rigid(turn, target.mean(axis=0) - middle, middle) for turn in turns[1:]]


def rigid(turn: Array, shift: Array, pivot: Array) -> Array:
    """4×4 matrix that turns about a pivot by a rotation vector (radians), then shifts."""
    angle = float(np.linalg.norm(turn))
    matrix = np.eye(4)
    if angle > 0:
        x, y, z = turn / angle
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        matrix[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, 3] = pivot + shift - matrix[:3, :3] @ pivot
    return matrix


def _iterate(
    points: Array,
    normals: Array,
    tree: cKDTree,
    target: Array,
    target_normals: Array,
    keep: float,
    start: Array,
    most: int,
) -> tuple[Array, float, float]:
    matrix, residual, share = start, np.inf, 0.0
    size = float(np.linalg.norm(points - points.mean(axis=0), axis=1).max())
    for _ in range(most):
        moved = points @ matrix[:3, :3].T + matrix[:3, 3]
        turned = normals @ matrix[:3, :3].T
        apart, near = nearest(tree, moved)
        fits = (turned * target_normals[near]).sum(axis=1) > 0.3
        apart = np.where(fits, apart, np.inf)
        limit = np.quantile(apart, keep, method="lower")
        chosen = np.flatnonzero(np.isfinite(apart) & (apart <= limit))
        if len(chosen) < max(12, 0.2 * len(points)):
            return matrix, np.inf, 0.0
        share = len(chosen) / len(points)
        n = target_normals[near[chosen]]
        off = ((target[near[chosen]] - moved[chosen]) * n).sum(axis=1)
        residual = float(np.sqrt(np.mean(off**2)))
        pivot = moved[chosen].mean(axis=0)
        arms = (moved[chosen] - pivot) / size
        step = np.linalg.lstsq(np.concatenate([np.cross(arms, n), n], axis=1), off, rcond=None)[0]
        matrix = rigid(step[:3] / size, step[3:], pivot) @ matrix
        if np.abs(step).max() < STILL * size:
            break
    return matrix, residual, share
