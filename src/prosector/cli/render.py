"""``prosector render``: one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, Chosen, asked_on_the_command_line, progress_bar, size_of, source_options, told
from prosector.cli.given import GivenLabels, given_option, load_given, settings_of, with_labels
from prosector.model.camera import VIEWS
from prosector.model.recipe import SOURCE, Output, Recipe, Step
from prosector.pipeline.operations import METHODS, operation

SHADED = ("volume", "surface")

SKIN_MARGIN_MM = 1.5
"""Kept around the body, so that the skin's own ramp is not cut off."""


@click.command()
@source_options
@click.option("--method", type=click.Choice(METHODS), required=True, help="How to project or render.")
@click.option("--preset", metavar="NAME", help="Named look; by default the one for modality and method.")
@click.option("--view", type=click.Choice(tuple(VIEWS)), help="Named view (default: anterior).")
@click.option("--azimuth", type=float, help="Degrees around the long axis: 0 in front, 90 on the patient's left.")
@click.option("--elevation", type=float, help="Degrees above (+) or below the patient.")
@click.option("--roll", type=float, default=0.0, help="Turns the picture clockwise, degrees.")
@click.option("--zoom", type=float, default=1.0, help="Above 1 shows less, enlarged.")
@click.option("--size", metavar="WxH", default="1024x1024", callback=size_of, show_default=True)
@click.option("--level", type=float, help="Value of the surface (method surface).")
@click.option("--window", nargs=2, type=float, metavar="CENTER WIDTH", help="Window of a projection.")
@click.option("--threshold", type=float, help="Value from which on a local maximum is a vessel (method closest).")
@click.option("--perspective", type=float, metavar="DEG", help="Angle at the eye; by default the view is parallel.")
@click.option("--crop", nargs=6, type=float, metavar="L P H L P H", help="Crop box, low and high corner, LPS mm.")
@click.option(
    "--clip", nargs=6, type=float, multiple=True, metavar="L P H L P H", help="Plane: point, normal to what is kept."
)
@click.option("--slab", type=float, metavar="MM", help="Show only a slab this thick.")
@click.option("--slab-center", nargs=3, type=float, metavar="L P H", help="Point in the slab (default: the middle).")
@click.option("--slab-normal", nargs=3, type=float, metavar="L P H", help="Across the slab (default: the view).")
@click.option("--cinematic", is_flag=True, help="Ambient occlusion and soft shadows (method volume); slower.")
@click.option("--remove-table", is_flag=True, help="Show the patient only.")
@given_option
@click.option("--bare", is_flag=True, help="No letters, scale bar or captions.")
@click.option("--banner", is_flag=True, help="Draw the patient's name and ID into the picture.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help=".png, or .dcm for a Secondary Capture.")
def command(chosen: Chosen, remove_table: bool, labels: GivenLabels | None, out: Path, **options: Any) -> None:
    """Make one picture of the series under PATH."""
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
    require_writable(out)
    with progress_bar() as progress:
        volume = chosen.load(progress)
        result = run(volume, recipe, progress, load_given(labels, volume))
        written = write_outputs(result, out.parent, progress)
    told(written)


def _recipe(options: dict[str, Any], before: tuple[Step, ...], inputs: dict[str, str], file: str) -> Recipe:
    method = options["method"]
    if options["view"] and (options["azimuth"] is not None or options["elevation"] is not None):
        raise click.UsageError("give --view, or --azimuth and --elevation, not both")
    width, height = options["size"]
    parameters = {
        "view": options["view"],
        "azimuth_deg": options["azimuth"],
        "elevation_deg": options["elevation"],
        "roll_deg": options["roll"],
        "zoom": options["zoom"],
        "width": width,
        "height": height,
        "preset": options["preset"],
        "annotate": not options["bare"],
        "banner": options["banner"],
    }
    if options["level"] is not None:
        parameters["level"] = options["level"]
    if options["cinematic"]:
        parameters["cinematic"] = True
    if options["window"]:
        parameters["window_center"], parameters["window_width"] = options["window"]
    parameters |= _region(options)
    parameters |= settings_of(operation(method), options["pairs"])
    picture = Step("picture", method, inputs, parameters)
    return Recipe(f"{method} picture", "", (*before, picture), (Output("picture", file),))


def _region(options: dict[str, Any]) -> dict[str, Any]:
    """Parameters for what is shown, those that were given."""
    given = {
        "crop_lps": list(options["crop"] or ()),
        "clip_planes": [number for plane in options["clip"] for number in plane],
        "slab_thickness_mm": options["slab"],
        "slab_center_lps": list(options["slab_center"] or ()),
        "slab_normal_lps": list(options["slab_normal"] or ()),
        "view_angle_deg": options["perspective"],
        "threshold": options["threshold"],
    }
    return {name: value for name, value in given.items() if value not in (None, [])}


def patient_steps(method: str) -> tuple[tuple[Step, ...], dict[str, str]]:
    """Steps that leave the patient without the table, and the inputs of the picture that they give.

    A projection takes the body as labels: what lies around it is nothing, not air, which would be all that a
    minimum shows. Shaded pictures need the air, so that the skin has its own ramp.
    """
    body = Step("body", "segment-body", {"volume": SOURCE})
    inputs = {"volume": SOURCE, "labels": "body"}
    if method not in SHADED:
        return (body,), inputs
    return (body, Step("patient", "keep-inside", inputs, {"margin_mm": SKIN_MARGIN_MM})), {"volume": "patient"}
