"""Public series against SimpleITK and dcm2niix: voxels exactly, places to a thousandth of a millimetre."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import dcm2niix
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from decoding import decoded

import prosector
from prosector.errors import NotAVolumeError, SeriesChoiceError, SliceSpacingError

pytestmark = pytest.mark.real_data

NEAR_MM = 1e-3


def affine_of(image: sitk.Image) -> np.ndarray:
    """SimpleITK's image as an affine from (k, j, i) to LPS."""
    affine = np.eye(4)
    affine[:3, :3] = (np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing())[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return affine


def assert_same_grid(geometry, shape, affine, near_mm=NEAR_MM):
    assert geometry.shape == shape
    corners = np.array(np.meshgrid(*((0, n - 1) for n in shape))).reshape(3, -1).T
    theirs = corners @ affine[:3, :3].T + affine[:3, 3]
    assert np.abs(geometry.to_lps(corners) - theirs).max() < near_mm


def assert_like_simpleitk(volume, files):
    image = sitk.ReadImage([str(f) for f in files])
    voxels = sitk.GetArrayFromImage(image)
    assert_same_grid(volume.geometry, voxels.shape, affine_of(image))
    np.testing.assert_array_equal(volume.voxels, voxels)


def series_files(folder):
    return sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), recursive=True)


