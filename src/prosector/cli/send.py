"""``prosector send``: a case, or files, to an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prosector.cli.console import PATH, progress_bar
from prosector.cli.login_options import AS, acting_or_program

if TYPE_CHECKING:
    from prosector.network.send import Sent


@click.command()
@click.argument("case", type=PATH, required=False)
@click.option(
    "--to",
    "name",
    required=True,
    metavar="NODE",
    help="Name in nodes.toml, or an address: dicom://TITLE@host:port, dicoms://…, https://host/dicom-web.",
)
@click.option("--all", "everything", is_flag=True, help="All outputs, not only the archived ones.")
@click.option(
    "--files",
    "paths",
    type=PATH,
    multiple=True,
    metavar="PATH",
    help="Without a case: a DICOM file or a folder of them; again for each.",
)
@click.option("--again", is_flag=True, help="Also what this node has acknowledged before.")
@click.option("--wait", default=30.0, metavar="SECONDS", help="How long to wait for storage commitment (30).")
@AS
def command(
    case: Path | None, name: str, everything: bool, paths: tuple[Path, ...], again: bool, wait: float, person: str
) -> None:
    """Send the archived images and the signed report of CASE to an archive.

    What the archive acknowledges is entered into the case's log. After a break the same command sends the rest. Exit
    code 1: something was refused, or the archive does not keep it.
    """
    if (case is None) == (not paths):
        raise click.UsageError("give a CASE, or --files PATH without a case")
    if paths and everything:
        raise click.UsageError("--all belongs to a case")
    from prosector.network import require_libraries

    require_libraries()
    from prosector.network.nodes import node_of
    from prosector.network.send import Patience, send_case, send_files

    node, session, patience = node_of(name), acting_or_program(person), Patience(commitment_s=wait)
    with progress_bar() as progress:
        if case is not None:
            found = send_case(
                case, node, everything=everything, again=again, session=session, patience=patience, progress=progress
            )
        else:
            found = send_files(paths, node, again=again, session=session, patience=patience, progress=progress)
    _tell(found)
    if not found.ok:
        raise click.exceptions.Exit(1)


def _tell(found: Sent) -> None:
    before = f", {found.earlier} acknowledged before" if found.earlier else ""
    click.echo(f"{found.node}: {found.sent} sent and acknowledged{before}; {found.committed} committed to storage")
    for what, rows in (("refused", found.refused), ("not kept", found.lost)):
        for name, why in rows:
            click.echo(f"{what}: {name}: {why}", err=True)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
