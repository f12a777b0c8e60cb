"""``prosector case show, log``: what a case holds, and what happened in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.cli.login_options import AS, CASE, JSON, opened

if TYPE_CHECKING:
    from rich.console import Console

    from prosector.case.events import Event
    from prosector.case.state import CaseState

_CLIP = 19
"""Characters of a UTC time that are shown: to the second."""


@click.command()
@CASE
@JSON
@AS
def show(case: Path, as_json: bool, person: str) -> None:
    """Show what CASE holds: source, sessions, runs, outputs, decisions, texts, reports, and what is missing yet."""
    summary = summary_of(opened(case, person))
    if as_json:
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        _print(summary)


@click.command()
@CASE
@JSON
@AS
def log(case: Path, as_json: bool, person: str) -> None:
    """List the events of CASE in words, oldest first."""
    from prosector.cli.case_words import event_words

    state = opened(case, person)
    counting = {event.number for event in state.effective}
    rows = [
        {**_row(e), "kind": e.kind, "words": event_words(e), "withdrawn": e.number not in counting, "sha256": e.sha256}
        for e in state.events
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    console = _console()
    cells = [
        [row["event"], row["at"][:_CLIP], row["by"], row["words"] + (" (withdrawn)" if row["withdrawn"] else "")]
        for row in rows
    ]
    _table(console, "", ("", "UTC", "by", "what"), cells)


def summary_of(state: CaseState) -> dict[str, Any]:
    """What a case holds, as plain data."""
    from prosector.cli.case_words import event_words

    created = state.created.data
    archived = set(state.archived)
    sources = ("modality", "study_uid", "series_uid", "path", "warnings")
    done = state.of("order-recorded", "base-recorded", "coding-recorded", "communication-recorded", "attested")
    runs = state.of("run-done")
    return {
        "case_id": created["case_id"],
        "created": state.created.utc,
        "events": len(state.events),
        "head": state.head,
        "software": created["software"],
        "workstation": created["workstation"],
        "sources": [
            {name: e.data.get(name, "") for name in sources} | {"files": len(e.data["files"])}
            for e in state.of("source-added")
        ],
        "sessions": [
            {"name": s.person["name"], "role": s.person["role"], "from": s.started.utc,
             "to": s.ended.utc if s.ended else ""}
            for s in state.sessions
        ],
        "runs": [
            {"run": e.data["run"], "recipe": e.data["recipe"], "by": e.actor.name, "at": e.utc,
             "supervisor": e.data.get("supervisor", {}).get("person", "")}
            for e in runs
        ],
        "outputs": [
            {"id": o.id, "kind": o.kind, "method": o.method, "archived": o.id in archived, "sha256": o.sha256}
            for o in state.outputs.values()
        ],
        "decisions": [{**_row(e), "about": list(e.about), "words": event_words(e)} for e in state.decisions()],
        "texts": [{**_row(e), **{k: v for k, v in e.data.items() if k != "at"}} for e in state.of("text-recorded")],
        "entries": [{**_row(e), "words": event_words(e)} for e in done],
        "reports": [{**_row(e), "words": event_words(e)} for e in state.reports],
        "anchors": [{**_row(e), "words": event_words(e)} for e in state.of("anchored")],
        "missing": missing(state),
    }  # fmt: skip


def missing(state: CaseState) -> list[str]:
    """What a supervised case still lacks, in the order in which it is done; the rules say it in full."""
    from prosector.case.events import ELEMENTS

    runs = state.of("run-done")
    by_physicians = {e.data["element"] for e in state.decisions() if e.actor.role == "physician"}
    texts = {e.data["field"] for e in state.of("text-recorded")}
    lacking = [
        ("a source", not state.of("source-added")),
        ("a run", not runs),
        ("a physician's session over every run", any(not e.data.get("supervisor") for e in runs)),
        *((f"a physician's decision on {element}", element not in by_physicians) for element in ELEMENTS),
        ("an archived image", not state.archived),
        ("the order", state.last("order-recorded") is None),
        ("the base study's code", state.last("base-recorded") is None),
        *((f"text: {field}", field not in texts)
          for field in ("question", "necessity", "findings", "added-value", "impression")),
        ("a signed report", not state.of("report-signed")),
        ("a receipt from an archive", not state.of("archive-sent")),
    ]  # fmt: skip
    return [what for what, lacks in lacking if lacks]


def _row(event: Event) -> dict[str, Any]:
    return {"event": event.number, "at": event.utc, "by": event.actor.name or "program"}


def _print(found: dict[str, Any]) -> None:
    from prosector.cli.case_words import shortened

    console = _console()
    station = found["workstation"]
    console.print(
        f"case {found['case_id']}, created {found['created'][:_CLIP]}, {found['events']} events", soft_wrap=True
    )
    console.print(f"head {found['head']}", soft_wrap=True)
    console.print(
        f"{found['software']['name']} {found['software']['version']} on {station.get('host_kind', 'workstation')} "
        f"{station.get('id', '')}, {station.get('cleared', 'not cleared')}", markup=False, soft_wrap=True,
    )  # fmt: skip
    for row in found["sources"]:
        console.print(f"source: {row['modality']}, {row['files']} files in {row['path']}", markup=False, soft_wrap=True)
        for warning in row["warnings"]:
            console.print(f"  note: {warning}", markup=False, soft_wrap=True)
    sessions = [[s["name"], s["role"], s["from"][:_CLIP], s["to"][:_CLIP] or "open"] for s in found["sessions"]]
    _table(console, "Sessions", ("who", "role", "from", "to"), sessions)
    runs = [[r["run"], r["recipe"], r["by"] or "program", r["supervisor"] or "NOT SUPERVISED"] for r in found["runs"]]
    _table(console, "Runs", ("run", "recipe", "by", "supervised by"), runs)
    outputs = [[o["id"], o["method"] or o["kind"], "yes" if o["archived"] else ""] for o in found["outputs"]]
    _table(console, "Outputs", ("output", "what", "archived"), outputs)
    texts = [[t["event"], t["by"], t["field"], shortened(t["text"])] for t in found["texts"]]
    _table(console, "Texts", ("", "by", "field", "text"), texts)
    for title, key in (
        ("Decisions", "decisions"),
        ("Entries", "entries"),
        ("Reports", "reports"),
        ("Anchors", "anchors"),
    ):
        _table(console, title, ("", "by", "what"), [[row["event"], row["by"], row["words"]] for row in found[key]])
    if found["missing"]:
        console.print("Missing: " + "; ".join(found["missing"]), markup=False)
        console.print("All rules: prosector report check CASE --profile NAME", markup=False)


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)


def _table(console: Console, title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return
    table = Table(*head, title=title or None, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    console.print(table)
