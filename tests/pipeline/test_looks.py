"""Looks of structures and levels, as recipes write them."""

import numpy as np
import pytest

from prosector.errors import ParameterError, UnknownNameError
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.pipeline.looks import styles_of
from prosector.pipeline.operations import OPERATIONS
from prosector.pipeline.run import run_operation

SIZE = {"width": 40, "height": 40, "annotate": False}


@pytest.fixture
def volume() -> Volume:
    """Two blocks of 700 HU side by side in air, axial slices."""
    voxels = np.full((20, 40, 40), -1000, dtype=np.int16)
    voxels[4:16, 8:32, 4:18] = 700
    voxels[4:16, 8:32, 22:36] = 700
    affine = np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = (-19.5, -19.5, -19.0)
    return Volume(voxels, Geometry(voxels.shape, affine), unit=HOUNSFIELD)


@pytest.fixture
def labels(volume) -> LabelMap:
    left = np.zeros(volume.voxels.shape, dtype=np.uint8)
    left[2:18, 6:34, 20:38] = 1  # with room for the edge, which fades over two voxels
    return LabelMap(left, volume.geometry, (Segment(1, "left block", structure("bone")),))


def shown(volume, labels=None, method="volume", **parameters):
    inputs = {"volume": volume} | ({"labels": labels} if labels is not None else {})
    return run_operation(method, inputs, **SIZE, **parameters).pixels.astype(int)


def halves(pixels):
    """Mean brightness on the viewer's left (the patient's right) and right."""
    gray = pixels.sum(axis=2) if pixels.ndim == 3 else pixels
    return gray[:, :20].mean(), gray[:, 20:].mean()


def test_a_hidden_structure_is_gone_and_the_rest_stays(volume, labels):
    right, left = halves(shown(volume, labels, preset="ct-bone", styles=["left block=hidden"]))
    assert right > 30
    assert left == pytest.approx(0, abs=1)


def test_half_the_opacity_is_fainter(volume, labels):
    right, left = halves(shown(volume, labels, preset="ct-bone", styles=["left block=@0.02"]))
    assert 0 < left < 0.8 * right


def test_a_structure_takes_another_preset(volume, labels):
    other = next(n for n in ("ct-vessels", "ct-muscle", "ct-soft-tissue", "ct-skin") if n in _presets())
    plain = shown(volume, preset="ct-bone")
    styled = shown(volume, labels, preset="ct-bone", styles=[f"left block={other}"])
    assert np.abs(plain - styled)[:, 22:].max() > 10
    assert np.abs(plain - styled)[:, :16].max() <= 1


def _presets():
    return next(p for p in OPERATIONS["volume"].parameters if p.name == "preset").choices


@pytest.mark.parametrize("text", ["left block", "=ct-bone", "left block=", "left block=@thick", "left block=@2"])
def test_a_style_that_says_nothing_is_refused(volume, labels, text):
    with pytest.raises(ParameterError, match=r"style|opacity"):
        styles_of({"styles": [text]}, volume, labels)


def test_unknown_presets_and_missing_labels_are_named(volume, labels):
    with pytest.raises(UnknownNameError, match="no-such"):
        styles_of({"styles": ["left block=no-such"]}, volume, labels)
    with pytest.raises(ParameterError, match="input 'labels'"):
        shown(volume, styles=["left block=hidden"])


def test_a_second_surface_shines_through_the_first(volume):
    voxels = volume.voxels.copy()
    voxels[8:12, 14:26, 8:14] = 2000
    cored = Volume(voxels, volume.geometry, unit=HOUNSFIELD)
    inner = [1500, 1, 0, 0, 1]
    plain = shown(cored, method="surface", level=300, opacity=0.4)
    both = shown(cored, method="surface", level=300, opacity=0.4, more_surfaces=inner)
    red = (both[..., 0] - both[..., 1] > 40) & (np.abs(plain[..., 0] - plain[..., 1]) <= 40)
    assert red.sum() > 20
    with pytest.raises(ParameterError, match="from 0 to 1"):
        shown(cored, method="surface", level=300, more_surfaces=[1500, 255, 0, 0, 1])


def test_a_surface_has_the_colour_it_is_given(volume):
    blue = shown(volume, method="surface", level=300, color_rgb=[0, 0, 1])
    assert blue[..., 0].max() == blue[..., 1].max()
    assert blue[..., 2].max() > blue[..., 0].max() + 50