def converted(folder, out) -> list[nibabel.Nifti1Image]:
    """What dcm2niix makes of a folder."""
    out.mkdir()
    command = [dcm2niix.bin, "-z", "n", "-b", "n", "-f", "%s_%d", "-o", str(out), str(folder)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    return [nibabel.load(f) for f in sorted(out.glob("*.nii"))]


def as_ours(image, geometry) -> tuple[np.ndarray, np.ndarray]:
    """A NIfTI image's voxels and LPS affine in our axis order, its flipped axes turned back."""
    values = np.asanyarray(image.dataobj)
    affine = (np.diag([-1, -1, 1, 1]) @ image.affine)[:, [2, 1, 0, 3]]
    between = np.linalg.inv(geometry.affine[:3, :3]) @ affine[:3, :3]
    order = np.abs(between).argmax(axis=1)  # dcm2niix also exchanges the axes of three-dimensional acquisitions
    voxels, affine, between = values.T.transpose(order), affine[:, [*order, 3]], between[:, order]
    assert np.abs(np.abs(between) - np.eye(3)).max() < 1e-3
    for axis in np.flatnonzero(np.diag(between) < 0):
        voxels = np.flip(voxels, axis)
        affine[:3, 3] += affine[:3, axis] * (voxels.shape[axis] - 1)
        affine[:3, axis] *= -1
    return voxels, affine


def assert_like_dcm2niix(volume, image):
    """Same voxels, same place. dcm2niix takes the step from the first two slices, whose rounding adds up."""
    voxels, affine = as_ours(image, volume.geometry)
    assert np.abs(affine[:3, :3] - volume.geometry.affine[:3, :3]).max() < NEAR_MM
    ends = [np.abs(affine @ (k, 0, 0, 1) - volume.geometry.affine @ (k, 0, 0, 1)).max() for k in (0, len(voxels) - 1)]
    assert min(ends) < NEAR_MM
    np.testing.assert_array_equal(volume.voxels, voxels)


def test_chest_ct(real_data):
    folder = real_data / "chest_cta" / "dicom"
    volume = prosector.read_series(folder)
    assert volume.is_hounsfield
    assert volume.voxels.dtype == np.int16
    assert_like_simpleitk(volume, series_files(folder))


def test_abdomen_with_padding(real_data, tmp_path):
    folder = real_data / "ct_abdomen_portal" / "image"
    volume = prosector.read_series(folder)
    image = sitk.ReadImage(series_files(folder))
    theirs = sitk.GetArrayFromImage(image)
    assert_same_grid(volume.geometry, theirs.shape, affine_of(image))
    (plain,) = converted(folder, tmp_path / "n")
    np.testing.assert_array_equal(as_ours(plain, volume.geometry)[0], theirs)
    head = pydicom.dcmread(series_files(folder)[0], stop_before_pixels=True)
    padding = head.PixelPaddingValue * head.RescaleSlope + head.RescaleIntercept
    np.testing.assert_array_equal(volume.voxels, np.where(theirs == padding, -1024, theirs))
    padded = int((theirs == padding).sum())
    assert padded > 0
    assert any(f"{padded} pixels of (0028,0120)" in w for w in volume.source.warnings)


def test_tilted_skull(real_data):
    folder = real_data / "ct_skull_phantom_tilt" / "S2010_tilt-18.5"
    volume = prosector.read_series(folder)
    assert volume.geometry.tilt_degrees == pytest.approx(18.5, abs=0.01)
    assert volume.geometry.slice_distance_mm == pytest.approx(2.371, abs=1e-3)
    assert "gantry tilt" in " ".join(volume.source.warnings)
    places = set()
    for file in series_files(folder):
        image = sitk.ReadImage(file)
        place = np.array(image.TransformIndexToPhysicalPoint((0, 0, 0)))
        k = round(volume.geometry.to_index(place)[0])
        places.add(k)
        far = image.TransformIndexToPhysicalPoint((511, 511, 0))
        assert np.abs(volume.geometry.to_lps((k, 0, 0)) - place).max() < NEAR_MM
        assert np.abs(volume.geometry.to_lps((k, 511, 511)) - far).max() < NEAR_MM
        if k % 9 == 0:
            np.testing.assert_array_equal(volume.voxels[k], sitk.GetArrayFromImage(image)[0])
    assert places == set(range(54))


def test_sagittal_brain(real_data, tmp_path):
    folder = real_data / "mr_brain_mprage"
    volume = prosector.read_series(folder)
    assert_like_simpleitk(volume, series_files(folder))
    (theirs,) = converted(folder, tmp_path / "n")
    assert_like_dcm2niix(volume, theirs)


def test_three_phases_of_a_breast(real_data, tmp_path):
    folder = real_data / "mr_dce_breast" / "image_dce_3dfgre_orig"
    with pytest.raises(SeriesChoiceError, match="3 volumes"):
        prosector.read_series(folder)
    phases = [prosector.read_series(folder, volume=n) for n in (1, 2, 3)]
    heads = [pydicom.dcmread(f, stop_before_pixels=True) for f in series_files(folder)]
    for phase in phases:
        uids = set(phase.source.sop_instance_uids)
        files = [h for h in heads if h.SOPInstanceUID in uids]
        files.sort(key=lambda h: h.ImagePositionPatient[0], reverse=bool(phase.geometry.affine[0, 0] < 0))
        assert len(files) == 60
        assert_like_simpleitk(phase, [h.filename for h in files])
    phased = converted(folder, tmp_path / "n")
    theirs = [int(v.sum()) for v in _volumes(phased)]
    assert sorted(int(p.voxels.sum(dtype=np.int64)) for p in phases) == sorted(theirs)


def _volumes(images) -> list[np.ndarray]:
    """Every three-dimensional volume of NIfTI images of three or four dimensions."""
    arrays = [np.asanyarray(i.dataobj).astype(np.int64) for i in images]
    return [v for a in arrays for v in a.reshape(*a.shape[:3], -1).transpose(3, 0, 1, 2)]


@pytest.mark.parametrize(("name", "total"), [("5001", 244512957), ("6001", 159015113)])
def test_compressed_series(real_data, name, total):
    folder = real_data / "compressed_series"
    volume = prosector.read_series(folder / "In" / f"{name}_anat-T1w_acq-tfl")
    for file in (folder / "In" / f"{name}_anat-T1w_acq-tfl").rglob("*.dcm"):
        place = np.array(pydicom.dcmread(file, specific_tags=["ImagePositionPatient"]).ImagePositionPatient, float)
        index = volume.geometry.to_index(place)
        assert np.abs(volume.geometry.to_lps(index.round()) - place).max() < NEAR_MM
    assert int(volume.voxels.sum(dtype=np.int64)) == total
    assert_like_dcm2niix(volume, nibabel.load(folder / "Ref" / f"anat-T1w_acq-tfl_{name}.nii"))


# --- odd series, each with what must be said ------------------------------------------------------------------


def odd(real_data, *names):
    return real_data.joinpath("odd_series", *names)


def test_tilt_without_its_tag(real_data):
    volume = prosector.read_series(odd(real_data, "failing", "gantrytilting"))
    assert volume.geometry.tilt_degrees == pytest.approx(14.0, abs=0.05)
    assert volume.geometry.shape[0] == 4


@pytest.mark.parametrize("which", ["001", "002"])
def test_missing_slices_are_refused_and_filled_on_request(real_data, which):
    folder = odd(real_data, "failing", "sliceincrement", which)
    with pytest.raises(SliceSpacingError, match=r"gaps at .* mm along the slice normal.*interpolate"):
        prosector.read_series(folder)
    filled = prosector.read_series(folder, gaps="interpolate")
    assert filled.geometry.shape[0] > 4
    assert "interpolated between neighbours" in " ".join(filled.source.warnings)
    assert (filled.geometry.tilt_degrees > 10) == (which == "002")


def test_one_place_four_times(real_data):
    with pytest.raises(SliceSpacingError, match="3 of 4 slices lie at the place of another one"):
        prosector.read_series(odd(real_data, "failing", "notavolume"))
    with pytest.raises(NotAVolumeError, match="only one slice position"):
        prosector.read_series(odd(real_data, "failing", "notavolume"), gaps="drop-duplicates")


def test_two_slices_are_a_thin_volume(real_data):
    folder = odd(real_data, "failing", "slicecount")
    volume = prosector.read_series(folder)
    assert_like_simpleitk(volume, series_files(folder))


def test_mixed_orientations_are_listed(real_data):
    folder = odd(real_data, "failing", "sliceorientation")
    with pytest.raises(SeriesChoiceError, match="sagittal"):
        prosector.read_series(folder)
    assert prosector.read_series(folder, volume=1).geometry.shape[0] == 2


def test_rle_series(real_data):
    folder = odd(real_data, "compressed", "compressed_rle")
    assert_like_simpleitk(prosector.read_series(folder), series_files(folder))


# --- the same slice in every encoding -------------------------------------------------------------------------


def test_one_slice_in_every_encoding(real_data):
    folder = real_data / "transfer_syntaxes" / "testImages"
    files = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.name.startswith("CT1_")]
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "CT1_UNC.explicit_little_endian.dcm")))[0]
    head = pydicom.dcmread(folder / "CT1_UNC.explicit_little_endian.dcm", stop_before_pixels=True)
    seen = set()
    for file in files:
        (frame,) = decoded(file)
        np.testing.assert_array_equal(frame * head.RescaleSlope + head.RescaleIntercept, theirs, err_msg=file.name)
        seen.add(pydicom.dcmread(file, stop_before_pixels=True).file_meta.TransferSyntaxUID)
    assert len(seen) >= 4


