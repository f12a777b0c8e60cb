"""Labels from and for other programs: 3D Slicer's files, TotalSegmentator's names, tables beside images."""

from __future__ import annotations

import bz2
import gzip
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import nibabel
import numpy as np
import pytest
import SimpleITK
from nibabel.nifti1 import Nifti1Extension
from pydicom.sr.codedict import codes

from prosector.dicom.read import read_series
from prosector.errors import FileFormatError, GeometryError, ParameterError, UnknownNameError
from prosector.exchange.label_names import TOTALSEGMENTATOR, plain_name, read_label_table, structure_of
from prosector.exchange.nifti import read_labels_nifti, write_labels_nifti
from prosector.exchange.nrrd_segmentation import read_labels_seg_nrrd, read_seg_nrrd_layers, write_labels_seg_nrrd
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import ANATOMICAL, LEFT, RIGHT, STRUCTURES, Code, Structure, structure
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.pipeline.export import Provenance, write_value
from prosector.pipeline.source import read_labels, read_volume

SHAPE = (9, 12, 14)
FEMUR = Segment(1, "left femur", structure("left femur"), "AUTOMATIC", "hysteresis; grown by 2 mm")
ODD = Structure("spine", ANATOMICAL, Code("122494005", "SCT", "Cervical spine"), (10, 20, 30), RIGHT)
OEDEMA = Segment(300, "Ödem: a|b", replace(ODD, name="cervical spine"), "MANUAL")


def grid(shear=0.0, shape=SHAPE):
    axes = np.diag([2.5, 0.8, 0.7])[[2, 1, 0]].astype(float)
    axes[1, 0] = shear
    axes = np.linalg.qr(np.random.default_rng(6).normal(size=(3, 3)))[0] @ axes
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (-31.0, 12.5, 140.0)
    return Geometry(shape, affine)


def volume_on(geometry):
    return Volume(np.zeros(geometry.shape, np.int16), geometry, HOUNSFIELD)


def labels_on(geometry, segments=(FEMUR, OEDEMA), seed=1):
    numbers = [0, *(s.number for s in segments)]
    labels = np.random.default_rng(seed).choice(numbers, geometry.shape)
    return LabelMap(labels.astype(np.uint8 if max(numbers) < 256 else np.uint16), geometry, tuple(segments))


@pytest.mark.parametrize("shear", [0.0, 0.9])
def test_seg_nrrd_round_trip(tmp_path, shear):
    labels = labels_on(grid(shear))
    write_value(tmp_path / "edited.seg.nrrd", labels)
    read = read_labels(tmp_path / "edited.seg.nrrd", volume_on(labels.geometry))
    np.testing.assert_array_equal(read.labels, labels.labels)
    assert read.labels.dtype == labels.labels.dtype
    assert read.segments == labels.segments
    again = tmp_path / "again.seg.nrrd"
    write_labels_seg_nrrd(again, labels)
    assert again.read_bytes() == (tmp_path / "edited.seg.nrrd").read_bytes()


def test_other_readers_find_voxels_names_and_extents(tmp_path):
    labels = labels_on(grid())
    write_labels_seg_nrrd(tmp_path / "edited.seg.nrrd", labels)
    image = SimpleITK.ReadImage(tmp_path / "edited.seg.nrrd")
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), labels.labels)
    for k, j, i in ((0, 0, 0), (4, 7, 3), (8, 11, 13)):
        point = image.TransformIndexToPhysicalPoint((i, j, k))
        np.testing.assert_allclose(point, labels.geometry.to_lps((k, j, i)), atol=1e-6)
    assert image.GetMetaData("Segment0_Name") == "left femur"
    assert image.GetMetaData("Segment1_LabelValue") == "300"
    assert "SCT^71341001^Femur~SCT^7771000^Left" in image.GetMetaData("Segment0_Tags")
    at = np.argwhere(labels.labels == 1)[:, ::-1]
    extent = [str(n) for pair in zip(at.min(axis=0), at.max(axis=0), strict=True) for n in pair]
    assert image.GetMetaData("Segment0_Extent").split() == extent


