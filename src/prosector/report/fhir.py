"""The report as a FHIR R4 bundle (HL7 FHIR 4.0.1), plain JSON, for whoever takes results that way.

A ``collection`` bundle: DiagnosticReport, the base ImagingStudy, one Media a picture, one Observation a measurement,
the order's ServiceRequest, Patient, Practitioner, Device, the PDF as Binary with its DocumentReference, and a
Provenance with the physician's signature. Identifiers of the resources follow from the document's id, version and
time, so that the same report gives the same bundle. Statuses are those of R4's diagnostic-report-status.
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prosector.report.document import MeasurementLine, Report
from prosector.report.json import document_sha256
from prosector.report.words import day, person_name

Resource = dict[str, Any]

LOINC, SNOMED, UCUM, DICOM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org", (
    "http://dicom.nema.org/resources/ontology/DCM"
)  # fmt: skip
CPT, ICD10 = "http://www.ama-assn.org/go/cpt", "http://hl7.org/fhir/sid/icd-10-cm"
NPI = "http://hl7.org/fhir/sid/us-npi"
TERMS = "http://terminology.hl7.org/CodeSystem"
SCHEMES = {"SCT": SNOMED, "DCM": DICOM, "LN": LOINC}

STATUS = {"draft": "preliminary", "final": "final", "amended": "amended", "addendum": "appended"}
"""Ours to http://hl7.org/fhir/diagnostic-report-status."""

GENDER = {"M": "male", "F": "female", "O": "other"}

SIGNATURE_TYPE = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.5"}
"""Verification Signature."""


def fhir_bundle(report: Report, pdf: bytes | None = None) -> Resource:
    """The bundle.

    Parameters
    ----------
    report : Report
    pdf : bytes, optional
        Its PDF form, put inside as a DocumentReference and the report's presented form.
    """
    entries = [resource for resource in _resources(report, pdf) if resource]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": _urn(report, "Bundle")},
        "timestamp": _instant(report.created),
        "entry": [{"fullUrl": _urn(report, r.pop("key")), "resource": r} for r in entries],
    }


def _resources(report: Report, pdf: bytes | None) -> Iterator[Resource]:
    yield _patient(report)
    yield _device(report)
    if report.order.orderer:
        yield _practitioner("orderer", report.order.orderer, report.order.npi)
        yield _service_request(report)
    if report.signature:
        yield _practitioner("signer", report.signature.name, report.signature.npi, report.signature.credentials)
    if report.base_study.study_uid:
        yield _imaging_study(report)
    for number, line in enumerate(report.measurements):
        yield _observation(report, number, line)
    for image in {image.number: image for image in reversed(report.images)}.values():
        yield _media(report, image.number, image.caption, image.sop_instance_uid, image.file)
    if pdf is not None:
        yield _document(report, pdf)
        data = base64.b64encode(pdf).decode("ascii")
        yield {"key": "Binary", "resourceType": "Binary", "contentType": "application/pdf", "data": data}
    yield _diagnostic_report(report, pdf)
    yield _provenance(report)


def _diagnostic_report(report: Report, pdf: bytes | None) -> Resource:
    study, codes = report.base_study, report.coding
    numbers = sorted({image.number for image in report.images})
    resource: Resource = {
        "key": "DiagnosticReport",
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:prosector:report", "value": f"{report.report_id}-v{report.version}"}],
        "status": STATUS[report.status],
        "category": [{"coding": [{"system": f"{TERMS}/v2-0074", "code": "RAD", "display": "Radiology"}]}],
        "code": {
            "coding": [{"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"},
                       *([{"system": CPT, "code": codes.claimed}] if codes.claimed else [])],
            "text": report.title,
        },
        "subject": _to(report, "Patient"),
        "issued": _instant(report.created),
        "result": [_to(report, f"Observation-{n}") for n in range(len(report.measurements))],
        "media": [{"comment": f"Image {n}", "link": _to(report, f"Media-{n}")} for n in numbers],
    }  # fmt: skip
    if report.performed:
        resource["effectiveDateTime"] = _instant(report.performed)
    if report.order.orderer:
        resource["basedOn"] = [_to(report, "ServiceRequest")]
    if study.study_uid:
        resource["imagingStudy"] = [_to(report, "ImagingStudy")]
    if report.signature:
        resource["resultsInterpreter"] = [_to(report, "Practitioner-signer")]
    if report.impression:
        resource["conclusion"] = report.impression.text
    if codes.icd10:
        resource["conclusionCode"] = [{"coding": [{"system": ICD10, "code": code}]} for code in codes.icd10]
    if pdf is not None:
        resource["presentedForm"] = [_attachment(report, pdf)]
    return _whole(resource)


