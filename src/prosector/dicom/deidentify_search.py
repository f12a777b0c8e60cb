"""Who a patient is, collected from DICOM, and a search for it in every byte of a folder."""

from __future__ import annotations

import gzip
import json
import re
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID

SHORTEST_WORD = 3
"""Parts of names with fewer letters are no sign of anybody."""
SHORTEST_ID = 4
SHORTEST_BYTES = 6
"""Shorter strings turn up in pixels and compressed bytes by chance."""

NOBODY = frozenset(
    {"de", "identified", "removed", "prosector", "made", "up", "none", "null", "unknown", "anonymous", "anonymized",
     "anonymised", "patient", "name"}
)  # fmt: skip
"""Words in the place of names that name nobody: our own, and those of others who removed a name."""
IDS = frozenset(
    {
        "PatientID",
        "OtherPatientIDs",
        "AccessionNumber",
        "StudyID",
        "AdmissionID",
        "PatientBirthDate",
        "IssuerOfPatientID",
        "PatientTelephoneNumbers",
        "PatientAddress",
        "MedicalRecordLocator",
        "MilitaryRank",
        "ServiceEpisodeID",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
    }
)
BULK = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
CODED = ("CS", "AS", "DS", "IS", "TM", "UI")


@dataclass(slots=True)
class Identity:
    """Words of names, identifiers and UIDs (all in small letters) that must not survive."""

    words: set[str] = field(default_factory=set, repr=False)
    ids: set[str] = field(default_factory=set, repr=False)
    uids: set[str] = field(default_factory=set, repr=False)

    def collect(self, data: Dataset) -> None:
        """Add every name, identifier and UID of a data set, sequences included; what is unreadable is passed over."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for tag in list(data.keys()):
                try:
                    self._collect(data[tag])
                except Exception:  # noqa: S112 (such elements are removed)
                    continue

    def add_name(self, name: str) -> None:
        """Add the parts of a person's name."""
        parts = re.split(r"[\W_]+", name.casefold())
        self.words.update(p for p in parts if len(p) >= SHORTEST_WORD and not p.isdigit() and p not in NOBODY)

    def add_id(self, text: str) -> None:
        """Add an identifier, where it is long enough to be one."""
        text = text.strip().casefold()
        if len(text) >= SHORTEST_ID and text not in NOBODY:
            self.ids.add(text)

    def add_uid(self, uid: str) -> None:
        """Add a UID, unless the standard defines it."""
        if len(uid) >= SHORTEST_BYTES and not is_standard(uid):
            self.uids.add(uid)

    def merge(self, other: Identity) -> None:
        """Add all that another one holds."""
        self.words |= other.words
        self.ids |= other.ids
        self.uids |= other.uids

    def in_text(self, text: str) -> bool:
        """Whether a text names a person, holds an identifier or a UID."""
        text = text.casefold()
        return (
            not self.words.isdisjoint(re.split(r"[\W_]+", text))
            or any(_stands_alone(needle, text) for needle in self.ids)
            or not self.uids.isdisjoint(re.findall(r"[0-9][0-9.]+[0-9]", text))
        )

    def in_element(self, element: DataElement) -> bool:
        """Whether an element's value does; of coded and numeric strings, only identifiers and UIDs count."""
        if element.VR == "SQ" or element.is_empty:
            return False
        if isinstance(element.value, bytes):
            return self.in_bytes(element.value)
        return any(self._in_value(str(v), element.VR) for v in _values(element))

    def in_bytes(self, data: bytes, spare: frozenset[str] = frozenset()) -> bool:
        """Whether raw bytes hold a name (not of ``spare``) or identifier too long to be there by chance."""
        low = data.lower()
        needles = (n for n in (*(self.words - spare), *self.ids, *self.uids) if len(n) >= SHORTEST_BYTES)
        return any(n.encode() in low or n.encode("utf-16-le") in low for n in needles)

    def _in_value(self, text: str, vr: str) -> bool:
        if vr not in CODED:
            return self.in_text(text)
        return text.strip().casefold() in (self.uids if vr == "UI" else self.ids)

    def _collect(self, element: DataElement) -> None:
        if element.VR == "SQ":
            for item in element.value:
                self.collect(item)
            return
        for value in map(str, _values(element)):
            if element.VR == "PN":
                self.add_name(value)
            elif element.keyword in IDS:
                self.add_id(value)
            elif element.keyword.endswith(("InstanceUID", "FrameOfReferenceUID")):
                self.add_uid(value)


def is_standard(uid: str) -> bool:
    """Whether the DICOM standard defines a UID, so that it names no patient's object."""
    return bool(UID(uid).name != uid)


def leaks(folder: Path, identity: Identity) -> tuple[str, ...]:
    """Files under a folder, by their place in it, that still hold something of an identity.

    DICOM is searched value by value and as bytes without its pixels; PNG in its text; JSON and other text word
    by word; .gz unpacked. Names of files and folders are searched too.
    """
    return tuple(
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if identity.in_text(path.name) or (path.is_file() and _holds(path, identity))
    )


def _holds(path: Path, identity: Identity) -> bool:
    data = path.read_bytes()
    if data[128:132] == b"DICM":
        return _dicom_holds(data, identity)
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return any(identity.in_text(text) for text in _png_texts(data))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return identity.in_bytes(data)
    return any(identity.in_text(t) for t in _json_texts(path, text))


def _dicom_holds(data: bytes, identity: Identity) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = pydicom.dcmread(BytesIO(data))
        parts: list[Dataset] = [read.file_meta, read]
        bulk = [read[name].value for name in BULK if name in read]
        if any(identity.in_element(e) for part in parts for e in part.iterall() if e.keyword not in BULK):
            return True
        coded = " ".join(str(v) for e in read.iterall() if e.VR == "CS" for v in _values(e)).casefold()
    rest = data
    for value in bulk:
        rest = rest.replace(value, b"") if value else rest
    return identity.in_bytes(rest, frozenset(re.split(r"[\W_]+", coded)))  # a phantom may be called HEAD


def _png_texts(data: bytes) -> Iterator[str]:
    """Text of tEXt, zTXt, iTXt and eXIf chunks."""
    at = 8
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        at += size + 12
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf"):
            yield body.decode("utf-8", "replace")
            for start in (m.start() for m in re.finditer(b"\x78[\x01\x5e\x9c\xda]", body)):
                try:
                    yield zlib.decompress(body[start:]).decode("utf-8", "replace")
                except zlib.error:
                    continue


def _json_texts(path: Path, text: str) -> Iterator[str]:
    """The text itself, and JSON's strings as they read without escapes."""
    yield text
    if path.suffix in (".json", ".jsonl"):
        for line in text.splitlines() if path.suffix == ".jsonl" else [text]:
            try:
                yield json.dumps(json.loads(line), ensure_ascii=False)
            except ValueError:
                continue


def _stands_alone(needle: str, text: str) -> bool:
    """Whether an identifier stands in a text with no letter or digit beside it."""
    if needle not in text:
        return False
    return re.search(rf"(?<![^\W_]){re.escape(needle)}(?![^\W_])", text) is not None


def _values(element: DataElement) -> list[Any]:
    value = element.value
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, pydicom.multival.MultiValue)) else [value]
