"""Grey projections as CT and MR images: values, window and lengths survive, and the plane is where it was."""

from __future__ import annotations

from dataclasses import replace

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK
from derived_objects import BARE, CREATED, EXPECTED_WARNINGS, SOURCE, assert_valid
from pydicom.pixels import apply_rescale

from prosector.dicom.codes import METHOD_DERIVATIONS
from prosector.dicom.derived import Derivation, derive_series, write_dicom
from prosector.dicom.derived_image import build_derived_image
from prosector.errors import InputError, NoDicomSourceError, ParameterError
from prosector.model.camera import Camera, fit_camera
from prosector.model.geometry import Geometry
from prosector.model.rendering import INTERACTIVE, Rendering
from prosector.model.source import Source
from prosector.model.window import Window

GEOMETRY = Geometry((3, 20, 30), np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]], "1.2.3.9")
WINDOW = Window(300.0, 1500.0)
MR = replace(SOURCE, modality="MR", sop_class_uid="1.2.840.10008.5.1.4.1.1.4")

MR_WARNINGS = (*EXPECTED_WARNINGS, "is not present in standard DICOM IOD", "Dicom dataset contains attributes not")
"""MR Image has no Modality LUT; the two attributes are a Standard Extended SOP Class."""


def rendering_of(low=-900.0, high=1400.0, method="mip", size=(33, 25), azimuth=30.0, **changes):
    values = np.random.default_rng(2).uniform(low, high, (size[1], size[0])).astype(np.float32)
    values[:3] = np.nan
    camera = fit_camera(GEOMETRY, size, azimuth, 20.0)
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    return replace(Rendering(pixels, camera, method, values=values), **changes)


def image_of(rendering=None, source=SOURCE, thickness_mm=None, **changes):
    rendering = rendering or rendering_of()
    codes = METHOD_DERIVATIONS[rendering.method]
    series = derive_series(source, "MIP", CREATED, recipe_sha256="ab", number=1003)
    derivation = Derivation(series, 1, "Maximum intensity projection.", codes, **changes)
    return build_derived_image(rendering, source, GEOMETRY, derivation, WINDOW, thickness_mm)


def written(tmp_path, dataset, allowed=EXPECTED_WARNINGS):
    file = tmp_path / "image.dcm"
    write_dicom(file, dataset)
    assert_valid(file, allowed)
    return pydicom.dcmread(file)


def test_values_come_back_in_modality_units(tmp_path):
    rendering = rendering_of()
    read = written(tmp_path, image_of(rendering))
    values = apply_rescale(read.pixel_array, read)
    missed = np.isnan(rendering.values)
    assert np.abs(values - rendering.values)[~missed].max() <= 0.5
    assert set(read.pixel_array[missed].tolist()) == {read.PixelPaddingValue}
    assert read.PixelPaddingValue not in read.pixel_array[~missed]
    assert (read.WindowCenter, read.WindowWidth, read.VOILUTFunction) == (300, 1500, "LINEAR_EXACT")
    assert (read.RescaleType, read.SOPClassUID) == ("HU", pydicom.uid.CTImageStorage)
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(tmp_path / "image.dcm"))[0]
    assert np.abs(image - rendering.values)[~missed].max() <= 0.5
    assert highdicom.imread(tmp_path / "image.dcm").pixel_array.shape == (25, 33)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.9), (-40000.0, 90000.0), (7.0, 7.0)])
def test_values_of_other_ranges_are_scaled(tmp_path, low, high):
    rendering = rendering_of(low, high)
    read = written(tmp_path, image_of(rendering))
    values = apply_rescale(read.pixel_array, read)
    assert np.nanmax(np.abs(values - rendering.values)) <= max((high - low) / 65000, 1e-5)


def test_the_plane_is_that_of_the_projection(tmp_path):
    rendering = rendering_of()
    read = written(tmp_path, image_of(rendering))
    camera = rendering.camera
    row, column = np.array(read.ImageOrientationPatient, float).reshape(2, 3)
    spacing = np.array(read.PixelSpacing, float)
    middle = np.array(read.ImagePositionPatient, float) + row * spacing[1] * 16 + column * spacing[0] * 12
    np.testing.assert_allclose(middle, camera.center_lps, atol=1e-6)
    np.testing.assert_allclose(np.cross(row, column), camera.forward_lps, atol=1e-6)
    np.testing.assert_allclose(spacing, rendering.pixel_spacing_mm)
    assert read.FrameOfReferenceUID == "1.2.3.9"
    assert read.SliceThickness is None
    assert written(tmp_path, image_of(rendering, thickness_mm=12.5)).SliceThickness == 12.5


def test_it_says_what_it_is(tmp_path):
    read = written(tmp_path, image_of())
    assert list(read.ImageType) == ["DERIVED", "SECONDARY", "PROJECTION IMAGE", "MIP"]
    assert read.DerivationCodeSequence[0].CodeValue == "113078"
    assert read.DerivationDescription.endswith("Not made under physician supervision.")
    assert "ray" in read.ImageComments
    assert read.BurnedInAnnotation == "NO"
    assert [i.ReferencedSOPInstanceUID for i in read.SourceImageSequence] == list(SOURCE.sop_instance_uids)
    reformat = written(tmp_path, image_of(rendering_of(method="mpr")))
    assert "ImageComments" not in reformat


def test_mr_images_too(tmp_path):
    read = written(tmp_path, image_of(rendering_of(0, 2000), MR), MR_WARNINGS)
    assert read.SOPClassUID == pydicom.uid.MRImageStorage
    assert list(read.ImageType) == ["DERIVED", "SECONDARY", "PROJECTION IMAGE", "MIP"]
    assert np.nanmax(np.abs(apply_rescale(read.pixel_array, read) - rendering_of(0, 2000).values)) <= 0.5


def test_a_bare_source_gives_a_valid_image(tmp_path):
    assert written(tmp_path, image_of(source=BARE)).KVP is None


def test_same_work_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_dicom(tmp_path / name, image_of())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"camera": Camera((0, 0, 0), (0, 1, 0), (0, 0, 1), 50.0, 30.0)},
        {"method": "volume"},
        {"method": "sum"},
        {"method": "curved-mpr"},
        {"values": None},
        {"values": np.full((25, 33), np.nan, np.float32)},
    ],
)
def test_what_has_no_value_or_place_is_refused(changes):
    with pytest.raises(ParameterError):
        image_of(rendering_of(**changes))


def test_other_sources_are_refused():
    with pytest.raises(ParameterError, match="CT and MR"):
        image_of(source=replace(SOURCE, modality="PT"))
    with pytest.raises(InputError, match="interactive"):
        image_of(rendering_of(tier=INTERACTIVE))
    derivation = Derivation(derive_series(SOURCE, "MIP", CREATED, recipe_sha256="ab"), codes=METHOD_DERIVATIONS["mip"])
    with pytest.raises(NoDicomSourceError):
        build_derived_image(rendering_of(), Source(modality="CT"), GEOMETRY, derivation, WINDOW)
