"""Vessels found in computed scans of which the truth is known, and in real series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from prosector.datasets.scanner import Scan
from prosector.datasets.test_objects import Phantom, build_test_object
from prosector.errors import EmptyResultError, GeometryError, ParameterError, UnknownNameError
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.source import Source
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.pipeline.recipes import builtin
from prosector.pipeline.run import check_recipe, run_operation
from prosector.pipeline.source import read_volume
from prosector.segmentation.thrombus import grow_thrombus
from prosector.segmentation.vessels import kind_of, segment_vessels


def dice(a: Array, b: Array) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def only(phantom: Phantom, name: str) -> LabelMap:
    """One part of a phantom as a label map of its own."""
    segment = next(s for s in phantom.labels.segments if s.name == name)
    return LabelMap(phantom.labels.mask(name).astype(np.uint8), phantom.volume.geometry, (replace(segment, number=1),))


@pytest.mark.parametrize(
    ("kind", "scan", "parameters"),
    [
        ("tube", Scan(seed=3), {"diameter_mm": 5.0}),
        ("tube", Scan(spacing_mm=(1.5, 0.6, 0.6), tilt_deg=15, noise=25), {"diameter_mm": 6.0}),
        ("fusiform", Scan(spacing_mm=(1.0, 0.9, 0.9), noise=25), {"aneurysm_mm": 30.0}),
        ("fork", Scan(modality="MR", bias=0.2), {}),
        ("fork", Scan(noise=30), {"branch_mm": 4.0}),
    ],
)
def test_lumen_of_phantoms(kind: str, scan: Scan, parameters: dict[str, float]) -> None:
    """Dice at least 0.95; the volume is that of diameters within 0.2 voxel of the true ones."""
    phantom = build_test_object(kind, scan, **parameters)
    found = segment_vessels(phantom.volume)
    assert [(s.name, s.algorithm_type) for s in found.segments] == [("vessel lumen", "AUTOMATIC")]
    mask, truth = found.labels > 0, phantom.labels.mask()
    assert dice(mask, truth) >= 0.95
    diameter = phantom.truth["parameters"]["diameter_mm"]
    off = diameter * (np.sqrt(mask.sum() / truth.sum()) - 1)
    assert abs(off) < 0.2 * min(phantom.volume.geometry.spacing_mm)


@pytest.mark.parametrize("distance_mm", [0.3, 1.5])
def test_along_bone(distance_mm: float) -> None:
    """Neither the rim of bone, which is as bright as blood, is taken, nor the vessel that touches it lost."""
    phantom = build_test_object("bone-vessel", Scan(seed=5), distance_mm=distance_mm)
    found = segment_vessels(phantom.volume, labels=only(phantom, "bone")).labels > 0
    truth = phantom.labels.mask("vessel")
    assert dice(found, truth) >= 0.9
    assert (found & truth).sum() >= 0.95 * truth.sum()


def two_tubes() -> tuple[Volume, Array]:
    """Tubes of 4 and 8 mm in tissue, 12 mm apart, and the coordinates of the voxels."""
    affine = np.diag([0.0, 0.0, 0.0, 1.0])
    affine[:3, :3] = [[0, 0, 0.8], [0, 0.8, 0], [1.0, 0, 0]]
    geometry = Geometry((30, 50, 60), affine)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1)
    at = geometry.to_lps(index)
    hu = np.full(geometry.shape, 40.0)
    for x, radius in ((14.0, 2.0), (34.0, 4.0)):
        hu += 300 * np.clip(0.5 - (np.hypot(at[..., 0] - x, at[..., 1] - 20) - radius) / 0.8, 0, 1)
    hu += np.random.default_rng(2).normal(0, 10, hu.shape)
    return Volume(hu.astype(np.int16), geometry, HOUNSFIELD, Source(modality="CT")), at


def nothing(volume: Volume) -> LabelMap:
    return LabelMap(np.zeros(volume.geometry.shape, dtype=np.uint8), volume.geometry, ())


def test_seeds_keep_what_is_connected() -> None:
    volume, at = two_tubes()
    both = segment_vessels(volume, labels=nothing(volume)).labels > 0
    one = segment_vessels(volume, labels=nothing(volume), seeds_lps=(34, 20, 15))
    assert one.segments[0].algorithm_type == "SEMIAUTOMATIC"
    assert np.array_equal(one.labels > 0, both & (at[..., 0] > 25))
    with pytest.raises(EmptyResultError, match="seeds"):
        segment_vessels(volume, labels=nothing(volume), seeds_lps=(24, 5, 15))


def test_same_bytes_at_any_thread_count() -> None:
    volume, _ = two_tubes()
    before = numba.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            found.append(segment_vessels(volume, labels=nothing(volume)).labels.tobytes())
    finally:
        numba.set_num_threads(before)
    assert found[0] == found[1]


def test_what_is_refused() -> None:
    volume, _ = two_tubes()
    with pytest.raises(UnknownNameError, match="tof"):
        segment_vessels(volume, kind="pet")
    with pytest.raises(ParameterError, match="minimum"):
        segment_vessels(volume, minimum_volume_mm3=-1)
    with pytest.raises(ParameterError, match="seeds"):
        segment_vessels(volume, seeds_lps=(1.0, 2.0))
    other = Geometry((2, 2, 2), np.eye(4))
    with pytest.raises(GeometryError):
        segment_vessels(volume, labels=LabelMap(np.zeros((2, 2, 2), np.uint8), other, ()))
    plain = replace(volume, voxels=np.full(volume.geometry.shape, 40, dtype=np.int16))
    with pytest.raises(EmptyResultError, match="contrast"):
        segment_vessels(plain, labels=nothing(plain))


def test_kind_from_the_series() -> None:
    volume, _ = two_tubes()
    assert kind_of(volume) == "cta"
    assert kind_of(replace(volume, unit="1")) == "mra"
    assert kind_of(replace(volume, unit="1", source=Source(modality="MR", description="3D TOF neck"))) == "tof"


def with_thrombus() -> tuple[Volume, LabelMap, Array, Array]:
    """A lumen of 6 mm off the middle of an aneurysm of 20 mm in fat, and muscle that touches it at a narrow place."""
    volume, at = two_tubes()
    x, y = at[..., 0], at[..., 1]
    hu = np.full(x.shape, -90.0)
    hu[np.hypot(x - 20, y - 20) < 10] = 50
    hu[(x > 34) & (y > 5)] = 55
    hu[(np.abs(y - 20) < 1) & (x > 20)] = np.maximum(hu[(np.abs(y - 20) < 1) & (x > 20)], 50)
    lumen = np.hypot(x - 17, y - 20) < 3
    hu[lumen] = 320
    wall = (np.hypot(x - 20, y - 20) < 10) & ~lumen
    noisy = hu + np.random.default_rng(4).normal(0, 12, hu.shape)
    scan = replace(volume, voxels=noisy.astype(np.int16))
    labels = LabelMap(
        lumen.astype(np.uint8), scan.geometry, (Segment(1, "lumen", structure("vessel lumen"), "MANUAL"),)
    )
    return scan, labels, wall, at


def test_thrombus_is_grown_from_a_seed() -> None:
    scan, lumen, wall, _at = with_thrombus()
    inputs = {"volume": scan, "labels": lumen}
    found = run_operation("segment-thrombus", inputs, seeds_lps=[26.0, 20.0, 15.0], max_distance_mm=20.0, neck_mm=2.5)
    assert isinstance(found, LabelMap)
    assert (found.segments[0].name, found.segments[0].algorithm_type) == ("thrombus", "SEMIAUTOMATIC")
    assert dice(found.labels > 0, wall) >= 0.93
    assert not (found.labels[lumen.labels > 0]).any()
    near = grow_thrombus(scan, lumen, seeds_lps=[22.0, 20.0, 15.0], max_distance_mm=4.0).labels > 0
    assert 0 < near.sum() < 0.6 * wall.sum()


def test_thrombus_refuses() -> None:
    scan, lumen, _wall, _at = with_thrombus()
    with pytest.raises(EmptyResultError, match="seeds"):
        grow_thrombus(scan, lumen, seeds_lps=[20.0, 33.0, 15.0])
    with pytest.raises(ParameterError, match="seeds"):
        grow_thrombus(scan, lumen, seeds_lps=[])
    with pytest.raises(ParameterError, match="low_hu"):
        grow_thrombus(scan, lumen, seeds_lps=[26.0, 20.0, 15.0], low_hu=90, high_hu=0)
    with pytest.raises(EmptyResultError, match="lumen"):
        grow_thrombus(scan, nothing(scan), seeds_lps=[26.0, 20.0, 15.0])


def test_operations() -> None:
    volume, at = two_tubes()
    tubes = run_operation("vesselness", {"volume": volume}, measure="sato", scales_mm=[1.4])
    assert isinstance(tubes, Volume)
    assert tubes.voxels[15][np.hypot(at[15, ..., 0] - 14, at[15, ..., 1] - 20) < 1].min() > 60
    found = run_operation("segment-vessels", {"volume": volume, "labels": nothing(volume)})
    assert isinstance(found, LabelMap)
    assert found.mask("vessel lumen").any()


@pytest.mark.parametrize("name", ["cta-vessels", "mra-vessels"])
def test_recipes_can_run(name: str) -> None:
    check_recipe(builtin(name))


@pytest.mark.real_data
def test_aorta_in_magnetic_resonance(real_data: Path) -> None:
    """Nearly all of the reference level set is found, and little beside it but the further vessels."""
    volume = read_volume(real_data / "mra_aorta" / "aorta.mha", modality="MR")
    reference = read_volume(real_data / "mra_aorta" / "aorta-final-levelset.mha", modality="MR").voxels < 0
    found = segment_vessels(volume).labels > 0
    assert (found & reference).sum() >= 0.97 * reference.sum()
