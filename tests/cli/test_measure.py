"""``prosector measure`` from points, labels and recipes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from prosector.cli import main
from prosector.exchange.measurements import read_measurements
from prosector.exchange.nifti import write_labels_nifti, write_volume_nifti
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.surface.files import read_mesh


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    main(["measure", *map(str, arguments)])
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, small_ct: Volume) -> Path:
    """A volume, labels of it and a recipe."""
    folder = tmp_path_factory.mktemp("measure")
    write_volume_nifti(folder / "ct.nii.gz", small_ct)
    labels = (small_ct.voxels > 400).astype(np.uint8)
    marrow = (small_ct.voxels > -60) & (small_ct.voxels < 0)
    labels[marrow] = 2
    segments = (Segment(1, "bone", structure("bone")), Segment(2, "marrow", structure("unspecified tissue")))
    write_labels_nifti(folder / "labels.nii.gz", LabelMap(labels, small_ct.geometry, segments))
    recipe = {
        "name": "bone sizes",
        "steps": [
            {"id": "bone", "operation": "segment-bone", "inputs": {"volume": "source"}},
            {"id": "sizes", "operation": "measure-segments", "inputs": {"labels": "bone", "volume": "source"}},
        ],
        "outputs": [{"step": "sizes", "file": "sizes.csv"}],
    }
    (folder / "recipe.json").write_text(json.dumps(recipe))
    return folder


def test_points(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run(capsys, place / "ct.nii.gz", "--modality", "CT", "--distance", "-10,0,0", "20,0,40", "--json",
               "--angle", "1,0,0", "0,0,0", "0,-5,0", "--path", "0,0,0", "--path", "-3,4,0", "--lines", "0,0,0",
               "1,0,0", "0,0,0", "0,1,0", "--area", "0,0,0", "--area", "2,0,0", "--area", "2,3,0")  # fmt: skip
    found: dict[str, Any] = {m["name"]: m for m in json.loads(told)["measurements"]}
    assert {name: round(m["value"], 6) for name, m in found.items()} == {
        "distance": 50, "angle": 90, "angle between lines": 90, "path length": 5, "polygon area": 3,
    }  # fmt: skip
    assert found["distance"]["uncertainty"] > 1
    assert found["distance"]["where_lps"] == [[-10, 0, 0], [20, 0, 40]]


def test_labels_as_table_and_csv(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run(capsys, place / "ct.nii.gz", "--modality", "CT", "--labels", place / "labels.nii.gz",
               "--set", "segments=bone", "--csv", place / "m.csv")  # fmt: skip
    assert "volume by voxel count" in told
    assert "±" in told
    assert "mm³" in told
    assert "Number of voxels" in told
    assert "m.csv" in told
    found = read_measurements(place / "m.csv")
    labels = np.asarray(nibabel.load(place / "labels.nii.gz").dataobj)
    assert found.find("volume by voxel count", "bone").value == pytest.approx(np.count_nonzero(labels == 1) * 36)
    assert {m.of for m in found.items} == {"bone"}


def test_histogram_with_plot_and_distance(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run(capsys, place / "ct.nii.gz", "--modality", "CT", "--what", "histogram", "--set", "bin_width=50",
               "--plot", place / "h.png")  # fmt: skip
    assert "curve" in told
    assert (place / "h.png").stat().st_size > 5000
    told = run(capsys, place / "ct.nii.gz", "--modality", "CT", "--labels", place / "labels.nii.gz", "--what",
               "distance", "--set", "first=marrow", "--set", "second=bone", "--json")  # fmt: skip
    (least,) = [m for m in json.loads(told)["measurements"] if m["name"].startswith("minimum distance")]
    assert least["value"] < 2


def test_a_recipe(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run(capsys, place / "ct.nii.gz", "--modality", "CT", "--recipe", place / "recipe.json", "--json")
    assert {m["of"] for m in json.loads(told)["measurements"]} == {"bone"}
    assert not (place / "sizes.csv").exists()


def test_a_coloured_mesh_from_a_recipe(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = {
        "name": "near", "inputs": {"labels": "LabelMap"},
        "steps": [{"id": "map", "operation": "distance-map", "inputs": {"labels": "labels"},
                   "parameters": {"first": "bone", "second": "marrow"}}],
        "outputs": [{"step": "map", "file": f"near{e}"} for e in (".vtp", ".ply", ".glb", ".stl")],
    }  # fmt: skip
    (tmp_path / "near.json").write_text(json.dumps(recipe))
    main(["run", str(place / "ct.nii.gz"), "--modality", "CT", "--recipe", str(tmp_path / "near.json"),
          "--labels", str(place / "labels.nii.gz"), "--out", str(tmp_path / "out")])  # fmt: skip
    capsys.readouterr()
    counts = {len(read_mesh(tmp_path / "out" / f"near{e}").faces) for e in (".vtp", ".ply", ".glb", ".stl")}
    assert len(counts) == 1
    assert b"distance to marrow (mm)" in (tmp_path / "out" / "near.vtp").read_bytes()
    assert b"property uchar red" in (tmp_path / "out" / "near.ply").read_bytes()
    assert b"COLOR_0" in (tmp_path / "out" / "near.glb").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say what to measure"),
        (("--distance", "0,0,0", "1,1,1", "--what", "histogram"), "one way"),
        (("--distance", "0,0", "1,1,1"), "x,y,z"),
        (("--what", "distance"), "needs|works on labels"),
        (("--recipe", "bone-ct"), "no step that measures"),
        (("--what", "histogram", "--plot", "a.pdf"), "ends in"),
        (("--distance", "0,0,0", "1,1,1", "--set", "a=1"), "goes with"),
    ],
)
def test_wrong_usage(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:  # fmt: skip
    with pytest.raises(SystemExit) as stop:
        run(capsys, place / "ct.nii.gz", *arguments)
    assert stop.value.code == 2
    assert re.search(words, capsys.readouterr().err)
