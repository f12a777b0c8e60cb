"""Bone is what the phantom says it is; on a real angiogram it agrees with the reference labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numba
import numpy as np
import pytest
from analytic import Part, ball, box, dice, ellipse, grid, points, scan, truth
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import gaussian_filter

from prosector.datasets.phantom import BONE, FRAGMENT, build_grid, build_layers
from prosector.datasets.phantom_scan import Scanner, degrade, sample
from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.model.geometry import Array, Geometry
from prosector.model.source import Source
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.segmentation.bone import segment_bone
from prosector.segmentation.bone_edge import edge_of_peak

AXIAL = np.array([[0.0, 0, 1.0], [0, 1.0, 0], [1.5, 0, 0]])
TRUNK = ellipse(0, 0, 78, 56)
SHAFT = ellipse(-45, 5, 14, 14)
MARROW = ellipse(-45, 5, 8, 8)
VERTEBRA, SPONGY = ball(0, 20, 0, 22, 17, 24), ball(0, 20, 0, 20, 15, 22)
RIB, RIB_MARROW = ball(45, 5, 0, 9, 18, 9), ball(45, 5, 0, 7.4, 16.4, 7.4)
AORTA = ellipse(8, -12, 11, 11)
SPECK = ball(-10, -35, 10, 2, 2, 2)
BONES = (SHAFT, VERTEBRA, RIB)


def body() -> list[Part]:
    return [
        Part(box((-80, 80), (57, 60)), 900),
        Part(TRUNK, 45),
        Part(SHAFT, 1100),
        Part(MARROW, -70),
        Part(VERTEBRA, 650),
        Part(SPONGY, 140),
        Part(RIB, 800),
        Part(RIB_MARROW, 60),
        Part(SPECK, 900),
    ]


def axial() -> Geometry:
    return grid(AXIAL, (44, 126, 164))


def test_cortex_with_its_marrow_is_found() -> None:
    geometry = axial()
    found = segment_bone(scan(geometry, body())).labels
    assert dice(found, truth(geometry, *BONES)) >= 0.95
    assert found[truth(geometry, MARROW, SPONGY, RIB_MARROW)].mean() > 0.99
    _, y, _ = points(geometry)
    assert not found[y > 54].any(), "the table is no bone"


def test_specks_go_unless_they_are_asked_for() -> None:
    geometry = axial()
    volume = scan(geometry, body())
    speck = truth(geometry, SPECK)
    assert not segment_bone(volume).labels[speck].any()
    assert segment_bone(volume, minimum_volume_mm3=5.0).labels[speck].mean() > 0.9


@pytest.mark.parametrize("blood", [250.0, 380.0, 480.0])
def test_contrast_filled_vessels_are_no_bone(blood: float) -> None:
    geometry = axial()
    found = segment_bone(scan(geometry, [*body(), Part(AORTA, blood)], noise=20)).labels
    assert found[truth(geometry, AORTA)].mean() < 0.02
    assert dice(found, truth(geometry, *BONES)) >= 0.95


def test_a_vessel_on_the_bone_takes_none_of_it_away() -> None:
    geometry = axial()
    touching = ellipse(12, -6, 11, 11)
    parts = [Part(touching, 400.0), *body()[2:]]
    found = segment_bone(scan(geometry, [*body()[:2], *parts], noise=20)).labels
    only_vessel = truth(geometry, touching) & ~truth(geometry, VERTEBRA)
    assert found[only_vessel].mean() < 0.05
    assert found[truth(geometry, VERTEBRA)].mean() > 0.97


def test_a_canal_that_goes_on_is_no_marrow() -> None:
    geometry = axial()
    arch, canal = ball(0, 20, 0, 22, 22, 12), ellipse(0, 20, 9, 9)
    found = segment_bone(scan(geometry, [*body()[:2], Part(arch, 700), Part(canal, 30)])).labels
    assert found[truth(geometry, canal)].mean() < 0.05


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param(AXIAL * [-1, 1, 1], id="mirrored"),
        pytest.param(np.array([[1.5, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]), id="sagittal"),
        pytest.param(AXIAL + np.array([[0, 0, 0], [0.5, 0, 0], [0, 0, 0]]), id="gantry tilt"),
    ],
)
def test_any_grid_gives_the_same_bone(matrix: Array) -> None:
    extent = np.abs(np.linalg.inv(matrix)) @ np.array([164.0, 126.0, 66.0])
    geometry = grid(matrix, tuple(int(n) for n in np.rint(extent)))  # type: ignore[arg-type]
    assert dice(segment_bone(scan(geometry, body())).labels, truth(geometry, *BONES)) >= 0.95


def test_bone_needs_hounsfield_units() -> None:
    with pytest.raises(InputError, match="Hounsfield"):
        segment_bone(scan(axial(), body(), modality="MR"))


def test_no_bone_is_said_with_what_to_try() -> None:
    with pytest.raises(EmptyResultError, match="lower the thresholds"):
        segment_bone(scan(axial(), [Part(TRUNK, 45)]))


def test_vessels_that_someone_cut_out_of_their_series_are_no_bone() -> None:
    geometry = axial()
    vessels = np.where(truth(geometry, ball(0, 0, 0, 12, 5, 5), ellipse(30, 0, 3, 3)), 520.0, 0.0)
    vessels += np.where(vessels > 0, np.random.default_rng(3).normal(0, 30, vessels.shape), 0.0)
    with pytest.raises(EmptyResultError):
        segment_bone(replace(scan(geometry, []), voxels=np.rint(vessels).astype(np.int16)))


@pytest.mark.parametrize("wrong", [{"low_hu": 500.0}, {"high_hu": float("nan")}, {"minimum_volume_mm3": -1.0}])
def test_impossible_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError):
        segment_bone(scan(axial(), body()), **wrong)  # type: ignore[arg-type]


def test_bone_of_a_noisy_scan_ends_where_the_phantom_says() -> None:
    whole = build_grid((1.1, 1.1, 1.1))
    first, shape = np.array([35, 70, 205]), (75, 85, 100)
    affine = whole.affine.copy()
    affine[:3, 3] = whole.to_lps(first)
    geometry = Geometry(shape, affine)
    exact, labels = sample(build_layers(), geometry, 1)
    scanned = degrade(exact, labels, geometry, Scanner(noise_hu=25.0, blur_mm=1.5, seed=4))
    bones = np.isin(labels, (BONE, FRAGMENT))
    assert 0.1 < bones.mean() < 0.6
    assert dice(segment_bone(Volume(scanned, geometry, HOUNSFIELD, Source(modality="CT"))).labels, bones) >= 0.97


@pytest.mark.parametrize(("cortex", "inside"), [(0.8, 0.0), (1.5, 0.15), (3.0, 0.15), (9.0, 0.0), (0.0, 0.25)])
def test_the_edge_of_blurred_cortex_follows_from_its_peak(cortex: float, inside: float) -> None:
    x = np.linspace(-20, 40, 60001)
    exact = np.where(x < 0, 0.0, np.where(x < cortex, 1.0, inside))
    profile = gaussian_filter(exact, 1.0 / (x[1] - x[0]))
    steps = np.linspace(0, 1, len(table := edge_of_peak()))
    level = RegularGridInterpolator((steps, steps), table)([profile.max(), inside])[0]
    edge = x[np.argmax(profile >= level)]
    assert abs(edge) < 0.15, "within 0.15 of the blur's standard deviation of where it is"


@pytest.mark.real_data
def test_an_angiogram_agrees_with_its_reference_labels(chest: Volume, real_data: Path) -> None:
    reference = reference_labels(real_data / "chest_cta" / "labels.nii.gz", chest.geometry)
    found = segment_bone(chest).labels.astype(bool)
    bones = np.isin(reference, [*range(25, 51), *range(69, 79), 91, *range(92, 117)])
    dense = chest.voxels > 150
    # the labels are a model's: they leave out the heads of the ribs and stay inside the cortex
    assert dice(found & dense, bones & dense) > 0.85
    assert found[bones & dense].mean() > 0.9
    for number in (51, 52, 53, 57, 58, 62, 63, 64):
        assert found[reference == number].mean() < 0.03, f"label {number} of heart and great vessels taken for bone"

    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert np.array_equal(segment_bone(chest).labels, found)
    finally:
        numba.set_num_threads(threads)


def reference_labels(path: Path, geometry: Geometry) -> Array:
    """Labels of a NIfTI file on the volume's grid, whichever way its axes run."""
    image = nibabel.load(path)
    to_file = np.linalg.inv(image.affine) @ np.diag([-1, -1, 1, 1]) @ geometry.affine
    order = np.argmax(np.abs(to_file[:3, :3]), axis=0)
    flips = [to_file[order[axis], axis] < 0 for axis in range(3)]
    labels = np.asarray(image.dataobj).astype(np.uint8).transpose(order)
    return labels[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
