"""What the commands on cases share: who acts, and how a passphrase is given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.cli.console import PATH
from prosector.errors import InputError

if TYPE_CHECKING:
    from prosector.case.events import Event
    from prosector.case.sessions import Session
    from prosector.case.state import CaseState

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

CASE: Decorator = click.argument("case", type=PATH)
AS: Decorator = click.option(
    "--as", "person", default="", metavar="LOGIN", help="Who acts, of those logged in; else whoever logged in last."
)
PASSPHRASE: Decorator = click.option(
    "--passphrase-file", metavar="FILE|-", help="Its first line, or that of standard input; else you are asked."
)
JSON: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def acting(person: str) -> Session:
    """The session of whoever acts; an error where nobody is logged in."""
    from prosector.case.sessions import require_session

    return require_session(person_id=person)


def acting_or_program(person: str) -> Session | None:
    """The session of whoever acts; none where nobody is named and nobody is logged in."""
    from prosector.case.sessions import current_session

    return acting(person) if person else current_session()


def passphrase(file: str | Path | None, prompt: str = "Passphrase", *, twice: bool = False) -> str:
    """A passphrase from a file's first line, from standard input, or asked for without showing it.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if file is None:
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))
    if str(file) == "-":
        return sys.stdin.readline().rstrip("\r\n")
    try:
        return Path(file).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the passphrase cannot be read from {file}: {type(error).__name__}") from error


def opened(case: Path, person: str = "") -> CaseState:
    """The state of a case; that it was looked at goes into the audit trail."""
    from prosector.case.audit_case import audit_case
    from prosector.case.folder import read_case

    state = read_case(case)
    audit_case("read-case", state, acting_or_program(person))
    return state


def entered(event: Event) -> None:
    """Say what was entered."""
    from prosector.case.events import KINDS

    by = f", by {event.actor.name}" if event.actor.name else ", by the program itself"
    click.echo(f"event {event.number}: {KINDS[event.kind].words}{by}")
