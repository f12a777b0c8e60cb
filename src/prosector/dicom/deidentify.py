"""De-identification by DICOM PS3.15 Annex E, Basic Application Level Confidentiality Profile.

The action codes of Table E.1-1 stand in ``deidentify.toml``. Where the table leaves a choice, and for what it
does not list, the stricter way is taken: private attributes, curves and overlays go, dates and free text
outside the table go, every person's name goes, every UID that the standard does not define is replaced.
Objects whose pixels are said, or must be feared, to bear a patient's name are not written at all.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import tomllib
import warnings
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from prosector.atomic import atomic_path
from prosector.dicom.deidentify_search import Identity, is_standard
from prosector.dicom.header import Header
from prosector.dicom.scan import scan
from prosector.dicom.uids import IMPLEMENTATION_CLASS_UID, derived_uid
from prosector.errors import InputError, NoDicomError, OutputError, ParameterError
from prosector.model.progress import Progress, silent

DATES = ("remove", "shift")
DEVICE = frozenset(
    {
        "StationName",
        "DeviceSerialNumber",
        "DeviceUID",
        "GantryID",
        "DetectorID",
        "CassetteID",
        "PlateID",
        "GeneratorID",
        "DeviceDescription",
        "PerformedStationName",
        "ScheduledStationName",
        "ManufacturerDeviceIdentifier",
        "LensSerialNumber",
        "TreatmentMachineName",
        "UniqueDeviceIdentifier",
        "XRaySourceID",
        "XRayDetectorID",
    }
)
CHARACTERISTICS = frozenset(
    {
        "PatientSex",
        "PatientAge",
        "PatientSize",
        "PatientWeight",
        "EthnicGroup",
        "PregnancyStatus",
        "SmokingStatus",
        "PatientSexNeutered",
    }
)
ABOUT_THE_PERSON = frozenset(
    {
        "PatientBirthDate",
        "PatientBirthTime",
        "PatientBirthDateInAlternativeCalendar",
        "PatientDeathDateInAlternativeCalendar",
        "LastMenstrualDate",
    }
)
DUMMIES: dict[str, object] = {
    "PN": "De-identified", "DA": "19000101", "DT": "19000101000000", "TM": "000000", "AS": "000Y", "DS": "0",
    "IS": "0", "UR": "about:blank", "FL": 0.0, "FD": 0.0, "SL": 0, "SS": 0, "UL": 0, "US": 0, "SV": 0, "UV": 0,
    "OB": b"\0\0", "OW": b"\0\0", "OD": b"\0" * 8, "OF": b"\0" * 4, "OL": b"\0" * 4, "OV": b"\0" * 8, "UN": b"\0\0",
}  # fmt: skip
REMOVED = "REMOVED"
"""Stands where a text must not be empty."""

PIXEL_DATA = frozenset({"PixelData", "FloatPixelData", "DoubleFloatPixelData"})
ENCODING_UIDS = ("ClassUID", "ContextUID", "ContextGroupExtensionCreatorUID", "CodingSchemeUID", "MappingResourceUID")
CAPTURES = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, slots=True)
class Options:
    """What is kept beyond the basic profile (PS3.15 E.3).

    Parameters
    ----------
    dates : {"remove", "shift"}
        Retain Longitudinal Temporal Information with Modified Dates: every date of a patient moved back by the
        same number of days, from one to ten years.
    keep_device : bool
        Retain Device Identity.
    keep_characteristics : bool
        Retain Patient Characteristics: sex, age (90 years at most), size, weight and the like.

    Raises
    ------
    ParameterError
        For another value of ``dates``.
    """

    dates: str = "remove"
    keep_device: bool = False
    keep_characteristics: bool = False

    def __post_init__(self) -> None:
        if self.dates not in DATES:
            raise ParameterError(f"dates are one of {', '.join(DATES)}; found {self.dates!r}")


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """What identifies, replaced the same way wherever it stands: keyed by a secret (HMAC, RFC 2104).

    Without the secret nobody finds the way back, nor whether a known UID is behind a new one. It is random and
    forgotten unless the caller keeps it.
    """

    secret: bytes = field(default_factory=lambda: os.urandom(32), repr=False)

    def of(self, kind: str, text: str) -> str:
        """Hexadecimal digits that stand for a text of a kind."""
        return hmac.new(self.secret, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()

    def uid(self, old: str) -> str:
        """The UID that replaces another one."""
        return derived_uid("de-identified", self.of("uid", old))

    def days(self, patient_id: str) -> int:
        """By how many days a patient's dates move back."""
        return 365 + int(self.of("days", patient_id)[:8], 16) % 3286


