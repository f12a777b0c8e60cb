"""What the three renderers promise about pixels, errors and memory."""

import gc

import numpy as np
import pytest

from prosector.errors import ParameterError, UnknownNameError
from prosector.model.camera import fit_camera
from prosector.model.geometry import Geometry
from prosector.model.transfer import Shading, TransferFunction
from prosector.model.volume import Volume
from prosector.model.window import Window
from prosector.rendering.isosurface import render_surface
from prosector.rendering.projection import project
from prosector.rendering.rays import _BRICKS, bricks_of
from prosector.rendering.volume import render_volume

SIZE = (24, 18)


@pytest.fixture
def volume() -> Volume:
    """A bright block in the middle of a dark one."""
    voxels = np.zeros((10, 12, 14), dtype=np.int16)
    voxels[3:7, 4:8, 5:9] = 1000
    return Volume(voxels, Geometry(voxels.shape, np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]))


def test_projection_pixels_follow_the_window(volume):
    picture = project(volume, fit_camera(volume.geometry, SIZE), SIZE, "mip", Window(500, 1000))
    assert picture.size == SIZE
    assert picture.method == "mip"
    assert picture.letters == {"right": "L", "left": "R", "top": "H", "bottom": "F"}
    assert picture.pixels.max() == 255
    missed = np.isnan(picture.values)
    assert missed.any()
    assert not picture.pixels[missed].any()
    assert np.array_equal(picture.pixels[~missed][:, 0], Window(500, 1000).apply(picture.values[~missed]))


def test_a_window_is_found_where_none_is_given(volume):
    picture = project(volume, fit_camera(volume.geometry, SIZE), SIZE, "average")
    assert picture.pixels.min() == 0
    assert picture.pixels.max() == 255


def test_a_projection_that_meets_nothing_is_black(volume):
    nothing = Volume(np.full(volume.voxels.shape, np.nan, dtype=np.float32), volume.geometry)
    assert not project(nothing, fit_camera(volume.geometry, SIZE), SIZE, "minip").pixels.any()


def test_unknown_projection_and_absurd_sizes_are_refused(volume):
    camera = fit_camera(volume.geometry, SIZE)
    with pytest.raises(UnknownNameError, match=r"average, .*minip, mip"):
        project(volume, camera, SIZE, "median")
    with pytest.raises(ParameterError, match="pixels wide"):
        project(volume, camera, (0, 10), "mip")
    with pytest.raises(ParameterError, match="level"):
        render_surface(volume, camera, SIZE, float("nan"))


def test_volume_rendering_over_a_background(volume):
    transfer = TransferFunction(((0, (1, 0, 0)),), ((100, 0), (900, 1)), shading=None)
    camera = fit_camera(volume.geometry, SIZE)
    pixels = render_volume(volume, camera, SIZE, transfer, background_rgb=(0, 0, 1)).pixels
    assert np.array_equal(pixels[0, 0], (0, 0, 255))
    assert np.array_equal(pixels[9, 12], (255, 0, 0))


def test_a_transparent_function_shows_the_background(volume):
    transfer = TransferFunction(((0, (1, 0, 0)),), ((0, 0.0),))
    pixels = render_volume(volume, fit_camera(volume.geometry, SIZE), SIZE, transfer, background_rgb=(1, 1, 1)).pixels
    assert (pixels == 255).all()


def test_a_constant_gradient_factor_scales_the_opacity(volume):
    camera = fit_camera(volume.geometry, SIZE)
    plain = TransferFunction(((0, (1, 1, 1)),), ((0, 0.02), (1000, 0.02)), shading=None)
    doubled = TransferFunction(plain.color, plain.opacity, ((0.0, 2.0),), shading=None)
    once = 1 - render_volume(volume, camera, SIZE, plain).pixels[9, 12, 0] / 255
    twice = 1 - render_volume(volume, camera, SIZE, doubled).pixels[9, 12, 0] / 255
    assert twice == pytest.approx(once**2, abs=0.006)


def test_surface_colours(volume):
    camera = fit_camera(volume.geometry, SIZE)
    plain = render_surface(volume, camera, SIZE, 500, (0.2, 0.6, 1.0), shading=None, background_rgb=(1, 1, 0)).pixels
    assert np.array_equal(plain[0, 0], (255, 255, 0))
    assert np.array_equal(plain[9, 12], (51, 153, 255))
    facing = render_surface(volume, camera, SIZE, 500, (0.5, 0.5, 0.5), shading=Shading(0.1, 0.5, 0.2)).pixels
    assert facing[9, 12, 0] == pytest.approx(255 * (0.5 * 0.6 + 0.2), abs=1)


def test_bricks_are_made_once_and_go_with_their_volume(volume):
    copy = Volume(volume.voxels, volume.geometry)
    first = bricks_of(copy)
    assert bricks_of(copy) is first
    assert first.low.nbytes + first.high.nbytes < copy.voxels.nbytes
    gc.collect()
    kept = len(_BRICKS)
    del copy
    gc.collect()
    assert len(_BRICKS) == kept - 1
