"""What the letters say is where they say it, whatever way the series was acquired.

Six balls of six sizes stand around a centre, one in each patient direction. In every named view the ball at
each border must be the one that the letter there names, in its true size and at its true distance; and of
the two balls on the viewing axis the near one must hide the far one.
"""

from dataclasses import replace

import numpy as np
import pytest

from prosector.model.camera import fit_camera, view_angles
from prosector.model.geometry import Geometry
from prosector.model.transfer import TransferFunction
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.model.window import Window
from prosector.rendering.isosurface import render_surface
from prosector.rendering.projection import project
from prosector.rendering.volume import render_volume

CENTER_LPS = np.array([12.5, -40.25, 310.0])
DIRECTIONS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}
DISTANCE_MM = {"L": 34.0, "R": 38.0, "A": 32.0, "P": 40.0, "H": 42.0, "F": 36.0}
RADIUS_MM = {"R": 5.5, "L": 7.0, "A": 8.5, "P": 10.0, "H": 11.5, "F": 13.0}
FIRST_VALUE, SECOND_VALUE = 1000, 500
VALUE = {"L": FIRST_VALUE, "A": FIRST_VALUE, "H": FIRST_VALUE, "R": SECOND_VALUE, "P": SECOND_VALUE, "F": SECOND_VALUE}
AIR = -1000

# written down by hand: (left, right, top, bottom) border and the side that faces the viewer
EXPECTED = {
    "anterior": ("R", "L", "H", "F", "A"),
    "posterior": ("L", "R", "H", "F", "P"),
    "left": ("A", "P", "H", "F", "L"),
    "right": ("P", "A", "H", "F", "R"),
    "superior": ("L", "R", "A", "P", "H"),
    "inferior": ("R", "L", "A", "P", "F"),
}
BORDERS = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}

L, P, H = np.eye(3)
TILT = np.radians(18.5)
TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]

# direction and length in mm of one step along k, j, i
ACQUISITIONS = {
    "axial, head last": (2.5 * H, 0.9 * P, 0.8 * L),
    "axial, head first (left-handed)": (-2.5 * H, 0.9 * P, 0.8 * L),
    "axial, mirrored rows": (2.5 * H, 0.9 * P, -0.8 * L),
    "axial, prone": (-2.0 * H, -0.9 * P, -0.8 * L),
    "sagittal": (-2.2 * L, -0.9 * H, 1.0 * P),
    "sagittal, other way (left-handed)": (2.2 * L, -0.9 * H, 1.0 * P),
    "coronal": (2.4 * P, -0.8 * H, 1.1 * L),
    "gantry tilt": (2.4 * H, 0.9 * (np.cos(TILT) * P + np.sin(TILT) * H), 0.9 * L),
    "gantry tilt, head first": (-2.4 * H, 0.9 * (np.cos(TILT) * P - np.sin(TILT) * H), 0.9 * L),
    "oblique": (2.0 * TURN[0], 1.1 * TURN[1], 0.9 * TURN[2]),
}
SIZE = (108, 96)
REACH_MM = 60.0
HEIGHT_MM = 119.0