def _patient(report: Report) -> Resource:
    patient = report.patient
    resource: Resource = {"key": "Patient", "resourceType": "Patient"}
    if patient.id:
        resource["identifier"] = [{"value": patient.id}]
    if patient.name:
        family, *given = patient.name.split("=")[0].split("^")[:3]
        resource["name"] = [_whole({"text": person_name(patient.name), "family": family,
                                    "given": [name for name in given if name]})]  # fmt: skip
    if patient.sex:
        resource["gender"] = GENDER.get(patient.sex, "unknown")
    if re.fullmatch(r"\d{8}", patient.birth_date):
        resource["birthDate"] = day(patient.birth_date)
    return resource


def _practitioner(role: str, name: str, npi: str, credentials: str = "") -> Resource:
    resource: Resource = {
        "key": f"Practitioner-{role}",
        "resourceType": "Practitioner",
        "identifier": [{"system": NPI, "value": npi}] if npi else [],
        "name": [{"text": name}],
        "qualification": [{"code": {"text": credentials}}] if credentials else [],
    }
    return _whole(resource)


def _device(report: Report) -> Resource:
    station = report.workstation
    resource: Resource = {
        "key": "Device",
        "resourceType": "Device",
        "identifier": [{"value": station.id}] if station.id else [],
        "deviceName": [{"name": station.software or "Prosector", "type": "manufacturer-name"}],
        "version": [{"value": value} for value in (station.version, station.build_sha256) if value],
        "note": [{"text": station.statement}],
    }
    return _whole(resource)


def _service_request(report: Report) -> Resource:
    order = report.order
    resource: Resource = {
        "key": "ServiceRequest",
        "resourceType": "ServiceRequest",
        "identifier": [{"value": order.id}] if order.id else [],
        "status": "completed" if report.signature else "active",
        "intent": "order",
        "priority": "urgent" if order.urgent else "routine",
        "code": {"text": "3D post-processing"},
        "subject": _to(report, "Patient"),
        "requester": _to(report, "Practitioner-orderer"),
        "reasonCode": [{"text": report.question.text}] if report.question else [],
    }
    if re.fullmatch(r"\d{4}-\d\d-\d\d", order.date):
        resource["authoredOn"] = order.date
    return _whole(resource)


def _imaging_study(report: Report) -> Resource:
    study = report.base_study
    modality = {"system": DICOM, "code": study.modality}
    identifiers: list[Resource] = [{"system": "urn:dicom:uid", "value": f"urn:oid:{study.study_uid}"}]
    if study.accession:
        kind = {"coding": [{"system": f"{TERMS}/v2-0203", "code": "ACSN"}]}
        identifiers.append({"type": kind, "value": study.accession})
    resource: Resource = {
        "key": "ImagingStudy",
        "resourceType": "ImagingStudy",
        "identifier": identifiers,
        "status": "available",
        "subject": _to(report, "Patient"),
        "modality": [modality],
        "numberOfSeries": len(study.series_uids),
        "procedureCode": [{"coding": [{"system": CPT, "code": study.cpt}]}] if study.cpt else [],
        "description": study.procedure,
        "series": [{"uid": uid, "modality": modality} for uid in study.series_uids],
    }
    return _whole(resource)


