"""``prosector case decide, text, correct, attest``: what people decide and write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from prosector.cli.console import PATH
from prosector.cli.given import split_pairs
from prosector.cli.login_options import AS, CASE, acting, entered
from prosector.errors import InputError

EVERYTHING = "all"


@click.command()
@CASE
@click.argument("element", metavar="ELEMENT")
@click.argument("what", metavar="WHAT")
@click.argument("about", nargs=-1, required=True, metavar="ABOUT...")
@click.option("--note", metavar="TEXT", help="In your own words.")
@click.option("--parameter", metavar="NAME", help="What was adjusted.")
@click.option("--old", metavar="VALUE", help="From what.")
@click.option("--new", metavar="VALUE", help="To what.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter that was chosen.")
@AS
def decide(
    case: Path, element: str, what: str, about: tuple[str, ...], note: str | None, pairs: tuple[str, ...], person: str,
    **change: str | None,
) -> None:  # fmt: skip
    """Enter a decision of concurrent supervision on CASE.

    ELEMENT is region (WHAT: crop, clip, slab, voi, segment, accepted), tissue (preset, threshold, transfer, show, hide,
    segment, accepted), archive (select, reject) or review (reviewed, adjusted, no-change-needed).

    ABOUT names runs (run-0001) or outputs (run-0001/mip.png), or is the word all, for every output.
    """
    from prosector.case.decisions import decide as enter
    from prosector.case.folder import read_case

    session = acting(person)
    detail = {name: _value(text) for name, text in change.items() if text is not None}
    detail |= {"note": note} if note else {}
    detail |= {"parameters": {k: _value(v) for k, v in split_pairs(pairs).items()}} if pairs else {}
    things = tuple(read_case(case).outputs) if about == (EVERYTHING,) else about
    entered(enter(case, session, element, what, things, detail))


@click.command()
@CASE
@click.argument("field", metavar="FIELD")
@click.option("--text", "words", metavar="TEXT", help="What you write.")
@click.option("--file", type=PATH, metavar="FILE", help="Or a file that holds it.")
@click.option("--structure", metavar="NAME", help="For findings: of which structure.")
@click.option(
    "--reason",
    metavar="REASON",
    help="For the necessity: complex-geometry, overlap, spatial-relation, preoperative or quantitative.",
)
@click.option("--positive-finding", metavar="TEXT", help="For the necessity: what the base study shows.")
@AS
def text(
    case: Path, field: str, words: str | None, file: Path | None, structure: str | None, reason: str | None,
    positive_finding: str | None, person: str,
) -> None:  # fmt: skip
    """Enter a passage in your own words on CASE; it stays as written.

    FIELD is question, necessity, findings, added-value, impression, limitations, considered or procedure.
    """
    from prosector.case.decisions import write_text_field

    session = acting(person)
    given = {"structure": structure, "reason": reason, "positive_finding": positive_finding}
    extra = {name: value for name, value in given.items() if value}
    entered(write_text_field(case, session, field, _words(words, file), extra))


@click.command()
@CASE
@click.argument("number", type=click.IntRange(min=0), metavar="NUMBER")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@AS
def correct(case: Path, number: int, reason: str, person: str) -> None:
    """Withdraw the entry NUMBER of CASE: it stays in the log and counts no more."""
    from prosector.case.decisions import correct as enter

    entered(enter(case, acting(person), number, reason))


@click.command()
@CASE
@click.option("--text", "words", metavar="TEXT", help="In your own words; else the usual ones.")
@click.option("--file", type=PATH, metavar="FILE", help="Or a file that holds them.")
@AS
def attest(case: Path, words: str | None, file: Path | None, person: str) -> None:
    """Attest that the work on CASE was done under your concurrent supervision: for the physician."""
    from prosector.case.entries import attest as enter
    from prosector.report.sign import ATTESTATION

    session = acting(person)
    said = _words(words, file) if words is not None or file is not None else ATTESTATION
    entered(enter(case, session, said))
    click.echo(said)


def _words(text: str | None, file: Path | None) -> str:
    if (text is None) == (file is None):
        raise click.UsageError("give either --text or --file")
    if file is None:
        return str(text)
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the text cannot be read from {file}: {type(error).__name__}") from error


def _value(text: str) -> Any:
    """A number or list where the text is one (JSON), else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
