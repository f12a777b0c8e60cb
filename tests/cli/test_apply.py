"""Single operations from the command line, and what they are given."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from prosector.cli import main
from prosector.datasets.write_series import write_ct_series
from prosector.pipeline.operations import OPERATIONS, TARGETS
from prosector.pipeline.recipes import parse_trace


@pytest.fixture(scope="module")
def folder(small_ct, tmp_path_factory):
    place = tmp_path_factory.mktemp("apply")
    write_ct_series(small_ct, place / "series")
    return place


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


@pytest.fixture(scope="module")
def body(folder):
    main(["segment", str(folder / "series"), "--target", "body", "--out", str(folder / "body.nii.gz")])
    return folder / "body.nii.gz"


def test_operations_lists_every_row_and_shows_one(call):
    code, out, _ = call("operations")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(OPERATIONS)
    _, out, _ = call("operations", "keep-inside")
    assert "takes volume (Volume), labels (LabelMap); makes Volume" in out
    assert "margin_mm" in out
    _, out, _ = call("operations", "extract-mesh")
    assert "required: value at which the surface lies" in out
    code, _, err = call("operations", "nothing")
    assert code == 2
    assert "unknown operation 'nothing'" in err


def test_segment_takes_parameters(call, folder):
    target = folder / "bone.nii.gz"
    code, out, _ = call(
        "segment", folder / "series", "--target", "bone", "--set", "high_hu=600", "--out", target, "--json"
    )
    assert code == 0
    assert json.loads(out)["volumes_mm3"]["bone"] > 0
    assert "bone" in TARGETS


def test_apply_works_on_labels_and_writes_a_trace(call, folder, body):
    out, trace = folder / "kept.nii.gz", folder / "kept.json"
    code, _, _ = call(
        "apply", "keep-inside", folder / "series", "--labels", body, "--set", "margin_mm=1", "--trace", trace,
        "--out", out,
    )  # fmt: skip
    assert code == 0
    kept = np.asarray(nibabel.load(out).dataobj)
    assert kept.min() >= -1100
    parsed = parse_trace(json.loads(trace.read_text()))
    assert parsed.inputs["labels"][0] == "LabelMap"
    assert parsed.steps[0].parameters == {"margin_mm": 1.0}


def test_pictures_show_structures_of_given_labels(call, folder, body):
    picture = folder / "body.png"
    code, _, _ = call(
        "render", folder / "series", "--method", "volume", "--labels", body, "--set", "styles=body=@0.2",
        "--size", "96x96", "--out", picture,
    )  # fmt: skip
    assert code == 0
    assert picture.stat().st_size > 500


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["apply", "keep-inside", "SERIES"], "give --labels"),
        (["apply", "segment-body", "SERIES", "--labels", "BODY"], "takes no labels"),
        (["apply", "segment-bone", "SERIES", "--set", "low=3"], "no parameter 'low'; it has: low_hu"),
        (["apply", "segment-bone", "SERIES", "--set", "low_hu"], "takes NAME=VALUE"),
        (["apply", "segment-bone", "SERIES", "--set", "low_hu=1", "--set", "low_hu=2"], "gives 'low_hu' twice"),
        (["apply", "segment-bone", "SERIES", "--set", "low_hu=dense"], "'low_hu' is a number"),
        (["apply", "segment-nothing", "SERIES"], "unknown operation"),
        (["render", "SERIES", "--method", "mip", "--labels", "BODY", "--remove-table"], "not both"),
        (["run", "SERIES", "--recipe", "bone-ct", "--set", "nowhere.zoom=2"], "has no step 'nowhere'"),
    ],
)
def test_wrong_usage_says_what_would_be_right(call, folder, body, arguments, words):
    places = {"SERIES": folder / "series", "BODY": body}
    code, _, err = call(*(places.get(a, a) for a in arguments), "--out", folder / "x.nii.gz")
    assert code in (2, 3)
    assert words in err
    assert not (folder / "x.nii.gz").exists()


@pytest.fixture(scope="module")
def tube(tmp_path_factory):
    """The scan of a straight vessel of 6 mm, and its lumen as labels."""
    place = tmp_path_factory.mktemp("tube")
    main(["phantom", "tube", "--set", "length_mm=30", "--spacing", "1", "1", "1", "--out", str(place)])
    return place


def test_a_vessel_is_measured_along_its_centreline(call, tube):
    code, out, err = call(
        "measure", tube / "series", "--what", "vessel", "--labels", tube / "truth.nii.gz", "--set", "segment=vessel",
        "--json",
    )  # fmt: skip
    assert code == 0, err
    found = {item["name"]: item["value"] for item in json.loads(out)["measurements"]}
    assert found["largest circular-equivalent diameter"] == pytest.approx(6.0, abs=0.4)
    code, _, err = call("measure", tube / "series", "--what", "vessel", "--set", "width=3")
    assert code == 2
    assert "neither measure-vessel nor centerline has a parameter 'width'" in err


def test_a_vessel_is_laid_flat_along_its_centreline(call, tube):
    out = tube / "flat.png"
    code, _, err = call(
        "apply", "straightened-mpr", tube / "series", "--labels", tube / "truth.nii.gz", "--set", "segment=vessel",
        "--out", out,
    )  # fmt: skip
    assert code == 0, err
    assert out.stat().st_size > 1000
