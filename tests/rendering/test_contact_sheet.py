"""A page of small pictures: in true proportion, windowed by their own values, whatever they hold."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from prosector.errors import OutputError
from prosector.rendering.contact_sheet import CAPTION, COLUMNS, GAP, TILE, Tile, write_sheet


def sheet(tmp_path, *tiles) -> np.ndarray:
    write_sheet(tmp_path / "sheet.png", tiles)
    with Image.open(tmp_path / "sheet.png") as image:
        return np.asarray(image)


def tile_of(page, n=0) -> np.ndarray:
    left = GAP + n % COLUMNS * (TILE + GAP)
    top = GAP + n // COLUMNS * (TILE + CAPTION + GAP)
    return page[top : top + TILE, left : left + TILE, 0]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_size_of_the_page(tmp_path, count):
    page = sheet(tmp_path, *[Tile(np.eye(4), (1, 1), "x")] * count)
    columns, rows = min(COLUMNS, count), -(-count // COLUMNS)
    assert page.shape == (rows * (TILE + CAPTION + GAP) + GAP, columns * (TILE + GAP) + GAP, 3)


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "height", "width"),
    [
        ((64, 64), (1, 1), 256, 256),
        ((64, 64), (2, 1), 256, 128),
        ((32, 64), (1, 1), 128, 256),
        ((20, 80), (4, 1), 256, 256),
    ],
)
def test_true_proportion(tmp_path, shape, spacing_mm, height, width):
    values = np.zeros(shape)
    values[:, : shape[1] // 2] = 1
    values[: shape[0] // 2] += 2
    picture = tile_of(sheet(tmp_path, Tile(values, spacing_mm, "x"))) > 0
    assert abs(int(picture.any(axis=1).sum()) - height) <= height // 2 + 2
    inside = tile_of(sheet(tmp_path, Tile(np.arange(np.prod(shape)).reshape(shape) + 10.0, spacing_mm, "x")))
    assert abs(int((inside > 20).any(axis=1).sum()) - height) <= 0.15 * height
    assert abs(int((inside > 20).any(axis=0).sum()) - width) <= 2


def test_window_follows_the_values(tmp_path):
    ramp = np.tile(np.linspace(-1000, 3000, 256), (256, 1))
    row = tile_of(sheet(tmp_path, Tile(ramp, (1, 1), "x")))[128].astype(int)
    assert row[2] <= 5
    assert row[-1] == 255
    assert (np.diff(row) >= -1).all()
    other = tile_of(sheet(tmp_path, Tile(ramp / 1000, (1, 1), "x")))[128].astype(int)
    assert np.abs(row - other).max() <= 1


@pytest.mark.parametrize(
    "values",
    [
        np.full((4, 4), np.nan),
        np.full((5, 5), 7, "i2"),
        np.array([[1e38, -1e38], [np.inf, -np.inf]], "f4"),
        np.ones((1, 5000)),
        np.array([[3]], "u2"),
    ],
    ids=["not a number", "flat", "infinite", "a line", "a pixel"],
)
def test_odd_values_are_drawn(tmp_path, values):
    assert sheet(tmp_path, Tile(values, (0.1, 0.1), "x")).size


@pytest.mark.parametrize("caption", ["", "two\nlines", "胸部", "x" * 70000, "\ud800", "\0\x1b[31m", " "])
def test_odd_captions_are_drawn(tmp_path, caption):
    assert sheet(tmp_path, Tile(np.eye(4), (1, 1), caption)).size


def test_a_tile_without_values_is_black_and_named(tmp_path):
    page = sheet(tmp_path, Tile(None, (1, 1), "MR: PixelDataError"))
    assert not tile_of(page).any()
    below = page[GAP + TILE : GAP + TILE + CAPTION, GAP:-GAP, 0]
    assert (below > 150).sum() > 20


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_sheet(tmp_path / "file" / "sheet.png", [Tile(np.eye(4), (1, 1), "x")])
