"""Geometry, camera and region: where things lie, in every kind of grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from prosector import Camera, Geometry, fit_camera
from prosector.errors import GeometryError, InputError, ParameterError, UnknownNameError
from prosector.model.camera import VIEWS, direction_letters, orientation_letters, view_angles
from prosector.model.labels import LabelMap, Segment
from prosector.model.region import ClipPlane, Region
from prosector.model.structures import structure

numbers = st.floats(-3, 3, allow_nan=False).map(lambda v: round(v, 3))


@st.composite
def geometries(draw):
    """Any invertible affine: turned, sheared, mirrored, anisotropic."""
    matrix = draw(arrays(np.float64, (3, 3), elements=numbers)) + np.diag([4.0, -4.0, 4.0])
    if abs(np.linalg.det(matrix)) < 0.5:
        matrix = np.diag([1.0, 2.0, 3.0])
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = draw(arrays(np.float64, 3, elements=st.floats(-500, 500)))
    shape = tuple(draw(st.integers(1, 9)) for _ in range(3))
    return Geometry(shape, affine)


@given(geometries(), arrays(np.float64, (5, 3), elements=st.floats(-50, 50)))
def test_index_and_patient_space_are_inverse(geometry, index):
    np.testing.assert_allclose(geometry.to_index(geometry.to_lps(index)), index, atol=1e-6)
    assert geometry.voxel_volume_mm3 == pytest.approx(abs(np.linalg.det(geometry.affine[:3, :3])))
    k_step = geometry.affine[:3, 0]
    assert geometry.slice_distance_mm == pytest.approx(abs(k_step @ geometry.normal_lps))
    assert geometry.slice_distance_mm <= geometry.spacing_mm[0] + 1e-9


@given(geometries())
def test_a_grid_matches_itself_and_not_one_moved(geometry):
    moved = geometry.affine.copy()
    moved[:3, 3] += 0.01
    assert geometry.matches(Geometry(geometry.shape, geometry.affine))
    other = Geometry(geometry.shape, moved)
    assert not geometry.matches(other)
    with pytest.raises(GeometryError, match="another grid"):
        geometry.require_same(other, "the label map")


def test_tilt_is_told_and_handedness():
    sheared = np.array([[0, 0, 1.0, 0], [0.5, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]])
    geometry = Geometry((3, 4, 5), sheared)
    assert geometry.tilt_degrees == pytest.approx(np.degrees(np.arctan(0.25)))
    assert not geometry.is_orthogonal
    assert geometry.slice_distance_mm == pytest.approx(2)
    assert geometry.is_right_handed
    assert not Geometry((3, 4, 5), sheared @ np.diag([-1, 1, 1, 1])).is_right_handed


@pytest.mark.parametrize(
    ("shape", "affine"),
    [((0, 1, 1), np.eye(4)), ((1, 1), np.eye(4)), ((1, 1, 1), np.zeros((4, 4))), ((1, 1, 1), np.full((4, 4), np.nan))],
)
def test_impossible_grids_are_refused(shape, affine):
    with pytest.raises(GeometryError):
        Geometry(shape, affine)


@given(geometries(), st.sampled_from(sorted(VIEWS)), st.floats(-180, 180))
def test_a_fitted_camera_shows_every_corner(geometry, view, roll):
    size = (300, 200)
    camera = fit_camera(geometry, size, *view_angles(view), roll)
    axes = np.stack([camera.forward_lps, camera.up_lps, camera.right_lps])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    offset = geometry.corners_lps - camera.center_lps
    assert np.abs(offset @ camera.up_lps).max() <= camera.height_mm / 2
    assert np.abs(offset @ camera.right_lps).max() <= camera.height_mm / 2 * size[0] / size[1]


@pytest.mark.parametrize(
    ("view", "letters"),
    [
        ("anterior", "RLHF"),
        ("posterior", "LRHF"),
        ("left", "APHF"),
        ("right", "PAHF"),
        ("superior", "LRAP"),
        ("inferior", "RLAP"),
    ],
)
def test_letters_of_the_named_views(view, letters):
    found = orientation_letters(fit_camera(Geometry((5, 5, 5), np.eye(4)), (64, 64), *view_angles(view)))
    assert "".join(found[side] for side in ("left", "right", "top", "bottom")) == letters


def test_oblique_letters_name_the_stronger_first():
    assert direction_letters(np.array([0.8, 0.6, 0.0])) == "LP"
    assert direction_letters(np.array([-0.5, 0.0, 0.86])) == "HR"
    assert direction_letters(np.array([0.99, 0.1, 0.1])) == "L"


def test_roll_turns_the_picture_clockwise():
    camera = fit_camera(Geometry((5, 5, 5), np.eye(4)), (64, 64), roll_deg=90)
    assert orientation_letters(camera)["right"] == "H"


def test_a_perspective_camera_has_an_eye():
    camera = Camera(np.zeros(3), np.array([0, 1.0, 0]), np.array([0, 0, 1.0]), 200.0, 90.0)
    np.testing.assert_allclose(camera.eye_lps, (0, -100, 0), atol=1e-9)
    assert not camera.is_parallel
    assert fit_camera(Geometry((5, 5, 5), np.eye(4)), (64, 64)).eye_lps is None


@pytest.mark.parametrize("bad", [{"elevation_deg": 91}, {"zoom": 0}, {"azimuth_deg": np.nan}, {"view_angle_deg": 130}])
def test_impossible_cameras_are_refused(bad):
    with pytest.raises(ParameterError):
        fit_camera(Geometry((5, 5, 5), np.eye(4)), (64, 64), **bad)
    with pytest.raises(UnknownNameError, match="anterior"):
        view_angles("front")


# --- region ---------------------------------------------------------------------------------------------------


def kept(region, geometry, index):
    rows = region.half_spaces(geometry)
    return (index @ rows[:, :3].T + rows[:, 3] >= 0).all(axis=1)


@given(geometries(), arrays(np.float64, (40, 3), elements=st.floats(-5, 14)))
def test_half_spaces_are_those_of_patient_space(geometry, index):
    low = tuple(geometry.center_lps - 7.3)
    high = tuple(geometry.center_lps + 5.9)
    plane = ClipPlane(tuple(geometry.center_lps), (0.3, -2.0, 0.9))
    points = geometry.to_lps(index)
    margin = np.abs((points - geometry.center_lps) @ (0.3, -2.0, 0.9))
    clear = (margin > 1e-6) & (np.abs(points - low) > 1e-6).all(axis=1) & (np.abs(points - high) > 1e-6).all(axis=1)
    expected = ((points > low) & (points < high)).all(axis=1)
    expected &= (points - geometry.center_lps) @ (0.3, -2.0, 0.9) > 0
    found = kept(Region(low, high, (plane,)), geometry, index)
    np.testing.assert_array_equal(found[clear], expected[clear])


def test_a_slab_is_as_thick_as_asked():
    geometry = Geometry((50, 50, 50), np.eye(4))
    index = np.array([[k, 25, 25] for k in range(50)], dtype=float)
    found = kept(Region.slab((20, 25, 25), (3, 0, 0), 10.0), geometry, index)
    np.testing.assert_array_equal(np.flatnonzero(found), np.arange(15, 26))


def test_structures_are_included_and_excluded():
    geometry = Geometry((1, 2, 3), np.eye(4))
    segments = (Segment(1, "bone", structure("bone")), Segment(2, "vessel", structure("vessel")))
    labels = LabelMap(np.array([[[0, 1, 2], [2, 1, 0]]], dtype=np.uint8), geometry, segments)
    assert Region(labels=labels).mask(geometry).ravel().tolist() == [0, 1, 1, 1, 1, 0]
    assert Region(labels=labels, include=("vessel",)).mask(geometry).ravel().tolist() == [0, 0, 1, 1, 0, 0]
    assert Region(labels=labels, exclude=("vessel",)).mask(geometry).ravel().tolist() == [1, 1, 0, 0, 1, 1]
    assert Region().mask(geometry) is None
    with pytest.raises(InputError, match="no segment 'liver'"):
        Region(labels=labels, include=("liver",)).mask(geometry)
    with pytest.raises(GeometryError):
        Region(labels=labels).mask(Geometry((1, 2, 3), 2 * np.eye(4) - np.diag([0, 0, 0, 1])))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Region(crop_low_lps=(0, 0, 0)),
        lambda: Region(crop_low_lps=(0, 0, 0), crop_high_lps=(1, 0, 1)),
        lambda: Region(include=("bone",)),
        lambda: Region.slab((0, 0, 0), (0, 0, 1), 0),
        lambda: ClipPlane((0, 0, 0), (0, 0, 0)),
        lambda: ClipPlane((0, 0, np.nan), (0, 0, 1)),
    ],
)
def test_impossible_regions_are_refused(make):
    with pytest.raises(ParameterError):
        make()
