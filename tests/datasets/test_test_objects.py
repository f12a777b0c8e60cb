"""Test objects: closed forms, the scanner's integrals, DICOM with tilt, and the same voxels every time."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest

from prosector.datasets.scanner import MATERIALS, Part, Scan, build_scan_grid, integrate
from prosector.datasets.shapes import Ellipsoid, Points, inside
from prosector.datasets.shapes_exact import RoundedBox, Sleeve
from prosector.datasets.test_objects import KINDS, build_test_object
from prosector.datasets.test_objects_scene import turn_about, volume_mm3
from prosector.datasets.write_series import write_ct_series, write_mr_series
from prosector.dicom.read import read_series
from prosector.errors import ParameterError, UnknownNameError

COARSE = Scan(spacing_mm=(1.9, 1.6, 1.7), noise=0.0, blur_mm=0.0)
TILTED = Scan(spacing_mm=(1.6, 0.9, 1.1), tilt_deg=18.0, noise=0.0, blur_mm=0.0)


@pytest.fixture(scope="module")
def coarse():
    return {kind: build_test_object(kind, COARSE) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_truth_is_json_and_volumes_agree_with_the_labels(coarse, kind):
    phantom = coarse[kind]
    json.dumps(phantom.truth, allow_nan=False)
    counted = phantom.labels.volumes_mm3()
    for row in phantom.truth["quantities"]:
        if row["name"] == "volume" and row["of"] in counted:
            # counting voxel centres errs by about half a voxel over the surface, at random
            surface_voxels = 5 * (row["value"] ** (2 / 3)) / (1.6 * 1.9)
            allowed = 3 * np.sqrt(surface_voxels) * phantom.volume.geometry.voxel_volume_mm3
            assert counted[row["of"]] == pytest.approx(row["value"], abs=allowed)


@pytest.mark.parametrize("scan", [COARSE, TILTED, Scan(spacing_mm=(2.5, 0.7, 0.7), noise=0, orientation="oblique")])
def test_partial_volume_sums_to_the_volume(scan):
    """What the voxels hold above the background is the ball's volume, on any grid."""
    ball = Ellipsoid((0.3, -0.2, 0.4), (7.0, 7.0, 7.0))
    grid = build_scan_grid(ball.low - 3, ball.high + 3, scan)
    tissue = Part(RoundedBox(np.zeros(3), np.full(3, 100.0)), "tissue")
    values, labels = integrate([tissue, Part(ball, "bone", "ball", "bone")], grid, scan)
    share = (values - scan.value("tissue")) / (scan.value("bone") - scan.value("tissue"))
    assert share.sum() * grid.voxel_volume_mm3 == pytest.approx(4 / 3 * np.pi * 7**3, rel=2e-3)
    centers = grid.to_lps(np.indices(grid.shape).reshape(3, -1).T)
    np.testing.assert_array_equal(labels.ravel() > 0, np.linalg.norm(centers - ball.center, axis=1) < 7)


def test_a_voxel_is_the_mean_of_many_samples():
    """Against plain supersampling with 20³ points, the slice thickness along the normal of a tilted grid."""
    ball = Ellipsoid((0.0, 0.0, 0.0), (5.0, 5.0, 5.0))
    scan = Scan(spacing_mm=(1.5, 1.0, 1.0), tilt_deg=20.0, thickness_mm=2.0, noise=0, blur_mm=0)
    grid = build_scan_grid(ball.low - 1, ball.high + 1, scan)
    values, _ = integrate([Part(ball, "bone", "ball", "bone")], grid, scan)
    mixed = np.argwhere((values > -900) & (values < 1100))[::7]
    t = (np.arange(20) + 0.5) / 20 - 0.5
    a, b, c = (x.reshape(-1, 1) for x in np.meshgrid(t, t, t))
    inner = a * grid.normal_lps * 2.0 + b * grid.affine[:3, 1] + c * grid.affine[:3, 2]
    plain = [np.where(inside(ball, grid.to_lps(index) + inner), 1200, -1000).mean() for index in mixed]
    # 2200 HU over 27 to 60 samples with flat faces; the mean deviation matters more than the worst
    deviations = values[tuple(mixed.T)] - plain
    assert np.abs(deviations).max() < 60
    assert abs(deviations.mean()) < 4


def test_a_tilted_series_comes_back_from_dicom_with_its_shear(tmp_path):
    phantom = build_test_object("tube", TILTED, length_mm=20)
    paths = write_ct_series(phantom.volume, tmp_path)
    header = pydicom.dcmread(paths[0])
    assert header.GantryDetectorTilt == pytest.approx(18.0, abs=0.01)
    assert header.QualityControlSubject == "YES"
    read = read_series(tmp_path)
    assert read.geometry.tilt_degrees == pytest.approx(18.0, abs=0.01)
    center = phantom.volume.geometry.to_index(np.zeros(3))
    np.testing.assert_allclose(read.geometry.corners_lps.mean(axis=0), phantom.volume.geometry.center_lps, atol=1e-3)
    assert sorted(read.voxels[:, round(center[1]), round(center[2])]) == sorted(
        phantom.volume.voxels[:, round(center[1]), round(center[2])]
    )


def test_magnetic_resonance_comes_back_from_dicom(tmp_path):
    phantom = build_test_object("tube", Scan(modality="MR", noise=20, spacing_mm=(1, 1, 1)), length_mm=12)
    write_mr_series(phantom.volume, tmp_path)
    read = read_series(tmp_path)
    assert (read.source.modality, read.unit) == ("MR", "1")
    assert read.voxels.max() == phantom.volume.voxels.max()


