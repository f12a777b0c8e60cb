"""``prosector phantom`` as a user meets it."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest

from prosector.cli import main
from prosector.dicom.read import read_series
from prosector.exchange.nifti import read_labels_nifti


@pytest.fixture
def call(capsys):
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


def test_a_phantom_is_a_series_with_its_truth(call, tmp_path):
    code, out, _ = call(
        "phantom", "tube", "--out", tmp_path / "p", "--set", "length_mm=15", "--set", "diameter_mm=8",
        "--spacing", 2, 1, 1, "--tilt", 10, "--noise", 5, "--material", "vessel=420",
    )  # fmt: skip
    assert code == 0
    assert "diameter of vessel: 8 mm" in out
    volume = read_series(tmp_path / "p" / "series")
    assert volume.geometry.tilt_degrees == pytest.approx(10, abs=0.01)
    labels = read_labels_nifti(tmp_path / "p" / "truth.nii.gz", volume.geometry)
    assert labels.volumes_mm3()["vessel"] == pytest.approx(np.pi * 16 * 15 + 4 / 3 * np.pi * 64, rel=0.1)
    truth = json.loads((tmp_path / "p" / "truth.json").read_text())
    assert truth["scan"]["materials"]["vessel"] == 420
    assert volume.voxels[labels.labels > 0].max() > 400
    header = pydicom.dcmread(next((tmp_path / "p" / "series").glob("*.dcm")))
    assert str(header.PatientName).startswith("Phantom^")
    assert header.QualityControlSubject == "YES"


def test_magnetic_resonance_and_json(call, tmp_path):
    code, out, _ = call(
        "phantom", "balls", "--out", tmp_path, "--modality", "mr", "--spacing", 2.5, 2.5, 2.5, "--bias", 0.2,
        "--set", "count=2", "--json",
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)["scan"]["modality"] == "MR"
    assert read_series(tmp_path / "series").source.modality == "MR"


def test_a_second_phantom_is_not_mixed_with_the_first(call, tmp_path):
    arguments = ("phantom", "balls", "--out", tmp_path, "--spacing", 3, 3, 3, "--set", "count=1")
    assert call(*arguments)[0] == 0
    code, _, err = call(*arguments)
    assert code == 2
    assert "already holds a series" in err


def test_kinds_are_listed(call):
    code, out, _ = call("phantom")
    assert code == 0
    assert "stenosis: " in out
    assert "stenosis_percent=55" in out
    assert json.loads(call("phantom", "--json")[1])["tube"]["parameters"]["diameter_mm"] == 6


@pytest.mark.parametrize(
    "wrong", [("hand",), ("tube", "--set", "diameter_mm"), ("tube", "--set", "diameter_mm=wide"), ("tube",)]
)
def test_wrong_usage_is_told(call, tmp_path, wrong):
    out = () if wrong == ("tube",) else ("--out", tmp_path)
    code, _, err = call("phantom", *wrong, *out)
    assert code == 2
    assert "rror" in err