def test_overlapping_segments_are_layers(tmp_path):
    geometry = grid()
    first, second = labels_on(geometry), labels_on(geometry, (replace(FEMUR, name="right femur"),), seed=2)
    second = replace(second, segments=(replace(FEMUR, name="right femur", structure=structure("right femur")),))
    file = tmp_path / "both.seg.nrrd"
    write_labels_seg_nrrd(file, first, second)
    layers = read_seg_nrrd_layers(file, geometry)
    for read, written in zip(layers, (first, second), strict=True):
        np.testing.assert_array_equal(read.labels, written.labels)
        assert read.segments == written.segments
    with pytest.raises(FileFormatError, match="segments overlap"):
        read_labels_seg_nrrd(file, geometry)
    apart = replace(second, labels=second.labels * (first.labels == 0).astype(np.uint8))
    write_labels_seg_nrrd(file, first, apart)
    merged = read_labels_seg_nrrd(file, geometry)
    for name, source in (("left femur", first), ("right femur", apart)):
        np.testing.assert_array_equal(merged.mask(name), source.mask(name))


def header_and_data(file):
    head, _, packed = file.read_bytes().partition(b"\n\n")
    return head.decode(), packed


@pytest.mark.parametrize("kind", ["crop", "larger", "flipped", "swapped", "ras"])
def test_crops_and_reordered_axes_are_put_in_place(tmp_path, kind):
    """What 3D Slicer writes: less or more than the volume's extent, in whatever order of axes."""
    geometry = grid()
    labels = labels_on(geometry, (FEMUR,))
    array = np.zeros(SHAPE, np.uint8)
    array[2:7, 3:9, 4:12] = labels.labels[2:7, 3:9, 4:12]
    stored, affine = array, np.array(geometry.affine)
    if kind == "crop":
        stored, affine[:3, 3] = array[1:8, 3:9, 2:], geometry.to_lps((1, 3, 2))
    elif kind == "larger":
        stored, affine[:3, 3] = np.pad(array, 2), geometry.to_lps((-2, -2, -2))
    elif kind == "flipped":
        stored, affine[:3, 3] = array[::-1], geometry.to_lps((SHAPE[0] - 1, 0, 0))
        affine[:3, 0] *= -1
    elif kind == "swapped":
        stored, affine[:3, :3] = array.transpose(2, 0, 1), affine[:3, [2, 0, 1]]
    place = Geometry(stored.shape, affine)
    file = tmp_path / "part.seg.nrrd"
    write_labels_seg_nrrd(file, LabelMap(np.ascontiguousarray(stored), place, (FEMUR,)))
    if kind == "ras":
        turned = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
        write_labels_seg_nrrd(file, LabelMap(stored, replace(place, affine=turned), (FEMUR,)))
        head, packed = header_and_data(file)
        head = head.replace("left-posterior-superior", "right-anterior-superior")
        file.write_bytes(head.encode() + b"\n\n" + packed)
    np.testing.assert_array_equal(read_labels(file, volume_on(geometry)).labels, array)


def test_labels_beside_the_grid_are_refused(tmp_path):
    geometry = grid()
    labels = labels_on(geometry, (FEMUR,))
    file = tmp_path / "labels.seg.nrrd"
    moved = np.array(geometry.affine)
    moved[:3, 3] = geometry.to_lps((0, 0, 3))
    for affine, said in (
        (moved, "labels voxels beyond the volume"),
        (moved + np.eye(4)[[0]].T @ [[0, 0, 0, 0.3]], "never resampled silently"),
        (geometry.affine @ np.diag([1, 1, 1.02, 1]), "never resampled silently"),
        (moved + np.eye(4)[[2]].T @ [[0, 0, 0, 4000.0]], "resampled silently|does not overlap"),
    ):
        write_labels_seg_nrrd(file, replace(labels, geometry=replace(geometry, affine=affine)))
        with pytest.raises(GeometryError, match=said):
            read_labels(file, volume_on(geometry))


