"""Scissors, brush and eraser, against plain definitions voxel by voxel."""

from __future__ import annotations

import itertools

import numba
import numpy as np
import pytest
from matplotlib.path import Path as Outline

from prosector.errors import EmptyResultError, GeometryError, ParameterError
from prosector.model.camera import fit_camera
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.recipe import SOURCE, Recipe, Step
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.pipeline.run import replay, run, run_operation
from prosector.segmentation.editing_hand import edit_brush, edit_erase, edit_scissors, plane_mm

SHAPE = (20, 24, 28)
BONE = Segment(1, "bone", structure("bone"), "AUTOMATIC", "threshold")
LESION = Segment(2, "lesion", structure("lesion"), "MANUAL")
STAR = [10.3, 0.4, 2.1, 2.8, 0.6, 11.9, -2.9, 2.2, -9.7, 3.1, -3.1, -2.7, -5.2, -10.4, 0.3, -4.1, 6.6, -9.5, 3.3, -1.2]


def grid(shear=0.0, mirror=False, shape=SHAPE):
    axes = np.diag([1.6, 1.1, 0.9])[[2, 1, 0]].astype(float)
    axes[1, 0] = shear
    axes = np.linalg.qr(np.random.default_rng(8).normal(size=(3, 3)))[0] @ axes
    if mirror:
        axes[:, 2] *= -1
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (50.0, 20.0, -70.0)
    return Geometry(shape, affine)


GRIDS = {"plain": grid(), "tilted": grid(shear=0.6), "mirrored": grid(shear=-0.4, mirror=True)}


def labels_on(geometry, empty=0.0):
    rng = np.random.default_rng(2)
    labels = rng.integers(1, 3, geometry.shape).astype(np.uint8)
    labels[rng.random(geometry.shape) < empty] = 0
    return LabelMap(labels, geometry, (BONE, LESION))


def covered(geometry, camera, polygon, depth):
    """What the lasso covers, by projecting every voxel's centre as a drawing program would."""
    offset = geometry.to_lps(np.argwhere(np.ones(geometry.shape))) - camera.center_lps
    x, y, z = offset @ camera.right_lps, offset @ camera.up_lps, offset @ camera.forward_lps
    in_front = np.ones(len(z), dtype=bool)
    if not camera.is_parallel:
        eye = camera.height_mm / 2 / np.tan(np.radians(camera.view_angle_deg / 2))
        in_front = eye + z > 0
        x, y = x * eye / (eye + z), y * eye / (eye + z)
    inside = Outline(np.reshape(polygon, (-1, 2))).contains_points(np.column_stack([x, y]))
    return (inside & in_front & (z >= depth[0]) & (z <= depth[1])).reshape(geometry.shape)


@pytest.mark.parametrize("angle", [0.0, 35.0, 100.0])
@pytest.mark.parametrize("name", GRIDS)
def test_scissors_cut_what_the_lasso_covers(name, angle):
    geometry = GRIDS[name]
    camera = fit_camera(geometry, (300, 200), 35.0, 20.0, 12.0, 1.3, angle)
    labels = labels_on(geometry)
    for depth in ((-np.inf, np.inf), (-4.0, 6.5)):
        inside = covered(geometry, camera, STAR, depth)
        assert 0.005 < inside.mean() < 0.5
        cut = edit_scissors(labels, camera, STAR, "inside", depth)
        np.testing.assert_array_equal(cut.labels, np.where(inside, 0, labels.labels))
        kept = edit_scissors(labels, camera, STAR, "outside", depth, ["bone"])
        expected = np.where(~inside & (labels.labels == 1), 0, labels.labels)
        np.testing.assert_array_equal(kept.labels, expected)
        assert [s.algorithm_type for s in kept.segments] == ["SEMIAUTOMATIC", "MANUAL"]
        assert kept.segments[0].algorithm_name == "threshold; scissors"


