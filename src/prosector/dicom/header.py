"""What the loader needs to know of one DICOM file, read without its pixels.

A compiled walk finds the wanted elements in the first bytes of the file; values are decoded when they are
asked for. That makes a scan some forty times as fast as parsing every element.
"""

from __future__ import annotations

import math
import re
import struct
import warnings
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_description, tag_for_keyword

from prosector.dicom.blobs import AnyBlob, Blob, InflatedBlob, inflate
from prosector.errors import MissingAttributeError, NoDicomError
from prosector.kernels import dicom_walk
from prosector.model.geometry import Array, frozen

KEYWORDS = (
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "AcquisitionTime", "ContentTime",
    "TriggerTime", "Modality", "SeriesDescription", "Manufacturer", "ContrastBolusAgent", "SliceThickness", "KVP",
    "EchoTime", "EchoNumbers", "InversionTime", "FlipAngle", "NominalPercentageOfCardiacPhase", "NominalInterval",
    "ProtocolName", "SpacingBetweenSlices", "GantryDetectorTilt", "ConvolutionKernel", "PatientPosition",
    "DiffusionBValue", "DiffusionGradientOrientation", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "AcquisitionNumber", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID",
    "TemporalPositionIdentifier", "TemporalPositionIndex", "MonoenergeticEnergyEquivalent", "ConcatenationUID",
    "InConcatenationTotalNumber",
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "PixelSpacing", "ImagerPixelSpacing", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleIntercept", "RescaleSlope", "RescaleType",
    "LossyImageCompression", "LossyImageCompressionRatio", "BurnedInAnnotation", "EffectiveEchoTime",
)  # fmt: skip
"""Attributes that are found in the first walk, at the top level of the data set."""

TAGS = {keyword: tag for keyword in KEYWORDS if (tag := tag_for_keyword(keyword)) is not None}
_WANTED = np.array(sorted(TAGS.values()), dtype=np.int64)
_META_WANTED = np.array([0x00020002, 0x00020010], dtype=np.int64)

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DICOMDIR = "1.2.840.10008.1.3.10"

FIRST_READ_BYTES = 8192
MAX_HEADER_BYTES = 256 << 20
"""A header that does not end within this much is refused."""

