"""``prosector logout``: end a session."""

from __future__ import annotations

import click


@click.command()
@click.argument("person", metavar="[LOGIN]", default="")
@click.option("--all", "everybody", is_flag=True, help="End the sessions of all who are logged in.")
def command(person: str, everybody: bool) -> None:
    """Log out: the session ends, in every case that it entered something in. Without LOGIN, whoever came last."""
    from prosector.case.audit import AuditEvent, audit
    from prosector.case.decisions import log_out
    from prosector.case.sessions import open_sessions, require_session

    if person and everybody:
        raise click.UsageError("--all goes without LOGIN")
    sessions = open_sessions() if everybody else (require_session(person_id=person),)
    for session in sessions:
        for lost in log_out(session):
            click.echo(f"note: the end of the session could not be entered in {lost}", err=True)
        click.echo(f"{session.person.name} is logged out")
    if sessions and not open_sessions():
        audit(AuditEvent("application-stop", sessions[-1].person.id, sessions[-1].person.name))
