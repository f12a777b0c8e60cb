"""Regions grown from seeds, and threshold painting: on straight and tilted grids, with leaks."""

from __future__ import annotations

import numpy as np
import pytest
from analytic import Part, ball, box, dice, grid, scan, truth

from prosector.errors import EmptyResultError, GeometryError, ParameterError
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.pipeline.run import run_operation
from prosector.segmentation.growing import Limits, confidence_bounds, segment_region
from prosector.segmentation.threshold import segment_threshold

STRAIGHT = np.eye(3)[::-1] * 1.0
TILTED = np.array([[0, 0, 0.9], [0.5, 0.9, 0], [1.6, 0, 0]])
TISSUE = Part(box((-90, 90), (-90, 90), (-90, 90)), 40)
ORGAN, NECK, OTHER = ball(-10, 0, 0, 9, 9, 9), box((-4, 8), (-1.2, 1.2), (-1.2, 1.2)), ball(14, 0, 0, 8, 8, 8)


@pytest.fixture(params=[STRAIGHT, TILTED, TILTED * [-1, 1, 1]], ids=["straight", "tilted", "mirrored"])
def leaking(request: pytest.FixtureRequest) -> Volume:
    """Two balls with a thin neck between them."""
    parts = [TISSUE, *(Part(p, 140) for p in (ORGAN, NECK, OTHER))]
    return scan(grid(request.param, (34, 44, 64)), parts, noise=8)


def test_a_region_holds_all_that_is_connected_and_an_opening_stops_the_leak(leaking: Volume) -> None:
    both = segment_region(leaking, [-10, 0, 0], low=90)
    assert dice(both.mask(), truth(leaking.geometry, ORGAN, NECK, OTHER)) > 0.999
    one = segment_region(leaking, [-10, 0, 0], low=90, limits=Limits(opening_mm=2.6))
    assert dice(one.mask(), truth(leaking.geometry, ORGAN)) > 0.97
    assert not one.mask()[truth(leaking.geometry, OTHER)].any()
    assert one.segments[0].algorithm_type == "SEMIAUTOMATIC"


def test_a_radius_and_labels_bound_a_region(leaking: Volume) -> None:
    near = ball(-10, 0, 0, 6, 6, 6)
    found = segment_region(leaking, [-10, 0, 0], low=90, limits=Limits(radius_mm=6))
    assert dice(found.mask(), truth(leaking.geometry, near)) > 0.999
    inside = truth(leaking.geometry, near).astype(np.uint8)
    segments = (Segment(1, "near", structure("lesion")),)
    labels = LabelMap(inside, leaking.geometry, segments)
    assert np.array_equal(segment_region(leaking, [-10, 0, 0], low=90, inside=labels).mask(), inside > 0)


def test_the_seeds_say_what_belongs_to_them() -> None:
    volume = scan(grid(TILTED, (34, 44, 64)), [TISSUE, Part(ORGAN, 140)], noise=8)
    low, high = confidence_bounds(volume, [-10, 1, 0], limits=Limits(radius_mm=30))
    # mean ± 2.5 standard deviations, less what cutting off the tails takes from these
    assert (low, high) == pytest.approx((120, 160), abs=4)
    found = run_operation("segment-region", {"volume": volume}, seeds_lps=[-10, 1, 0])
    assert isinstance(found, LabelMap)
    assert dice(found.mask(), truth(volume.geometry, ORGAN)) > 0.9


def test_a_steep_border_stops_where_values_alone_do_not() -> None:
    """Values fall inside the ball as low as they rise outside; only the step at its border is steep."""
    geometry = grid(STRAIGHT, (40, 40, 40))
    x, y, z = (np.indices(geometry.shape)[::-1] - 19.5).astype(np.float64)
    radius = np.sqrt(x**2 + y**2 + z**2)
    values = np.where(radius < 12, 200 - 5 * radius, 60 + 5 * radius).astype(np.float32)
    volume = Volume(values, geometry)
    loose = segment_region(volume, [0, 0, 0], low=100)
    tight = segment_region(volume, [0, 0, 0], low=100, limits=Limits(gradient_per_mm=6.0))
    assert loose.mask().sum() > 2 * tight.mask().sum()
    assert radius[tight.mask()].max() < 12
    assert tight.mask()[radius < 10].all()


def test_corners_join_what_faces_do_not() -> None:
    values = np.zeros((6, 6, 6), dtype=np.int16)
    values[range(6), range(6), range(6)] = 100
    volume = Volume(values, grid(STRAIGHT, (6, 6, 6)))
    seed = volume.geometry.to_lps((0, 0, 0))
    assert segment_region(volume, seed, low=50).mask().sum() == 1
    assert segment_region(volume, seed, low=50, limits=Limits(corners=True)).mask().sum() == 6


def test_what_cannot_be_grown_is_said(leaking: Volume) -> None:
    with pytest.raises(ParameterError, match="outside the volume"):
        segment_region(leaking, [500, 0, 0], low=90)
    with pytest.raises(ParameterError, match="three coordinates"):
        segment_region(leaking, [1, 2], low=90)
    with pytest.raises(ParameterError, match="low is at most high"):
        segment_region(leaking, [0, 0, 0], low=9, high=1)
    with pytest.raises(EmptyResultError, match="move the seeds"):
        segment_region(leaking, [-10, 0, 0], low=1000)
    with pytest.raises(EmptyResultError, match="thicker than 60 mm"):
        segment_region(leaking, [-10, 0, 0], low=90, limits=Limits(opening_mm=30))
    with pytest.raises(ParameterError, match="not negative"):
        Limits(opening_mm=-1)
    with pytest.raises(ParameterError, match="deviations"):
        confidence_bounds(leaking, [-10, 0, 0], deviations=0)


def test_the_trace_holds_the_bounds_that_were_worked_out(leaking: Volume) -> None:
    from prosector.model.recipe import Recipe, Step
    from prosector.pipeline.run import replay, run

    step = Step("r", "segment-region", {"volume": "source"}, {"seeds_lps": [-10, 0, 0], "radius_mm": 12})
    result = run(leaking, Recipe("r", "", (step,)))
    settled = result.trace.steps[0].parameters
    assert settled["low"] < 140 < settled["high"]
    assert replay(leaking, result.trace) == ()


def test_threshold_paints_inside_a_mask_and_leaves_out_small_pieces(leaking: Volume) -> None:
    everything = segment_threshold(leaking, 90, 1000)
    assert np.array_equal(everything.mask(), (leaking.voxels >= 90) & (leaking.voxels <= 1000))
    organ = truth(leaking.geometry, ORGAN)
    inside = LabelMap(organ.astype(np.uint8), leaking.geometry, (Segment(1, "organ", structure("lesion")),))
    painted = run_operation("segment-threshold", {"volume": leaking, "labels": inside}, low=-200, high=1000, name="x")
    assert isinstance(painted, LabelMap)
    assert np.array_equal(painted.mask("x") | ~organ, np.ones_like(organ))
    assert painted.mask().sum() == (organ & (leaking.voxels >= -200)).sum()
    with pytest.raises(EmptyResultError):
        segment_threshold(leaking, 90, 1000, minimum_volume_mm3=1e9)
    with pytest.raises(ParameterError):
        segment_threshold(leaking, 9, 1)
    other = LabelMap(np.ones((2, 2, 2), dtype=np.uint8), grid(STRAIGHT, (2, 2, 2)), inside.segments)
    with pytest.raises(GeometryError):
        segment_threshold(leaking, 0, 1, inside=other)
