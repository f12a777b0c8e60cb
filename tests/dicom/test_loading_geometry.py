"""Orientation, order, tilt, gaps and doubles: against SimpleITK, and against the positions that were written."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from series_writer import AXES, positions, uid, values, write_series

import prosector
from prosector.dicom.stack import GAPS
from prosector.errors import (
    MissingAttributeError,
    MixedGeometryError,
    NotAVolumeError,
    SeriesChoiceError,
    SliceSpacingError,
    UnknownNameError,
)

SITK_MM = 1e-3


def assert_like_single_slices(folder, volume):
    """Each file, read alone by SimpleITK, must be one of the volume's slices, in place and value."""
    reader = sitk.ImageFileReader()
    for file in sorted(folder.iterdir()):
        reader.SetFileName(str(file))
        image = reader.Execute()
        plane = sitk.GetArrayFromImage(image)[0]
        index = volume.geometry.to_index(image.TransformIndexToPhysicalPoint((0, 0, 0)))
        k = round(index[0])
        rows, columns = plane.shape
        for j, i in ((0, 0), (rows - 1, 0), (0, columns - 1), (rows - 1, columns - 1)):
            theirs = image.TransformIndexToPhysicalPoint((i, j, 0))
            assert np.abs(volume.geometry.to_lps((k, j, i)) - theirs).max() < SITK_MM
        np.testing.assert_array_equal(volume.voxels[k], plane)


def like_series_reader(folder, volume):
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    image = sitk.ReadImage(names)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), volume.voxels)
    k, j, i = volume.geometry.shape
    for index in ((0, 0, 0), (k - 1, 0, 0), (k - 1, j - 1, i - 1), (0, j - 1, 0)):
        theirs = image.TransformIndexToPhysicalPoint(tuple(int(v) for v in index[::-1]))
        assert np.abs(volume.geometry.to_lps(index) - theirs).max() < SITK_MM


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
def test_every_orientation(tmp_path, axes, reverse):
    places = positions(5, axes)
    write_series(tmp_path, values(), axes=axes, places=places[::-1] if reverse else places, spacing_mm=(0.5, 0.75))
    volume = prosector.read_series(tmp_path)
    assert volume.geometry.spacing_mm == pytest.approx((2.5, 0.5, 0.75), abs=1e-5)
    assert volume.geometry.is_right_handed
    assert_like_single_slices(tmp_path, volume)
    like_series_reader(tmp_path, volume)


def test_order_never_comes_from_instance_number_location_or_name(tmp_path):
    def shuffled(k, dataset):
        dataset.InstanceNumber = [3, 1, 4, 5, 2][k]
        dataset.SliceLocation = [30, 10, 40, 50, 20][k]

    write_series(tmp_path, values(), edit=shuffled)
    assert_like_single_slices(tmp_path, prosector.read_series(tmp_path))


@pytest.mark.parametrize("shear", [0.9, -0.4])
def test_gantry_tilt_is_a_shear_kept_as_acquired(tmp_path, shear):
    write_series(tmp_path, values(), places=positions(5, shear=shear))
    volume = prosector.read_series(tmp_path)
    assert not volume.geometry.is_orthogonal
    assert volume.geometry.slice_distance_mm == pytest.approx(2.5, abs=1e-5)
    assert volume.geometry.tilt_degrees == pytest.approx(np.degrees(np.arctan(abs(shear) / 2.5)), abs=1e-3)
    assert any("gantry tilt" in w for w in volume.source.warnings)
    assert_like_single_slices(tmp_path, volume)


@pytest.mark.parametrize("shear", [0.9, -0.4, 1.6])
@pytest.mark.parametrize("axes", ["axial", "oblique", "sagittal"])
def test_regularized_tilt_shows_the_same_patient(tmp_path, shear, axes):
    k, j, i = np.meshgrid(np.arange(6), np.arange(20), np.arange(18), indexing="ij")
    linear = (k * 40 + j * 10 + i * 6).astype("i2")  # linear interpolation reproduces it exactly
    write_series(tmp_path, linear, axes=axes, places=positions(6, axes, shear=shear))
    tilted = prosector.read_series(tmp_path)
    upright = prosector.read_series(tmp_path, tilt="regularize")
    assert upright.geometry.is_orthogonal
    assert any("orthogonal grid" in w for w in upright.source.warnings)
    assert not any("kept as acquired" in w for w in upright.source.warnings)
    inside = upright.voxels > upright.background
    assert inside.sum() >= 0.8 * tilted.voxels.size
    index = np.argwhere(inside)
    there = tilted.geometry.to_index(upright.geometry.to_lps(index))
    within = ((there >= 0) & (there <= np.array(tilted.geometry.shape) - 1)).all(axis=1)
    expected = there[within] @ (40, 10, 6)
    assert np.abs(upright.voxels[inside][within] - expected).max() <= 0.51


def test_an_orthogonal_volume_is_not_resampled(tmp_path):
    write_series(tmp_path, values())
    same = prosector.read_series(tmp_path, tilt="regularize")
    np.testing.assert_array_equal(same.voxels, values())
    with pytest.raises(UnknownNameError):
        prosector.read_series(tmp_path, tilt="straighten")


