"""Projections in regions and in perspective, against the plain reference."""

from dataclasses import replace

import numba
import numpy as np
import pytest
import reference
from scenes import RANGES, random_camera, random_volume, sphere, stepped

from prosector.errors import ParameterError
from prosector.model.camera import Camera, fit_camera
from prosector.model.labels import LabelMap, Segment
from prosector.model.region import ClipPlane, Region
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.rendering.projection import METHODS, projected, projected_values
from prosector.rendering.rays import bricks_of, shown_of

SIZE = (8, 7)

RELATIVE_TOLERANCE = 2e-5

ANGLES = {"parallel": 0.0, "perspective": 50.0, "wide": 110.0}


def blobs(volume: Volume, seed: int) -> LabelMap:
    """Two structures in random voxels, coarse enough to have an inside."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 4, [-(-n // 3) for n in volume.voxels.shape]).astype(np.uint8)
    labels = coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)[tuple(slice(n) for n in volume.voxels.shape)]
    segments = (Segment(1, "one", structure("bone")), Segment(2, "two", structure("vessel")))
    return LabelMap(np.where(labels == 3, 0, labels).astype(np.uint8), volume.geometry, segments)


def random_region(kind: str, volume: Volume, seed: int) -> Region | None:
    rng = np.random.default_rng(seed + 50)
    center = volume.geometry.center_lps
    extent = np.ptp(volume.geometry.corners_lps, axis=0)
    point = tuple(center + rng.uniform(-0.1, 0.1, 3) * extent)
    normal = tuple(rng.normal(size=3))
    if kind == "slab":
        return Region.slab(point, normal, 0.4 * float(extent.min()))
    if kind == "box and planes":
        other = tuple(rng.normal(size=3))
        planes = (ClipPlane(behind(point, normal), normal), ClipPlane(behind(point, other), other))
        return Region(tuple(center - 0.4 * extent), tuple(center + 0.35 * extent), planes)
    labels = blobs(volume, seed)
    if kind == "labels":
        return Region(labels=labels)
    return {
        "everything": None,
        "included": Region(labels=labels, include=("one",), planes=(ClipPlane(behind(point, normal), normal),)),
        "excluded": Region(labels=labels, exclude=("two",)),
    }[kind]


def behind(point, normal):
    """A point some mm further back, so that most of the volume is kept."""
    return tuple(np.array(point) - 3 * np.array(normal) / np.linalg.norm(normal))


KINDS = ("everything", "slab", "box and planes", "labels", "included", "excluded")


def threshold_of(dtype: str) -> float:
    low, high = RANGES[dtype]
    return low + 0.6 * (high - low)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("angle", list(ANGLES))
@pytest.mark.parametrize("method", METHODS)
def test_agrees_with_the_reference(kind, angle, method):
    seed = 10 * KINDS.index(kind) + METHODS.index(method)
    dtype = list(RANGES)[seed % 4]
    volume = random_volume(seed, dtype, (9, 10, 9))
    camera = random_camera(seed, volume.geometry)
    camera = replace(camera, height_mm=camera.height_mm * 0.6, view_angle_deg=ANGLES[angle])
    camera = replace(camera, center_lps=volume.geometry.center_lps)
    region = random_region(kind, volume, seed)
    threshold = threshold_of(dtype)
    drop = 0.1234 * np.ptp(RANGES[dtype]) * (seed % 3)
    expected = reference.region_projection(volume, camera, SIZE, method, region, threshold, drop)
    values, depth = projected(volume, camera, SIZE, method, region, threshold, drop)
    found = values if depth is None else depth
    assert np.isfinite(expected).sum() > 3
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    scale = np.ptp(RANGES[dtype])
    if method == "depth":  # near the border two samples may have the same value but for rounding
        for row, column in np.argwhere(np.isfinite(expected)):
            at = reference.samples(volume, camera, SIZE, row, column, region)
            value = min(at, key=lambda pair: abs(pair[0] - found[row, column]))[1]
            most = max(v for _, v in at if np.isfinite(v))
            assert value == pytest.approx(most, abs=RELATIVE_TOLERANCE * scale)
        return
    if method == "sum":
        scale *= float(np.nanmax(np.abs(expected))) / np.ptp(RANGES[dtype]) + 1
    np.testing.assert_allclose(found, expected, atol=RELATIVE_TOLERANCE * scale, rtol=0)


def test_some_cameras_above_stand_inside_the_volume():
    volume = random_volume(3, "int16", (12, 11, 13))
    camera = Camera(volume.geometry.center_lps, (1, 2, 3), (0, 0, 1), 10.0, 100.0)
    index = volume.geometry.to_index(camera.eye_lps)
    assert (index > 0).all()
    assert (index < np.array(volume.voxels.shape) - 1).all()
    expected = reference.region_projection(volume, camera, SIZE, "mip")
    found = projected_values(volume, camera, SIZE, "mip")
    np.testing.assert_allclose(found, expected, atol=RELATIVE_TOLERANCE * 4096, rtol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("angle", [0.0, 40.0])
def test_the_same_bytes_with_one_thread_and_two(method, angle):
    volume = random_volume(8, "float32", (21, 30, 26))
    camera = replace(random_camera(8, volume.geometry), view_angle_deg=angle)
    region = random_region("included", volume, 8)
    results = []
    for threads in (1, 2, 2):
        numba.set_num_threads(threads)
        results.append(projected_values(volume, camera, (70, 50), method, region, 0.5).tobytes())
    assert results[0] == results[1] == results[2]


def test_a_narrow_perspective_is_nearly_parallel():
    volume = sphere(9.0, (20, 22, 24), (1.0, 1.0, 1.0))
    camera = fit_camera(volume.geometry, (40, 40), 30, 20)
    parallel = projected_values(volume, camera, (40, 40), "average")
    narrow = projected_values(volume, replace(camera, view_angle_deg=0.05), (40, 40), "average")
    both = np.isfinite(parallel) & np.isfinite(narrow)
    assert both.sum() > 0.98 * np.isfinite(parallel).sum()
    assert np.median(np.abs(parallel - narrow)[both]) < 0.2


def test_a_perspective_from_absurdly_far_is_refused():
    volume = random_volume(4, "int16")
    camera = replace(fit_camera(volume.geometry, SIZE), view_angle_deg=1e-6)
    with pytest.raises(ParameterError, match="parallel view"):
        projected_values(volume, camera, SIZE, "mip")


def test_a_slab_is_as_thick_as_it_says():
    geometry = stepped((40, 40, 40), (1.0, 1.0, 1.0))
    volume = Volume(np.ones(geometry.shape, dtype=np.int16), geometry)
    camera = fit_camera(geometry, (20, 20), 0, 0)
    region = Region.slab((0.0, 3.2, 0.0), (0.0, 1.0, 0.0), 10.0)
    total = projected_values(volume, camera, (20, 20), "sum", region)
    assert total[10, 10] == pytest.approx(10.0, abs=0.5)  # a whole number of steps of 0.5 mm
    tilted = Region.slab((0.0, 0.0, 0.0), (0.0, 1.0, 1.0), 10.0)
    total = projected_values(volume, camera, (20, 20), "sum", tilted)
    assert total[10, 10] == pytest.approx(10 * np.sqrt(2), abs=0.5)


def test_the_border_of_a_mask_is_smooth():
    geometry = stepped((40, 40, 40), (1.0, 1.0, 1.0))
    index = np.stack(np.meshgrid(*[np.arange(40)] * 3, indexing="ij"), axis=-1)
    ball = (np.linalg.norm(geometry.to_lps(index), axis=-1) < 12).astype(np.uint8)
    labels = LabelMap(ball, geometry, (Segment(1, "ball", structure("bone")),))
    size = (160, 160)
    camera = Camera((0, 0, 0), (0, 1, 0), (0, 0, 1), 40.0)
    volume = Volume(np.ones(geometry.shape, dtype=np.int16), geometry)
    seen = np.isfinite(projected_values(volume, camera, size, "mip", Region(labels=labels)))
    offsets = (np.arange(160) - 79.5) * 0.25
    radius = np.hypot(*np.meshgrid(offsets, offsets, indexing="ij"))
    # a stair of voxels is off by up to 0.9 mm
    assert radius[seen].max() < 12.45
    assert radius[~seen].min() > 11.4


def test_what_a_region_shows_is_worked_out_once_for_a_label_map():
    volume = random_volume(8, "int16", (21, 30, 26))
    labels = blobs(volume, 8)
    first = shown_of(Region(labels=labels, include=("one",)), volume.geometry)
    again = shown_of(Region(labels=labels, include=("one",)), volume.geometry)
    other = shown_of(Region(labels=labels, include=("two",)), volume.geometry)
    assert first.mask is again.mask
    assert not np.array_equal(first.mask, other.mask)
    assert first.states.shape == bricks_of(volume).low.shape
