"""The kernels of morphology against SciPy and plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from prosector.kernels import morphology

Array = np.ndarray[Any, Any]

OFFSETS = np.array([[0, 0, 0], [0, 0, 2], [1, -1, 0], [-2, 0, 1], [0, 1, -3]])


def some_mask(share: float) -> Array:
    return (np.random.default_rng(1).random((9, 14, 21)) < share).astype(np.uint8)


def structure() -> Array:
    whole = np.zeros((5, 3, 7), dtype=bool)
    for k, j, i in OFFSETS:
        whole[2 + k, 1 + j, 3 + i] = True
    return whole


def test_dilation_is_that_of_scipy() -> None:
    mask, out = some_mask(0.05), np.empty((9, 14, 21), dtype=np.uint8)
    morphology.dilate(mask, OFFSETS, out)
    # SciPy reaches the other way
    assert np.array_equal(out, ndimage.binary_dilation(mask, structure()[::-1, ::-1, ::-1]))


def test_erosion_is_that_of_scipy() -> None:
    mask, out = some_mask(0.9), np.empty((9, 14, 21), dtype=np.uint8)
    morphology.erode(mask, OFFSETS, out)
    assert np.array_equal(out, ndimage.binary_erosion(mask, structure(), border_value=1))


def test_offsets_longer_than_the_grid_do_nothing() -> None:
    mask = some_mask(0.5)
    out = np.empty_like(mask)
    far = np.array([[0, 0, 0], [0, 0, 40], [30, 0, 0], [0, -30, 0]])
    morphology.dilate(mask, far, out)
    assert np.array_equal(out, mask)
    morphology.erode(mask, far, out)
    assert np.array_equal(out, mask)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_block_means_with_a_remainder(dtype: str) -> None:
    voxels = np.random.default_rng(2).integers(0, 250, (7, 11, 13)).astype(dtype)
    factors = np.array([2, 3, 5])
    out = np.empty((4, 4, 3), dtype=np.float32)
    voxels.flags.writeable = False
    morphology.block_mean(voxels, factors, 20.0, 200.0, out)
    clipped = np.clip(voxels.astype(float), 20, 200)
    for k, j, i in np.ndindex(out.shape):
        part = clipped[2 * k : 2 * k + 2, 3 * j : 3 * j + 3, 5 * i : 5 * i + 5]
        assert out[k, j, i] == pytest.approx(part.mean(), rel=1e-5)


def test_a_voxel_that_is_not_a_number_counts_as_the_lowest() -> None:
    voxels = np.full((2, 2, 2), np.nan, dtype=np.float32)
    voxels[0] = 5.0
    out = np.empty((1, 1, 1), dtype=np.float32)
    morphology.block_mean(voxels, np.array([2, 2, 2]), -1.0, 9.0, out)
    assert out[0, 0, 0] == pytest.approx(2.0)


def test_refine_takes_core_and_judges_reach() -> None:
    voxels = np.zeros((2, 4, 6), dtype=np.int16)
    voxels[:, :, ::2] = 10
    core, reach = np.zeros((1, 2, 3), dtype=np.uint8), np.zeros((1, 2, 3), dtype=np.uint8)
    core[0, 0, 0] = reach[0, 0, 0] = reach[0, 1, 2] = 1
    out = np.empty(voxels.shape, dtype=np.uint8)
    morphology.refine(voxels, 5.0, core, reach, np.array([2, 2, 2]), out)
    assert out[:, :2, :2].all()
    assert out[:, 2:, 4].all()
    assert not out[:, 2:, 5].any()
    assert out.sum() == 8 + 4


def test_candidates_need_mask_threshold_and_ceiling() -> None:
    voxels = np.array([[[100, 300, 300, 300, 700, 300]]], dtype=np.int16)
    mask = np.array([[[1, 1, 0, 1, 1, 1]]], dtype=np.uint8)
    ceiling = np.array([[[-np.inf, 400.0]]], dtype=np.float32)
    out = np.empty(voxels.shape, dtype=np.uint8)
    morphology.candidates(voxels, 200.0, mask, ceiling, np.array([1, 1, 3]), out)
    assert out.ravel().tolist() == [0, 1, 0, 0, 1, 0]


def test_the_steepest_step_to_a_neighbour() -> None:
    values = np.random.default_rng(4).normal(size=(4, 5, 6)).astype(np.float32)
    out = np.empty_like(values)
    morphology.steepest(values, out)
    expected = np.zeros_like(values)
    for axis in range(3):
        step = np.abs(np.diff(values, axis=axis))
        for side in (0, 1):
            pad = [(0, 0)] * 3
            pad[axis] = (side, 1 - side)
            expected = np.maximum(expected, np.pad(step, pad))
    assert np.array_equal(out, expected)
