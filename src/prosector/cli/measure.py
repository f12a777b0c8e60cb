"""``prosector measure``: numbers from points, labels or a recipe, each with its uncertainty and definition."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, Chosen, asked_on_the_command_line, progress_bar, source_options, told
from prosector.cli.given import GivenLabels, answered, given_option, load_given, recipe_for
from prosector.errors import ParameterError, UsageError
from prosector.model.measurement import UNIT_WORDS
from prosector.model.recipe import SOURCE, Recipe, Step
from prosector.pipeline.operations import OPERATIONS

if TYPE_CHECKING:
    from prosector.model.measurement import Measurement, Measurements

WHAT = tuple(name.removeprefix("measure-") for name in OPERATIONS if name.startswith("measure-"))
"""What can be measured: the operations called ``measure-…``."""


def _point(text: str) -> tuple[float, float, float]:
    """``x,y,z`` in LPS mm."""
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not x,y,z in millimetres (LPS), such as 12.5,-40,103") from None
    return x, y, z


Points = tuple[tuple[float, float, float], ...]


@click.command()
@source_options
@click.option("--distance", type=_point, nargs=2, multiple=True, metavar="X,Y,Z X,Y,Z", help="Between two points.")
@click.option(
    "--angle",
    type=_point,
    nargs=3,
    multiple=True,
    metavar="X,Y,Z X,Y,Z X,Y,Z",
    help="At the middle one of three points.",
)
@click.option(
    "--lines",
    type=_point,
    nargs=4,
    multiple=True,
    metavar="X,Y,Z X,Y,Z X,Y,Z X,Y,Z",
    help="Angle between two lines of two points each.",
)
@click.option(
    "--path",
    "along",
    type=_point,
    multiple=True,
    metavar="X,Y,Z",
    help="Length of a path; again for each of its points.",
)
@click.option(
    "--area", type=_point, multiple=True, metavar="X,Y,Z", help="Area of a polygon; again for each of its corners."
)
@click.option("--what", type=click.Choice(WHAT), help="What to measure (with --labels by itself: segments).")
@given_option
@click.option("--recipe", metavar="NAME|FILE", help="Run a recipe and show the measurements of its steps.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--csv", "csv_file", type=PATH, metavar="FILE", help="Also write a row for each measurement (.csv).")
@click.option("--plot", type=PATH, metavar="FILE", help="Also draw the curves, such as a histogram (.png or .svg).")
def command(
    chosen: Chosen, what: str | None, labels: GivenLabels | None, pairs: tuple[str, ...], recipe: str | None,
    as_json: bool, csv_file: Path | None, plot: Path | None, **points: Any,
) -> None:  # fmt: skip
    """Measure in the series under PATH: between points, on labels, or what a recipe measures.

    Points are x,y,z in patient coordinates (LPS, mm). What an operation takes by --set is shown by: prosector
    operations measure-WHAT. A vessel, stenosis or aneurysm is measured along its centreline, from start_lps to ends_lps
    or as a tree, in the labels or else in the vessels that are found by program.
    """
    from prosector.model.measurement import Measurements
    from prosector.pipeline.export import write_value
    from prosector.pipeline.run import check_recipe, run

    work = _asked(points, what, labels, pairs, recipe)
    with asked_on_the_command_line():
        check_recipe(work)
    files = _files(csv_file, plot)
    with progress_bar() as progress:
        volume = chosen.load(progress)
        result = run(volume, work, progress, load_given(labels, volume))
    found = _together([v for v in result.values.values() if isinstance(v, Measurements)])
    for file in files:
        write_value(file, found)
    if as_json:
        from prosector.exchange.measurements import measurements_to_json

        click.echo(json.dumps(measurements_to_json(found), indent=1, ensure_ascii=False))
        return
    _show(found)
    told(files)


def _asked(
    points: dict[str, Any], what: str | None, labels: GivenLabels | None, pairs: tuple[str, ...],
    recipe: str | None,
) -> Recipe:  # fmt: skip
    """The recipe that the options stand for."""
    steps = _point_steps(points)
    if sum((bool(steps), bool(recipe), what is not None or (labels is not None and not recipe))) != 1:
        raise UsageError(
            "say what to measure, in one way: by points (--distance, --angle, --lines, --path, --area), by --labels "
            "or --what, or by --recipe"
        )
    if recipe is not None:
        from prosector.pipeline.recipes import read_recipe

        return _measuring(answered(read_recipe(recipe), pairs))
    if steps:
        if pairs:
            raise UsageError("--set goes with --what, --labels or --recipe")
        return Recipe("measurements", "", tuple(steps), ())
    row = OPERATIONS[f"measure-{what or 'segments'}"]
    return recipe_for(row, pairs, labels is not None)


def _point_steps(points: dict[str, Any]) -> list[Step]:
    kinds = {"distance": "distance", "angle": "angle", "lines": "angle"}
    asked: list[tuple[str, Points]] = [(kind, each) for option, kind in kinds.items() for each in points[option]]
    whole = {"along": "path", "area": "area"}
    asked += [(kind, tuple(points[option])) for option, kind in whole.items() if points[option]]
    return [
        Step(f"{kind}-{n}", "measure-points", {"volume": SOURCE},
             {"kind": kind, "points_lps": [number for point in each for number in point]})
        for n, (kind, each) in enumerate(asked, 1)
    ]  # fmt: skip


def _measuring(recipe: Recipe) -> Recipe:
    """The recipe without its outputs, if it measures anything."""
    from dataclasses import replace

    from prosector.model.measurement import Measurements

    if not any(s.operation in OPERATIONS and OPERATIONS[s.operation].output is Measurements for s in recipe.steps):
        raise UsageError(f"recipe {recipe.name!r} has no step that measures; prosector run makes what it names")
    return replace(recipe, outputs=())


def _files(csv_file: Path | None, plot: Path | None) -> tuple[Path, ...]:
    for file, endings in ((csv_file, (".csv",)), (plot, (".png", ".svg"))):
        if file is not None and file.suffix.lower() not in endings:
            raise ParameterError(f"{file.name}: this file ends in {' or '.join(endings)}")
        if file is not None:
            require_writable(file)
    return tuple(file for file in (csv_file, plot) if file is not None)


def _together(found: list[Measurements]) -> Measurements:
    from prosector.model.measurement import Measurements

    return Measurements(
        tuple(item for m in found for item in m.items),
        tuple(curve for m in found for curve in m.curves),
        tuple(transform for m in found for transform in m.transforms),
        tuple(dict.fromkeys(warning for m in found for warning in m.warnings)),
    )


def _show(found: Measurements) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (("of", "left"), ("measurement", "left"), ("value", "right"), ("", "left"), ("unit", "left")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for m in found.items:
        unit = UNIT_WORDS.get(m.definition.unit, m.definition.unit)
        table.add_row(escape(m.of), escape(m.definition.name), *_number(m), escape(unit))
    console.print(table)
    for transform in found.transforms:
        console.print(f"\n{escape(transform.name)} of {escape(transform.of)} (4×4, LPS mm):")
        for row in transform.matrix:
            console.print("  ".join(f"{value:9.4f}" for value in row))
    for curve in found.curves:
        names = ", ".join(name for name, _ in curve.columns)
        console.print(f"[dim]curve[/] {escape(curve.name)} of {escape(curve.of)}: {len(curve.values)} rows of {names}")
    for text in dict.fromkeys(f"{m.definition.name}: {m.definition.text}" for m in found.items):
        console.print(f"[dim]{escape(text)}[/]")
    for warning in dict.fromkeys((*found.warnings, *(_of(m, w) for m in found.items for w in m.warnings))):
        console.print(f"[yellow]note[/] {escape(warning)}")


def _of(m: Measurement, warning: str) -> str:
    return f"{m.of}: {warning}" if m.of and not warning.startswith(tuple(m.of.split(" to "))) else warning


def _number(m: Measurement) -> tuple[str, str]:
    """Value and uncertainty to two digits of the uncertainty."""
    if not m.uncertainty:
        return f"{m.value:.6g}", ""
    digits = min(6, max(0, 1 - math.floor(math.log10(m.uncertainty))))
    return f"{m.value:.{digits}f}", f"± {m.uncertainty:.{digits}f}"
