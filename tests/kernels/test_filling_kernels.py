"""Kernels of measuring segments against SciPy and plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

from prosector.kernels import filling, mesh_sizes
from prosector.kernels.mesh import isosurface
from prosector.measurement.sizes import widest
from prosector.model.mesh import Mesh

SHAPE = (9, 14, 17)
RNG = np.random.default_rng(11)
MASK = (ndimage.gaussian_filter(RNG.normal(size=SHAPE), 1.5) > 0.02).astype(np.uint8)
VALUES = RNG.normal(100, 50, SHAPE).astype(np.float32)
PARTS = ndimage.gaussian_filter(MASK.astype(np.float32), 0.8)


@pytest.mark.parametrize("reach", [(1, 1, 1), (1, 2, 3), (0, 30, 2)])
def test_widening_by_a_box(reach: tuple[int, int, int]) -> None:
    few = MASK & (RNG.random(SHAPE) > 0.8)
    out = np.empty_like(few)
    filling.widen(few, reach, out)
    assert (out == ndimage.maximum_filter(few, [2 * n + 1 for n in reach], mode="nearest")).all()


def test_spans_of_a_label() -> None:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[2:5, 3:7, 4:6] = 3
    labels[4, 1, 9] = 2
    out = np.empty((SHAPE[0], 4), dtype=np.int64)
    filling.label_spans(labels, 3, out)
    assert (out[2:5] == (3, 7, 4, 6)).all()
    assert not out[[0, 1, 5, 6, 7, 8], 1].any()
    filling.label_spans(labels, 0, out)
    assert tuple(out[4]) == (1, 7, 4, 10)


def test_levels_are_weighted_means() -> None:
    kinds = RNG.integers(0, 3, SHAPE).astype(np.uint8)
    needed = (RNG.random(SHAPE) > 0.7).astype(np.uint8)
    needed[3] = 0
    table = np.array([0, 1.0, 0.01], dtype=np.float32)
    width = (1.0, 2.0, 1.5)
    halves = []
    for deviation in width:
        taps = np.exp(-0.5 * (np.arange(int(3 * deviation + 0.5) + 1) / deviation) ** 2)
        halves.append((taps / (2 * taps.sum() - taps[0])).astype(np.float32))
    out = np.empty(SHAPE, dtype=np.float32)
    filling.local_levels(VALUES, kinds, table, tuple(halves), needed, out)
    weights = table[kinds].astype(np.float64)
    sums, mass = (ndimage.gaussian_filter(w, width, mode="constant", truncate=3) for w in (weights * VALUES, weights))
    there = needed > 0
    assert np.isnan(out[~there]).all()
    assert np.abs(out[there] - (sums / mass)[there]).max() < 1e-3


def test_neighbourhoods_of_27() -> None:
    outside, inside = np.full(SHAPE, 20, np.float32), np.full(SHAPE, 150, np.float32)
    inside[0] = np.nan
    out = np.empty(SHAPE, dtype=np.uint8)
    filling.like_inside(VALUES, outside, inside, MASK, out)
    part = np.clip(np.nan_to_num((VALUES - outside) / (inside - outside)), -1, 2).astype(np.float64)
    assert (out == (MASK & (ndimage.uniform_filter(part, 3) > 0.5))).all()
    outer = MASK ^ 1
    filling.plateaus(PARTS, MASK, outer, 0.3, out)
    mean = ndimage.uniform_filter(PARTS.astype(np.float64), 3, mode="nearest")
    assert (out == np.where((MASK > 0) & (mean > 0.7), 1, np.where((outer > 0) & (mean < 0.3), 2, 0))).all()
    assert set(np.unique(out)) == {0, 1, 2}
    lower = np.empty_like(PARTS)
    filling.falling(PARTS, MASK, outer, lower)
    nearer = ndimage.maximum_filter(np.where(MASK > 0, PARTS, 0), 3, mode="nearest")
    assert (lower == np.where(outer > 0, np.minimum(PARTS, nearer), PARTS)).all()


def test_sums_at_the_border() -> None:
    contrast = np.where(RNG.random(SHAPE) > 0.5, VALUES, np.nan).astype(np.float32)
    out = np.empty((SHAPE[0], 4))
    filling.border_sums(PARTS, contrast, 25.0, out)
    change = np.nan_to_num(np.float32(25) / np.abs(contrast))
    found = [np.count_nonzero(np.float32(0.5) + sign * change <= PARTS) for sign in (0, -1, 1)]
    assert out.sum(axis=0)[:3].tolist() == found
    assert out[:, 3].sum() == pytest.approx(np.nansum(1 / contrast.astype(np.float64) ** 2))
    moved = np.empty_like(PARTS)
    filling.shift_level(PARTS, contrast, 25.0, moved)
    assert np.allclose(moved, PARTS - np.nan_to_num(np.float32(25) / contrast), atol=1e-6)
    counts = np.empty((SHAPE[0], 2), dtype=np.int64)
    filling.count_outer(MASK, counts)
    inner = ndimage.binary_erosion(MASK, border_value=1)
    assert counts.sum(axis=0).tolist() == [MASK.sum(), MASK.sum() - inner.sum()]


def test_moments_of_what_is_filled() -> None:
    out = np.empty((SHAPE[0], 10))
    origin = np.array([4.0, 6.5, 8.0])
    filling.moments(PARTS - np.float32(0.2), origin, out)
    weight = np.maximum(PARTS.astype(np.float64) - 0.2, 0)
    k, j, i = np.indices(SHAPE) - origin[:, None, None, None]
    expected = [(weight * n).sum() for n in (1, k, j, i, k * k, j * j, i * i, k * j, k * i, j * i)]
    assert np.allclose(out.sum(axis=0), expected, rtol=1e-5, atol=1e-3)


def test_area_volume_and_their_gradients() -> None:
    affine = np.diag([2.0, 0.8, 0.7, 1.0])
    affine[0, 1] = 0.3
    mesh = Mesh(*isosurface(PARTS, 0.5, affine, closed=True))
    sums = np.empty((mesh_sizes.PORTIONS, 2))
    mesh_sizes.area_and_volume(mesh.vertices_lps, mesh.faces, np.array([5.0, 5, 5]), sums)
    area, volume = sums.sum(axis=0)
    assert area == pytest.approx(mesh.area_mm2, rel=1e-9)
    assert volume == pytest.approx(mesh.volume_mm3, rel=1e-6)
    of_volume, of_area = np.zeros(mesh.vertices_lps.shape), np.zeros(mesh.vertices_lps.shape)
    mesh_sizes.gradients(mesh.vertices_lps, mesh.faces, of_volume, of_area)
    corners = [mesh.vertices_lps[mesh.faces[:, n]].astype(np.float64) for n in range(3)]
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    unit = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    by_volume, by_area = np.zeros_like(of_volume), np.zeros_like(of_area)
    for n in range(3):
        np.add.at(by_volume, mesh.faces[:, n], normal / 6)
        across = corners[(n + 2) % 3] - corners[(n + 1) % 3]
        np.add.at(by_area, mesh.faces[:, n], np.cross(unit, across) / 2)
    assert np.abs(of_volume - by_volume).max() < 1e-9
    assert np.abs(of_area - by_area).max() < 1e-9


@pytest.mark.parametrize("stretch", [(1, 1, 1), (1, 2, 9)], ids=["ball", "long"])
def test_largest_distance_of_many_points(stretch: tuple[int, int, int]) -> None:
    points = RNG.normal(size=(1500, 3)) * stretch
    length, pair = widest(points)
    assert length == pytest.approx(cdist(points, points).max(), rel=1e-12)
    assert np.linalg.norm(pair[0] - pair[1]) == pytest.approx(length)
