"""``prosector segment``: one structure as a label map."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, Chosen, progress_bar, source_options
from prosector.model.recipe import SOURCE, Output, Recipe, Step
from prosector.pipeline.operations import TARGETS


@click.command()
@source_options
@click.option("--target", type=click.Choice(TARGETS), required=True, help="What to delineate.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help=".nii.gz, or .dcm for a DICOM Segmentation.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(chosen: Chosen, target: str, out: Path, as_json: bool) -> None:
    """Delineate a structure in the series under PATH and write it as a label map."""
    from prosector.model.labels import LabelMap
    from prosector.pipeline.export import check_outputs, write_outputs
    from prosector.pipeline.run import run

    step = Step(target, f"segment-{target}", {"volume": SOURCE})
    recipe = Recipe(f"{target} segmentation", "", (step,), (Output(target, out.name),))
    check_outputs(recipe)
    require_writable(out)
    with progress_bar() as progress:
        volume = chosen.load(progress)
        result = run(volume, recipe, progress)
        (written,) = write_outputs(result, out.parent, progress)
    labels = result.values[target]
    assert isinstance(labels, LabelMap)
    _tell(written, labels.volumes_mm3(), as_json)


def _tell(written: Path, volumes_mm3: dict[str, float], as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {"file": str(written), "volumes_mm3": volumes_mm3}
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(str(written))
    for name, mm3 in volumes_mm3.items():
        click.echo(f"{name}: {mm3 / 1000:.1f} ml")
