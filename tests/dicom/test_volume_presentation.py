"""Presentation states of volume renderings: complete by the standard's tables, and the same view when read back."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from derived_objects import BARE, CREATED, SOURCE
from PIL import Image, ImageCms

from prosector.dicom.color_profile import srgb_profile
from prosector.dicom.derived import Derivation, derive_series, write_dicom
from prosector.dicom.volume_presentation import PresentedView, build_volume_presentation
from prosector.dicom.volume_presentation_read import read_volume_presentation
from prosector.errors import DicomInputError, ParameterError
from prosector.model.camera import Camera, fit_camera
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.region import ClipPlane, Region
from prosector.model.structures import structure
from prosector.model.transfer import Light, Shading, TransferFunction
from prosector.model.window import Window

AFFINE = np.array([[0, 0, 0.8, -90], [0.3, 0.7, 0, -80], [1.5, 0, 0, -700], [0, 0, 0, 1]])
GEOMETRY = Geometry((60, 200, 210), AFFINE, "1.2.3.9")
TRANSFER = TransferFunction(
    color=((-100.0, (0.2, 0.1, 0.0)), (150.0, (0.9, 0.4, 0.3)), (700.0, (1.0, 1.0, 0.9))),
    opacity=((50.0, 0.0), (180.0, 0.05), (600.0, 0.8)),
    shading=Shading(0.15, 0.7, 0.25, 20.0),
)
SIZE = (300, 200)
CAMERA = fit_camera(GEOMETRY, SIZE, 35.0, 15.0, 10.0, 1.3)
BOX = Region((-50.0, -60.0, -690.0), (40.0, 30.0, -630.0))
PLANES = (ClipPlane((1.0, 2.0, -650.0), (1.0, 1.0, 0.0)), ClipPlane((0.0, 0.0, -640.0), (0.0, 0.3, -2.0)))

TYPE_1 = """
SOPClassUID SOPInstanceUID Modality SeriesInstanceUID FrameOfReferenceUID Manufacturer ManufacturerModelName
DeviceSerialNumber SoftwareVersions InstanceNumber ContentLabel PresentationCreationDate PresentationCreationTime
VolumetricPresentationInputSetSequence VolumetricPresentationStateInputSequence GlobalCrop RenderProjection
ViewpointPosition ViewpointLookAtPoint ViewpointUpDirection RenderFieldOfView RenderingMethod PixelPresentation
VolumeStreamSequence ICCProfile ReferencedSeriesSequence
""".split()  # noqa: SIM905
"""Attributes that must be there with a value (PS3.3 A.80.2 and its modules)."""

INPUT_SET = ("VolumetricPresentationInputSetUID", "PresentationInputType", "ReferencedImageSequence")
INPUT = (
    "VolumetricPresentationInputNumber",
    "VolumetricPresentationInputSetUID",
    "Crop",
    "WindowCenter",
    "WindowWidth",
)
COMPONENT = ("ComponentType", "ComponentInputSequence", "RGBLUTTransferFunction", "AlphaLUTTransferFunction")


def view_of(**changes):
    return replace(PresentedView(CAMERA, SIZE, "volume", TRANSFER), **changes)


def presentation(view=None, source=SOURCE, supervised=False, **more):
    series = derive_series(source, "Views", CREATED, recipe_sha256="ab", number=1005)
    derivation = Derivation(series, 1, "Volume rendering.", supervised=supervised)
    return build_volume_presentation(view or view_of(), source, GEOMETRY, derivation, **more)


def written(tmp_path, dataset):
    """dciodvfy does not know this object; dcmtk must read every element of it."""
    file = tmp_path / "view.dcm"
    write_dicom(file, dataset)
    assert subprocess.run(["dcmftest", file], capture_output=True).returncode == 0
    dump = subprocess.run(["dcmdump", "-q", file], capture_output=True, text=True, errors="replace")
    assert dump.returncode == 0
    assert not dump.stderr
    return pydicom.dcmread(file)


def assert_same_camera(found, expected):
    np.testing.assert_allclose(found.center_lps, expected.center_lps, atol=1e-6)
    np.testing.assert_allclose(found.forward_lps, expected.forward_lps, atol=1e-9)
    np.testing.assert_allclose(found.up_lps, expected.up_lps, atol=1e-9)
    assert found.height_mm == pytest.approx(expected.height_mm, rel=1e-9)
    assert found.view_angle_deg == pytest.approx(expected.view_angle_deg, abs=1e-9)


@pytest.mark.parametrize("source", [SOURCE, BARE])
def test_everything_required_is_there(tmp_path, source):
    read = written(tmp_path, presentation(view_of(region=BOX), source))
    assert all(not read[keyword].is_empty for keyword in TYPE_1)
    (given,) = read.VolumetricPresentationInputSetSequence
    assert all(keyword in given for keyword in INPUT_SET)
    named = [item.ReferencedSOPInstanceUID for item in given.ReferencedImageSequence]
    assert named == list(source.sop_instance_uids)
    (shown,) = read.VolumetricPresentationStateInputSequence
    assert all(keyword in shown for keyword in INPUT)
    (stream,) = read.VolumeStreamSequence
    assert stream.VolumetricPresentationInputSetUID == given.VolumetricPresentationInputSetUID
    (component,) = stream.PresentationStateClassificationComponentSequence
    assert all(keyword in component for keyword in COMPONENT)
    assert list(component.AlphaPaletteColorLookupTableDescriptor) == [4096, 0, 16]
    assert (read.Modality, read.SOPClassUID) == ("PR", "1.2.840.10008.5.1.4.1.1.11.9")
    assert "supervision" in read.ContentDescription
    assert "supervision" not in presentation(supervised=True).ContentDescription


@pytest.mark.parametrize("angle", [0.0, 30.0])
@pytest.mark.parametrize("turn", [0.0, 90.0, 215.0])
def test_the_camera_comes_back(tmp_path, angle, turn):
    camera = fit_camera(GEOMETRY, SIZE, turn, -25.0, 40.0, 0.8, angle)
    read = read_volume_presentation(written(tmp_path, presentation(view_of(camera=camera))))
    assert_same_camera(read.camera, camera)
    assert read.size[0] / read.size[1] == pytest.approx(1.5, rel=1e-3)


def test_the_field_of_view_holds_the_volume():
    for camera in (
        CAMERA,
        fit_camera(GEOMETRY, SIZE, view_angle_deg=40.0),
        Camera((0, 0, 0), (0, 1, 0), (0, 0, 1), 10),
    ):
        made = presentation(view_of(camera=camera))
        depth = (GEOMETRY.corners_lps - np.array(made.ViewpointPosition)) @ camera.forward_lps
        left, right, top, bottom, near, far = made.RenderFieldOfView
        assert left == -right
        assert bottom == -top < 0
        assert 0 < near < far
        assert far > depth.max()
        assert near < max(depth.min(), 1.0 + 1e-6)


def test_the_transfer_function_comes_back(tmp_path):
    read = read_volume_presentation(written(tmp_path, presentation()))
    for step, tolerance in ((1.0, 1e-3), (0.5, 1e-3)):
        expected = TRANSFER.table(step, -300, 1200, 5000)
        assert np.abs(read.transfer.table(step, -300, 1200, 5000) - expected).max() < tolerance
    shading = read.transfer.shading
    assert (shading.ambient, shading.diffuse, shading.specular) == (0.15, 0.7, 0.25)
    assert shading.shininess == pytest.approx(20.0)
    np.testing.assert_allclose(shading.lights[0].direction, (0, 0, 1), atol=1e-12)
    assert read.window is None


def test_light_travels_away_from_its_source():
    side = replace(TRANSFER, shading=Shading(lights=(Light((1.0, 0.0, 0.0)),)))
    made = presentation(view_of(transfer=side))
    np.testing.assert_allclose(made.LightDirection, -CAMERA.right_lps, atol=1e-12)
    assert "without lights" in made.ContentDescription
    np.testing.assert_allclose(
        read_volume_presentation(made).transfer.shading.lights[0].direction, (1, 0, 0), atol=1e-9
    )


def test_unshaded_views_have_no_shading_and_gradients_are_said_to_be_left_out(tmp_path):
    assert "ShadingStyle" not in presentation(view_of(transfer=replace(TRANSFER, shading=None)))
    steep = replace(TRANSFER, gradient_opacity=((0.0, 0.0), (50.0, 1.0)))
    made = written(tmp_path, presentation(view_of(transfer=steep)))
    assert "without gradient opacity" in made.ContentDescription
    assert made.private_creators(0x0071) == ["PROSECTOR"]  # kept for ourselves
    assert read_volume_presentation(made).transfer.gradient_opacity == steep.gradient_opacity
    assert not [e for e in presentation().iterall() if e.tag.is_private]


@pytest.mark.parametrize("region", [BOX, replace(BOX, planes=PLANES), Region(planes=PLANES[:1]), Region()])
def test_the_region_comes_back(tmp_path, region):
    made = written(tmp_path, presentation(view_of(region=region)))
    read = read_volume_presentation(made).region or Region()
    points = GEOMETRY.to_lps(np.random.default_rng(4).uniform(0, 1, (4000, 3)) * np.array(GEOMETRY.shape))
    assert np.array_equal(kept(region, points), kept(read, points))
    assert made.GlobalCrop == ("YES" if region.planes or region.crop_low_lps else "NO")
    if region.planes:
        assert 0 < kept(region, points).mean() < 1


def kept(region, points):
    """Which LPS points a region keeps, worked out without it."""
    inside = np.ones(len(points), dtype=bool)
    if region.crop_low_lps:
        inside &= np.all((points >= region.crop_low_lps) & (points <= region.crop_high_lps), axis=1)
    for plane in region.planes:
        inside &= (points - plane.point_lps) @ np.array(plane.normal_lps) >= -1e-9
    return inside


def test_normals_of_cropping_planes_point_outside():
    made = presentation(view_of(region=Region(planes=PLANES[:1])))
    item = made.VolumeCroppingSequence[0].ObliqueCroppingPlaneSequence[0]
    np.testing.assert_allclose(item.PlaneNormal, [-(0.5**0.5), -(0.5**0.5), 0])
    assert np.dot(item.Plane[:3], PLANES[0].point_lps) + item.Plane[3] == pytest.approx(0)


@pytest.mark.parametrize(("method", "term"), [("mip", "MAXIMUM_IP"), ("minip", "MINIMUM_IP")])
def test_projections_keep_their_window(tmp_path, method, term):
    window = Window(300.0, 900.0)
    made = written(tmp_path, presentation(view_of(method=method, transfer=None, window=window)))
    assert made.RenderingMethod == term
    read = read_volume_presentation(made)
    assert (read.method, read.window, read.transfer) == (method, window, None)


def test_what_cannot_be_said_is_refused():
    labels = LabelMap(np.ones(GEOMETRY.shape, np.uint8), GEOMETRY, (Segment(1, "bone", structure("bone")),))
    for changes in ({"method": "average"}, {"transfer": None}, {"method": "mip"}, {"region": Region(labels=labels)}):
        with pytest.raises(ParameterError):
            presentation(view_of(**changes))


def test_other_objects_are_not_read():
    made = presentation(view_of(region=BOX))
    made.VolumeCroppingSequence[0].VolumeCroppingMethod = "INCLUDE_SEG"
    with pytest.raises(DicomInputError, match="INCLUDE_SEG"):
        read_volume_presentation(made)
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    with pytest.raises(DicomInputError, match="0008,0016"):
        read_volume_presentation(made)


def test_same_view_same_bytes_and_other_views_other_uids(tmp_path):
    for name in ("a", "b"):
        write_dicom(tmp_path / name, presentation())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    views = (view_of(), view_of(region=BOX), view_of(camera=fit_camera(GEOMETRY, SIZE)), view_of(size=(200, 200)))
    assert len({presentation(v).SOPInstanceUID for v in views}) == 4


def test_the_colour_profile_is_srgb():
    ours = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert ours.profile.xcolor_space.strip() == "RGB"
    change = ImageCms.buildTransform(ours, ImageCms.createProfile("sRGB"), "RGB", "RGB")

    levels = np.random.default_rng(5).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(levels), change)).astype(int)
    assert np.abs(moved - levels).max() <= 1
