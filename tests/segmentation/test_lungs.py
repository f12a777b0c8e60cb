"""Lungs, airways and gas are where the phantom has them, however it was scanned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from analytic import Part, ball, box, dice, ellipse, grid, points, scan, truth
from test_bone import reference_labels

from prosector.errors import EmptyResultError, InputError
from prosector.model.geometry import Array
from prosector.model.volume import Volume
from prosector.segmentation.lungs import segment_air, segment_lungs

AXIAL = np.array([[0.0, 0, 1.8], [0, 1.8, 0], [2.5, 0, 0]])
SHAPE = (70, 84, 120)
LEFT, RIGHT = ball(46, -5, -10, 33, 42, 66), ball(-46, -5, -10, 34, 42, 66)
TRACHEA = ball(0, 8, 75, 8, 8, 60)
GAS = ball(20, 20, -80, 12, 9, 7)
HEART = ball(8, -15, -20, 20, 24, 30)


def chest() -> list[Part]:
    vessel = ellipse(-50, 0, 2.5, 2.5)
    return [
        Part(ellipse(0, 0, 98, 66), 40),
        Part(LEFT, -850),
        Part(RIGHT, -830),
        Part(vessel, 40),
        Part(TRACHEA, -1000),
        Part(GAS, -1000),
        Part(HEART, 45),
    ]


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param(AXIAL, id="axial"),
        pytest.param(AXIAL * [-1, 1, 1], id="mirrored"),
        pytest.param(AXIAL * [1, -1, -1], id="turned"),
        pytest.param(AXIAL + np.array([[0, 0, 0], [0.6, 0, 0], [0, 0, 0]]), id="gantry tilt"),
    ],
)
def test_left_is_left_on_any_grid(matrix: Array) -> None:
    geometry = grid(matrix, SHAPE)
    found = segment_lungs(scan(geometry, chest(), noise=25))
    assert [s.name for s in found.segments] == ["left lung", "right lung", "airway"]
    for name, exact in (("left lung", LEFT), ("right lung", RIGHT)):
        whole = truth(geometry, exact) & ~truth(geometry, HEART)
        assert dice(found.mask(name), whole) > 0.96, name
    assert found.mask("airway")[truth(geometry, TRACHEA)].mean() > 0.8


def test_lungs_that_touch_are_parted() -> None:
    geometry = grid(AXIAL, SHAPE)
    bridge = Part(box((-20, 20), (-14, -6), (-8, 8)), -850)
    parts = [p for p in chest() if p.inside is not HEART]
    found = segment_lungs(scan(geometry, [*parts, bridge], noise=25))
    x, *_ = points(geometry)
    assert not found.mask("left lung")[x < -14].any()
    assert not found.mask("right lung")[x > 14].any()
    assert found.mask("left lung")[truth(geometry, LEFT)].mean() > 0.97


def test_all_gas_in_the_body_is_gas() -> None:
    geometry = grid(AXIAL, SHAPE)
    found = segment_air(scan(geometry, chest(), noise=25)).mask("gas")
    exact = truth(geometry, LEFT, RIGHT, TRACHEA, GAS) & ~truth(geometry, HEART)
    assert dice(found, exact) > 0.97
    assert found[truth(geometry, ball(20, 20, -80, 10, 7, 5))].all()
    x, y, _ = points(geometry)
    assert not found[(x / 98) ** 2 + (y / 66) ** 2 > 1].any(), "the air around the patient is no gas in it"


def test_what_is_not_there_is_said() -> None:
    geometry = grid(AXIAL, (12, 84, 120))
    solid = scan(geometry, [Part(ellipse(0, 0, 98, 66), 40)])
    with pytest.raises(EmptyResultError, match="no lung"):
        segment_lungs(solid)
    with pytest.raises(EmptyResultError, match="no gas"):
        segment_air(solid)
    with pytest.raises(InputError, match="Hounsfield"):
        segment_lungs(scan(geometry, chest(), modality="MR"))


@pytest.mark.real_data
def test_lungs_agree_with_reference_labels(chest: Volume, real_data: Path) -> None:
    reference = reference_labels(real_data / "chest_cta" / "labels.nii.gz", chest.geometry)
    found = segment_lungs(chest)
    assert dice(found.mask("left lung"), np.isin(reference, (10, 11))) > 0.975
    assert dice(found.mask("right lung"), np.isin(reference, (12, 13, 14))) > 0.975
    assert found.mask("airway")[reference == 16].mean() > 0.85
