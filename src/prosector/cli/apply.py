"""``prosector apply``: any single operation."""

from __future__ import annotations

import json
from pathlib import Path

import click

from prosector.atomic import require_writable, write_text
from prosector.cli.console import PATH, Chosen, asked_on_the_command_line, progress_bar, source_options, told
from prosector.cli.given import GivenLabels, given_option, load_given, recipe_for


@click.command()
@click.argument("operation_name", metavar="OPERATION")
@source_options
@given_option
@click.option("--trace", type=PATH, metavar="FILE", help="Also write what was done, as JSON that can be run again.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help="Its ending says the format.")
def command(
    operation_name: str,
    chosen: Chosen,
    labels: GivenLabels | None,
    pairs: tuple[str, ...],
    trace: Path | None,
    out: Path,
) -> None:
    """Do one OPERATION (see prosector operations) on the series under PATH and write what it makes."""
    from prosector.pipeline.export import check_outputs, write_outputs
    from prosector.pipeline.operations import operation
    from prosector.pipeline.recipes import trace_to_json
    from prosector.pipeline.run import check_recipe, run

    row = operation(operation_name)
    recipe = recipe_for(row, pairs, labels is not None, (out.name,))
    with asked_on_the_command_line():
        check_recipe(recipe)
        check_outputs(recipe)
    require_writable(out)
    with progress_bar() as progress:
        volume = chosen.load(progress)
        result = run(volume, recipe, progress, load_given(labels, volume))
        written = write_outputs(result, out.parent, progress)
    if trace is not None:
        write_text(trace, json.dumps(trace_to_json(result.trace), indent=2) + "\n")
    told(written if trace is None else (*written, trace))
