"""``prosector fetch``: a study from an archive."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.cli.console import PATH, progress_bar
from prosector.cli.login_options import JSON

if TYPE_CHECKING:
    from prosector.network.find import FoundStudy

IDENTITY = ("accession", "patient_id", "patient_name", "birth_date")
"""What is shown with --show-patients only."""


@click.command()
@click.option(
    "--from",
    "name",
    required=True,
    metavar="NODE",
    help="Name in nodes.toml, or an address: dicom://TITLE@host:port, dicoms://…, https://host/dicom-web.",
)
@click.option("--study", default="", metavar="UID", help="Study Instance UID.")
@click.option("--accession", default="", metavar="NUMBER", help="Accession number.")
@click.option("--patient-id", default="", metavar="ID", help="Patient ID.")
@click.option("--date", default="", metavar="DATE", help="Of the study: 20260131, or 20260101-20260131.")
@click.option("--modality", default="", metavar="CT|MR", help="In the study.")
@click.option("--series", multiple=True, metavar="UID", help="Only this series; again for each.")
@click.option("--out", type=PATH, metavar="FOLDER", help="Where the files go: STUDY-UID/SERIES-UID/INSTANCE-UID.dcm.")
@click.option("--list", "only_list", is_flag=True, help="List what matches and fetch nothing.")
@JSON
@click.option("--show-patients", is_flag=True, help="List who the patients are and accession numbers, too.")
def command(
    name: str,
    series: tuple[str, ...],
    out: Path | None,
    only_list: bool,
    as_json: bool,
    show_patients: bool,
    **keys: str,
) -> None:
    """Find a study in an archive and fetch it; after a break the same command fetches the rest."""
    if only_list == (out is not None):
        raise click.UsageError("give --out FOLDER to fetch, or --list to see what is there")
    if as_json and not only_list:
        raise click.UsageError("--json belongs to --list")
    from prosector.network import require_libraries

    require_libraries()
    from prosector.case.sessions import current_session
    from prosector.network.find import Query, find_studies
    from prosector.network.nodes import node_of

    node, query, session = node_of(name), Query(**keys), current_session()
    person = session.person.id if session else ""
    if only_list:
        _list(find_studies(node, query, person), as_json, show_patients)
        return
    from prosector.network.fetch import fetch_study

    assert out is not None
    with progress_bar() as progress:
        found = fetch_study(node, query, out, series=series, person=person, progress=progress)
    click.echo(f"{found.came} instance(s) fetched, {found.there} were here already: {found.folder}")
    from prosector.cli.info import command as info

    click.get_current_context().invoke(info, path=found.folder, as_json=False, thumbnails=None)


def _list(studies: tuple[FoundStudy, ...], as_json: bool, show_patients: bool) -> None:
    rows = [asdict(study) for study in studies]
    if not show_patients:
        rows = [{key: value for key, value in row.items() if key not in IDENTITY} for row in rows]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif not rows:
        click.echo("no study matches", err=True)
    else:
        _print(rows, show_patients)
    if not rows:
        raise click.exceptions.Exit(1)


def _print(rows: list[dict[str, Any]], show_patients: bool) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    for row in rows:
        title = f"[bold]{escape(row['modalities'] or '??')}[/]  {escape(row['description'] or '(no description)')}"
        console.print(f"{title}  [dim]{escape(row['date'] or 'no date')}, {row['instances'] or '?'} instance(s)[/]")
        console.print(f"   [dim]study[/]     {escape(row['uid'])}", soft_wrap=True)
        if show_patients:
            who = ", ".join(row[key] for key in ("patient_name", "patient_id", "birth_date") if row[key])
            console.print(
                f"   [dim]patient[/]   {escape(who)}; accession {escape(row['accession'] or '–')}", soft_wrap=True
            )
        for one in row["series"]:
            what = f"{one['modality']}  {one['description'] or '(no description)'}"
            console.print(f"   [dim]series[/]    {escape(one['uid'])}", soft_wrap=True)
            console.print(f"             {escape(what)}  [dim]number {one['number'] or '–'}, {one['instances'] or '?'} "
                          "instance(s)[/]", soft_wrap=True)  # fmt: skip
