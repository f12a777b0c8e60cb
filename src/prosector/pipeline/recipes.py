"""Recipes as JSON: the built-in ones, and reading and writing them.

A step may carry ``"for_each": {"view": ["anterior", "left"]}``: it is repeated with that parameter set to each
value in turn, and ``{view}`` in its id, and in the output's file name, stands for the value.

A recipe may ask for what only the user knows: ``"questions": [{"step": "lesion", "parameter": "seeds_lps", "help": "a
point in the lesion", "example": [0, 0, 0]}]``. :func:`answer` fills it in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from prosector.errors import RecipeError, UnknownNameError
from prosector.model.recipe import Json, Output, Question, Recipe, Step, Trace, TraceStep

_FOLDER = "recipes"

SUPERVISED = "supervised"
"""The parameter that no recipe sets: whether a physician's session was open."""


def builtin_names() -> tuple[str, ...]:
    """Names of the built-in recipes."""
    found = files("prosector.pipeline").joinpath(_FOLDER).iterdir()
    return tuple(sorted(f.name.removesuffix(".json") for f in found if f.name.endswith(".json")))


def builtin(name: str) -> Recipe:
    """Return a built-in recipe, or raise UnknownNameError."""
    if name not in builtin_names():
        raise UnknownNameError("recipe", name, builtin_names())
    text = files("prosector.pipeline").joinpath(_FOLDER, f"{name}.json").read_text(encoding="utf-8")
    return parse_recipe(json.loads(text))


def read_recipe(name_or_path: str) -> Recipe:
    """A built-in recipe by name, or one from a JSON file.

    Raises
    ------
    UnknownNameError
        If it is neither.
    RecipeError
        If the file is not a recipe.
    """
    path = Path(name_or_path)
    if name_or_path in builtin_names():
        return builtin(name_or_path)
    if not path.is_file():
        raise UnknownNameError("recipe (no such file either)", name_or_path, builtin_names())
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RecipeError(f"{path.name} is not JSON: {error}") from error
    return parse_recipe(data)


def parse_recipe(data: Any) -> Recipe:
    """Build a recipe from its JSON form; RecipeError says what is wrong."""
    top = _fields(
        data,
        "the recipe",
        {"name": str, "steps": list},
        {"description": str, "outputs": list, "inputs": dict, "questions": list},
    )
    steps: list[Step] = []
    outputs: list[Output] = []
    names: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for entry in top["steps"]:
        for step, words in _expanded(entry):
            steps.append(step)
            names.setdefault(entry["id"], []).append((step.id, words))
    for entry in top.get("outputs", []):
        row = _fields(entry, "an output", {"step": str, "file": str}, {})
        for step_id, words in names.get(row["step"], [(row["step"], {})]):
            outputs.append(Output(step_id, _safe_name(_filled(row["file"], words))))
    questions = tuple(_question(entry) for entry in top.get("questions", []))
    return Recipe(
        top["name"], top.get("description", ""), tuple(steps), tuple(outputs), top.get("inputs", {}), questions
    )


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """The JSON form of a recipe."""
    return {
        "name": recipe.name,
        "description": recipe.description,
        "inputs": dict(recipe.inputs),
        "steps": [
            {"id": s.id, "operation": s.operation, "inputs": dict(s.inputs), "parameters": dict(s.parameters)}
            for s in recipe.steps
        ],
        "outputs": [{"step": o.step, "file": o.file} for o in recipe.outputs],
        "questions": [
            {"step": q.step, "parameter": q.parameter, "help": q.help, "example": q.example} for q in recipe.questions
        ],
    }


def answer(recipe: Recipe, answers: Mapping[str, Json]) -> Recipe:
    """Set parameters of a recipe's steps: ``{"step.parameter": value}``; what was asked for is asked no more.

    Raises
    ------
    RecipeError
        If there is no such step. Whether the parameter and its value fit is for :func:`check_recipe` to say.
    """
    given: dict[str, dict[str, Json]] = {}
    for key, value in answers.items():
        step_id, _, parameter = key.rpartition(".")
        given.setdefault(step_id, {})[parameter] = value
    strange = sorted(set(given) - {s.id for s in recipe.steps})
    if strange:
        there = ", ".join(s.id for s in recipe.steps)
        raise RecipeError(f"recipe {recipe.name!r} has no step {strange[0]!r}; it has: {there}")
    steps = tuple(replace(s, parameters={**s.parameters, **given.get(s.id, {})}) for s in recipe.steps)
    return replace(recipe, steps=steps, questions=tuple(q for q in recipe.questions if q.key not in answers))


