"""From a result to a draft report: no files, no clock, the same report for the same trace."""

from __future__ import annotations

from collections.abc import Mapping

from prosector.model.camera import VIEWS
from prosector.model.centerlines import Centerlines
from prosector.model.cine import Cine
from prosector.model.digest import canonical_json
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.measurement import Measurements
from prosector.model.mesh import Mesh
from prosector.model.recipe import SOURCE, Trace, TraceStep
from prosector.model.rendering import Rendering
from prosector.model.source import Source
from prosector.model.volume import Volume
from prosector.pipeline.operation import Value
from prosector.pipeline.operations import OPERATIONS
from prosector.rendering.presets import preset
from prosector.report.limitations import limitations_of
from prosector.report.measured import measured
from prosector.report.model import (
    NOT_CLEARED,
    DraftReport,
    OutputFile,
    ReportImage,
    Statement,
    StructureShown,
    Technique,
)

MM3_PER_ML = 1000.0

VIEW_DIRECTION = {"view", "azimuth_deg", "elevation_deg", "roll_deg"}
"""Steps whose other parameters are the same are told in one sentence."""


def build_draft_report(trace: Trace, values: Mapping[str, Value], source: Source, geometry: Geometry) -> DraftReport:
    """Say in words what was computed from which series.

    Parameters
    ----------
    trace : Trace
        What was run. Every sentence on technique comes from a step of it.
    values : mapping of step id to value
        What the steps made. Renderings become images, label maps become structures; steps whose value is
        absent are still told.
    source : Source
        The series that the trace was run on.
    geometry : Geometry
        The grid of that series.

    Returns
    -------
    DraftReport
    """
    images = _images(trace, values)
    return DraftReport(
        trace=trace,
        source=source,
        geometry=geometry,
        techniques=_techniques(trace, images),
        structures=(*_segmented(trace, values, images), *_displayed(images)),
        measurements=measured(trace, values),
        images=images,
        outputs=_outputs(trace, values),
        limitations=limitations_of(source, geometry),
        workstation=_workstation(trace, source),
    )


def _techniques(trace: Trace, images: tuple[ReportImage, ...]) -> tuple[Technique, ...]:
    """Statements grouped by technique, in the order in which the techniques first occur."""
    alike: dict[str, list[TraceStep]] = {}
    for step in trace.steps:
        alike.setdefault(_apart_from_view(step), []).append(step)
    grouped: dict[tuple[str, bool], list[Statement]] = {}
    for steps in alike.values():
        row = OPERATIONS[steps[0].operation]
        grouped.setdefault((row.technique, row.qualifies), []).append(_statement(trace, steps, images))
    return tuple(Technique(name, qualifies, tuple(told)) for (name, qualifies), told in grouped.items())


def _apart_from_view(step: TraceStep) -> str:
    settings = {name: value for name, value in step.parameters.items() if name not in VIEW_DIRECTION}
    return canonical_json([step.operation, settings, sorted(origin for origin, _ in step.inputs.values())])


def _statement(trace: Trace, steps: list[TraceStep], images: tuple[ReportImage, ...]) -> Statement:
    words = OPERATIONS[steps[0].operation].words(steps[0].parameters)
    if len(steps) > 1:
        words += " The same: " + ", ".join(_view(step) for step in steps[1:]) + "."
    ids = {step.id for step in steps}
    figures = tuple(image.number for image in images if ids & {s.id for s in trace.chain(image.step)})
    return Statement(words, steps[0].operation, tuple(step.id for step in steps), figures)


def _view(step: TraceStep) -> str:
    """The direction of view in words; its name where the angles are those of a named view."""
    azimuth, elevation, roll = (_number(step, name) for name in ("azimuth_deg", "elevation_deg", "roll_deg"))
    turned = f", turned by {roll:g}°" if roll else ""
    for name, angles in VIEWS.items():
        if angles == (azimuth % 360, elevation):
            return f"{name} view{turned}"
    return f"view from azimuth {azimuth:g}°, elevation {elevation:g}°{turned}"


def _number(step: TraceStep, name: str) -> float:
    value = step.parameters.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0