def _observation(report: Report, number: int, line: MeasurementLine) -> Resource:
    scheme, _, value = line.code.partition(":")
    coding = [{"system": SCHEMES[scheme], "code": value, "display": line.name}] if scheme in SCHEMES else []
    notes = [*([f"Uncertainty ± {line.uncertainty:g} {line.unit}"] if line.uncertainty is not None else []),
             *([line.definition] if line.definition else []), *line.warnings]  # fmt: skip
    resource: Resource = {
        "key": f"Observation-{number}",
        "resourceType": "Observation",
        "status": "preliminary" if report.status == "draft" else "final",
        "category": [{"coding": [{"system": f"{TERMS}/observation-category", "code": "imaging"}]}],
        "code": _whole({"coding": coding, "text": line.name}),
        "subject": _to(report, "Patient"),
        "device": _to(report, "Device"),
        "valueQuantity": {"value": line.value, "unit": line.unit, "system": UCUM, "code": line.unit},
        "note": [{"text": note} for note in notes],
    }
    if line.of:
        resource["bodySite"] = {"text": line.of}
    return _whole(resource)


def _media(report: Report, number: int, caption: str, uid: str, file: str) -> Resource:
    resource: Resource = {
        "key": f"Media-{number}",
        "resourceType": "Media",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}] if uid else [],
        "status": "completed",
        "subject": _to(report, "Patient"),
        "device": _to(report, "Device"),
        "content": {"title": f"{number}. {caption}"},
        "note": [{"text": file}] if file else [],
    }
    return _whole(resource)


def _document(report: Report, pdf: bytes) -> Resource:
    return {
        "key": "DocumentReference",
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": {"draft": "preliminary", "final": "final"}.get(report.status, "amended"),
        "type": {"coding": [{"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}]},
        "subject": _to(report, "Patient"),
        "date": _instant(report.created),
        "content": [{"attachment": _attachment(report, pdf)}],
    }


def _provenance(report: Report) -> Resource:
    signed, held = report.signature, report.integrity
    who: list[Resource] = [{"type": _agent_type("assembler"), "who": _to(report, "Device")}]
    resource: Resource = {
        "key": "Provenance",
        "resourceType": "Provenance",
        "target": [_to(report, "DiagnosticReport")],
        "recorded": _instant(signed.at if signed else report.created),
        "activity": {"text": report.supervision.statement},
        "agent": who,
        "entity": [
            {"role": "source", "what": {"identifier": {"system": f"urn:prosector:{name}-sha256", "value": value}}}
            for name, value in (("document", document_sha256(report)), ("log-head", held.log_head),
                                *(("trace", sha256) for sha256 in held.trace_sha256))
            if value
        ],
    }  # fmt: skip
    if signed:
        signer = _to(report, "Practitioner-signer")
        who.append({"type": _agent_type("verifier"), "who": signer})
        resource["signature"] = [
            {"type": [SIGNATURE_TYPE], "when": _instant(signed.at), "who": signer, "data": signed.value}
        ]
    return resource


def _agent_type(code: str) -> Resource:
    return {"coding": [{"system": f"{TERMS}/provenance-participant-type", "code": code}]}


def _attachment(report: Report, pdf: bytes) -> Resource:
    return {
        "contentType": "application/pdf",
        "language": "en",
        "url": _urn(report, "Binary"),
        "size": len(pdf),
        "hash": base64.b64encode(hashlib.sha1(pdf, usedforsecurity=False).digest()).decode("ascii"),  # as R4 asks
        "title": report.title,
    }


def _to(report: Report, key: str) -> Resource:
    return {"reference": _urn(report, key)}


def _urn(report: Report, key: str) -> str:
    """A name that follows from the document and the resource's part in it."""
    name = f"{report.report_id}/{report.version}/{report.created}/{key}"
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def _instant(text: str) -> str:
    """FHIR's instant: to the second at least, with a zone."""
    return datetime.fromisoformat(text).isoformat(timespec="seconds")


def _whole(resource: Resource) -> Resource:
    """Without the elements that are empty: FHIR has no empty lists or strings."""
    return {name: value for name, value in resource.items() if value not in ("", [], None)}
