"""From a case, or from a single run, to the report: the same document, more or less of it filled in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prosector.case.folder import read_case
from prosector.case.source import read_source
from prosector.case.state import CaseState
from prosector.model.progress import Progress, silent
from prosector.model.volume import Volume
from prosector.pipeline.export import trace_sha256
from prosector.pipeline.run import Result
from prosector.report.document import (
    Coding,
    Communication,
    Completeness,
    Integrity,
    Order,
    Report,
    Status,
    Text,
    Workstation,
)
from prosector.report.findings import findings_of, text_of
from prosector.report.images import archived_images, computed_images, other_files
from prosector.report.json import document_sha256
from prosector.report.limitations import limitations_of
from prosector.report.measured import measured
from prosector.report.series import base_study_of, patient_of, source_in_words
from prosector.report.supervision import supervision_of, unsupervised
from prosector.report.technique import statements, structures
from prosector.report.words import NOT_CLEARED
from prosector.report.work import Work, work_of_event, work_of_result

REPORT = ("report-drafted", "report-signed")

OUTSIDE = (
    "This draft belongs to no case: there is no log. Run the trace beside it again to compare its sha256, "
    "or make a case: prosector case create."
)

HOW_TO_VERIFY = (
    "prosector case verify CASE checks the log's chain, every signature and every file; with --replay it computes "
    "every output again and compares the bytes. The hash below is that of the log's last event when this was written."
)


def compose_report(
    folder: str | Path,
    *,
    status: Status = "draft",
    predecessor: Report | None = None,
    amendment: Text | None = None,
    completeness: Completeness | None = None,
    volume: Volume | None = None,
    progress: Progress = silent,
) -> Report:
    """The report on a case as it stands: everything from its log, its files and the header of its source.

    Parameters
    ----------
    folder : path
        The case; nothing in it is changed.
    status : str
        draft, final, amended or addendum.
    predecessor : Report, optional
        The signed version that this one follows; it names it by id, version and sha256.
    amendment : Text, optional
        Why a signed report is changed.
    completeness : Completeness, optional
        What the rules say, to be shown in it.
    volume : Volume, optional
        The source, where the caller has read it; left out, it is read and held to its recorded hash.
    progress : callable

    Raises
    ------
    CaseError
        If there is no case or source, or the source reads otherwise than it did.
    """
    folder = Path(folder)
    state = read_case(folder)
    volume = read_source(folder, progress) if volume is None else volume
    works = [work_of_event(folder, event, volume) for event in state.of("run-done")]
    images = archived_images(state, works)
    shown, numbers = structures(works, images), measured(works)
    return Report(
        report_id=report_id(state),
        version=1 + sum(event.kind in REPORT for event in state.events),
        status=status,
        predecessor=f"{predecessor.report_id}-v{predecessor.version}" if predecessor else "",
        predecessor_sha256=_sha256(predecessor),
        amendment=amendment,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        performed=max((work.trace.started_utc for work in works), default=""),
        patient=patient_of(volume.source),
        base_study=base_study_of(volume.source, state),
        workstation=_workstation(state, works, volume),
        technique=statements(works, images),
        source=source_in_words(volume.source, volume.geometry),
        structures=shown,
        supervision=supervision_of(state),
        findings=findings_of(state, numbers, shown, images),
        measurements=numbers,
        limitations=_limitations(volume, works, state),
        images=images,
        files=other_files(works, images),
        communications=_communications(state),
        coding=_coding(state),
        integrity=_integrity(state, works),
        completeness=completeness,
        **_written(state),
    )


def report_of_result(result: Result) -> Report:
    """The draft on a run outside a case: what was computed, unsupervised, with everything left open that people add.

    The same trace gives the same document.
    """
    source, work = result.source.source, work_of_result(result)
    works = [work]
    images = computed_images(work)
    shown, numbers = structures(works, images), measured(works)
    sha256 = trace_sha256(result.trace)
    return Report(
        report_id=f"draft-{sha256[:12]}",
        created=result.trace.started_utc,
        performed=result.trace.started_utc,
        patient=patient_of(source),
        base_study=base_study_of(source),
        workstation=Workstation(
            statement=_statement({}, result.trace.versions.get("prosector", ""), "", result.source),
            software="Prosector",
            version=result.trace.versions.get("prosector", ""),
            independent=True,
            cleared="not cleared",
            versions=_versions(works),
        ),
        technique=statements(works, images),
        source=source_in_words(source, result.source.geometry),
        structures=shown,
        supervision=unsupervised(),
        measurements=numbers,
        limitations=_limitations(result.source, works, None),
        images=images,
        files=other_files(works, images),
        integrity=Integrity(source_sha256=(result.trace.source_sha256,), trace_sha256=(sha256,), how_to_verify=OUTSIDE),
    )


def report_id(state: CaseState) -> str:
    """The id of a case's report; its versions share it."""
    return f"report-{state.created.data['case_id'][:8]}"


