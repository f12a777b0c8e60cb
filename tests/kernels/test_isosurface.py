"""First hits against the plain reference and against a sphere."""

from dataclasses import replace

import numba
import numpy as np
import pytest
import reference
import reference_volume
from scenes import RANGES, random_camera, random_volume, sphere, stepped

from prosector.model.camera import fit_camera
from prosector.model.labels import LabelMap, Segment
from prosector.model.region import ClipPlane, Region
from prosector.model.structures import STRUCTURES
from prosector.model.volume import Volume
from prosector.rendering.isosurface import Isosurface, render_surfaces, surface_hits
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


@pytest.mark.parametrize("angle", [0.0, 50.0])
@pytest.mark.parametrize("seed", [3, 4])
def test_cuts_masks_and_perspective_agree_with_the_reference(seed, angle):
    """Wherever the reference's object begins, give or take the refinement, and nowhere else."""
    volume = random_volume(seed, "int16")
    camera = replace(random_camera(seed, volume.geometry), view_angle_deg=angle)
    level, step = 1500.0, step_mm(volume.geometry)
    mask = np.zeros(volume.voxels.shape, np.uint8)
    mask[:, 1:8, 1:7] = 1
    labels = LabelMap(mask, volume.geometry, (Segment(1, "kept", STRUCTURES["lesion"]),))
    plane = ClipPlane(
        tuple(volume.geometry.to_lps([1.5, 2.0, 2.0])), tuple(volume.geometry.affine[:3, :3] @ [1, 0.4, 0.3])
    )
    region = Region(planes=(plane,), labels=labels, include=("kept",))
    weights = reference_volume.soft_weights(mask)
    depth, normals = surface_hits(volume, camera, (21, 17), level, region)
    assert np.isfinite(depth).sum() > 5
    for row, column in np.ndindex(*depth.shape):
        start, way = reference_volume.ray(camera, (21, 17), row, column)
        low, high = reference_volume.interval(volume, camera, region, start, way)

        def is_inside(distance, start=start, way=way):
            index = volume.geometry.to_index(start + distance * way)
            return reference.sample(volume.voxels, index) >= level and reference.sample(weights, index) >= 0.75 * 255

        hits = [d for d in (reference.knots(low, high, step) if low < high else []) if is_inside(d)]
        assert np.isnan(depth[row, column]) == (not hits)
        if hits:
            assert hits[0] - step - 1e-6 < depth[row, column] < hits[0] + 1e-6
            assert np.linalg.norm(normals[row, column]) == pytest.approx(1, abs=1e-5)


def test_the_normal_of_a_cut_is_that_of_its_plane():
    geometry = stepped((20, 20, 20), (2.0, 1.0, 1.0))
    volume = Volume(np.full(geometry.shape, 500, dtype=np.int16), geometry)
    normal = np.array([0.3, 1.0, -0.2])
    region = Region(planes=(ClipPlane((0.0, 0.0, 0.0), tuple(normal)),))
    _, normals = surface_hits(volume, fit_camera(geometry, (31, 31)), (31, 31), 200.0, region)
    np.testing.assert_allclose(normals[15, 15], -normal / np.linalg.norm(normal), atol=1e-6)


def test_translucent_surfaces_lie_over_each_other_by_depth():
    volume = sphere(12.0, (41, 41, 41), (1.0, 1.0, 1.0))
    camera = fit_camera(volume.geometry, (41, 41))
    shell, core = Isosurface(100.0, (1, 0, 0), 0.25), Isosurface(150.0, (0, 1, 0))
    found = render_surfaces(volume, camera, (41, 41), (core, shell), shading=None, background_rgb=(0, 0, 1)).pixels
    assert tuple(found[20, 20]) == (64, 191, 0)
    assert tuple(found[20, 29]) == (64, 0, 191)
    assert tuple(found[0, 0]) == (0, 0, 255)
    swapped = render_surfaces(volume, camera, (41, 41), (shell, core), shading=None, background_rgb=(0, 0, 1)).pixels
    assert np.array_equal(found, swapped)


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
