"""Replay: every output of a case computed again from its source and log, and compared byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from prosector.case.events import Event
from prosector.case.folder import read_case
from prosector.case.runs import path_sha256
from prosector.case.source import read_source
from prosector.errors import ProsectorError
from prosector.model.cine import Cine
from prosector.model.progress import Progress, silent
from prosector.model.recipe import SOURCE, Trace
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.pipeline.export import write_outputs
from prosector.pipeline.operation import Value
from prosector.pipeline.recipes import parse_trace, recipe_of
from prosector.pipeline.run import Result, run
from prosector.pipeline.source import read_labels
from prosector.rendering.png import read_png

TOLERANCE_GRAY = 2
"""Levels of 255 by which a picture may differ where another version or processor computed it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that came out otherwise.

    ``close`` says that it is a picture within :data:`TOLERANCE_GRAY`, computed by other versions or on another kind
    of processor than the first time; anything else is a mismatch.
    """

    run: str
    step: str
    file: str
    what: str
    close: bool = False


def replay_case(folder: str | Path, progress: Progress = silent, only: str = "") -> tuple[Difference, ...]:
    """Compute every run of a case again and compare values and files.

    Parameters
    ----------
    folder : path
        The case; nothing in it is changed.
    progress : callable
    only : str, optional
        A single run.

    Returns
    -------
    tuple of Difference
        Empty where everything is the same to the byte; in the order of the log, so that the first comes first.

    Raises
    ------
    CaseError
        If the source reads otherwise than it did: there is nothing to compare with then.
    """
    folder = Path(folder)
    runs = [e for e in read_case(folder).of("run-done") if only in ("", e.data["run"])]
    volume = read_source(folder, progress)
    found: list[Difference] = []
    for number, event in enumerate(runs):
        progress(f"computing {event.data['run']} again", number / len(runs))
        found += _replayed(folder, event, volume)
    progress("done", 1.0)
    return tuple(found)


def _replayed(folder: Path, event: Event, volume: Volume) -> Iterator[Difference]:
    trace = parse_trace(event.data["trace"])
    name = event.data["run"]
    try:
        again = run(volume, recipe_of(trace), given=_given(folder, event, volume), supervised=trace.supervised)
    except ProsectorError as error:
        yield Difference(name, "", "", f"cannot be computed again: {error}")
        return
    foreign = _foreign(trace, again.trace)
    pairs = zip(trace.steps, again.trace.steps, strict=True)
    differing = [old.id for old, new in pairs if old.output_sha256 != new.output_sha256]
    yield from (_value(folder, event, step, again, foreign) for step in differing)
    # files are written under the first trace: its time and hashes are part of DICOM objects
    yield from _files(folder, event, Result(volume, again.values, trace), set(differing), foreign)


def _given(folder: Path, event: Event, volume: Volume) -> Mapping[str, Value]:
    return {name: read_labels(folder / row["file"], volume) for name, row in event.data.get("given", {}).items()}


def _foreign(then: Trace, today: Trace) -> str:
    """What is another than it was: versions and processor; empty where nothing is."""
    changed = [(name, was, today.versions.get(name, "none")) for name, was in then.versions.items()]
    other = [f"{name} {was} then, {now} now" for name, was, now in changed if was != now]
    if then.machine["cpu"] != today.machine["cpu"]:
        other.append(f"processor {then.machine['cpu']} then, {today.machine['cpu']} now")
    return "; ".join(other)


def _value(folder: Path, event: Event, step: str, again: Result, foreign: str) -> Difference:
    """A step whose value is another: where, if a picture of it was kept."""
    run_id = event.data["run"]
    value = again.values[step]
    kept = next((row for row in event.data["outputs"] if row["step"] == step and row["file"].endswith(".png")), None)
    because = f" ({foreign})" if foreign else ""
    if kept is None or not isinstance(value, Rendering) or not (folder / kept["file"]).exists():
        return Difference(run_id, step, "", f"its value is another{because}")
    old = read_png(folder / kept["file"]).astype(int)
    if old.shape != value.pixels.shape:
        return Difference(run_id, step, kept["file"], f"the picture has another size{because}")
    off = np.abs(old - value.pixels).reshape(*old.shape[:2], -1).max(axis=2)
    if not off.any():
        return Difference(run_id, step, kept["file"], f"its value is another, though the pixels are the same{because}")
    row, column = (int(n) for n in np.argwhere(off)[0])
    then, now = old[row, column].tolist(), value.pixels[row, column].tolist()
    what = f"{np.count_nonzero(off)} pixels differ by up to {off.max()} of 255, first at row {row}, column {column}: "
    what += f"{then} then, {now} now{because}"
    return Difference(run_id, step, kept["file"], what, close=bool(foreign) and int(off.max()) <= TOLERANCE_GRAY)


def _files(folder: Path, event: Event, result: Result, differing: set[str], foreign: str) -> Iterator[Difference]:
    """Files whose bytes are others though the value is the same."""
    because = f" ({foreign})" if foreign else ""
    with TemporaryDirectory() as place:
        write_outputs(result, place)
        for row in event.data["outputs"]:
            written = Path(place) / row["id"].split("/", 1)[1]
            if row["step"] in differing or path_sha256(written) == row["sha256"]:
                continue
            value = result.source if row["step"] == SOURCE else result.values[row["step"]]
            original = folder / row["file"]
            what = _first_difference(original, written) if original.is_file() else "it is another"
            encoded = isinstance(value, Cine) and written.suffix in (".mp4", ".gif")
            yield Difference(event.data["run"], row["step"], row["file"], what + because, bool(foreign) and encoded)


def _first_difference(old: Path, new: Path) -> str:
    a, b = old.read_bytes(), new.read_bytes()
    shared = min(len(a), len(b))
    at = next((n for n in range(shared) if a[n] != b[n]), shared)
    return f"the file differs from byte {at} on ({len(a)} bytes then, {len(b)} now)"
