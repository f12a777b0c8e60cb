"""What is to be computed (recipe), and what was (trace)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = None | bool | int | float | str | list[Any] | dict[str, Any]

SOURCE = "source"
"""The name by which a step refers to the volume that the recipe is run on."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation. ``inputs`` maps the operation's input names to ids of earlier steps or ``source``."""

    id: str
    operation: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output:
    """A file to write: the value of step ``step`` into ``file`` (relative; its ending says the format)."""

    step: str
    file: str


@dataclass(frozen=True, slots=True)
class Question:
    """A parameter that only the user can give, such as a point in the lesion: ``example`` is a value that fits."""

    step: str
    parameter: str
    help: str
    example: Json

    @property
    def key(self) -> str:
        """``step.parameter``, as the user writes it."""
        return f"{self.step}.{self.parameter}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps in the order in which they run, and the files that come of them.

    ``inputs`` are values that the recipe takes besides the volume: name to kind (``LabelMap``). Steps refer to them
    by that name. It runs when its ``questions`` are answered.
    """

    name: str
    description: str
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceStep:
    """A step that was run: every parameter, defaults included, and what went in and came out.

    ``inputs`` maps input names to (step id, sha256).
    """

    id: str
    operation: str
    inputs: Mapping[str, tuple[str, str]]
    parameters: Mapping[str, Json]
    output_kind: str
    output_sha256: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Trace:
    """A recipe that was run, with everything needed to run it again.

    ``inputs`` holds for each value that was given besides the volume its kind and sha256. ``supervised`` says that a
    physician's session was open; only a case can say so.
    """

    recipe: str
    source_sha256: str
    source_series_uid: str
    steps: tuple[TraceStep, ...]
    outputs: tuple[Output, ...]
    versions: Mapping[str, str]
    machine: Mapping[str, str | int]
    started_utc: str
    inputs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    supervised: bool = False

    def chain(self, step_id: str) -> tuple[TraceStep, ...]:
        """The step and all that its value was computed from, in the order in which they ran."""
        needed = {step_id}
        for step in reversed(self.steps):
            if step.id in needed:
                needed.update(source for source, _ in step.inputs.values())
        return tuple(step for step in self.steps if step.id in needed)
