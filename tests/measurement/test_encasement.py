"""Encasement of a tube by shells that cover a known part of it."""

from __future__ import annotations

import numpy as np
import pytest
from solids import GRIDS, centers, grid, labelled, rod, sphere

from prosector.measurement.distance import Pair, make_pair
from prosector.measurement.encasement import measure_encasement
from prosector.model.centerlines import Branch, Centerlines

RADIUS = 4.0
AXIS = np.array([0.25, 0.35, 1.0]) / np.linalg.norm([0.25, 0.35, 1.0])
FINE = np.diag([0.5, 0.5, 0.5])[:, ::-1]


def scene(steps: np.ndarray, degrees: float, gap: float = 0.0) -> Pair:
    """A shell of 3 mm around the tube, 12 mm long, over so many degrees."""
    geometry = grid(steps, 24)
    at = centers(geometry)
    along = at @ AXIS
    u = np.cross(AXIS, (1, 0, 0)) / np.linalg.norm(np.cross(AXIS, (1, 0, 0)))
    v = np.cross(AXIS, u)
    angle = np.degrees(np.arctan2(at @ v, at @ u))
    away = np.linalg.norm(at - along[..., None] * AXIS, axis=-1)
    shell = (np.abs(away - RADIUS - gap - 1.5) < 1.5) & (np.abs(angle) < degrees / 2) & (np.abs(along) < 6)
    return make_pair(labelled(geometry, vessel=away < RADIUS, lesion=shell), "lesion", "vessel")


@pytest.mark.parametrize("degrees", [70, 200, 310])
def test_angle_of_a_fine_phantom(degrees: float) -> None:
    (found,) = measure_encasement(scene(FINE, degrees)).items
    assert found.value == pytest.approx(degrees, abs=2)
    assert found.uncertainty is not None
    assert abs(found.value - degrees) < found.uncertainty
    rim = np.array(found.where_lps)
    assert np.linalg.norm(rim - (rim @ AXIS)[:, None] * AXIS, axis=1) == pytest.approx(RADIUS, abs=0.3)


@pytest.mark.parametrize("steps", [GRIDS["elongated"], GRIDS["tilted"], GRIDS["mirrored"]])
def test_angle_on_other_grids(steps: np.ndarray) -> None:
    assert measure_encasement(scene(steps, 140)).items[0].value == pytest.approx(140, abs=6)


def test_all_around_and_not_at_all() -> None:
    assert measure_encasement(scene(FINE, 360)).items[0].value == 360
    assert measure_encasement(scene(FINE, 120, gap=2.5)).items[0].value == 0
    assert measure_encasement(scene(FINE, 120, gap=0.8)).items[0].value == pytest.approx(120, abs=5)
    geometry = grid(GRIDS["isotropic"], 40)
    at = centers(geometry)
    far = labelled(geometry, vessel=rod((0, 0, 1), 3, 15)(at) < 0, lesion=sphere((15, 0, 0), 2)(at) < 0)
    assert measure_encasement(make_pair(far, "lesion", "vessel")).items[0].value == 0


def test_along_a_centreline() -> None:
    at = np.linspace(-10, 10, 81)
    line = Centerlines((Branch(at[:, None] * AXIS, np.full(81, RADIUS)),), np.array([at[0] * AXIS, at[-1] * AXIS]))
    found = measure_encasement(scene(FINE, 150), line)
    assert found.find("encasement angle").value == pytest.approx(150, abs=2)
    length = found.find("contact length along the vessel")
    assert length.value == pytest.approx(12, abs=0.5)
    (curve,) = found.curves
    near = curve.column("position") - 10  # the middle lies 10 mm along
    assert (curve.column("angle")[np.abs(near) > 7] == 0).all()
    assert curve.column("angle")[np.abs(near) < 4].min() > 140
