"""What was done, in words from the trace, and which structures came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prosector.model.digest import canonical_json
from prosector.model.labels import Segment
from prosector.model.recipe import TraceStep
from prosector.pipeline.operations import OPERATIONS
from prosector.pipeline.recipes import SUPERVISED
from prosector.rendering.presets import preset
from prosector.report.document import ImageLine, Statement, StructureLine
from prosector.report.images import has_view, view_of
from prosector.report.work import Work

MM3_PER_ML = 1000.0

VIEW_DIRECTION = {"view", "azimuth_deg", "elevation_deg", "roll_deg", SUPERVISED}
"""Steps whose other parameters and inputs are the same are told in one sentence."""

_MADE_BY = {"AUTOMATIC": "segmented by program", "SEMIAUTOMATIC": "segmented with a program's help"}


def statements(works: Sequence[Work], images: tuple[ImageLine, ...]) -> tuple[Statement, ...]:
    """Every step of every trace in words, steps that are alike together; techniques that qualify come first."""
    alike: dict[str, list[tuple[Work, TraceStep]]] = {}
    for work in works:
        for step in work.trace.steps:
            alike.setdefault(_apart_from_view(step), []).append((work, step))
    told = [_statement(same, images) for same in alike.values()]
    order = list(dict.fromkeys((s.technique, s.qualifies) for s in told))
    return tuple(sorted(told, key=lambda s: (not s.qualifies, order.index((s.technique, s.qualifies)))))


def structures(works: Sequence[Work], images: tuple[ImageLine, ...]) -> tuple[StructureLine, ...]:
    """What was delineated, with its volume where the label map was kept, and what each preset brings out."""
    found: dict[tuple[str, str, str, str], StructureLine] = {}
    for line in (*_segmented(works, images), *_displayed(works, images)):
        key = (line.name, line.code, line.how, f"{line.volume_ml}")
        before = found.get(key)
        together = (*(before.images if before else ()), *line.images)
        found[key] = line.model_copy(update={"images": tuple(dict.fromkeys(together))})
    return tuple(found.values())


def images_of(work: Work, steps: set[str], images: tuple[ImageLine, ...]) -> tuple[str, ...]:
    """Ids of images of a run that are, or were computed from, one of the steps."""
    files = {file.id: file.step for file in work.files} | {step.id: step.id for step in work.pictures()}
    return tuple(image.id for image in images if image.id in files and steps & work.behind(files[image.id]))


def _apart_from_view(step: TraceStep) -> str:
    settings = {name: value for name, value in step.parameters.items() if name not in VIEW_DIRECTION}
    return canonical_json([step.operation, settings, sorted(sha256 for _, sha256 in step.inputs.values())])


def _statement(same: list[tuple[Work, TraceStep]], images: tuple[ImageLine, ...]) -> Statement:
    _, first = same[0]
    row = OPERATIONS[first.operation]
    words = row.words(first.parameters)
    if has_view(first):
        views = list(dict.fromkeys(view_of(step) for _, step in same))
        words += f" The same: {', '.join(views[1:])}." if len(views) > 1 else ""
    shown = (image for work, step in same for image in images_of(work, {step.id}, images))
    return Statement(
        words=words,
        operation=first.operation,
        technique=row.technique,
        qualifies=row.qualifies,
        steps=tuple(work.name_of(step.id) for work, step in same),
        images=tuple(dict.fromkeys(shown)),
    )


def _segmented(works: Sequence[Work], images: tuple[ImageLine, ...]) -> Iterator[StructureLine]:
    for work in works:
        for step in work.trace.steps:
            if step.output_kind != "LabelMap":
                continue
            shown = images_of(work, {step.id}, images)
            value = work.labels.get(step.id)
            if value is None:
                how = f"{OPERATIONS[step.operation].words(step.parameters)} The label map was not kept."
                yield StructureLine(name=step.id, how=how, images=shown)
                continue
            volumes = value.volumes_mm3()
            for segment in value.segments:
                code = segment.structure.type
                yield StructureLine(
                    name=segment.name,
                    code=f"{code.scheme}:{code.value}",
                    how=_made_by(segment),
                    volume_ml=volumes[segment.name] / MM3_PER_ML,
                    images=shown,
                )


def _made_by(segment: Segment) -> str:
    kind = _MADE_BY.get(segment.algorithm_type, "segmented by hand")
    return f"{kind} ({segment.algorithm_name})" if segment.algorithm_name else kind


def _displayed(works: Sequence[Work], images: tuple[ImageLine, ...]) -> Iterator[StructureLine]:
    """What each preset brings out, by value alone."""
    for work in works:
        for step in work.pictures():
            name = step.parameters.get("preset")
            if isinstance(name, str) and name:
                shown = images_of(work, {step.id}, images)
                how = f"displayed by value (preset {name})"
                yield StructureLine(name=preset(name).description, how=how, images=shown)
