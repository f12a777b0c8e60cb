"""The acceptance test itself: it says no when a number is wrong, and draws other objects for other seeds."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from prosector.acceptance import cases
from prosector.acceptance.cases import CASES, draw_case
from prosector.acceptance.limits import CERTAINTY, noise_of_arc_deg, noise_of_volume_percent
from prosector.acceptance.measure import dice, limit_of_arc, limit_of_lesion, renamed, row_of, voxel_along
from prosector.acceptance.report import to_json, to_markdown
from prosector.acceptance.run import run_acceptance
from prosector.acceptance.values import Acceptance, Row
from prosector.errors import UnknownNameError
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.pipeline.operations import OPERATIONS

BY_NAME = {case.name: case for case in CASES}


def row(found, **more):
    values = {"case": "a", "measure": "gap", "of": "b", "unit": "mm", "definition": "between", "truth": 4.0,
              "found": found, "limit": 0.3, "rule": "0.3 voxel", **more}  # fmt: skip
    return Row(**values)


@pytest.mark.parametrize(
    ("found", "passes"), [(4.0, True), (4.3, True), (3.69, False), (4.31, False), (math.nan, False)]
)
def test_a_row_passes_within_its_limit(found, passes):
    assert row(found).passed is passes


def test_a_lower_bound_is_one():
    assert row(0.98, truth=1.0, limit=0.97, at_least=True).passed
    assert not row(0.96, truth=1.0, limit=0.97, at_least=True).passed


def test_one_failure_fails_all_and_nothing_is_no_pass():
    test = Acceptance((row(4.0),), (), 1, True, 1.0, "2026-01-01T00:00:00+00:00", {"cores": 2}, {"prosector": "0"})
    assert test.passed
    assert not replace(test, rows=(row(4.0), row(math.nan, note="no bone"))).passed
    assert not replace(test, rows=()).passed


def test_reports_hold_every_number():
    rows = (row(4.1), row(math.nan, note="no bone"))
    test = Acceptance(
        rows, ("stenosis: not there",), 7, False, 2.5, "2026-01-01T00:00:00+00:00", {"cores": 2}, {"x": "1"}
    )
    data = json.loads(json.dumps(to_json(test), allow_nan=False))
    assert data["rows"][0]["error"] == pytest.approx(0.1)
    assert data["rows"][0]["error_percent"] == pytest.approx(2.5)
    assert data["rows"][1]["found"] is None
    assert (data["passed"], data["seed"]) == (False, 7)
    page = to_markdown(test)
    assert "| a | gap | b | found | 4.000 mm | 4.100 mm | 0.100 mm | +2.50 | 0.300 mm (0.3 voxel) | pass |" in page
    assert "**FAIL** no bone" in page
    assert "stenosis: not there" in page
    assert "**gap**: between" in page


def test_draws_depend_on_seed_and_number_only():
    case = BY_NAME["straight vessel"]
    first, again, second, other = (draw_case(case, *draw) for draw in ((1, 1), (1, 1), (1, 2), (2, 1)))
    assert first.phantom.volume.voxels.tobytes() == again.phantom.volume.voxels.tobytes()
    assert first.words != second.words
    assert first.words != other.words


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_draws_what_can_be_built_and_names_operations_that_are_there(case, monkeypatch):
    """Over many draws, without scanning."""
    made = []
    monkeypatch.setattr(cases, "build_test_object", lambda kind, scan, **p: made.append((kind, scan, p)))
    for number in range(1, 20):
        draw_case(case, 3, number)
    assert {kind for kind, _, _ in made} == {case.kind}
    assert len({scan.spacing_mm for _, scan, _ in made}) == 19
    assert any(scan.tilt_deg for _, scan, _ in made)
    for _, scan, p in made:
        if "diameter_mm" in p:
            assert p["diameter_mm"] >= 4 * scan.spacing_mm[1]
    assert set(case.needs) <= set(OPERATIONS)


def test_a_turned_fragment_is_measured_within_the_limits():
    """The whole way, on one object of another seed than the default."""
    test = run_acceptance(11, quick=True, names=("displaced fragment",))
    assert test.passed, to_markdown(test)
    assert {r.measure for r in test.rows} == {"fracture gap", "rotation to reduce", "fragment volume"}


def test_an_unknown_case_is_refused():
    with pytest.raises(UnknownNameError):
        run_acceptance(names=("hand",))


def test_dice_and_matching():
    geometry = Geometry((4, 4, 4), np.eye(4))
    found, true = np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)
    true[0], true[2] = 1, 2
    found[0], found[2, :2] = 5, 3
    bone = structure("bone")
    truth = LabelMap(true, geometry, (Segment(1, "a", bone), Segment(2, "b", bone)))
    parts = LabelMap(found, geometry, (Segment(3, "x", bone), Segment(5, "y", bone)))
    matched = renamed(parts, truth, ["a", "b"])
    np.testing.assert_array_equal(matched.mask("a"), found == 5)
    np.testing.assert_array_equal(matched.mask("b"), found == 3)
    assert dice(matched.mask("a"), truth.mask("a")) == 1
    assert dice(matched.mask("b"), truth.mask("b")) == pytest.approx(2 * 8 / 24)


def test_a_missing_measure_is_a_failing_row():
    drawn = draw_case(BY_NAME["balls"], 5, 1)
    missing = row_of(drawn, None, "gap", "b", 3.0, labels="found", note="why")
    assert not missing.passed
    assert missing.note == "why"
    spacing = drawn.phantom.volume.geometry.spacing_mm
    row_direction = drawn.phantom.volume.geometry.affine[:3, 2]
    assert voxel_along(drawn, row_direction) == pytest.approx(spacing[2])


def test_noise_of_a_volume_is_what_weighing_voxels_by_their_noise_gives():
    """A ball in a box, its level inside unknown: the sum over the border zone of random values, 400 times."""
    rng = np.random.default_rng(4)
    across, s = 12.0, 0.1
    z, y, x = np.mgrid[-11:12, -11:12, -11:12]
    away = np.sqrt(x**2 + y**2 + z**2) - across / 2
    full, zone = np.clip(0.5 - away, 0, 1), np.abs(away) < 1.5
    deep = away <= -1.5
    found = []
    for _ in range(400):
        values = full + s * rng.standard_normal(full.shape)
        found.append(deep.sum() + values[zone].sum() / values[deep].mean())
    expected = noise_of_volume_percent(np.pi / 6 * across**3, s)
    assert 100 * np.std(found) / full.sum() == pytest.approx(expected, rel=0.15)


def test_noise_of_an_arc_falls_with_the_radius_and_rises_with_noise():
    assert noise_of_arc_deg(5, 0.1) == pytest.approx(np.degrees(2**0.5 * 0.1 * (2 / 3) ** 0.5 / 5))
    assert noise_of_arc_deg(10, 0.2) == pytest.approx(noise_of_arc_deg(5, 0.1))


def test_limits_follow_noise_only_where_it_is_more():
    drawn = draw_case(BY_NAME["balls"], 5, 1)
    volume = drawn.phantom.volume.geometry.voxel_volume_mm3
    assert limit_of_lesion(drawn, 1e6 * volume) == (pytest.approx(2e4 * volume), "2 %")
    most, words = limit_of_lesion(drawn, 268 * volume)
    noise = float(drawn.phantom.truth["scan"]["noise"]) / 60
    assert most == pytest.approx(268 * volume * CERTAINTY * noise_of_volume_percent(268, noise) / 100)
    assert "noise" in words
    assert limit_of_arc(drawn, 1000 * drawn.voxel_mm)[0] == 1.0
    assert limit_of_arc(drawn, 10 * drawn.voxel_mm)[0] >= np.degrees(0.3 / 5)
