"""Metal is found by its density, and set apart from the bone that it sits in."""

from __future__ import annotations

import numpy as np
import pytest
from analytic import Part, ball, box, dice, ellipse, grid, points, scan, truth

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.model.geometry import Geometry
from prosector.model.volume import Volume
from prosector.segmentation.bone import segment_bone
from prosector.segmentation.metal import segment_metal

THIGH, SHAFT, STEM = ellipse(0, 0, 50, 46), ellipse(6, 0, 16, 15), ellipse(6, 0, 6, 6)
TOOTH = ball(-30, -20, 0, 5, 5, 6)


def leg() -> Geometry:
    return grid(np.array([[0.0, 0, 1.0], [0, 1.0, 0], [2.0, 0, 0]]), (24, 104, 112))


def implant() -> Volume:
    parts = [Part(THIGH, 50), Part(SHAFT, 1300), Part(ellipse(6, 0, 9, 8), 600), Part(STEM, 3071), Part(TOOTH, 2400)]
    return scan(leg(), parts, noise=20)


def test_metal_is_metal_and_enamel_is_not() -> None:
    found = segment_metal(implant())
    assert dice(found.mask("metal"), truth(leg(), STEM)) > 0.99
    assert not found.mask("metal")[truth(leg(), TOOTH)].any()
    assert segment_metal(implant(), low_hu=1500.0, high_hu=2300.0).mask("metal")[truth(leg(), TOOTH)].mean() > 0.99


def test_an_implant_is_set_apart_from_the_bone_around_it() -> None:
    found = segment_bone(implant())
    assert [s.name for s in found.segments] == ["bone", "metal"]
    assert dice(found.mask("metal"), truth(leg(), STEM)) > 0.98
    assert not found.mask("bone")[truth(leg(), STEM)].any()
    assert found.mask("bone")[truth(leg(), SHAFT) & ~truth(leg(), ellipse(6, 0, 7, 7))].mean() > 0.97


def test_sides_are_told_by_position() -> None:
    left, right, spine = ellipse(30, 0, 8, 8), ellipse(-30, 0, 8, 8), ellipse(0, 20, 10, 10)
    parts = [Part(ellipse(0, 0, 50, 46), 50), *(Part(p, 900) for p in (left, right, spine))]
    found = segment_bone(scan(leg(), parts), sides=True)
    assert [s.name for s in found.segments] == ["bone left", "bone right", "bone midline"]
    x, *_ = points(leg())
    assert found.mask("bone left")[truth(leg(), left)].mean() > 0.95
    assert found.mask("bone right")[truth(leg(), right)].mean() > 0.95
    assert found.mask("bone midline")[truth(leg(), spine)].mean() > 0.95
    assert not found.mask("bone left")[x < 0].any()


def test_without_metal_that_is_said() -> None:
    volume = scan(leg(), [Part(THIGH, 50), Part(box((-9, 9), (-9, 9)), 1500)])
    with pytest.raises(EmptyResultError, match="no metal"):
        segment_metal(volume)
    with pytest.raises(ParameterError, match="low_hu"):
        segment_metal(volume, low_hu=3000.0, high_hu=2000.0)
    with pytest.raises(InputError, match="Hounsfield"):
        segment_metal(scan(leg(), [Part(THIGH, 50)], modality="MR"))
