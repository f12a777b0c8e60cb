"""Fragments against a broken bone of which gap, step and rotation are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from prosector.datasets.scanner import Scan
from prosector.datasets.test_objects import build_test_object
from prosector.errors import InputError, ParameterError, RecipeError
from prosector.measurement.fragments import Place, measure_fragments, rotation_vector
from prosector.measurement.fragments_icp import register, rigid
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.pipeline.run import run_operation

OF = "distal fragment from main fragment"
TO = "distal fragment to main fragment"


@pytest.fixture(scope="module")
def parallel():
    """Parallel faces, voxels twice as long as wide, noise."""
    scan = Scan(spacing_mm=(1.6, 0.8, 0.8), noise=25, seed=21)
    return build_test_object("fracture", scan, gap_mm=4, step_mm=2.5)


@pytest.fixture(scope="module")
def turned():
    """Turned and hinged open, on a sheared grid of the other handedness."""
    scan = Scan(spacing_mm=(1.2, 0.9, 0.9), orientation="axial-downwards", tilt_deg=14, noise=20, seed=22)
    return build_test_object("fracture", scan, gap_mm=3.5, step_mm=1, rotation_deg=8, angulation_deg=-7)


def test_gap_and_step_within_a_third_of_a_voxel(parallel):
    found = measure_fragments(parallel.labels, parallel.volume)
    normal = np.array(parallel.truth["fracture"]["plane_normal_lps"])
    along_normal = 1 / np.linalg.norm(parallel.volume.geometry.inverse[:3, :3] @ normal)
    assert found.find("fracture gap", OF).value == pytest.approx(4, abs=0.3 * along_normal)
    assert found.find("largest fracture gap", OF).value == pytest.approx(4, abs=0.5 * along_normal)
    step = found.find("step-off", OF)
    assert step.value == pytest.approx(2.5, abs=0.3 * 0.8)
    way = np.subtract(*step.where_lps[::-1])
    assert way @ parallel.truth["fracture"]["step_direction_lps"] == pytest.approx(2.5, abs=0.3)


def test_volumes_within_two_percent(parallel):
    found = measure_fragments(parallel.labels, parallel.volume, fragments=["main fragment", "distal fragment"])
    for name in ("main fragment", "distal fragment"):
        assert found.find("fragment volume", name).value == pytest.approx(parallel.value("volume", name), rel=0.02)


def test_displacement_against_the_mirrored_side(turned):
    found = measure_fragments(turned.labels, turned.volume, place=Place("intact side"))
    (transform,) = found.transforms
    truth = np.array(turned.truth["transforms"]["reduction of the distal fragment"])
    rest = transform.matrix @ np.linalg.inv(truth)
    assert np.linalg.norm(rotation_vector(rest[:3, :3])) < 0.3
    place = np.append(found.find("translation to reduce", TO).where_lps[0], 1)
    assert np.linalg.norm((transform.matrix - truth) @ place) < 0.1
    assert found.find("rotation to reduce", TO).value == pytest.approx(turned.value("rotation"), abs=0.3)
    parts = [found.find(f"rotation to reduce about the {n} axis", TO).value for n in ("left", "posterior", "superior")]
    np.testing.assert_allclose(parts, Rotation.from_matrix(truth[:3, :3]).as_rotvec(degrees=True), atol=0.3)
    assert found.find("residual of the registration", TO).value < 0.2


def test_hinged_gap(turned):
    found = measure_fragments(turned.labels, turned.volume)
    assert found.find("fracture gap", OF).value == pytest.approx(turned.value("gap"), abs=0.3)
    assert found.find("largest fracture gap", OF).value == pytest.approx(turned.value("largest gap"), abs=0.7)


def test_a_wrong_plane_of_symmetry_does_no_harm(turned):
    """It is only where the search begins."""
    plane = (np.array([4.0, 0, 0]), np.array([1.0, 0.1, -0.08]))
    right = measure_fragments(turned.labels, turned.volume, place=Place("intact side"))
    wrong = measure_fragments(turned.labels, turned.volume, place=Place("intact side", plane=plane))
    np.testing.assert_allclose(wrong.transforms[0].matrix, right.transforms[0].matrix, atol=0.05)


def test_labels_alone_will_do_with_a_warning(parallel):
    found = measure_fragments(parallel.labels)
    assert any("no volume" in w for w in found.warnings)
    assert found.find("fracture gap", OF).value == pytest.approx(4, abs=0.8)
    assert found.find("step-off", OF).value == pytest.approx(2.5, abs=0.8)


def test_the_operation_gives_the_same_twice(parallel):
    inputs = {"labels": parallel.labels, "volume": parallel.volume}
    first, again = (run_operation("measure-fragments", inputs, mirror="intact side") for _ in range(2))
    assert [i.value for i in first.items] == [i.value for i in again.items]
    assert first.transforms[0].matrix.tobytes() == again.transforms[0].matrix.tobytes()


def boxes(gap_voxels):
    """Two blocks in a row, of 10×12×14 and 6×12×14 voxels of 2×1×1 mm."""
    labels = np.zeros((30 + gap_voxels, 24, 24), dtype=np.uint8)
    labels[4:14, 5:17, 5:19] = 1
    labels[14 + gap_voxels : 20 + gap_voxels, 5:17, 5:19] = 2
    affine = np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]])
    names = tuple(Segment(n, name, structure("bone")) for n, name in ((1, "one"), (2, "two")))
    return LabelMap(labels, Geometry(labels.shape, affine), names)


def test_blocks_have_their_extents_and_gap():
    found = measure_fragments(boxes(3))
    assert found.find("fragment extent along its first principal axis", "one").value == pytest.approx(20, abs=1)
    assert found.find("fragment volume", "two").value == pytest.approx(6 * 12 * 14 * 2, rel=0.02)
    assert found.find("fracture gap", "two from one").value == pytest.approx(6, abs=0.5)
    assert found.find("step-off", "two from one").value < 0.3


def test_far_pieces_have_no_fracture_line():
    found = measure_fragments(boxes(8))
    assert not any(item.definition.name == "fracture gap" for item in found.items)
    assert any("no opposed faces" in w for w in found.warnings)


@pytest.mark.parametrize("seed", range(3))
def test_registration_finds_a_random_motion(seed):
    """An ellipsoid with a horn, moved by up to 25° and 8 mm, a tenth of it missing."""
    rng = np.random.default_rng(seed)
    ray = rng.normal(size=(6000, 3))
    ray /= np.linalg.norm(ray, axis=1)[:, None]
    horn = 1 + 0.5 * np.exp(-8 * ((ray - [0.6, 0.64, 0.48]) ** 2).sum(axis=1))
    target = ray * [20, 14, 9] * horn[:, None]
    normals = _normals_of(target)
    turn = rng.normal(size=3)
    motion = rigid(np.radians(rng.uniform(5, 25)) * turn / np.linalg.norm(turn), rng.uniform(-5, 5, 3), np.zeros(3))
    kept = target[:, 2] < 7
    points, own = target[kept] @ motion[:3, :3].T + motion[:3, 3], normals[kept] @ motion[:3, :3].T
    found = register(points + rng.normal(size=points.shape) * 0.1, own, target, normals, 0.9)
    rest = found.matrix @ motion
    assert np.linalg.norm(rotation_vector(rest[:3, :3])) < 0.3
    assert np.linalg.norm(rest[:3, 3]) < 0.1


def _normals_of(points):
    from scipy.spatial import cKDTree

    cloud = points[cKDTree(points).query(points, 10)[1]]
    cloud = cloud - cloud.mean(axis=1, keepdims=True)
    axis = np.linalg.eigh(np.einsum("nki,nkj->nij", cloud, cloud))[1][:, :, 0]
    return axis * np.sign((axis * points).sum(axis=1))[:, None]


@pytest.mark.parametrize("degrees", [0, 1e-6, 30, 179, 180])
def test_rotation_vector_against_scipy(degrees):
    axis = np.array([0.48, 0.6, 0.64])
    rotation = Rotation.from_rotvec(degrees * axis, degrees=True).as_matrix()
    found = rotation_vector(rotation)
    if degrees == 180:
        found = found * np.sign(found[0])
    np.testing.assert_allclose(found, degrees * axis, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"fragments": ["three"]}, InputError),
        ({"reference": "three"}, ParameterError),
        ({"reach_mm": 0}, ParameterError),
        ({"place": Place("one")}, None),
        ({"fragments": ["one", "one"]}, ParameterError),
        ({"fragments": ["one"], "place": Place("one")}, ParameterError),
    ],
)
def test_what_cannot_be_measured_is_told(settings, error):
    if error is None:
        assert {i.of for i in measure_fragments(boxes(3), **settings).items if "volume" in i.definition.name} == {"two"}
        return
    with pytest.raises(error):
        measure_fragments(boxes(3), **settings)


def test_the_operation_refuses_two_places():
    with pytest.raises((ParameterError, RecipeError)):
        run_operation("measure-fragments", {"labels": boxes(3)}, mirror="one", intact="two")
    with pytest.raises((ParameterError, RecipeError)):
        run_operation("measure-fragments", {"labels": boxes(3)}, mirror_plane_lps=[0, 0, 0, 1, 0, 0])
