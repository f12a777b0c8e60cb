"""The command line as a user meets it: what it writes, what it says, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image

from prosector.cli import COMMANDS, main
from prosector.datasets.write_series import write_ct_series
from prosector.pipeline.operations import METHODS


@pytest.fixture(scope="module")
def series(small_ct, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a folder with spaces")
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
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


def test_help_names_every_command(call):
    code, out, _ = call("--help")
    assert code == 0
    assert all(name in out for name in COMMANDS)
    for name in COMMANDS:
        assert call(name, "--help")[0] == 0


def test_info_json(call, series):
    code, out, _ = call("info", series, "--json")
    assert code == 0
    (row,) = json.loads(out)
    keys = {
        "series_uid",
        "modality",
        "description",
        "shape",
        "spacing_mm",
        "affine_lps",
        "loadable",
        "reason",
        "warnings",
    }
    assert keys <= set(row)
    assert row["shape"] == [40, 48, 56]
    assert row["spacing_mm"] == pytest.approx([4, 3, 3])
    assert row["loadable"] is True
    assert row["reason"] == ""
    assert np.array(row["affine_lps"]).shape == (4, 4)


def test_info_for_people(call, series, tmp_path):
    code, out, _ = call("info", series, "--thumbnails", tmp_path / "sheet.png")
    assert code == 0
    assert "40×48×56" in out
    assert "4 × 3 × 3 mm" in out
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 200


@pytest.mark.parametrize("method", METHODS)
def test_render_png(call, series, tmp_path, method):
    out = tmp_path / "new folder" / "picture.png"
    code, said, _ = call(
        "render", series, "--method", method, "--view", "left", "--size", "200x160", "--remove-table", "--out", out
    )
    assert code == 0
    assert said.strip() == str(out)
    with Image.open(out) as picture:
        assert picture.size == (200, 160)
        assert np.asarray(picture).std() > 5


def test_render_dicom_and_angles(call, series, tmp_path):
    out = tmp_path / "picture.dcm"
    options = ("--azimuth", 30, "--elevation", -20, "--preset", "ct-bone", "--window", 300, 800)
    assert call("render", series, "--method", "mip", *options, "--size", "128x128", "--out", out)[0] == 0
    made = pydicom.dcmread(out)
    assert made.StudyInstanceUID == pydicom.dcmread(sorted(series.iterdir())[0]).StudyInstanceUID
    assert made.Rows == 128
    assert made.BurnedInAnnotation == "NO"


def test_segment_and_mesh(call, series, tmp_path):
    labels, seg, mesh = (tmp_path / n for n in ("bone.nii.gz", "bone.dcm", "bone.stl"))
    code, out, _ = call("segment", series, "--target", "bone", "--out", labels, "--json")
    assert code == 0
    assert json.loads(out)["volumes_mm3"]["bone"] == pytest.approx(np.pi * 22**2 * 28 * 4, rel=0.1)
    assert nibabel.load(labels).shape == (56, 48, 40)
    assert call("segment", series, "--target", "bone", "--out", seg)[0] == 0
    for source in (labels, seg):
        code, out, _ = call("mesh", series, "--segmentation", source, "--smooth", "--reduce", 0.3, "--out", mesh)
        assert code == 0
        assert "triangles" in out
        assert mesh.stat().st_size > 1000
    assert call("mesh", series, "--level-hu", 300, "--out", tmp_path / "level.ply")[0] == 0


def test_run_writes_all_that_the_recipe_names_and_the_report(call, series, tmp_path):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(
        json.dumps(
            {
                "name": "two",
                "steps": [
                    {
                        "id": "mip-{view}",
                        "operation": "mip",
                        "inputs": {"volume": "source"},
                        "parameters": {"width": 64, "height": 64},
                        "for_each": {"view": ["left", "superior"]},
                    }
                ],
                "outputs": [{"step": "mip-{view}", "file": "{view}.png"}, {"step": "mip-{view}", "file": "{view}.dcm"}],
            }
        )
    )
    code, out, _ = call("run", series, "--recipe", recipe, "--out", tmp_path / "out")
    assert code == 0
    made = {p.name for p in (tmp_path / "out").iterdir()}
    assert made == {"left.png", "superior.png", "left.dcm", "superior.dcm", "trace.json", "report.json", "report.html"}
    assert len(out.splitlines()) == len(made)
    assert "supervision" in (tmp_path / "out" / "report.html").read_text().lower()


def test_recipes_are_listed(call):
    code, out, _ = call("recipes")
    assert code == 0
    assert "bone-ct" in out
    assert "overview" in out
    assert len(json.loads(call("recipes", "--json")[1])) >= 2


def test_an_archive_is_read_like_a_folder(call, series, tmp_path):
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for file in series.iterdir():
            archive.write(file, file.name)
    options = ("--method", "mip", "--size", "96x96", "--bare")
    assert call("render", tmp_path / "study.zip", *options, "--out", tmp_path / "a.png")[0] == 0
    assert call("render", series, *options, "--out", tmp_path / "b.png")[0] == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


BAD = {
    "no such preset": (2, "ct-bone", ("--method", "volume", "--preset", "no-such")),
    "preset of another modality": (2, "ct-bone", ("--method", "volume", "--preset", "mr-brain")),
    "no such view": (2, "anterior", ("--method", "mip", "--view", "front")),
    "no such method": (2, "minip", ("--method", "magic")),
    "size": (2, "WIDTHxHEIGHT", ("--method", "mip", "--size", "large")),
    "size too large": (2, "8192", ("--method", "mip", "--size", "100000x10")),
    "view and azimuth": (2, "not both", ("--method", "mip", "--view", "left", "--azimuth", "3")),
    "elevation": (2, "90", ("--method", "mip", "--elevation", "120")),
    "no such series": (3, "0 series match", ("--method", "mip", "--series", "1.2.3")),
    "no such volume": (3, "no volume 7", ("--method", "mip", "--volume", "7")),
    "gaps": (2, "interpolate", ("--method", "mip", "--gaps", "ignore")),
    "modality of a DICOM": (2, "DICOM does", ("--method", "mip", "--modality", "CT")),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_requests(call, series, tmp_path, case):
    expected, words, options = BAD[case]
    code, _, err = call("render", series, *options, "--out", tmp_path / "x.png")
    assert code == expected
    assert words in err
    assert not (tmp_path / "x.png").exists()


def test_bad_places(call, series, tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "empty").mkdir()
    one = tmp_path / "one"
    one.mkdir()
    (one / "a").write_bytes(sorted(series.iterdir())[0].read_bytes())
    cut = tmp_path / "cut"
    cut.mkdir()
    for file in series.iterdir():
        (cut / file.name).write_bytes(file.read_bytes()[:3000])
    for path, words in (
        (tmp_path / "nowhere", "no such file"),
        (tmp_path / "file", "no readable DICOM"),
        (tmp_path / "empty", "no readable DICOM"),
        (one, "one slice"),
        (cut, "truncated"),
    ):
        for command in (("render", "--method", "mip"), ("segment", "--target", "bone"), ("mesh", "--level-hu", "3")):
            ending = {"render": "png", "segment": "nii.gz", "mesh": "stl"}[command[0]]
            code, _, err = call(command[0], path, *command[1:], "--out", tmp_path / f"x.{ending}")
            assert code == 3
            assert words in err


def test_bad_outputs(call, series, tmp_path):
    (tmp_path / "file").write_text("text")
    for out, expected, words in (
        (tmp_path / "file" / "x.png", 4, "cannot write"),
        (tmp_path / "x.jpg", 2, ".png, .dcm"),
        (tmp_path, 2, ".png, .dcm"),
    ):
        code, _, err = call("render", series, "--method", "mip", "--out", out)
        assert code == expected
        assert words in err
    assert call("segment", series, "--target", "liver", "--out", tmp_path / "x.nii.gz")[0] == 2
    assert call("mesh", series, "--out", tmp_path / "x.stl")[0] == 2
    code, _, err = call("mesh", series, "--level-hu", 9000, "--out", tmp_path / "x.stl")
    assert code == 3
    assert "900" in err  # the range that is there
    assert call("run", series, "--recipe", "no-such", "--out", tmp_path / "o")[0] == 2


def test_an_internal_error_shows_no_traceback(call, series, tmp_path, monkeypatch):
    def broken(*_args):
        raise ZeroDivisionError("Secret^Person")

    monkeypatch.setattr("prosector.pipeline.run.check_recipe", broken)
    code, _, err = call("render", series, "--method", "mip", "--out", tmp_path / "x.png")
    assert code == 70
    assert "ZeroDivisionError in test_cli.py" in err
    assert "Secret" not in err


def test_as_a_program():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "prosector", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.startswith("prosector, version")
    assert done.stderr == ""