def test_a_finely_drawn_lasso_is_cut_exactly():
    """Hundreds of corners, closer than the raster's cells, that also cross each other."""
    geometry = grid(shape=(6, 60, 70))
    camera = fit_camera(geometry, (256, 256), 10.0, 70.0)
    turn = np.linspace(0, 2 * np.pi, 700, endpoint=False)
    radius = 14 + 5 * np.sin(9 * turn) + np.random.default_rng(0).normal(0, 0.4, turn.size)
    lasso = np.column_stack([radius * np.cos(turn), radius * np.sin(turn)])
    lasso = np.concatenate([lasso, [[40.0, 3.0], [-40.0, 3.1], [-40.0, 8.0]]])
    labels = labels_on(geometry)
    cut = edit_scissors(labels, camera, lasso.ravel(), "inside")
    offset = geometry.to_lps(np.argwhere(np.ones(geometry.shape))) - camera.center_lps
    x, y = offset @ camera.right_lps, offset @ camera.up_lps
    odd = np.zeros(len(x), dtype=bool)
    for (x0, y0), (x1, y1) in zip(np.roll(lasso, 1, axis=0), lasso, strict=True):
        between = (y0 > y) != (y1 > y)
        odd ^= between & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0 if y1 != y0 else 1))
    np.testing.assert_array_equal(cut.labels, np.where(odd.reshape(geometry.shape), 0, labels.labels))


def test_a_lasso_around_pixels_of_a_picture_cuts_what_they_show():
    """A bright voxel is found in the picture, and a lasso around its pixel removes it and little else."""
    geometry = GRIDS["tilted"]
    voxels = np.zeros(SHAPE, dtype=np.int16)
    voxels[5, 17, 21] = 1000
    view = {"azimuth_deg": 200.0, "elevation_deg": -30.0, "roll_deg": 15.0, "width": 200, "height": 160, "zoom": 1.5}
    volume = Volume(voxels, geometry, HOUNSFIELD)
    picture = run_operation("mip", {"volume": volume}, annotate=False, window_center=500.0, window_width=900.0, **view)
    rows, columns = np.nonzero(picture.pixels[..., 0] if picture.pixels.ndim == 3 else picture.pixels)
    x, y = columns.mean(), rows.mean()
    square = [(x - 4, y - 4), (x + 4, y - 4), (x + 4, y + 4), (x - 4, y + 4)]
    lasso = plane_mm(picture.camera, (200, 160), square)
    labels = LabelMap(np.ones(SHAPE, np.uint8), geometry, (BONE,))
    cut = run_operation("edit-scissors", {"labels": labels}, polygon_mm=lasso, **view)
    assert cut.labels[5, 17, 21] == 0
    assert cut.labels.mean() > 0.98


def capsule(geometry, points, radius):
    at = geometry.to_lps(np.argwhere(np.ones(geometry.shape)))
    found = np.zeros(len(at), dtype=bool)
    pairs = list(itertools.pairwise(points)) or [(points[0], points[0])]
    for a, b in pairs:
        along = b - a
        t = np.clip((at - a) @ along / max(along @ along, 1e-30), 0, 1)
        found |= np.linalg.norm(at - a - t[:, None] * along, axis=1) <= radius
    return found.reshape(geometry.shape)


@pytest.mark.parametrize("name", GRIDS)
def test_brush_and_eraser_draw_balls_along_a_line(name):
    geometry = GRIDS[name]
    labels = labels_on(geometry, empty=0.5)
    points = geometry.to_lps([[3, 4, 5], [9, 20, 8], [12, 12, 40], [4, 4, 25]])  # also beyond the volume
    tube = capsule(geometry, points, 3.3)
    painted = edit_brush(labels, points.ravel(), 3.3, "lesion")
    np.testing.assert_array_equal(painted.labels, np.where(tube & (labels.labels == 0), 2, labels.labels))
    over = edit_brush(labels, points.ravel(), 3.3, "fissure", overwrite=True)
    np.testing.assert_array_equal(over.labels, np.where(tube, 3, labels.labels))
    assert over.segments[2] == Segment(3, "fissure", structure("unspecified tissue"), "MANUAL")
    erased = edit_erase(labels, points.ravel(), 3.3, ["bone"])
    np.testing.assert_array_equal(erased.labels, np.where(tube & (labels.labels == 1), 0, labels.labels))
    dot = edit_erase(labels, points[1], 4.0)
    np.testing.assert_array_equal(dot.labels, np.where(capsule(geometry, points[1:2], 4.0), 0, labels.labels))
    assert [s.algorithm_type for s in erased.segments] == ["SEMIAUTOMATIC", "MANUAL"]


