"""The embedded series: valid, small, where it is looked for, and what the code makes."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

import prosector.datasets.sample as sample_module
from prosector.datasets.phantom import SPACING_MM, build_grid, build_layers, build_pelvis
from prosector.datasets.phantom_scan import Scanner, degrade, sample
from prosector.datasets.phantom_truth import build_truth
from prosector.datasets.sample import sample_folder, sample_truth_file
from prosector.datasets.write_series import write_ct_series
from prosector.errors import GeometryError, InputError
from prosector.model.geometry import Geometry
from prosector.model.volume import Volume

LARGEST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def small():
    return build_pelvis(spacing_mm=(30.0, 8.0, 9.0), subsamples=1)[0]


def verify(path):
    """Errors that dciodvfy finds."""
    tool = shutil.which("dciodvfy")
    assert tool, "dciodvfy is missing: install dicom3tools"
    done = subprocess.run([tool, str(path)], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")], done.returncode


def test_the_series_is_small_and_complete():
    files = sorted(sample_folder().glob("*"))
    assert [f.name for f in files] == [f"IM{n:04d}.dcm" for n in range(1, 109)]
    assert sum(f.stat().st_size for f in files) <= LARGEST_BYTES


def test_the_series_is_valid_and_clearly_not_a_patient():
    files = sorted(sample_folder().glob("*.dcm"))
    for path in (files[0], files[54], files[-1]):
        assert verify(path) == ([], 0)
    heads = [pydicom.dcmread(path, stop_before_pixels=True) for path in files]
    assert {(str(h.PatientName), h.PatientID, h.QualityControlSubject) for h in heads} == {
        ("Phantom^Pelvis", "PHANTOM-1", "YES")
    }
    assert len({h.SeriesInstanceUID for h in heads}) == len({h.FrameOfReferenceUID for h in heads}) == 1
    assert len({h.SOPInstanceUID for h in heads}) == len(files)
    assert all(h.SOPInstanceUID.startswith("2.25.") and h.SOPInstanceUID.is_valid for h in heads)


def test_an_embedded_slice_is_what_the_code_makes():
    grid = build_grid(SPACING_MM)
    k = 40
    affine = grid.affine.copy()
    reach = 2  # slices that the blur reaches either way
    affine[:3, 3] = grid.to_lps((k - reach, 0, 0))
    slab = Geometry((2 * reach + 1, *grid.shape[1:]), affine)
    made = degrade(*sample(build_layers(), slab, Scanner.subsamples), slab, Scanner(), first_slice=k - reach)[reach]
    ds = pydicom.dcmread(sample_folder() / f"IM{grid.shape[0] - k:04d}.dcm")
    np.testing.assert_allclose([float(v) for v in ds.ImagePositionPatient], grid.to_lps((k, 0, 0)), atol=1e-6)
    difference = ds.pixel_array.astype(int) + int(ds.RescaleIntercept) - made
    # bricks lie otherwise in the slab, so texture is averaged over other voxels; never by more than rounding
    assert np.abs(difference).max() <= 1
    assert np.mean(difference != 0) < 0.01


def test_the_truth_file_is_what_the_code_says():
    assert json.loads(sample_truth_file().read_text()) == build_truth()


def test_written_voxels_come_back_in_place(small, tmp_path):
    files = write_ct_series(small, tmp_path / "a folder")
    for number, path in enumerate(files, start=1):
        ds = pydicom.dcmread(path)
        k = small.geometry.shape[0] - number
        assert ds.InstanceNumber == number
        np.testing.assert_array_equal(ds.pixel_array.astype(int) + int(ds.RescaleIntercept), small.voxels[k])
        np.testing.assert_allclose([float(v) for v in ds.ImagePositionPatient], small.geometry.to_lps((k, 0, 0)))
        assert ds.PixelSpacing == [8, 9]
        assert verify(path) == ([], 0)


def test_the_same_volume_gives_the_same_bytes(small, tmp_path):
    first, again = (write_ct_series(small, tmp_path / name) for name in "ab")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in again]
    changed = small.voxels.copy()
    changed[0, 0, 0] += 1
    other = write_ct_series(replace(small, voxels=changed), tmp_path / "c")
    assert pydicom.dcmread(other[0]).SeriesInstanceUID != pydicom.dcmread(first[0]).SeriesInstanceUID


def test_what_a_ct_series_cannot_hold_is_refused(small, tmp_path):
    with pytest.raises(InputError, match="12 stored bits"):
        write_ct_series(replace(small, voxels=small.voxels + np.int16(4000)), tmp_path)
    with pytest.raises(InputError, match="Hounsfield"):
        write_ct_series(replace(small, unit="1"), tmp_path)
    sheared = small.geometry.affine.copy()
    sheared[:3, 2] += 0.5 * sheared[:3, 1]
    skewed = Volume(small.voxels, Geometry(small.geometry.shape, sheared), small.unit, small.source)
    with pytest.raises(GeometryError, match="right angles"):
        write_ct_series(skewed, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_sample_is_found_inside_the_package_first(monkeypatch, tmp_path):
    package = tmp_path / "src" / "prosector"
    inside = package / "sample_data" / "pelvis_ct"
    beside = tmp_path / "sample_data" / "pelvis_ct"
    monkeypatch.setattr(sample_module.resources, "files", lambda _: package)
    with pytest.raises(InputError, match="phantom_sample"):
        sample_folder()
    for folder, expected in ((beside, beside), (inside, inside)):
        folder.mkdir(parents=True)
        (folder / "IM0001.dcm").touch()
        assert sample_folder() == expected
