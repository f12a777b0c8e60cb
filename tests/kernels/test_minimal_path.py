"""Cheapest paths against a plain search, and what covers what."""

from __future__ import annotations

import heapq
from itertools import pairwise
from typing import Any

import numpy as np

from prosector.kernels.minimal_path import cheapest_paths, cover
from prosector.kernels.sections import inscribed_circles, polar_samples

Array = np.ndarray[Any, Any]
OFFSETS = np.array([o for o in np.ndindex(3, 3, 3) if o != (1, 1, 1)]) - 1


def plain(cost: Array, seed: tuple[int, ...], spacing: Array) -> Array:
    total = np.full(cost.shape, np.inf)
    total[seed] = 0
    heap = [(0.0, seed)]
    while heap:
        here, voxel = heapq.heappop(heap)
        if here > total[voxel]:
            continue
        for offset in OFFSETS:
            other = tuple(int(x) for x in np.add(voxel, offset))
            if all(0 <= o < n for o, n in zip(other, cost.shape, strict=True)) and cost[other] > 0:
                step = float(np.linalg.norm(offset * spacing)) * 0.5 * (float(cost[voxel]) + float(cost[other]))
                if here + step < total[other]:
                    total[other] = here + step
                    heapq.heappush(heap, (here + step, other))
    return total


def test_as_a_plain_search() -> None:
    rng = np.random.default_rng(3)
    cost = np.where(rng.random((7, 9, 11)) < 0.6, rng.random((7, 9, 11)) + 0.05, 0).astype(np.float32)
    cost[3, 4, 5] = 1.0
    spacing = np.array([2.0, 0.7, 0.9])
    seed = int(np.ravel_multi_index((3, 4, 5), cost.shape))
    size = cost.size
    heap, places = np.empty(size, dtype=np.int32), np.full(size, -1, dtype=np.int32)
    totals, lengths = np.full(size, np.inf), np.full(size, np.inf, dtype=np.float32)
    parents = np.full(size, -1, dtype=np.int32)
    steps = np.linalg.norm(OFFSETS * spacing, axis=1)
    cheapest_paths(cost, np.array([seed]), OFFSETS, steps, heap, places, totals, lengths, parents)
    np.testing.assert_allclose(totals.reshape(cost.shape), plain(cost, (3, 4, 5), spacing), rtol=1e-12)
    reached = np.flatnonzero(np.isfinite(totals))
    assert len(reached) > 100
    for voxel in reached[reached != seed]:
        assert totals[parents[voxel]] < totals[voxel]


def test_balls_cover_what_lies_within_them() -> None:
    matrix = np.array([[0.0, 0.1, 0.7], [0.3, 0.7, 0.0], [2.0, 0.0, 0.1]])
    left = np.ones((9, 20, 21), dtype=np.uint8)
    points, radii = np.array([[4, 10, 10], [0, 2, 19]]), np.array([4.1, 2.7])
    cover(points, radii, matrix, np.linalg.norm(np.linalg.inv(matrix), axis=1), left)
    index = np.stack(np.meshgrid(*map(np.arange, left.shape), indexing="ij"), axis=-1)
    far = [np.linalg.norm((index - p) @ matrix.T, axis=-1) > r for p, r in zip(points, radii, strict=True)]
    assert np.array_equal(left, (far[0] & far[1]).astype(np.uint8))


def test_rays_sample_linearly_and_end_with_the_grid() -> None:
    k, j, i = np.meshgrid(*map(np.arange, (6, 7, 8)), indexing="ij")
    field = (2 * k - j + 3 * i).astype(np.float32)
    out = np.empty((1, 4, 9), dtype=np.float32)
    center, across, upward = np.array([[2.2, 3.1, 3.4]]), np.array([[0, 0, 1.0]]), np.array([[1.0, 0, 0]])
    polar_samples(field, center, across, upward, np.array([0.5]), out)
    at = 0.5 * np.arange(9)
    middle = 2 * 2.2 - 3.1 + 3 * 3.4
    np.testing.assert_allclose(out[0, 0, :8], (middle + 3 * at)[:8], rtol=1e-6)
    np.testing.assert_allclose(out[0, 3, :5], (middle - 2 * at)[:5], rtol=1e-6)
    assert np.isnan(out[0, 1, 7:]).all()
    assert np.isfinite(out[0, 1, :6]).all()


def test_the_largest_circle_in_a_rectangle_and_in_a_shifted_circle() -> None:
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.stack([3 * np.cos(turn) + 1.2, 3 * np.sin(turn) - 0.8], axis=1)
    corners = [(-4, -1), (4, -1), (4, 2), (-4, 2), (-4, -1)]
    sides = np.concatenate([np.linspace(a, b, 100, endpoint=False) for a, b in pairwise(corners)])
    out = np.empty(2)
    inscribed_circles(np.stack([ring, sides]), out)
    np.testing.assert_allclose(out, [3.0, 1.5], atol=0.02)
