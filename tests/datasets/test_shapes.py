"""Signed distances against closed forms and a plain reference."""

from __future__ import annotations

import numpy as np
import pytest

from prosector.datasets.shapes import (
    FAR,
    Clipped,
    Difference,
    Drum,
    Ellipsoid,
    Grown,
    Placed,
    Points,
    Union,
    distance,
    inside,
    mirrored,
)
from prosector.datasets.shapes_swept import Loft, Sheet, sheet, through, tube


def cloud(low, high, count=4000, seed=0):
    return np.random.default_rng(seed).uniform(low, high, (count, 3))


def fraction_volume(shape, half, count=400_000):
    """Monte-Carlo volume in the cube of half side ``half``; the standard error is below 0.3 % here."""
    return inside(shape, cloud(-half, half, count, 3)).mean() * (2 * half) ** 3


def test_a_ball_has_its_exact_distance():
    xyz = cloud(-15, 15)
    d = distance(Ellipsoid((1.0, 2.0, 3.0), (5.0, 5.0, 5.0)), Points.of(xyz))
    np.testing.assert_allclose(d, np.linalg.norm(xyz - (1, 2, 3), axis=1) - 5, atol=1e-9)


def test_an_ellipsoid_fills_its_volume():
    turned = np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1]])
    volume = fraction_volume(Ellipsoid((0.0, 1.0, 0.0), (8.0, 5.0, 6.0), turned), 10)
    assert volume == pytest.approx(4 / 3 * np.pi * 8 * 5 * 6, rel=0.01)


def test_a_drum_without_waist_and_rounding_is_a_cylinder():
    drum = Drum((0.0, 0.0, 0.0), (6.0, 4.0, 5.0), np.eye(3), 0.0, 0.0)
    assert fraction_volume(drum, 8) == pytest.approx(np.pi * 6 * 4 * 10, rel=0.01)


def test_a_waist_narrows_the_middle_only():
    drum = Drum((0.0, 0.0, 0.0), (10.0, 8.0, 6.0), np.eye(3), 0.2, 0.0)
    assert list(inside(drum, np.array([[9.0, 0, 0], [7.9, 0, 0], [9.0, 0, 5.9]]))) == [False, True, True]


def test_a_straight_tube_is_a_capsule():
    xyz = cloud(-10, 10)
    d = distance(tube([(-4, 0, 0, 3.0), (4, 0, 0, 3.0)]), Points.of(xyz))
    nearest = np.stack([np.clip(xyz[:, 0], -4, 4), 0 * xyz[:, 0], 0 * xyz[:, 0]], axis=1)
    np.testing.assert_allclose(d, np.minimum(np.linalg.norm(xyz - nearest, axis=1) - 3, FAR), atol=1e-9)


def test_a_section_of_a_widening_tube_is_a_disc_of_the_stated_radius():
    vessel = tube([(0, 0, -40, 3.0), (0, 0, 0, 9.0), (0, 0, 40, 4.0)], 0.5)
    angle = np.linspace(0, 6, 50)
    for z in (-20.0, 0.0, 15.0):
        radius = np.interp(z, vessel.centers[:, 2], vessel.radii)
        rim = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(50, z)], axis=1)
        np.testing.assert_allclose(distance(vessel, Points.of(rim)), 0, atol=1e-9)


def test_a_flat_sheet_is_a_rounded_plate():
    xyz = cloud(-12, 12)
    grid = [[(x, y, 0.0, 2.0) for x in (-6, 0, 6)] for y in (-5, 5)]
    d = distance(sheet(grid, 4.0), Points.of(xyz))
    nearest = np.stack([np.clip(xyz[:, 0], -6, 6), np.clip(xyz[:, 1], -5, 5), 0 * xyz[:, 0]], axis=1)
    expected = np.minimum(np.linalg.norm(xyz - nearest, axis=1) - 2, FAR)
    np.testing.assert_allclose(d, expected, atol=1e-6)


