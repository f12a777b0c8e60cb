"""Closest points and crossings against all of them, one by one."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from prosector.kernels.closest import closest_points
from prosector.kernels.crossings import crossings

SHARES = np.array([(a, b) for a in np.linspace(0, 1, 31) for b in np.linspace(0, 1, 31) if a + b <= 1 + 1e-9])
WEIGHTS = np.column_stack([1 - SHARES.sum(axis=1), SHARES])


@pytest.mark.parametrize("count", [1, 3, 4, 5, 90])
def test_closest_points_against_many_points_of_every_triangle(count: int) -> None:
    """Never further than any of 496 points of any triangle, and nearer by no more than these lie apart."""
    rng = np.random.default_rng(count)
    corners = rng.normal(size=(count, 1, 3)) + 0.3 * rng.normal(size=(count, 3, 3))
    points = 2 * rng.normal(size=(40, 3))
    distance, place, triangle = closest_points(points, corners)
    tried = np.einsum("wc,mcx->mwx", WEIGHTS, corners).reshape(-1, 3)
    brute = np.linalg.norm(points[:, None] - tried, axis=-1).min(axis=1)
    assert (distance <= brute + 1e-12).all()
    assert (brute - distance).max() < 0.05
    assert np.linalg.norm(place - points, axis=1) == pytest.approx(distance)
    for n in range(len(points)):
        a, b, c = corners[triangle[n]]
        weights, *_ = np.linalg.lstsq(np.column_stack([b - a, c - a]), place[n] - a, rcond=None)
        assert np.column_stack([b - a, c - a]) @ weights == pytest.approx(place[n] - a, abs=1e-9)
        assert (weights > -1e-9).all()
        assert weights.sum() < 1 + 1e-9


def test_closest_points_are_the_same_at_one_thread_and_two() -> None:
    rng = np.random.default_rng(0)
    corners, points = rng.normal(size=(400, 3, 3)), rng.normal(size=(500, 3))
    found = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        found.append(closest_points(points, corners))
    for one, two in zip(*found, strict=True):
        assert one.tobytes() == two.tobytes()


def test_crossings_against_samples_one_by_one() -> None:
    rng = np.random.default_rng(4)
    field = rng.random((9, 10, 11)).astype(np.float32)
    starts = rng.uniform(-1, 10, (200, 3))
    steps = rng.normal(size=(200, 3)) / 3
    for falling in (True, False):
        found = crossings(field, starts, steps, 20, 0.5, falling=falling)
        for n in range(len(starts)):
            at = starts[n] + np.arange(21)[:, None] * steps[n]
            values = map_coordinates(field.astype(np.float64), at.T, order=1, mode="nearest")
            values[((at < 0) | (at > np.array(field.shape) - 1)).any(axis=1)] = 0
            expected = np.nan
            if not falling and values[0] >= 0.5:
                expected = 0.0
            elif falling == (values[0] >= 0.5):
                passed = np.flatnonzero((values[1:] < 0.5) == falling)
                if len(passed):
                    t = int(passed[0])
                    expected = t + (values[t] - 0.5) / (values[t] - values[t + 1])
            assert found[n] == pytest.approx(expected, abs=1e-5, nan_ok=True)