def grid(steps):
    """A grid around CENTER_LPS that reaches REACH_MM in every patient direction."""
    matrix = np.stack(steps, axis=1)
    cube = REACH_MM * (np.stack(np.meshgrid(*[(-1, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3))
    half = np.ceil(np.abs(cube @ np.linalg.inv(matrix).T).max(axis=0)).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = CENTER_LPS - matrix @ half
    return Geometry(tuple(2 * half + 1), affine)


def phantom(geometry):
    """The six balls in Hounsfield units; their edges are two millimetres wide, half way up at the radius."""
    voxels = np.full(geometry.shape, AIR, np.int16)
    for letter, direction in DIRECTIONS.items():
        middle = CENTER_LPS + DISTANCE_MM[letter] * np.array(direction)
        reach = (RADIUS_MM[letter] + 2) * np.linalg.norm(geometry.inverse[:3, :3], axis=1)
        first = np.floor(geometry.to_index(middle) - reach).astype(int)
        last = np.ceil(geometry.to_index(middle) + reach).astype(int)
        box = tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))
        index = np.moveaxis(np.mgrid[box], 0, -1)
        distance = np.linalg.norm(geometry.to_lps(index) - middle, axis=-1)
        share = np.clip(0.5 + (RADIUS_MM[letter] - distance) / 2, 0, 1)
        voxels[box] = np.maximum(voxels[box], np.rint(AIR + share * (VALUE[letter] - AIR)))
    return Volume(voxels, geometry, HOUNSFIELD)


@pytest.fixture(scope="module", params=list(ACQUISITIONS))
def volume(request):
    return phantom(grid(ACQUISITIONS[request.param]))


def check_borders(picture, ball_mask, view):
    """Compare each border's letter, and the ball's place and size there, with EXPECTED."""
    spacing = picture.pixel_spacing_mm
    rows, columns = np.indices(ball_mask.shape)
    middle = ((SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2)
    for (border, (dx, dy)), letter in zip(BORDERS.items(), EXPECTED[view], strict=False):
        assert picture.letters[border] == letter
        x = middle[0] + dx * DISTANCE_MM[letter] / spacing
        y = middle[1] + dy * DISTANCE_MM[letter] / spacing
        near = np.hypot(columns - x, rows - y) * spacing < RADIUS_MM[letter] + 4
        ball = ball_mask & near
        assert ball.any(), f"no ball at {border} ({letter})"
        offset_mm = np.array([columns[ball].mean() - x, rows[ball].mean() - y]) * spacing
        assert np.abs(offset_mm).max() < 0.6, f"{letter} is {offset_mm} mm from its place"
        width_mm = (np.ptp(columns[ball]) + 1) * spacing
        height_mm = (np.ptp(rows[ball]) + 1) * spacing
        assert abs(width_mm - 2 * RADIUS_MM[letter]) < 1.2 + spacing, "true proportion across"
        assert abs(height_mm - 2 * RADIUS_MM[letter]) < 1.2 + spacing, "true proportion along"
        radius_mm = np.sqrt(ball.sum() / np.pi) * spacing
        assert radius_mm == pytest.approx(RADIUS_MM[letter], abs=0.5), "the ball that the letter names"


def camera_on(volume, view):
    fitted = fit_camera(volume.geometry, SIZE, *view_angles(view))
    assert fitted.height_mm > HEIGHT_MM, "a fitted camera shows the whole grid"
    return replace(fitted, height_mm=HEIGHT_MM)


def test_the_acquisitions_include_both_handednesses_and_tilt():
    grids = {name: grid(steps) for name, steps in ACQUISITIONS.items()}
    assert {g.is_right_handed for g in grids.values()} == {True, False}
    tilted = [n for n, g in grids.items() if not g.is_orthogonal]
    assert tilted == ["gantry tilt", "gantry tilt, head first"]


@pytest.mark.parametrize("view", list(EXPECTED))
def test_maximum_projection_shows_each_ball_where_its_letter_says(volume, view):
    picture = project(volume, camera_on(volume, view), SIZE, "mip", Window(0, 2000))
    values = np.nan_to_num(picture.values, nan=AIR)
    check_borders(picture, ball_mask(values, view), view)
    for (dx, dy), letter in zip(BORDERS.values(), EXPECTED[view], strict=False):
        row, column = pixel(picture, dx, dy, letter)
        assert values[row, column] == pytest.approx(VALUE[letter], abs=2)


def ball_mask(values, view):
    """Pixels at least half way from air to the value of the ball that belongs there."""
    rows, columns = np.indices(values.shape)
    dx, dy = columns - (SIZE[0] - 1) / 2, rows - (SIZE[1] - 1) / 2
    left, right, top, bottom = EXPECTED[view][:4]
    across = np.abs(dx) > np.abs(dy)
    letter = np.select([across & (dx < 0), across, dy < 0], [left, right, top], bottom)
    value = np.vectorize(VALUE.__getitem__)(letter)
    return values > (value + AIR) / 2


def pixel(picture, dx, dy, letter):
    """(row, column) in the middle of the ball at a border."""
    reach = DISTANCE_MM[letter] / picture.pixel_spacing_mm
    return round((SIZE[1] - 1) / 2 + dy * reach), round((SIZE[0] - 1) / 2 + dx * reach)


@pytest.mark.parametrize("view", list(EXPECTED))
def test_surfaces_show_each_ball_where_its_letter_says(volume, view):
    # between the half-way levels of both kinds (0 and -250), so each edge is off by an eighth of a millimetre
    picture = render_surface(volume, camera_on(volume, view), SIZE, -125.0, (1.0, 1.0, 1.0))
    check_borders(picture, picture.pixels.max(axis=2) > 0, view)


@pytest.mark.parametrize("view", list(EXPECTED))
def test_the_near_ball_hides_the_far_one(volume, view):
    """First kind red, second kind blue: the middle of the picture has the colour of the side looked at.

    A ball's edge passes through the other kind's values, in a fraction of a millimetre: too little to show.
    """
    transfer = TransferFunction(
        color=((600, (0.0, 0.0, 1.0)), (601, (1.0, 0.0, 0.0))),
        opacity=((350, 0.0), (400, 0.3)),
        shading=None,
    )
    picture = render_volume(volume, camera_on(volume, view), SIZE, transfer)
    facing = EXPECTED[view][4]
    red, _, blue = picture.pixels[SIZE[1] // 2, SIZE[0] // 2].astype(int)
    assert (red > 1.5 * blue) == (VALUE[facing] == FIRST_VALUE)
    assert max(red, blue) > 120
    for (dx, dy), letter in zip(BORDERS.values(), EXPECTED[view], strict=False):
        row, column = pixel(picture, dx, dy, letter)
        red, _, blue = picture.pixels[row, column].astype(int)
        assert (red > blue) == (VALUE[letter] == FIRST_VALUE), letter