def _sha256(report: Report | None) -> str:
    return document_sha256(report) if report else ""


def _written(state: CaseState) -> dict[str, Any]:
    """What people wrote, as it stands, and the order."""
    necessity, order = state.text("necessity"), state.last("order-recorded")
    fields: dict[str, Any] = {
        name: text_of(state.text(name.replace("_", "-")))
        for name in ("question", "considered", "procedure", "added_value", "impression")
    }
    fields["necessity"] = text_of(necessity)
    fields["necessity_reason"] = str(necessity.data.get("reason", "")) if necessity else ""
    fields["positive_finding"] = text_of(necessity, "positive_finding")
    if order is not None:
        orderer, document = order.data["orderer"], order.data.get("document") or {}
        fields["order"] = Order(
            orderer=str(orderer.get("name", "")),
            npi=str(orderer.get("npi", "")),
            date=str(order.data["date"]),
            id=str(order.data.get("order_id") or ""),
            document_sha256=str(document.get("sha256", "")),
            urgent=bool(order.data.get("urgent")),
        )
    return fields


def _limitations(volume: Volume, works: Sequence[Work], state: CaseState | None) -> tuple[Text, ...]:
    found = [*limitations_of(volume.source, volume.geometry), *(line for work in works for line in work.lost)]
    warned = {w for work in works for value in work.measurements.values() for w in value.warnings}
    found += sorted(warning[:1].upper() + warning[1:] for warning in warned)
    written = text_of(state.text("limitations")) if state else None
    return (*([written] if written else []), *(Text(text=line) for line in dict.fromkeys(found)))


def _communications(state: CaseState) -> tuple[Communication, ...]:
    return tuple(
        Communication(
            to=str(e.data["to"]),
            by=str(e.data.get("by") or e.actor.name),
            at=str(e.data["at"]),
            what=str(e.data["what"]),
            critical=bool(e.data.get("critical")),
        )
        for e in state.of("communication-recorded")
    )


def _coding(state: CaseState) -> Coding:
    event = state.last("coding-recorded")
    if event is None:
        return Coding()
    data = {name: value for name, value in event.data.items() if name in Coding.model_fields and value is not None}
    return Coding.model_validate(data)


def _workstation(state: CaseState, works: Sequence[Work], volume: Volume) -> Workstation:
    station, software = state.created.data["workstation"], state.created.data["software"]
    return Workstation(
        statement=_statement(station, software["version"], software["build_sha256"], volume),
        id=str(station.get("id", "")),
        software=software["name"],
        version=software["version"],
        build_sha256=software["build_sha256"],
        independent=station.get("independent"),
        cleared=str(station.get("cleared", "")),
        versions=_versions(works),
    )


def _statement(station: dict[str, Any], version: str, build: str, volume: Volume) -> str:
    equipment = volume.source.equipment
    named = " ".join(part for part in (equipment.manufacturer, equipment.model) if part)
    scanner = f" ({named})" if named else ""
    made = " ".join(str(station[part]) for part in ("manufacturer", "model", "system") if station.get(part))
    which = f", {made}," if made else ""
    program = f"Prosector {version}" + (f" (build {build[:12]})" if build else "")
    if station.get("independent", True):
        where = (
            f"The 3D images were computed on an independent workstation: a general-purpose computer{which} that runs "
            f"{program}, and no part of the device that acquired the images{scanner}."
        )
    else:
        where = f"The 3D images were computed by {program} on no independent workstation ({station.get('host_kind')})."
    cleared = station.get("cleared") or "not cleared"
    return f"{where} {NOT_CLEARED if cleared == 'not cleared' else f'Regulatory status as recorded: {cleared}.'}"


def _versions(works: Sequence[Work]) -> dict[str, str]:
    found: dict[str, str] = {}
    for work in works:
        found |= {name: str(value) for name, value in (*work.trace.versions.items(), *work.trace.machine.items())}
    return found


def _integrity(state: CaseState, works: Sequence[Work]) -> Integrity:
    return Integrity(
        case_id=state.created.data["case_id"],
        log_events=len(state.events),
        log_head=state.head,
        source_sha256=tuple(event.data["volume_sha256"] for event in state.of("source-added")),
        trace_sha256=tuple(trace_sha256(work.trace) for work in works),
        anchored=bool(state.of("anchored")),
        how_to_verify=HOW_TO_VERIFY,
    )
