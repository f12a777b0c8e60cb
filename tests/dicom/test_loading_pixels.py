"""Stored values, rescale, padding and transfer syntaxes: voxels must be exact."""

from __future__ import annotations

import sys
import zlib

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID
from series_writer import values, write_series

import prosector
from prosector.dicom import decode
from prosector.errors import MissingCodecError, PixelDataError

EXACT = ["u1", "i1", "u2", "i2"]


@pytest.mark.parametrize("dtype", [*EXACT, "u4", "i4"])
def test_every_stored_type(tmp_path, dtype):
    stored = values(dtype=dtype)
    write_series(tmp_path, stored, modality="MR")
    volume = prosector.read_series(tmp_path)
    assert volume.voxels.dtype.name in ("uint8", "int16", "uint16")
    np.testing.assert_array_equal(volume.voxels, stored)
    assert not volume.voxels.flags.writeable


@pytest.mark.parametrize(
    ("dtype", "slope", "intercept", "expected"),
    [
        ("u2", 1, -1024, "int16"),
        ("i2", 1, -1024, "int16"),
        ("i2", 2, 3, "int16"),
        ("u1", 1, -100, "int16"),
        ("u2", 1, 0, "uint16"),
        ("u2", 1, 10, "int16"),
        ("u2", 20, 0, "float32"),
        ("i2", 0.5, -3.25, "float32"),
        ("i4", 1.5, 7, "float32"),
    ],
)
def test_rescale(tmp_path, dtype, slope, intercept, expected):
    stored = values(dtype=dtype)

    def scale(_, dataset):
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept

    write_series(tmp_path, stored, edit=scale)
    volume = prosector.read_series(tmp_path)
    assert volume.voxels.dtype.name == expected
    np.testing.assert_allclose(volume.voxels, stored.astype("f8") * slope + intercept, rtol=1e-6)


def test_full_range_with_an_intercept_stays_exact(tmp_path):
    stored = np.array([0, 1, 33791, 33792, 65535, 1024], dtype="u2").reshape(1, 2, 3).repeat(3, axis=0)
    write_series(tmp_path, stored, edit=lambda _, d: setattr(d, "RescaleIntercept", -1024))
    volume = prosector.read_series(tmp_path)
    np.testing.assert_array_equal(volume.voxels, stored.astype("f4") - 1024)


@pytest.mark.parametrize("fraction", [1, 0.25])
def test_rescale_that_differs_between_slices(tmp_path, fraction):
    stored = values(dtype="u2")

    def scale(k, dataset):
        dataset.RescaleSlope, dataset.RescaleIntercept = (k + 1) * fraction, -1000 + k

    write_series(tmp_path, stored, edit=scale)
    k = np.arange(5)[:, None, None]
    np.testing.assert_array_equal(
        prosector.read_series(tmp_path).voxels, stored.astype("f8") * (k + 1) * fraction - 1000 + k
    )


def test_twelve_bits_in_sixteen_with_rubbish_above(tmp_path):
    clean = (values(dtype="u2") & 0x0FFF).astype("u2")
    dirty = clean | (np.arange(clean.size, dtype="u2").reshape(clean.shape) << 12)

    def twelve(_, dataset):
        dataset.BitsStored, dataset.HighBit = 12, 11

    write_series(tmp_path, dirty, modality="MR", edit=twelve)
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, clean)


def test_signed_twelve_bits_are_sign_extended(tmp_path):
    wanted = np.clip(values(), -2048, 2047).astype("i2")
    packed = (wanted & 0x0FFF).astype("i2")

    def twelve(_, dataset):
        dataset.BitsStored, dataset.HighBit = 12, 11

    write_series(tmp_path, packed, edit=twelve)
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, wanted)


def test_high_bit_above_bits_stored(tmp_path):
    clean = (values(dtype="u2") & 0x0FFF).astype("u2")

    def shifted(_, dataset):
        dataset.BitsStored, dataset.HighBit = 12, 15

    write_series(tmp_path, (clean << 4) | 5, modality="MR", edit=shifted)
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, clean)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_float_pixel_data(tmp_path, kind):
    wanted = np.random.default_rng(3).normal(size=(3, 5, 6)).astype(kind)

    def floats(k, dataset):
        del dataset.PixelData
        setattr(dataset, "FloatPixelData" if kind == "f4" else "DoubleFloatPixelData", wanted[k].tobytes())
        dataset.BitsAllocated = wanted.itemsize * 8
        for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
            delattr(dataset, keyword)

    write_series(tmp_path, values((3, 5, 6)), modality="MR", edit=floats)
    volume = prosector.read_series(tmp_path)
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels, wanted.astype("f4"))


