"""Running a recipe: values and the trace of how they came about."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from prosector._version import __version__
from prosector.errors import ProsectorError, RecipeError, UnknownNameError
from prosector.model.digest import digest
from prosector.model.progress import Progress, silent
from prosector.model.recipe import SOURCE, Recipe, Step, Trace, TraceStep
from prosector.model.volume import Volume
from prosector.pipeline.operation import Operation, Value
from prosector.pipeline.operations import OPERATIONS, operation
from prosector.pipeline.parameters import complete
from prosector.pipeline.recipes import recipe_of

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


def run(volume: Volume, recipe: Recipe, progress: Progress = silent) -> Result:
    """Run a recipe on a volume.

    Parameters
    ----------
    volume : Volume
        Steps refer to it as ``source``.
    recipe : Recipe
    progress : callable
        Called with the step's id and the fraction of steps done; may raise to interrupt.

    Raises
    ------
    RecipeError
        Before anything is computed, where steps, inputs, parameters or outputs do not fit together.
    """
    check_recipe(recipe)
    values: dict[str, Value] = {SOURCE: volume}
    hashes = {SOURCE: digest(volume)}
    traced = []
    started = datetime.now(UTC).isoformat(timespec="seconds")
    for n, step in enumerate(recipe.steps):
        progress(step.id, n / len(recipe.steps))
        traced.append(_run_step(step, values, hashes, _within(progress, step.id, n, len(recipe.steps))))
    progress("done", 1.0)
    del values[SOURCE]
    trace = Trace(
        recipe=recipe.name,
        source_sha256=hashes[SOURCE],
        source_series_uid=volume.source.series_instance_uid,
        steps=tuple(traced),
        outputs=recipe.outputs,
        versions=_versions(),
        machine=_machine(),
        started_utc=started,
    )
    return Result(volume, MappingProxyType(values), trace)


def run_operation(name: str, inputs: Mapping[str, Value], **parameters: Any) -> Value:
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
    settings = row.settle(inputs, complete(name, row.parameters, parameters))
    return row.call(inputs, settings)


def replay(volume: Volume, trace: Trace, progress: Progress = silent) -> tuple[Mismatch, ...]:
    """Run a trace again and compare every step's output by its sha256.

    Returns
    -------
    tuple of Mismatch
        Empty where everything came out the same; the source itself is listed as ``source`` if it differs.
    """
    found_source = digest(volume)
    if found_source != trace.source_sha256:
        return (Mismatch(SOURCE, trace.source_sha256, found_source),)
    again = run(volume, recipe_of(trace), progress).trace.steps
    return tuple(
        Mismatch(old.id, old.output_sha256, new.output_sha256)
        for old, new in zip(trace.steps, again, strict=True)
        if old.output_sha256 != new.output_sha256
    )


def check_recipe(recipe: Recipe) -> None:
    """Raise RecipeError unless every step, input, parameter and output fits."""
    kinds: dict[str, type] = {SOURCE: Volume}
    if not recipe.steps:
        raise RecipeError(f"recipe {recipe.name!r} has no steps")
    for step in recipe.steps:
        if step.id in kinds:
            raise RecipeError(f"two steps are called {step.id!r}, or one is called {SOURCE!r}")
        try:
            row = operation(step.operation)
            complete(row.name, row.parameters, step.parameters)
        except ProsectorError as error:
            raise RecipeError(f"step {step.id!r}: {error}") from error
        _check_inputs(step, row, kinds)
        kinds[step.id] = row.output
    for output in recipe.outputs:
        if output.step not in kinds:
            raise RecipeError(f"output {output.file!r} names step {output.step!r}, which is not there")


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


def _run_step(step: Step, values: dict[str, Value], hashes: dict[str, str], progress: Progress) -> TraceStep:
    row = OPERATIONS[step.operation]
    inputs = {name: values[source] for name, source in step.inputs.items()}
    started = time.perf_counter()
    try:
        settings = row.settle(inputs, complete(row.name, row.parameters, step.parameters))
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
