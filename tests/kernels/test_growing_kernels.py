"""Flood, watershed, valleys and border contrast against plain references on random input."""

from __future__ import annotations

from collections import deque

import numba
import numpy as np
import pytest
from scipy import ndimage

from prosector.kernels import growing, watershed
from prosector.kernels.valleys import valleys
from prosector.segmentation.seeds import ALL_NEIGHBOURS, FACES

SHEARED = np.array([[0, 0, 1.0], [0.6, 1.0, 0], [2.0, 0, 0]])


def neighbours(at, steps, shape):
    for step in steps:
        there = tuple(int(n) for n in np.add(at, step))
        if all(0 <= n < size for n, size in zip(there, shape, strict=True)):
            yield there


def steepness(values, matrix):
    """Gradient per mm: the covector of index differences, turned by the inverse transpose of the matrix."""
    index = np.stack([np.gradient(values, axis=axis) for axis in range(3)], axis=-1)
    return np.linalg.norm(index @ np.linalg.inv(matrix), axis=-1)


def plain_flood(accepted, seeds, steps):
    out = np.zeros(accepted.shape, dtype=np.uint8)
    waiting = deque(tuple(int(n) for n in seed) for seed in seeds if accepted[tuple(seed)])
    for seed in waiting:
        out[seed] = 1
    while waiting:
        for there in neighbours(waiting.popleft(), steps, accepted.shape):
            if accepted[there] and not out[there]:
                out[there] = 1
                waiting.append(there)
    return out


@pytest.mark.parametrize("capacity", [1, 7, 100_000])
@pytest.mark.parametrize("limit", [np.inf, 9.0])
@pytest.mark.parametrize("steps", [FACES, ALL_NEIGHBOURS], ids=["6", "26"])
def test_a_flood_reaches_what_a_plain_one_reaches_whatever_its_queue(capacity, limit, steps):
    rng = np.random.default_rng(3)
    values = rng.normal(0, 10, (13, 17, 19)).astype(np.float32)
    values[5, 6, 7] = np.nan
    allowed = (rng.random(values.shape) < 0.9).astype(np.uint8)
    metric = np.linalg.inv(SHEARED.T @ SHEARED)
    accepted = (values >= -12) & (values <= 8) & (allowed > 0)
    if np.isfinite(limit):
        accepted &= steepness(values.astype(np.float64), SHEARED) <= limit
    seeds = np.argwhere(accepted)[[5, 900]]
    out = np.zeros(values.shape, dtype=np.uint8)
    queue = np.empty(capacity, dtype=np.int64)
    count = growing.flood(values, -12.0, 8.0, limit, metric, steps, seeds, queue, allowed, out)
    expected = plain_flood(accepted, seeds, steps)
    assert np.array_equal(out, expected)
    assert count == expected.sum() > 20


def test_moments_are_those_of_numpy_at_any_number_of_threads():
    rng = np.random.default_rng(4)
    values = rng.integers(-1000, 2000, (9, 20, 30)).astype(np.int16)
    mask = (rng.random(values.shape) < 0.3).astype(np.uint8)
    before, found = numba.get_num_threads(), []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        out = np.zeros((9, 3))
        growing.slice_moments(values, mask, 40.0, out)
        found.append(out)
    numba.set_num_threads(before)
    assert found[0].tobytes() == found[1].tobytes()
    inside = values[mask > 0] - 40.0
    assert np.allclose(found[0].sum(axis=0), [inside.size, inside.sum(), (inside**2).sum()], rtol=1e-12)


def plain_levels(level, label):
    """The highest lowest level on the way from a label, by relaxing until nothing changes."""
    reached = np.where(label > 0, level, 0).astype(np.int64)
    while True:
        near = ndimage.maximum_filter(reached, size=3, mode="constant")
        better = np.maximum(reached, np.minimum(near, level))
        if np.array_equal(better, reached):
            return reached
        reached = better


def run(level, label):
    size = int(level.max()) + 1
    reached, label = level.copy(), label.copy()
    first, last = np.full(size, -1, dtype=np.int64), np.full(size, -1, dtype=np.int64)
    watershed.flood_levels(reached, ALL_NEIGHBOURS, first, last, np.empty(level.shape, dtype=np.int32), label)
    return reached, label


