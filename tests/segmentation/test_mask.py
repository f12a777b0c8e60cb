"""Masks in millimetres, on grids of any spacing and shear; and what keep_inside leaves."""

from __future__ import annotations

import numpy as np
import pytest
from analytic import ball, grid, points
from scipy import ndimage

from prosector.errors import GeometryError, ParameterError
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.segmentation.components import find_components
from prosector.segmentation.mask import (
    ball_offsets,
    closed,
    closed_in_plane,
    filled_slices,
    grow,
    keep_inside,
    opened,
    opened_in_plane,
    shrink,
)

SHEARED = np.array([[0, 0, 1.0], [0.6, 1.0, 0], [2.0, 0, 0]])
SEGMENTS = (Segment(1, "body", structure("body"), "AUTOMATIC", "test"),)


def labels(mask: Array, geometry: Geometry) -> LabelMap:
    return LabelMap(mask.astype(np.uint8), geometry, SEGMENTS)


@pytest.mark.parametrize("matrix", [np.eye(3), SHEARED, SHEARED * [-1, 1, 1]], ids=["cubes", "tilted", "mirrored"])
@pytest.mark.parametrize("radius", [2.0, 3.0, 5.0])
def test_a_ball_is_round_in_the_patient(matrix: Array, radius: float) -> None:
    offsets = ball_offsets(matrix, radius)
    lengths = np.linalg.norm(offsets @ matrix.T, axis=1)
    everywhere = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    assert lengths.max() <= radius * 1.00001
    assert len(offsets) == (np.linalg.norm(everywhere @ matrix.T, axis=1) <= radius * 1.00001).sum()


@pytest.mark.parametrize("radius", [1.0, 3.0, 4.0, 9.0])
def test_a_point_grows_to_a_ball_and_shrinks_to_itself(radius: float) -> None:
    geometry = grid(SHEARED, (25, 41, 41))
    point = np.zeros(geometry.shape, dtype=np.uint8)
    point[12, 20, 20] = 1
    grown = grow(point, SHEARED, radius)
    distance = np.sqrt(sum(c**2 for c in points(geometry)))
    assert distance[grown > 0].max() <= radius + 1e-6
    assert grown[distance <= 0.7 * radius].all()
    assert np.array_equal(shrink(grown, SHEARED, radius), point)


def test_the_border_of_the_grid_does_not_erode() -> None:
    assert shrink(np.ones((4, 5, 6), dtype=np.uint8), np.eye(3), 2.0).all()


def test_opening_takes_sheets_and_closing_takes_gaps() -> None:
    block = np.zeros((20, 20, 20), dtype=np.uint8)
    block[5:15, 5:15, 5:15] = 1
    with_sheet = block.copy()
    with_sheet[10, 10, :] = 1
    assert not opened(with_sheet, np.eye(3), 2.0)[10, 10, :4].any()
    with_gap = block.copy()
    with_gap[:, 10, :] = 0
    assert closed(with_gap, np.eye(3), 1.5)[8:12, 10, 8:12].all()


def test_work_in_the_plane_stays_in_its_slice() -> None:
    mask = np.zeros((3, 20, 20), dtype=np.uint8)
    mask[1, 5:15, 5:15] = 1
    mask[1, 10, :] = 1
    out = opened_in_plane(mask, np.eye(3), 2.0)
    assert out[1, 8, 8]
    assert not out[1, 10, 1]
    assert not out[[0, 2]].any()
    mask[1, :, 9] = 0
    assert closed_in_plane(mask, np.eye(3), 1.0)[1, 8, 9]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_holes_of_slices_are_filled_as_scipy_fills_them(axis: int) -> None:
    mask = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(9, 40, 30)), 1.2) > 0
    filled = filled_slices(mask.view(np.uint8), axis)
    for n in range(mask.shape[axis]):
        expected = ndimage.binary_fill_holes(np.take(mask, n, axis))
        assert np.array_equal(np.take(filled, n, axis), expected)


@pytest.mark.parametrize("margin", [0.0, 3.0, 7.0])
@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32"])
def test_what_lies_outside_becomes_background(margin: float, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = grid(SHEARED, (30, 40, 40))
    mask = ball(0, 0, 0, 8, 8, 8)(*points(geometry)).astype(np.uint8)
    voxels = (np.arange(mask.size).reshape(mask.shape) % 900 + 100).astype(dtype)
    volume = Volume(voxels, geometry, HOUNSFIELD if dtype == "int16" else "1")
    whole = keep_inside(volume, labels(mask, geometry), margin)
    kept = grow(mask, SHEARED, margin).astype(bool)
    assert np.array_equal(whole.voxels[kept], voxels[kept])
    assert (whole.voxels[~kept] == volume.background).all()
    assert whole.voxels.dtype == voxels.dtype
    # slab by slab gives what the whole gives
    monkeypatch.setattr("prosector.segmentation.mask.SLAB_BYTES", 1)
    assert np.array_equal(keep_inside(volume, labels(mask, geometry), margin).voxels, whole.voxels)


def test_another_grid_is_refused() -> None:
    geometry, other = grid(np.eye(3), (4, 4, 4)), grid(np.eye(3) * 2, (4, 4, 4))
    volume = Volume(np.zeros((4, 4, 4), dtype=np.int16), geometry)
    with pytest.raises(GeometryError, match="label map"):
        keep_inside(volume, labels(np.ones((4, 4, 4)), other))
    with pytest.raises(ParameterError, match="margin"):
        keep_inside(volume, labels(np.ones((4, 4, 4)), geometry), -1.0)


@pytest.mark.parametrize("full", [False, True])
def test_components_are_those_of_scipy(full: bool) -> None:
    rng = np.random.default_rng(5)
    mask = rng.random((14, 23, 37)) < (0.12 if full else 0.3)
    values = rng.normal(100, 50, mask.shape).astype(np.float32)
    found = find_components(mask, full=full)
    expected, count = ndimage.label(mask, np.ones((3, 3, 3)) if full else None)
    assert found.count == count
    numbers = np.arange(1, count + 1)
    sizes = ndimage.sum_labels(mask, expected, numbers)
    assert np.array_equal(found.sizes, sizes)
    assert np.allclose(found.sums(values), ndimage.sum_labels(values, expected, numbers))
    assert np.array_equal(
        found.count_at_least(values, 110.0), ndimage.sum_labels(values >= 110, expected, numbers).astype(int)
    )
    boxes = [[(s.start, s.stop) for s in box] for box in ndimage.find_objects(expected)]
    assert np.array_equal(found.boxes(), boxes)
    largest = sizes == sizes.max()
    assert np.array_equal(found.mask(largest), np.isin(expected, numbers[largest]))


def test_components_of_slices_stand_alone() -> None:
    mask = np.zeros((3, 4, 4), dtype=np.uint8)
    mask[:, 1:3, 1:3] = 1
    assert find_components(mask).count == 1
    assert find_components(mask, by_slice=True).count == 3
    assert find_components(np.zeros_like(mask)).count == 0


def test_voxels_are_counted_in_blocks() -> None:
    mask = np.ones((4, 6, 9), dtype=np.uint8)
    blocks = np.zeros((2, 2, 3), dtype=np.uint8)
    blocks[1, 0, 2] = 1
    found = find_components(mask)
    assert found.count_in_blocks(blocks, np.array([2, 3, 4])).tolist() == [2 * 3 * 1]
