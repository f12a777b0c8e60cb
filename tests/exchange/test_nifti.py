"""NIfTI: the same voxels at the same places for everyone who reads them, and labels that keep their names."""

from __future__ import annotations

import gzip
from dataclasses import replace
from itertools import permutations, product

import nibabel
import numpy as np
import pytest
import SimpleITK

from prosector.dicom.read import read_series
from prosector.errors import FileFormatError, GeometryError, OutputError, ParameterError
from prosector.exchange.nifti import read_labels_nifti, write_labels_nifti, write_volume_nifti
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.source import Patient, Source
from prosector.model.structures import structure
from prosector.model.volume import Volume

BONE = Segment(1, "bone", structure("bone"), "AUTOMATIC", "hysteresis threshold")
LESION = Segment(300, "lésion", structure("lesion"), "MANUAL")
LPS_FROM_RAS = np.diag([-1, -1, 1, 1])


def grid(shear_mm=0.0, turn=True):
    """A grid of three different sizes and steps, turned in space."""
    axes = np.diag([2.5, 0.8, 0.7])[[2, 1, 0]]
    axes[1, 0] = shear_mm
    if turn:
        axes = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0] @ axes
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (-101.3, 20.1, 433.3)
    return Geometry((3, 7, 5), affine)


def labels_on(geometry, segments=(BONE, LESION), dtype=np.uint16):
    choices = [0, *(s.number for s in segments)]
    labels = np.random.default_rng(3).choice(choices, size=geometry.shape).astype(dtype)
    return LabelMap(labels, geometry, tuple(segments))


def assert_same_places(file, array, geometry):
    """SimpleITK (LPS) and nibabel (RAS) find the values of some voxels where the grid puts them."""
    itk, ras = SimpleITK.ReadImage(file), nibabel.load(file)
    for k, j, i in ((0, 0, 0), (1, 3, 2), tuple(n - 1 for n in geometry.shape)):
        point = geometry.to_lps((k, j, i))
        np.testing.assert_allclose(itk.TransformIndexToPhysicalPoint((i, j, k)), point, atol=1e-3)
        assert itk.GetPixel(i, j, k) == array[k, j, i]
        np.testing.assert_allclose((LPS_FROM_RAS @ ras.affine @ (i, j, k, 1))[:3], point, atol=1e-3)
        assert ras.dataobj[i, j, k] == array[k, j, i]
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(itk), array)


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["ct_abdomen_portal", "mr_brain_mprage"])
def test_real_series_lie_where_other_readers_put_them(real_data, tmp_path, folder):
    volume = read_series(real_data / folder)
    write_volume_nifti(tmp_path / "volume.nii.gz", volume)
    assert_same_places(tmp_path / "volume.nii.gz", volume.voxels, volume.geometry)
    packed = (tmp_path / "volume.nii.gz").read_bytes()
    for secret in (volume.source.patient.name, volume.source.patient.id, volume.source.study.instance_uid):
        assert secret
        assert secret.encode() not in gzip.decompress(packed)


@pytest.mark.real_data
def test_a_tilted_series_keeps_its_shear(real_data, tmp_path):
    volume = read_series(real_data / "ct_skull_phantom_tilt")
    bone = LabelMap((volume.voxels > 300).astype(np.uint8), volume.geometry, (BONE,))
    write_labels_nifti(tmp_path / "bone.nii.gz", bone)
    image = nibabel.load(tmp_path / "bone.nii.gz")
    last = tuple(n - 1 for n in volume.geometry.shape)
    np.testing.assert_allclose(
        (LPS_FROM_RAS @ image.affine @ (*last[::-1], 1))[:3], volume.geometry.to_lps(last), atol=1e-3
    )
    read = read_labels_nifti(tmp_path / "bone.nii.gz", volume.geometry)
    np.testing.assert_array_equal(read.labels, bone.labels)


