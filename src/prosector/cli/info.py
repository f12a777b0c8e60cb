"""``prosector info``: what is in a folder, and how well it is suited for 3D."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.cli.console import PATH, progress_bar
from prosector.errors import NoDicomError

if TYPE_CHECKING:
    from prosector.dicom.scan import Scan

GRADE_STYLE = {"good": "green", "fair": "yellow", "poor": "red"}


@click.command()
@click.argument("path", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object a series.")
@click.option("--thumbnails", type=PATH, metavar="FILE", help="Also write a contact sheet of the series (.png).")
def command(path: Path, as_json: bool, thumbnails: Path | None) -> None:
    """List the series under PATH (a folder, file, DICOMDIR, .zip or .tar) and what each is good for."""
    from prosector.dicom.scan import scan

    with progress_bar() as progress:
        found = scan(path, progress)
        rows = [series.summary() for series in found.series]
        if thumbnails:
            from prosector.cli.thumbnails import write_contact_sheet

            write_contact_sheet(thumbnails, found, progress)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        _print(found, rows)
    if not rows:
        raise NoDicomError(
            f"no readable DICOM object in {path} ({found.not_dicom} other file(s) passed over"
            f"{''.join(f'; {name}: {reason}' for name, reason in found.unreadable[:3])})"
        )


def _print(found: Scan, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    for row in rows:
        title = f"[bold]{escape(row['modality'] or '??')}[/]  {escape(row['description'] or '(no description)')}"
        number = f"series {row['number']}, " if row["number"] is not None else ""
        console.print(f"{title}  [dim]{number}{row['files']} file(s)[/]")
        console.print(f"   [dim]UID[/]       {row['series_uid']}", soft_wrap=True)
        for line in _facts(row):
            console.print(f"   {line}", soft_wrap=True)
        for warning in row["warnings"]:
            console.print(f"   [yellow]note[/]      {escape(warning)}", soft_wrap=True)
    console.print(f"[dim]{len(rows)} series; {found.not_dicom} file(s) that are not DICOM passed over[/]")
    for name, reason in found.unreadable:
        console.print(f"[red]unreadable[/] {escape(name)}: {escape(reason)}", soft_wrap=True)


def _facts(row: dict[str, Any]) -> list[str]:
    from rich.markup import escape

    lines = []
    if row["shape"]:
        lines.append(f"[dim]matrix[/]    {'×'.join(map(str, row['shape']))} (slices × rows × columns)")
        spacing = " × ".join(f"{v:.4g}" for v in row["spacing_mm"])
        thick = f", thickness {row['slice_thickness_mm']:g} mm" if row["slice_thickness_mm"] else ""
        lines.append(f"[dim]spacing[/]   {spacing} mm; slices {row['slice_distance_mm']:.4g} mm apart{thick}")
        tilt = f", tilt {row['tilt_degrees']:.2f}°" if row["tilt_degrees"] > 0.01 else ""
        extent = " × ".join(f"{v:.0f}" for v in row["extent_mm"])
        lines.append(f"[dim]extent[/]    {extent} mm, {row['plane']}{tilt}")
    made = [f"contrast {row['contrast']}"] if row["contrast"] else []
    made += [f"kernel {row['kernel']}"] if row["kernel"] else []
    made += [row["patient_position"]] if row["patient_position"] else []
    if made:
        lines.append(f"[dim]acquired[/]  {escape(', '.join(made))}")
    if row["suitability"]:
        why = f": {'; '.join(row['suitability_reasons'])}" if row["suitability_reasons"] else ""
        lines.append(f"[dim]for 3D[/]    [{GRADE_STYLE[row['suitability']]}]{row['suitability']}[/]{why}")
    if len(row["volumes"]) > 1:
        lines.append("[dim]volumes[/]   choose one with --volume:")
        for v in row["volumes"]:
            what = "×".join(map(str, v["shape"])) if v["shape"] else f"no volume: {v['reason']}"
            lines.append(f"          {v['volume']:2}  {escape(v['label'] or '–')}  {escape(what)}")
    elif not row["loadable"]:
        lines.append(f"[red]no volume[/] {escape(row['reason'])}")
    return lines
