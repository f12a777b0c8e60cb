"""``prosector cine``: a film of a series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, Chosen, asked_on_the_command_line, progress_bar, size_of, source_options, told
from prosector.cli.given import GivenLabels, given_option, load_given, settings_of, with_labels
from prosector.cli.render import patient_steps
from prosector.model.camera import VIEWS
from prosector.model.cine import MOTIONS
from prosector.model.recipe import SOURCE, Output, Recipe, Step
from prosector.pipeline.operations import METHODS, operation


@click.command()
@source_options
@click.option("--method", type=click.Choice(METHODS), required=True, help="How to project or render.")
@click.option("--preset", metavar="NAME", help="Named look; by default the one for modality and method.")
@click.option("--motion", type=click.Choice(MOTIONS), default="rotate", show_default=True,
              help="Once around an axis, to and fro about it, or a slab that moves along it.")  # fmt: skip
@click.option("--frames", type=int, default=36, show_default=True, help="Number of frames.")
@click.option("--fps", type=float, default=12.0, show_default=True, help="Frames per second.")
@click.option("--axis", metavar="AXIS", help="long, left-right, front-back, view, up, or three numbers (towards left, "
              "back, head) such as 0,0.2,1. By default the long axis; for a sweep the viewing direction.")  # fmt: skip
@click.option("--turn", type=float, help="Degrees: of a rotation (default 360), or to either side (30).")
@click.option("--slab", type=float, metavar="MM", help="Thickness of the slab of a sweep (default 20).")
@click.option("--view", type=click.Choice(tuple(VIEWS)), default="anterior", show_default=True, help="First view.")
@click.option("--zoom", type=float, default=1.0, help="Above 1 shows less, enlarged.")
@click.option("--size", metavar="WxH", default="512x512", callback=size_of, show_default=True)
@click.option("--remove-table", is_flag=True, help="Show the patient only.")
@given_option
@click.option("--bare", is_flag=True, help="No letters, scale bar or captions.")
@click.option("--banner", is_flag=True, help="Draw the patient's name and ID into every frame.")
@click.option("--out", type=PATH, required=True, metavar="FILE",
              help=".mp4, .gif, .dcm (Multi-frame Secondary Capture), or .frames for a folder of PNG.")  # fmt: skip
def command(chosen: Chosen, remove_table: bool, labels: GivenLabels | None, out: Path, **options: Any) -> None:
    """Film the series under PATH: turning, rocking, or slab by slab."""
    from prosector.pipeline.export import check_outputs, write_outputs
    from prosector.pipeline.run import check_recipe, run

    if remove_table and labels is not None:
        raise click.UsageError("give --labels or --remove-table, not both")
    before, inputs = patient_steps(options["method"]) if remove_table else ((), {"volume": SOURCE})
    recipe = _recipe(options, before, inputs, out.name)
    if labels is not None:
        recipe = with_labels(recipe)
    with asked_on_the_command_line():
        check_recipe(recipe)
        check_outputs(recipe)
    # a folder of frames may be there already, to be replaced
    require_writable(out / "frame.png" if out.suffix == ".frames" else out)
    with progress_bar() as progress:
        volume = chosen.load(progress)
        with asked_on_the_command_line():
            result = run(volume, recipe, progress, load_given(labels, volume))
        written = write_outputs(result, out.parent, progress)
    told(written)


def _recipe(options: dict[str, Any], before: tuple[Step, ...], inputs: dict[str, str], file: str) -> Recipe:
    method = options["method"]
    width, height = options["size"]
    parameters = {
        "view": options["view"],
        "zoom": options["zoom"],
        "width": width,
        "height": height,
        "preset": options["preset"],
        "annotate": not options["bare"],
        "banner": options["banner"],
        "motion": options["motion"],
        "frames": options["frames"],
        "frames_per_second": options["fps"],
        "axis": options["axis"],
        "turn_deg": options["turn"],
        "slab_mm": options["slab"],
    }
    parameters |= settings_of(operation(f"cine-{method}"), options["pairs"])
    film = Step("cine", f"cine-{method}", inputs, parameters)
    return Recipe(f"{method} cine", "", (*before, film), (Output("cine", file),))