@pytest.mark.parametrize("limit", [None, -1990])
def test_padding_becomes_air_and_is_recorded(tmp_path, limit):
    stored = values()
    stored[:, 0, :4] = -2000
    stored[:, 1, 0] = -1995

    def padded(_, dataset):
        dataset.add_new("PixelPaddingValue", "SS", -2000)
        if limit is not None:
            dataset.add_new("PixelPaddingRangeLimit", "SS", limit)

    write_series(tmp_path, stored, edit=padded)
    volume = prosector.read_series(tmp_path)
    expected = stored.copy()
    expected[stored == -2000 if limit is None else (stored >= -2000) & (stored <= limit)] = -1024
    np.testing.assert_array_equal(volume.voxels, expected)
    count = int((expected != stored).sum())
    assert any(f"{count} pixels of (0028,0120)" in w for w in volume.source.warnings)


def test_padding_of_unsigned_pixels_with_full_range(tmp_path):
    stored = values(dtype="u2")
    stored[:, 0, 0], stored[:, 1, 1] = 63536, 60000

    def padded(_, dataset):
        dataset.add_new("PixelPaddingValue", "US", 63536)
        dataset.RescaleIntercept = -1024

    write_series(tmp_path, stored, edit=padded)
    expected = stored.astype("f4") - 1024
    expected[:, 0, 0] = -1024
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, expected)


def test_missing_rescale_on_ct_is_said(tmp_path):
    def bare(_, dataset):
        del dataset.RescaleIntercept, dataset.RescaleSlope

    write_series(tmp_path, values(), edit=bare)
    volume = prosector.read_series(tmp_path)
    assert volume.is_hounsfield
    assert any("(0028,1052) Rescale Intercept is absent" in w for w in volume.source.warnings)


def test_monochrome1_and_lossy_are_said(tmp_path):
    def odd(_, dataset):
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.LossyImageCompression, dataset.LossyImageCompressionRatio = "01", "12.5"

    write_series(tmp_path, values(), edit=odd)
    said = " ".join(prosector.read_series(tmp_path).source.warnings)
    assert "MONOCHROME1" in said
    assert "12.5:1" in said


def test_odd_length_and_trailing_padding(tmp_path):
    stored = values((3, 3, 5), "u1")

    def trailing(_, dataset):
        dataset.PixelData = dataset.PixelData + b"\0" * 6
        dataset.add_new(0xFFFCFFFC, "OB", b"\0" * 32)

    write_series(tmp_path, stored, modality="MR", edit=trailing)
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, stored)


def test_colour_is_no_volume(tmp_path):
    def colour(_, dataset):
        dataset.SamplesPerPixel = 3

    write_series(tmp_path, values(), edit=colour)
    with pytest.raises(prosector.errors.NotAVolumeError, match="colour"):
        prosector.read_series(tmp_path)


# --- transfer syntaxes ----------------------------------------------------------------------------------------

NATIVE = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "big endian": "1.2.840.10008.1.2.2",
}


def saver(syntax):
    def save(dataset, path):
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        little = syntax != NATIVE["big endian"]
        if not little and dataset.BitsAllocated > 8:
            dataset.PixelData = np.frombuffer(dataset.PixelData, f"<u{dataset.BitsAllocated // 8}").byteswap().tobytes()
        dataset["PixelData"].VR = "OW"
        if little:
            dataset.save_as(path, enforce_file_format=True)
        else:
            pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False, force_encoding=True)

    return save


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("dtype", ["i2", "u1", "u4"])
def test_native_syntaxes(tmp_path, syntax, dtype):
    stored = values((4, 6, 8), dtype)
    write_series(tmp_path, stored, modality="MR", save=saver(NATIVE[syntax]))
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, stored)


ENCODERS = {
    "1.2.840.10008.1.2.4.57": lambda a: imagecodecs.ljpeg_encode(a),
    "1.2.840.10008.1.2.4.70": lambda a: imagecodecs.ljpeg_encode(a),
    "1.2.840.10008.1.2.4.80": lambda a: imagecodecs.jpegls_encode(a),
    "1.2.840.10008.1.2.4.90": lambda a: imagecodecs.jpeg2k_encode(a, level=0, codecformat="J2K"),
    "1.2.840.10008.1.2.4.201": lambda a: imagecodecs.htj2k_encode(a),
}


def compressed(syntax, encode, fragments=1):
    def save(dataset, path):
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        kind = f"<{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}"
        plane = np.frombuffer(dataset.PixelData, kind, dataset.Rows * dataset.Columns)
        data = encode(plane.reshape(dataset.Rows, dataset.Columns))
        dataset.PixelData = encapsulate([data], fragments_per_frame=fragments)
        dataset["PixelData"].VR = "OB"
        dataset.save_as(path, enforce_file_format=True)

    return save


