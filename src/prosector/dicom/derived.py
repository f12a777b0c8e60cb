"""The series that derived objects go into, and the file that one is written to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import RE_VALID_UID, UID, ExplicitVRLittleEndian

from prosector._version import __version__
from prosector.atomic import atomic_path
from prosector.dicom.uids import IMPLEMENTATION_CLASS_UID, derived_uid, random_uid
from prosector.errors import NoDicomSourceError, ParameterError
from prosector.model.source import Source
from prosector.model.structures import Code

IMPLEMENTATION_VERSION_NAME = f"PROSECTOR_{__version__}"[:16]
"""Implementation Version Name (0002,0013)."""

LOWEST_SERIES_NUMBER = 1001
"""Derived series are numbered above what scanners use."""

LO_LENGTH = 64
"""Characters that a long string (VR LO) holds."""


@dataclass(frozen=True, slots=True)
class Workstation:
    """Where the post-processing ran (PS3.3 C.7.5.1 and the Contributing Equipment Sequence).

    ``serial_number`` is required in a segmentation; software has none, so it says so by default.
    """

    manufacturer: str = "Prosector"
    model: str = "Prosector"
    software_version: str = __version__
    station_name: str = ""
    serial_number: str = "UNSPECIFIED"
    institution: str = ""
    description: str = "3D post-processing on an independent workstation"


@dataclass(frozen=True, slots=True)
class DerivedSeries:
    """A new series in the base study.

    Parameters
    ----------
    instance_uid : str
        Series Instance UID (0020,000E); :func:`derive_series` makes one.
    number : int
        Series Number (0020,0011), above 1000.
    description : str
        Series Description (0008,103E); begins with ``3D``, at most 64 characters.
    created : datetime
        Written as the date and time of series, content and instances. Time of the local clock, with or
        without its offset from UTC.
    workstation : Workstation

    Raises
    ------
    ParameterError
        If the number is not above 1000, or the description has another form.
    """

    instance_uid: str
    number: int
    description: str
    created: datetime
    workstation: Workstation = field(default_factory=Workstation)

    def __post_init__(self) -> None:
        if not LOWEST_SERIES_NUMBER <= self.number < 2**31:
            raise ParameterError(
                f"a derived series is numbered {LOWEST_SERIES_NUMBER} or above, clear of the scanner's; "
                f"found {self.number}"
            )
        if not self.description.startswith("3D") or len(self.description) > LO_LENGTH:
            raise ParameterError(
                f"a derived series' description begins with 3D and has at most {LO_LENGTH} characters; "
                f"found {self.description!r}"
            )
        if not re.match(RE_VALID_UID, self.instance_uid):
            raise ParameterError(f"(0020,000E) Series Instance UID: {self.instance_uid!r} is not a UID")


@dataclass(frozen=True, slots=True)
class Derivation:
    """How one object came about, and where it is filed: what every builder of derived objects is told.

    Parameters
    ----------
    series : DerivedSeries
        The series that it goes into.
    instance_number : int
        Instance Number (0020,0013), from 1.
    description : str
        How it was made, in words; cut to what Derivation Description (0008,2111) holds.
    codes : tuple of Code
        Of CID 7203; ``codes.METHOD_DERIVATIONS`` has those of each method. Pictures need at least one.
    supervised : bool
        Whether a physician supervised; if not, the object says so.
    sop_instance_uid : str
        By default a function of series, number, time of creation and content.

    Raises
    ------
    ParameterError
        If the instance number is below 1.
    """

    series: DerivedSeries
    instance_number: int = 1
    description: str = ""
    codes: tuple[Code, ...] = ()
    supervised: bool = False
    sop_instance_uid: str = ""

    def __post_init__(self) -> None:
        if self.instance_number < 1:
            raise ParameterError(f"instances are numbered from 1; found {self.instance_number}")

    def uid(self, kind: str, content: str) -> str:
        """SOP Instance UID of an object of this kind whose content has this digest."""
        identity = (self.series.instance_uid, str(self.instance_number), self.series.created.isoformat(), content)
        return self.sop_instance_uid or derived_uid(kind, *identity)

    def require_codes(self) -> None:
        """Raise ParameterError unless there is a derivation code."""
        if not self.codes:
            raise ParameterError("a derived picture has at least one derivation code of CID 7203")


def derive_series(
    source: Source,
    title: str,
    created: datetime,
    *,
    recipe_sha256: str | None,
    number: int = LOWEST_SERIES_NUMBER,
    workstation: Workstation | None = None,
) -> DerivedSeries:
    """A new series in the study of ``source``.

    Parameters
    ----------
    source : Source
    title : str
        What the series shows; ``3D`` is put before it and the whole is cut to 64 characters.
    created : datetime
    recipe_sha256 : str or None
        Identity of the work. The UID is a function of study, source series, this digest, title, number,
        software version and time, so that the same run writes the same bytes. None draws a random UID.
    number : int
        Series Number, above 1000.
    workstation : Workstation, optional

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    """
    require_dicom(source)
    parts = (source.study.instance_uid, source.series_instance_uid, str(recipe_sha256), title, str(number))
    uid = random_uid() if recipe_sha256 is None else derived_uid("series", *parts, __version__, created.isoformat())
    description = f"3D {title}"[:LO_LENGTH].rstrip()
    return DerivedSeries(uid, number, description, created, workstation or Workstation())


def require_dicom(source: Source) -> None:
    """Raise NoDicomSourceError unless derived objects can refer to the source.

    Raises
    ------
    NoDicomSourceError
        Names the attribute that is missing, and what to write instead.
    """
    missing = [
        name
        for name, value in (
            ("(0020,000D) Study Instance UID", source.study.instance_uid),
            ("(0020,000E) Series Instance UID", source.series_instance_uid),
            ("(0008,0016) SOP Class UID", source.sop_class_uid),
            ("(0008,0018) SOP Instance UID", source.sop_instance_uids and all(source.sop_instance_uids)),
        )
        if not value
    ]
    if missing:
        raise NoDicomSourceError(
            f"derived DICOM must name its source images, but the source has no {', no '.join(missing)}; "
            "read the volume from its DICOM series, or write .png, .nii.gz or a mesh instead"
        )


def finish(dataset: Dataset) -> Dataset:
    """Declare UTF-8 where it is needed, and give the object our file meta information."""
    if any(not text.isascii() for text in _texts(dataset)):
        dataset.SpecificCharacterSet = "ISO_IR 192"
    elif "SpecificCharacterSet" in dataset:
        del dataset.SpecificCharacterSet
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    dataset.file_meta = meta
    return dataset


def _texts(dataset: Dataset) -> Iterator[str]:
    for element in dataset.iterall():
        if element.VR in ("LO", "LT", "PN", "SH", "ST", "UC", "UT") and element.value:
            yield str(element.value)


def write_dicom(path: str | Path, dataset: Dataset) -> None:
    """Write a derived object as a DICOM file (PS3.10), Explicit VR Little Endian.

    The file is whole or not there; the same dataset gives the same bytes.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with atomic_path(path) as partial:
        pydicom.dcmwrite(partial, dataset, enforce_file_format=True)