def test_two_frames_in_every_encoding(real_data):
    folder = real_data / "transfer_syntaxes" / "testImages" / "encapsulated" / "multi-frame"
    plain = decoded(folder / "CT0012.explicit_little_endian.dcm")
    encoded = sorted(f for f in folder.iterdir() if f.name.startswith("CT0012.") and "explicit" not in f.name)
    assert len(encoded) == 9
    for file in encoded:
        frames = decoded(file)
        assert len(frames) == 2
        if ".51." in file.name:  # made from rescaled values: only another decoder can say what it holds
            theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
            np.testing.assert_array_equal(np.stack(frames).astype(int) - 1024, theirs)
            continue
        near = 2 if ".81." in file.name else 0
        for one, original in zip(frames, plain, strict=True):
            assert np.abs(one.astype(int) - original).max() <= near, file.name


# --- enhanced MR ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["BRMULTI", "BRTUM001", "BRTUM003"])
def test_enhanced_mr_frame_by_frame(real_data, name):
    file = real_data / "enhanced_mr" / name
    data = pydicom.dcmread(file)
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
    seen = 0
    for assessed in prosector.scan(file).series[0].volumes:
        geometry = assessed.stack.geometry
        for k, frame in enumerate(assessed.stack.frames):
            group = data.PerFrameFunctionalGroupsSequence[frame.number]
            place = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
            assert np.abs(geometry.to_lps((k, 0, 0)) - place).max() < 2e-2
            seen += 1
    assert seen == data.NumberOfFrames
    for n, assessed in enumerate(prosector.scan(file).series[0].volumes, 1):
        volume = prosector.read_series(file, volume=n)
        order = [f.number for f in assessed.stack.frames]
        np.testing.assert_array_equal(volume.voxels, stored[order])


# --- manners --------------------------------------------------------------------------------------------------

PEAK = """
import sys, prosector
volume = prosector.read_series(sys.argv[1])
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(volume.voxels.nbytes, int(status["VmHWM"].split()[0]) * 1024)
"""


def test_memory_is_little_more_than_the_volume(real_data):
    command = [sys.executable, "-c", PEAK, str(real_data / "chest_cta" / "dicom")]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=120)
    size, peak = map(int, done.stdout.split())
    assert peak < 1.25 * size + (250 << 20)


def test_ctrl_c_stops_cleanly(real_data, tmp_path):
    """The signal comes in the middle of decoding."""
    script = (
        "import os, signal, sys, prosector.dicom.pixels as p\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "whole = p._read_plane\n"
        "def slow(*a):\n"
        "    os.kill(os.getpid(), signal.SIGINT) if not slow.sent else None\n"
        "    slow.sent = True\n"
        "    return whole(*a)\n"
        "slow.sent = False\n"
        "p._read_plane = slow\n"
        "from prosector.cli import main\n"
        "main(['render', sys.argv[1], '--method', 'mip', '--out', sys.argv[2]])\n"
    )
    source, target = real_data / "ct_abdomen_portal" / "image", tmp_path / "out.png"
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script, str(source), str(target)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 130, done.stderr
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - started < 60
    assert list(Path(tmp_path).iterdir()) == []
