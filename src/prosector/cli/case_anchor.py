"""``prosector case anchor``: the head of a log vouched for from outside."""

from __future__ import annotations

from pathlib import Path

import click

from prosector.cli.console import PATH
from prosector.cli.login_options import AS, CASE, acting, acting_or_program, entered, opened

_CA = click.option("--ca", type=PATH, metavar="FILE", help="Root certificates (PEM) that the authority must lead to.")


@click.group()
def anchor() -> None:
    """Time stamps (RFC 3161) and signatures over the head of the log.

    An anchor that is kept elsewhere shows later whether the log was changed or cut.
    """


@anchor.command()
@CASE
def request(case: Path) -> None:
    """Write a time-stamp request for the head of CASE; send it to an authority, which answers with a .tsr file."""
    from prosector.case.anchor import request_timestamp

    click.echo(str(request_timestamp(case)))


@anchor.command()
@CASE
@click.argument("response", type=PATH, metavar="FILE")
@_CA
@AS
def add(case: Path, response: Path, ca: Path | None, person: str) -> None:
    """Check the authority's answer FILE against the log of CASE and keep it there."""
    from prosector.case.anchor import add_timestamp

    event = add_timestamp(case, response, ca, acting_or_program(person))
    entered(event)
    click.echo(f"event {event.data['number']} was stamped at {event.data['at']} by {event.data['by']}")


@anchor.command()
@CASE
@AS
def sign(case: Path, person: str) -> None:
    """Sign the head of CASE with the key of your session; the file that it writes can be kept elsewhere."""
    from prosector.case.anchor import sign_head

    event = sign_head(case, acting(person))
    entered(event)
    for row in event.data["files"]:
        click.echo(str(case / row["file"]))


@anchor.command()
@CASE
@click.argument("kept", type=PATH, metavar="FILE")
@_CA
@AS
def check(case: Path, kept: Path, ca: Path | None, person: str) -> None:
    """Hold CASE against an anchor FILE that was kept elsewhere (.tsr or .signed.json); exit 1 if it does not fit."""
    from prosector.case.anchor import check_anchor
    from prosector.errors import TamperedError

    try:
        opened(case, person)
        found = check_anchor(case, kept, ca)
    except TamperedError as error:
        click.echo(str(error))
        raise click.exceptions.Exit(1) from None
    click.echo(found.words)
