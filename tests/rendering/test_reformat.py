"""Planes and curves through volumes whose values are known everywhere."""

import numpy as np
import pytest

from prosector.errors import ParameterError, UnknownNameError
from prosector.model.camera import Camera, fit_camera
from prosector.model.geometry import Geometry
from prosector.model.volume import Volume
from prosector.rendering.rays import step_mm
from prosector.rendering.reformat import Slab, reformat_curve, reformat_plane


@pytest.fixture(scope="module")
def ramp() -> Volume:
    """Values are 3x − 2y + 5z (LPS mm) on a sheared, mirrored grid: trilinear interpolation is exact."""
    affine = np.array([[0.3, -0.2, 1.1, -20], [0.4, 1.3, 0.1, -25], [2.0, 0.2, -0.3, -22], [0, 0, 0, 1.0]])
    geometry = Geometry((24, 40, 44), affine)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1)
    return Volume((geometry.to_lps(index) @ [3.0, -2.0, 5.0]).astype(np.float32), geometry)


def expected(points):
    return points @ np.array([3.0, -2.0, 5.0])


@pytest.mark.parametrize("slab", [Slab(), Slab(3.0), Slab(0.2, "mean")])
def test_an_oblique_plane_shows_the_values_that_lie_in_it(ramp, slab):
    camera = Camera(ramp.geometry.center_lps, np.array([0.3, 1, -0.4]), np.array([0.1, 0.2, 1]), 20.0)
    picture = reformat_plane(ramp, camera, (15, 11), slab=slab)
    spacing = 20.0 / 11
    rows, columns = np.meshgrid(np.arange(11), np.arange(15), indexing="ij")
    points = camera.center_lps + spacing * (
        (columns - 7)[..., np.newaxis] * camera.right_lps + (5 - rows)[..., np.newaxis] * camera.up_lps
    )
    np.testing.assert_allclose(picture.values, expected(points), atol=2e-3)
    assert picture.method == "mpr"
    assert picture.letters["top"].startswith("H")


def test_a_slab_shows_its_greatest_and_least_value(ramp):
    camera = Camera(ramp.geometry.center_lps, np.array([0.3, 1, -0.4]), np.array([0.1, 0.2, 1]), 8.0)
    middle = reformat_plane(ramp, camera, (5, 5)).values
    count = np.ceil(8.0 / step_mm(ramp.geometry))
    rise = abs(expected(camera.forward_lps)) * (8.0 - 8.0 / count) / 2
    for show, sign in (("max", 1), ("min", -1)):
        found = reformat_plane(ramp, camera, (5, 5), slab=Slab(8.0, show)).values
        # samples lie in the middle of as many slices as there are steps
        np.testing.assert_allclose(sign * (found - middle), rise, rtol=1e-3)


def test_outside_of_the_volume_is_black_and_without_value(ramp):
    picture = reformat_plane(ramp, fit_camera(ramp.geometry, (40, 40)), (40, 40))
    missed = np.isnan(picture.values)
    assert missed[0, 0]
    assert not missed[20, 20]
    assert not picture.pixels[missed].any()


@pytest.mark.parametrize("turn", [0.0, 35.0])
def test_a_straight_path_gives_a_plane(ramp, turn):
    center = ramp.geometry.center_lps
    way = np.array([0.2, -0.1, -1.0]) / np.linalg.norm([0.2, -0.1, -1.0])
    path = center + np.outer([-6.0, 1.0, 6.0], way)
    pictures = [
        reformat_curve(ramp, path, 9.0, 1.0, flat=flat, turn_deg=turn).values for flat in ("straightened", "stretched")
    ]
    np.testing.assert_allclose(*pictures, atol=2e-3)
    assert pictures[0].shape == (12, 9)
    np.testing.assert_allclose(pictures[0][:, 4], expected(center + np.outer(np.arange(12) - 5.5, way)), atol=2e-3)


def test_a_tube_around_the_path_becomes_a_straight_band_or_keeps_its_sway():
    """A tube of 4 mm radius along an arc of 30 mm in the coronal plane."""
    geometry = Geometry((60, 30, 60), np.array([[0, 0, 1, -30], [0, 1, 0, -15], [1.0, 0, 0, -30], [0, 0, 0, 1]]))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(geometry.to_lps(index), -1, 0)
    distance = np.hypot(np.hypot(x + 20, z) - 30, y)
    volume = Volume((100 * np.clip(4.5 - distance, 0, 1)).astype(np.float32), geometry)
    angles = np.linspace(0.8, -0.8, 60)
    path = np.stack([30 * np.cos(angles) - 20, np.zeros(60), 30 * np.sin(angles)], axis=1)
    straight = reformat_curve(volume, path, 30.0, 0.5)
    assert straight.letters == {}
    assert straight.pixel_spacing_mm == pytest.approx(0.5)
    assert straight.size[1] * 0.5 == pytest.approx(30 * 1.6, abs=1.0)
    widths = (straight.values > 50).sum(axis=1) * 0.5
    np.testing.assert_allclose(widths, 8.0, atol=0.75)
    columns = np.arange(60)
    middles = [columns[row > 50].mean() - 29.5 for row in straight.values]
    np.testing.assert_allclose(middles, 0, atol=0.8)
    stretched = reformat_curve(volume, path, 40.0, 0.5, flat="stretched")
    sway = [np.arange(80)[row > 50].mean() for row in stretched.values[5:-5]]
    assert np.ptp(sway) * 0.5 > 5, "the arc bulges to the side"
    assert stretched.size[1] * 0.5 == pytest.approx(60 * np.sin(0.8), abs=1.0)


def test_what_cannot_be_reformatted_is_refused(ramp):
    with pytest.raises(ParameterError, match="two different points"):
        reformat_curve(ramp, [(0, 0, 0), (0, 0, 0)], 10, 1)
    with pytest.raises(ParameterError, match="three finite numbers"):
        reformat_curve(ramp, [(0, 0), (0, 1)], 10, 1)
    with pytest.raises(UnknownNameError, match="straightened, stretched"):
        reformat_curve(ramp, [(0, 0, 0), (0, 0, 9)], 10, 1, flat="bent")
    with pytest.raises(UnknownNameError, match="max, mean, min"):
        Slab(3.0, "median")
    with pytest.raises(ParameterError, match="0 mm or more"):
        Slab(-1.0)
