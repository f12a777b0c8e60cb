"""``prosector sheet``: six views on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, Chosen, asked_on_the_command_line, progress_bar, size_of, source_options, told
from prosector.cli.render import patient_steps
from prosector.model.recipe import SOURCE, Recipe, Step
from prosector.pipeline.operations import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command()
@source_options
@click.option("--method", type=click.Choice(METHODS), required=True, help="How to project or render.")
@click.option("--preset", metavar="NAME", help="Named look; by default the one for modality and method.")
@click.option("--zoom", type=float, default=1.0, help="Above 1 shows less, enlarged.")
@click.option("--size", metavar="WxH", default="512x512", callback=size_of, show_default=True, help="Of each view.")
@click.option("--remove-table", is_flag=True, help="Show the patient only.")
@click.option("--bare", is_flag=True, help="No letters, scale bar or captions.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help=".png")
def command(chosen: Chosen, out: Path, **options: Any) -> None:
    """Show the series under PATH from all six sides, at one scale, in one PNG."""
    from prosector.model.rendering import Rendering
    from prosector.pipeline.run import check_recipe, run
    from prosector.rendering.view_sheet import SHEET_VIEWS, sheet_zooms, write_view_sheet

    if out.suffix.lower() != ".png":
        raise click.UsageError(f"{out.name}: a sheet is written as .png")
    with asked_on_the_command_line():
        check_recipe(_recipe(options, dict.fromkeys(SHEET_VIEWS, options["zoom"])))
    require_writable(out)
    with progress_bar() as progress:
        volume = chosen.load(progress)
        zooms = sheet_zooms(volume.geometry, options["size"], options["zoom"])
        with asked_on_the_command_line():
            result = run(volume, _recipe(options, zooms), progress)
        made = [result.values[view] for view in SHEET_VIEWS]
        write_view_sheet(out, [value for value in made if isinstance(value, Rendering)])
    told((out,))


def _recipe(options: Mapping[str, Any], zooms: Mapping[str, float]) -> Recipe:
    before, inputs = patient_steps(options["method"]) if options["remove_table"] else ((), {"volume": SOURCE})
    width, height = options["size"]
    common = {"width": width, "height": height, "preset": options["preset"], "annotate": not options["bare"]}
    views = (
        Step(view, options["method"], inputs, {**common, "view": view, "zoom": zoom}) for view, zoom in zooms.items()
    )
    return Recipe(f"{options['method']} sheet", "", (*before, *views))