def _images(trace: Trace, values: Mapping[str, Value]) -> tuple[ReportImage, ...]:
    made = [(step, values.get(step.id)) for step in trace.steps]
    found = [(step, value) for step, value in made if isinstance(value, (Rendering, Cine))]
    return tuple(
        ReportImage(
            number=number,
            step=step.id,
            caption=_caption(step, value),
            files=tuple(output.file for output in trace.outputs if output.step == step.id),
            sha256=step.output_sha256,
            rendering=value.frame(0) if isinstance(value, Cine) else value,
        )
        for number, (step, value) in enumerate(found, start=1)
    )


def _caption(step: TraceStep, value: Rendering | Cine) -> str:
    view = _view(step)
    look = f", preset {value.preset}" if value.preset else ""
    shown = f"; first of {len(value.frames)} frames" if isinstance(value, Cine) else ""
    return f"{view[0].upper()}{view[1:]}: {OPERATIONS[step.operation].technique}{look}{shown}"


def _segmented(trace: Trace, values: Mapping[str, Value], images: tuple[ReportImage, ...]) -> list[StructureShown]:
    """The segments of every label map, each with the images that came of it."""
    shown = []
    for step in trace.steps:
        value = values.get(step.id)
        if not isinstance(value, LabelMap):
            continue
        figures = tuple(image.number for image in images if step in trace.chain(image.step))
        volumes = value.volumes_mm3()
        for segment in value.segments:
            code = segment.structure.type
            how = _made_by(segment)
            millilitres = volumes[segment.name] / MM3_PER_ML
            shown.append(StructureShown(segment.name, f"{code.scheme}:{code.value}", how, millilitres, figures))
    return shown


def _made_by(segment: Segment) -> str:
    kinds = {"AUTOMATIC": "segmented by program", "SEMIAUTOMATIC": "segmented with a program's help"}
    kind = kinds.get(segment.algorithm_type, "segmented by hand")
    return f"{kind} ({segment.algorithm_name})" if segment.algorithm_name else kind


def _displayed(images: tuple[ReportImage, ...]) -> list[StructureShown]:
    """What each preset brings out, by value alone."""
    names = dict.fromkeys(image.rendering.preset for image in images if image.rendering.preset)
    return [
        StructureShown(
            name=preset(name).description,
            code="",
            how=f"displayed by value (preset {name})",
            volume_ml=None,
            figures=tuple(image.number for image in images if image.rendering.preset == name),
        )
        for name in names
    ]


def _outputs(trace: Trace, values: Mapping[str, Value]) -> tuple[OutputFile, ...]:
    made = {step.id: (step.output_kind, step.output_sha256) for step in trace.steps}
    made[SOURCE] = ("Volume", trace.source_sha256)
    return tuple(
        OutputFile(
            output.file, output.step, made[output.step][0], _content(values.get(output.step)), made[output.step][1]
        )
        for output in trace.outputs
    )


def _content(value: Value | None) -> str:
    match value:
        case Rendering():
            return f"picture, {value.size[0]} × {value.size[1]} pixels of {value.pixel_spacing_mm:.3f} mm"
        case Cine():
            width, height = value.size
            return f"cine, {len(value.frames)} frames of {width} × {height} pixels, {value.duration_s:.1f} s"
        case LabelMap():
            return "label map: " + ", ".join(segment.name for segment in value.segments)
        case Mesh():
            return f"surface of {len(value.faces):,} triangles, {value.area_mm2 / 100:.1f} cm²"
        case Volume():
            return "volume of " + " × ".join(str(n) for n in value.geometry.shape) + " voxels"
        case Measurements():
            return f"{len(value.items)} measurements"
        case Centerlines():
            return f"centreline of {len(value.branches)} branches"
    return ""


def _workstation(trace: Trace, source: Source) -> str:
    version = trace.versions.get("prosector", "")
    named = " ".join(part for part in (source.equipment.manufacturer, source.equipment.model) if part)
    scanner = f" ({named})" if named else ""
    return (
        f"The 3D images were computed on an independent workstation: a general-purpose computer that runs "
        f"Prosector {version}, and no part of the device that acquired the images{scanner}. {NOT_CLEARED}"
    )
