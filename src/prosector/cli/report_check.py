"""``prosector report check``: whether a case's record is complete against a profile."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prosector.cli.console import PATH, progress_bar
from prosector.cli.login_options import CASE, JSON, opened

if TYPE_CHECKING:
    from prosector.report.document import Completeness, RuleResult

INCOMPLETE = 1
PIPED_WIDTH = 160
"""Columns where standard output is no terminal."""

SEVERITIES = {"E": "error", "W": "warning", "I": "note"}


@click.command()
@CASE
@click.option("--profile", required=True, metavar="NAME", help="For whom: medicare-nonhospital, medicare-hospital, "
              "commercial-generic, anthem-cg-med-51 or research.")  # fmt: skip
@click.option("--earlier", type=PATH, multiple=True, metavar="CASE", help="Another case, whose question is held beside "
              "this one's; may be given again.")  # fmt: skip
@click.option("--replay", is_flag=True, help="Compute every output again now; else a replay on record counts.")
@JSON
def command(case: Path, profile: str, earlier: tuple[Path, ...], replay: bool, as_json: bool) -> None:
    """Check the report of CASE, and the log behind it, against every rule of a profile.

    The newest signed report is checked or, where there is none, the draft that the case comes to now. Nothing is
    entered into the case. Exit code 1 if the record is not complete.

    It says what is on record against dated rules: nothing about what anybody will pay, and no legal or coding advice.
    """
    from prosector.report.check import check_case

    opened(case)
    with progress_bar() as progress:
        found = check_case(case, profile, earlier=earlier, replay=replay, progress=progress)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    else:
        _tell(found)
    if not found.complete:
        sys.exit(INCOMPLETE)


def _tell(found: Completeness) -> None:
    from rich.console import Console
    from rich.table import Table

    from prosector.report.check import rules_without_findings

    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    if found.results:
        table = Table("rule", "", "what is wanting", "log", "what would satisfy it", show_lines=True)
        for result in found.results:
            table.add_row(*_row(result))
        console.print(table)
    met, asked = rules_without_findings(found)
    click.echo(f"{met} of {asked} rules without a finding.")
    click.echo(found.statement)


def _row(result: RuleResult) -> Sequence[str]:
    from rich.markup import escape

    events = ", ".join(str(number) for number in result.evidence)
    words = (result.rule, SEVERITIES[result.severity], result.message, events, result.satisfied_by)
    return [escape(word) for word in words]
