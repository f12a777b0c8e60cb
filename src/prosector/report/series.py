"""The source series in words: who, which study, and how the images were acquired."""

from __future__ import annotations

from prosector.case.state import CaseState
from prosector.model.geometry import Geometry
from prosector.model.source import Source
from prosector.report.document import BaseStudy, Patient
from prosector.report.words import moment, person_name


def patient_of(source: Source) -> Patient:
    """The patient as the series names them (PS3.3 C.7.1.1)."""
    patient = source.patient
    return Patient(
        name=patient.name,
        id=patient.id,
        issuer_of_id=patient.issuer_of_id,
        birth_date=patient.birth_date,
        sex=patient.sex,
    )


def base_study_of(source: Source, state: CaseState | None = None) -> BaseStudy:
    """The study that the 3D work adds to: from the series, and from what was entered about it in the case."""
    study, entered, series = source.study, {}, (source.series_instance_uid,)
    performed = " ".join((study.date or source.acquisition.date, study.time or source.acquisition.time)).strip()
    if state is not None:
        series = tuple(event.data["series_uid"] for event in state.of("source-added")) or series
        recorded = state.last("base-recorded")
        entered = dict(recorded.data) if recorded else {}
    return BaseStudy(
        study_uid=study.instance_uid,
        series_uids=tuple(uid for uid in series if uid),
        accession=str(entered.get("accession") or study.accession_number),
        procedure=str(entered.get("procedure") or study.description),
        cpt=str(entered.get("cpt", "")),
        modality=source.modality,
        performed=str(entered.get("performed") or performed),
        institution=source.equipment.institution,
        referring=study.referring_physician,
        report_id=str(entered.get("report_id") or ""),
        report_status=str(entered.get("status") or ""),
    )


def source_in_words(source: Source, geometry: Geometry) -> dict[str, str]:
    """The series and its grid, by the names that readers know; what is not stated is left out."""
    acquisition, equipment = source.acquisition, source.equipment
    number = "" if source.series_number is None else str(source.series_number)
    k, j, i = geometry.shape
    rows = {
        "Series": source.description,
        "Series number": number,
        "Protocol": acquisition.protocol,
        "Body part": " ".join((acquisition.body_part, acquisition.laterality)).strip(),
        "Acquired": moment(f"{acquisition.date} {acquisition.time}".strip()) if acquisition.date else "",
        "Acquired on": f"{equipment.manufacturer} {equipment.model}".strip(),
        "Station": equipment.station_name,
        "Matrix": f"{i} × {j} × {k} slices",
        "Pixel spacing": f"{geometry.spacing_mm[1]:.3f} × {geometry.spacing_mm[2]:.3f} mm",
        "Slice distance": f"{geometry.slice_distance_mm:.3f} mm",
        "Slice thickness": _number(acquisition.slice_thickness_mm, ".3f", "mm"),
        "Gantry tilt": f"{geometry.tilt_degrees:.1f}°" if source.modality == "CT" else "",
        "Contrast agent": acquisition.contrast_agent,
        "Kernel": acquisition.kernel,
        "Tube voltage": _number(acquisition.kvp, "g", "kV"),
        "Sequence": acquisition.sequence,
        "Field strength": _number(acquisition.field_strength_tesla, "g", "T"),
        "Patient position": acquisition.patient_position,
        "Series Instance UID": source.series_instance_uid,
    }
    return {name: value for name, value in rows.items() if value}


def header_line(patient: Patient, study: BaseStudy) -> str:
    """Who it is about, for the head of a page."""
    parts = (person_name(patient.name), f"ID {patient.id}" if patient.id else "",
             f"accession {study.accession}" if study.accession else "")  # fmt: skip
    return " · ".join(part for part in parts if part) or "patient not stated"


def _number(value: float | None, form: str, unit: str) -> str:
    return "" if value is None else f"{value:{form}} {unit}"
