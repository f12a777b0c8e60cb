"""Bone leaves an angiogram; the vessels that run along it stay."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest
from analytic import Part, box, ellipse, grid, points, scan, truth
from scipy.ndimage import gaussian_filter

from prosector.errors import GeometryError, InputError, ParameterError
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.bone import segment_bone
from prosector.segmentation.bone_removal import remove_bone

PIXEL = 0.7
BLOOD, MUSCLE = 380, 45
SLAB = box((0, 14), (-18, 20))
HALF = (BLOOD + MUSCLE) / 2


def angiogram(radius: float, gap_pixels: float) -> tuple[Volume, Array, Array]:
    """A vessel from the aorta runs up and down beside a slab of bone; volume, vessel and slab."""
    geometry = grid(np.array([[0, 0, PIXEL], [0, PIXEL, 0], [1.0, 0, 0]]), (40, 110, 130))
    x = 14 + gap_pixels * PIXEL + radius
    tube, aorta = ellipse(x, 0, radius, radius), ellipse(-28, 0, 8, 8)
    around = [
        box((-31, x + radius), (-29, -29 + 2 * radius), (-3, 3)),
        box((x - radius, x + radius), (-29, 0), (-3, 3)),
        box((-31, -25), (-29, 0), (-3, 3)),
    ]
    parts = [Part(ellipse(0, 0, 44, 37), MUSCLE), Part(SLAB, 1000), Part(box((2, 12), (-16, 18)), 180)]
    exact = scan(geometry, parts + [Part(p, BLOOD) for p in (tube, aorta, *around)], noise=0)
    blurred = gaussian_filter(exact.voxels.astype(np.float64), [0.5, 0.6, 0.6])
    noise = np.random.default_rng(1).normal(0, 15, blurred.shape)
    volume = replace(exact, voxels=np.rint(blurred + noise).astype(np.int16))
    away = np.abs(points(geometry)[2]) > 6
    return volume, truth(geometry, tube) & away, truth(geometry, SLAB) & away


@pytest.mark.parametrize(("radius", "gap"), [(1.75, 0.5), (1.75, 1.0), (1.75, 2.0), (3.0, 0.0), (3.0, 0.5), (3.0, 2.0)])
def test_a_vessel_beside_bone_stays_and_bone_leaves(radius: float, gap: float) -> None:
    volume, tube, slab = angiogram(radius, gap)
    out = remove_bone(volume, segment_bone(volume)).voxels
    bright = tube & (volume.voxels > HALF)
    assert bright.sum() > 300
    assert (out[bright] < HALF).mean() < 0.025 if gap == 0 else (out[bright] < HALF).mean() < 0.01
    x, y, _ = points(volume.geometry)
    shell = (x > -3) & (x < 13.3) & (y > -21) & (y < 23) & (slab.any(axis=(1, 2))[:, None, None])
    assert out[shell].max() < MUSCLE + 6 * 15, "no bright shell where bone was"


def test_what_lies_elsewhere_stays_as_it_is() -> None:
    volume, _, _ = angiogram(3.0, 1.0)
    bone = segment_bone(volume)
    out = remove_bone(volume, bone, margin_mm=2.0).voxels
    x, *_ = points(volume.geometry)
    assert np.array_equal(out[x < -6], volume.voxels[x < -6])
    around = bone.labels == 0
    assert (out[around] <= volume.voxels[around]).all(), "the margin only loses brightness"
    assert out.dtype == volume.voxels.dtype
    assert (remove_bone(volume, bone, fill_hu=-500.0).voxels[bone.labels > 0] <= 0).mean() > 0.97


def test_given_vessels_stay_whatever_they_look_like() -> None:
    volume, tube, slab = angiogram(3.0, 0.0)
    kept = LabelMap(tube, volume.geometry, (Segment(1, "vessel", structure("vessel"), "MANUAL"),))
    out = remove_bone(volume, labels(slab, volume.geometry), vessels=kept).voxels
    assert np.array_equal(out[tube], volume.voxels[tube])


def labels(mask: Array, geometry: Geometry) -> LabelMap:
    return LabelMap(mask, geometry, (Segment(1, "bone", structure("bone"), "AUTOMATIC", "test"),))


def test_one_thread_and_two_give_the_same_angiogram() -> None:
    volume, _, slab = angiogram(3.0, 1.0)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = remove_bone(volume, labels(slab, volume.geometry)).voxels
        numba.set_num_threads(2)
        assert np.array_equal(alone, remove_bone(volume, labels(slab, volume.geometry)).voxels)
    finally:
        numba.set_num_threads(threads)


def test_what_cannot_be_is_refused() -> None:
    geometry = grid(np.eye(3), (6, 6, 6))
    volume = scan(geometry, [Part(box((-9, 9), (-9, 9)), 40)])
    bone = labels(np.ones(geometry.shape, dtype=bool), geometry)
    other = grid(np.eye(3) * 2, (6, 6, 6))
    with pytest.raises(InputError, match="CT"):
        remove_bone(scan(geometry, [], modality="MR"), bone)
    with pytest.raises(GeometryError, match="bone"):
        remove_bone(volume, labels(np.ones(other.shape, dtype=bool), other))
    with pytest.raises(GeometryError, match="vessels"):
        remove_bone(volume, bone, vessels=labels(np.ones(other.shape, dtype=bool), other))
    with pytest.raises(ParameterError, match="margin"):
        remove_bone(volume, bone, margin_mm=-1.0)
