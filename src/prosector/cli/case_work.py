"""``prosector case create, add, run``: the source of a case and what is computed from it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from prosector.cli.console import PATH, progress_bar
from prosector.cli.given import GivenLabels, answered, given_option, load_given, split_pairs
from prosector.cli.login_options import AS, CASE, acting, acting_or_program, entered
from prosector.errors import ParameterError

_STATION = ("id", "host_kind", "manufacturer", "model", "serial", "cleared", "independent")


def _source_options(function: Any) -> Any:
    for option in reversed(
        (
            click.option("--series", "path", type=PATH, required=True, metavar="PATH", help="The source; it stays "
                         "where it is: a folder, file, DICOMDIR or archive, NIfTI, NRRD or MetaImage."),
            click.option("--series-uid", "series", metavar="UID", help="Series Instance UID, or the end of one."),
            click.option("--volume", type=click.IntRange(min=1), help="Which volume of a series that holds several."),
            click.option("--gaps", metavar="HOW", help="Missing or uneven slices: refuse, interpolate, "
                         "largest-regular-run or drop-duplicates."),
            click.option("--tilt", metavar="HOW", help="Gantry tilt: keep, or regularize by resampling."),
            click.option("--modality", metavar="CT|MR", help="For NIfTI, NRRD and MetaImage, which do not say."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


@click.command()
@CASE
@_source_options
@click.option(
    "--workstation",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="What is known of this workstation: "
    "id, host_kind (workstation, console, server), manufacturer, model, serial, cleared, independent.",
)
@AS
def create(case: Path, path: Path, pairs: tuple[str, ...], person: str, **load: Any) -> None:  # fmt: skip
    """Begin a case in the new folder CASE, with the series under PATH as its source."""
    from prosector.case.folder import create_case

    session = acting_or_program(person)
    create_case(case, _workstation(pairs))
    try:
        _add(case, path, load, session)
    except BaseException:
        shutil.rmtree(case)  # of our own making, and nothing is in it yet
        raise
    click.echo(str(case))


@click.command()
@CASE
@_source_options
@AS
def add(case: Path, path: Path, person: str, **load: Any) -> None:
    """Add another series of the same patient and study to CASE."""
    _add(case, path, load, acting_or_program(person))


@click.command()
@CASE
@click.option("--recipe", required=True, metavar="NAME|FILE", help="A built-in recipe or a JSON file.")
@given_option
@click.option(
    "--supervisor", default="", metavar="LOGIN", help="The physician who supervises; else whichever is logged in."
)
@click.option("--unsupervised", is_flag=True, help="Nobody supervises, though a physician is logged in.")
@AS
def run(
    case: Path, recipe: str, labels: GivenLabels | None, pairs: tuple[str, ...], supervisor: str, unsupervised: bool,
    person: str,
) -> None:  # fmt: skip
    """Run a recipe on the source of CASE and keep what it makes.

    With a physician logged in, the run is supervised and signed by that session; otherwise everything that it makes
    says NOT SUPERVISED.
    """
    from prosector.case.runs import run_in_case
    from prosector.case.sessions import supervising_session
    from prosector.case.source import read_source
    from prosector.pipeline.recipes import read_recipe
    from prosector.pipeline.run import check_recipe

    if supervisor and unsupervised:
        raise click.UsageError("--supervisor and --unsupervised exclude each other")
    parsed = answered(read_recipe(recipe), pairs)
    check_recipe(parsed)
    session = acting_or_program(person)
    watching = None if unsupervised else acting(supervisor) if supervisor else supervising_session()
    with progress_bar() as progress:
        volume = read_source(case, progress)
        given = load_given(labels, volume)
        event, _ = run_in_case(
            case, parsed, session=session, supervisor=watching, given=given, volume=volume, progress=progress
        )
    entered(event)
    seal = event.data["supervisor"]
    click.echo(f"{event.data['run']}, " + (f"supervised by {seal['person']}" if seal else "NOT SUPERVISED"))
    for row in event.data["outputs"]:
        click.echo(f"  {row['id']}")


def _add(case: Path, path: Path, load: dict[str, Any], session: Any) -> None:
    from prosector.case.source import add_source

    with progress_bar() as progress:
        volume = add_source(case, path, load, session, progress)
    for warning in volume.source.warnings:
        click.echo(f"note: {warning}", err=True)


def _workstation(pairs: tuple[str, ...]) -> dict[str, Any]:
    given: dict[str, Any] = dict(split_pairs(pairs, "--workstation"))
    for name in given:
        if name not in _STATION:
            raise ParameterError(f"--workstation has no {name!r}; it has: {', '.join(_STATION)}")
    if "independent" in given:
        if given["independent"] not in ("yes", "no"):
            raise ParameterError("--workstation independent=yes or independent=no")
        given["independent"] = given["independent"] == "yes"
    return given