@pytest.mark.parametrize("syntax", ENCODERS)
@pytest.mark.parametrize("fragments", [1, 3])
def test_lossless_syntaxes_are_exact(tmp_path, syntax, fragments):
    stored = (values((3, 32, 40), "u2") & 0x0FFF).astype("u2")

    def twelve(_, dataset):
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.RescaleIntercept = -1024

    write_series(tmp_path, stored, edit=twelve, save=compressed(syntax, ENCODERS[syntax], fragments))
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, stored.astype("i4") - 1024)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2"])
def test_rle_is_exact_without_any_codec(tmp_path, dtype):
    stored = values((3, 20, 24), dtype)
    stored[:, :10] = 7  # runs

    def save(dataset, path):
        dataset.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom")
        dataset.save_as(path, enforce_file_format=True)

    write_series(tmp_path, stored, modality="MR", save=save)
    np.testing.assert_array_equal(prosector.read_series(tmp_path).voxels, stored)


def test_a_missing_codec_names_the_extra(tmp_path, monkeypatch):
    stored = values((3, 16, 16), "u2")
    write_series(tmp_path, stored, modality="MR", save=compressed("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode))
    decode._decoder.cache_clear()

    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(MissingCodecError, match=r"prosector\[codecs\]") as caught:
        prosector.read_series(tmp_path)
    decode._decoder.cache_clear()
    assert caught.value.exit_code == 4


def test_an_unknown_syntax_is_named(tmp_path):
    def save(dataset, path):
        dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.100")
        dataset.PixelData = encapsulate([b"\0\0\0\1" * 8])
        dataset["PixelData"].VR = "OB"
        dataset.save_as(path, enforce_file_format=True)

    write_series(tmp_path, values((3, 16, 16), "u2"), modality="MR", save=save)
    with pytest.raises(PixelDataError, match="MPEG2"):
        prosector.read_series(tmp_path)


def test_damaged_compressed_pixels_are_an_error(tmp_path):
    def broken(plane):
        return imagecodecs.jpegls_encode(plane)[:60]

    write_series(tmp_path, values((3, 16, 16), "u2"), modality="MR", save=compressed("1.2.840.10008.1.2.4.80", broken))
    with pytest.raises(PixelDataError, match="cannot be decoded"):
        prosector.read_series(tmp_path)


# --- files as they come ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("strip", ["preamble", "preamble and meta"])
@pytest.mark.parametrize("syntax", ["implicit", "explicit"])
def test_files_without_preamble_or_meta(tmp_path, strip, syntax):
    def save(dataset, path):
        saver(NATIVE[syntax])(dataset, path)
        raw = path.read_bytes()[132:]
        if strip == "preamble and meta":
            raw = raw[12 + int.from_bytes(raw[8:12], "little") :]
        path.write_bytes(raw)

    stored = values()
    write_series(tmp_path, stored, save=save)
    volume = prosector.read_series(tmp_path)
    np.testing.assert_array_equal(volume.voxels, stored)
    assert any("no file meta information" in w for w in volume.source.warnings) == ("meta" in strip)


def test_character_sets(tmp_path):
    def japanese(_, dataset):
        dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
        dataset.SeriesDescription = "胸部"

    write_series(tmp_path, values(), edit=japanese)
    assert prosector.read_series(tmp_path).source.description == "胸部"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_values_are_no_crash(tmp_path):
    def broken(_, dataset):
        with pydicom.config.disable_value_validation():
            dataset.SpecificCharacterSet = "NO SUCH SET"
            dataset.add_new("KVP", "DS", "120")
            dataset.add_new("SeriesDescription", "LO", "é" * 80)
            dataset.InstanceNumber = None
            dataset.add_new("StudyDate", "DA", "yesterday")

    def save(dataset, path):
        with pydicom.config.disable_value_validation():
            dataset.save_as(path, enforce_file_format=True)
        path.write_bytes(path.read_bytes().replace(b"DS\x04\x00120 ", b"DS\x04\x0012O "))

    stored = values()
    write_series(tmp_path, stored, edit=broken, save=save)
    volume = prosector.read_series(tmp_path)
    np.testing.assert_array_equal(volume.voxels, stored)
    assert volume.source.acquisition.kvp is None


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"])
def test_missing_uids_are_warned_of(tmp_path, keyword):
    def save(dataset, path):
        delattr(dataset, keyword)
        dataset.save_as(path, enforce_file_format=keyword != "SOPInstanceUID")

    stored = values()
    write_series(tmp_path, stored, save=save)
    volume = prosector.read_series(tmp_path)
    np.testing.assert_array_equal(volume.voxels, stored)
    if keyword != "FrameOfReferenceUID":
        assert not volume.source.is_dicom
        assert any("UID is absent in 5 file(s)" in w for w in volume.source.warnings)


def test_deflated_bombs_are_refused(tmp_path):
    write_series(tmp_path, values(), save=saver(NATIVE["deflated"]))
    bomb = sorted(tmp_path.iterdir())[0]
    raw = bomb.read_bytes()
    start = 132 + 12 + int.from_bytes(raw[140:144], "little")
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb.write_bytes(raw[:start] + squeezed.compress(b"\0" * (64 << 20)) + squeezed.flush())
    found = prosector.scan(tmp_path)
    assert [len(s.headers) for s in found.series] == [4]
    assert [name for name, _ in found.unreadable] == [bomb.name]
