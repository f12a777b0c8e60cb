"""``prosector case``: a case from its source to what is signed, and its verification."""

from __future__ import annotations

import click

from prosector.cli.case_anchor import anchor
from prosector.cli.case_check import replay, verify
from prosector.cli.case_enter import base, coding, communication, order
from prosector.cli.case_show import log, show
from prosector.cli.case_supervise import attest, correct, decide, text
from prosector.cli.case_work import add, create, run


@click.group()
def command() -> None:
    """A case: a folder with an append-only log of what people decided and what was computed.

    Whatever is entered while somebody is logged in bears that person's name and signature.
    """


ENTERED = (decide, text, order, base, coding, communication, correct, attest)

for row in (create, add, run, *ENTERED, show, log, verify, replay, anchor):
    command.add_command(row)
