"""``prosector segment``: one structure as a label map."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, Chosen, asked_on_the_command_line, progress_bar, source_options
from prosector.cli.given import GivenLabels, given_option, load_given, recipe_for
from prosector.pipeline.operations import TARGETS


@click.command()
@source_options
@click.option("--target", type=click.Choice(TARGETS), required=True, help="What to delineate.")
@given_option
@click.option("--out", type=PATH, required=True, metavar="FILE", help=".nii.gz, .seg.nrrd, or .dcm for DICOM SEG.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    chosen: Chosen, target: str, labels: GivenLabels | None, pairs: tuple[str, ...], out: Path, as_json: bool
) -> None:
    """Delineate a structure in the series under PATH and write it as a label map.

    What each target takes by --set is shown by: prosector operations segment-TARGET.
    """
    from prosector.model.labels import LabelMap
    from prosector.pipeline.export import check_outputs, write_outputs
    from prosector.pipeline.operations import operation
    from prosector.pipeline.run import check_recipe, run

    row = operation(f"segment-{target}")
    recipe = recipe_for(row, pairs, labels is not None, (out.name,))
    with asked_on_the_command_line():
        check_recipe(recipe)
        check_outputs(recipe)
    require_writable(out)
    with progress_bar() as progress:
        volume = chosen.load(progress)
        result = run(volume, recipe, progress, load_given(labels, volume))
        (written,) = write_outputs(result, out.parent, progress)
    found = result.values[row.name]
    assert isinstance(found, LabelMap)
    _tell(written, found.volumes_mm3(), as_json)


def _tell(written: Path, volumes_mm3: dict[str, float], as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {"file": str(written), "volumes_mm3": volumes_mm3}
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(str(written))
    for name, mm3 in volumes_mm3.items():
        click.echo(f"{name}: {mm3 / 1000:.1f} ml")
