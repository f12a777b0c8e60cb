"""The distance field against SciPy and against all pairs of voxels."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, spatial

from prosector.kernels.distance_field import distance_field

Array = np.ndarray[Any, Any]

TILTED = np.array([[0.0, 0.02, 0.7], [-1.1, 0.7, 0.01], [2.5, 0.3, 0.0]])
SLANTED = np.array([[1.0, 0.9, 0.4], [-0.3, -0.8, 0.8], [1.9, 0.1, 0.2]])


def some_mask(shape: tuple[int, int, int], share: float, seed: int = 1) -> Array:
    """Blobs and single voxels."""
    noise = np.random.default_rng(seed).random(shape)
    return (noise < share).astype(np.uint8)


def by_pairs(mask: Array, matrix: Array) -> Array:
    """Plain reference: every voxel inside against every voxel outside."""
    outside, inside = np.argwhere(mask == 0) @ matrix.T, np.argwhere(mask)
    out = np.zeros(mask.shape)
    out[tuple(inside.T)] = spatial.distance.cdist(inside @ matrix.T, outside).min(axis=1) if len(outside) else np.inf
    return out


def field(mask: Array, matrix: Array) -> Array:
    out = np.full(mask.shape, np.nan, dtype=np.float32)
    distance_field(mask, matrix, out)
    return out


@given(st.tuples(*[st.integers(1, 9)] * 3), st.sampled_from([0.5, 0.9, 0.99, 1.0]), st.integers(0, 1000))
def test_as_all_pairs(shape: tuple[int, int, int], share: float, seed: int) -> None:
    mask = some_mask(shape, share, seed)
    spacing = np.array([2.5, 0.7, 0.9])
    np.testing.assert_allclose(field(mask, spacing), by_pairs(mask, np.diag(spacing)), rtol=1e-6)
    np.testing.assert_allclose(field(mask, TILTED), by_pairs(mask, TILTED), rtol=1e-6)
    np.testing.assert_allclose(field(mask, SLANTED), by_pairs(mask, SLANTED), rtol=1e-6)


@pytest.mark.parametrize("share", [0.3, 0.98, 0.9995])
def test_as_scipy(share: float) -> None:
    mask = some_mask((31, 50, 67), share)
    spacing = (2.5, 0.7, 0.9)
    np.testing.assert_allclose(field(mask, np.array(spacing)), ndimage.distance_transform_edt(mask, spacing), rtol=1e-6)


def test_a_rotated_grid_is_that_of_its_spacing() -> None:
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    mask = some_mask((9, 20, 21), 0.97)
    straight = field(mask, np.array([2.0, 0.5, 0.7]))
    np.testing.assert_allclose(field(mask, turn @ np.diag([2.0, 0.5, 0.7])), straight, rtol=1e-6)


def test_a_slight_tilt_is_close_to_none() -> None:
    mask = some_mask((9, 20, 21), 0.97)
    tilted = np.diag([2.0, 0.5, 0.7])
    tilted[1, 0] = 1e-3
    np.testing.assert_allclose(field(mask, tilted), field(mask, np.array([2.0, 0.5, 0.7])), atol=0.02)


@pytest.mark.parametrize("matrix", [np.array([2.5, 0.7, 0.7]), TILTED])
def test_same_bytes_at_any_number_of_threads(matrix: Array) -> None:
    mask = some_mask((12, 30, 41), 0.98)
    numba.set_num_threads(1)
    try:
        one = field(mask, matrix)
    finally:
        numba.set_num_threads(2)
    assert one.tobytes() == field(mask, matrix).tobytes()


def test_a_mask_without_an_outside_has_no_distance() -> None:
    assert np.isinf(field(np.ones((4, 5, 6), dtype=bool), np.ones(3))).all()
    assert np.isinf(field(np.ones((4, 5, 6), dtype=bool), TILTED)).all()