@dataclass(frozen=True, slots=True)
class Deidentified:
    """What came of it: ``written`` files, ``dropped`` (number of the file, reason), and what must not be found."""

    written: tuple[Path, ...]
    dropped: tuple[tuple[int, str], ...]
    identity: Identity = field(repr=False)


@cache
def actions() -> dict[int, str]:
    """Action codes of PS3.15 Table E.1-1 by tag."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {int(tag, 16): str(code) for tag, code in tomllib.loads(text)["actions"].items()}


def deidentify_series(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    names: Pseudonyms,
    options: Options | None = None,
    series_uid: str = "",
    progress: Progress = silent,
) -> Deidentified:
    """Write de-identified copies of the DICOM files under a path; names of files become numbers.

    Parameters
    ----------
    path : path
        Folder, file or archive, as for :func:`prosector.dicom.scan.scan`.
    out : path
        Folder; files are written as ``00001.dcm`` and so on, in the order of their instance numbers.
    names : Pseudonyms
    options : Options, optional
    series_uid : str
        A single series; left out, all.

    Raises
    ------
    InputError
        If nothing is there that may be written.
    OutputError
        If a file cannot be written.
    """
    options = options or Options()
    found = [s for s in scan(path, progress).series if series_uid in ("", s.uid)]
    headers = sorted((h for s in found for h in s.headers), key=_order)
    if not headers:
        raise NoDicomError("there is no DICOM object to de-identify")
    identity = Identity()
    written: list[Path] = []
    dropped: list[tuple[int, str]] = []
    for number, header in enumerate(headers, 1):
        progress("de-identifying", number / len(headers))
        try:
            data = _read(header)
            identity.collect(data)
            why = refusal(data)
            if not why:
                deidentify_dataset(data, names, options, identity)
                written.append(_written(data, Path(out) / f"{len(written) + 1:05d}.dcm"))
        except (InputError, OutputError):
            raise
        except Exception as error:  # pydicom raises many kinds on broken files; its words may quote values
            why = f"cannot be read or written again ({type(error).__name__})"
        if why:
            dropped.append((number, why))
    if not written:
        raise InputError(f"nothing can be de-identified: {dropped[0][1]}")
    return Deidentified(tuple(written), tuple(dropped), identity)


def refusal(data: Dataset) -> str:
    """Why an object cannot be de-identified by its attributes; empty where it can.

    Burned In Annotation (0028,0301) YES; a capture that does not say NO; a document inside.
    """
    burned = str(data.get("BurnedInAnnotation") or "").upper()
    if not data.get("SOPClassUID") or not data.get("SOPInstanceUID"):
        return "(0008,0016) SOP Class UID or (0008,0018) SOP Instance UID is missing: it is no whole DICOM object"
    if burned == "YES":
        return "(0028,0301) Burned In Annotation is YES: the pixels show who the patient is"
    capture = str(data.get("SOPClassUID") or "").startswith(CAPTURES) or "ConversionType" in data
    screen = "SCREEN SAVE" in str(data.get("ImageType") or "").upper()
    if (capture or screen) and burned != "NO":
        return "a capture that does not say (0028,0301) Burned In Annotation NO may show who the patient is"
    if "EncapsulatedDocument" in data:
        return "(0042,0011) Encapsulated Document: what it says cannot be cleaned"
    if str(data.get("RecognizableVisualFeatures") or "").upper() == "YES":
        return "(0028,0302) Recognizable Visual Features is YES: the pixels can be recognised"
    return ""


def deidentify_dataset(data: Dataset, names: Pseudonyms, options: Options, identity: Identity | None = None) -> None:
    """De-identify a data set with its file meta information, in place, sequences included.

    Parameters
    ----------
    data : Dataset
    names : Pseudonyms
    options : Options
    identity : Identity, optional
        Collected over all files of the case: texts that repeat it are replaced too; left out, from ``data``.
    """
    if identity is None:
        identity = Identity()
        identity.collect(data)
    patient_id = str(data.get("PatientID") or "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values that break rules are as good to replace as others
        _Cleaner(names, options, identity, names.days(patient_id)).clean(data)
        pseudonym = names.of("patient", patient_id)[:12].upper()
        data.PatientName, data.PatientID = f"De-identified^{pseudonym}", pseudonym
        _mark(data, options)
        _renew_meta(data)


@dataclass(frozen=True, slots=True)
class _Cleaner:
    names: Pseudonyms
    options: Options
    identity: Identity
    days: int

    def clean(self, data: Dataset) -> None:
        for tag in list(data.keys()):
            if _goes_whole(tag):
                del data[tag]
                continue
            try:
                element = data[tag]
                if element.keyword not in PIXEL_DATA:
                    self._act(data, element)
            except Exception:  # what cannot be decoded cannot be judged
                del data[tag]

    def _act(self, data: Dataset, element: DataElement) -> None:
        code = actions().get(int(element.tag), "")
        if self._kept(element.keyword):
            self._keep(data, element)
        elif element.VR == "UI":
            self._replace_uids(data, element, code)
        elif self.options.dates == "shift" and element.VR in ("DA", "DT", "TM"):
            self._shift(element)
        elif code == "X" or (not code and element.VR in ("DA", "DT", "TM", "UN")):
            del data[element.tag]
        elif element.VR == "SQ" and code not in ("Z", "X/Z"):
            for item in element.value:
                self.clean(item)
        elif code in ("Z", "X/Z") or (not code and element.VR == "PN"):
            element.value = [] if element.VR == "SQ" else ("" if isinstance(element.value, str) else None)
        elif code or element.VR in ("LT", "ST", "UT", "UC", "UR") or self.identity.in_element(element):
            element.value = _dummy(element.VR) if not element.is_empty else element.value

    def _kept(self, keyword: str) -> bool:
        if self.options.keep_device and keyword in DEVICE:
            return True
        return self.options.keep_characteristics and keyword in CHARACTERISTICS

    def _keep(self, data: Dataset, element: DataElement) -> None:
        """What an option keeps, unless it repeats who the patient is; ages of the very old are one age."""
        age = str(element.value or "")
        if element.keyword == "PatientAge" and age.endswith("Y") and age[:-1].isdigit() and int(age[:-1]) > 89:
            element.value = "090Y"
        elif element.VR == "UI":
            self._replace_uids(data, element, "U")
        elif self.identity.in_element(element):
            element.value = _dummy(element.VR)

    def _replace_uids(self, data: Dataset, element: DataElement, code: str) -> None:
        if code == "X":
            del data[element.tag]
        elif not element.is_empty and not (not code and element.keyword.endswith(ENCODING_UIDS)):
            values = [element.value] if isinstance(element.value, str) else list(element.value)
            new = [v if is_standard(str(v)) else UID(self.names.uid(str(v))) for v in values]
            element.value = new[0] if len(new) == 1 else new

    def _shift(self, element: DataElement) -> None:
        if element.keyword in ABOUT_THE_PERSON:
            element.value = None
        elif element.VR != "TM" and not element.is_empty:
            values = [element.value] if isinstance(element.value, str) else list(element.value)
            moved = [_moved(str(v), self.days) for v in values]
            element.value = moved[0] if len(moved) == 1 else moved


def _goes_whole(tag: BaseTag) -> bool:
    """Private attributes, curves (50xx), overlays (60xx), group lengths, padding, signatures."""
    group = tag.group
    return group % 2 == 1 or group & 0xFF00 in (0x5000, 0x6000) or tag.element == 0 or group >= 0xFFFA


def _dummy(vr: str) -> object:
    return Sequence() if vr == "SQ" else DUMMIES.get(vr, REMOVED)


def _moved(text: str, days: int) -> str:
    """A date or date-time moved back; one that is none becomes the dummy, a shorter one the first of its span."""
    digits = text.strip().replace(".", "")[:8] if text[:8].count(".") == 2 else text.strip()[:8]
    try:
        whole = digits.ljust(8, "0") if digits.isdigit() else ""
        day = date(int(whole[:4]), int(whole[4:6]) or 1, int(whole[6:8]) or 1) - timedelta(days=days)
    except (ValueError, OverflowError):
        return "19000101"
    return day.strftime("%Y%m%d") + text.strip()[8:]


def _mark(data: Dataset, options: Options) -> None:
    """PS3.15 E.1.1: what was done, in words and codes (CID 7050)."""
    codes = [("113100", "Basic Application Confidentiality Profile")]
    if options.dates == "shift":
        codes.append(("113107", "Retain Longitudinal Temporal Information Modified Dates Option"))
    if options.keep_characteristics:
        codes.append(("113108", "Retain Patient Characteristics Option"))
    if options.keep_device:
        codes.append(("113109", "Retain Device Identity Option"))
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = "Prosector: DICOM PS3.15 Annex E, edition 2026c"
    data.DeidentificationMethodCodeSequence = [_code(*code) for code in codes]
    data.LongitudinalTemporalInformationModified = "MODIFIED" if options.dates == "shift" else "REMOVED"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _renew_meta(data: Dataset) -> None:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    data.file_meta = meta
    data.preamble = b"\0" * 128


def _read(header: Header) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(BytesIO(header.blob.read(0, header.blob.size)))


def _written(data: Dataset, path: Path) -> Path:
    with atomic_path(path) as partial, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.save_as(partial, enforce_file_format=True)
    return path


def _order(header: Header) -> tuple[str, int, str]:
    number = header.integer("InstanceNumber")
    return header.text("SeriesInstanceUID"), number if number is not None else 1 << 30, header.blob.name
