"""``prosector phantom``: a computed scan of which every number is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from prosector.atomic import require_writable, write_text
from prosector.cli.console import PATH, progress_bar
from prosector.errors import ParameterError, UnknownNameError

SERIES, TRUTH, LABELS = "series", "truth.json", "truth.nii.gz"


def _numbers(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    """Parse ``name=value``."""
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER, such as diameter_mm=5")
    return found


@click.command()
@click.argument("kind", required=False)
@click.option("--out", type=PATH, metavar="FOLDER", help="Where to write; made if absent.")
@click.option(
    "--set",
    "parameters",
    multiple=True,
    callback=_numbers,
    metavar="NAME=NUMBER",
    help="Size or angle of the object; may be repeated.",
)
@click.option(
    "--spacing",
    nargs=3,
    type=float,
    default=(0.8, 0.7, 0.7),
    show_default=True,
    metavar="K J I",
    help="Table feed, distance of rows and of columns, mm.",
)
@click.option("--thickness", type=float, metavar="MM", help="Width of the slice profile; else the slice distance.")
@click.option(
    "--orientation",
    default="axial",
    show_default=True,
    metavar="NAME",
    help="axial, axial-downwards, coronal, sagittal or oblique.",
)
@click.option("--tilt", type=float, default=0.0, show_default=True, metavar="DEG", help="Gantry tilt: a sheared grid.")
@click.option("--modality", default="CT", show_default=True, metavar="CT|MR")
@click.option("--noise", type=float, default=15.0, show_default=True, metavar="SD", help="HU, or units of MR (Rician).")
@click.option(
    "--blur",
    type=float,
    default=0.9,
    show_default=True,
    metavar="MM",
    help="Full width at half maximum of the point spread in the plane.",
)
@click.option("--bias", type=float, default=0.0, show_default=True, help="MR: relative depth of the bias field.")
@click.option(
    "--material",
    "materials",
    multiple=True,
    callback=_numbers,
    metavar="NAME=NUMBER",
    help="Value of a material, such as vessel=300; may be repeated.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of noise and grid position.")
@click.option("--json", "as_json", is_flag=True, help="Print the truth as JSON.")
def command(kind: str | None, out: Path | None, as_json: bool, **options: Any) -> None:  # fmt: skip
    """Compute the scan of a test object and write it as a DICOM series with its exact truth.

    Without KIND, the kinds and their parameters are listed. FOLDER then holds series/ (DICOM), truth.json
    (numbers in mm and degrees, LPS positions, transforms) and truth.nii.gz (label map).
    """
    from prosector.datasets.scanner import Scan
    from prosector.datasets.test_objects import KINDS, build_test_object

    if kind is None:
        _list(as_json)
        return
    if kind not in KINDS:
        raise UnknownNameError("kind of phantom", kind, KINDS)
    if out is None:
        raise ParameterError("give --out FOLDER: a phantom is a series of files")
    require_writable(out / TRUTH)
    scan = Scan(
        spacing_mm=options["spacing"],
        orientation=options["orientation"],
        tilt_deg=options["tilt"],
        modality=options["modality"].upper(),
        noise=options["noise"],
        blur_mm=options["blur"],
        thickness_mm=options["thickness"],
        bias=options["bias"],
        seed=options["seed"],
        materials=options["materials"],
    )
    phantom = build_test_object(kind, scan, **options["parameters"])
    _write(phantom, out)
    if as_json:
        click.echo(json.dumps(phantom.truth, indent=2))
        return
    click.echo(str(out))
    for row in phantom.truth["quantities"]:
        click.echo(f"  {row['name']} of {row['of']}: {row['value']:.4g} {row['unit']} ({row['definition']})")


def _write(phantom: Any, out: Path) -> None:
    from prosector.datasets.write_series import write_ct_series, write_mr_series
    from prosector.exchange.nifti import write_labels_nifti

    stale = sorted((out / SERIES).glob("*.dcm"))
    if stale:
        raise ParameterError(f"{out / SERIES} already holds a series; choose another folder or remove it")
    with progress_bar() as progress:
        write = write_ct_series if phantom.volume.is_hounsfield else write_mr_series
        write(phantom.volume, out / SERIES, progress=progress)
    write_labels_nifti(out / LABELS, phantom.labels)
    write_text(out / TRUTH, json.dumps(phantom.truth, indent=1) + "\n")


def _list(as_json: bool) -> None:
    from prosector.datasets.test_objects import KINDS

    if as_json:
        rows = {name: {"help": kind.help, "parameters": kind.parameters} for name, kind in KINDS.items()}
        click.echo(json.dumps(rows, indent=2))
        return
    for name, kind in KINDS.items():
        click.echo(f"{name}: {kind.help}")
        click.echo("    " + ", ".join(f"{key}={value:g}" for key, value in kind.parameters.items()))