# --- gaps, doubles, irregular steps ---------------------------------------------------------------------------


def series_at(folder, along_mm):
    places = np.array([-20.5, -31.25, 44.0]) + np.array(along_mm, dtype=float)[:, None] * (0, 0, 1)
    k = np.arange(len(along_mm))[:, None, None]
    ramp = (np.array(along_mm)[:, None, None] * 100 + np.zeros((1, 6, 5)) + 0 * k).astype("i2")
    write_series(folder, ramp, places=places)


def test_a_missing_slice_is_refused_with_its_place_and_the_choices(tmp_path):
    series_at(tmp_path, [0, 2, 4, 8, 10, 12])
    with pytest.raises(SliceSpacingError) as caught:
        prosector.read_series(tmp_path)
    assert "48.00 to 52.00 mm" in str(caught.value)
    assert all(name in str(caught.value) for name in GAPS if name != "refuse")


def test_a_missing_slice_is_interpolated_on_request(tmp_path):
    series_at(tmp_path, [0, 2, 4, 8, 10, 12])
    volume = prosector.read_series(tmp_path, gaps="interpolate")
    assert volume.geometry.shape[0] == 7
    np.testing.assert_array_equal(volume.voxels[:, 0, 0], [0, 200, 400, 600, 800, 1000, 1200])
    assert any("1 of 7 slices interpolated" in w and "50.00" in w for w in volume.source.warnings)


def test_the_largest_regular_run_is_taken_on_request(tmp_path):
    series_at(tmp_path, [0, 2, 4, 8, 10, 12, 14])
    volume = prosector.read_series(tmp_path, gaps="largest-regular-run")
    np.testing.assert_array_equal(volume.voxels[:, 0, 0], [800, 1000, 1200, 1400])
    assert volume.geometry.affine[2, 3] == pytest.approx(52.0)
    assert any("3 of 7 slices left out" in w for w in volume.source.warnings)


HEAD_CT = [0, 2.5, 5, 7.5, 10, 15, 20, 25, 30, 35, 40]


def test_slices_of_another_spacing_at_one_end(tmp_path):
    series_at(tmp_path, HEAD_CT)
    with pytest.raises(SliceSpacingError, match="not evenly spaced"):
        prosector.read_series(tmp_path)
    run = prosector.read_series(tmp_path, gaps="largest-regular-run")
    np.testing.assert_array_equal(run.voxels[:, 0, 0], [1000, 1500, 2000, 2500, 3000, 3500, 4000])
    assert run.geometry.spacing_mm[0] == pytest.approx(5.0)
    filled = prosector.read_series(tmp_path, gaps="interpolate")
    along = filled.geometry.to_lps(np.array([[k, 0, 0] for k in range(filled.geometry.shape[0])]))[:, 2] - 44
    np.testing.assert_allclose(filled.voxels[:, 0, 0], along * 100, atol=1)


def test_doubles_are_refused_or_dropped(tmp_path):
    series_at(tmp_path, [0, 2, 4, 6])
    extra = np.full((1, 6, 5), 77, dtype="i2")

    def later(_, dataset):
        dataset.SOPInstanceUID = uid("double")
        dataset.InstanceNumber = 5000

    write_series(tmp_path / "more", extra, places=np.array([[-20.5, -31.25, 48.0]]), edit=later)
    with pytest.raises(SliceSpacingError, match=r"1 of 5 slices lie at the place of another one, at 48\.00 mm"):
        prosector.read_series(tmp_path)
    volume = prosector.read_series(tmp_path, gaps="drop-duplicates")
    np.testing.assert_array_equal(volume.voxels[:, 0, 0], [0, 200, 400, 600])
    assert any("double" in w for w in volume.source.warnings)


def test_copies_of_a_file_are_counted_and_passed_over(tmp_path):
    write_series(tmp_path, values())
    first = sorted(tmp_path.iterdir())[0]
    (tmp_path / "copy").write_bytes(first.read_bytes())
    volume = prosector.read_series(tmp_path)
    np.testing.assert_array_equal(volume.voxels, values())
    assert any("1 file(s) that are copies" in w for w in volume.source.warnings)


def test_rounded_positions_are_no_gap(tmp_path):
    exact = np.arange(40) * 0.625
    series_at(tmp_path, np.round(exact, 2))
    assert prosector.read_series(tmp_path).geometry.spacing_mm[0] == pytest.approx(0.625, abs=1e-3)


def test_slices_beside_the_line_are_refused(tmp_path):
    places = positions(6)
    places[3:, 0] += 15
    write_series(tmp_path, values((6, 7, 9)), places=places)
    with pytest.raises(MixedGeometryError, match="do not lie on one line"):
        prosector.read_series(tmp_path)


