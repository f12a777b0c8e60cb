"""One way in for every kind of volume, and no derived DICOM where there is no DICOM to refer to."""

from __future__ import annotations

import numpy as np
import pytest

from prosector.datasets.sample import sample_folder
from prosector.dicom.read import read_series
from prosector.errors import InputError, NoDicomSourceError, ParameterError
from prosector.exchange.nifti import write_volume_nifti
from prosector.pipeline.export import write_outputs
from prosector.pipeline.recipes import parse_recipe
from prosector.pipeline.run import run
from prosector.pipeline.source import read_volume


@pytest.fixture
def nifti(small_ct, tmp_path):
    write_volume_nifti(tmp_path / "small.nii.gz", small_ct)
    return tmp_path / "small.nii.gz"


def test_a_research_file(nifti, small_ct):
    volume = read_volume(nifti, modality="CT")
    np.testing.assert_array_equal(volume.voxels, small_ct.voxels)
    assert volume.geometry.matches(small_ct.geometry)
    assert volume.is_hounsfield


def test_what_applies_to_dicom_alone(nifti):
    with pytest.raises(ParameterError, match="no series to choose from"):
        read_volume(nifti, series="1.2")


def test_dicom_says_its_modality_itself():
    with pytest.raises(ParameterError, match="DICOM does"):
        read_volume(sample_folder(), modality="MR")


def test_dicom_is_read_as_dicom():
    volume, same = read_volume(sample_folder()), read_series(sample_folder())
    np.testing.assert_array_equal(volume.voxels, same.voxels)
    assert volume.source.is_dicom


def test_a_folder_that_only_looks_like_a_file(tmp_path):
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises(InputError, match="no readable DICOM"):
        read_volume(tmp_path / "folder.nii")
    with pytest.raises(InputError, match="no such file"):
        read_volume(tmp_path / "absent.nii")


@pytest.mark.parametrize(("step", "file"), [("mip", "mip.dcm"), ("bone", "bone.dcm")])
def test_derived_dicom_of_a_research_file_is_refused_with_the_reason(nifti, tmp_path, step, file):
    steps = [
        {"id": "mip", "operation": "mip", "inputs": {"volume": "source"}, "parameters": {"width": 64, "height": 64}},
        {"id": "bone", "operation": "segment-bone", "inputs": {"volume": "source"}},
    ]
    recipe = parse_recipe({"name": "r", "steps": steps, "outputs": [{"step": step, "file": file}]})
    result = run(read_volume(nifti, modality="CT"), recipe)
    with pytest.raises(NoDicomSourceError) as caught:
        write_outputs(result, tmp_path / "out")
    assert "DICOM" in str(caught.value)
    assert not list((tmp_path / "out").glob("*.dcm"))
