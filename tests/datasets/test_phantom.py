"""The phantom is what its truth says, at any voxel size."""

from __future__ import annotations

import json

import numpy as np
import pytest

from prosector.datasets.phantom import (
    BONE,
    FRAGMENT,
    LESION,
    SEGMENTS,
    VESSEL,
    build_grid,
    build_layers,
    build_pelvis,
)
from prosector.datasets.phantom_bones import build_skeleton
from prosector.datasets.phantom_scan import Scanner, degrade, sample
from prosector.datasets.phantom_truth import HIGH_LPS, LOW_LPS, build_truth, lesion_vessel_distance
from prosector.datasets.phantom_vessels import arteries
from prosector.datasets.shapes import Points, inside
from prosector.errors import ParameterError
from prosector.model.geometry import Geometry

TRUTH = build_truth()

SPACING = (4.5, 4.0, 5.0)
"""Fits the field of view in whole voxels."""


@pytest.fixture(scope="module")
def coarse():
    return build_pelvis(spacing_mm=SPACING, noise_hu=10.0, subsamples=1)


@pytest.fixture(scope="module")
def exact():
    """Hounsfield units without partial volume, blur and noise."""
    return sample(build_layers(), build_grid(SPACING), 1)


def local_grid(center, half, step):
    """A cubic grid around a point."""
    n = int(np.ceil(half / step))
    affine = np.eye(4)
    affine[:3, :3] = np.diag([step] * 3)[::-1]
    affine[:3, 3] = np.array(center) - n * step
    return Geometry((2 * n + 1,) * 3, affine)


def test_labels_fill_the_stated_volumes(coarse):
    _, labels, _ = coarse
    found = labels.volumes_mm3()
    for name in ("body", "bone", "table"):
        assert found[name] == pytest.approx(TRUTH["volumes_mm3"][name], rel=0.02), name
    assert found["vessel"] == pytest.approx(TRUTH["volumes_mm3"]["vessel"], rel=0.05)


def test_small_structures_fill_their_volumes_on_a_fine_grid():
    for name, center, half, step in (
        ("lesion", TRUTH["lesion"]["center_lps"], 18, 1.0),
        ("bone fragment", (128, -20, 95), 55, 1.5),
    ):
        grid = local_grid(center, half, step)
        _, labels = sample([layer for layer in build_layers() if layer.label], grid, 1)
        number = next(n for n, (called, _) in SEGMENTS.items() if called == name)
        volume = (labels == number).sum() * grid.voxel_volume_mm3
        assert volume == pytest.approx(TRUTH["volumes_mm3"][name], rel=0.02), name


@pytest.mark.parametrize(
    "station", [*TRUTH["vessels"]["stations"], TRUTH["aneurysm"]], ids=lambda s: s.get("name", "aneurysm")
)
def test_a_vessel_has_its_diameter_all_round_and_no_bone_cuts_it(station):
    center, along = np.array(station["center_lps"]), np.array(station["direction_lps"])
    side = np.cross(along, (1.0, 0.1, 0.2))
    side /= np.linalg.norm(side)
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)[:, None]
    radial = np.cos(angle) * side + np.sin(angle) * np.cross(along, side)
    reach = np.arange(0, station["diameter_mm"], 0.02)
    rays = center + reach[:, None, None] * radial
    filled = inside(arteries().lumen, rays.reshape(-1, 3)).reshape(len(reach), -1)
    radii = reach[np.argmin(filled, axis=0)]
    assert filled[0].all()
    np.testing.assert_allclose(radii, station["diameter_mm"] / 2, atol=0.06)


def test_nothing_but_the_aneurysm_is_as_wide():
    tree = arteries()
    widest = 2 * tree.right_common_iliac.radii.max()
    assert widest == pytest.approx(TRUTH["aneurysm"]["max_diameter_mm"], abs=0.01)
    assert 2 * tree.aorta.radii.max() < 0.7 * widest


def test_the_fracture_faces_are_parallel_and_the_gap_apart():
    truth = TRUTH["fracture"]
    grid = local_grid(truth["plane_point_lps"], 40, 1.0)
    _, fine = sample([layer for layer in build_layers() if layer.label], grid, 1)
    xyz = grid.to_lps(np.indices(grid.shape).reshape(3, -1).T)
    height = (xyz - truth["plane_point_lps"]) @ truth["plane_normal_lps"]
    wing = height[(fine == BONE).ravel() & (height > -10) & (xyz[:, 2] > 60)]
    piece = height[(fine == FRAGMENT).ravel()]
    assert -0.2 < wing.max() <= 0
    assert truth["gap_mm"] <= piece.min() < truth["gap_mm"] + 0.2