def test_labels_run_down_to_what_they_reach_best():
    rng = np.random.default_rng(5)
    level = (rng.integers(1, 60, (10, 14, 16)) * (rng.random((10, 14, 16)) < 0.8)).astype(np.uint16)
    label = np.zeros(level.shape, dtype=np.int32)
    starts = np.argwhere(level > 0)[[10, 400, 1200]]
    label[tuple(starts.T)] = [1, 2, 3]
    reached, found = run(level, label)
    expected = plain_levels(level, label)
    assert np.array_equal(np.where(found > 0, reached, 0), expected)
    # whoever has a voxel reaches it as well as anybody
    for number in (1, 2, 3):
        alone = plain_levels(level, np.where(label == number, label, 0))
        assert np.array_equal(alone[found == number], expected[found == number])


@pytest.mark.parametrize("height", [1, 4, 12, 40])
def test_summits_are_those_that_reconstruction_leaves(height):
    """Maxima of the plain morphological reconstruction, under the level, of the level less one short of the height."""
    rng = np.random.default_rng(6)
    level = np.rint(ndimage.gaussian_filter(rng.random((10, 14, 16)), 1.2) * 2000).astype(np.uint16)
    level = (level - level.min() + 1).astype(np.uint16)
    order = np.argsort(-level.ravel().astype(int), kind="stable")
    basin = np.zeros(level.shape, dtype=np.int32)
    parent, peak = np.zeros(level.size + 1, dtype=np.int32), np.zeros(level.size + 1, dtype=np.int64)
    count = watershed.summits(order, level, ALL_NEIGHBOURS, height, basin, parent, peak)
    alone = [n for n in range(1, count + 1) if parent[n] == n]
    marker = level.astype(np.int64) - (height - 1)
    while True:
        grown = np.minimum(ndimage.maximum_filter(marker, size=3), level)
        if np.array_equal(grown, marker):
            break
        marker = grown
    # regional maxima of what is left
    flat, parts = np.zeros(level.shape, dtype=bool), 0
    for value in np.unique(marker):
        plateaus, number = ndimage.label(marker == value, np.ones((3, 3, 3)))
        for n in range(1, number + 1):
            rim = ndimage.binary_dilation(plateaus == n, np.ones((3, 3, 3))) & (plateaus != n)
            if not (marker[rim] > value).any():
                flat |= plateaus == n
                parts += 1
    assert len(alone) == parts
    assert all(flat.ravel()[peak[n]] for n in alone)


def test_valleys_are_as_a_loop_finds_them_at_any_number_of_threads():
    rng = np.random.default_rng(7)
    values = rng.integers(-100, 900, (7, 9, 11)).astype(np.int16)
    mask = (rng.random(values.shape) < 0.7).astype(np.uint8)
    steps, counts = ALL_NEIGHBOURS[13:].copy(), np.array([n % 3 + 1 for n in range(13)])
    expected = np.zeros(values.shape, dtype=np.float32)
    for at in np.argwhere(mask):
        for step, count in zip(steps, counts, strict=True):
            sides = []
            for sign in (-1, 1):
                line = [at + sign * m * step for m in range(1, count + 1)]
                sides.append([values[tuple(p)] for p in line if (p >= 0).all() and (p < values.shape).all()])
            if all(sides):
                depth = min(max(side) for side in sides) - float(values[tuple(at)])
                expected[tuple(at)] = max(expected[tuple(at)], depth)
    before, found = numba.get_num_threads(), []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        out = np.empty(values.shape, dtype=np.float32)
        valleys(values, mask, steps, counts, out)
        found.append(out)
    numba.set_num_threads(before)
    assert found[0].tobytes() == found[1].tobytes()
    assert np.array_equal(found[0], expected)


def test_borders_of_nested_regions_are_counted():
    rng = np.random.default_rng(8)
    level = rng.integers(0, 9, (5, 6, 7)).astype(np.uint16)
    values = rng.normal(0, 10, level.shape).astype(np.float32)
    areas, lengths = np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.5, 1.0])
    faces, sums, cut = (np.zeros(9) for _ in range(3))
    watershed.border_contrast(values, level, areas, lengths, faces, sums, cut)
    faces, sums, cut = (np.cumsum(c[::-1])[::-1] for c in (faces, sums, cut))
    for t in range(1, 9):
        area, slope, ended = 0.0, 0.0, 0.0
        for axis in range(3):
            a, b = (np.moveaxis(level, axis, 0)[s].astype(int) for s in (slice(1, None), slice(None, -1)))
            steps = np.abs(np.diff(values.astype(np.float64), axis=axis))
            border = (a >= t) != (b >= t)
            off = border & (np.minimum(a, b) == 0)
            area += areas[axis] * (border & ~off).sum()
            ended += areas[axis] * off.sum()
            slope += areas[axis] / lengths[axis] * np.moveaxis(steps, axis, 0)[border & ~off].sum()
        assert np.allclose([faces[t], sums[t], cut[t]], [area, slope, ended], rtol=1e-6)
