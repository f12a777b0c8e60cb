"""``prosector case order, base, coding, communication``: what belongs to a case beside the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from prosector.cli.console import PATH
from prosector.cli.login_options import AS, CASE, acting, entered


@click.command()
@CASE
@click.option("--orderer", required=True, metavar="NAME", help="Who ordered the 3D work.")
@click.option("--date", required=True, metavar="DATE", help="Of the order, as 2026-11-23.")
@click.option("--npi", default="", help="The orderer's National Provider Identifier.")
@click.option("--id", "order_id", metavar="ID", help="The order's number.")
@click.option("--document", type=PATH, metavar="FILE", help="The written order; a copy is kept in the case.")
@click.option("--urgent", is_flag=True, help="Urgent, and the orderer could not be reached.")
@click.option("--setting", metavar="WHERE", help="hospital, non-hospital or opps.")
@AS
def order(
    case: Path, orderer: str, date: str, npi: str, document: Path | None, person: str, **more: Any
) -> None:  # fmt: skip
    """Enter the order for 3D post-processing on CASE."""
    from prosector.case.entries import record_order

    entered(record_order(case, acting(person), orderer, date, npi=npi, document=document, more=more))


@click.command()
@CASE
@click.option("--cpt", required=True, metavar="CODE", help="Number of the base study's code.")
@click.option("--accession", metavar="NUMBER", help="Accession number (0008,0050), where the source does not say.")
@click.option("--procedure", metavar="TEXT", help="What was examined.")
@click.option("--report-id", metavar="ID", help="Of the base study's report.")
@click.option("--status", metavar="STATUS", help="interpreted or pending.")
@click.option("--performed", metavar="TIME", help="When, as 2026-11-23T14:05.")
@AS
def base(case: Path, cpt: str, person: str, **more: Any) -> None:
    """Enter the base study that the 3D work on CASE adds to."""
    from prosector.case.entries import record_base

    entered(record_base(case, acting(person), cpt, more))


@click.command()
@CASE
@click.option("--units", type=click.IntRange(min=1), help="One for areas that hang together.")
@click.option("--region", "regions", multiple=True, metavar="NAME", help="An area, where there are several.")
@click.option("--icd10", multiple=True, metavar="CODE", help="A diagnosis (ICD-10-CM); again for each.")
@click.option("--also-claimed", multiple=True, metavar="CODE", help="Another procedure's code; again for each.")
@click.option("--prior-authorisation", metavar="ID", help="Where the payer asks for one.")
@click.option("--setting", metavar="WHERE", help="hospital, non-hospital or opps.")
@click.option("--component", metavar="PART", help="global, tc or 26.")
@click.option("--purpose", metavar="TEXT", help="What the 3D work is for.")
@click.option("--rendering-host", metavar="HOST", help="workstation, console or server.")
@click.option("--practice-share-percent", type=click.FloatRange(0, 100), help="Share of CT and MR with 3D work.")
@AS
def coding(case: Path, person: str, **fields: Any) -> None:
    """Enter what the coding of CASE needs; a later entry replaces the earlier one."""
    from prosector.case.entries import record_coding

    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
    entered(record_coding(case, acting(person), listed))


@click.command()
@CASE
@click.option("--to", required=True, metavar="NAME", help="To whom.")
@click.option("--at", required=True, metavar="TIME", help="When, as 2026-11-23T14:05.")
@click.option("--what", required=True, metavar="TEXT", help="What was said.")
@click.option("--by", metavar="NAME", help="Who said it; else whoever enters it.")
@click.option("--critical", is_flag=True, help="A critical result.")
@click.option("--specific-need", metavar="TEXT", help="Of urgent work without an order: why 3D was needed.")
@click.option("--study-time", metavar="TIME", help="Of urgent work without an order: time of the study.")
@AS
def communication(case: Path, to: str, at: str, what: str, person: str, **more: Any) -> None:
    """Enter that a result of CASE was communicated."""
    from prosector.case.entries import record_communication

    entered(record_communication(case, acting(person), to, at, what, more))
