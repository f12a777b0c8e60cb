"""``prosector bench``: Prosector beside its peers on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH
from prosector.errors import MachineError

SUMMARY = "benchmarks.md"
PACKAGE = Path(__file__).parents[1]


@click.command()
@click.option("--dataset", metavar="NAME", help="A public series (prosector datasets list), synthetic, sample or tiny, "
              "or a PATH to one of your own. By default chest_cta.")  # fmt: skip
@click.option("--quick", is_flag=True, help="Few rounds, one small picture, a tiny volume: to see that all runs.")
@click.option("--rounds", type=click.IntRange(1, 99), help="Rounds that count; one more warms up.")
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="For benchmarks.md, .json, .svg and pictures.")
def command(dataset: str | None, quick: bool, rounds: int | None, out: Path) -> None:
    """Time projections, volume rendering, surfaces and meshes beside VTK, scikit-image and others.

    Same camera, sampling distance, size and transfer function; pictures of both are kept and compared.
    Needs a source checkout of Prosector; peers come with the extra "bench" and are left out where they are
    not installed.
    """
    root = checkout()
    require_writable(out / SUMMARY)
    options = ["--out", str(out.absolute())]
    options += (
        ["--dataset", str(Path(dataset).absolute()) if dataset and Path(dataset).exists() else dataset]
        if dataset
        else []
    )
    options += ["--quick"] if quick else []
    options += ["--rounds", str(rounds)] if rounds else []
    # a process of its own: first calls are timed, and a peer that crashes takes nothing else with it
    done = subprocess.run([sys.executable, "-m", "benchmarks", *options], cwd=root, check=False)  # noqa: S603 (ours)
    if done.returncode < 0:
        raise MachineError("a peer crashed while it was timed; without a graphics library VTK does (libegl1)")
    if done.returncode:
        sys.exit(done.returncode)


def checkout() -> Path:
    """Return the source checkout that this package runs from.

    Raises
    ------
    MachineError
        If it runs from an installed wheel, which has no benchmarks.
    """
    root = PACKAGE.parents[1]
    if not (root / "benchmarks" / "__main__.py").is_file():
        raise MachineError(
            "the benchmarks are not in the installed package: run this from a source checkout of Prosector, "
            "installed with: python -m pip install --editable '.[bench]'"
        )
    return root