def test_noise_has_its_standard_deviation():
    still = build_test_object("tube", COARSE, length_mm=12).volume.voxels.astype(float)
    noisy = Scan(spacing_mm=COARSE.spacing_mm, noise=25, blur_mm=0)
    assert (build_test_object("tube", noisy, length_mm=12).volume.voxels - still)[still > 0].std() == pytest.approx(
        25, rel=0.03
    )
    rician = Scan(spacing_mm=COARSE.spacing_mm, noise=25, blur_mm=0, modality="MR")
    air = build_test_object("tube", rician, length_mm=12).volume.voxels[:3]
    # the magnitude of pure noise is Rayleigh distributed
    assert air.mean() == pytest.approx(25 * np.sqrt(np.pi / 2), rel=0.05)


def test_a_bias_field_dims_one_side():
    flat = Scan(modality="MR", noise=0, blur_mm=0, spacing_mm=(2, 2, 2))
    plain = build_test_object("tube", flat, length_mm=12).volume.voxels.astype(float)
    biased = build_test_object("tube", Scan(**{**vars(flat), "bias": 0.3}), length_mm=12).volume.voxels
    ratio = biased[plain > 250] / plain[plain > 250]
    assert 0.69 < ratio.min() < 0.85
    assert 1.15 < ratio.max() < 1.31


def test_a_seed_gives_the_same_voxels_and_another_seed_others():
    first, again, other = (build_test_object("balls", Scan(spacing_mm=(2, 2, 2), seed=s)).volume for s in (3, 3, 4))
    assert first.voxels.tobytes() == again.voxels.tobytes()
    assert not np.allclose(first.geometry.affine, other.geometry.affine)


def test_fracture_is_the_rigid_motion_that_it_says():
    phantom = build_test_object("fracture", Scan(spacing_mm=(3, 2, 2), noise=0), gap_mm=4, step_mm=3, angulation_deg=9)
    matrix = np.array(phantom.truth["transforms"]["displacement of the distal fragment"])
    angle = np.degrees(np.arccos((np.trace(matrix[:3, :3]) - 1) / 2))
    assert angle == pytest.approx(9, abs=1e-4)
    assert phantom.value("rotation") == pytest.approx(9, abs=1e-4)
    normal = np.array(phantom.truth["fracture"]["plane_normal_lps"])
    pivot = np.array(phantom.truth["fracture"]["plane_point_lps"])
    shift = matrix[:3, :3] @ pivot + matrix[:3, 3] - pivot
    assert shift @ normal == pytest.approx(4, abs=1e-4)
    assert np.linalg.norm(shift - 4 * normal) == pytest.approx(3, abs=1e-4)
    assert phantom.value("largest gap") > phantom.value("gap") + 0.3


def test_gap_of_parallel_faces_is_the_shift_along_the_normal(coarse):
    assert coarse["fracture"].value("gap") == pytest.approx(3, abs=1e-9)
    assert coarse["fracture"].value("largest gap") == pytest.approx(3, abs=1e-9)


@pytest.mark.parametrize("angle", [70.0, 200.0, 360.0])
def test_a_sleeve_has_its_volume_and_angle(angle):
    sleeve = Sleeve(3.0, 8.0, 6.0, angle)
    assert volume_mm3(sleeve, 0.25) == pytest.approx(sleeve.volume_mm3, rel=3e-3)
    turn = np.radians(np.linspace(-179.9, 179.9, 721))
    ring = np.stack([4 * np.cos(turn), 4 * np.sin(turn), 0 * turn], axis=1)
    assert inside(sleeve, ring).mean() * 360 == pytest.approx(angle, abs=1)


def test_a_box_has_its_exact_distance():
    box = RoundedBox(np.array([1.0, 0, 0]), np.array([4.0, 3.0, 2.0]))
    xyz = np.random.default_rng(0).uniform(-8, 8, (500, 3))
    d = box.distance(Points.of(xyz))
    nearest = np.clip(xyz, box.low, box.high)
    outside = np.linalg.norm(xyz - nearest, axis=1)
    np.testing.assert_allclose(np.maximum(d, 0), outside, atol=1e-12)


def test_turns_are_right_handed():
    np.testing.assert_allclose(turn_about(np.array([0, 0, 1.0]), 90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "scan", "parameters", "error"),
    [
        ("hand", {}, {}, UnknownNameError),
        ("tube", {}, {"width_mm": 3}, UnknownNameError),
        ("tube", {}, {"diameter_mm": 0}, ParameterError),
        ("stenosis", {}, {"stenosis_percent": 100}, ParameterError),
        ("tube", {"spacing_mm": (0, 1, 1)}, {}, ParameterError),
        ("tube", {"tilt_deg": 60}, {}, ParameterError),
        ("tube", {"materials": {"gold": 1}}, {}, UnknownNameError),
        ("tube", {"orientation": "sideways"}, {}, UnknownNameError),
        ("tube", {"spacing_mm": (0.05, 0.05, 0.05)}, {"length_mm": 300}, ParameterError),
    ],
)
def test_what_cannot_be_made_is_refused(kind, scan, parameters, error):
    with pytest.raises(error):
        build_test_object(kind, Scan(**scan), **parameters)


def test_materials_can_be_chosen():
    chosen = Scan(spacing_mm=(1.5, 1.5, 1.5), noise=0, blur_mm=0, materials={"vessel": 200})
    assert build_test_object("tube", chosen, diameter_mm=9).volume.voxels.max() == 200
    assert MATERIALS["CT"]["vessel"] != 200
