"""What the loader needs to know of one DICOM file, read without its pixels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from prosector.errors import MissingAttributeError, NoDicomError
from prosector.model.geometry import Array

GEOMETRY_TAGS = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "FrameOfReferenceUID")
PIXEL_TAGS = (
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept", "RescaleType",
)  # fmt: skip
IDENTITY_TAGS = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
    "Modality", "SeriesDescription", "SeriesNumber", "InstanceNumber", "ImageType", "AcquisitionNumber",
    "SliceThickness", "LossyImageCompression",
)  # fmt: skip
_TAGS: list[Any] = [tag_for_keyword(k) for k in (*IDENTITY_TAGS, *GEOMETRY_TAGS, *PIXEL_TAGS)]
_DICM_AT = 128


@dataclass(frozen=True, slots=True)
class Header:
    """One file's attributes.

    ``data`` holds the identifying, geometric and pixel-describing attributes only; ``problems`` is what
    pydicom warned of while it read them.
    """

    path: Path
    data: Dataset
    transfer_syntax: str
    problems: tuple[str, ...] = ()

    def text(self, keyword: str) -> str:
        """Value of an attribute as text; empty where absent or unreadable."""
        try:
            value = self.data.get(keyword)
        except Exception:  # a value that its VR cannot hold is as good as none
            return ""
        return "" if value is None else str(value).strip()

    def integer(self, keyword: str) -> int | None:
        """Value of an attribute as a whole number, None where absent or unreadable."""
        number = self.number(keyword)
        return None if number is None or number != int(number) else int(number)

    def number(self, keyword: str) -> float | None:
        """Value of an attribute as a finite number, None where absent or unreadable."""
        try:
            value = float(self.data.get(keyword))
        except Exception:
            return None
        return value if np.isfinite(value) else None

    def numbers(self, keyword: str, count: int) -> Array:
        """Values of a multi-valued attribute.

        Raises
        ------
        MissingAttributeError
            If it is absent, or is not ``count`` finite numbers.
        """
        try:
            values = np.array([float(v) for v in self.data.get(keyword)], dtype=np.float64)
        except Exception:
            values = np.empty(0)
        if len(values) != count or not np.isfinite(values).all():
            found = "is absent" if keyword not in self.data else "does not hold numbers that can be used"
            raise MissingAttributeError(
                f"{tag_name(keyword)} {found} in {self.path.name}; expected {count} numbers. "
                "Without it the slices cannot be placed in the patient; export the series again from its source"
            )
        return values


def tag_name(keyword: str) -> str:
    """``(0020,0032) Image Position (Patient)`` for a keyword."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        return keyword
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {pydicom.datadict.dictionary_description(tag)}"


def read_header(path: Path) -> Header:
    """Read one file's header.

    Raises
    ------
    NoDicomError
        If the file is not DICOM, or breaks off before it says what it is.
    OSError
        If it cannot be opened.
    """
    with path.open("rb") as file:
        start = file.read(_DICM_AT + 4)
        has_preamble = start[_DICM_AT:] == b"DICM"
        if not has_preamble and not _looks_like_data_set(start):
            raise NoDicomError("not a DICOM file")
        file.seek(0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                data = pydicom.dcmread(file, force=not has_preamble, stop_before_pixels=True, specific_tags=_TAGS)
                syntax = str(data.file_meta.get("TransferSyntaxUID", ""))
                for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality"):
                    data.get(keyword)
            except Exception as error:  # pydicom raises many kinds on broken files
                raise NoDicomError(f"a DICOM file that cannot be read ({type(error).__name__})") from error
    if "SOPClassUID" not in data and "Modality" not in data and "Rows" not in data:
        raise NoDicomError("a DICOM file that breaks off before it says what it holds")
    problems = tuple(sorted({f"{w.category.__name__} from the DICOM reader" for w in caught}))
    return Header(path, data, syntax, problems)


def _looks_like_data_set(start: bytes) -> bool:
    """Whether bytes without preamble begin with an element of group 0002 or 0008."""
    if len(start) < 8 or start[:2] not in (b"\x02\x00", b"\x08\x00") or start[2:4] > b"\xff\x20":
        return False
    explicit = start[4:6].isalpha() and start[4:6].isupper()
    return explicit or int.from_bytes(start[4:8], "little") < 1024
