"""The kernels of bone against plain loops, on random voxels and at one and two threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from prosector.kernels import bone

OFFSETS = np.array([[0, 0, 0], [0, 0, 1], [0, 0, -1], [0, 1, 0], [0, -1, 0], [1, 0, 0], [-1, 1, 0]])
SHAPE = (6, 9, 11)
Array = NDArray[np.generic]


@pytest.fixture
def voxels() -> NDArray[np.int16]:
    return np.random.default_rng(4).integers(0, 400, SHAPE).astype(np.int16)


def mask(seed: int, share: float = 0.5) -> NDArray[np.uint8]:
    return (np.random.default_rng(seed).random(SHAPE) < share).view(np.uint8)


def near(at: tuple[int, ...], offsets: Array) -> Iterator[tuple[int, ...]]:
    for step in offsets:
        place = tuple(int(a + s) for a, s in zip(at, step, strict=True))
        if all(0 <= p < n for p, n in zip(place, SHAPE, strict=True)):
            yield place


def same_on_threads(run: Callable[[Array], None]) -> Array:
    results = []
    threads = numba.get_num_threads()
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            out = np.empty(SHAPE, dtype=np.uint8)
            run(out)
            results.append(out)
    finally:
        numba.set_num_threads(threads)
    assert np.array_equal(*results)
    return results[0]


def test_plateau(voxels: NDArray[np.int16]) -> None:
    blocks, factors = mask(1, 0.8)[:3, :5, :4].copy(), np.array([2, 2, 3])
    found = same_on_threads(lambda out: bone.plateau(voxels, 40.0, 390.0, OFFSETS, blocks, factors, out))
    for at in np.ndindex(SHAPE):
        even = all(40 <= voxels[p] <= 390 for p in near(at, OFFSETS))
        assert found[at] == (even and blocks[tuple(np.array(at) // factors)])


METRIC = np.array([[1.0, 0.2, 0.0], [0.2, 0.5, 0.1], [0.0, 0.1, 0.6]])
DEPTHS = np.array([[0.5, 1.0], [2.0, 2.9]])
BOUNDS = np.array([100.0, 300.0, 380.0, 0.25])
EDGE = np.random.default_rng(8).random((5, 4)) / 2


def plain_level(voxels: Array, state: Array, at: tuple[int, ...]) -> float:
    """Where the edge lies between the least around and compact bone, by a profile inwards."""
    least = min([BOUNDS[1], *(float(voxels[p]) for p in near(at, OFFSETS))])
    way = -np.sum([np.subtract(p, at) for p in near(at, OFFSETS) if state[p] == 0] or [[0, 0, 0]], axis=0)
    length = np.sqrt(way @ METRIC @ way)
    along = [[np.rint(d * way / length) if length else [0, 0, 0] for d in part] for part in DEPTHS]
    peak = max([voxels[at], *(voxels[p] for p in near(at, np.array(along[0], int)) if state[p] == 1)])
    inner = [min(float(peak), float(voxels[p])) for p in near(at, np.array(along[1], int))]
    span = (1 - BOUNDS[3]) * max(BOUNDS[2], peak) + BOUNDS[3] * peak - least
    share = RegularGridInterpolator((np.linspace(0, 1, 5), np.linspace(0, 1, 4)), EDGE)
    place = [(peak - least) / span, ((np.mean(inner) if inner else peak) - least) / span]
    return float(least + span * share(np.clip(place, 0, 1))[0])


def test_peel(voxels: NDArray[np.int16]) -> None:
    state = np.random.default_rng(2).choice(np.array([0, 1, 1, 2], dtype=np.uint8), SHAPE)
    faces = np.array([[0, 0, 1], [0, 0, -1], [0, 1, 0], [0, -1, 0], [1, 0, 0], [-1, 0, 0]])
    for deep in (False, True):
        given = (voxels, state, BOUNDS, EDGE, OFFSETS, METRIC, DEPTHS, deep)
        found = same_on_threads(lambda out, given=given: bone.peel(*given, out))
        for at in np.ndindex(SHAPE):
            exposed = any(state[p] == 0 for p in near(at, faces if deep else faces[:4]))
            gone = state[at] == 1 and exposed and voxels[at] < max(BOUNDS[0], plain_level(voxels, state, at))
            assert found[at] == (0 if gone else state[at])
        assert (found != state).any()


def test_thin_sheets(voxels: NDArray[np.int16]) -> None:
    body, half = mask(3, 0.8), np.array([[0, 0, 1], [0, 1, 0], [1, 1, -1]])
    found = same_on_threads(lambda out: bone.thin_sheets(voxels, 150.0, 350.0, 60.0, half, body, out))
    for at in np.ndindex(SHAPE):
        ends = [[voxels[p] for p in near(at, np.array([s, -s]))] for s in half]
        whole = [pair for pair in ends if len(pair) == 2]
        across = any(max(pair) <= voxels[at] - 60 for pair in whole)
        along = any(min(pair) > voxels[at] - 60 for pair in whole)
        assert found[at] == (body[at] and 150 <= voxels[at] < 350 and across and along)


def test_filling_and_leaving_out(voxels: NDArray[np.int16]) -> None:
    inside, zone, stay = mask(5), mask(6), mask(7)
    out = np.empty_like(voxels)
    bone.fill_out(voxels, inside, zone, stay, 40.0, out)
    expected = np.where(stay, voxels, np.where(inside, 40, np.where(zone, np.minimum(voxels, 40), voxels)))
    assert np.array_equal(out, expected)
    left = mask(8)
    bone.leave_out(voxels, zone, 200.0, left)
    assert np.array_equal(left, mask(8) & ~((zone > 0) & (voxels <= 200)))


def test_shares_of_blocks(voxels: NDArray[np.int16]) -> None:
    darker, denser = np.empty((2, 3, 3), dtype=np.float32), np.empty((2, 3, 3), dtype=np.float32)
    bone.block_shares(voxels, 100.0, 300.0, np.array([3, 3, 4]), darker, denser)
    for k, j, i in np.ndindex(2, 3, 3):
        block = voxels[3 * k : 3 * k + 3, 3 * j : 3 * j + 3, 4 * i : 4 * i + 4]
        assert darker[k, j, i] == pytest.approx((block < 100).mean(), abs=1e-6)
        assert denser[k, j, i] == pytest.approx((block >= 300).mean(), abs=1e-6)


def test_sides() -> None:
    inside, out = mask(9), np.empty(SHAPE, dtype=np.uint8)
    bone.paint_sides(inside, np.array([0.5, 0.0, 1.0]), -6.0, 2.0, out)
    k, _, i = np.indices(SHAPE)
    place = 0.5 * k + i - 6
    assert np.array_equal(out, inside * np.where(place > 2, 1, np.where(place < -2, 2, 3)))
