"""Running a recipe: values and the trace of how they came about."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, get_args

from prosector._version import __version__
from prosector.errors import ParameterError, ProsectorError, RecipeError, UnknownNameError
from prosector.model.digest import digest
from prosector.model.labels import LabelMap
from prosector.model.progress import Progress, silent
from prosector.model.recipe import SOURCE, Recipe, Step, Trace, TraceStep
from prosector.model.volume import Volume
from prosector.pipeline.operation import Operation, Value
from prosector.pipeline.operations import OPERATIONS, operation
from prosector.pipeline.parameters import complete
from prosector.pipeline.recipes import SUPERVISED, recipe_of

NOTHING: Mapping[str, Value] = MappingProxyType({})

TRACED_PACKAGES = ("numba", "numpy", "pillow", "pydicom", "scikit-image", "scipy", "vtk")
"""Packages whose versions can change what comes out."""


@dataclass(frozen=True)
class Result:
    """What a recipe made: values by step id, and the trace."""

    source: Volume
    values: Mapping[str, Value]
    trace: Trace


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A step of a trace that came out different when it was run again."""

    step: str
    expected_sha256: str
    found_sha256: str


def run(
    volume: Volume,
    recipe: Recipe,
    progress: Progress = silent,
    given: Mapping[str, Value] = NOTHING,
    supervised: bool = False,
) -> Result:
    """Run a recipe on a volume.

    Parameters
    ----------
    volume : Volume
        Steps refer to it as ``source``.
    recipe : Recipe
    progress : callable
        Called with the step's id and the fraction of steps done; may raise to interrupt.
    given : mapping of name to value
        What the recipe takes besides the volume (``recipe.inputs``), such as labels drawn elsewhere.
    supervised : bool
        Whether a physician's session is open: for :mod:`prosector.case` to say. Pictures are marked otherwise.

    Raises
    ------
    RecipeError
        Before anything is computed, where steps, inputs, parameters or outputs do not fit together.
    """
    check_recipe(recipe)
    _check_given(recipe, given, volume)
    values: dict[str, Value] = {SOURCE: volume, **given}
    hashes = {name: digest(value) for name, value in values.items()}
    traced = []
    started = datetime.now(UTC).isoformat(timespec="seconds")
    for n, step in enumerate(recipe.steps):
        progress(step.id, n / len(recipe.steps))
        within = _within(progress, step.id, n, len(recipe.steps))
        traced.append(_run_step(step, values, hashes, within, supervised))
    progress("done", 1.0)
    made = {step.id: values[step.id] for step in recipe.steps}
    trace = Trace(
        recipe=recipe.name,
        source_sha256=hashes[SOURCE],
        source_series_uid=volume.source.series_instance_uid,
        steps=tuple(traced),
        outputs=recipe.outputs,
        versions=_versions(),
        machine=_machine(),
        started_utc=started,
        inputs={name: (type(value).__name__, hashes[name]) for name, value in given.items()},
        supervised=supervised,
    )
    return Result(volume, MappingProxyType(made), trace)


def run_operation(name: str, inputs: Mapping[str, Value], /, **parameters: Any) -> Value:
    """Run one operation outside a recipe, with the same checks.

    Parameters
    ----------
    name : str
        A row of OPERATIONS.
    inputs : mapping
        Input name to value, as the row lists them.
    **parameters
        As the row lists them.
    """
    row = operation(name)
    for key, kind in row.inputs.items():
        if not isinstance(inputs.get(key), kind):
            raise RecipeError(f"operation {name!r} needs input {key!r}: a {kind.__name__}")
    for key, value in inputs.items():
        if key in row.optional and not isinstance(value, row.optional[key]):
            raise RecipeError(f"operation {name!r} takes as input {key!r} a {row.optional[key].__name__}")
        if key not in row.inputs and key not in row.optional:
            raise RecipeError(f"operation {name!r} has no input {key!r}")
    _require_unmarked(parameters)
    settings = row.settle(inputs, complete(name, row.parameters, parameters))
    return row.call(inputs, settings)


def replay(
    volume: Volume, trace: Trace, progress: Progress = silent, given: Mapping[str, Value] = NOTHING
) -> tuple[Mismatch, ...]:
    """Run a trace again, on the values that it was given, and compare every step's output by its sha256.

    Returns
    -------
    tuple of Mismatch
        Empty where everything came out the same; the source (as ``source``) and given values that differ are listed
        without running anything.
    """
    expected = {SOURCE: trace.source_sha256, **{name: sha256 for name, (_, sha256) in trace.inputs.items()}}
    found = {name: digest(value) for name, value in {SOURCE: volume, **given}.items()}
    other = [
        Mismatch(name, sha256, found[name]) for name, sha256 in expected.items() if found.get(name, sha256) != sha256
    ]
    if other:
        return tuple(other)
    again = run(volume, recipe_of(trace), progress, given, trace.supervised).trace.steps
    return tuple(
        Mismatch(old.id, old.output_sha256, new.output_sha256)
        for old, new in zip(trace.steps, again, strict=True)
        if old.output_sha256 != new.output_sha256
    )