@pytest.mark.real_data
def test_labels_of_another_program_land_on_their_anatomy(real_data):
    volume = read_series(real_data / "chest_cta" / "dicom")
    labels = read_labels_nifti(real_data / "chest_cta" / "labels.nii.gz", volume.geometry)
    assert len(labels.segments) == 89
    assert labels.segments[0].structure.name == "unspecified tissue"
    values = {name: volume.voxels[labels.mask(f"label {name}")] for name in (52, 30)}
    assert 300 < np.median(values[52]) < 500  # the aorta holds contrast medium
    assert 150 < np.median(values[30]) < 500  # a vertebra
    left, right = (np.argwhere(labels.mask(f"label {n}")).mean(axis=0) for n in (97, 109))  # ribs
    assert volume.geometry.to_lps(left)[0] > volume.geometry.to_lps(right)[0] + 50


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.nii"])
def test_labels_round_trip_with_their_legend(tmp_path, name):
    labelmap = labels_on(grid())
    write_labels_nifti(tmp_path / name, labelmap)
    read = read_labels_nifti(tmp_path / name, labelmap.geometry)
    np.testing.assert_array_equal(read.labels, labelmap.labels)
    assert read.labels.dtype == labelmap.labels.dtype
    assert read.segments == labelmap.segments
    assert_same_places(tmp_path / name, labelmap.labels, labelmap.geometry)


def test_header_says_millimetres_scanner_space_and_labels(tmp_path):
    write_labels_nifti(tmp_path / "labels.nii.gz", labels_on(grid()))
    header = nibabel.load(tmp_path / "labels.nii.gz").header
    assert header.get_xyzt_units()[0] == "mm"
    assert (header["sform_code"], header["qform_code"]) == (1, 1)
    assert header.get_intent()[0] == "label"
    assert header.get_data_dtype() == np.uint16
    np.testing.assert_allclose(header.get_zooms(), (0.7, 0.8, 2.5), rtol=1e-6)


def test_a_shear_is_in_the_sform_alone(tmp_path):
    labelmap = labels_on(grid(shear_mm=0.9))
    write_labels_nifti(tmp_path / "labels.nii.gz", labelmap)
    image = nibabel.load(tmp_path / "labels.nii.gz")
    assert (image.header["sform_code"], image.header["qform_code"]) == (1, 0)
    expected = LPS_FROM_RAS @ labelmap.geometry.affine[:, [2, 1, 0, 3]]
    np.testing.assert_allclose(image.affine, expected, atol=1e-4)
    np.testing.assert_allclose(image.header.get_zooms(), labelmap.geometry.spacing_mm[::-1], rtol=1e-6)
    np.testing.assert_array_equal(
        read_labels_nifti(tmp_path / "labels.nii.gz", labelmap.geometry).labels, labelmap.labels
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_volumes_keep_their_numbers(tmp_path, dtype):
    voxels = np.random.default_rng(2).integers(0, 200, (3, 7, 5)).astype(dtype)
    if dtype != np.uint8:
        voxels *= 100
    volume = Volume(voxels - dtype(1) if dtype != np.uint8 else voxels, grid())
    write_volume_nifti(tmp_path / "volume.nii.gz", volume)
    image = nibabel.load(tmp_path / "volume.nii.gz")
    assert image.get_data_dtype() == dtype
    assert (image.dataobj.slope, image.dataobj.inter) == (1, 0)
    assert_same_places(tmp_path / "volume.nii.gz", volume.voxels, volume.geometry)


def test_same_labels_same_bytes_and_no_identity(tmp_path):
    labelmap = labels_on(grid())
    for name in ("first.nii.gz", "second.nii.gz"):
        write_labels_nifti(tmp_path / name, labelmap)
    first = (tmp_path / "first.nii.gz").read_bytes()
    assert first == (tmp_path / "second.nii.gz").read_bytes()
    assert first[4:8] == b"\0\0\0\0"  # no time (RFC 1952)
    volume = Volume(np.zeros((3, 7, 5), np.int16), grid(), source=Source(patient=Patient("Doe^Jane", "PID-7")))
    write_volume_nifti(tmp_path / "volume.nii", volume)
    written = (tmp_path / "volume.nii").read_bytes()
    assert b"Doe" not in written
    assert b"PID-7" not in written


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_axes_in_any_order_and_direction_are_brought_back(tmp_path, order):
    labelmap = labels_on(grid())
    write_labels_nifti(tmp_path / "labels.nii", labelmap)
    stored = nibabel.load(tmp_path / "labels.nii")
    for flips in product((1, -1), repeat=3):
        turned = stored.as_reoriented(np.column_stack([order, flips]))
        nibabel.Nifti1Image(np.asarray(turned.dataobj), turned.affine).to_filename(tmp_path / "turned.nii")
        read = read_labels_nifti(tmp_path / "turned.nii", labelmap.geometry)
        np.testing.assert_array_equal(read.labels, labelmap.labels)


def test_labels_without_a_legend_are_named_plainly(tmp_path):
    geometry = grid()
    labels = labels_on(geometry).labels
    other = nibabel.Nifti1Image(labels.T.astype(np.float64), LPS_FROM_RAS @ geometry.affine[:, [2, 1, 0, 3]])
    other.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, b"made by hand"))
    other.to_filename(tmp_path / "other.nii.gz")
    read = read_labels_nifti(tmp_path / "other.nii.gz", geometry)
    np.testing.assert_array_equal(read.labels, labels)
    assert [(s.number, s.name, s.structure.name) for s in read.segments] == [
        (1, "label 1", "unspecified tissue"),
        (300, "label 300", "unspecified tissue"),
    ]
    assert {s.algorithm_name for s in read.segments} == {"imported, not stated"}


