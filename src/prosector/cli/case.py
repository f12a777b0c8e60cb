"""``prosector case``: a case from its source to what is signed, and its verification."""

from __future__ import annotations

import click

from prosector.cli import case_anchor, case_check, case_enter, case_show, case_supervise, case_work


@click.group()
def command() -> None:
    """A case: a folder with an append-only log of what people decided and what was computed.

    Whatever is entered while somebody is logged in bears that person's name and signature.
    """


for row in (
    case_work.create,
    case_work.add,
    case_work.run,
    case_supervise.decide,
    case_supervise.text,
    case_enter.order,
    case_enter.base,
    case_enter.coding,
    case_enter.communication,
    case_supervise.correct,
    case_supervise.attest,
    case_show.show,
    case_show.log,
    case_check.verify,
    case_check.replay,
    case_anchor.anchor,
):
    command.add_command(row)