def test_brush_keeps_to_a_range_of_values():
    geometry = GRIDS["plain"]
    voxels = np.random.default_rng(4).integers(-100, 300, SHAPE).astype(np.int16)
    labels, volume = labels_on(geometry, empty=1.0), Volume(voxels, geometry, HOUNSFIELD)
    stroke = {"points_lps": list(geometry.center_lps), "radius_mm": 6.0, "segment": "left femur"}
    painted = run_operation("edit-brush", {"labels": labels, "volume": volume}, low=50.0, high=120.0, **stroke)
    ball = capsule(geometry, geometry.center_lps[None], 6.0)
    np.testing.assert_array_equal(painted.mask("left femur"), ball & (voxels >= 50) & (voxels <= 120))
    assert painted.segments[2].structure == structure("left femur")
    with pytest.raises(ParameterError, match="needs the volume"):
        run_operation("edit-brush", {"labels": labels}, low=50.0, **stroke)
    with pytest.raises(ParameterError, match="low is at most high"):
        run_operation("edit-brush", {"labels": labels, "volume": volume}, low=50.0, high=0.0, **stroke)
    other = Volume(voxels, GRIDS["tilted"], HOUNSFIELD)
    with pytest.raises(GeometryError):
        run_operation("edit-brush", {"labels": labels, "volume": other}, low=50.0, **stroke)


def test_what_draws_nothing_is_refused():
    labels = labels_on(GRIDS["plain"])
    camera = fit_camera(labels.geometry, (100, 100))
    far = [500.0, 500.0, 500.0]
    with pytest.raises(EmptyResultError, match="touches none"):
        edit_erase(labels, far, 3.0)
    with pytest.raises(EmptyResultError, match="touches no voxel"):
        edit_brush(labels, far, 3.0, "bone")
    with pytest.raises(EmptyResultError, match="everything"):
        edit_scissors(labels, camera, [900, 900, 901, 900, 901, 901], "outside")
    with pytest.raises(ParameterError, match="three points around an area"):
        edit_scissors(labels, camera, [0, 0, 5, 0, 9, 0])
    with pytest.raises(ParameterError, match="near depth"):
        edit_scissors(labels, camera, STAR, "inside", (3.0, 1.0))
    with pytest.raises(ParameterError, match="radius above 0"):
        edit_brush(labels, far, 0.0, "bone")


def test_edits_in_a_recipe_replay_to_the_same_voxels(small_ct):
    steps = (
        Step("bone", "segment-bone", {"volume": SOURCE}, {"low_hu": 300.0}),
        Step("cut", "edit-scissors", {"labels": "bone"}, {"view": "left", "polygon_mm": STAR, "to_mm": 30.0}),
        Step(
            "new",
            "edit-brush",
            {"labels": "cut", "volume": SOURCE},
            {"points_lps": [0.0, 0.0, 0.0], "radius_mm": 9.0, "segment": "lesion"},
        ),
        Step("smooth", "edit-smooth", {"labels": "new"}, {"radius_mm": 5.0}),
        Step("all", "edit-union", {"labels": "smooth", "other": "bone"}),
    )
    recipe = Recipe("edited", "", steps, ())
    most = numba.config.NUMBA_NUM_THREADS
    numba.set_num_threads(1)
    result = run(small_ct, recipe)
    numba.set_num_threads(most)
    assert replay(small_ct, result.trace) == ()
    settled = {s.id: s.parameters for s in result.trace.steps}["cut"]
    assert (settled["azimuth_deg"], settled["elevation_deg"]) == (90.0, 0.0)
    bone, lesion = result.values["smooth"].segments
    assert bone.algorithm_type == "SEMIAUTOMATIC"
    assert bone.algorithm_name.endswith("scissors; smoothed over 5 mm")
    assert (lesion.name, lesion.algorithm_type) == ("lesion", "MANUAL")
    assert result.values["cut"].mask().sum() < result.values["bone"].mask().sum()
