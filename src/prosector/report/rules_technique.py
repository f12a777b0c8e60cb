"""Rules F: what was computed from what, as the trace holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from prosector.pipeline.operations import OPERATIONS
from prosector.report.limitations import THICK_SLICE_MM
from prosector.report.rules_table import PICTURES, Finding, Subject, rule

VOLUME_UNITS = ("mm3", "cm3", "ml", "mL", "l", "L")
"""UCUM units that make a measurement a quantitative volume."""

DESCRIBED = {
    "Series Instance UID": "",
    "Matrix": "",
    "Slice distance": "",
    "Slice thickness": "",
    "Pixel spacing": "",
}
"""What the report's description of the source must have."""


@rule("R050")
def a_3d_technique_was_used(on: Subject) -> Iterator[Finding]:
    """R050."""
    names = {run.data["run"] for run in on.runs}
    used = {step.operation for name, step in on.steps.items() if name.split("/", 1)[0] in names}
    volumes = any(line.unit in VOLUME_UNITS and line.step in on.steps for line in on.measurements)
    if not volumes and not any(name in OPERATIONS and OPERATIONS[name].qualifies for name in used):
        told = ", ".join(sorted(used)) or "nothing"
        yield Finding(f"the trace holds no 3D technique: {told}", tuple(run.number for run in on.runs))
    elif on.report.images and not volumes and not any(qualifies(on, image.id) for image in on.report.images):
        yield Finding("a 3D technique was used, but no image made by it is archived", severity="W")


@rule("R053")
def source_is_described(on: Subject) -> Iterator[Finding]:
    """R053."""
    told, base = on.report.source, on.report.base_study
    absent = [name for name in DESCRIBED if not told.get(name)]
    if absent:
        yield Finding(f"the report does not tell of the source: {', '.join(absent)}")
    added = on.state.of("source-added")
    if {e.data["series_uid"] for e in added} != set(base.series_uids):
        yield Finding("the series that the report names are not those of the log", tuple(e.number for e in added))
    if base.modality == "CT" and not told.get("Kernel"):
        yield Finding("the reconstruction kernel (0018,1210) is not known", severity="W")
    if not told.get("Contrast agent"):
        yield Finding("the header names no contrast agent (0018,0010): none was given, or it was not entered",
                      severity="I")  # fmt: skip


@rule("R054")
def images_have_their_parameters(on: Subject) -> Iterator[Finding]:
    """R054."""
    for image in on.report.images:
        made = on.state.outputs.get(image.id)
        step = on.steps.get(f"{made.run}/{made.step}") if made else None
        if made is None or step is None:
            yield Finding(f"no step of the trace made {image.id}")
            continue
        row = OPERATIONS.get(step.operation)
        absent = [p.name for p in row.parameters if p.name not in step.parameters] if row else ["the operation itself"]
        if absent:
            yield Finding(f"parameters of {image.id} that the trace lacks: {', '.join(absent)}", (made.event,))


@rule("R055")
def structures_have_their_making(on: Subject) -> Iterator[Finding]:
    """R055."""
    for line in on.report.structures:
        if not line.how.strip():
            yield Finding(f"how {line.name} was delineated or displayed is not recorded")
    for run in on.runs:
        trace = on.traces[run.data["run"]]
        if not any(step.output_kind == "LabelMap" for step in trace.steps):
            continue
        if not trace.versions.get("prosector"):
            yield Finding(f"the version that segmented in {run.data['run']} is not recorded", (run.number,))
        if not run.actor.person:
            yield Finding(f"nobody is recorded as having segmented in {run.data['run']}", (run.number,))


@rule("R056")
def limits_of_the_geometry_are_told(on: Subject) -> Iterator[Finding]:
    """R056."""
    told = " ".join(text.text.lower() for text in on.report.limitations)
    for event in on.state.of("source-added"):
        for warning in event.data.get("warnings") or ():
            if str(warning).lower() not in told:
                yield Finding(f"a warning of the loader is no limitation in the report: {warning}", (event.number,))
    thickness = re.match(r"[\d.]+", on.report.source.get("Slice thickness", ""))
    if thickness and float(thickness[0]) > THICK_SLICE_MM and "thick" not in told:
        yield Finding(f"slices are {thickness[0]} mm thick, and no limitation says so")


def qualifies(on: Subject, output: str) -> bool:
    """Whether an output is a picture made by a 3D technique: by the trace, not by the report."""
    made = on.state.outputs.get(output)
    step = on.steps.get(f"{made.run}/{made.step}") if made else None
    row = OPERATIONS.get(step.operation) if step else None
    return bool(row and row.qualifies and made and made.kind in PICTURES)
