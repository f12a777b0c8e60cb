"""``prosector demo``: the main job on the embedded sample."""

from __future__ import annotations

from pathlib import Path

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, progress_bar
from prosector.cli.run import run_into

RECIPE = "bone-ct"


@click.command()
@click.option("--out", type=PATH, default=Path("demo_output"), show_default=True, metavar="FOLDER")
def command(out: Path) -> None:
    """Load the embedded pelvis phantom, segment its bone, render it, and write the draft report."""
    from prosector.datasets.sample import sample_folder
    from prosector.dicom.read import read_series
    from prosector.pipeline.recipes import builtin

    recipe = builtin(RECIPE)
    require_writable(out / "report.html")
    with progress_bar() as progress:
        volume = read_series(sample_folder(), progress=progress)
        written = run_into(volume, recipe, out, progress)
    _tell(written, out)


def _tell(written: tuple[Path, ...], out: Path) -> None:
    kinds = {
        ".png": "pictures (six views each of MIP, volume rendering and shaded surface)",
        ".dcm": "DICOM objects (Secondary Capture, Segmentation)",
        ".gz": "label map for research tools",
        ".stl": "bone surface for planning and printing, LPS mm",
        ".json": "trace and report as data",
        ".html": "the draft report: open this first",
    }
    click.echo(f"Made from the embedded sample, in {out}:")
    for ending, what in kinds.items():
        files = [p for p in written if p.suffix == ending]
        names = files[0].name if len(files) == 1 else f"{len(files)} files *{ending}"
        click.echo(f"  {names:20} {what}")
    click.echo("Made without a physician's supervision: not a complete 76377 record, and not for diagnosis.")
