"""``prosector datasets``: public series, by name."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from prosector.cli.console import PATH, progress_bar

MEGABYTE = 1e6


@click.group()
def command() -> None:
    """Public series to try things on: list them, or fetch one.

    They lie in the folder that the environment variable PROSECTOR_DATA names, or in the user's cache; a
    local mirror of it is used before anything is downloaded. Every file is checked (sha256).
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, with licence, citation and every file.")
def list_(as_json: bool) -> None:
    """List the public series, their licences, and whether they lie on this machine."""
    from prosector.datasets.registry import data_folder, is_here, registered

    rows = registered().values()
    root = data_folder()
    if as_json:
        click.echo(json.dumps([asdict(row) | {"here": is_here(row, root)} for row in rows], indent=2, default=dict))
        return
    for row in rows:
        here = "here" if is_here(row, root) else f"{row.size / MEGABYTE:.1f} MB to fetch"
        click.echo(
            f"{row.name}  [{row.modality}, {row.licence}, {here}]\n    {row.description}\n    cite: {row.citation}"
        )


@command.command("fetch")
@click.argument("name")
@click.option("--to", type=PATH, metavar="FOLDER", help="Put it here instead of into the data folder.")
def fetch_(name: str, to: Path | None) -> None:
    """Fetch the public series NAME, check it, and print what to read."""
    from prosector.datasets.registry import dataset, fetch

    with progress_bar() as progress:
        entry = fetch(name, to, progress)
    row = dataset(name)
    click.echo(f"licence {row.licence}; cite: {row.citation}", err=True)
    click.echo(str(entry))
