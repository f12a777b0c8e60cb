"""``prosector people``: the users of this workstation."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from prosector.cli.login_options import AS, JSON, PASSPHRASE, acting_or_program, passphrase


@click.group()
def command() -> None:
    """The users of this workstation: physicians, technologists, physicists.

    There are no default accounts. The first user is added by nobody; others by somebody who is logged in.
    """


@command.command()
@click.argument("login", metavar="LOGIN")
@click.option("--name", required=True, help="As reports show it.")
@click.option("--role", required=True, metavar="ROLE", help="physician, technologist or physicist.")
@click.option("--credentials", default="", help="Such as MD or RT(R)(CT).")
@click.option("--npi", default="", help="National Provider Identifier (US), ten digits.")
@PASSPHRASE
@AS
def add(login: str, name: str, role: str, credentials: str, npi: str, passphrase_file: str | None, person: str) -> None:
    """Add a user with the name LOGIN and a new signing key, which the passphrase locks."""
    from prosector.case.audit import AuditEvent, audit
    from prosector.case.people import Person, add_person

    new = Person(login, name, role, credentials, npi)
    session = acting_or_program(person)
    by = session.person if session else None
    made = add_person(new, passphrase(passphrase_file, "New passphrase", twice=True), by=by)
    audit(AuditEvent("people-changed", by.id if by else "", by.name if by else "", why=f"user {login} added as {role}"))
    click.echo(f"{made.name} ({made.role}) can log in as {made.id}; public key {made.public_key}")


@command.command(name="list")
@JSON
def list_people(as_json: bool) -> None:
    """List the users and who is logged in."""
    from prosector.case.people import people
    from prosector.case.sessions import open_sessions

    until = {session.person.id: session.expires for session in open_sessions()}
    rows = [{**asdict(person), "logged_in_until": until.get(person.id, "")} for person in people()]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("login", "name", "role", "credentials", "NPI", "logged in until")
    for row in rows:
        names = ("id", "name", "role", "credentials", "npi", "logged_in_until")
        table.add_row(*(escape(str(row[name])) for name in names))
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=160)
    console.print(table if rows else "no users yet: prosector people add")


@command.command()
@click.argument("login", metavar="LOGIN")
@click.option("--old-passphrase-file", metavar="FILE", help="The present one: its first line; else you are asked.")
@PASSPHRASE
def passwd(login: str, old_passphrase_file: str | None, passphrase_file: str | None) -> None:
    """Change the passphrase of LOGIN; the signing key stays the same."""
    from prosector.case.audit import AuditEvent, audit
    from prosector.case.people import change_passphrase, read_person

    name = read_person(login).name
    old = passphrase(old_passphrase_file, "Present passphrase")
    change_passphrase(login, old, passphrase(passphrase_file, "New passphrase", twice=True))
    audit(AuditEvent("people-changed", login, name, why=f"passphrase of {login} changed"))
    click.echo(f"the passphrase of {login} is changed")


@command.command(name="audit")
@AS
def show_audit(person: str) -> None:
    """Print the audit trail of this workstation, one message (XML, DICOM PS3.15 A.5) a line."""
    from prosector.case.audit import AuditEvent, audit, audit_files

    session = acting_or_program(person)
    who = (session.person.id, session.person.name) if session else ("", "")
    for path in audit_files():
        click.echo(path.read_text(encoding="utf-8"), nl=False)
        audit(AuditEvent("read-audit", *who, log=path.as_uri()))
