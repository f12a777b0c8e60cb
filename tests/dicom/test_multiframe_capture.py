"""Multi-frame secondary capture: valid, playable, and honest about what holds for all frames."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pydicom
import pytest
import SimpleITK
from derived_objects import BARE, CREATED, REAL_SERIES, SOURCE, assert_valid

from prosector.dicom.codes import METHOD_DERIVATIONS
from prosector.dicom.derived import Derivation, derive_series, write_dicom
from prosector.dicom.multiframe_capture import build_multiframe_capture
from prosector.dicom.read import read_series
from prosector.errors import NoDicomSourceError, ParameterError
from prosector.model.camera import fit_camera, orientation_letters
from prosector.model.cine import Cine
from prosector.model.geometry import Geometry
from prosector.model.source import Source

GEOMETRY = Geometry((3, 20, 30), np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]])


def cine_of(count=5, size=(33, 25), turn_deg=20.0, view_angle_deg=0.0, **changes):
    """Noise, seen by a camera that turns; an odd number of bytes for an odd count."""
    frames = np.random.default_rng(1).integers(0, 256, (count, size[1], size[0], 3), dtype=np.uint8)
    fitted = [fit_camera(GEOMETRY, size, turn_deg * n, view_angle_deg=view_angle_deg) for n in range(count)]
    cameras = tuple(replace(camera, height_mm=40.0) for camera in fitted)
    letters = tuple(orientation_letters(camera) for camera in cameras)
    return replace(Cine(frames, 1000 / 12, cameras, "mip", "ct-bone", "rotate", letters), **changes)


def capture(source=SOURCE, cine=None, created=CREATED, **changes):
    settings = {
        "series": derive_series(SOURCE if not source.is_dicom else source, "MIP", created, recipe_sha256="ab"),
        "instance_number": 1,
        "description": "Maximum intensity projection, turning.",
        "codes": METHOD_DERIVATIONS["mip"],
    }
    return build_multiframe_capture(cine or cine_of(), source, Derivation(**(settings | changes)))


def written(tmp_path, dataset):
    file = tmp_path / "cine.dcm"
    write_dicom(file, dataset)
    assert_valid(file)
    return pydicom.dcmread(file)


@pytest.mark.parametrize("source", [SOURCE, BARE], ids=["full", "bare"])
def test_the_object_is_valid_and_others_read_its_frames(tmp_path, source):
    cine = cine_of()
    read = written(tmp_path, capture(source, cine))
    assert read.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7.4"
    assert read.NumberOfFrames == 5
    np.testing.assert_array_equal(read.pixel_array, cine.frames)
    image = SimpleITK.ReadImage(tmp_path / "cine.dcm")
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), cine.frames)
    assert read.StudyInstanceUID == source.study.instance_uid
    assert len(read.SourceImageSequence) == len(source.sop_instance_uids)
    assert read.ConversionType == "WSD"
    assert list(read.ImageType) == ["DERIVED", "SECONDARY"]
    assert "FrameOfReferenceUID" not in read


def test_viewers_are_told_how_to_play_it(tmp_path):
    read = written(tmp_path, capture())
    assert read.FrameIncrementPointer == pydicom.tag.Tag("FrameTime")
    assert float(read.FrameTime) == pytest.approx(1000 / 12)
    assert (read.CineRate, read.RecommendedDisplayFrameRate) == (12, 12)
    assert (read.StartTrim, read.StopTrim) == (1, 5)
    assert float(read.EffectiveDuration) == pytest.approx(5 / 12)
    assert read.PreferredPlaybackSequencing == 0
    assert capture(cine=cine_of(motion="rock")).PreferredPlaybackSequencing == 0
    assert capture(cine=cine_of(motion="sweep")).PreferredPlaybackSequencing == 1


def test_orientation_and_spacing_are_stated_where_they_hold_for_every_frame(tmp_path):
    turning = written(tmp_path, capture())
    assert not turning.PatientOrientation
    assert [float(v) for v in turning.PixelSpacing] == [1.6, 1.6]
    still = written(tmp_path, capture(cine=cine_of(turn_deg=0.0, motion="sweep")))
    assert list(still.PatientOrientation) == ["L", "F"]
    near = written(tmp_path, capture(cine=cine_of(view_angle_deg=30.0)))
    assert "PixelSpacing" not in near
    assert "PixelSpacingCalibrationType" not in near


@pytest.mark.parametrize(("burned", "said"), [(False, "NO"), (True, "YES")])
def test_burned_in_annotation_is_honest(tmp_path, burned, said):
    assert written(tmp_path, capture(cine=cine_of(burned_in_identity=burned))).BurnedInAnnotation == said


def test_one_frame_is_valid_too(tmp_path):
    read = written(tmp_path, capture(cine=cine_of(count=1)))
    assert read.NumberOfFrames == 1
    assert "FrameIncrementPointer" not in read


def test_same_work_same_bytes_and_other_work_other_uids(tmp_path):
    for name in ("a", "b"):
        write_dicom(tmp_path / name, capture())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    slower = cine_of(frame_time_ms=100.0)
    made = (capture(), capture(cine=slower), capture(instance_number=2), capture(created=CREATED + timedelta(hours=1)))
    assert len({dataset.SOPInstanceUID for dataset in made}) == 4


def test_supervision_is_stated():
    assert "Not made under physician supervision" in capture().DerivationDescription
    assert "supervision" not in capture(supervised=True).DerivationDescription


def test_what_cannot_be_written_is_refused():
    with pytest.raises(NoDicomSourceError, match=r"\.png"):
        capture(Source())
    with pytest.raises(ParameterError):
        capture(instance_number=0)
    with pytest.raises(ParameterError):
        capture(codes=())
    frame = np.broadcast_to(np.uint8(0), (1, 4096, 4096, 3))
    many = cine_of(count=90)
    object.__setattr__(many, "frames", np.broadcast_to(frame, (90, 4096, 4096, 3)))
    with pytest.raises(ParameterError, match="4 GiB"):
        capture(cine=many)


@pytest.mark.real_data
@pytest.mark.parametrize("folder", REAL_SERIES[:2])
def test_real_series_give_valid_objects_in_their_study(real_data, tmp_path, folder):
    volume = read_series(real_data / folder)
    read = written(tmp_path, capture(volume.source))
    assert read.StudyInstanceUID == volume.source.study.instance_uid
    assert len(read.SourceImageSequence) == volume.geometry.shape[0]
    np.testing.assert_array_equal(read.pixel_array, cine_of().frames)