@pytest.mark.parametrize("encoding", ["raw", "bzip2", "big endian", "old"])
def test_other_writings_of_nrrd(tmp_path, encoding):
    geometry = grid()
    labels = labels_on(geometry)
    file = tmp_path / "labels.seg.nrrd"
    write_labels_seg_nrrd(file, labels)
    head, packed = header_and_data(file)
    data = gzip.decompress(packed)
    if encoding == "raw":
        head = head.replace("encoding: gzip", "encoding: raw")
    elif encoding == "bzip2":
        head, data = head.replace("encoding: gzip", "encoding: bzip2"), bz2.compress(data)
    elif encoding == "big endian":
        head = head.replace("endian: little", "endian: big")
        data = gzip.compress(np.frombuffer(data, "<u2").astype(">u2").tobytes())
    else:  # every segment a layer of its own, without label value and layer
        layers = np.stack([labels.labels == 1, labels.labels == 300], axis=-1).astype(np.uint8)
        lines = [x for x in head.splitlines() if "_Layer" not in x and "_LabelValue" not in x and "endian" not in x]
        head = "\n".join(lines).replace("dimension: 3", "dimension: 4").replace("sizes: ", "sizes: 2 ")
        head = head.replace("directions: ", "directions: none ").replace("kinds: ", "kinds: list ")
        head, data = head.replace("unsigned short", "unsigned char"), gzip.compress(layers.tobytes())
    file.write_bytes(head.encode() + b"\n\n" + data)
    read = read_labels_seg_nrrd(file, geometry)
    for segment in labels.segments:
        np.testing.assert_array_equal(read.mask(segment.name), labels.mask(segment.name))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("NRRD0004", "NRZD0004", "no NRRD file"),
        ("unsigned short", "float", "whole numbers"),
        ("sizes: 14 12 9", "sizes: 14 12 90", "not whole"),
        ("sizes: 14 12 9", "sizes: 14000 12000 9000", "claims"),
        ("sizes: 14 12 9", "sizes: 14 12", "three dimensions"),
        ("space: left-posterior-superior\n", "", "space field"),
        ("encoding: gzip", "encoding: hex", "encoding hex is not read"),
        ("encoding: gzip", "data file: labels.raw\nencoding: gzip", "another file"),
        ("space origin: (", "space origin: (x", "header is not whole"),
        ("_ID:=", "_Id:=", "no segmentation of 3D Slicer"),
        ("LabelValue:=300", "LabelValue:=many", "no number"),
        ("LabelValue:=300", "LabelValue:=1", "distinct and start at 1"),
    ],
)
def test_damaged_seg_nrrd_is_refused(tmp_path, old, new, said):
    file = tmp_path / "labels.seg.nrrd"
    write_labels_seg_nrrd(file, labels_on(grid()))
    head, packed = header_and_data(file)
    assert old in head
    file.write_bytes(head.replace(old, new).encode() + b"\n\n" + packed)
    with pytest.raises(FileFormatError, match=said):
        read_labels_seg_nrrd(file, grid())
    file.write_bytes(head.encode() + b"\n\n" + packed[:40])
    with pytest.raises(FileFormatError, match=r"not whole|damaged"):
        read_labels_seg_nrrd(file, grid())


def totalsegmentator_file(path, geometry, named):
    """A multilabel file as TotalSegmentator writes it, with its own extension; without where nothing is named."""
    labels = np.random.default_rng(3).choice([0, 2, 3, 52, 92], geometry.shape).astype(np.uint8)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ geometry.affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(labels.T, affine)
    if named:
        rows = "".join(
            f'<Label Key="{n}" Red="1.0" Green="0.0" Blue="0.0" Alpha="1"><![CDATA[{name}]]></Label>\n'
            for n, name in named.items()
        )
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?> <CaretExtension> <VolumeInformation Index="0"> <LabelTable>{rows}'
        )
        text += "</LabelTable> </VolumeInformation></CaretExtension>\n              "
        image.header.extensions.append(Nifti1Extension(0, text.encode()))
    image.to_filename(path)
    return labels


