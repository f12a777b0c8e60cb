"""``prosector case verify, replay``: whether a case is what it says."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import click

from prosector.cli.console import progress_bar
from prosector.cli.login_options import AS, CASE, JSON, acting, opened
from prosector.errors import CaseError, UnknownNameError

MISMATCH = 1


@click.command()
@CASE
@click.option("--replay", is_flag=True, help="Also compute every output again; takes as long as the work did.")
@click.option("--record", is_flag=True, help="Enter the result into the log.")
@JSON
@AS
def verify(case: Path, replay: bool, record: bool, as_json: bool, person: str) -> None:
    """Check the log, signatures, source, files, reports and anchors of CASE.

    Exit code 1 if anything is wrong; what differs first is named first.
    """
    from prosector.case.verify import verify_case

    enter = acting(person) if record else None
    with suppress(CaseError):  # what cannot be opened is told by the checks
        opened(case, person)
    with progress_bar() as progress:
        found = verify_case(case, replay=replay, enter=enter, progress=progress)
    if as_json:
        rows = [{"name": c.name, "ok": c.ok, "wrong": list(c.wrong), "notes": list(c.notes)} for c in found.checks]
        click.echo(json.dumps({"ok": found.ok, "checks": rows}, indent=2, ensure_ascii=False))
    else:
        for check in found.checks:
            click.echo(f"{check.name:12} {'ok' if check.ok else 'WRONG'}")
            for line in check.wrong:
                click.echo(f"    {line}")
            for line in check.notes:
                click.echo(f"    note: {line}")
        click.echo("the case is what it says" if found.ok else "the case is NOT what it says")
    if not found.ok:
        raise click.exceptions.Exit(MISMATCH)


@click.command()
@CASE
@click.option("--run", "only", default="", metavar="RUN", help="Only this one, as run-0001.")
@JSON
@AS
def replay(case: Path, only: str, as_json: bool, person: str) -> None:
    """Compute every output of CASE again from its source and log, and compare byte for byte; exit 1 if one differs."""
    from prosector.case.replay import replay_case

    runs = [event.data["run"] for event in opened(case, person).of("run-done")]
    if only and only not in runs:
        raise UnknownNameError("run", only, runs)
    with progress_bar() as progress:
        found = replay_case(case, progress, only)
    if as_json:
        click.echo(json.dumps([asdict(difference) for difference in found], indent=2, ensure_ascii=False))
    else:
        for d in found:
            where = ", ".join(part for part in (d.run, d.step, d.file) if part)
            click.echo(f"{where}: {d.what}{'; within tolerance' if d.close else ''}")
        done = 1 if only else len(runs)
        verdict = "not the same" if found else "the same bytes"
        click.echo(f"{done} run{'' if done == 1 else 's'} computed again: {verdict}")
    if not all(difference.close for difference in found):
        raise click.exceptions.Exit(MISMATCH)
