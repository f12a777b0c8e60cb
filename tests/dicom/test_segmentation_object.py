"""DICOM Segmentation: valid, voxel for voxel on the volume's grid, and readable by others."""

from __future__ import annotations

from dataclasses import replace

import highdicom
import numpy as np
import pydicom
import pytest
from derived_objects import BARE, CREATED, REAL_SERIES, SOURCE, assert_valid
from highdicom.seg import Segmentation, SegmentDescription, segread

from prosector.dicom.derived import Derivation, derive_series, write_dicom
from prosector.dicom.read import read_series
from prosector.dicom.segmentation_object import build_segmentation
from prosector.dicom.segmentation_read import read_segmentation
from prosector.errors import (
    EmptyResultError,
    FileFormatError,
    GeometryError,
    InputError,
    NoDicomSourceError,
    ParameterError,
)
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.source import Source
from prosector.model.structures import ANATOMICAL, Code, Structure, structure

BONE = Segment(1, "bone", structure("bone"), "AUTOMATIC", "hysteresis threshold")
LESION = Segment(2, "lesion", structure("lesion"), "MANUAL")
FRAME = "1.2.3.4.9"


def grid(kind="plain", shape=(3, 7, 5)):
    """A small grid with an odd number of pixels in a slice, standing in space in some way."""
    axes = np.diag([2.5, 0.8, 0.7])[[2, 1, 0]]  # columns: steps along k, j, i
    if kind == "tilted":
        axes[:, 0] += (0, 0.9, 0)
    if kind == "mirrored":
        axes[:, 0] *= -1
    if kind == "oblique":
        turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
        axes = turn @ axes
    if kind == "sheared in plane":
        axes[:, 1] += (0.3, 0, 0)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (-101.3, 20.1, 433.33333)
    return Geometry(shape, affine, FRAME)


def labels_on(geometry, segments=(BONE, LESION), dtype=np.uint8):
    """Random labels; the last slice is empty."""
    choices = [0, *(s.number for s in segments)]
    labels = np.random.default_rng(3).choice(choices, size=geometry.shape).astype(dtype)
    labels[-1] = 0
    return LabelMap(labels, geometry, tuple(segments))


def segmentation(labelmap, source=SOURCE, **changes):
    series = derive_series(source, "Segmentation", CREATED, recipe_sha256="ab", number=1002)
    settings = {"series": series, "instance_number": 1, "description": "Hysteresis threshold."}
    return build_segmentation(labelmap, source, Derivation(**(settings | changes)))


def written(tmp_path, dataset):
    file = tmp_path / "segmentation.dcm"
    write_dicom(file, dataset)
    assert_valid(file)
    return file


