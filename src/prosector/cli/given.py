"""What operations are given on the command line: parameters by ``--set``, labels by ``--labels``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.cli.console import PATH
from prosector.errors import ParameterError, UsageError
from prosector.model.centerlines import Centerlines
from prosector.model.labels import LabelMap
from prosector.model.recipe import SOURCE, Output, Recipe, Step
from prosector.model.volume import Volume

if TYPE_CHECKING:
    from prosector.pipeline.operation import Operation, Value

_OPTIONS = (
    click.option("--labels", type=PATH, metavar="FILE", help="Labels to work with: .nii.gz, .seg.nrrd or DICOM SEG."),
    click.option(
        "--label-names", default="", metavar="NUMBERING", help="For NIfTI without names: totalsegmentator (version 2)."
    ),
    click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE",
                 help="A parameter of the operation (see prosector operations NAME); again for each."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GivenLabels:
    """Labels that the command line names: where they are, and whose numbering they have if they do not say."""

    path: Path
    names: str


def given_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--labels``, ``--label-names`` and ``--set``, handed over as ``labels`` and ``pairs``."""

    @wraps(function)
    def command(labels: Path | None, label_names: str, **options: Any) -> Any:
        if labels is None and label_names:
            raise click.UsageError("--label-names belongs to --labels")
        given = None if labels is None else GivenLabels(labels, label_names)
        return function(labels=given, **options)

    decorated: Callable[..., Any] = command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def split_pairs(pairs: tuple[str, ...], option: str = "--set") -> dict[str, str]:
    """``("a=1", "b=2,3")`` as a dictionary of texts.

    Raises
    ------
    UsageError
        For what is not NAME=VALUE, or a name that is given twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} takes NAME=VALUE; found {pair!r}")
        if name in found:
            raise UsageError(f"{option} gives {name!r} twice; separate several values by commas")
        found[name] = text
    return found


def settings_of(row: Operation, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Parameters of an operation from ``--set``.

    Raises
    ------
    ParameterError
        For a name that it does not have, or a value that does not fit.
    """
    known = {parameter.name: parameter for parameter in row.parameters}
    given = split_pairs(pairs)
    for name in given:
        if name not in known:
            raise ParameterError(f"{row.name} has no parameter {name!r}; it has: {', '.join(known) or 'none'}")
    return {name: known[name].parsed(text) for name, text in given.items()}


def recipe_for(row: Operation, pairs: tuple[str, ...], labelled: bool, outputs: tuple[str, ...] = ()) -> Recipe:
    """The recipe of one operation on the volume and, where they are given, the labels.

    An operation on centrelines is preceded by finding them, in the labels or else in the vessels found by program;
    ``--set`` then also takes what ``centerline`` takes.

    Raises
    ------
    UsageError
        If it needs labels and none are given, takes none and some are, or takes anything else besides.
    ParameterError
        For a parameter that it does not have, or a value that does not fit.
    """
    on_lines = [name for name, kind in row.inputs.items() if kind is Centerlines]
    before, labels = _lines(row, pairs, labelled) if on_lines else ((), "labels" if labelled else "")
    own = tuple(pair for pair in pairs if not on_lines or pair.partition("=")[0] in {p.name for p in row.parameters})
    inputs = dict.fromkeys(on_lines, "centerline") | _inputs(row, labels)
    step = Step(row.name, row.name, inputs, settings_of(row, own))
    written = tuple(Output(row.name, file) for file in outputs)
    return Recipe(row.name, "", (*before, step), written, {"labels": "LabelMap"} if labelled else {})


def _lines(row: Operation, pairs: tuple[str, ...], labelled: bool) -> tuple[tuple[Step, ...], str]:
    """Steps that find centrelines, and the labels that they run in."""
    from prosector.pipeline.operations import operation

    line = operation("centerline")
    of_line = {parameter.name for parameter in line.parameters}
    strange = [name for name in split_pairs(pairs) if name not in of_line | {p.name for p in row.parameters}]
    if strange:
        raise ParameterError(f"neither {row.name} nor centerline has a parameter {strange[0]!r}")
    given = settings_of(line, tuple(pair for pair in pairs if pair.partition("=")[0] in of_line))
    labels = "labels" if labelled else "vessels"
    found = () if labelled else (Step("vessels", "segment-vessels", {"volume": SOURCE}),)
    return (*found, Step("centerline", "centerline", {"labels": labels}, given)), labels


def _inputs(row: Operation, labels: str) -> dict[str, str]:
    """What a row's volume and labels come from."""
    takes = {**row.inputs, **row.optional}
    strange = [name for name, kind in row.inputs.items() if kind not in (Volume, LabelMap, Centerlines)]
    drawn = [name for name, kind in takes.items() if kind is LabelMap][:1]
    if strange or sum(kind is LabelMap for kind in row.inputs.values()) > 1:
        raise UsageError(f"{row.name} works on {', '.join(takes)}: write a recipe and use prosector run")
    if labels == "labels" and not drawn and Centerlines not in row.inputs.values():
        raise UsageError(f"{row.name} takes no labels")
    if not labels and any(kind is LabelMap for kind in row.inputs.values()):
        raise UsageError(f"{row.name} works on labels: give --labels FILE")
    volumes = [name for name, kind in row.inputs.items() if kind is Volume]
    volumes += ["volume"] if row.optional.get("volume") is Volume else []
    return dict.fromkeys(volumes, SOURCE) | ({drawn[0]: labels} if labels and drawn else {})


def with_labels(recipe: Recipe) -> Recipe:
    """The recipe whose last step also takes ``--labels``."""
    *before, last = recipe.steps
    last = replace(last, inputs={**last.inputs, "labels": "labels"})
    return replace(recipe, steps=(*before, last), inputs={"labels": "LabelMap"})


def load_given(labels: GivenLabels | None, volume: Volume) -> dict[str, Value]:
    """What ``--labels`` gives, on the volume's grid."""
    from prosector.pipeline.source import read_labels

    return {} if labels is None else {"labels": read_labels(labels.path, volume, names=labels.names)}


def answered(recipe: Recipe, pairs: tuple[str, ...]) -> Recipe:
    """A recipe with ``--set STEP.PARAMETER=VALUE`` put in.

    Raises
    ------
    RecipeError
        If it has no such step.
    ParameterError
        If the step's operation has no such parameter, or the value does not fit.
    """
    from prosector.pipeline.operations import operation
    from prosector.pipeline.recipes import answer

    rows = {step.id: operation(step.operation) for step in recipe.steps}
    answers: dict[str, Any] = {}
    for key, text in split_pairs(pairs).items():
        step, _, parameter = key.rpartition(".")
        row = rows.get(step)
        answers[key] = settings_of(row, (f"{parameter}={text}",))[parameter] if row else text
    return answer(recipe, answers)
