"""``prosector info``: what is in this folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from prosector.cli.console import PATH, progress_bar
from prosector.dicom.scan import Scan, scan
from prosector.errors import NoDicomError


@click.command()
@click.argument("path", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object a series.")
def command(path: Path, as_json: bool) -> None:
    """List the series under PATH: shape (k, j, i), spacing in mm, and whether each makes a volume."""
    with progress_bar() as progress:
        found = scan(path, progress)
        rows = [series.summary() for series in found.series]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        _print(found, rows)
    if not rows:
        raise NoDicomError(f"no readable DICOM object in {path} ({found.not_dicom} other file(s) passed over)")


def _print(found: Scan, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        shape = "×".join(map(str, row["shape"])) if row["shape"] else "–"
        spacing = "×".join(f"{v:.4g}" for v in row["spacing_mm"]) + " mm" if row["spacing_mm"] else "–"
        click.echo(f"{row['modality'] or '??'}  {row['description'] or '(no description)'}")
        click.echo(f"    series   {row['series_uid']}")
        click.echo(f"    files    {row['files']}    shape (k, j, i) {shape}    spacing {spacing}")
        if row["affine_lps"]:
            for n, line in enumerate(row["affine_lps"][:3]):
                numbers = "".join(f"{v:12.4f}" for v in line)
                click.echo(f"    {'affine' if n == 0 else '':6}   {numbers}")
        click.echo(f"    volume   {'yes' if row['loadable'] else 'no: ' + row['reason']}")
        for warning in row["warnings"]:
            click.echo(f"    note     {warning}")
    click.echo(f"{len(rows)} series; {found.not_dicom} file(s) that are not DICOM passed over")
    for name, reason in found.unreadable:
        click.echo(f"unreadable: {name}: {reason}")
