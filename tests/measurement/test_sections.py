"""Sections of tubes of known width."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from vessels import scanned, straight

from prosector.errors import EmptyResultError
from prosector.kernels.sections import polar_samples
from prosector.measurement.centerline_frames import frames, smoothed, tangents
from prosector.measurement.sections import Sections, measure_sections
from prosector.measurement.sections_shape import Sizes, rim_sizes, sizes_of
from prosector.model.geometry import Geometry
from prosector.model.volume import Volume

CASES = {
    "four voxels, oblique": ((1, 2, 3), 1.4, {"spacing": (0.7, 0.7, 0.7), "blur_mm": 0.4}),
    "four voxels, along a row": ((1, 0.03, 0.02), 1.4, {"spacing": (0.7, 0.7, 0.7), "blur_mm": 0.4}),
    "long voxels": ((1, 0.3, 0.2), 5.0, {"spacing": (2.5, 0.7, 0.7)}),
    "tilted gantry": ((0.3, 0.5, 1), 3.0, {"tilt": 0.35}),
    "mirrored tilt": ((0.3, -0.5, 1), 3.0, {"tilt": -0.35}),
}


def of_tube(name: str, with_label: bool) -> tuple[Sections, Sizes, float]:
    direction, radius, how = CASES[name]
    tube = straight(direction, radius, 40.0)
    volume, labels = scanned(tube, **how)  # type: ignore[arg-type]
    along = (tube.centers[1] - tube.centers[0]) / 40.0
    points = np.outer(np.arange(-10, 10, 0.7), along) + 0.15 * radius
    given = {"labels": labels} if with_label else {"volume": volume}
    sections = measure_sections(points, np.full(len(points), 1.1 * radius), **given)  # type: ignore[arg-type]
    return sections, sizes_of(sections), radius


@pytest.mark.parametrize("name", CASES)
def test_walls_in_a_volume_are_found_to_a_fraction_of_a_voxel(name: str) -> None:
    sections, sizes, radius = of_tube(name, False)
    assert not sections.is_open.any()
    for field in ("equivalent", "inscribed", "least_feret", "greatest_feret"):
        error = (getattr(sizes, field) - 2 * radius) / sections.voxel_mm
        assert abs(error.mean()) < 0.25, field
        assert np.percentile(np.abs(error), 95) < 0.5, field
    np.testing.assert_allclose(sizes.area, np.pi * radius**2, rtol=0.2)
    np.testing.assert_allclose(sizes.perimeter.mean(), 2 * np.pi * radius, rtol=0.05)


def test_walls_of_a_label_are_found_to_half_a_voxel() -> None:
    sections, sizes, radius = of_tube("tilted gantry", True)
    assert np.abs((sizes.equivalent - 2 * radius) / sections.voxel_mm).max() < 0.5
    assert not sections.from_volume


def test_a_higher_threshold_makes_the_lumen_smaller() -> None:
    sections, _, _ = of_tube("tilted gantry", False)
    assert (sections.higher_mm.mean(axis=1) < sections.lower_mm.mean(axis=1)).all()


def test_the_volumes_border_cuts_a_section_open() -> None:
    volume, _ = scanned(straight((0, 0, 1), 3.0, 20.0), noise_hu=0)
    first = int(volume.geometry.to_index([0, 0, 0])[2]) - 1
    affine = volume.geometry.affine.copy()
    affine[:3, 3] = volume.geometry.to_lps([0, 0, first])
    part = volume.voxels[:, :, first:]
    half = Volume(part, Geometry(part.shape, affine), volume.unit)
    line = np.array([[0, 0, -3.0], [0, 0, 0], [0, 0, 3.0]])
    assert not measure_sections(line, np.full(3, 3.0), volume=volume).is_open.any()
    sections = measure_sections(line, np.full(3, 3.0), volume=half)
    assert sections.is_open.all()
    assert np.isnan(sizes_of(sections).area).all()


def test_where_there_is_no_vessel_no_wall_is_found() -> None:
    volume, _ = scanned(straight((0, 0, 1), 3.0, 20.0), noise_hu=0)
    beside = np.array([[8.0, 8, -3.0], [8, 8, 3]])
    assert measure_sections(beside, np.full(2, 0.5), volume=volume).is_open.all()


def test_an_ellipse_has_four_different_diameters() -> None:
    turn = 2 * np.pi * np.arange(96) / 96
    rim = 1 / np.hypot(np.cos(turn) / 3, np.sin(turn) / 2)
    rim[5] = np.nan
    sizes = rim_sizes(rim[np.newaxis], np.array([False]))
    found = [sizes.greatest_feret[0], sizes.least_feret[0], sizes.inscribed[0], sizes.equivalent[0], sizes.area[0]]
    np.testing.assert_allclose(found, [6, 4, 4, 2 * np.sqrt(6), 6 * np.pi], rtol=5e-3)
    # Ramanujan's approximation of an ellipse's perimeter
    expected = np.pi * (3 * (3 + 2) - np.sqrt((3 * 3 + 2) * (3 + 3 * 2)))
    np.testing.assert_allclose(sizes.perimeter[0], expected, rtol=5e-3)


def test_frames_do_not_turn_in_a_plane_and_stay_across() -> None:
    t = np.linspace(0, 2, 60)
    ring = 20 * np.stack([np.cos(t), np.sin(t), np.zeros(60)], axis=1)
    along = tangents(ring)
    across, upward = frames(ring, along)
    np.testing.assert_allclose(np.abs((across * along).sum(axis=1)), 0, atol=1e-12)
    # a line in a plane keeps its angle to the plane
    np.testing.assert_allclose(across[:, 2], across[0, 2], atol=1e-6)
    np.testing.assert_allclose(upward[:, 2], upward[0, 2], atol=1e-6)


def test_smoothing_leaves_a_straight_line_as_it_is() -> None:
    line = np.outer(np.arange(30.0), [1, 2, 3])
    np.testing.assert_allclose(smoothed(line, np.linspace(1, 6, 30)), line, atol=1e-9)


def test_same_bytes_at_any_number_of_threads() -> None:
    field = np.random.default_rng(2).random((9, 10, 11)).astype(np.float32)
    center, across, upward = np.full((5, 3), 4.3), np.eye(3)[[0] * 5] * 0.8, np.eye(3)[[1] * 5] * 0.7
    found = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        out = np.empty((5, 16, 20), dtype=np.float32)
        polar_samples(field, center, across, upward, np.full(5, 0.3), out)
        found.append(out.tobytes())
    assert found[0] == found[1]


def test_nothing_to_measure_in_is_an_error() -> None:
    with pytest.raises(EmptyResultError, match="neither"):
        measure_sections(np.zeros((3, 3)), np.ones(3))
