"""What a recipe writes as DICOM: every kind valid, each in a series of its own, and views that render again."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pydicom
import pytest
from derived_objects import CREATED, EXPECTED_WARNINGS, assert_valid
from pydicom.pixels import apply_rescale

from prosector.dicom.codes import KEY_IMAGES, METHOD_DERIVATIONS
from prosector.dicom.derived import Derivation, derive_series, write_dicom
from prosector.dicom.derived_image import GREY_METHODS, build_derived_image
from prosector.dicom.encapsulated import DocumentState, build_encapsulated_pdf
from prosector.dicom.key_objects import build_key_objects
from prosector.dicom.read import read_series
from prosector.dicom.report_references import reference_of
from prosector.dicom.structured_report import ReportContent, Section, build_structured_report
from prosector.dicom.volume_presentation_read import read_volume_presentation
from prosector.errors import ParameterError, UsageError
from prosector.model.camera import fit_camera
from prosector.model.window import Window
from prosector.pipeline.export import Provenance, check_outputs, write_outputs, write_value
from prosector.pipeline.objects import VALUED
from prosector.pipeline.recipes import parse_recipe
from prosector.pipeline.run import run
from prosector.rendering.projection import project
from prosector.rendering.volume import render_volume

SMALL = {"width": 96, "height": 72, "annotate": False, "azimuth_deg": 40.0, "elevation_deg": 15.0}
CUT = {"crop_lps": [-70, -50, -70, 60, 40, 60], "clip_planes": [0, 0, 20, 0.2, 0, -1]}
NEAR = {"view_angle_deg": 20.0}
LINE = {"kind": "distance", "points_lps": [0, 0, 0, 10, 20, 30], "name": "gap"}
STEPS = [
    {"id": "mip", "operation": "mip", "inputs": {"volume": "source"}, "parameters": {**SMALL, **CUT}},
    {
        "id": "solid",
        "operation": "volume",
        "inputs": {"volume": "source"},
        "parameters": {**SMALL, "view_angle_deg": 20},
    },
    {"id": "plane", "operation": "mpr", "inputs": {"volume": "source"}, "parameters": {**SMALL, "thickness_mm": 9}},
    {"id": "film", "operation": "cine-mip", "inputs": {"volume": "source"}, "parameters": {**SMALL, "frames": 2}},
    {"id": "bone", "operation": "segment-bone", "inputs": {"volume": "source"}},
    {"id": "mesh", "operation": "extract-label-mesh", "inputs": {"labels": "bone"}},
    {"id": "sizes", "operation": "measure-points", "inputs": {"volume": "source"}, "parameters": LINE},
]
FILES = {
    "mip": ("mip.dcm", "mip.image.dcm", "mip.view.dcm"), "solid": ("solid.dcm", "solid.view.dcm"),
    "plane": ("plane.image.dcm",), "film": ("film.dcm",), "bone": ("bone.dcm",), "mesh": ("mesh.dcm",),
    "sizes": ("sizes.dcm",),
}  # fmt: skip
OUTPUTS = [{"step": step, "file": file} for step, files in FILES.items() for file in files]


@pytest.fixture(scope="module")
def result(small_ct):
    return run(small_ct, parse_recipe({"name": "objects", "steps": STEPS, "outputs": OUTPUTS}))


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    place = tmp_path_factory.mktemp("objects")
    write_outputs(result, place)
    return place


def test_every_object_is_valid(folder):
    for file in sorted(folder.iterdir()):
        if not file.name.endswith(".view.dcm"):  # dciodvfy does not know that one
            assert_valid(file)


def test_each_kind_in_a_series_of_its_own(folder, small_ct):
    read = {file.name: pydicom.dcmread(file) for file in folder.iterdir()}
    numbers = {name: (int(d.SeriesNumber), int(d.InstanceNumber)) for name, d in read.items()}
    assert numbers == {
        "mip.dcm": (1001, 1), "solid.dcm": (1001, 2), "bone.dcm": (1002, 1), "mip.image.dcm": (1003, 1),
        "plane.image.dcm": (1003, 2), "mesh.dcm": (1004, 1), "mip.view.dcm": (1005, 1), "solid.view.dcm": (1005, 2),
        "sizes.dcm": (1006, 1), "film.dcm": (1007, 1),
    }  # fmt: skip
    assert {d.StudyInstanceUID for d in read.values()} == {small_ct.source.study.instance_uid}
    assert len({d.SeriesInstanceUID for d in read.values()}) == 7
    frames = {d.FrameOfReferenceUID for d in read.values() if "FrameOfReferenceUID" in d}
    assert frames == {small_ct.geometry.frame_of_reference_uid}


def test_objects_without_a_mark_in_the_picture_say_it_in_their_series(folder):
    for name in ("mip.image.dcm", "mip.view.dcm", "mesh.dcm", "sizes.dcm"):
        assert pydicom.dcmread(folder / name).SeriesDescription.startswith("3D NOT SUPERVISED objects")


def test_images_hold_the_values_window_and_slab(folder, result):
    read = pydicom.dcmread(folder / "plane.image.dcm")
    expected = result.values["plane"].values
    seen = np.isfinite(expected)
    assert np.abs(apply_rescale(read.pixel_array, read) - expected)[seen].max() <= 0.5
    assert read.SliceThickness == 9
    settings = next(s for s in result.trace.steps if s.id == "plane").parameters
    assert float(read.WindowCenter) == pytest.approx(settings["window_center"])
    assert pydicom.dcmread(folder / "mip.image.dcm").SliceThickness is None


def test_a_view_renders_to_the_same_picture_again(folder, result, small_ct):
    view = read_volume_presentation(pydicom.dcmread(folder / "solid.view.dcm"))
    again = render_volume(small_ct, view.camera, (96, 72), view.transfer)
    off = np.abs(again.pixels.astype(int) - result.values["solid"].pixels)
    assert np.percentile(off, 99.9) <= 2
    assert result.values["solid"].pixels.std() > 20
    view = read_volume_presentation(pydicom.dcmread(folder / "mip.view.dcm"))
    again = project(small_ct, view.camera, (96, 72), "mip", view.window, view.region)
    off = np.abs(again.pixels.astype(int) - result.values["mip"].pixels)
    assert np.percentile(off, 99.5) <= 1
    assert result.values["mip"].pixels.std() > 20


def test_written_twice_the_bytes_are_the_same(folder, result, tmp_path):
    write_outputs(result, tmp_path)
    for file in folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("average", {}),
        ("surface", {}),
        ("mip", {"inputs": {"volume": "source", "labels": "bone"}}),
        ("mip", {"inputs": {"volume": "kept"}}),
        ("volume", {"parameters": {"cinematic": True}}),
    ],
)
def test_views_that_others_could_not_render_are_refused_before_anything_is_computed(operation, more):
    kept = {"id": "kept", "operation": "keep-inside", "inputs": {"volume": "source", "labels": "bone"}}
    bone = {"id": "bone", "operation": "segment-bone", "inputs": {"volume": "source"}}
    step = {"id": "last", "operation": operation, "inputs": {"volume": "source"}} | more
    outputs = [{"step": "last", "file": "a.view.dcm"}]
    recipe = parse_recipe({"name": "x", "steps": [bone, kept, step], "outputs": outputs})
    with pytest.raises(UsageError, match=r"a\.view\.dcm"):
        check_outputs(recipe)


@pytest.mark.parametrize(("operation", "parameters"), [("volume", {}), ("sum", {}), ("mip", NEAR)])
def test_pictures_without_values_are_no_images(operation, parameters):
    step = {"id": "last", "operation": operation, "inputs": {"volume": "source"}, "parameters": parameters}
    recipe = parse_recipe({"name": "x", "steps": [step], "outputs": [{"step": "last", "file": "a.image.dcm"}]})
    with pytest.raises(UsageError, match=r"a\.image\.dcm"):
        check_outputs(recipe)
    assert VALUED == GREY_METHODS


def test_an_object_needs_what_stands_behind_it(result, tmp_path):
    with pytest.raises(UsageError, match="provenance"):
        write_value(tmp_path / "a.image.dcm", result.values["mip"])
    bare = Provenance(result.source, "x", "ab", "", datetime.now(UTC))
    with pytest.raises(ParameterError, match="window"):
        write_value(tmp_path / "a.image.dcm", result.values["mip"], bare)


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["ct_skull_phantom_tilt", "mr_brain_mprage"])
def test_real_headers_give_valid_objects(real_data, tmp_path, folder):
    """Identity and acquisition as scanners write them, a gantry tilt among them."""
    volume = read_series(real_data / folder)
    source = volume.source
    camera = fit_camera(volume.geometry, (60, 40), 30.0, 10.0)
    picture = project(volume, camera, (60, 40), "mip")
    names = ("values", "report", "PDF", "keys")
    series = [derive_series(source, name, CREATED, recipe_sha256="ab", number=1003) for name in names]
    told = [Derivation(each, 1, "MIP.", METHOD_DERIVATIONS["mip"]) for each in series]
    image = build_derived_image(picture, source, volume.geometry, told[0], Window(300, 600))
    named = [reference_of(image)]
    content = ReportContent(sections=(Section(KEY_IMAGES, images=tuple(named)),))
    made = (
        image,
        build_structured_report(content, source, told[1]),
        build_encapsulated_pdf(b"%PDF-1.4\n%%EOF", source, told[2], DocumentState("3D"), named),
        build_key_objects(named, source, told[3]),
    )
    rescaled = ("is not present in standard DICOM IOD", "contains attributes not present") * (source.modality == "MR")
    for number, dataset in enumerate(made):
        write_dicom(tmp_path / f"{number}.dcm", dataset)
        assert_valid(tmp_path / f"{number}.dcm", (*EXPECTED_WARNINGS, *rescaled))
    read = pydicom.dcmread(tmp_path / "0.dcm")
    seen = np.isfinite(picture.values)
    assert np.abs(apply_rescale(read.pixel_array, read) - picture.values)[seen].max() <= 0.5
