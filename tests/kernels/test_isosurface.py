"""First hits against the plain reference and against a sphere."""

import numba
import numpy as np
import pytest
import reference
from scenes import RANGES, random_camera, random_volume, sphere, stepped

from prosector.model.camera import fit_camera
from prosector.model.volume import Volume
from prosector.rendering.isosurface import surface_hits
from prosector.rendering.rays import step_mm

SIZE = (11, 9)


@pytest.mark.parametrize("dtype", list(RANGES))
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_reference(dtype, seed):
    volume = random_volume(seed, dtype)
    camera = random_camera(seed, volume.geometry)
    level = float(np.mean(RANGES[dtype]))
    expected = reference.first_hit(volume, camera, SIZE, level)
    depth, normals = surface_hits(volume, camera, SIZE, level)
    assert np.isfinite(expected).sum() > 10
    np.testing.assert_array_equal(np.isnan(depth), np.isnan(expected))
    hit = np.isfinite(depth)
    difference = np.abs(depth - expected)[hit]
    # the field may cross the level three times within a step, and NaN edges are found by bisection alone
    assert difference.max() < step_mm(volume.geometry)
    assert np.median(difference) < 1e-3 * step_mm(volume.geometry)
    np.testing.assert_allclose(np.linalg.norm(normals[hit], axis=1), 1, atol=1e-5)
    assert not normals[~hit].any()


def test_leaping_over_bricks_and_threads_change_nothing(monkeypatch):
    volume = sphere(14.0, (31, 52, 47), (1.5, 0.9, 0.9))
    camera = fit_camera(volume.geometry, (90, 70), 33, 21)
    results = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        results.append([a.tobytes() for a in surface_hits(volume, camera, (90, 70), 100.0)])

    def nowhere(visible, out):
        out[...] = 0

    monkeypatch.setattr("prosector.rendering.isosurface.distances", nowhere)
    results.append([a.tobytes() for a in surface_hits(volume, camera, (90, 70), 100.0)])
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("angles", [(0, 0), (90, 0), (180, 90), (37, 25)])
def test_depth_silhouette_and_normals_of_a_sphere(angles):
    radius = 12.0
    volume = sphere(radius, (25, 61, 61), (1.7, 0.6, 0.6))
    size = (121, 121)
    camera = fit_camera(volume.geometry, size, *angles)
    depth, normals = surface_hits(volume, camera, size, 100.0)
    spacing = camera.pixel_spacing_mm(size)
    up, right = np.meshgrid(60 - np.arange(121), np.arange(121) - 60, indexing="ij")
    across = np.hypot(up, right) * spacing
    hit = np.isfinite(depth)
    # chords cut the corner of the curve by less than spacing²/(8 radius); slices are 1.7 mm apart
    bound = 1.7**2 / (8 * radius) * 3 + 0.01
    area_radius = np.sqrt(hit.sum() * spacing**2 / np.pi)
    assert radius - 0.1 < area_radius < radius + 0.05
    inner = hit & (across < 0.7 * radius)
    expected = -np.sqrt(radius**2 - across[inner] ** 2)
    error = depth[inner] - expected
    assert np.abs(error).max() < bound
    assert error.mean() > 0, "linear interpolation makes a ball smaller"
    points = (
        depth[inner, np.newaxis] * camera.forward_lps
        + (right[inner, np.newaxis] * camera.right_lps + up[inner, np.newaxis] * camera.up_lps) * spacing
    )
    cosines = (normals[inner] * points).sum(axis=1) / np.linalg.norm(points, axis=1)
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 3.0


def test_the_border_is_the_surface_of_an_object_that_is_cut():
    geometry = stepped((10, 12, 14), (2.0, 1.0, 1.0))
    volume = Volume(np.full(geometry.shape, 500, dtype=np.int16), geometry)
    depth, normals = surface_hits(volume, fit_camera(geometry, (31, 31)), (31, 31), 200.0)
    hit = np.isfinite(depth)
    assert hit.any()
    assert not hit.all()
    np.testing.assert_allclose(depth[hit], -6.0, atol=1e-9)
    np.testing.assert_allclose(normals[hit], np.broadcast_to([0, -1, 0], normals[hit].shape), atol=1e-6)
