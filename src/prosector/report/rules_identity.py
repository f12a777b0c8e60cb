"""Rules A: who the patient is, and the study that the 3D work adds to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from prosector.case.source import identity_sha256
from prosector.model.source import Patient
from prosector.report.base_codes import edition, look_up
from prosector.report.rules_table import Finding, Subject, rule

TOMOGRAPHIC = ("CT", "MR", "US", "XA", "CBCT")
"""(0008,0060) of studies that 3D work may add to; XA makes a volume when it rotates."""

PLANAR = ("CR", "DX", "DR", "MG", "NM", "PT", "RF", "IO", "PX")
"""Those that it may not: projections, and nuclear medicine, which has its own."""

ANY_ZONE = timedelta(hours=14)
"""DICOM times name no zone: local time is ahead of UTC by at most this."""

PATIENT = {"name": "(0010,0010) name", "id": "(0010,0020) identifier", "birth_date": "(0010,0030) date of birth",
           "sex": "(0010,0040) sex"}  # fmt: skip


@rule("R001")
def patient_is_the_base_studys(on: Subject) -> Iterator[Finding]:
    """R001."""
    patient = on.report.patient
    absent = [words for name, words in PATIENT.items() if not getattr(patient, name).strip()]
    if absent:
        yield Finding(f"the patient's {', '.join(absent)} is not in the report")
    told = Patient(patient.name, patient.id, patient.issuer_of_id, patient.birth_date, patient.sex)
    identity = identity_sha256(on.state.created.data["salt"], told)
    other = [e.number for e in on.state.of("source-added") if e.data.get("identity_sha256") != identity]
    if other:
        yield Finding("the patient in the report is not the one of the source images", tuple(other))


@rule("R002")
def base_study_is_the_sources(on: Subject) -> Iterator[Finding]:
    """R002."""
    uid, added = on.report.base_study.study_uid, on.state.of("source-added")
    if not uid:
        yield Finding("no Study Instance UID (0020,000D) of a base study: the source is not DICOM")
    if not added:
        yield Finding("the case has no source series")
    other = [e.number for e in added if e.data["study_uid"] != uid]
    if other:
        yield Finding("the Study Instance UID in the report is not that of the source images", tuple(other))


@rule("R003")
def base_study_is_named(on: Subject) -> Iterator[Finding]:
    """R003."""
    base = on.report.base_study
    absent = [
        name for name, value in (("accession number", base.accession), ("procedure", base.procedure)) if not value
    ]
    if absent:
        yield Finding(
            f"the base study's {' and '.join(absent)} is not recorded", severity="" if len(absent) == 2 else "W"
        )


@rule("R004")
def base_study_is_tomographic(on: Subject) -> Iterator[Finding]:
    """R004."""
    modality = on.report.base_study.modality
    if modality in PLANAR:
        yield Finding(f"the base study's modality is {modality}, which makes no tomographic images")
    elif modality not in TOMOGRAPHIC:
        found = modality or "not recorded"
        yield Finding(f"whether the base study is tomographic cannot be told: its modality is {found}",
                      severity="W" if modality else "")  # fmt: skip


@rule("R005")
def base_code_is_recorded(on: Subject) -> Iterator[Finding]:
    """R005."""
    if not on.report.base_study.cpt.strip():
        yield Finding("the code of the base study is not recorded")


@rule("R006")
def base_code_does_not_include_3d(on: Subject) -> Iterator[Finding]:
    """R006."""
    code = on.report.base_study.cpt.strip().upper()
    row = look_up(code)
    recorded = on.state.last("base-recorded")
    evidence = (recorded.number,) if recorded else ()
    if not code:
        return
    if row is None:
        yield Finding(f"base code {code} is in no table here ({edition()}): look it up", evidence, "W")
    elif row.kind == "excluded":
        yield Finding(f"base code {code}: {row.reason} ({edition()})", evidence)
    elif row.kind == "sensitive":
        yield Finding(f"base code {code}: {row.reason}", evidence, "W")


@rule("R007")
def the_lesser_code_is_not_claimed_too(on: Subject) -> Iterator[Finding]:
    """R007."""
    if "76376" in on.report.coding.also_claimed:
        yield Finding("76376 is claimed beside 76377")


@rule("R008")
def times_are_recorded_and_in_order(on: Subject) -> Iterator[Finding]:
    """R008."""
    performed = moment_of(on.report.base_study.performed)
    if performed is None:
        yield Finding("date and time of the base study are not recorded")
    if not on.runs:
        yield Finding("the case has no 3D work yet")
    if performed is None:
        return
    aware = performed.tzinfo is not None
    earliest = performed if aware else performed.replace(tzinfo=UTC) - ANY_ZONE
    for run in on.runs:
        if datetime.fromisoformat(run.utc) < earliest:
            yield Finding(f"{run.data['run']} was computed before the base study was performed", (run.number,))


@rule("R009")
def base_study_was_interpreted(on: Subject) -> Iterator[Finding]:
    """R009."""
    base = on.report.base_study
    if base.report_status == "pending":
        yield Finding("the base study's interpretation is pending", severity="W")
    elif not base.report_id and base.report_status != "interpreted":
        yield Finding("it is not recorded that the base study was interpreted")


def moment_of(text: str) -> datetime | None:
    """A DICOM date and time ("20260131 094107.000", PS3.5 6.2) or an ISO one; None for anything else."""
    match = re.fullmatch(r"(\d{8})[ T]?(\d{2})(\d{2})?(\d{2})?(?:\.\d+)?", text.strip())
    try:
        if match:
            return datetime.strptime("".join(part or "00" for part in match.groups()), "%Y%m%d%H%M%S")
        return datetime.fromisoformat(text.strip()) if re.match(r"\d{4}-\d\d-\d\d[T ]\d", text.strip()) else None
    except ValueError:
        return None