_PREAMBLE = 128
_BINARY_BYTES = re.compile(rb"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_BINARY = {"": "", "US": "H", "SS": "h", "UL": "I", "SL": "i", "FD": "d", "FL": "f"}
_UNSIGNED_SHORTS = {"SamplesPerPixel", "PlanarConfiguration", "Rows", "Columns", "BitsAllocated", "BitsStored"}
_UNSIGNED_SHORTS |= {"HighBit", "PixelRepresentation", "InConcatenationTotalNumber"}
_SIGNED_AS_PIXELS = {"PixelPaddingValue", "PixelPaddingRangeLimit"}
_WIDE = {
    "DiffusionBValue": "FD",
    "DiffusionGradientOrientation": "FD",
    "MonoenergeticEnergyEquivalent": "FD",
    "EffectiveEchoTime": "FD",
    "NominalPercentageOfCardiacPhase": "FL",
    "TemporalPositionIndex": "UL",
}


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Where the pixel data lie: tag, offset in the blob, length (undefined = encapsulated)."""

    tag: int
    offset: int
    length: int

    @property
    def is_encapsulated(self) -> bool:
        """Whether frames lie in fragments (PS3.5 A.4)."""
        return self.length == dicom_walk.UNDEFINED


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """One file's attributes, undecoded, and where its pixels are."""

    blob: AnyBlob
    transfer_syntax: str
    elements: dict[int, bytes]
    pixels: PixelElement | None
    big_endian: bool
    problems: tuple[str, ...] = ()
    _cache: dict[str, str] = field(default_factory=dict, repr=False)
    _numbers: dict[str, float | None] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self.blob.name

    def has(self, keyword: str) -> bool:
        """Whether the attribute is there and not empty."""
        raw = self.elements.get(TAGS[keyword], b"")
        return bool(raw if self._binary_letters(keyword) else raw.strip(b"\0 "))

    def text(self, keyword: str) -> str:
        """Value as text, empty where absent; several values are separated by backslashes."""
        if keyword not in self._cache:
            self._cache[keyword] = self._decoded(keyword)
        return self._cache[keyword]

    def values(self, keyword: str) -> tuple[str, ...]:
        """The values of a multi-valued attribute, as text."""
        text = self.text(keyword)
        return tuple(part.strip() for part in text.split("\\")) if text else ()

    def number(self, keyword: str) -> float | None:
        """First value as a finite number, None where it is absent or none."""
        if keyword not in self._numbers:
            self._numbers[keyword] = self._first_number(keyword)
        return self._numbers[keyword]

    def integer(self, keyword: str) -> int | None:
        """First value as a whole number, None where it is absent or none."""
        number = self.number(keyword)
        return None if number is None or number != int(number) else int(number)

    def numbers(self, keyword: str, count: int) -> Array:
        """All ``count`` values of an attribute.

        Raises
        ------
        MissingAttributeError
            If it is absent, or is not ``count`` finite numbers.
        """
        raw = self.elements.get(TAGS[keyword], b"")
        found = _decimals(raw) if not self._binary_letters(keyword) else None
        if found is None or len(found) != count:
            what = "does not hold numbers that can be used" if self.has(keyword) else "is absent or empty"
            raise MissingAttributeError(
                f"{tag_name(keyword)} {what} in {self.name}; expected {count} numbers. Without it the slices cannot "
                "be placed in the patient; export the series again from its source"
            )
        return found

    def _first_number(self, keyword: str) -> float | None:
        raw = self.elements.get(TAGS[keyword], b"")
        if keyword in _UNSIGNED_SHORTS and len(raw) == 2:
            return float(int.from_bytes(raw, "big" if self.big_endian else "little"))
        try:
            value = float(self.text(keyword).split("\\")[0])
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def _decoded(self, keyword: str) -> str:
        raw = self.elements.get(TAGS[keyword], b"")
        if not raw:
            return ""
        letters = self._binary_letters(keyword)
        if letters:
            size = struct.calcsize(letters)
            order = ">" if self.big_endian else "<"
            found = struct.unpack(f"{order}{len(raw) // size}{letters}", raw[: len(raw) // size * size])
            return "\\".join(repr(v) for v in found)
        text = _plain_text(raw)
        if text is not None:
            return text
        sets = self.elements.get(TAGS["SpecificCharacterSet"], b"").decode("ascii", "replace")
        return _decode_text(raw, sets).strip("\0 ")

    def _binary_letters(self, keyword: str) -> str:
        if keyword in _UNSIGNED_SHORTS:
            return _BINARY["US"]
        if keyword in _SIGNED_AS_PIXELS:
            return _BINARY["SS" if self.integer("PixelRepresentation") == 1 else "US"]
        return _BINARY[_WIDE.get(keyword, "")]


def tag_name(keyword: str) -> str:
    """``(0020,0032) Image Position (Patient)`` for a keyword."""
    tag = tag_for_keyword(keyword)
    return keyword if tag is None else f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {dictionary_description(tag)}"


# The slices of a series share most of their values: each is decoded once.


@lru_cache(maxsize=16384)
def _decimals(raw: bytes) -> Array | None:
    """The decimal strings of a value as finite numbers, read-only; None where they are not."""
    try:
        found = [float(v) for v in raw.strip(b"\0 ").split(b"\\")]
    except ValueError:
        return None
    return frozen(found) if all(map(math.isfinite, found)) else None


@lru_cache(maxsize=16384)
def _plain_text(raw: bytes) -> str | None:
    """ASCII that prints; None for anything else: escape sequences of other character sets are ASCII too."""
    if not raw.isascii():
        return None
    text = raw.decode("ascii").strip("\0 \t\r\n")
    return text if text.isprintable() else None


@lru_cache(maxsize=4096)
def _decode_text(raw: bytes, sets: str) -> str:
    """Text without control characters.

    A value ends at the first that text cannot hold: where a length is wrong, the elements after it, the patient's
    name among them, would else become part of a description.
    """
    raw = _BINARY_BYTES.split(raw, maxsplit=1)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            encodings = convert_encodings([part.strip() for part in sets.split("\\")] if sets else [""])
            text = decode_bytes(raw, encodings, set())
        except (LookupError, ValueError):
            text = raw.decode("utf-8", "replace")
    text = text if "\ufffd" not in text else raw.decode("latin-1")
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text).strip()


def read_header(blob: Blob) -> Header:
    """Read one file's header.

    Raises
    ------
    NoDicomError
        If it is not DICOM (message ``not a DICOM file``), or breaks off before it says what it is.
    OSError
        If it cannot be opened.
    """
    start = blob.read(0, FIRST_READ_BYTES)
    if start[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        at = _PREAMBLE + 4
    elif _begins_a_data_set(start):
        at = 0
    else:
        raise NoDicomError("not a DICOM file")
    meta, data_start = _walk_meta(start, at, blob.size)
    syntax = meta.get(0x00020010, b"").decode("ascii", "replace").strip("\0 ")
    problems = () if syntax else ("no file meta information: the transfer syntax was recognised by its bytes",)
    source: AnyBlob = blob
    if syntax == DEFLATED:
        inflated = inflate(blob, data_start)
        source, start, data_start = InflatedBlob(blob, data_start, len(inflated)), inflated, 0
    explicit, big, guessed = _encoding(syntax, start[data_start : data_start + 8])
    header = _walk_data(source, start, data_start, explicit, big)
    if not header.elements and meta.get(0x00020002, b"").strip(b"\0 ") != DICOMDIR.encode():
        raise NoDicomError("a DICOM file that breaks off, or is damaged, before it says what it holds")
    if 0x00080016 not in header.elements and 0x00020002 in meta:
        header.elements[0x00080016] = meta[0x00020002]
    return Header(source, syntax or guessed, header.elements, header.pixels, big, (*problems, *header.problems))


@dataclass(slots=True)
class _Walked:
    elements: dict[int, bytes]
    pixels: PixelElement | None
    problems: tuple[str, ...]


def _begins_a_data_set(start: bytes) -> bool:
    """Whether bytes without preamble begin with an element of group 0002 or 0008."""
    if len(start) < 16:
        return False
    if start[:2] in (b"\x02\x00", b"\x08\x00"):
        low_element = start[3] == 0 and start[2] <= 0x70
        is_explicit = start[4:6].isalpha() and start[4:6].isupper()
        return low_element and (is_explicit or int.from_bytes(start[4:8], "little") < 128)
    return start[:2] == b"\x00\x08" and start[2] == 0 and start[4:6].isalpha() and start[4:6].isupper()


def _walk_meta(start: bytes, at: int, size: int) -> tuple[dict[int, bytes], int]:
    """File meta information: SOP class and transfer syntax, and where the data set begins."""
    data = np.frombuffer(start, dtype=np.uint8)
    rows = np.zeros((len(_META_WANTED) + 1, 4), dtype=np.int64)  # the group's end, not the table's, ends the walk
    count, _, end = dicom_walk.walk(data, at, size, True, False, 2, 2, _META_WANTED, dicom_walk.LONG_VRS, rows)
    return {tag: start[offset : offset + length] for tag, _, offset, length in rows[:count].tolist()}, int(end)


def _encoding(syntax: str, first: bytes) -> tuple[bool, bool, str]:
    """(explicit VR, big endian, syntax as its bytes look)."""
    letters = first[4:6].isalpha() and first[4:6].isupper()
    if not syntax:
        big = first[:2] == b"\x00\x08"
        return letters, big, BIG_ENDIAN if big else EXPLICIT if letters else IMPLICIT
    if syntax == IMPLICIT:
        return letters, False, syntax  # some writers say implicit and write explicit
    return True, syntax == BIG_ENDIAN, syntax


def _walk_data(blob: AnyBlob, start: bytes, at: int, explicit: bool, big: bool) -> _Walked:
    rows = np.zeros((len(_WANTED) + 8, 4), dtype=np.int64)
    while True:
        data = np.frombuffer(start, dtype=np.uint8)
        count, status, end = dicom_walk.walk(
            data, at, blob.size, explicit, big, 4, 0x7FE0, _WANTED, dicom_walk.LONG_VRS, rows
        )
        if status != dicom_walk.NEED_MORE or len(start) >= min(blob.size, MAX_HEADER_BYTES):
            break
        start = blob.read(0, min(blob.size, MAX_HEADER_BYTES, max(4 * len(start), int(end) + FIRST_READ_BYTES)))
    elements, pixels = {}, None
    for tag, _, offset, length in rows[:count].tolist():
        if tag >= 0x7FE00008:
            pixels = PixelElement(tag, offset, length)
        elif tag < 0x7FE00000:
            elements[tag] = start[offset : offset + length]
    problems: tuple[str, ...] = ()
    if status != dicom_walk.DONE:
        what = {dicom_walk.TOO_DEEP: "sequences nested too deep", dicom_walk.INVALID: "damaged"}
        problems = (f"{what.get(status, 'the file breaks off')} at byte {end}, before its pixel data",)
    return _Walked(elements, pixels, problems)
