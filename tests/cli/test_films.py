"""``prosector cine`` and ``prosector sheet`` as their users meet them."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from PIL import Image

from prosector.cli import main
from prosector.datasets.write_series import write_ct_series
from prosector.model.camera import fit_camera
from prosector.rendering.view_sheet import SHEET_VIEWS, sheet_zooms, view_sheet, write_view_sheet


@pytest.fixture(scope="module")
def series(small_ct, tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    write_ct_series(small_ct, folder)
    return folder


@pytest.fixture
def call(capsys):
    """Run the command line in this process: (exit code, standard output, standard error)."""

    def run(*arguments):
        try:
            main([str(a) for a in arguments])
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


SMALL = ("--frames", 3, "--size", "64x48")


@pytest.mark.parametrize("motion", [("rotate",), ("rock", "--turn", 15), ("sweep", "--slab", 10)])
def test_every_motion_becomes_a_file(call, series, tmp_path, motion):
    out = tmp_path / "film.dcm"
    options = ("--method", "mip", "--motion", *motion, *SMALL, "--fps", 20, "--remove-table")
    code, said, _ = call("cine", series, *options, "--out", out)
    assert code == 0
    assert said.strip() == str(out)
    made = pydicom.dcmread(out)
    assert made.pixel_array.shape == (3, 48, 64, 3)
    assert float(made.FrameTime) == 50.0
    assert made.BurnedInAnnotation == "NO"
    assert f"motion: {motion[0]}" in made.DerivationDescription


@pytest.mark.parametrize("ending", [".mp4", ".gif", ".frames"])
def test_every_ending_is_written_and_written_again(call, series, tmp_path, ending):
    out = tmp_path / f"film{ending}"
    for _ in range(2):
        assert call("cine", series, "--method", "volume", *SMALL, "--axis", "0,0.2,1", "--out", out)[0] == 0
    assert out.is_dir() == (ending == ".frames")
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--axis", "sideways"),
        ("--motion", "sweep", "--turn", 20),
        ("--motion", "rock", "--slab", 3),
        ("--frames", 0),
        ("--fps", 0),
        ("--preset", "none"),
    ],
)
def test_a_wrong_option_is_wrong_usage(call, series, tmp_path, wrong):
    code, _, said = call("cine", series, "--method", "mip", "--size", "64x64", *wrong, "--out", tmp_path / "a.gif")
    assert code == 2
    assert said.startswith("error: ")
    assert not list(tmp_path.iterdir())
    assert call("cine", series, "--method", "mip", "--out", tmp_path / "a.avi")[0] == 2


def test_a_banner_is_marked_in_the_object(call, series, tmp_path):
    options = ("--method", "mip", "--size", "200x200", "--banner")
    assert call("render", series, *options, "--out", tmp_path / "a.dcm")[0] == 0
    assert call("cine", series, *options, "--frames", 2, "--out", tmp_path / "b.dcm")[0] == 0
    assert {pydicom.dcmread(tmp_path / n).BurnedInAnnotation for n in ("a.dcm", "b.dcm")} == {"YES"}


def test_a_sheet_shows_six_sides_at_one_scale(call, series, small_ct, tmp_path):
    out = tmp_path / "sheet.png"
    assert call("sheet", series, "--method", "mip", "--size", "100x80", "--remove-table", "--out", out)[0] == 0
    with Image.open(out) as page:
        assert page.size == (308, 164)
        pixels = np.asarray(page)
    tiles = [pixels[top : top + 80, left : left + 100] for top in (0, 84) for left in (0, 104, 208)]
    assert all(tile.std() > 5 for tile in tiles)
    assert len({tile.tobytes() for tile in tiles}) == 6
    zooms = sheet_zooms(small_ct.geometry, (100, 80), 1.5)
    views = {"anterior": (0.0, 0.0), "left": (90.0, 0.0), "superior": (180.0, 90.0)}
    heights = [fit_camera(small_ct.geometry, (100, 80), *a, zoom=zooms[v]).height_mm for v, a in views.items()]
    assert heights == pytest.approx([heights[0]] * 3)
    assert max(zooms.values()) == pytest.approx(1.5)
    assert tuple(zooms) == SHEET_VIEWS


def test_a_sheet_is_a_png_of_pictures_of_one_size(call, series, small_ct, tmp_path):
    from dataclasses import replace

    from prosector import run_operation
    from prosector.errors import ParameterError

    assert call("sheet", series, "--method", "mip", "--out", tmp_path / "a.dcm")[0] == 2
    picture = run_operation("mip", {"volume": small_ct}, width=40, height=30)
    with pytest.raises(ParameterError, match="one size"):
        view_sheet([picture, run_operation("mip", {"volume": small_ct}, width=41, height=30)])
    with pytest.raises(ParameterError, match="at least one"):
        view_sheet([])
    assert view_sheet([picture] * 4).shape == (64, 128, 3)
    write_view_sheet(tmp_path / "a.png", [picture, replace(picture, burned_in_identity=True)])
    with Image.open(tmp_path / "a.png") as page:
        assert page.text["Burned In Annotation"] == "YES"
