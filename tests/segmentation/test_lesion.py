"""Lesions from one click: balls of known size in CT and MR, on tilted grids, with a vessel and an organ beside."""

from __future__ import annotations

import numpy as np
import pytest
from analytic import Inside, Part, ball, box, dice, grid, scan, truth

from prosector.errors import EmptyResultError, ParameterError
from prosector.model.labels import LabelMap
from prosector.pipeline.run import run_operation
from prosector.segmentation.lesion import segment_lesion

STRAIGHT = np.eye(3)[::-1] * 0.9
TILTED = np.array([[0, 0, 0.8], [0.4, 0.8, 0], [2.0, 0, 0]])
EVERYWHERE = box((-99, 99), (-99, 99), (-99, 99))


def rod(radius: float) -> Inside:
    """A vessel along y."""
    return lambda x, y, z: np.hypot(x, z) <= radius + 0 * y


@pytest.mark.parametrize("matrix", [STRAIGHT, TILTED, TILTED * [-1, 1, 1]], ids=["straight", "tilted", "mirrored"])
@pytest.mark.parametrize(
    ("parts", "inside"),
    [
        ([Part(EVERYWHERE, 100), Part(ball(0, 0, 0, 10, 8, 9), 60)], ball(0, 0, 0, 10, 8, 9)),
        ([Part(EVERYWHERE, -850), Part(ball(0, 0, 0, 5, 5, 5), 30)], ball(0, 0, 0, 5, 5, 5)),
        ([Part(EVERYWHERE, -850), Part(rod(1.7), 20), Part(ball(0, 0, 0, 8, 8, 8), 30)], ball(0, 0, 0, 8, 8, 8)),
        (
            [Part(EVERYWHERE, -80), Part(ball(0, 0, 0, 26, 20, 20), 60), Part(ball(-3, 2, 0, 8, 8, 8), 110)],
            ball(-3, 2, 0, 8, 8, 8),
        ),
    ],
    ids=["dark", "nodule", "with vessel", "in an organ"],
)
def test_a_ball_is_found_from_a_point_in_it(matrix: np.ndarray, parts: list[Part], inside: Inside) -> None:
    volume = scan(grid(matrix, (32, 64, 68)), parts, noise=12)
    expected = truth(volume.geometry, inside)
    for seed in ([-1, 1, 0], [-2, 0, 2]):
        found = segment_lesion(volume, seed)
        assert dice(found.mask(), expected) > 0.95
        # voxels that lie half inside: the digital ball's own uncertainty is about this
        assert found.mask().sum() == pytest.approx(expected.sum(), rel=0.06)
    assert found.segments[0].structure.name == "lesion"
    assert found.segments[0].algorithm_type == "SEMIAUTOMATIC"


def test_what_runs_up_against_the_radius_is_no_lesion() -> None:
    volume = scan(grid(STRAIGHT, (40, 40, 40)), [Part(EVERYWHERE, 60), Part(ball(0, 0, 0, 14, 14, 14), 160)], noise=0)
    with pytest.raises(EmptyResultError, match="radius"):
        segment_lesion(volume, [0, 0, 0], radius_mm=8)
    assert segment_lesion(volume, [0, 0, 0], radius_mm=17).mask().any()


def test_several_seeds_span_an_uneven_lesion() -> None:
    parts = [Part(EVERYWHERE, 0), Part(ball(0, 0, 0, 10, 10, 10), 100), Part(ball(0, 0, 0, 5, 5, 5), 180)]
    volume = scan(grid(STRAIGHT, (40, 40, 40)), parts, noise=8)
    found = segment_lesion(volume, [[0, 0, 0], [7.5, 0, 0]])
    assert dice(found.mask(), truth(volume.geometry, ball(0, 0, 0, 10, 10, 10))) > 0.95


def test_it_runs_as_an_operation_and_says_what_is_wrong() -> None:
    volume = scan(grid(STRAIGHT, (30, 30, 30)), [Part(EVERYWHERE, 0), Part(ball(0, 0, 0, 7, 7, 7), 90)], modality="MR")
    found = run_operation("segment-lesion", {"volume": volume}, seeds_lps=[0, 0, 0], radius_mm=12.0)
    assert isinstance(found, LabelMap)
    assert np.array_equal(found.mask(), segment_lesion(volume, [0, 0, 0], radius_mm=12).mask())
    with pytest.raises(ParameterError, match="outside the volume"):
        segment_lesion(volume, [0, 0, 99])
    with pytest.raises(ParameterError, match="radius"):
        segment_lesion(volume, [0, 0, 0], radius_mm=0)
    even = scan(grid(STRAIGHT, (30, 30, 30)), [Part(EVERYWHERE, 7)], noise=0)
    with pytest.raises(EmptyResultError, match="no border"):
        segment_lesion(even, [0, 0, 0])
