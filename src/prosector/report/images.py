"""The pictures of a report: which, by what number, and with what caption."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from prosector.case.state import CaseState
from prosector.model.camera import VIEWS
from prosector.model.recipe import TraceStep
from prosector.pipeline.operations import OPERATIONS
from prosector.report.document import FileLine, ImageLine
from prosector.report.words import moment
from prosector.report.work import Made, Work


def archived_images(state: CaseState, works: Iterable[Work]) -> tuple[ImageLine, ...]:
    """A line for every output that was selected for the archive.

    Files of the same picture share its number: the DICOM object and the PNG of one view are one image.
    """
    made = {file.id: (work, file) for work in works for file in work.files}
    numbers: dict[str, int] = {}
    lines = []
    for output in state.archived:
        if output not in made:
            continue
        work, file = made[output]
        number = numbers.setdefault(file.value_sha256, len(numbers) + 1)
        lines.append(_line(number, work, file, _selected_by(state, output), _receipts(state, file)))
    return tuple(lines)


def computed_images(work: Work) -> tuple[ImageLine, ...]:
    """A line for every picture of a run outside a case; nobody has selected any."""
    lines = []
    for number, step in enumerate(work.pictures(), start=1):
        files = [file for file in work.files if file.step == step.id]
        first = files[0] if files else Made(step.id, "", step.id, step.output_kind, "", step.output_sha256)
        lines.append(_line(number, work, first, "", ()))
    return tuple(lines)


def other_files(works: Iterable[Work], images: tuple[ImageLine, ...]) -> tuple[FileLine, ...]:
    """Every file that was made and is no image of the report."""
    shown = {image.id for image in images}
    return tuple(
        FileLine(
            id=file.id,
            file=file.file,
            step=work.name_of(file.step),
            kind=file.kind,
            content=_content(work, file),
            sha256=file.sha256,
            value_sha256=file.value_sha256,
        )
        for work in works
        for file in work.files
        if file.id not in shown
    )


def view_of(step: TraceStep) -> str:
    """The direction of view in words; its name where the angles are those of a named view."""
    azimuth, elevation, roll = (_number(step, name) for name in ("azimuth_deg", "elevation_deg", "roll_deg"))
    turned = f", turned by {roll:g}°" if roll else ""
    for name, angles in VIEWS.items():
        if angles == (azimuth % 360, elevation):
            return f"{name} view{turned}"
    return f"view from azimuth {azimuth:g}°, elevation {elevation:g}°{turned}"


def has_view(step: TraceStep) -> bool:
    """Whether a step looks from somewhere."""
    return "azimuth_deg" in step.parameters


def _line(number: int, work: Work, file: Made, selected_by: str, receipts: tuple[str, ...]) -> ImageLine:
    step = work.step(file.step)
    row = OPERATIONS[step.operation] if step else None
    return ImageLine(
        number=number,
        id=file.id,
        caption=_caption(step) if step else "The source volume",
        file=file.file,
        sha256=file.sha256,
        value_sha256=file.value_sha256,
        sop_class_uid=file.sop_class_uid,
        sop_instance_uid=file.sop_instance_uid,
        method=step.operation if step else "",
        technique=row.technique if row else "",
        qualifies=bool(row and row.qualifies),
        selected_by=selected_by,
        receipts=receipts,
    )


def _caption(step: TraceStep) -> str:
    technique = OPERATIONS[step.operation].technique
    seen = view_of(step) if has_view(step) else ""
    preset = step.parameters.get("preset")
    look = f", preset {preset}" if preset else ""
    cine = f"; first of {step.parameters['frames']} frames" if step.output_kind == "Cine" else ""
    return f"{seen[:1].upper()}{seen[1:]}: {technique}{look}{cine}" if seen else f"{technique}{look}{cine}"


def _number(step: TraceStep, name: str) -> float:
    value = step.parameters.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0


def _selected_by(state: CaseState, output: str) -> str:
    chosen = [e for e in state.decisions("archive") if output in e.about]
    return chosen[-1].actor.name if chosen else ""


def _receipts(state: CaseState, file: Made) -> tuple[str, ...]:
    """What archives have said about an image: one line for each transfer and each commitment."""
    said = []
    for event in state.of("archive-sent"):
        for row in event.data["instances"]:
            if row.get("id") == file.id or (file.sop_instance_uid and _uid(row) == file.sop_instance_uid):
                node = event.data["node"].get("name", "")
                said.append(f"sent to {node} {moment(event.utc)}, status {row.get('status', '')}")
    committed = (e for e in state.of("archive-committed") if file.sop_instance_uid in e.data["committed"])
    return (*said, *(f"storage committed {moment(event.utc)}" for event in committed if file.sop_instance_uid))


def _uid(row: Mapping[str, str]) -> str:
    return row.get("sop_instance_uid", "")


def _content(work: Work, file: Made) -> str:
    if file.step in work.labels:
        return "label map: " + ", ".join(segment.name for segment in work.labels[file.step].segments)
    if file.step in work.measurements:
        return f"{len(work.measurements[file.step].items)} measurements"
    words = {
        "Rendering": "picture", "Cine": "cine", "LabelMap": "label map", "Mesh": "surface mesh", "Volume": "volume",
        "Measurements": "measurements", "Centerlines": "centreline",
    }  # fmt: skip
    said = words.get(file.kind, file.kind)
    return f"{said}, DICOM" if Path(file.file).suffix == ".dcm" else said
