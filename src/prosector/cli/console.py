"""What the commands share: progress on the terminal, and running a recipe with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.errors import RecipeError, UsageError
from prosector.model.progress import Progress

if TYPE_CHECKING:
    from prosector.model.volume import Volume

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


@dataclass(frozen=True, slots=True)
class Chosen:
    """What to load, as the command line says it."""

    path: Path
    series: str | None
    volume: int | None
    gaps: str
    tilt: str
    modality: str | None

    def load(self, progress: Progress) -> Volume:
        """Read the volume and tell what the loader warns of."""
        from prosector.pipeline.source import read_volume

        volume = read_volume(
            self.path,
            self.series,
            volume=self.volume,
            gaps=self.gaps,
            tilt=self.tilt,
            modality=self.modality,
            progress=progress,
        )
        for warning in volume.source.warnings:
            click.echo(f"note: {warning}", err=True)
        return volume


_OPTIONS = (
    click.option("--series", metavar="UID", help="Series Instance UID, or the end of one."),
    click.option("--volume", type=click.IntRange(min=1), help="Which volume of a series that holds several."),
    click.option("--gaps", default="refuse", metavar="HOW", help="Missing or uneven slices: refuse, interpolate, "
                 "largest-regular-run or drop-duplicates."),
    click.option("--tilt", default="keep", metavar="HOW", help="Gantry tilt: keep, or regularize by resampling."),
    click.option("--modality", metavar="CT|MR", help="For NIfTI, NRRD and MetaImage, which do not say."),
)  # fmt: skip


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add PATH and what chooses a volume in it, and hand them over as one ``chosen``."""

    @wraps(function)
    def command(path: Path, **options: Any) -> Any:
        chosen = Chosen(path, *(options.pop(name) for name in ("series", "volume", "gaps", "tilt", "modality")))
        return function(chosen=chosen, **options)

    decorated: Callable[..., Any] = command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return click.argument("path", type=PATH)(decorated)


@contextmanager
def asked_on_the_command_line() -> Iterator[None]:
    """Turn an error in a recipe that the command itself made from its options into one of usage."""
    try:
        yield
    except RecipeError as error:
        if isinstance(error.__cause__, UsageError):
            raise error.__cause__ from None
        raise


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
