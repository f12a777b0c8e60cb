"""Will it make a good 3D? And what else info says: plane, middle slice, other objects, the choice of a volume."""

from __future__ import annotations

import numpy as np
import pytest
from series_writer import AXES, positions, uid, values, write_series

import prosector
from prosector.dicom.middle import middle_slice
from prosector.dicom.suitability import plane_of, suitability
from prosector.errors import NotAVolumeError
from prosector.model.geometry import Geometry


def grid(step_mm=1.0, pixel_mm=0.8, slices=100):
    return Geometry((slices, 256, 256), np.array(
        [[0, 0, pixel_mm, 0], [0, pixel_mm, 0, 0], [step_mm, 0, 0, 0], [0, 0, 0, 1.0]]
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("geometry", "thickness", "grade", "reason"),
    [
        (grid(), 1.0, "good", ""),
        (grid(), None, "good", ""),
        (grid(0.8, 0.8), 1.5, "good", ""),
        (grid(2.0, 1.5), 2.0, "fair", "2 mm apart"),
        (grid(1.5, 0.6), 1.5, "fair", "2.5 times as long"),
        (grid(1.4, 1.0), 1.0, "fair", "gaps between slices"),
        (grid(5.0), 5.0, "poor", "5 mm apart"),
        (grid(2.5, 0.5), 2.5, "poor", "5.0 times as long"),
        (grid(slices=8), 1.0, "poor", "only 8 slices"),
    ],
)
def test_grades(geometry, thickness, grade, reason):
    found = suitability(geometry, thickness)
    assert found.grade == grade
    assert reason in "; ".join(found.reasons)
    assert bool(found.reasons) == (grade != "good")


def test_a_tilt_is_judged_by_the_distance_of_slices():
    affine = grid(2.9, 1.0).affine.copy()
    affine[1, 0] = 2.0  # the step is longer than 3 mm, the distance is not
    geometry = Geometry((100, 256, 256), affine)
    assert geometry.spacing_mm[0] > 3
    assert suitability(geometry, None).grade == "fair"


@pytest.mark.parametrize(
    ("axes", "plane"),
    [("axial", "axial"), ("sagittal", "sagittal"), ("coronal", "coronal"), ("oblique", "oblique")],
)
def test_planes(tmp_path, axes, plane):
    write_series(tmp_path, values(), axes=axes)
    row = prosector.scan(tmp_path).series[0].summary()
    assert plane in row["plane"]
    assert row["plane"] == plane_of(prosector.read_series(tmp_path).geometry)
    assert set(AXES) >= {axes}


def test_the_middle_slice_is_that_of_the_volume(tmp_path):
    stored = values()
    stored[:, 0, :3] = -2000
    write_series(tmp_path, stored, edit=lambda _, d: d.add_new("PixelPaddingValue", "SS", -2000))
    (assessed,) = prosector.scan(tmp_path).series[0].volumes
    plane, spacing_mm = middle_slice(assessed.stack)
    np.testing.assert_array_equal(plane, prosector.read_series(tmp_path).voxels[2])
    assert plane.min() >= -1024
    assert spacing_mm == pytest.approx((0.8, 0.8))


OTHERS = {
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
    "1.2.840.10008.5.1.4.1.1.481.2": "RT dose",
    "1.2.840.10008.5.1.4.1.1.88.33": "structured report",
    "1.2.840.10008.5.1.4.1.1.88.67": "structured report",
    "1.2.840.10008.5.1.4.1.1.88.59": "key object selection",
    "1.2.840.10008.5.1.4.1.1.11.1": "presentation state",
    "1.2.840.10008.5.1.4.1.1.104.1": "PDF",
    "1.2.840.10008.5.1.4.1.1.66": "raw data",
}


@pytest.mark.parametrize("sop_class", OTHERS)
def test_other_objects_are_named_alone_and_beside_a_volume(tmp_path, sop_class):
    def other(_, dataset):
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
        dataset.SOPInstanceUID = uid("other", sop_class)

    write_series(tmp_path / "other", values((1, 7, 9)), edit=other)
    with pytest.raises(NotAVolumeError, match=OTHERS[sop_class]):
        prosector.read_series(tmp_path)
    write_series(tmp_path / "volume", values())
    volume = prosector.read_series(tmp_path)
    np.testing.assert_array_equal(volume.voxels, values())
    assert any(OTHERS[sop_class] in w and "set aside" in w for w in volume.source.warnings)


def twice(folder, edit):
    """Two volumes at the same places whose attributes ``edit(volume, slice, dataset)`` writes."""
    both = [values(seed=1), values(seed=2)]
    for n, voxels in enumerate(both):

        def mark(k, dataset, n=n):
            dataset.SOPInstanceUID = uid("twice", n, k)
            edit(n, k, dataset)

        write_series(folder / str(n), voxels, edit=mark)
    return both


@pytest.mark.parametrize("keyword", ["TriggerTime", "AcquisitionTime", "InstanceNumber"])
def test_what_differs_from_slice_to_slice_tells_volumes_apart_by_its_order(tmp_path, keyword):
    both = twice(tmp_path, lambda n, k, d: setattr(d, keyword, str(101000 + 10 * k + n)))
    for n, voxels in enumerate(both, 1):
        volume = prosector.read_series(tmp_path, volume=n)
        np.testing.assert_array_equal(volume.voxels, voxels)
    labels = [v["label"] for v in prosector.scan(tmp_path).series[0].summary()["volumes"]]
    assert labels[0].startswith("1 of 2 by (")


@pytest.mark.parametrize(("keyword", "pair"), [("ConvolutionKernel", "AB"), ("KVP", (80, 140)), ("EchoTime", (2, 4))])
def test_kinds_of_image_at_alternating_places_are_not_interleaved(tmp_path, keyword, pair):
    stored = values((8, 7, 9))
    write_series(tmp_path, stored, edit=lambda k, d: setattr(d, keyword, pair[k % 2]))
    for n in (1, 2):
        np.testing.assert_array_equal(prosector.read_series(tmp_path, volume=n).voxels, stored[n - 1 :: 2])


def test_a_kind_that_changes_once_is_one_volume(tmp_path):
    stored = values((8, 7, 9))
    write_series(tmp_path, stored, edit=lambda k, d: setattr(d, "ConvolutionKernel", "AB"[k > 3]))
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, stored)


