"""What recipes may say about the region of a picture, and what comes of it."""

import numpy as np
import pytest

from prosector.errors import ParameterError, RecipeError
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.pipeline.operations import OPERATIONS
from prosector.pipeline.parameters import Parameter
from prosector.pipeline.recipes import parse_recipe
from prosector.pipeline.regions import region_of
from prosector.pipeline.run import check_recipe, run_operation

SMALL = {"width": 40, "height": 40, "annotate": False}


@pytest.fixture
def volume() -> Volume:
    """A block at 500 HU in air, axial slices."""
    voxels = np.full((20, 40, 40), -1000, dtype=np.int16)
    voxels[4:16, 8:32, 8:32] = 500
    affine = np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = (-19.5, -19.5, -19.0)
    return Volume(voxels, Geometry(voxels.shape, affine), unit="HU")


@pytest.fixture
def labels(volume) -> LabelMap:
    block = (volume.voxels > 0).astype(np.uint8)
    block[:, :, 20:] *= 2
    segments = (Segment(1, "right half", structure("bone")), Segment(2, "left half", structure("vessel")))
    return LabelMap(block, volume.geometry, segments)


def shown(volume, method="mip", labels=None, **parameters):
    inputs = {"volume": volume} | ({"labels": labels} if labels is not None else {})
    return run_operation(method, inputs, **SMALL, **parameters)


def test_crop_clip_and_slab_cut_the_same_half(volume):
    whole = (shown(volume).values > 0).sum()
    assert whole > 200
    ways = (
        {"crop_lps": [0, -50, -50, 50, 50, 50]},
        {"clip_planes": [0, 0, 0, 1, 0, 0]},
        {"slab_thickness_mm": 50, "slab_center_lps": [25, 0, 0], "slab_normal_lps": [1, 0, 0]},
    )
    pictures = [shown(volume, **way).values for way in ways]
    for values in pictures:
        seen = np.flatnonzero((values > 0).any(axis=0))
        assert seen.min() >= 20  # the patient's left, on the viewer's right
        np.testing.assert_allclose(values, pictures[0], atol=1e-3)


def test_structures_are_chosen_by_name(volume, labels):
    left = shown(volume, labels=labels, include=["left half"]).values
    right = shown(volume, labels=labels, exclude=["left half"]).values
    assert np.flatnonzero(np.isfinite(left).any(axis=0)).min() >= 19
    bright = np.flatnonzero((right > 0).any(axis=0))  # what has no label is left in
    assert len(bright) > 5
    assert bright.max() <= 20
    with pytest.raises(ParameterError, match="input 'labels'"):
        shown(volume, include=["left half"])


def test_a_minimum_is_taken_inside_the_border_of_the_labels(volume, labels):
    assert np.nanmax(shown(volume, "minip").values) == pytest.approx(-1000, abs=1)
    inside = shown(volume, "minip", labels=labels, inset_mm=4.0).values
    assert np.isfinite(inside).sum() > 50
    np.testing.assert_allclose(inside[np.isfinite(inside)], 500, atol=1)


def test_a_slab_is_settled_to_the_middle_and_the_view(volume):
    row = OPERATIONS["mip"]
    given = {p.name: p.default for p in row.parameters} | {"view": "left", "slab_thickness_mm": 8.0}
    settled = row.settle({"volume": volume}, given)
    np.testing.assert_allclose(settled["slab_normal_lps"], (-1, 0, 0), atol=1e-12)
    np.testing.assert_allclose(settled["slab_center_lps"], volume.geometry.center_lps)
    assert region_of(settled, None).planes
    assert "slab of 8 mm" in row.words(settled)
    with pytest.raises(ParameterError, match="slab_thickness_mm"):
        row.settle({"volume": volume}, given | {"slab_thickness_mm": 0.0, "slab_center_lps": [0, 0, 0]})


def test_perspective_enlarges_what_is_near(volume):
    parallel, perspective = shown(volume), shown(volume, view_angle_deg=60)
    assert perspective.camera.view_angle_deg == 60
    assert (perspective.values > 0).sum() > (parallel.values > 0).sum()


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("crop_lps", [1, 2, 3], "list of 6 finite numbers"),
        ("crop_lps", [0, 0, 0, 1, 1, float("nan")], "list of 6 finite numbers"),
        ("crop_lps", "all", "list of 6 finite numbers"),
        ("clip_planes", [0] * 7, "6 finite numbers, or a multiple"),
        ("slab_normal_lps", [True, 0, 0], "list of 3 finite numbers"),
        ("include", "bone", "list of names"),
        ("include", ["bone", 3], "list of names"),
        ("view_angle_deg", 170, "from 0 to 119"),
    ],
)
def test_lists_that_do_not_fit_are_named(parameter, value, words):
    step = {"id": "a", "operation": "mip", "inputs": {"volume": "source"}, "parameters": {parameter: value}}
    with pytest.raises(RecipeError, match=parameter) as caught:
        check_recipe(parse_recipe({"name": "t", "steps": [step]}))
    assert words in str(caught.value)


def test_lists_come_out_as_numbers():
    planes = Parameter("planes", "numbers", (), "", count=3, repeated=True)
    assert planes.checked((1, 2, 3, 4, 5, 6)) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert planes.checked([]) == []
    with pytest.raises(ParameterError):
        Parameter("point", "numbers", None, "", count=3).checked([])


def test_optional_inputs_are_checked(volume):
    body = {"id": "body", "operation": "segment-body", "inputs": {"volume": "source"}}
    step = {"id": "a", "operation": "minip", "inputs": {"volume": "source", "labels": "body"}}
    check_recipe(parse_recipe({"name": "t", "steps": [body, step]}))
    wrong = {**step, "inputs": {"volume": "source", "labels": "source"}}
    with pytest.raises(RecipeError, match="takes a LabelMap"):
        check_recipe(parse_recipe({"name": "t", "steps": [body, wrong]}))
    strange = {**step, "inputs": {"volume": "source", "masks": "body"}}
    with pytest.raises(RecipeError, match=r"may have \['labels'\]"):
        check_recipe(parse_recipe({"name": "t", "steps": [body, strange]}))
    with pytest.raises(RecipeError, match="takes as input 'labels' a LabelMap"):
        run_operation("mip", {"volume": volume, "labels": volume})
