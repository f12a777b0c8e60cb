"""What structured reports and key object selections share: the document's modules around its content tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset

from prosector.dicom import content_items as items
from prosector.dicom.codes import (
    DEVICE,
    DEVICE_MANUFACTURER,
    DEVICE_MODEL,
    DEVICE_NAME,
    DEVICE_SERIAL,
    DEVICE_UID,
    ENGLISH,
    LANGUAGE,
    OBSERVER_TYPE,
    PERSON,
    PERSON_NAME,
    PERSON_ORGANIZATION,
    PERSON_POSITION,
    PERSON_ROLE,
    PRIVATE_SCHEME,
)
from prosector.dicom.content_items import HAS_CONCEPT_MOD, HAS_OBS_CONTEXT
from prosector.dicom.derived import LO_LENGTH, Workstation
from prosector.dicom.modules import put
from prosector.dicom.report_references import ObjectReference, evidence
from prosector.dicom.uids import IMPLEMENTATION_CLASS_UID, derived_uid
from prosector.model.structures import Code

UNKNOWN_ORGANIZATION = "not stated"
"""Verifying Organization (0040,A027) must have a value."""


@dataclass(frozen=True, slots=True)
class Observer:
    """A person who took part (TID 1003).

    Parameters
    ----------
    name : str
        As it is to be shown.
    position : Code or None
        Of CID 7452: physician, technologist.
    role : Code or None
        Of CID 7453: performing, verifying; :data:`prosector.dicom.codes.SUPERVISING` where neither fits.
    organization : str
    """

    name: str
    position: Code | None = None
    role: Code | None = None
    organization: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """Who signed the document and when."""

    name: str
    at: datetime
    organization: str = ""


@dataclass(frozen=True, slots=True)
class DocumentStatus:
    """How far a document is (PS3.3 C.17.2).

    Parameters
    ----------
    complete : bool
        Completion Flag (0040,A491).
    verification : Verification or None
        Makes it VERIFIED.
    predecessors : tuple of ObjectReference
        The documents that it takes the place of.
    """

    complete: bool = False
    verification: Verification | None = None
    predecessors: tuple[ObjectReference, ...] = ()


def language() -> Dataset:
    """TID 1204: what the document is written in."""
    return items.code(HAS_CONCEPT_MOD, LANGUAGE, ENGLISH)


def person_context(observer: Observer) -> list[Dataset]:
    """TID 1003: a person who observed."""
    found = [
        items.code(HAS_OBS_CONTEXT, OBSERVER_TYPE, PERSON),
        items.person(HAS_OBS_CONTEXT, PERSON_NAME, person_name(observer.name)),
    ]
    if observer.organization:
        found.append(items.text(HAS_OBS_CONTEXT, PERSON_ORGANIZATION, observer.organization))
    if observer.position is not None:
        found.append(items.code(HAS_OBS_CONTEXT, PERSON_POSITION, observer.position))
    if observer.role is not None:
        found.append(items.code(HAS_OBS_CONTEXT, PERSON_ROLE, observer.role))
    return found


def device_context(workstation: Workstation) -> list[Dataset]:
    """TID 1004: the workstation that observed."""
    identity = (workstation.manufacturer, workstation.model, workstation.serial_number, workstation.station_name)
    found = [
        items.code(HAS_OBS_CONTEXT, OBSERVER_TYPE, DEVICE),
        items.uid(HAS_OBS_CONTEXT, DEVICE_UID, derived_uid("device", IMPLEMENTATION_CLASS_UID, *identity)),
    ]
    told = (
        (DEVICE_NAME, workstation.station_name),
        (DEVICE_MANUFACTURER, workstation.manufacturer),
        (DEVICE_MODEL, f"{workstation.model} {workstation.software_version}".strip()),
        (DEVICE_SERIAL, workstation.serial_number),
    )
    return found + [items.text(HAS_OBS_CONTEXT, name, value) for name, value in told if value]


def person_name(name: str) -> str:
    """A name as PN holds it (PS3.5 6.2.1): as one component, credentials after a comma as its suffix.

    Which word of a name is the family's nobody can tell from the words; it is not guessed.
    """
    plain, comma, credentials = name.replace("=", " ").replace("\\", " ").partition(", ")
    whole = f"{plain}^^^^{credentials}" if comma else plain
    return whole[:LO_LENGTH]


def add_document(
    dataset: Dataset, status: DocumentStatus, references: Iterable[ObjectReference], other: Iterable[ObjectReference]
) -> None:
    """SR Document Series (C.17.1) and SR Document General (C.17.2).

    ``references`` are the instances that the content names, ``other`` those that were at hand besides.
    """
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.CompletionFlag = "COMPLETE" if status.complete else "PARTIAL"
    dataset.PreliminaryFlag = "FINAL" if status.verification else "PRELIMINARY"
    dataset.VerificationFlag = "VERIFIED" if status.verification else "UNVERIFIED"
    if status.verification:
        dataset.VerifyingObserverSequence = [_verifier(status.verification)]
    dataset.PerformedProcedureCodeSequence = []
    if status.predecessors:
        dataset.PredecessorDocumentsSequence = evidence(status.predecessors)
    named = evidence(references)
    if named:
        dataset.CurrentRequestedProcedureEvidenceSequence = named
    others = evidence(other)
    if others:
        dataset.PertinentOtherEvidenceSequence = others


def _verifier(verification: Verification) -> Dataset:
    made = Dataset()
    put(made, "VerifyingObserverName", person_name(verification.name))
    made.VerifyingObserverIdentificationCodeSequence = []
    put(made, "VerifyingOrganization", (verification.organization or UNKNOWN_ORGANIZATION)[:LO_LENGTH])
    moment = verification.at
    put(made, "VerificationDateTime", moment.strftime("%Y%m%d%H%M%S.%f%z"))
    return made


def add_private_scheme(dataset: Dataset) -> None:
    """Coding Scheme Identification Sequence (C.12.1), where the content uses our own codes."""
    made = Dataset()
    made.CodingSchemeDesignator = PRIVATE_SCHEME
    put(made, "CodingSchemeName", "Prosector concepts that PS3.16 has no code for")
    put(made, "CodingSchemeResponsibleOrganization", "Prosector")
    dataset.CodingSchemeIdentificationSequence = [made]