@pytest.mark.real_data
@pytest.mark.parametrize("folder", REAL_SERIES)
def test_real_series_round_trip_voxel_for_voxel(real_data, tmp_path, folder):
    volume = read_series(real_data / folder)
    low, high = np.percentile(volume.voxels[::4, ::4, ::4], (85, 97))
    labels = (volume.voxels > low).astype(np.uint8) + (volume.voxels > high)
    labels[:2] = 0
    labelmap = LabelMap(labels, volume.geometry, (replace(LESION, number=1), replace(BONE, number=2)))
    file = written(tmp_path, segmentation(labelmap, volume.source))
    ours = read_segmentation(file, volume.geometry)
    np.testing.assert_array_equal(ours.labels, labels)
    assert ours.segments == labelmap.segments
    # and by highdicom, frame by frame through the source images that each frame names
    theirs = segread(file).get_pixels_by_source_instance(
        list(volume.source.sop_instance_uids), combine_segments=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(theirs, labels)


@pytest.mark.parametrize("kind", ["plain", "tilted", "mirrored", "oblique"])
def test_any_stack_round_trips(tmp_path, kind):
    labelmap = labels_on(grid(kind))
    file = written(tmp_path, segmentation(labelmap))
    read = read_segmentation(file, labelmap.geometry)
    np.testing.assert_array_equal(read.labels, labelmap.labels)
    assert read.segments == labelmap.segments


def test_frames_lie_where_the_slices_are(tmp_path):
    labelmap = labels_on(grid("tilted"))
    dataset = pydicom.dcmread(written(tmp_path, segmentation(labelmap)))
    assert dataset.NumberOfFrames == 4  # two segments on two slices; the empty slice is left out
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(v) for v in measures.PixelSpacing] == [0.8, 0.7]
    assert float(measures.SpacingBetweenSlices) == 2.5
    first = dataset.PerFrameFunctionalGroupsSequence[0]
    position = np.array(first.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
    k = round(labelmap.geometry.to_index(position)[0])
    np.testing.assert_allclose(position, labelmap.geometry.to_lps((k, 0, 0)), atol=1e-5)
    reference = first.DerivationImageSequence[0].SourceImageSequence[0]
    assert reference.ReferencedSOPInstanceUID == SOURCE.sop_instance_uids[k]


def test_content_of_the_object(tmp_path):
    dataset = pydicom.dcmread(written(tmp_path, segmentation(labels_on(grid()))))
    assert dataset.SegmentationType == "BINARY"
    assert dataset.SegmentsOverlap == "NO"
    assert dataset.StudyInstanceUID == SOURCE.study.instance_uid
    assert dataset.FrameOfReferenceUID == FRAME
    assert dataset.PatientName == "Müller^Jürgen"
    assert (dataset.Modality, dataset.SeriesNumber) == ("SEG", 1002)
    assert (dataset.ContentDate, dataset.ContentTime) == ("20260304", "050607.000008")
    assert [e.Manufacturer for e in dataset.ContributingEquipmentSequence] == ["Maker", "Prosector"]
    assert dataset.DerivationDescription == "Hysteresis threshold. Not made under physician supervision."
    assert "Laterality" not in dataset
    assert [i.ReferencedSOPInstanceUID for i in dataset.SourceImageSequence] == list(SOURCE.sop_instance_uids)
    bone, lesion = dataset.SegmentSequence
    assert bone.SegmentedPropertyTypeCodeSequence[0].CodeValue == "3138006"
    assert bone.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "91723000"
    assert (bone.SegmentAlgorithmType, bone.SegmentAlgorithmName) == ("AUTOMATIC", "hysteresis threshold")
    assert bone.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion
    assert len(bone.RecommendedDisplayCIELabValue) == 3
    assert bone.TrackingUID != lesion.TrackingUID
    assert lesion.SegmentAlgorithmType == "MANUAL"
    assert "SegmentAlgorithmName" not in lesion


def test_segments_are_numbered_from_one(tmp_path):
    segments = (replace(BONE, number=300), replace(LESION, number=7))
    labelmap = labels_on(grid(), segments, np.uint16)
    read = read_segmentation(written(tmp_path, segmentation(labelmap)), labelmap.geometry)
    assert [(s.number, s.name) for s in read.segments] == [(1, "bone"), (2, "lesion")]
    for name in ("bone", "lesion"):
        np.testing.assert_array_equal(read.mask(name), labelmap.mask(name))


def test_structures_that_we_have_no_row_for_keep_code_and_colour(tmp_path):
    artery = Structure(
        "internal iliac artery", ANATOMICAL, Code("90024005", "SCT", "Internal iliac artery"), (216, 101, 79)
    )
    labelmap = labels_on(grid(), (Segment(1, "Iliaca interna", artery, "SEMIAUTOMATIC", "region growing"),))
    (segment,) = read_segmentation(written(tmp_path, segmentation(labelmap)), labelmap.geometry).segments
    assert (segment.name, segment.algorithm_name) == ("Iliaca interna", "region growing")
    assert segment.structure.type == artery.type
    assert segment.structure.name == "internal iliac artery"
    np.testing.assert_allclose(segment.structure.color_rgb, artery.color_rgb, atol=1)


def test_sources_with_little_in_them_give_valid_objects(tmp_path):
    labelmap = labels_on(replace(grid(), frame_of_reference_uid=""))
    file = written(tmp_path, segmentation(labelmap, BARE))
    np.testing.assert_array_equal(read_segmentation(file, labelmap.geometry).labels, labelmap.labels)


def test_a_multiframe_source_and_a_cropped_grid(tmp_path):
    labelmap = labels_on(grid())
    one = replace(SOURCE, sop_instance_uids=("1.2.3.4.5.1",), sop_class_uid="1.2.840.10008.5.1.4.1.1.2.1")
    file = written(tmp_path, segmentation(labelmap, one))
    np.testing.assert_array_equal(read_segmentation(file, labelmap.geometry).labels, labelmap.labels)
    more = replace(SOURCE, sop_instance_uids=tuple(f"1.2.3.4.5.{n}" for n in range(1, 9)))
    dataset = pydicom.dcmread(written(tmp_path, segmentation(labelmap, more)))
    assert all("DerivationImageSequence" not in f for f in dataset.PerFrameFunctionalGroupsSequence)
    assert len(dataset.SourceImageSequence) == 8


def test_source_uids_against_the_rules_are_carried_without_a_word(tmp_path, caplog):
    odd = replace(SOURCE, sop_instance_uids=("1.02.1", "1.02.2", "1.02.3"))
    dataset = segmentation(labels_on(grid()), odd)
    write_dicom(tmp_path / "segmentation.dcm", dataset)
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.02.1"
    assert not caplog.records


def test_same_work_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_dicom(tmp_path / name, segmentation(labels_on(grid())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_cannot_be_written_is_refused():
    labelmap = labels_on(grid())
    with pytest.raises(EmptyResultError):
        segmentation(replace(labelmap, labels=np.zeros(labelmap.labels.shape, np.uint8)))
    with pytest.raises(InputError, match=r"\[2\] have no segment"):
        segmentation(replace(labelmap, segments=(BONE,)))
    with pytest.raises(GeometryError, match="right angles"):
        segmentation(labels_on(grid("sheared in plane")))
    with pytest.raises(ParameterError):
        segmentation(labelmap, instance_number=0)
    series = derive_series(SOURCE, "Segmentation", CREATED, recipe_sha256="ab")
    with pytest.raises(NoDicomSourceError, match=r"nii\.gz"):
        segmentation(labelmap, Source(), series=series)


def test_a_segmentation_of_another_grid_is_refused(tmp_path):
    labelmap = labels_on(grid())
    file = written(tmp_path, segmentation(labelmap))
    moved = np.array(labelmap.geometry.affine)
    moved[0, 3] += 0.2
    with pytest.raises(GeometryError, match="lies on no slice"):
        read_segmentation(file, replace(labelmap.geometry, affine=moved))
    with pytest.raises(GeometryError, match="7×5"):
        read_segmentation(file, grid(shape=(3, 5, 7)))
    with pytest.raises(GeometryError, match=r"\(0020,0052\)"):
        read_segmentation(file, replace(labelmap.geometry, frame_of_reference_uid="1.2.3"))


def test_files_that_are_no_segmentation_are_refused(tmp_path):
    geometry = grid()
    text = tmp_path / "text.dcm"
    text.write_text("not DICOM")
    with pytest.raises(FileFormatError, match="not a readable DICOM file"):
        read_segmentation(text, geometry)
    with pytest.raises(FileFormatError, match="no such file"):
        read_segmentation(tmp_path / "absent.dcm", geometry)
    with pytest.raises(FileFormatError, match="SOP Class UID"):
        read_segmentation(pydicom.data.get_testdata_file("CT_small.dcm"), geometry)


def foreign(kind, pixels, file):
    """A segmentation by highdicom itself, on the grid of ``grid()``."""
    from prosector.dicom.segmentation_object import _headers

    description = [
        SegmentDescription(
            n, f"part {n}", highdicom.sr.CodedConcept("85756007", "SCT", "Tissue"),
            highdicom.sr.CodedConcept("3138006", "SCT", "Bone"), "MANUAL",
        )
        for n in (1, 2)
    ]  # fmt: skip
    Segmentation(
        _headers(grid(), SOURCE), pixels, kind, description, "1.2.3", 1, "1.2.4", 1, "Other", "Model", "1", "1"
    ).save_as(file)
    return file


def test_segmentations_of_others(tmp_path):
    geometry = grid()
    labels = labels_on(geometry).labels
    read = read_segmentation(foreign("LABELMAP", labels, tmp_path / "map.dcm"), geometry)
    np.testing.assert_array_equal(read.labels, labels)
    assert [s.name for s in read.segments] == ["part 1", "part 2"]
    assert {s.structure.color_rgb for s in read.segments} == {(170, 170, 170)}
    with pytest.raises(FileFormatError, match="FRACTIONAL"):
        read_segmentation(foreign("FRACTIONAL", labels, tmp_path / "fraction.dcm"), geometry)
    both = np.ones((*geometry.shape, 2), np.uint8)
    with pytest.raises(FileFormatError, match="overlap"):
        read_segmentation(foreign("BINARY", both, tmp_path / "overlap.dcm"), geometry)
    truncated = tmp_path / "truncated.dcm"
    whole = (tmp_path / "map.dcm").read_bytes()
    truncated.write_bytes(whole[: len(whole) - 40])
    with pytest.raises(FileFormatError):
        read_segmentation(truncated, geometry)
