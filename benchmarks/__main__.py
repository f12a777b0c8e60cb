"""All benchmarks without asv: ``python -m benchmarks --out FOLDER``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import cine, frames, machine, meshes, outcome, pictures, startup, vtk_peers
from benchmarks.ours import OURS
from benchmarks.scenes import VIEWS, Scene, scene
from benchmarks.timing import alternate, medians
from prosector.errors import ProsectorError

ROUNDS = 7
QUICK_SIZE = 96
PARTS = ("frames", "mesh", "cine", "bone", "vesselness", "centerlines", "startup", "loading")


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for and write it."""
    asked = _parse(arguments)
    found = scene(asked.dataset)
    outcome.write(measure(found, asked), asked.out)
    print(asked.out / "benchmarks.md")


def measure(found: Scene, asked: argparse.Namespace) -> dict[str, Any]:
    """Everything as one value that JSON can hold."""
    described = machine.describe()
    volume = found.volume
    results: list[dict[str, Any]] = []
    fresh: dict[str, Any] = {}
    floor = alternate(meshes.floor(found), asked.rounds)
    if "frames" in asked.parts:
        results += [row for size in asked.sizes for row in _frames(found, size, asked)]
    if "mesh" in asked.parts:
        results.append(_mesh(found, asked))
    if "cine" in asked.parts:
        size, count = (QUICK_SIZE, 4) if asked.quick else (outcome.AIM_SIZE, cine.FRAMES)
        results.append(_row("cine", size, "turning", alternate(cine.runs(found, size, count), min(asked.rounds, 3))))
    results += _tissues(found, asked)
    if "loading" in asked.parts:
        from benchmarks import loading

        _say("loading")
        results += loading.rows(asked.rounds)
    if "startup" in asked.parts:
        _say("fresh processes")
        fresh = {
            "memory": startup.peak_memory(asked.dataset, outcome.AIM_SIZE),
            "compile": startup.compile_times(asked.dataset, outcome.AIM_SIZE),
        }
    ((what, seconds),) = medians(floor).items()
    return {
        "machine": described,
        "load_after": machine.describe()["load"],
        "scene": {
            "name": found.name,
            "shape": volume.geometry.shape,
            "type": volume.voxels.dtype.name,
            "spacing_mm": volume.geometry.spacing_mm,
            "step_mm": found.step_mm,
        },
        "rounds": asked.rounds,
        "floor": {"what": what, "seconds": seconds},
        "results": results,
        **fresh,
    }


def _tissues(found: Scene, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Segmentation and measurement; their peers are loaded only here."""
    rows, rounds = [], min(asked.rounds, 3)
    if "bone" in asked.parts:
        from benchmarks import bone

        _say("bone")
        rows.append(_row("bone", None, "", alternate(bone.runs(found.volume), rounds)))
    if "vesselness" in asked.parts:
        from benchmarks import vesselness

        _say("vesselness")
        rows.append(_row("vesselness", None, "", alternate(vesselness.runs(vesselness.part(asked.dataset)), rounds)))
    if "centerlines" in asked.parts:
        from benchmarks import centerlines

        _say("centerlines")
        labels = centerlines.synthetic()
        rows.append(_row("distance field", None, "", alternate(centerlines.distance_runs(labels), rounds)))
        rows.append(_row("centreline", None, "", alternate(centerlines.line_runs(labels), rounds)))
    return rows


def _frames(found: Scene, size: int, asked: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for method in asked.methods:
        views = frames.peer_views(found, method, size)
        for number, view in enumerate(asked.views):
            if number:
                views.pop(vtk_peers.GPU, None)  # a minute a picture, in software: once says enough
            _say(f"{method} {size} {view}")
            row = _row(
                f"{method}, steady",
                size,
                view,
                alternate(frames.steady(found, method, size, view, views), asked.rounds),
            )
            stills = frames.stills(found, method, size, view, views)
            row["pictures"] = {w: pictures.keep(p, asked.out, f"{method}-{size}-{view}-{w}") for w, p in stills.items()}
            row["compared"] = {w: pictures.compare(stills[OURS], p) for w, p in stills.items() if w != OURS}
            rows.append(row)
        view = asked.views[0]
        runs = frames.first(found, method, size, view, views)
        rows.append(_row(f"{method}, first frame", size, view, alternate(runs, asked.rounds)))
    return rows


def _mesh(found: Scene, asked: argparse.Namespace) -> dict[str, Any]:
    _say("mesh")
    runs = meshes.runs(found)
    row = _row("mesh", None, "", alternate(runs, asked.rounds))
    row["compared"] = {who: dict(zip(("vertices", "triangles"), run(), strict=True)) for who, run in runs.items()}
    return row


def _row(case: str, size: int | None, view: str, seconds: dict[str, list[float]]) -> dict[str, Any]:
    return {"case": case, "size": size, "view": view, "seconds": seconds, "medians": medians(seconds)}


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--dataset", help="a registered name, synthetic, sample, tiny or a path")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--views", nargs="+", choices=VIEWS)
    parser.add_argument("--methods", nargs="+", choices=frames.METHODS, default=list(frames.METHODS))
    parser.add_argument("--parts", nargs="+", choices=PARTS)
    asked = parser.parse_args(arguments)
    asked.dataset = asked.dataset or ("tiny" if asked.quick else "chest_cta")
    asked.rounds = asked.rounds or (2 if asked.quick else ROUNDS)
    asked.sizes = asked.sizes or ([QUICK_SIZE] if asked.quick else frames.SIZES)
    asked.views = asked.views or (["oblique"] if asked.quick else list(VIEWS))
    asked.parts = asked.parts or (["frames", "mesh", "cine"] if asked.quick else list(PARTS))
    return asked


if __name__ == "__main__":
    os.environ.setdefault("VTK_SILENCE_GET_VOID_POINTER_WARNINGS", "1")
    try:
        main()
    except ProsectorError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