def test_totalsegmentator_is_read_by_name(tmp_path):
    geometry = grid()
    totalsegmentator_file(tmp_path / "by_name.nii.gz", geometry, {2: "femur_left", 3: "my_lesion", 52: "vertebrae_T7"})
    read = read_labels(tmp_path / "by_name.nii.gz", volume_on(geometry))
    assert [(s.number, s.name) for s in read.segments] == [
        (2, "left femur"),
        (3, "my_lesion"),
        (52, "T7 vertebra"),
        (92, "label 92"),
    ]
    assert [s.structure.name for s in read.segments[:2]] == ["left femur", "unspecified tissue"]
    totalsegmentator_file(tmp_path / "bare.nii.gz", geometry, {})
    read = read_labels(tmp_path / "bare.nii.gz", volume_on(geometry), names="totalsegmentator")
    assert [s.name for s in read.segments] == ["right kidney", "left kidney", "aorta", "left rib 1"]
    with pytest.raises(UnknownNameError, match="totalsegmentator"):
        read_labels(tmp_path / "bare.nii.gz", volume_on(geometry), names="total")


def test_our_label_table_is_what_others_read(tmp_path):
    labels = labels_on(grid())
    write_labels_nifti(tmp_path / "labels.nii.gz", labels)
    first = nibabel.load(tmp_path / "labels.nii.gz").header.extensions[0]
    assert read_label_table(first.get_content().decode()) == {1: "left femur", 300: "Ödem: a|b"}
    assert read_labels_nifti(tmp_path / "labels.nii.gz", labels.geometry).segments == labels.segments
    assert read_label_table('<!DOCTYPE x [<!ENTITY a "b">]><LabelTable/>') == {}
    assert read_label_table("<LabelTable><Label Key=") == {}


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (
            ".label",
            '# ITK-SnAP\n 0 0 0 0 0 0 0 "Clear Label"\n 2 255 0 0 1 1 1 "kidney_right"\n 3 0 1 2 0.5 1 1 "x y"\n',
        ),
        (".ctbl", "# Color table\n2 kidney_right 255 0 0 255\n3 x_y 1 2 3 255\n"),
    ],
)
def test_tables_beside_an_image(tmp_path, ending, text):
    geometry = grid()
    totalsegmentator_file(tmp_path / "labels.nii.gz", geometry, {})
    (tmp_path / f"labels{ending}").write_text(text)
    read = read_labels_nifti(tmp_path / "labels.nii.gz", geometry, names="totalsegmentator")
    assert [s.name for s in read.segments] == ["right kidney", "x y", "label 52", "label 92"]


def test_a_folder_of_masks(tmp_path):
    geometry = grid()
    labels = np.random.default_rng(3).choice([0, 1, 2], geometry.shape).astype(np.uint8)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ geometry.affine[:, [2, 1, 0, 3]]
    folder = tmp_path / "total"
    folder.mkdir()
    for name, mask in (("aorta", labels == 1), ("hip_left", labels == 2), ("brain", labels == 9)):
        nibabel.Nifti1Image(mask.T.astype(np.uint8), affine).to_filename(folder / f"{name}.nii.gz")
    read = read_labels(folder, volume_on(geometry))
    assert [(s.number, s.name) for s in read.segments] == [(1, "aorta"), (2, "left hip bone")]
    np.testing.assert_array_equal(read.labels, labels)
    nibabel.Nifti1Image((labels > 0).T.astype(np.uint8), affine).to_filename(folder / "body.nii.gz")
    with pytest.raises(FileFormatError, match=r"'body' and 'aorta' overlap|'left hip bone' and 'body' overlap"):
        read_labels(folder, volume_on(geometry))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match="no NIfTI masks"):
        read_labels(tmp_path / "empty", volume_on(geometry))
    with pytest.raises(ParameterError, match="only for NIfTI"):
        read_labels(folder, volume_on(geometry), names="totalsegmentator")