def check_recipe(recipe: Recipe) -> None:
    """Raise RecipeError unless every step, input, parameter and output fits."""
    kinds: dict[str, type] = {SOURCE: Volume, **_kinds_given(recipe)}
    for question in recipe.questions:
        example = json.dumps(question.example)
        raise RecipeError(
            f"recipe {recipe.name!r} asks for {question.key}: {question.help}, such as --set {question.key}={example}"
        )
    if not recipe.steps:
        raise RecipeError(f"recipe {recipe.name!r} has no steps")
    for step in recipe.steps:
        if step.id in kinds:
            raise RecipeError(f"two steps are called {step.id!r}, or it is the name of an input")
        try:
            row = operation(step.operation)
            complete(row.name, row.parameters, step.parameters)
            _require_unmarked(step.parameters)
        except ProsectorError as error:
            raise RecipeError(f"step {step.id!r}: {error}") from error
        _check_inputs(step, row, kinds)
        kinds[step.id] = row.output
    for output in recipe.outputs:
        if output.step not in kinds:
            raise RecipeError(f"output {output.file!r} names step {output.step!r}, which is not there")


def _require_unmarked(parameters: Mapping[str, Any]) -> None:
    if parameters.get(SUPERVISED):
        raise ParameterError(f"{SUPERVISED!r} is set by a case in which a physician's session is open, by nothing else")


def _kinds_given(recipe: Recipe) -> dict[str, type]:
    """Kinds of the values that a recipe takes besides the volume."""
    known = {kind.__name__: kind for kind in get_args(Value)}
    for name, kind in recipe.inputs.items():
        if kind not in known or name == SOURCE:
            raise RecipeError(f"input {name!r} of recipe {recipe.name!r} is one of {', '.join(known)}; found {kind!r}")
    return {name: known[kind] for name, kind in recipe.inputs.items()}


def _check_given(recipe: Recipe, given: Mapping[str, Value], volume: Volume) -> None:
    """Raise RecipeError unless exactly what the recipe takes is given, GeometryError for labels of another grid."""
    if set(given) != set(recipe.inputs):
        raise RecipeError(f"recipe {recipe.name!r} takes inputs {sorted(recipe.inputs)}; given were {sorted(given)}")
    for name, kind in recipe.inputs.items():
        value = given[name]
        if type(value).__name__ != kind:
            raise RecipeError(f"input {name!r} of recipe {recipe.name!r} is a {kind}; found {type(value).__name__}")
        if isinstance(value, (Volume, LabelMap)):
            volume.geometry.require_same(value.geometry, f"input {name!r}")


def _check_inputs(step: Step, row: Operation, kinds: Mapping[str, type]) -> None:
    """Raise RecipeError unless a step has every input it needs, and each is of the right kind."""
    takes = {**row.inputs, **row.optional}
    if not set(row.inputs) <= set(step.inputs) <= set(takes):
        more = f", and may have {sorted(row.optional)}" if row.optional else ""
        raise RecipeError(f"step {step.id!r} needs inputs {sorted(row.inputs)}{more}; found {sorted(step.inputs)}")
    for name, source in step.inputs.items():
        if source not in kinds:
            raise RecipeError(f"step {step.id!r}: input {name!r} names {source!r}, which no earlier step makes")
        if kinds[source] is not takes[name]:
            raise RecipeError(
                f"step {step.id!r}: input {name!r} takes a {takes[name].__name__}; "
                f"{source!r} is a {kinds[source].__name__}"
            )


def _within(progress: Progress, step_id: str, number: int, count: int) -> Progress:
    """Progress inside one of ``count`` steps."""
    return lambda what, fraction: progress(f"{step_id}: {what}", (number + fraction) / count)


def _run_step(
    step: Step, values: dict[str, Value], hashes: dict[str, str], progress: Progress, supervised: bool
) -> TraceStep:
    row = OPERATIONS[step.operation]
    inputs = {name: values[source] for name, source in step.inputs.items()}
    started = time.perf_counter()
    try:
        completed = complete(row.name, row.parameters, step.parameters)
        completed |= {SUPERVISED: supervised} if SUPERVISED in completed else {}
        settings = row.settle(inputs, completed)
    except UnknownNameError as error:
        raise RecipeError(f"step {step.id!r}: {error}") from error
    value = row.call(inputs, settings, progress)
    seconds = round(time.perf_counter() - started, 3)
    values[step.id] = value
    hashes[step.id] = digest(value)
    return TraceStep(
        id=step.id,
        operation=row.name,
        inputs={name: (source, hashes[source]) for name, source in step.inputs.items()},
        parameters=settings,
        output_kind=type(value).__name__,
        output_sha256=hashes[step.id],
        seconds=seconds,
    )


def _machine() -> dict[str, str | int]:
    from prosector.kernels._jit import thread_count

    return {"cpu": platform.machine(), "system": platform.system(), "threads": thread_count()}


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in TRACED_PACKAGES}
    return {"prosector": __version__, "python": platform.python_version(), **found}
