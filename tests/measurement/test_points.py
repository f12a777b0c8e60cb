"""Distances, angles, lengths and areas through points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr._concepts_dict import concepts

from prosector import Geometry
from prosector.errors import ParameterError
from prosector.measurement import definitions_basic
from prosector.measurement.points import measure_angle, measure_distance, measure_path, measure_polygon

GRID = Geometry((40, 40, 40), np.diag([2.0, 0.5, 1.0, 1.0])[[2, 1, 0, 3]])  # steps 2 mm along z, 0.5 along y, 1 along x
COORDINATE = st.floats(-20, 20)
POINT = st.tuples(COORDINATE, COORDINATE, COORDINATE)


def test_distance_and_its_half_width_along_each_axis() -> None:
    for axis, step in ((0, 1.0), (1, 0.5), (2, 2.0)):
        end = np.full(3, 5.0)
        end[axis] += 9
        (found,) = measure_distance([(5, 5, 5), end], GRID, of="gap").items
        assert found.value == pytest.approx(9)
        assert found.uncertainty == pytest.approx(step / 2 * 2**0.5)
        assert found.of == "gap"
        assert found.where_lps == ((5.0, 5.0, 5.0), tuple(end))


def test_the_half_width_covers_points_moved_within_their_voxels() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(-60, 60, (4, 3))
    for measure, count in ((measure_distance, 2), (measure_angle, 3), (measure_angle, 4), (measure_path, 4),
                           (measure_polygon, 4)):  # fmt: skip
        found = measure(points[:count], GRID).items[0]
        moved = []
        for _ in range(400):
            jitter = rng.uniform(-0.5, 0.5, (count, 3)) @ GRID.affine[:3, :3].T
            moved.append(measure(points[:count] + jitter).items[0].value - found.value)
        # uniform within ± half a width each: the sum's standard deviation is the half width over √3
        assert np.std(moved) * 3**0.5 == pytest.approx(found.uncertainty, rel=0.2)


@given(POINT, POINT)
def test_distance_is_symmetric(a: tuple[float, float, float], b: tuple[float, float, float]) -> None:
    there, back = measure_distance([a, b]).items[0], measure_distance([b, a]).items[0]
    assert there.value == back.value
    assert there.uncertainty is None


def test_angles() -> None:
    assert measure_angle([(1, 0, 0), (0, 0, 0), (0, 2, 0)]).items[0].value == pytest.approx(90)
    assert measure_angle([(1, 0, 0), (0, 0, 0), (-3, 0, 0)]).items[0].value == pytest.approx(180)
    lines = measure_angle([(0, 0, 0), (1, 0, 0), (5, 5, 5), (6, 5, 6)]).items[0]
    assert lines.value == pytest.approx(45)
    assert lines.definition.name == "angle between lines"
    with pytest.raises(ParameterError, match="same"):
        measure_angle([(1, 0, 0), (1, 0, 0), (0, 2, 0)])


def test_path_and_area() -> None:
    square = np.array([(0, 0, 0), (4, 0, 0), (4, 3, 0), (0, 3, 0)], dtype=float)
    assert measure_path(square).items[0].value == pytest.approx(11)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    found = measure_polygon(square @ turn + 7).items[0]
    assert found.value == pytest.approx(12)
    assert found.warnings == ()


def test_a_polygon_out_of_its_plane_and_one_on_a_line_are_told() -> None:
    bent = [(0, 0, 0), (4, 0, 2), (4, 3, 0), (0, 3, 2)]
    assert "out of one plane" in measure_polygon(bent).items[0].warnings[0]
    flat = measure_polygon([(0, 0, 0), (1, 0, 0), (2, 0, 0)]).items[0]
    assert flat.value == 0
    assert "no area" in flat.warnings[0]


def test_points_outside_the_volume_are_told() -> None:
    assert "outside" in measure_distance([(0, 0, 0), (500, 0, 0)], GRID).items[0].warnings[0]


@pytest.mark.parametrize("points", [[(0, 0, 0)], [(0, 0, np.nan), (1, 1, 1)], [(0, 0), (1, 1)]])
def test_what_is_no_pair_of_points_is_refused(points: list[tuple[float, ...]]) -> None:
    with pytest.raises(ParameterError, match="points"):
        measure_distance(points)


def test_codes_are_those_of_the_dictionary() -> None:
    known: dict[tuple[str, str], set[str]] = {}
    for scheme in ("DCM", "SCT", "IBSI"):
        for rows in concepts[scheme].values():
            for value, (meaning, _) in rows.items():
                known.setdefault((scheme, value), set()).add(meaning)
    codes = [c for d in definitions_basic.ALL for c in (d.code, d.modifier) if c is not None]
    assert len(codes) > 20
    for code in codes:
        assert code.meaning in known[code.scheme, code.value]
    names = [d.name for d in definitions_basic.ALL]
    assert len(set(names)) == len(names)
