"""Enhanced multi-frame objects: functional groups, order, splitting, real world values, fragments."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels import get_encoder
from pydicom.uid import UID
from series_writer import AXES, positions, slice_dataset, uid, values
from test_hostile import EXAMPLES, loads_or_says_why, mutate, mutations

import prosector
from prosector.errors import DicomInputError, PixelDataError, SeriesChoiceError

ENHANCED_CT, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_CT, XA_3D = "1.2.840.10008.5.1.4.1.1.2.2", "1.2.840.10008.5.1.4.1.1.13.1.1"
US_VOLUME, PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.6.2", "1.2.840.10008.5.1.4.1.1.30"

ORDER = [3, 0, 4, 1, 2]
"""Frame n of the file shows slice ORDER[n]."""


def item(**attributes) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def measures(spacing_mm=(0.5, 0.75)) -> Dataset:
    return item(PixelSpacing=list(spacing_mm), SliceThickness=2.5)


def enhanced(voxels, places=None, sop_class=ENHANCED_CT, axes="axial", share=True, name="enhanced"):
    """An enhanced object whose frames lie at ``places``; what is common is shared, or repeated in each frame."""
    voxels = np.asarray(voxels)
    places = positions(len(voxels), axes) if places is None else places
    modality = {ENHANCED_MR: "MR", XA_3D: "XA", US_VOLUME: "US", PARAMETRIC_MAP: "OT"}.get(sop_class, "CT")
    data = slice_dataset(0, voxels[0], AXES[axes], places[0], (1, 1), modality, name)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(data, keyword)
    for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType"):
        if keyword in data:
            delattr(data, keyword)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = sop_class
    data.NumberOfFrames = len(voxels)
    data.PixelData = voxels.astype(voxels.dtype.newbyteorder("<")).tobytes()
    shared, frames = Dataset(), []
    for place in places:
        group = item(PlanePositionSequence=[item(ImagePositionPatient=[float(v) for v in place])])
        group.FrameContentSequence = [item(StackID="1")]
        frames.append(group)
    for target in [shared] if share else frames:
        target.PixelMeasuresSequence = [measures()]
        target.PlaneOrientationSequence = [item(ImageOrientationPatient=[float(v) for v in np.concatenate(AXES[axes])])]
        if modality == "CT":
            target.PixelValueTransformationSequence = [item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = frames
    return data


def saved(data, folder, name="file.dcm"):
    data.save_as(folder / name, enforce_file_format=True)
    return folder / name


@pytest.mark.parametrize("axes", ["axial", "sagittal", "oblique"])
@pytest.mark.parametrize("share", [True, False], ids=["shared", "per frame"])
@pytest.mark.parametrize("sop_class", [ENHANCED_CT, ENHANCED_MR, LEGACY_CT, XA_3D])
def test_frames_are_ordered_by_place(tmp_path, sop_class, share, axes):
    slices = values(dtype="u2")
    places = positions(5, axes)
    file = saved(enhanced(slices[ORDER], places[ORDER], sop_class, axes, share), tmp_path)
    volume = prosector.read_series(file)
    offset = -1024 if sop_class in (ENHANCED_CT, LEGACY_CT) else 0
    np.testing.assert_array_equal(volume.voxels, slices.astype(int) + offset)
    assert np.abs(volume.geometry.to_lps([(k, 0, 0) for k in range(5)]) - places).max() < 1e-5
    assert volume.geometry.spacing_mm == pytest.approx((2.5, 0.5, 0.75), abs=1e-5)
    assert volume.source.acquisition.slice_thickness_mm == 2.5
    assert volume.is_hounsfield == (offset != 0)
    assert len(volume.source.sop_instance_uids) == 1


def test_simpleitk_agrees_where_it_can(tmp_path):
    slices = values(dtype="u2")
    file = saved(enhanced(slices), tmp_path)
    image = sitk.ReadImage(str(file))
    volume = prosector.read_series(file)
    np.testing.assert_array_equal(volume.voxels, sitk.GetArrayFromImage(image))
    for index in ((0, 0, 0), (4, 6, 8)):
        assert np.abs(volume.geometry.to_lps(index) - image.TransformIndexToPhysicalPoint(index[::-1])).max() < 1e-3


def test_tilt_in_frames(tmp_path):
    places = positions(5, shear=0.9)
    volume = prosector.read_series(saved(enhanced(values(dtype="u2"), places), tmp_path))
    assert volume.geometry.tilt_degrees == pytest.approx(np.degrees(np.arctan(0.9 / 2.5)), abs=1e-3)


def two_volumes(mark, sop_class=ENHANCED_MR):
    """Two volumes at the same places, frame by frame in turn; ``mark(group, n)`` tells them apart."""
    both = [values(dtype="u2", seed=1), values(dtype="u2", seed=2)]
    places = positions(5).repeat(2, axis=0)
    data = enhanced(np.stack(both, axis=1).reshape(10, 7, 9), places, sop_class)
    for n, group in enumerate(data.PerFrameFunctionalGroupsSequence):
        mark(group, n % 2)
    return data, both


def diffusion(group, n):
    direction = item(DiffusionGradientOrientation=[float(n), 1.0 - n, 0.0])
    group.MRDiffusionSequence = [item(DiffusionBValue=1000.0, DiffusionGradientDirectionSequence=[direction])]


MARKS = {
    "stack": lambda g, n: setattr(g.FrameContentSequence[0], "StackID", str(n + 1)),
    "temporal": lambda g, n: setattr(g.FrameContentSequence[0], "TemporalPositionIndex", n + 1),
    "echo": lambda g, n: setattr(g, "MREchoSequence", [item(EffectiveEchoTime=4.5 * (n + 1))]),
    "b value": lambda g, n: setattr(g, "MRDiffusionSequence", [item(DiffusionBValue=1000.0 * n)]),
    "direction": diffusion,
    "phase": lambda g, n: setattr(
        g, "CardiacSynchronizationSequence", [item(NominalPercentageOfCardiacPhase=10.0 * (n + 1))]
    ),
    "component": lambda g, n: setattr(
        g,
        "MRImageFrameTypeSequence",
        [item(FrameType=["ORIGINAL", "PRIMARY", "X", "NONE"], ComplexImageComponent=("MAGNITUDE", "PHASE")[n])],
    ),
    "velocity": lambda g, n: setattr(
        g, "MRVelocityEncodingSequence", [item(VelocityEncodingDirection=[float(n), 1.0 - n, 0.0])]
    ),
    "energy": lambda g, n: setattr(g, "CTXRayDetailsSequence", [item(KVP=80 + 60 * n)]),
    "kernel": lambda g, n: setattr(g, "CTReconstructionSequence", [item(ConvolutionKernel="AB"[n])]),
    "converted": lambda g, n: setattr(
        g, "UnassignedPerFrameConvertedAttributesSequence", [item(TemporalPositionIdentifier=n + 1)]
    ),
}


@pytest.mark.parametrize("mark", MARKS)
def test_volumes_are_told_apart(tmp_path, mark):
    data, both = two_volumes(MARKS[mark])
    file = saved(data, tmp_path)
    with pytest.raises(SeriesChoiceError, match="2 volumes"):
        prosector.read_series(file)
    found = [prosector.read_series(file, volume=n).voxels for n in (1, 2)]
    if mark in ("direction", "velocity"):  # listed by direction: (0, 1, 0) comes first
        assert {f.tobytes() for f in found} == {b.tobytes() for b in (v.astype("u2") for v in both)}
    else:
        for one, other in zip(found, both, strict=True):
            np.testing.assert_array_equal(one, other)


def test_any_other_dimension_tells_them_apart(tmp_path):
    data, both = two_volumes(lambda *_: None)
    pointers = [0x00209056, 0x00209057, 0x00189094]
    data.DimensionIndexSequence = [item(DimensionIndexPointer=p) for p in pointers]
    for n, group in enumerate(data.PerFrameFunctionalGroupsSequence):
        group.FrameContentSequence[0].DimensionIndexValues = [1, n // 2 + 1, n % 2 + 1]
    file = saved(data, tmp_path)
    for n, voxels in enumerate(both, 1):
        np.testing.assert_array_equal(prosector.read_series(file, volume=n).voxels, voxels)


def test_stacks_of_other_orientation(tmp_path):
    slices = values((10, 7, 7), "u2")
    places = np.concatenate([positions(5), positions(5, "sagittal")])
    data = enhanced(slices, places, ENHANCED_MR, share=False)
    for n, group in enumerate(data.PerFrameFunctionalGroupsSequence):
        axes = AXES["axial" if n < 5 else "sagittal"]
        group.PlaneOrientationSequence[0].ImageOrientationPatient = [float(v) for v in np.concatenate(axes)]
        group.FrameContentSequence[0].StackID = "1" if n < 5 else "2"
    file = saved(data, tmp_path)
    with pytest.raises(SeriesChoiceError, match="sagittal stack 2"):
        prosector.read_series(file)
    np.testing.assert_array_equal(prosector.read_series(file, volume=2).voxels, slices[5:])


# --- values ---------------------------------------------------------------------------------------------------


def test_rescale_that_differs_between_frames(tmp_path):
    slices = values(dtype="u2")
    data = enhanced(slices, share=False)
    for k, group in enumerate(data.PerFrameFunctionalGroupsSequence):
        group.PixelValueTransformationSequence = [item(RescaleSlope=k + 1, RescaleIntercept=-k, RescaleType="HU")]
    k = np.arange(5)[:, None, None]
    np.testing.assert_array_equal(
        prosector.read_series(saved(data, tmp_path)).voxels, slices.astype(float) * (k + 1) - k
    )


def test_rescale_type_of_the_group_decides_the_unit(tmp_path):
    data = enhanced(values(dtype="u2"))
    data.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence[0].RescaleType = "MGML"
    assert prosector.read_series(saved(data, tmp_path)).unit == "1"


def mapping(slope=0.5, intercept=-3.0, unit="mm2/s") -> Dataset:
    units = item(CodeValue=unit, CodingSchemeDesignator="UCUM", CodeMeaning=unit)
    return item(RealWorldValueSlope=slope, RealWorldValueIntercept=intercept, MeasurementUnitsCodeSequence=[units])


@pytest.mark.parametrize("where", ["shared", "per frame", "top"])
def test_real_world_values_where_there_is_no_rescale(tmp_path, where):
    slices = values(dtype="u2")
    data = enhanced(slices, sop_class=ENHANCED_MR)
    groups = {
        "shared": list(data.SharedFunctionalGroupsSequence),
        "per frame": list(data.PerFrameFunctionalGroupsSequence),
        "top": [data],
    }
    for group in groups[where]:
        group.RealWorldValueMappingSequence = [mapping()]
    volume = prosector.read_series(saved(data, tmp_path))
    np.testing.assert_array_equal(volume.voxels, slices * 0.5 - 3)
    assert volume.unit == "mm2/s"
    assert any("(0040,9096) Real World Value Mapping" in w for w in volume.source.warnings)


def test_a_rescale_goes_before_real_world_values(tmp_path):
    slices = values(dtype="u2")
    data = enhanced(slices)
    data.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = [mapping()]
    volume = prosector.read_series(saved(data, tmp_path))
    np.testing.assert_array_equal(volume.voxels, slices.astype(int) - 1024)
    assert volume.is_hounsfield


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
def test_float_frames_of_a_parametric_map(tmp_path, keyword):
    wanted = np.random.default_rng(2).normal(size=(5, 7, 9)).astype("f8" if "Double" in keyword else "f4")
    data = enhanced(values(dtype="u2"), sop_class=PARAMETRIC_MAP)
    del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
    data.BitsAllocated = wanted.itemsize * 8
    setattr(data, keyword, wanted.tobytes())
    np.testing.assert_array_equal(prosector.read_series(saved(data, tmp_path)).voxels, wanted.astype("f4"))


def test_an_ultrasound_volume_says_that_it_does_not_know_the_patient(tmp_path):
    slices, places = values(dtype="u1"), positions(5)
    data = enhanced(slices[ORDER], places[ORDER], US_VOLUME)
    shared = data.SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationVolumeSequence = [item(ImageOrientationVolume=[1.0, 0, 0, 0, 1, 0])]
    del shared.PlaneOrientationSequence
    for group in data.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0].ImagePositionPatient
        group.PlanePositionVolumeSequence = [item(ImagePositionVolume=[float(v) for v in place])]
        del group.PlanePositionSequence
    volume = prosector.read_series(saved(data, tmp_path))
    np.testing.assert_array_equal(volume.voxels, slices)
    assert any("not the patient's" in w for w in volume.source.warnings)


# --- concatenations -------------------------------------------------------------------------------------------


def concatenation(folder, slices, parts=((0, 3), (3, 5)), total=2):
    places = positions(5)
    for n, (first, last) in enumerate(parts):
        data = enhanced(slices[first:last], places[first:last])
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = uid("part", n)
        data.ConcatenationUID, data.InConcatenationNumber = uid("whole"), n + 1
        data.InConcatenationTotalNumber, data.ConcatenationFrameOffsetNumber = total, first
        saved(data, folder, f"part{n}")


def test_a_concatenation_is_one_volume(tmp_path):
    slices = values(dtype="u2")
    concatenation(tmp_path, slices)
    volume = prosector.read_series(tmp_path)
    np.testing.assert_array_equal(volume.voxels, slices.astype(int) - 1024)
    assert len(volume.source.sop_instance_uids) == 2
    assert not any("concatenation" in w for w in volume.source.warnings)


def test_a_part_that_is_not_there_is_said(tmp_path):
    concatenation(tmp_path, values(dtype="u2"), total=3)
    assert any("only 2 of the 3 parts" in w for w in prosector.read_series(tmp_path).source.warnings)


# --- what is missing or broken --------------------------------------------------------------------------------


@pytest.mark.parametrize("sequence", ["PixelMeasuresSequence", "PlaneOrientationSequence"])
def test_missing_groups_name_the_attribute(tmp_path, sequence):
    data = enhanced(values(dtype="u2"))
    delattr(data.SharedFunctionalGroupsSequence[0], sequence)
    with pytest.raises(DicomInputError, match=r"\(00[0-9A-F]{2},00[0-9A-F]{2}\).*absent from the functional groups"):
        prosector.read_series(saved(data, tmp_path))


def test_all_groups_missing(tmp_path):
    data = enhanced(values(dtype="u2"))
    del data.SharedFunctionalGroupsSequence, data.PerFrameFunctionalGroupsSequence
    with pytest.raises(DicomInputError, match="absent from the functional groups"):
        prosector.read_series(saved(data, tmp_path))


def test_fewer_groups_than_frames(tmp_path):
    data = enhanced(values(dtype="u2"))
    del data.PerFrameFunctionalGroupsSequence[-1]
    with pytest.raises(DicomInputError, match="is 5, but 4 functional groups"):
        prosector.read_series(saved(data, tmp_path))


def test_a_broken_object_does_not_take_its_series_along(tmp_path):
    slices = values(dtype="u2")
    saved(enhanced(slices), tmp_path)
    broken = enhanced(slices)
    broken.SOPInstanceUID = broken.file_meta.MediaStorageSOPInstanceUID = uid("broken")
    del broken.PerFrameFunctionalGroupsSequence[-1]
    saved(broken, tmp_path, "broken")
    volume = prosector.read_series(tmp_path)
    np.testing.assert_array_equal(volume.voxels, slices.astype(int) - 1024)
    assert any("1 file(s) passed over" in w for w in volume.source.warnings)


@pytest.mark.parametrize("value", ["5", ["1", "2", "x"]])
def test_positions_that_are_none(tmp_path, value):
    data = enhanced(values(dtype="u2"))
    with pydicom.config.disable_value_validation():
        place = data.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
        place["ImagePositionPatient"] = pydicom.DataElement("ImagePositionPatient", "LO", value)
        file = saved(data, tmp_path)
    volume = prosector.read_series(file)
    assert volume.geometry.shape[0] == 4
    assert any("cannot be placed" in w for w in volume.source.warnings)


def test_truncated_pixels_are_named(tmp_path):
    file = saved(enhanced(values(dtype="u2")), tmp_path)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(PixelDataError, match="truncated"):
        prosector.read_series(file)


# --- fragments ------------------------------------------------------------------------------------------------

LS, RLE, J2K = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"


def encoded(plane, syntax):
    if syntax == LS:
        return imagecodecs.jpegls_encode(plane)
    if syntax == J2K:
        return imagecodecs.jpeg2k_encode(plane, level=0, codecformat="J2K")
    return get_encoder(RLE).encode(
        plane, rows=plane.shape[0], columns=plane.shape[1], samples_per_pixel=1, bits_allocated=16, bits_stored=16,
        photometric_interpretation="MONOCHROME2", pixel_representation=0, number_of_frames=1, encoding_plugin="pydicom",
    )  # fmt: skip


def compress(data, slices, syntax, table, fragments=1):
    data.file_meta.TransferSyntaxUID = UID(syntax)
    frames = [encoded(plane, syntax) for plane in slices]
    if table == "extended":
        data.PixelData, data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths = encapsulate_extended(frames)
    else:
        data.PixelData = encapsulate(frames, fragments_per_frame=fragments, has_bot=table != "none")
    if table == "wrong":
        data.PixelData = data.PixelData[:12] + b"\x02\0\0\0" + data.PixelData[16:]
    data["PixelData"].VR = "OB"
    return data


@pytest.mark.parametrize("table", ["basic", "none", "extended", "wrong"])
@pytest.mark.parametrize("syntax", [LS, RLE, J2K])
def test_encapsulated_frames(tmp_path, syntax, table):
    slices = values((5, 32, 40), "u2")
    data = compress(enhanced(slices[ORDER], positions(5)[ORDER]), slices[ORDER], syntax, table)
    np.testing.assert_array_equal(prosector.read_series(saved(data, tmp_path)).voxels, slices.astype(int) - 1024)


@pytest.mark.parametrize("table", ["basic", "none", "wrong"])
@pytest.mark.parametrize("syntax", [LS, J2K])
def test_several_fragments_a_frame(tmp_path, syntax, table):
    slices = values((5, 32, 40), "u2")
    data = compress(enhanced(slices), slices, syntax, table, fragments=3)
    np.testing.assert_array_equal(prosector.read_series(saved(data, tmp_path)).voxels, slices.astype(int) - 1024)


def test_fewer_fragments_than_frames(tmp_path):
    slices = values((5, 32, 40), "u2")
    data = compress(enhanced(slices), slices[:4], RLE, "none")
    with pytest.raises(PixelDataError, match="cannot be decoded"):
        prosector.read_series(saved(data, tmp_path))


@pytest.mark.parametrize("cut", [10, 400, 3000])
def test_fragments_that_break_off(tmp_path, cut):
    slices = values((5, 32, 40), "u2")
    file = saved(compress(enhanced(slices), slices, LS, "basic"), tmp_path)
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(PixelDataError, match=r"file\.dcm"):
        prosector.read_series(file)


def test_fragments_without_an_end(tmp_path):
    slices = values((5, 32, 40), "u2")
    file = saved(compress(enhanced(slices), slices, LS, "basic"), tmp_path)
    file.write_bytes(file.read_bytes()[:-8])  # the sequence delimiter
    np.testing.assert_array_equal(prosector.read_series(file).voxels, slices.astype(int) - 1024)


@pytest.mark.parametrize("says", ["native", "compressed"])
def test_a_syntax_that_contradicts_the_pixels(tmp_path, says):
    slices = values((5, 32, 40), "u2")
    native = b"1.2.840.10008.1.2.1\0"
    data = compress(enhanced(slices), slices, RLE, "basic") if says == "native" else enhanced(slices)
    file = saved(data, tmp_path)
    old, new = (RLE.encode() + b"\0", native) if says == "native" else (native, RLE.encode() + b"\0")
    file.write_bytes(file.read_bytes().replace(old, new, 1))
    with pytest.raises(PixelDataError, match="contradicts"):
        prosector.read_series(file)


# --- hostile --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A native and a compressed object, as bytes."""
    folder = tmp_path_factory.mktemp("pristine")
    slices = values((5, 8, 8), "u2")
    native = saved(enhanced(slices, share=False), folder, "native").read_bytes()
    packed = compress(enhanced(slices, name="packed"), slices, RLE, "basic")
    return [native, saved(packed, folder, "packed").read_bytes()]


@settings(max_examples=EXAMPLES // 2)
@given(mutations)
def test_mutated_objects_never_crash(pristine, tmp_path_factory, changes):
    files = list(pristine)
    for kind, n, where, what in changes:
        files[n % 2] = mutate(files[n % 2], kind, where, what)
    folder = tmp_path_factory.mktemp("fuzz")
    for n, raw in enumerate(files):
        (folder / str(n)).write_bytes(raw)
        loads_or_says_why(folder / str(n))