def test_the_fragment_is_the_mirrored_other_side_moved_by_the_stated_transform():
    truth = TRUTH["fracture"]
    grid = local_grid((128, -20, 95), 50, 2.0)
    _, labels = sample([layer for layer in build_layers() if layer.label], grid, 1)
    piece = grid.to_lps(np.argwhere(labels == FRAGMENT))
    back = np.linalg.inv(truth["fragment_transform_lps"])
    home = piece @ back[:3, :3].T + back[:3, 3]
    assert len(piece) > 500
    assert inside(build_skeleton().right_hip, home * (-1, 1, 1)).mean() > 0.995
    assert ((home - truth["plane_point_lps"]) @ truth["plane_normal_lps"]).min() >= -1e-4
    moved = np.array(truth["fragment_transform_lps"])
    assert np.degrees(np.arccos((np.trace(moved[:3, :3]) - 1) / 2)) == pytest.approx(truth["rotation_deg"], abs=1e-3)


def test_the_lesion_is_as_far_from_the_artery_as_said():
    gap, where = lesion_vessel_distance(arteries(), 160_000)
    assert gap == pytest.approx(TRUTH["lesion"]["min_distance_to_vessel_mm"], abs=0.01)
    assert 3 < gap < 15
    everything = arteries().lumen.distance(Points.of(where[None]))[0]
    assert everything == pytest.approx(gap, abs=0.01), "no other branch is nearer"


def test_tissues_have_their_hounsfield_units(coarse, exact):
    volume, labels, _ = coarse
    hu, names = exact
    np.testing.assert_array_equal(names, labels.labels)
    assert np.median(hu[names == VESSEL]) == 350
    assert np.median(hu[names == LESION]) == 84
    assert hu[names == BONE].max() == 1200
    assert hu[names == 0].max() == -1000
    assert volume.unit == "[hnsf'U]"


def test_noise_has_the_stated_strength_in_the_middle(coarse, exact):
    volume, labels, _ = coarse
    quiet = degrade(*exact, volume.geometry, Scanner(noise_hu=0.0))
    noise = volume.voxels.astype(float) - quiet
    k, j, i = (int(n) for n in np.rint(volume.geometry.to_index((0, 10, 40))))
    middle = noise[k - 8 : k + 8, j - 8 : j + 8, i - 12 : i + 12]
    assert middle.std() == pytest.approx(10, rel=0.15)
    assert noise[labels.labels == 0].std() < middle.std()


def test_the_fracture_is_on_the_left_and_the_aneurysm_on_the_right(coarse):
    _, labels, facts = coarse
    where = labels.geometry.to_lps(np.argwhere(labels.labels == FRAGMENT))
    assert where[:, 0].min() > 60
    assert facts["aneurysm"]["center_lps"][0] < -10
    assert facts["lesion"]["center_lps"][0] < 0


def test_the_same_arguments_give_the_same_voxels_and_another_seed_does_not():
    first, again, other = (
        build_pelvis(spacing_mm=(40.0, 16.0, 16.0), subsamples=1, seed=s)[0].voxels for s in (3, 3, 4)
    )
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_the_grid_covers_the_field_of_view():
    grid = build_grid((2.25, 2.0, 2.0))
    assert grid.shape == (108, 124, 180)
    low, high = grid.corners_lps.min(axis=0), grid.corners_lps.max(axis=0)
    np.testing.assert_allclose(low - np.array([1, 1, 1.125]), LOW_LPS)
    np.testing.assert_allclose(high + np.array([1, 1, 1.125]), HIGH_LPS)


def test_truth_is_json():
    assert json.loads(json.dumps(TRUTH, allow_nan=False)) == TRUTH


@pytest.mark.parametrize("wrong", [{"spacing_mm": (0.0, 1, 1)}, {"noise_hu": -1.0}, {"subsamples": 0}])
def test_impossible_scans_are_refused(wrong):
    with pytest.raises(ParameterError):
        build_pelvis(**wrong)
