"""``prosector run``: a whole recipe, with the draft report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, Chosen, progress_bar, source_options, told
from prosector.cli.given import GivenLabels, answered, given_option, load_given
from prosector.pipeline.run import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prosector.model.progress import Progress
    from prosector.model.recipe import Recipe
    from prosector.model.volume import Volume
    from prosector.pipeline.operation import Value


@click.command()
@source_options
@click.option("--recipe", required=True, metavar="NAME|FILE", help="A built-in recipe or a JSON file.")
@given_option
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="Where everything goes.")
def command(chosen: Chosen, recipe: str, labels: GivenLabels | None, pairs: tuple[str, ...], out: Path) -> None:
    """Run a recipe on the series under PATH and write all that it names, trace.json and the draft report.

    What a recipe asks for is given by --set STEP.PARAMETER=VALUE.
    """
    from prosector.pipeline.export import check_outputs
    from prosector.pipeline.recipes import read_recipe
    from prosector.pipeline.run import check_recipe

    parsed = answered(read_recipe(recipe), pairs)
    check_recipe(parsed)
    check_outputs(parsed)
    require_writable(out / "report.html")
    with progress_bar() as progress:
        volume = chosen.load(progress)
        written = run_into(volume, parsed, out, progress, load_given(labels, volume))
    told(written)


def run_into(
    volume: Volume, recipe: Recipe, folder: Path, progress: Progress, given: Mapping[str, Value] = NOTHING
) -> tuple[Path, ...]:
    """Run a recipe; write its outputs, its trace and the draft report."""
    import json

    from prosector.atomic import write_text
    from prosector.pipeline.export import without_dicom, write_outputs
    from prosector.pipeline.recipes import trace_to_json
    from prosector.pipeline.run import run
    from prosector.report.compose import report_of_result
    from prosector.report.html import write_report_html
    from prosector.report.json import write_report_json
    from prosector.report.pictures import pictures_of_result

    recipe, left_out = without_dicom(recipe, volume)
    if left_out:
        click.echo(f"note: the source is no DICOM, so these are not written: {', '.join(left_out)}", err=True)
    result = run(volume, recipe, progress, given)
    written = write_outputs(result, folder, progress)
    trace, json_report, html_report = (folder / name for name in ("trace.json", "report.json", "report.html"))
    write_text(trace, json.dumps(trace_to_json(result.trace), indent=2) + "\n")
    report = report_of_result(result)
    write_report_json(json_report, report)
    write_report_html(html_report, report, pictures_of_result(result.values, report))
    return (*written, trace, json_report, html_report)
