"""``prosector verify-accuracy``: the acceptance test of a workstation."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prosector.atomic import require_writable, write_text
from prosector.cli.console import PATH, progress_bar

if TYPE_CHECKING:
    from prosector.acceptance.values import Acceptance

PAGE, DATA = "accuracy.md", "accuracy.json"
FAILED = 1


@click.command()
@click.option("--quick", is_flag=True, help="One test object of each case instead of three.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Of all sizes, grids and noise: another seed is another test.",
)
@click.option("--case", "names", multiple=True, metavar="NAME", help="Only this case; may be repeated.")
@click.option("--out", type=PATH, metavar="FOLDER", help="Also write accuracy.md and accuracy.json there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(quick: bool, seed: int, names: tuple[str, ...], out: Path | None, as_json: bool) -> None:  # fmt: skip
    """Measure computed test objects and compare with the truth, within stated limits.

    The objects are segmented and measured by the same operations as patients. Exit code 1 if a number misses its
    limit.
    """
    from prosector.acceptance.report import to_json, to_markdown
    from prosector.acceptance.run import run_acceptance

    if out is not None:
        require_writable(out / PAGE)
    with progress_bar() as progress:
        test = run_acceptance(seed, quick=quick, names=names, progress=progress)
    data = json.dumps(to_json(test), indent=2)
    if out is not None:
        write_text(out / PAGE, to_markdown(test))
        write_text(out / DATA, data + "\n")
    if as_json:
        click.echo(data)
    else:
        _tell(test)
    if not test.passed:
        sys.exit(FAILED)


def _tell(test: Acceptance) -> None:
    from rich.console import Console
    from rich.table import Table

    from prosector.acceptance.report import limit_words, shown

    table = Table("case", "measure", "of", "labels", "truth", "found", "error", "%", "limit", "")
    for row in test.rows:
        percent = f"{row.error_percent:+.1f}" if row.error_percent == row.error_percent else "–"
        verdict = "pass" if row.passed else f"FAIL {row.note}".strip()
        numbers = (shown(value, row.unit) for value in (row.truth, row.found, row.error))
        table.add_row(row.case, row.measure, row.of, row.labels, *numbers, percent, limit_words(row), verdict)
    console = Console()
    if not console.is_terminal:
        console = Console(width=220)
    console.print(table)
    for text in test.left_out:
        click.echo(f"left out: {text}")
    passed = sum(row.passed for row in test.rows)
    click.echo(f"{passed} of {len(test.rows)} measures within their limits, {test.seconds:g} s, seed {test.seed}")
