"""Projections against the plain reference, by place, and byte for byte."""

import numba
import numpy as np
import pytest
import reference
from scenes import RANGES, random_camera, random_volume, stepped

from prosector.kernels.projection import project_greatest
from prosector.model.camera import VIEWS, Camera, fit_camera, view_angles
from prosector.model.geometry import Geometry
from prosector.model.volume import Volume
from prosector.rendering.projection import NO_DEPTH, NO_PICTURE, projected_values
from prosector.rendering.rays import bricks_of, ray_frame, shown_of

SIZE = (11, 9)

RELATIVE_TOLERANCE = 1e-5
"""Of the range of values: interpolation is in float32."""


@pytest.mark.parametrize("dtype", list(RANGES))
@pytest.mark.parametrize("method", ["mip", "minip", "average"])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_reference(dtype, method, seed):
    volume = random_volume(seed, dtype)
    camera = random_camera(seed, volume.geometry)
    expected = reference.projection(volume, camera, SIZE, method)
    found = projected_values(volume, camera, SIZE, method)
    assert np.isfinite(expected).sum() > 10
    np.testing.assert_allclose(found, expected, atol=RELATIVE_TOLERANCE * np.ptp(RANGES[dtype]), rtol=0)


@pytest.mark.parametrize("shape", [(1, 9, 8), (6, 1, 8), (6, 9, 1), (1, 1, 1)])
def test_thin_volumes_have_the_thickness_of_their_voxels(shape):
    volume = random_volume(5, "int16", shape)
    camera = fit_camera(volume.geometry, SIZE, 25, 15)
    expected = reference.projection(volume, camera, SIZE, "mip")
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(projected_values(volume, camera, SIZE, "mip"), expected, atol=0.05)


@pytest.mark.parametrize("method", ["mip", "minip"])
@pytest.mark.parametrize("dtype", list(RANGES))
def test_passing_over_bricks_changes_nothing(method, dtype):
    volume = random_volume(7, dtype, (21, 30, 26))
    size = (40, 40)
    camera = random_camera(7, volume.geometry)
    found = projected_values(volume, camera, size, method)
    never = np.full(bricks_of(volume).low.shape, np.inf, dtype=np.float32)
    every = np.empty_like(found)
    parts = shown_of(None, volume.geometry)
    frame, sign = ray_frame(volume.geometry, camera, size), np.float32(1 if method == "mip" else -1)
    project_greatest(
        volume.voxels, never, parts.states, parts.mask, parts.planes, frame, sign, NO_PICTURE, every, NO_DEPTH
    )
    assert found.tobytes() == every.tobytes()


@pytest.mark.parametrize("method", ["mip", "minip", "average", "depth"])
def test_the_same_bytes_with_one_thread_and_two(method):
    volume = random_volume(8, "int16", (21, 30, 26))
    camera = random_camera(8, volume.geometry)
    results = []
    for threads in (1, 2, 2):
        numba.set_num_threads(threads)
        results.append(projected_values(volume, camera, (70, 50), method).tobytes())
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("view", list(VIEWS))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_bright_voxel_lands_where_the_camera_says(view, mirrored):
    geometry = stepped((20, 24, 28), (2.5, 0.8, 0.8))
    if mirrored:
        affine = np.array(geometry.affine)
        affine[:, 2] *= -1
        geometry = Geometry(geometry.shape, affine)
    voxels = np.zeros(geometry.shape, dtype=np.int16)
    voxels[3, 5, 22] = 1000
    point = geometry.to_lps((3, 5, 22))
    size = (160, 120)
    camera = fit_camera(geometry, size, *view_angles(view))
    values = projected_values(Volume(voxels, geometry), camera, size, "mip")
    rows, columns = np.nonzero(values > 500)
    spacing = camera.pixel_spacing_mm(size)
    offset = point - camera.center_lps
    column = size[0] / 2 + offset @ camera.right_lps / spacing - 0.5
    row = size[1] / 2 - offset @ camera.up_lps / spacing - 0.5
    assert columns.mean() == pytest.approx(column, abs=0.6)
    assert rows.mean() == pytest.approx(row, abs=0.6)


@pytest.mark.parametrize(
    ("voxel", "view", "row", "column"),
    [
        ((10, 10, 18), "anterior", 31, 55),  # the patient's left is on the viewer's right
        ((18, 10, 10), "anterior", 7, 31),  # the head is up
        ((10, 18, 10), "left", 31, 55),  # from the left, the back is on the right
        ((10, 10, 18), "posterior", 31, 7),
        ((10, 18, 10), "superior", 55, 31),  # from above and from below the face is up
        ((10, 18, 10), "inferior", 55, 31),
        ((10, 18, 10), "right", 31, 7),
    ],
)
def test_sides_of_the_patient(voxel, view, row, column):
    geometry = stepped((21, 21, 21), (1.0, 1.0, 1.0))
    voxels = np.zeros(geometry.shape, dtype=np.int16)
    voxels[voxel] = 1000
    camera = Camera((0, 0, 0), *directions(view), 21.0)
    named = fit_camera(geometry, (63, 63), *view_angles(view))
    np.testing.assert_allclose(np.array(directions(view)), [named.forward_lps, named.up_lps], atol=1e-12)
    values = projected_values(Volume(voxels, geometry), camera, (63, 63), "mip")
    assert np.unravel_index(np.nanargmax(values), values.shape) == (row, column)


def directions(view):
    """Forward and up of the named views, written out."""
    return {
        "anterior": ((0, 1, 0), (0, 0, 1)),
        "posterior": ((0, -1, 0), (0, 0, 1)),
        "left": ((-1, 0, 0), (0, 0, 1)),
        "right": ((1, 0, 0), (0, 0, 1)),
        "superior": ((0, 0, -1), (0, -1, 0)),
        "inferior": ((0, 0, 1), (0, -1, 0)),
    }[view]


def test_one_voxel_that_is_not_a_number_stays_one_voxel():
    geometry = stepped((9, 9, 9), (1.0, 1.0, 1.0))
    voxels = np.full(geometry.shape, 5.0, dtype=np.float32)
    voxels[4, 4, 4] = np.nan
    camera = fit_camera(geometry, (50, 50))
    for method in ("mip", "minip", "average"):
        values = projected_values(Volume(voxels, geometry), camera, (50, 50), method)
        np.testing.assert_allclose(values[np.isfinite(values)], 5, rtol=1e-6)
        assert np.isfinite(values).sum() > 1500


def test_nothing_but_nan_is_nothing():
    geometry = stepped((9, 9, 9), (1.0, 1.0, 1.0))
    volume = Volume(np.full(geometry.shape, np.nan, dtype=np.float32), geometry)
    for method in ("mip", "minip", "average"):
        assert np.isnan(projected_values(volume, fit_camera(geometry, (9, 9)), (9, 9), method)).all()