def test_directions_at_the_edge_of_rounding_part_no_volume(tmp_path):
    tilt = np.arcsin(0.1235)

    def jitter(k, dataset):
        turn = tilt + (k % 2 - 0.5) * 2e-6
        dataset.ImageOrientationPatient = [1, 0, 0, 0, round(np.cos(turn), 9), round(np.sin(turn), 9)]

    normal = np.array([0, -np.sin(tilt), np.cos(tilt)])
    places = positions(1)[0] + np.arange(6)[:, None] * 2.5 * normal
    write_series(tmp_path, values((6, 7, 9)), places=places, edit=jitter)
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, values((6, 7, 9)))


def test_a_gap_between_very_thin_slices_is_seen(tmp_path):
    places = positions(1)[0] + np.array([0, 1, 2, 4, 5, 6])[:, None] * (0, 0, 0.01)
    write_series(tmp_path, values((6, 7, 9)), places=places)
    with pytest.raises(prosector.errors.SliceSpacingError):
        prosector.read_series(tmp_path)


def test_many_files_of_one_uid_are_read_once(tmp_path):
    """A broken anonymizer gives every slice the same UID."""
    stored = values((60, 7, 9))
    write_series(tmp_path, stored, edit=lambda _, d: setattr(d, "SOPInstanceUID", "1.2.3"))
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, stored)


def test_terminal_commands_in_a_description_are_dropped(tmp_path):
    def edit(_, dataset):
        dataset.SeriesDescription = "chest\x1b[31m red"

    write_series(tmp_path, values(), edit=edit)
    assert prosector.scan(tmp_path).series[0].description.isprintable()


def test_a_rescale_out_of_all_bounds_is_refused(tmp_path):
    write_series(tmp_path, values(), edit=lambda _, d: setattr(d, "RescaleSlope", "1e300"))
    with pytest.raises(prosector.errors.PixelDataError, match="out of all bounds"):
        prosector.read_series(tmp_path)
