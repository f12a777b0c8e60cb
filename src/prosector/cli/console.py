"""What the commands share: progress on the terminal, and running a recipe with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from prosector.model.progress import Progress

if TYPE_CHECKING:
    from prosector.model.volume import Volume

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield a progress callback that draws on standard error, if that is a terminal.

    Lines vanish when they are done, so that what stays is the result.
    """
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)

        def report(what: str, fraction: float) -> None:
            bar.update(task, description=what, completed=fraction)

        yield report


def series_options(function: F) -> F:
    """Add PATH and --series, the same for every command that reads one series."""
    function = click.option("--series", metavar="UID", help="Series Instance UID, or the end of one.")(function)
    return click.argument("path", type=PATH)(function)


def load(path: Path, series: str | None, progress: Progress) -> Volume:
    """Read the series and tell what the loader warns of."""
    from prosector.dicom.read import read_series

    volume = read_series(path, series, progress=progress)
    for warning in volume.source.warnings:
        click.echo(f"note: {warning}", err=True)
    return volume


def size_of(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, int]:
    """Parse ``WxH``."""
    try:
        width, height = (int(part) for part in value.lower().split("x"))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not WIDTHxHEIGHT, such as 1024x768") from None
    return width, height


def told(paths: tuple[Path, ...]) -> None:
    """Print the files that were written, one a line."""
    for path in paths:
        click.echo(str(path))