def test_a_swept_triangle_agrees_with_a_dense_sampling_of_it():
    triangle = np.array([[[0, 0, 0, 1.0], [9, 1, 2, 3.0], [2, 8, -1, 2.0]]])
    xyz = cloud(-3, 10, 200)
    s, t = np.meshgrid(np.linspace(0, 1, 401), np.linspace(0, 1, 401))
    keep = s + t <= 1 + 1e-9
    a, b, c = triangle[0, :, :3]
    dense = a + s[keep][:, None] * (b - a) + t[keep][:, None] * (c - a)
    radius = 1 + 2 * s[keep] + t[keep]
    for point, found in zip(xyz, distance(Sheet(triangle), Points.of(xyz)), strict=True):
        gaps = np.linalg.norm(dense - point, axis=1)
        nearest = gaps[gaps.argmin()] - radius[gaps.argmin()]
        # between the ball at the nearest place and the nearest of all balls
        assert (gaps - radius).min() - 0.05 <= found <= min(nearest, FAR) + 0.05


def test_a_loft_of_equal_ellipses_is_an_elliptical_column():
    column = Loft([(-20, 0, 6, 4), (0, 0, 6, 4), (20, 0, 6, 4)], 2.0)
    assert fraction_volume(column, 8) == pytest.approx(np.pi * 6 * 4 * 16, rel=0.01)


def test_unions_differences_and_growth_keep_their_signs():
    ball = Ellipsoid((0.0, 0.0, 0.0), (5.0, 5.0, 5.0))
    other = Ellipsoid((6.0, 0.0, 0.0), (5.0, 5.0, 5.0))
    places = np.array([[-4.0, 0, 0], [3.0, 0, 0], [10.0, 0, 0], [0, 6.0, 0]])
    assert list(inside(Union([ball, other]), places)) == [True, True, True, False]
    assert list(inside(Difference(ball, other), places)) == [True, False, False, False]
    assert list(inside(Grown(ball, 1.5), places)) == [True, True, False, True]
    assert list(inside(Clipped(ball, (0.0, 0.0, 0.0), np.array([1.0, 0, 0])), places)) == [True, False, False, False]


def test_a_blend_fills_the_crease_and_nothing_else():
    pair = [Ellipsoid((-4.0, 0.0, 0.0), (5.0, 5.0, 5.0)), Ellipsoid((4.0, 0.0, 0.0), (5.0, 5.0, 5.0))]
    crease, pole = np.array([[0.0, 3.4, 0.0]]), np.array([[-9.2, 0.0, 0.0]])
    assert not inside(Union(pair), crease)[0]
    assert inside(Union(pair, 4.0), crease)[0]
    assert not inside(Union(pair, 4.0), pole)[0]


def test_a_placed_shape_is_where_the_transform_takes_it():
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    bone = Placed(Ellipsoid((10.0, 0.0, 0.0), (3.0, 1.0, 1.0)), turn, np.array([5.0, 0, 0]), np.array([0, 0, 2.0]))
    # (10, 0, 0) about (5, 0, 0) by +90° is (5, 5, 0); then up by 2; the long axis now lies along y
    assert list(inside(bone, np.array([[5.0, 7.5, 2.0], [7.0, 5.0, 2.0]]))) == [True, False]
    assert (bone.low <= (4.0, 2.0, 1.0)).all()
    assert (bone.high >= (6.0, 8.0, 3.0)).all()


def test_a_mirrored_shape_swaps_left_and_right():
    assert inside(mirrored(Ellipsoid((9.0, 0.0, 0.0), (2.0, 2.0, 2.0))), np.array([[-9.0, 0.0, 0.0]]))[0]


def test_out_of_reach_reads_far():
    ball = Ellipsoid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert distance(ball, Points.of(np.array([[50.0, 0, 0], [51.0, 1, 0]]))).tolist() == [FAR, FAR]


def test_a_spline_goes_through_its_knots():
    knots = np.array([[0.0, 0], [3, 4], [5, -1], [9, 2]])
    np.testing.assert_allclose(through(knots, 5)[::5], knots)
