"""One row of the table of operations: what it takes and makes, and how the report says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prosector.model.centerlines import Centerlines
from prosector.model.cine import Cine
from prosector.model.labels import LabelMap
from prosector.model.measurement import Measurements
from prosector.model.mesh import Mesh
from prosector.model.progress import Progress, silent
from prosector.model.rendering import Rendering
from prosector.model.structures import Code
from prosector.model.volume import Volume
from prosector.pipeline.parameters import Parameter

Value = Volume | LabelMap | Mesh | Rendering | Cine | Measurements | Centerlines
Settings = dict[str, Any]


def _settled(_inputs: Mapping[str, Value], settings: Settings) -> Settings:
    return settings


@dataclass(frozen=True)
class Operation:
    """One row.

    Parameters
    ----------
    name : str
        As recipes write it.
    technique : str
        What the report calls it; ``qualifies`` says whether that is a 3D technique in the sense of 76377.
    inputs : mapping
        Input name to the kind of value it takes.
    optional : mapping
        The same for inputs that it can do without.
    output : type
        Kind of value it makes.
    function : callable
        ``function(inputs, settings) -> value``, or with ``progress`` as a third where ``tells_progress``.
    parameters : tuple of Parameter
    template : str
        Sentence for the report; ``{name}`` stands for a parameter.
    when_set : mapping
        Parameter to a further sentence, said where the parameter is neither zero nor empty.
    settle : callable
        ``settle(inputs, settings) -> settings`` with nothing left to be worked out.
    derivation : tuple of Code
        For Derivation Code Sequence (0008,9215).
    """

    name: str
    technique: str
    inputs: Mapping[str, type]
    output: type
    function: Callable[..., Value]
    parameters: tuple[Parameter, ...]
    template: str
    settle: Callable[[Mapping[str, Any], Settings], Settings] = _settled
    derivation: tuple[Code, ...] = ()
    qualifies: bool = False
    help: str = ""
    when_set: Mapping[str, str] = field(default_factory=dict)
    tells_progress: bool = False
    optional: Mapping[str, type] = field(default_factory=dict)

    def call(self, inputs: Mapping[str, Any], settings: Settings, progress: Progress = silent) -> Value:
        """Run it on settled parameters."""
        return self.function(inputs, settings, *([progress] if self.tells_progress else []))

    def words(self, parameters: Mapping[str, Any]) -> str:
        """The operation in words, for the report."""
        shown = {k: in_words(v) for k, v in parameters.items()}
        extra = [words.format(**shown) for name, words in self.when_set.items() if parameters.get(name)]
        return " ".join([self.template.format(**shown), *extra])


def in_words(value: Any) -> str:
    """A parameter's value as the report writes it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(in_words(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
