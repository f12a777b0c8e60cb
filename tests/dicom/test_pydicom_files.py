"""Every file that pydicom brings: a volume or a reason, never another exception or a warning; pixels as pydicom's."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from decoding import decoded, header_of

import prosector
from prosector.errors import NotAVolumeError, ProsectorError

DATA = Path(pydicom.__file__).parent / "data"
FILES = sorted(p for p in DATA.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc", ".json"))
BY_NAME = {p.name: p for p in FILES}

COLOUR = ("RGB", "YBR", "PALETTE")


def test_there_are_files():
    assert len(FILES) > 150


def test_each_is_a_volume_or_a_reason():
    volumes, reasons = 0, []
    for file in FILES:
        try:
            for series in prosector.scan(file).series:
                json.dumps(series.summary())
            volumes += prosector.read_series(file).voxels.size > 0
        except ProsectorError as error:
            reasons.append(str(error))
    assert volumes >= 6
    assert all(reasons)


def test_the_whole_folder_at_once():
    found = prosector.scan(DATA)
    assert len(found.series) > 40
    assert found.not_dicom
    for series in found.series:
        assert json.dumps(series.summary())


def theirs_of(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.squeeze(pydicom.dcmread(file, force=True).pixel_array)
        except Exception:  # whatever stops pydicom: then there is nothing to compare with
            return None


def test_pixels_are_those_of_pydicom():
    same = 0
    for file in FILES:
        try:
            header = header_of(file)
        except ProsectorError:
            continue
        photometric = header.text("PhotometricInterpretation")
        if header.pixels is None or photometric.startswith(COLOUR) or header.integer("BitsAllocated") == 1:
            continue
        theirs = theirs_of(file)
        if theirs is None:
            continue
        np.testing.assert_array_equal(np.squeeze(np.stack(decoded(file))), theirs, err_msg=file.name)
        same += 1
    assert same > 55


@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm"])
def test_twelve_bit_jpeg_is_that_of_simpleitk(name):
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(BY_NAME[name])))
    head = pydicom.dcmread(BY_NAME[name], stop_before_pixels=True)
    values = np.squeeze(np.stack(decoded(BY_NAME[name]))) * float(head.get("RescaleSlope", 1))
    assert np.abs(values + float(head.get("RescaleIntercept", 0)) - np.squeeze(image)).max() <= 1


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("rtstruct.dcm", "RT structures"),
        ("rtplan.dcm", "RT plan"),
        ("rtdose.dcm", "RT dose"),
        ("liver_1frame.dcm", "segmentation"),
        ("test-SR.dcm", "structured report"),
        ("waveform_ecg.dcm", "waveform"),
    ],
)
def test_objects_without_a_volume_are_named(name, what):
    with pytest.raises(NotAVolumeError, match=what):
        prosector.read_series(BY_NAME[name])


def test_dicomdirs_list_their_files():
    listed = [p for p in FILES if p.name == "DICOMDIR"]
    assert listed
    assert len(prosector.scan(listed[0]).series) > 1
