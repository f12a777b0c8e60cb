"""Finding studies: C-FIND with the study root (PS3.4 C.4.1), and QIDO-RS (PS3.18 10.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from dicomweb_client.web import DICOMwebClient
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from prosector.case.audit import AuditEvent, audit
from prosector.case.audit import Node as Application
from prosector.errors import NetworkError, UsageError
from prosector.network.association import Broken, associated
from prosector.network.dicomweb import asking, everything, searching, value
from prosector.network.nodes import Node

FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
"""Study Root Query/Retrieve Information Model – FIND."""

PENDING = (0xFF00, 0xFF01)

KEYS: Mapping[str, str] = {
    "study": "StudyInstanceUID",
    "accession": "AccessionNumber",
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "date": "StudyDate",
    "modality": "ModalitiesInStudy",
}

STUDY = (
    *("StudyInstanceUID", "StudyDate", "StudyDescription", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"),
    *("AccessionNumber", "PatientID", "PatientName", "PatientBirthDate"),
)
SERIES = ("SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription", "NumberOfSeriesRelatedInstances")
INSTANCE = ("SOPClassUID", "SOPInstanceUID")
NUMBERS = ("SeriesNumber", "NumberOfStudyRelatedInstances", "NumberOfSeriesRelatedInstances")
LEVELS = ("StudyInstanceUID", "SeriesInstanceUID")


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; ``*`` and ``?`` stand for the rest of a text, ``20260101-20260131`` for a range of dates.

    Raises
    ------
    UsageError
        If it asks for everything there is.
    """

    study: str = ""
    accession: str = ""
    patient_id: str = ""
    patient_name: str = ""
    date: str = ""
    modality: str = ""

    def __post_init__(self) -> None:
        if not any(getattr(self, f.name).strip("*? ") for f in fields(self) if f.name != "modality"):
            raise UsageError("say which study: by its UID, accession number, patient's id or name, or date")

    def given(self) -> dict[str, str]:
        """DICOM keywords with what they must match."""
        return {keyword: text for name, keyword in KEYS.items() if (text := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """A series of a study, as the archive describes it."""

    uid: str
    modality: str = ""
    number: str = ""
    description: str = ""
    instances: str = ""


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study, as the archive describes it. Who the patient is, and the accession number, is shown on request only."""

    uid: str
    date: str = ""
    description: str = ""
    modalities: str = ""
    instances: str = ""
    accession: str = ""
    patient_id: str = ""
    patient_name: str = ""
    birth_date: str = ""
    series: tuple[FoundSeries, ...] = ()


def find_studies(node: Node, query: Query, person: str = "") -> tuple[FoundStudy, ...]:
    """Studies that match, with their series, the newest first.

    Parameters
    ----------
    node : Node
    query : Query
    person : str
        Login of who asks, for the audit trail.

    Raises
    ------
    NetworkError
        If the node cannot be reached or refuses.
    """
    said = "&".join(f"{k}={v if k.endswith('UID') else '(given)'}" for k, v in query.given().items())
    audit(AuditEvent("query", person=person, destination=Application(node.title or node.url, node.host),
                     query=said.encode()))  # fmt: skip
    with finder(node) as find:
        studies = [_study(row) for row in find("STUDY", query.given(), STUDY)]
        inside = [_series(find("SERIES", {"StudyInstanceUID": study.uid}, SERIES)) for study in studies]
    whole = [replace(study, series=series) for study, series in zip(studies, inside, strict=True)]
    return tuple(sorted(whole, key=lambda study: (study.date, study.uid), reverse=True))


def find_instances(node: Node, study: str, series: str) -> tuple[tuple[str, str], ...]:
    """SOP Class UID (empty where it is not told) and SOP Instance UID of what a series holds, sorted."""
    with finder(node) as find:
        rows = find("IMAGE", {"StudyInstanceUID": study, "SeriesInstanceUID": series}, INSTANCE)
        return tuple(sorted({(row["SOPClassUID"], row["SOPInstanceUID"]) for row in rows if row["SOPInstanceUID"]}))


Finder = Callable[[str, Mapping[str, str], Sequence[str]], list[dict[str, str]]]
"""Is given a level, what must match and what is wanted back; returns rows of texts by keyword."""


@contextmanager
def finder(node: Node) -> Iterator[Finder]:
    """Searches over one connection.

    Raises
    ------
    NetworkError
        Also where the connection breaks: a query is cheap to ask again.
    """
    try:
        if node.protocol == "dimse":
            with associated(node, [build_context(FIND)]) as association:
                yield partial(_dimse, node, association)
        else:
            with asking(node) as session:
                yield partial(_web, searching(node, session))
    except Broken as error:
        raise NetworkError(str(error)) from None


def _dimse(
    node: Node, association: Association, level: str, given: Mapping[str, str], wanted: Sequence[str]
) -> list[dict[str, str]]:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword in wanted:
        setattr(identifier, keyword, "" if keyword not in NUMBERS else None)
    for keyword, text in given.items():
        setattr(identifier, keyword, text)
    if not all(text.isascii() for text in given.values()):
        identifier.SpecificCharacterSet = "ISO_IR 192"
    rows = []
    for status, row in association.send_c_find(identifier, FIND):
        if "Status" not in status:
            raise Broken(f"{node.name} did not answer the query within {node.timeout_s:g} s")
        if status.Status in PENDING and row is not None:
            rows.append({keyword: _text(row.get(keyword)) for keyword in wanted})
        elif status.Status != 0:
            raise NetworkError(f"{node.name} cannot answer the query (status {int(status.Status):04X}); ask for less")
    return rows


def _web(client: DICOMwebClient, level: str, given: Mapping[str, str], wanted: Sequence[str]) -> list[dict[str, str]]:
    rest = dict(given)
    study, series = (rest.pop(name, None) if level != "STUDY" else None for name in LEVELS)
    how: dict[str, Any] = {"search_filters": rest, "fields": list(wanted)}
    if level == "STUDY":
        found = everything(partial(client.search_for_studies, **how))
    elif level == "SERIES":
        found = everything(partial(client.search_for_series, study, **how))
    else:
        found = everything(partial(client.search_for_instances, study, series, **how))
    return [{keyword: value(row, f"{tag_for_keyword(keyword):08X}") for keyword in wanted} for row in found]


def _text(found: object) -> str:
    if found is None:
        return ""
    return "/".join(map(str, found)) if isinstance(found, MultiValue) else str(found).strip()


def _study(row: Mapping[str, str]) -> FoundStudy:
    uid, date, description, modalities, instances, accession, patient_id, name, birth = (row[key] for key in STUDY)
    return FoundStudy(uid, date, description, modalities, instances, accession, patient_id, name, birth)


def _series(rows: Iterable[Mapping[str, str]]) -> tuple[FoundSeries, ...]:
    found = [FoundSeries(*(row[key] for key in SERIES)) for row in rows]
    return tuple(sorted(found, key=lambda one: (int(one.number) if one.number.isdigit() else 0, one.uid)))