# --- attributes that are missing or make no sense -------------------------------------------------------------


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_missing_geometry_names_its_tag(tmp_path, keyword):
    write_series(tmp_path, values(), edit=lambda _, d: delattr(d, keyword))
    with pytest.raises(MissingAttributeError, match=r"\(00[0-9A-F]{2},00[0-9A-F]{2}\).*is absent"):
        prosector.read_series(tmp_path)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        ("ImageOrientationPatient", [0, 0, 0, 0, 0, 0]),
        ("PixelSpacing", [0, 0.5]),
        ("PixelSpacing", [-0.5, 0.5]),
    ],
)
def test_impossible_geometry_is_refused(tmp_path, keyword, value):
    write_series(tmp_path, values(), edit=lambda _, d: setattr(d, keyword, value))
    with pytest.raises(MissingAttributeError, match="must be two"):
        prosector.read_series(tmp_path)


def test_one_slice_is_no_volume(tmp_path):
    write_series(tmp_path, values((1, 7, 9)))
    with pytest.raises(NotAVolumeError, match="one slice"):
        prosector.read_series(tmp_path)


def test_one_unplaced_slice_is_set_aside_and_said(tmp_path):
    def lost(k, dataset):
        if k == 4:
            del dataset.ImagePositionPatient

    write_series(tmp_path, values(), edit=lost)
    volume = prosector.read_series(tmp_path)
    assert volume.geometry.shape[0] == 4
    assert any("cannot be placed" in w for w in volume.source.warnings)


# --- several volumes in one series ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keyword", "pair"),
    [
        ("TemporalPositionIdentifier", (1, 2)),
        ("AcquisitionNumber", (4, 5)),
        ("EchoTime", (4.6, 9.2)),
        ("TriggerTime", (0, 400)),
        ("NominalPercentageOfCardiacPhase", (10, 75)),
        ("DiffusionBValue", (0.0, 1000.0)),
        ("ImageType", (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"])),
        ("KVP", (80, 140)),
        ("ContentTime", ("101010", "101030")),
    ],
)
def test_volumes_are_told_apart_and_never_interleaved(tmp_path, keyword, pair):
    both = [values(seed=1), values(seed=2)]
    for n, voxels in enumerate(both):

        def mark(k, dataset, n=n):
            setattr(dataset, keyword, pair[n])
            dataset.SOPInstanceUID = uid(keyword, n, k)

        write_series(tmp_path / str(n), voxels, edit=mark)
    with pytest.raises(SeriesChoiceError, match="2 volumes"):
        prosector.read_series(tmp_path)
    for n, voxels in enumerate(both):
        volume = prosector.read_series(tmp_path, volume=n + 1)
        np.testing.assert_array_equal(volume.voxels, voxels)
    row = prosector.scan(tmp_path).series[0].summary()
    assert [v["slices"] for v in row["volumes"]] == [5, 5]
    with pytest.raises(SeriesChoiceError, match="no volume 3"):
        prosector.read_series(tmp_path, volume=3)


def test_two_orientations_in_one_series_are_two_volumes(tmp_path):
    write_series(tmp_path / "a", values(seed=1), axes="axial")
    write_series(
        tmp_path / "s", values(seed=2), axes="sagittal", edit=lambda k, d: setattr(d, "SOPInstanceUID", uid(k))
    )
    with pytest.raises(SeriesChoiceError, match="sagittal"):
        prosector.read_series(tmp_path)
    np.testing.assert_array_equal(prosector.read_series(tmp_path, volume=1).voxels, values(seed=1))


def test_scouts_captures_and_pages_are_set_aside_and_counted(tmp_path):
    write_series(tmp_path / "volume", values())

    def scout(k, dataset):
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        dataset.SOPInstanceUID = uid("scout", k)

    def capture(k, dataset):
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        dataset.SOPInstanceUID = uid("capture", k)

    write_series(tmp_path / "scout", values((2, 11, 13)), axes="coronal", edit=scout)
    write_series(tmp_path / "page", values((1, 20, 30)), edit=capture)
    volume = prosector.read_series(tmp_path)
    np.testing.assert_array_equal(volume.voxels, values())
    said = " ".join(volume.source.warnings)
    assert "2 localizer image(s) set aside" in said
    assert "1 secondary capture(s) set aside" in said


def test_mosaics_are_named(tmp_path):
    write_series(
        tmp_path,
        values(),
        modality="MR",
        edit=lambda _, d: setattr(d, "ImageType", ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]),
    )
    with pytest.raises(NotAVolumeError, match=r"5 mosaic\(s\)"):
        prosector.read_series(tmp_path)


def test_the_only_volumetric_series_is_taken_and_said(tmp_path):
    write_series(tmp_path / "volume", values(), name="chest")
    write_series(tmp_path / "single", values((1, 7, 9)), name="single")
    volume = prosector.read_series(tmp_path)
    assert volume.source.description == "chest"
    assert any("took the only series" in w for w in volume.source.warnings)
    write_series(tmp_path / "second", values(), name="abdomen")
    with pytest.raises(SeriesChoiceError, match="chest") as caught:
        prosector.read_series(tmp_path)
    assert "SECRET" not in str(caught.value).upper()
    assert prosector.read_series(tmp_path, series=uid("abdomen")).source.description == "abdomen"
    with pytest.raises(SeriesChoiceError, match="0 series match"):
        prosector.read_series(tmp_path, series="9.9.9")