def trace_to_json(trace: Trace) -> dict[str, Any]:
    """The JSON form of a trace."""
    return {
        "recipe": trace.recipe,
        "source": {"series_uid": trace.source_series_uid, "sha256": trace.source_sha256},
        "started_utc": trace.started_utc,
        "versions": dict(trace.versions),
        "machine": dict(trace.machine),
        "supervised": trace.supervised,
        "inputs": {name: {"kind": kind, "sha256": sha256} for name, (kind, sha256) in trace.inputs.items()},
        "steps": [
            {
                "id": s.id,
                "operation": s.operation,
                "inputs": {k: {"id": i, "sha256": h} for k, (i, h) in s.inputs.items()},
                "parameters": dict(s.parameters),
                "output": {"kind": s.output_kind, "sha256": s.output_sha256},
                "seconds": s.seconds,
            }
            for s in trace.steps
        ],
        "outputs": [{"step": o.step, "file": o.file} for o in trace.outputs],
    }


def parse_trace(data: Any) -> Trace:
    """Build a trace from its JSON form; RecipeError says what is wrong."""
    try:
        steps = tuple(
            TraceStep(
                s["id"],
                s["operation"],
                {k: (v["id"], v["sha256"]) for k, v in s["inputs"].items()},
                s["parameters"],
                s["output"]["kind"],
                s["output"]["sha256"],
                float(s["seconds"]),
            )
            for s in data["steps"]
        )
        outputs = tuple(Output(o["step"], _safe_name(o["file"])) for o in data["outputs"])
        source = data["source"]
        return Trace(
            data["recipe"], source["sha256"], source["series_uid"], steps, outputs,
            data["versions"], data["machine"], data["started_utc"],
            {name: (v["kind"], v["sha256"]) for name, v in data.get("inputs", {}).items()},
            bool(data.get("supervised", False)),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecipeError(f"this is no trace: {type(error).__name__} at {error}") from error


def recipe_of(trace: Trace) -> Recipe:
    """The recipe that runs a trace again, with every parameter as it was; the mark of supervision is the run's."""
    steps = tuple(
        Step(s.id, s.operation, {k: i for k, (i, _) in s.inputs.items()}, _unmarked(s.parameters)) for s in trace.steps
    )
    inputs = {name: kind for name, (kind, _) in trace.inputs.items()}
    return Recipe(trace.recipe, "", steps, trace.outputs, inputs)


def _unmarked(parameters: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in parameters.items() if name != SUPERVISED}


def _expanded(entry: Any) -> Iterator[tuple[Step, dict[str, str]]]:
    optional = {"inputs": dict, "parameters": dict, "for_each": dict}
    row = _fields(entry, "a step", {"id": str, "operation": str}, optional)
    inputs, parameters = row.get("inputs", {}), row.get("parameters", {})
    each = row.get("for_each", {})
    if not each:
        yield Step(row["id"], row["operation"], inputs, parameters), {}
        return
    if len(each) != 1 or not isinstance(next(iter(each.values())), list):
        raise RecipeError(f"step {row['id']!r}: for_each holds one parameter and a list of its values")
    name, values = next(iter(each.items()))
    for value in values:
        words = {name: str(value)}
        yield Step(_filled(row["id"], words), row["operation"], inputs, {**parameters, name: value}), words


def _question(entry: Any) -> Question:
    row = _fields(entry, "a question", {"step": str, "parameter": str, "help": str}, {"example": object})
    return Question(row["step"], row["parameter"], row["help"], row.get("example"))


def _filled(text: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _safe_name(file: str) -> str:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not path.name or "\\" in file or "\0" in file:
        raise RecipeError(f"output file {file!r} must be a relative path inside the output folder")
    return str(path)


def _fields(data: Any, what: str, required: Mapping[str, type], optional: Mapping[str, type]) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise RecipeError(f"{what} is a JSON object; found {type(data).__name__}")
    for name, kind in required.items():
        if not isinstance(data.get(name), kind):
            raise RecipeError(f"{what} needs {name!r} ({kind.__name__})")
    strange = sorted(set(data) - set(required) - set(optional))
    if strange:
        raise RecipeError(f"{what} has no field {strange[0]!r}; it has: {', '.join([*required, *optional])}")
    for name, kind in optional.items():
        if name in data and not isinstance(data[name], kind):
            raise RecipeError(f"{what}: {name!r} is a {kind.__name__}")
    return dict(data)