@pytest.mark.parametrize("change", ["moved", "finer", "cropped", "sheared"])
def test_another_grid_is_refused(tmp_path, change):
    labelmap = labels_on(grid())
    affine = np.array(labelmap.geometry.affine)
    geometry = {
        "moved": lambda: replace(labelmap.geometry, affine=affine + np.eye(4)[[0]].T @ [[0, 0, 0, 0.1]]),
        "finer": lambda: replace(labelmap.geometry, affine=affine @ np.diag([1, 0.9, 1, 1])),
        "cropped": lambda: replace(labelmap.geometry, shape=(3, 7, 4)),
        "sheared": lambda: grid(shear_mm=0.9),
    }[change]()
    write_labels_nifti(tmp_path / "labels.nii.gz", labelmap)
    with pytest.raises(GeometryError, match="made from the same series"):
        read_labels_nifti(tmp_path / "labels.nii.gz", geometry)


def test_rounding_of_other_programs_is_forgiven(tmp_path):
    labelmap = labels_on(grid())
    write_labels_nifti(tmp_path / "labels.nii.gz", labelmap)
    rounded = replace(labelmap.geometry, affine=np.round(labelmap.geometry.affine, 2))
    read = read_labels_nifti(tmp_path / "labels.nii.gz", rounded)
    assert read.geometry is rounded
    np.testing.assert_array_equal(read.labels, labelmap.labels)


def stored(tmp_path, array):
    nibabel.Nifti1Image(array, np.eye(4)).to_filename(tmp_path / "image.nii.gz")
    return tmp_path / "image.nii.gz"


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.full((5, 7, 3), 0.5, np.float32), "whole numbers"),
        (np.full((5, 7, 3), -1, np.int16), "from 0 to 65535; found -1"),
        (np.full((5, 7, 3), 70000, np.int32), "from 0 to 65535"),
        (np.full((5, 7, 3), np.nan, np.float32), "from 0 to 65535"),
        (np.zeros((5, 7, 3, 2), np.uint8), "three-dimensional"),
        (np.zeros((5, 7, 3), np.complex64), "whole numbers"),
    ],
)
def test_images_that_are_no_labels_are_refused(tmp_path, array, said):
    with pytest.raises(FileFormatError, match=said):
        read_labels_nifti(stored(tmp_path, array), grid())


def test_files_that_are_no_nifti_are_refused(tmp_path):
    geometry = grid()
    for name in ("text.nii", "text.nii.gz", "text.txt"):
        (tmp_path / name).write_text("no image")
        with pytest.raises(FileFormatError, match="NIfTI file"):
            read_labels_nifti(tmp_path / name, geometry)
    with pytest.raises(FileFormatError, match="no such file"):
        read_labels_nifti(tmp_path / "absent.nii.gz", geometry)
    write_labels_nifti(tmp_path / "whole.nii.gz", labels_on(geometry))
    whole = (tmp_path / "whole.nii.gz").read_bytes()
    for length in (20, len(whole) // 2, len(whole) - 20):
        (tmp_path / "part.nii.gz").write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match="not a whole NIfTI file"):
            read_labels_nifti(tmp_path / "part.nii.gz", geometry)
    nibabel.MGHImage(np.zeros((5, 7, 3), np.float32), np.eye(4)).to_filename(tmp_path / "image.mgz")
    with pytest.raises(FileFormatError, match="no NIfTI file"):
        read_labels_nifti(tmp_path / "image.mgz", geometry)


def test_places_and_names_that_cannot_be_written_are_refused(tmp_path):
    labelmap = labels_on(grid())
    with pytest.raises(ParameterError, match=r"\.nii\.gz or \.nii"):
        write_labels_nifti(tmp_path / "labels.mha", labelmap)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_labels_nifti(tmp_path / "file" / "labels.nii.gz", labelmap)
    assert not (tmp_path / "labels.mha").exists()
