"""What was computed, as the report needs it: the trace, and of its values those that hold names and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prosector.case.events import Event
from prosector.errors import ProsectorError
from prosector.exchange.measurements import read_measurements
from prosector.model.cine import Cine
from prosector.model.labels import LabelMap
from prosector.model.measurement import Measurements
from prosector.model.recipe import SOURCE, Trace, TraceStep
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.pipeline.recipes import parse_trace
from prosector.pipeline.run import Result
from prosector.pipeline.source import read_labels

PICTURES = (Rendering.__name__, Cine.__name__)
LABELS = (".seg.nrrd", ".nii.gz", ".dcm")
TABLES = (".json", ".csv")


@dataclass(frozen=True, slots=True)
class Made:
    """A file that came of a step; ``id`` is that of the case's output, or the file's name."""

    id: str
    file: str
    step: str
    kind: str
    sha256: str
    value_sha256: str
    sop_class_uid: str = ""
    sop_instance_uid: str = ""


@dataclass(frozen=True)
class Work:
    """A recipe that was run.

    Parameters
    ----------
    run : str
        Its name in the case; empty outside of one.
    trace : Trace
    files : tuple of Made
    labels, measurements : mapping
        Step id to what it found; steps whose value was not kept are absent.
    lost : tuple of str
        What cannot be said because a value was not kept, in words.
    """

    run: str
    trace: Trace
    files: tuple[Made, ...]
    labels: Mapping[str, LabelMap] = field(default_factory=dict)
    measurements: Mapping[str, Measurements] = field(default_factory=dict)
    lost: tuple[str, ...] = ()

    def name_of(self, step: str) -> str:
        """A step's id in the document."""
        return f"{self.run}/{step}" if self.run else step

    def step(self, step_id: str) -> TraceStep | None:
        """A step of the trace."""
        return next((s for s in self.trace.steps if s.id == step_id), None)

    def pictures(self) -> Iterator[TraceStep]:
        """Steps that made a picture or a cine."""
        return (step for step in self.trace.steps if step.output_kind in PICTURES)

    def behind(self, step_id: str) -> set[str]:
        """Ids of the steps that a step's value was computed from, and its own."""
        return {step.id for step in self.trace.chain(step_id)}


def work_of_result(result: Result) -> Work:
    """What a run outside a case made, from its values."""
    trace = result.trace
    kinds = {s.id: (s.output_kind, s.output_sha256) for s in trace.steps}
    kinds[SOURCE] = ("Volume", trace.source_sha256)
    return Work(
        run="",
        trace=trace,
        files=tuple(Made(o.file, o.file, o.step, kinds[o.step][0], "", kinds[o.step][1]) for o in trace.outputs),
        labels={name: value for name, value in result.values.items() if isinstance(value, LabelMap)},
        measurements={name: value for name, value in result.values.items() if isinstance(value, Measurements)},
    )


def work_of_event(folder: Path, event: Event, volume: Volume) -> Work:
    """What a run in a case made, read back from the files that it left.

    A label map or table that cannot be read leaves a line in ``lost``; nothing is computed again.
    """
    trace = parse_trace(event.data["trace"])
    files = tuple(
        Made(row["id"], row["file"], row["step"], row["kind"], row["sha256"], row["value_sha256"],
             row.get("sop_class_uid", ""), row.get("sop_instance_uid", ""))
        for row in event.data["outputs"]
    )  # fmt: skip
    labels: dict[str, LabelMap] = {}
    measurements: dict[str, Measurements] = {}
    lost = []
    for step in trace.steps:
        try:
            if step.output_kind == "LabelMap" and (path := _kept(folder, files, step.id, LABELS)):
                labels[step.id] = read_labels(path, volume)
            elif step.output_kind == "Measurements":
                if path := _kept(folder, files, step.id, TABLES):
                    measurements[step.id] = read_measurements(path)
                else:
                    lost.append(f"Step {step.id} of {event.data['run']} measured, but its table was not kept.")
        except ProsectorError as error:
            lost.append(f"What step {step.id} of {event.data['run']} made cannot be read: {error}.")
    return Work(event.data["run"], trace, files, labels, measurements, tuple(lost))


def _kept(folder: Path, files: tuple[Made, ...], step: str, endings: tuple[str, ...]) -> Path | None:
    """The file of a step that holds its value, by preference among endings."""
    for ending in endings:
        for made in files:
            if made.step == step and made.file.lower().endswith(ending) and (folder / made.file).is_file():
                return folder / made.file
    return None
