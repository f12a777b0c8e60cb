"""``prosector report``: draft, sign, amend and show the report of a case."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, progress_bar, told
from prosector.cli.login_options import AS, CASE, PASSPHRASE, acting_or_program, opened, passphrase
from prosector.cli.report_check import command as check

if TYPE_CHECKING:
    from prosector.case.sessions import Session
    from prosector.model.progress import Progress
    from prosector.report.document import Completeness
    from prosector.report.sign import Filed

_ATTESTATION = click.option("--attestation", default="", metavar="TEXT", help="In your own words; else the usual ones.")
_PROFILE = click.option("--profile", default="", metavar="NAME", help="Say in it whether it is complete against this.")


@click.group()
def command() -> None:
    """The report of a case: a document of its own, made from its log.

    A draft can be built at any time. A physician signs it with the passphrase; a signed report is amended, never
    changed.
    """


command.add_command(check, "check")


@command.command()
@CASE
@click.option("--out", type=PATH, metavar="FOLDER", help="Write it there instead and enter nothing into the case.")
@_PROFILE
@AS
def build(case: Path, out: Path | None, profile: str, person: str) -> None:
    """Draft the report on CASE as JSON, HTML and PDF, in its folder reports/."""
    from prosector.report.sign import draft_report

    with progress_bar() as progress:
        found = _completeness(case, profile, progress)
        if out is None:
            files = draft_report(case, acting_or_program(person), completeness=found, progress=progress).files
        else:
            files = _built_outside(case, out, found, progress)
    told(files)


@command.command()
@CASE
@_ATTESTATION
@_PROFILE
@AS
@PASSPHRASE
def sign(case: Path, attestation: str, profile: str, person: str, passphrase_file: str | None) -> None:
    """Sign the report on CASE as it stands now: for the physician, who is asked for the passphrase again."""
    from prosector.report.sign import sign_report

    session = _physician(person)
    word = passphrase(passphrase_file)
    with progress_bar() as progress:
        found = _completeness(case, profile, progress)
        filed = sign_report(case, session, word, attestation, completeness=found, progress=progress)
    _tell(filed)


@command.command()
@CASE
@click.option("--reason", required=True, metavar="TEXT", help="Why the signed report is changed.")
@click.option("--addendum", default="", metavar="TEXT", help="Only add this text; else the report is composed anew.")
@_ATTESTATION
@AS
@PASSPHRASE
def amend(case: Path, reason: str, addendum: str, attestation: str, person: str, passphrase_file: str | None) -> None:
    """Sign a new version of the signed report on CASE; the earlier one is kept."""
    from prosector.report.sign import amend_report

    session = _physician(person)
    word = passphrase(passphrase_file)
    with progress_bar() as progress:
        filed = amend_report(case, session, word, reason, attestation, addendum=addendum, progress=progress)
    _tell(filed)


@command.command()
@CASE
@click.option("--version", "number", type=click.IntRange(min=1), help="Which one; else the newest.")
@click.option("--fhir", type=PATH, metavar="FILE", help="Also write it as a FHIR R4 bundle.")
def show(case: Path, number: int | None, fhir: Path | None) -> None:
    """List the reports of CASE and whether each is as it was filed; exit 1 if one is not."""
    from prosector.errors import CaseError, FileFormatError
    from prosector.report.sign import read_filed

    if fhir is not None:
        require_writable(fhir)
    events = [e for e in opened(case).reports if number in (None, e.data["version"])]
    if not events:
        raise CaseError("there is no such report: prosector report build CASE")
    faults = 0
    for event in events:
        try:
            report = read_filed(case, event)
            by = f"signed by {report.signature.name}, signature fits" if report.signature else "not signed"
            supervised = "supervised" if report.supervision.supervised else "NOT SUPERVISED"
            click.echo(f"version {report.version}  {report.status:8}  {supervised}  {by}")
        except (CaseError, FileFormatError) as error:
            faults += 1
            click.echo(f"version {event.data['version']}  {error}")
        for row in event.data["files"]:
            click.echo(f"  {case / row['file']}")
    if fhir is not None and not faults:
        _write_fhir(case, events[-1], fhir)
    if faults:
        sys.exit(1)


def _completeness(case: Path, profile: str, progress: Progress) -> Completeness | None:
    """What the rules say of the report that is about to be written; None where no profile is named."""
    from prosector.report.check import check_case

    return check_case(case, profile, signing=True, progress=progress) if profile else None


def _built_outside(case: Path, out: Path, completeness: Completeness | None, progress: Progress) -> tuple[Path, ...]:
    from prosector.case.folder import read_case
    from prosector.report.compose import compose_report
    from prosector.report.html import write_report_html
    from prosector.report.json import write_report_json
    from prosector.report.pdf import write_report_pdf
    from prosector.report.pictures import pictures_of_case

    files = tuple(out / f"report.{ending}" for ending in ("json", "html", "pdf"))
    require_writable(files[0])
    report = compose_report(case, completeness=completeness, progress=progress)
    pictures = pictures_of_case(case, read_case(case), report)
    write_report_json(files[0], report)
    write_report_html(files[1], report, pictures)
    write_report_pdf(files[2], report, pictures)
    return files


def _write_fhir(case: Path, event: Any, path: Path) -> None:
    import json

    from prosector.atomic import write_text
    from prosector.report.fhir import fhir_bundle
    from prosector.report.sign import read_filed

    (pdf,) = (row["file"] for row in event.data["files"] if row["file"].endswith(".pdf"))
    bundle = fhir_bundle(read_filed(case, event), (case / pdf).read_bytes())
    write_text(path, json.dumps(bundle, indent=2, ensure_ascii=False) + "\n")
    click.echo(str(path))


def _physician(person: str) -> Session:
    from prosector.case.sessions import require_session, supervising_session

    return (None if person else supervising_session()) or require_session("physician", person_id=person)


def _tell(filed: Filed) -> None:
    report = filed.report
    click.echo(f"{report.report_id} version {report.version} is {report.status}, signed by {filed.event.actor.name}.")
    if not report.supervision.supervised:
        click.echo("NOT SUPERVISED: this is no complete 76377 record.")
    told(filed.files)