def test_every_class_has_a_structure_with_its_side():
    assert len(set(TOTALSEGMENTATOR)) == 117
    found = [structure_of(name) for name in TOTALSEGMENTATOR]
    assert len({row.name for row in found}) == 117
    assert "unspecified tissue" not in {row.name for row in found}
    for name, row in zip(TOTALSEGMENTATOR, found, strict=True):
        if name == "atrial_appendage_left" or "middle_lobe" in name:
            continue  # their codes have the side in them
        assert row.modifier == (LEFT if "left" in name else RIGHT if "right" in name else None), name
    assert plain_name("Left_Femur") == plain_name("femur left") == "left femur"
    assert all(plain_name(name) == name for name in STRUCTURES if not name.startswith(("left upper", "right upper")))
    for ours, theirs in ((LEFT, codes.cid244.Left), (RIGHT, codes.cid244.Right)):
        assert (ours.value, ours.scheme, ours.meaning) == (theirs.value, theirs.scheme_designator, theirs.meaning)
    assert all(name == row.name for name, row in STRUCTURES.items())


@pytest.mark.real_data
def test_a_segmentation_that_slicer_wrote(real_data, tmp_path):
    folder = real_data / "ct_chest_seg_small"
    volume = read_volume(folder / "CTChest4.nrrd")
    read = read_labels(folder / "Segmentation.seg.nrrd", volume)
    assert [s.name for s in read.segments][:1] + [s.name for s in read.segments][4:6] == [
        "ribs",
        "right lung",
        "left lung",
    ]
    assert [s.structure.name for s in read.segments][4:] == ["right lung", "left lung", "unspecified tissue"]
    assert np.median(volume.voxels[read.mask("left lung")]) < -700
    assert np.median(volume.voxels[read.mask("ribs")]) > 100
    left, right = (volume.geometry.to_lps(np.argwhere(read.mask(f"{s} lung"))).mean(axis=0) for s in ("left", "right"))
    assert left[0] > right[0] + 80
    write_labels_seg_nrrd(tmp_path / "again.seg.nrrd", read)
    again = read_labels(tmp_path / "again.seg.nrrd", volume)
    np.testing.assert_array_equal(again.labels, read.labels)
    assert again.segments == read.segments
    both = read_seg_nrrd_layers(folder / "SegmentationOverlapping.seg.nrrd", volume.geometry)
    np.testing.assert_array_equal(both[0].labels, read.labels)
    assert [s.name for s in both[1].segments] == ["overlapping sphere"]
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(folder / "SegmentationOverlapping.seg.nrrd"))
    np.testing.assert_array_equal(both[1].labels, image[..., 1])


@pytest.mark.real_data
def test_eighty_nine_structures_of_a_real_chest_as_dicom(real_data, tmp_path):
    """Every third slice and pixel of the chest, named by TotalSegmentator's numbering; dciodvfy finds no error."""
    whole = read_series(real_data / "chest_cta" / "dicom")
    labels = read_labels(real_data / "chest_cta" / "labels.nii.gz", whole, names="totalsegmentator")
    assert len(labels.segments) == 89
    assert [s.name for s in labels.segments if s.structure.name == "unspecified tissue"] == ["label 118"]
    assert 300 < np.median(whole.voxels[labels.mask("aorta")]) < 500
    part = (slice(None, None, 3), slice(None, None, 4), slice(None, None, 4))
    affine = whole.geometry.affine @ np.diag([3.0, 4.0, 4.0, 1.0])
    thin = Geometry(labels.labels[part].shape, affine, whole.geometry.frame_of_reference_uid)
    source = replace(whole.source, sop_instance_uids=whole.source.sop_instance_uids[::3])
    few = LabelMap(labels.labels[part], thin, labels.segments)
    volume = Volume(whole.voxels[part], thin, whole.unit, source)
    told = Provenance(volume, "structures", "0" * 64, "Imported.", datetime(2026, 1, 2, tzinfo=UTC))
    write_value(tmp_path / "structures.dcm", few, told)
    done = subprocess.run(["dciodvfy", tmp_path / "structures.dcm"], capture_output=True, text=True, errors="replace")
    assert done.returncode == 0
    assert not [line for line in done.stderr.splitlines() if line.startswith("Error")]
    read = read_labels(tmp_path / "structures.dcm", volume)
    assert [(s.name, s.structure) for s in read.segments] == [(s.name, s.structure) for s in few.segments]
    for name in ("aorta", "left rib 4", "right clavicle"):
        np.testing.assert_array_equal(read.mask(name), few.mask(name))
