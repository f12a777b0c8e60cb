"""Secondary capture: valid, filed into the base study, honest about how it was made, and repeatable."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pydicom
import pytest
import SimpleITK
from derived_objects import BARE, CREATED, REAL_SERIES, SOURCE, assert_valid, with_acquisition
from pydicom.sr import _concepts_dict

from prosector.dicom.codes import ALL_CODES, MAXIMUM_INTENSITY_PROJECTION, METHOD_DERIVATIONS
from prosector.dicom.derived import Derivation, DerivedSeries, Workstation, derive_series, write_dicom
from prosector.dicom.read import read_series
from prosector.dicom.secondary_capture import build_secondary_capture
from prosector.dicom.uids import IMPLEMENTATION_CLASS_UID, derived_uid, random_uid
from prosector.errors import NoDicomSourceError, OutputError, ParameterError
from prosector.model.camera import Camera, fit_camera, orientation_letters
from prosector.model.geometry import Geometry
from prosector.model.rendering import Rendering
from prosector.model.source import Source
from prosector.model.structures import STRUCTURES

GEOMETRY = Geometry((3, 20, 30), np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]])


def rendering_of(geometry=GEOMETRY, size=(33, 25), azimuth=0.0, elevation=0.0):
    """Noise as seen by a camera; an odd number of bytes."""
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    camera = fit_camera(geometry, size, azimuth, elevation)
    return Rendering(pixels, camera, "mip", "ct-bone", orientation_letters(camera))


def series_of(source=SOURCE, created=CREATED, recipe="ab", **more):
    return derive_series(source, "MIP, bone", created, recipe_sha256=recipe, **more)


def capture(source=SOURCE, rendering=None, **changes):
    settings = {
        "series": changes.pop("series", None) or series_of(source),
        "instance_number": 1,
        "description": "Maximum intensity projection, anterior.",
        "codes": METHOD_DERIVATIONS["mip"],
    }
    return build_secondary_capture(rendering or rendering_of(), source, Derivation(**(settings | changes)))


def written(tmp_path, dataset):
    file = tmp_path / "capture.dcm"
    write_dicom(file, dataset)
    assert_valid(file)
    return pydicom.dcmread(file)


@pytest.mark.real_data
@pytest.mark.parametrize("folder", REAL_SERIES)
def test_real_series_give_valid_objects_in_their_study(real_data, tmp_path, folder):
    volume = read_series(real_data / folder)
    original = pydicom.dcmread(next(p for p in (real_data / folder).rglob("*") if _is_of(p, volume)))
    projection = volume.voxels.max(axis=1)
    grey = np.interp(projection, (projection.min(), projection.max()), (0, 255)).astype(np.uint8)
    camera = fit_camera(volume.geometry, grey.shape[::-1])
    rendering = Rendering(np.stack([grey] * 3, axis=2), camera, "mip", letters=orientation_letters(camera))
    read = written(tmp_path, capture(volume.source, rendering))
    np.testing.assert_array_equal(read.pixel_array, rendering.pixels)
    image = SimpleITK.ReadImage(tmp_path / "capture.dcm")
    np.testing.assert_array_equal(np.squeeze(SimpleITK.GetArrayFromImage(image)), rendering.pixels)
    for keyword in ("StudyInstanceUID", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate"):
        assert read.get(keyword) == original.get(keyword)
    assert read.SeriesInstanceUID != original.SeriesInstanceUID
    assert read.Modality == original.Modality
    uids = [item.ReferencedSOPInstanceUID for item in read.SourceImageSequence]
    assert uids == list(volume.source.sop_instance_uids)
    assert len(uids) == volume.geometry.shape[0]


def _is_of(path, volume):
    try:
        uid = pydicom.dcmread(path, stop_before_pixels=True).get("SOPInstanceUID")
        return uid == volume.source.sop_instance_uids[0]
    except (pydicom.errors.InvalidDicomError, IsADirectoryError):
        return False


def test_content_of_the_object(tmp_path):
    read = written(tmp_path, capture())
    assert read.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert read.ConversionType == "WSD"
    assert list(read.ImageType) == ["DERIVED", "SECONDARY"]
    assert read.SeriesNumber == 1001
    assert read.SeriesDescription == "3D MIP, bone"
    assert read.BurnedInAnnotation == "NO"
    assert read.LossyImageCompression == "00"
    assert (read.ContentDate, read.ContentTime) == ("20260304", "050607.000008")
    assert (read.InstanceCreationDate, read.InstanceCreationTime) == ("20260304", "050607.000008")
    code = read.DerivationCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113078", "DCM")
    item = read.SourceImageSequence[2]
    assert item.ReferencedSOPClassUID == SOURCE.sop_class_uid
    assert item.ReferencedSOPInstanceUID == "1.2.3.4.5.3"
    assert item.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert read.ReferencedSeriesSequence[0].SeriesInstanceUID == SOURCE.series_instance_uid
    assert read.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert "FrameOfReferenceUID" not in read
    np.testing.assert_array_equal(read.pixel_array, rendering_of().pixels)


def test_workstation_and_scanner_are_contributing_equipment(tmp_path):
    station = Workstation(station_name="WS-7", institution="Clinic")
    read = written(tmp_path, capture(series=series_of(workstation=station)))
    scanner, ours = read.ContributingEquipmentSequence
    assert scanner.PurposeOfReferenceCodeSequence[0].CodeValue == "109101"
    assert (scanner.Manufacturer, list(scanner.SoftwareVersions)) == ("Maker", ["1.0", "2.0"])
    assert ours.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert (ours.Manufacturer, ours.StationName, ours.InstitutionName) == ("Prosector", "WS-7", "Clinic")
    assert "independent workstation" in ours.ContributionDescription
    assert ours.ContributionDateTime == "20260304050607.000008+0000"
    assert read.StationName == "WS-7"


def test_a_source_without_optional_attributes_gives_a_valid_object(tmp_path):
    read = written(tmp_path, capture(BARE))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyID"):
        assert keyword in read
        assert not read[keyword].value
    assert [e.Manufacturer for e in read.ContributingEquipmentSequence] == ["Prosector"]


def test_names_beyond_ascii_survive(tmp_path):
    read = written(tmp_path, capture())
    assert read.SpecificCharacterSet == "ISO_IR 192"
    assert read.PatientName == "Müller^Jürgen"
    assert "SpecificCharacterSet" not in capture(BARE)


def test_orientation_and_spacing_follow_the_camera():
    anterior = capture(rendering=rendering_of())
    assert list(anterior.PatientOrientation) == ["L", "F"]
    left = capture(rendering=rendering_of(azimuth=90))
    assert list(left.PatientOrientation) == ["P", "F"]
    camera = Camera((0, 0, 0), (0, 1, 0), (0, 0, 1), 50.0)
    measured = capture(rendering=Rendering(np.zeros((25, 40, 3), np.uint8), camera, "mip"))
    assert [float(v) for v in measured.PixelSpacing] == [2.0, 2.0]
    assert list(measured.PatientOrientation) == ["L", "F"]  # from the camera where no letters were given
    assert measured.PixelSpacingCalibrationType == "GEOMETRY"
    assert "NominalScannedPixelSpacing" not in measured


def test_a_perspective_view_has_no_pixel_spacing(tmp_path):
    near = fit_camera(GEOMETRY, (40, 25), view_angle_deg=30.0)
    read = written(tmp_path, capture(rendering=Rendering(np.zeros((25, 40, 3), np.uint8), near, "volume")))
    assert "PixelSpacing" not in read
    assert "PixelSpacingCalibrationType" not in read


def test_a_picture_that_names_the_patient_says_so(tmp_path):
    named = replace(rendering_of(), burned_in_identity=True)
    assert written(tmp_path, capture(rendering=named)).BurnedInAnnotation == "YES"


@pytest.mark.parametrize(
    ("part", "side", "expected"),
    [
        ("CHEST", "", "absent"),
        ("chest", "", "absent"),
        ("HEAD", "L", "absent"),
        ("KNEE", "L", "L"),
        ("KNEE", "", ""),
        ("LUNG", "B", ""),
        ("", "", ""),
        ("", "R", "R"),
        ("THORAX", "", ""),
        ("Brust, nativ", "", ""),
    ],
)
def test_laterality_is_stated_only_where_it_is_known_and_means_something(tmp_path, part, side, expected):
    source = with_acquisition(SOURCE, body_part=part, laterality=side)
    assert written(tmp_path, capture(source)).get("Laterality", "absent") == expected


def test_dates_of_other_forms_are_brought_into_the_legal_one(tmp_path):
    patient = replace(SOURCE.patient, birth_date="1950.01.02", sex="male")
    study = replace(SOURCE.study, date="3 March", time="10:11:12", patient_age="76")
    read = written(tmp_path, capture(replace(SOURCE, patient=patient, study=study)))
    assert (read.PatientBirthDate, read.StudyTime) == ("19500102", "101112")
    assert not read.StudyDate
    assert not read.PatientSex
    assert "PatientAge" not in read


def test_descriptions_too_long_for_dicom_are_cut(tmp_path):
    equipment = replace(SOURCE.equipment, station_name="S" * 40, model="M" * 90)
    read = written(tmp_path, capture(replace(SOURCE, equipment=equipment), description="x" * 3000))
    assert len(read.DerivationDescription) == 1024
    assert read.DerivationDescription.endswith("Not made under physician supervision.")
    scanner = read.ContributingEquipmentSequence[0]
    assert (len(scanner.StationName), len(scanner.ManufacturerModelName)) == (16, 64)


def test_supervision_is_stated():
    assert "Not made under physician supervision" in capture().DerivationDescription
    assert "supervision" not in capture(supervised=True).DerivationDescription


def test_loss_of_the_source_stays_marked(tmp_path):
    source = with_acquisition(SOURCE, lossy_compression="01")
    assert written(tmp_path, capture(source)).LossyImageCompression == "01"


def test_a_multiframe_source_is_named_once(tmp_path):
    source = replace(SOURCE, sop_instance_uids=("1.2.3.4.5.1",))
    assert len(written(tmp_path, capture(source)).SourceImageSequence) == 1


def test_same_work_same_bytes_and_other_work_other_uids(tmp_path):
    for name in ("a", "b"):
        write_dicom(tmp_path / name, capture())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    first = capture()
    later = capture(series=series_of(created=CREATED + timedelta(seconds=1)))
    other = capture(series=series_of(recipe="cd"))
    turned = capture(rendering=rendering_of(azimuth=90))
    assert len({d.SeriesInstanceUID for d in (first, later, other)}) == 3
    assert len({d.SOPInstanceUID for d in (first, later, other, turned)}) == 4
    assert series_of(recipe=None).instance_uid != series_of(recipe=None).instance_uid
    assert capture(sop_instance_uid="1.2.9").SOPInstanceUID == "1.2.9"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (Source(), "(0020,000D) Study Instance UID"),
        (replace(SOURCE, sop_class_uid=""), "(0008,0016) SOP Class UID"),
        (replace(SOURCE, sop_instance_uids=("1.2", "")), "(0008,0018) SOP Instance UID"),
    ],
)
def test_a_source_that_is_not_dicom_is_refused_with_the_remedy(source, named):
    with pytest.raises(NoDicomSourceError) as caught:
        capture(source, series=series_of(SOURCE))
    assert named in str(caught.value)
    assert ".png" in str(caught.value)
    assert "Müller" not in str(caught.value)
    with pytest.raises(NoDicomSourceError):
        series_of(source)


def test_series_are_numbered_and_named_as_derived():
    with pytest.raises(ParameterError, match="1001 or above"):
        DerivedSeries("1.2", 1000, "3D", CREATED)
    with pytest.raises(ParameterError, match="begins with 3D"):
        DerivedSeries("1.2", 1001, "MIP", CREATED)
    with pytest.raises(ParameterError, match="not a UID"):
        DerivedSeries("series", 1001, "3D MIP", CREATED)
    assert len(derive_series(SOURCE, "x" * 100, CREATED, recipe_sha256="ab").description) == 64


def test_pictures_have_a_number_and_a_derivation():
    with pytest.raises(ParameterError):
        capture(instance_number=0)
    with pytest.raises(ParameterError):
        capture(codes=())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_dicom(tmp_path / "file" / "capture.dcm", capture())


def test_every_code_is_one_of_the_standard():
    known = defaultdict(set)
    for scheme, concepts in _concepts_dict.concepts.items():
        for values in concepts.values():
            for value, (meaning, _) in values.items():
                known[scheme, value].add(meaning)
    structures = [code for row in STRUCTURES.values() for code in (row.category, row.type)]
    for code in (*ALL_CODES, *structures):
        assert code.meaning in known[code.scheme, code.value], code
    assert MAXIMUM_INTENSITY_PROJECTION in ALL_CODES


def test_derived_uids_are_uuids_and_depend_on_every_part():
    uid = derived_uid("a", "bc")
    assert uid == derived_uid("a", "bc")
    assert uid != derived_uid("ab", "c")
    for value in (uid, random_uid()):
        assert pydicom.uid.UID(value).is_valid
        assert uuid.UUID(int=int(value.removeprefix("2.25."))).variant == uuid.RFC_4122
    assert uuid.UUID(int=int(uid.removeprefix("2.25."))).version == 8
    assert random_uid() != random_uid()
