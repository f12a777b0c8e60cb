"""The interactive tier: close to the still one where the volume is smooth, exact on the grid, never archived."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from scenes import random_camera, random_volume, sphere, stepped

from prosector.errors import InputError, ParameterError, UnknownNameError
from prosector.model.camera import Camera, fit_camera
from prosector.model.volume import Volume
from prosector.rendering.interactive import interactive_values, project_interactive
from prosector.rendering.projection import projected_values

SIZE = (64, 56)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
@pytest.mark.parametrize(("forward", "axis"), [((0, 0, -1), 0), ((0, 1, 0), 1), ((1, 0, 0), 2)])
def test_along_an_axis_pixels_on_voxels_have_their_maximum(dtype, forward, axis):
    geometry = stepped((20, 20, 20), (1.0, 1.0, 1.0))
    voxels = np.random.default_rng(axis).uniform(0, 200, geometry.shape).astype(dtype)
    up = (0, -1, 0) if axis == 0 else (0, 0, 1)
    camera = Camera(geometry.center_lps, forward, up, 20.0)
    found = interactive_values(Volume(voxels, geometry), camera, (20, 20), "mip")
    expected = voxels.max(axis=axis)
    # the last row and column have no neighbour to be interpolated with, and take the next one's value
    assert np.isclose(np.sort(found[2:-2, 2:-2].ravel())[-1], expected[2:-2, 2:-2].max(), rtol=1e-5)
    same = sum(np.isclose(np.sort(found[1:-1, 1:-1].ravel()), np.sort(expected[1:-1, 1:-1].ravel()), rtol=1e-5))
    assert same == 18 * 18


@pytest.mark.parametrize("method", ["mip", "average"])
@pytest.mark.parametrize("seed", range(6))
def test_close_to_the_still_tier_on_a_smooth_volume(method, seed):
    volume = sphere(9.0, (30, 26, 28), (1.3, 0.9, 1.0))
    camera = replace(random_camera(seed, volume.geometry), center_lps=volume.geometry.center_lps)
    still = projected_values(volume, camera, SIZE, method)
    quick = interactive_values(volume, camera, SIZE, method)
    both = np.isfinite(still) & np.isfinite(quick)
    assert both.sum() > 0.8 * np.isfinite(still).sum()
    # rays through the ball; those that cut a corner of the grid meet one slice or none
    through = both & (projected_values(volume, camera, SIZE, "mip") > 110)
    assert through.sum() > 100
    error = np.abs(still - quick)[through]
    # the values fall by 10 per mm, and slices are up to 1.3 mm apart
    assert error.max() < 10.0
    assert np.median(error) < 2.0


def test_voxels_that_are_not_a_number_are_nothing():
    volume = random_volume(2, "float32", (12, 14, 16))
    camera = fit_camera(volume.geometry, SIZE, 20, 30)
    for method in ("mip", "average"):
        values = interactive_values(volume, camera, SIZE, method)
        seen = values[np.isfinite(values)]
        assert seen.size > 100
        assert np.abs(seen).max() <= 1.0


def test_the_same_bytes_with_one_thread_and_two():
    volume = random_volume(8, "int16", (21, 30, 26))
    camera = random_camera(8, volume.geometry)
    results = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        results.append(interactive_values(volume, camera, SIZE, "mip").tobytes())
    assert results[0] == results[1]


def test_it_says_that_it_is_interactive_and_what_it_cannot_do():
    volume = random_volume(8, "int16", (9, 9, 9))
    camera = fit_camera(volume.geometry, SIZE)
    picture = project_interactive(volume, camera, SIZE, "mip")
    assert picture.tier == "interactive"
    with pytest.raises(InputError, match="archived"):
        picture.require_still()
    with pytest.raises(ParameterError, match="parallel"):
        interactive_values(volume, replace(camera, view_angle_deg=30), SIZE, "mip")
    with pytest.raises(UnknownNameError):
        interactive_values(volume, camera, SIZE, "depth")
