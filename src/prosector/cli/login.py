"""``prosector login``: begin a session."""

from __future__ import annotations

import click

from prosector.cli.login_options import PASSPHRASE, passphrase


@click.command()
@click.argument("person", metavar="LOGIN")
@PASSPHRASE
def command(person: str, passphrase_file: str | None) -> None:
    """Log in: what is done from now on is entered in this name.

    Several people can be logged in at once: a technologist works while the physician supervises. A session ends
    after eight hours, or after half an hour without an entry.
    """
    from prosector.case.audit import AuditEvent, audit
    from prosector.case.sessions import log_in, open_sessions

    alone = not open_sessions()
    session = log_in(person, passphrase(passphrase_file))
    if alone:
        audit(AuditEvent("application-start", session.person.id, session.person.name))
    click.echo(f"{session.person.name} ({session.person.role}) is logged in until {session.expires}")
