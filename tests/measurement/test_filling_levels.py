"""Levels beside a border: in something small, beside a bright neighbour, in contact with one."""

from __future__ import annotations

import numpy as np
import pytest

from prosector.datasets.scanner import Scan
from prosector.datasets.test_objects import build_test_object
from prosector.measurement.distance import make_pair, nearest
from prosector.measurement.filling import fill_segment

SCAN = Scan(spacing_mm=(0.8, 0.7, 0.7), noise=6.0, blur_mm=0.8, seed=3)


def test_a_small_ball_takes_its_level_from_all_its_inner_voxels() -> None:
    """Over several draws the mean error is small, and none is what the noise of one voxel made it before."""
    errors = []
    for seed in range(6):
        scan = Scan(spacing_mm=(0.7, 0.7, 0.7), noise=6.0, blur_mm=0.8, seed=seed)
        ball = build_test_object("balls", scan, smallest_mm=5.6, largest_mm=5.6, count=1.0)
        filled = fill_segment(ball.labels, "ball 1", ball.volume)
        found = float(filled.parts.sum(dtype=np.float64)) * ball.volume.geometry.voxel_volume_mm3
        errors.append(found / ball.value("volume") - 1)
    assert abs(np.mean(errors)) < 0.02
    assert np.abs(errors).max() < 0.05


def test_a_wall_that_faces_bone_lies_where_it_is() -> None:
    sizes = {"diameter_mm": 4.5, "length_mm": 16.0, "bone_mm": 14.0, "cortex_mm": 3.0, "distance_mm": 2.5}
    beside = build_test_object("bone-vessel", SCAN, **sizes)
    pair = make_pair(beside.labels, "vessel", "bone", beside.volume)
    assert nearest(pair, 0)[0] == pytest.approx(2.5, abs=0.3 * 0.7)


def test_beside_a_brighter_segment_a_border_lies_where_it_was_drawn() -> None:
    """The halo of a vessel's blur, brighter than a lesion, is none of the lesion that touches it."""
    touching = build_test_object("encasement", SCAN, diameter_mm=7.0, length_mm=24.0, contact_mm=12.0)
    filled = fill_segment(touching.labels, "lesion", touching.volume)
    found = float(filled.parts.sum(dtype=np.float64)) * touching.volume.geometry.voxel_volume_mm3
    assert found == pytest.approx(touching.value("volume", "lesion"), rel=0.02)
