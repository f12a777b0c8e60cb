"""NIfTI, NRRD and MetaImage against SimpleITK and nibabel: the same voxels in the same place of the patient."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from prosector.errors import FileFormatError, ParameterError, SeriesChoiceError
from prosector.exchange.volumes import ENDINGS, read_volume_file

ROTATION = np.array([[0.8, 0.6, 0.0], [-0.36, 0.48, 0.8], [0.48, -0.64, 0.6]])


def voxels(dtype="i2", shape=(5, 6, 7)):
    low, high = (0, 250) if np.dtype(dtype).kind == "u" else (-100, 100)
    return np.random.default_rng(1).integers(low, high, shape).astype(dtype)


def itk_image(dtype="i2", direction=ROTATION):
    image = sitk.GetImageFromArray(voxels(dtype))
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-11.5, 22.25, 33.0))
    image.SetDirection(direction.ravel().tolist())
    return image


def assert_same_place(volume, image):
    for k, j, i in ((0, 0, 0), (4, 0, 0), (0, 5, 0), (0, 0, 6), (4, 5, 6)):
        theirs = image.TransformContinuousIndexToPhysicalPoint((float(i), float(j), float(k)))
        assert np.abs(volume.geometry.to_lps((k, j, i)) - theirs).max() < 1e-3


@pytest.mark.parametrize("ending", [e for e in ENDINGS if e != ".nhdr"])
@pytest.mark.parametrize("direction", [np.eye(3), ROTATION, np.diag([-1.0, -1, 1])], ids=["axial", "oblique", "turned"])
def test_every_format_lies_where_simpleitk_says(tmp_path, ending, direction):
    image = itk_image(direction=direction)
    path = tmp_path / f"v{ending}"
    sitk.WriteImage(image, str(path))
    volume = read_volume_file(path, "MR")
    np.testing.assert_array_equal(volume.voxels, voxels())
    assert_same_place(volume, image)
    assert not volume.source.is_dicom
    assert "no DICOM source" in " ".join(volume.source.warnings)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "f4", "f8"])
def test_every_voxel_type(tmp_path, ending, dtype):
    path = tmp_path / f"v{ending}"
    sitk.WriteImage(itk_image(dtype), str(path))
    volume = read_volume_file(path, "MR")
    np.testing.assert_array_equal(volume.voxels, voxels(dtype))
    assert volume.voxels.dtype.name in ("uint8", "int16", "uint16", "float32")


def saved(tmp_path, data, affine=None, name="v.nii", edit=None):
    image = nibabel.Nifti1Image(data, np.eye(4) if affine is None else affine)
    if edit:
        edit(image.header)
    nibabel.save(image, tmp_path / name)
    return tmp_path / name


SHEARED = np.array([[-0.7, 0, 0.1, 10], [0, -0.8, 0.9, 20], [0, 0.05, 2.5, 30], [0, 0, 0, 1.0]])


def test_a_sheared_affine_is_kept(tmp_path):
    data = voxels().T
    path = saved(tmp_path, data, SHEARED)
    volume = read_volume_file(path, "CT")
    assert not volume.geometry.is_orthogonal
    assert volume.is_hounsfield
    for i, j, k in ((0, 0, 0), (6, 0, 0), (0, 5, 0), (0, 0, 4)):
        theirs = nibabel.affines.apply_affine(nibabel.load(path).affine, (i, j, k)) * (-1, -1, 1)
        assert np.abs(volume.geometry.to_lps((k, j, i)) - theirs).max() < 1e-4
        assert volume.voxels[k, j, i] == data[i, j, k]


def test_big_endian(tmp_path):
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    image = nibabel.Nifti1Image(voxels().T, SHEARED, header)
    nibabel.save(image, tmp_path / "v.nii")
    volume = read_volume_file(tmp_path / "v.nii", "MR")
    assert volume.voxels.dtype == np.int16
    assert volume.voxels.dtype.isnative
    np.testing.assert_array_equal(volume.voxels, voxels())


@pytest.mark.parametrize(("slope", "inter", "kind"), [(2.0, -1024.0, "int16"), (0.5, 3.25, "float32")])
def test_scaled_values(tmp_path, slope, inter, kind):
    path = saved(tmp_path, voxels().T, edit=lambda h: h.set_slope_inter(slope, inter))
    raw = bytearray(path.read_bytes())  # nibabel would divide the values when it saves
    raw[112:120] = np.array([slope, inter], "<f4").tobytes()
    path.write_bytes(raw)
    volume = read_volume_file(path, "MR")
    assert volume.voxels.dtype.name == kind
    np.testing.assert_array_equal(volume.voxels, np.asarray(nibabel.load(path).dataobj).T)


@pytest.mark.parametrize(("unit", "millimetres"), [("meter", 1000), ("mm", 1), ("micron", 0.001), ("unknown", 1)])
def test_units_of_length(tmp_path, unit, millimetres):
    path = saved(tmp_path, voxels().T, SHEARED, edit=lambda h: h.set_xyzt_units(unit))
    geometry = read_volume_file(path, "MR").geometry
    expected = np.linalg.norm(SHEARED[:3, :3], axis=0)[::-1] * millimetres
    np.testing.assert_allclose(geometry.spacing_mm, expected, rtol=1e-5)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_one_of_several_volumes(tmp_path, ending):
    both = np.stack([voxels(), voxels() + 1])
    if ending == ".nrrd":
        image = sitk.Compose([sitk.GetImageFromArray(v) for v in both])
        sitk.WriteImage(image, str(tmp_path / "v.nrrd"))
    else:
        saved(tmp_path, both.T, name="v.nii.gz")
    path = tmp_path / f"v{ending}"
    with pytest.raises(SeriesChoiceError, match="2 volumes"):
        read_volume_file(path, "MR")
    for n in (1, 2):
        np.testing.assert_array_equal(read_volume_file(path, "MR", volume=n).voxels, both[n - 1])
    with pytest.raises(SeriesChoiceError, match="no volume 3"):
        read_volume_file(path, "MR", volume=3)


def test_modality_is_taken_from_the_values_and_said(tmp_path):
    for low, expected in ((-1024, "CT"), (0, "MR")):
        data = voxels().T
        data[0, 0, 0] = low
        volume = read_volume_file(saved(tmp_path, np.maximum(data, low)))
        assert volume.source.modality == expected
        assert f"taken as {expected}" in " ".join(volume.source.warnings)
    with pytest.raises(ParameterError, match="modality"):
        read_volume_file(tmp_path / "v.nii", "XR")


def test_values_that_are_not_finite(tmp_path):
    data = voxels("f4")
    data[0, 0, 0], data[1, 1, 1] = np.nan, np.inf
    volume = read_volume_file(saved(tmp_path, data.T))
    assert any("not finite" in w for w in volume.source.warnings)
    with pytest.raises(FileFormatError, match="no finite value"):
        read_volume_file(saved(tmp_path, np.full((3, 4, 5), np.nan, "f4")))


def test_colour_is_refused(tmp_path):
    rgb = np.zeros((4, 5, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(FileFormatError, match="voxels are numbers"):
        read_volume_file(saved(tmp_path, rgb))
    for ending in (".nrrd", ".mha"):
        sitk.WriteImage(sitk.Compose([itk_image("u1")] * 3), str(tmp_path / f"rgb{ending}"))
        with pytest.raises(FileFormatError, match="colour"):
            read_volume_file(tmp_path / f"rgb{ending}")


def test_nobody_says_where_the_voxels_lie(tmp_path):
    path = saved(tmp_path, voxels().T)
    raw = bytearray(path.read_bytes())
    raw[252:256] = b"\0" * 4
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="neither sform nor qform"):
        read_volume_file(path)
    sitk.WriteImage(itk_image(), str(tmp_path / "v.nrrd"))
    raw = (tmp_path / "v.nrrd").read_bytes()
    (tmp_path / "v.nrrd").write_bytes(raw.replace(b"space: left-posterior-superior", b"space dimension: 3"))
    with pytest.raises(FileFormatError, match="no space field"):
        read_volume_file(tmp_path / "v.nrrd")


@pytest.mark.real_data
def test_public_files(real_data):
    for file in ("ct_chest_seg_small/CTChest4.nrrd", "mra_aorta/aorta.mha", "vessels_small/CT_AVM.nii.gz"):
        image = sitk.ReadImage(str(real_data / file))
        volume = read_volume_file(real_data / file)
        np.testing.assert_array_equal(volume.voxels, sitk.GetArrayFromImage(image))
        for index in ((0, 0, 0), tuple(n - 1 for n in volume.geometry.shape)):
            theirs = image.TransformContinuousIndexToPhysicalPoint([float(v) for v in index[::-1]])
            assert np.abs(volume.geometry.to_lps(index) - theirs).max() < 1e-3
    with pytest.raises(FileFormatError, match="a segmentation"):
        read_volume_file(real_data / "ct_chest_seg_small" / "Segmentation.seg.nrrd")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("keep", [0, 10, 0.3, 0.9])
def test_truncated_files(tmp_path, ending, keep):
    path = tmp_path / f"v{ending}"
    sitk.WriteImage(itk_image(), str(path))
    raw = path.read_bytes()
    path.write_bytes(raw[: keep if isinstance(keep, int) else int(keep * len(raw))])
    with pytest.raises(FileFormatError, match=r"cannot read|not whole"):
        read_volume_file(path)


def test_a_header_that_claims_too_much(tmp_path):
    path = saved(tmp_path, voxels().T)
    raw = bytearray(path.read_bytes())
    raw[42:48] = np.array([32767] * 3, "<i2").tobytes()
    path.write_bytes(raw)
    (tmp_path / "z.nii.gz").write_bytes(gzip.compress(raw))
    for name in ("v.nii", "z.nii.gz"):
        with pytest.raises(FileFormatError, match="its header claims"):
            read_volume_file(tmp_path / name)


def test_pictures_are_no_volumes(tmp_path):
    with pytest.raises(FileFormatError, match="three dimensions"):
        read_volume_file(saved(tmp_path, np.zeros((4, 5), "i2")))
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5), "i2")), str(tmp_path / "p.mha"))
    with pytest.raises(FileFormatError, match="2 dimensions"):
        read_volume_file(tmp_path / "p.mha")
    with pytest.raises(FileFormatError, match="no such file"):
        read_volume_file(tmp_path / "absent.nii")
    (tmp_path / "v.txt").write_text("x")
    with pytest.raises(FileFormatError, match="ends in one of"):
        read_volume_file(tmp_path / "v.txt")
