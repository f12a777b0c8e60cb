"""Computing in a case: a recipe is run, its files are written into the case, and the log says so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prosector.case.events import Event
from prosector.case.folder import OUTPUTS, begin_session, record
from prosector.case.sessions import Session
from prosector.case.source import read_source
from prosector.errors import NotPermittedError, RecipeError
from prosector.model.digest import canonical_json
from prosector.model.labels import LabelMap
from prosector.model.progress import Progress, silent
from prosector.model.recipe import SOURCE, Output, Recipe
from prosector.model.volume import Volume
from prosector.pipeline.export import check_outputs, trace_sha256, write_outputs, write_value
from prosector.pipeline.operation import Value
from prosector.pipeline.recipes import trace_to_json
from prosector.pipeline.run import NOTHING, Result, run


def run_in_case(
    folder: str | Path,
    recipe: Recipe,
    *,
    session: Session | None = None,
    supervisor: Session | None = None,
    given: Mapping[str, Value] = NOTHING,
    volume: Volume | None = None,
    progress: Progress = silent,
) -> tuple[Event, Result]:
    """Run a recipe on the case's source and keep what it makes.

    Parameters
    ----------
    folder : path
        The case.
    recipe : Recipe
    session : Session, optional
        The operator. Without one the work is a program's own, which no report on supervised work can count.
    supervisor : Session, optional
        Of the physician who supervises; left out, the operator's where that is a physician. It signs the run too.
    given : mapping
        What the recipe takes besides the volume; kept in the case.
    volume : Volume, optional
        The source, where the caller has read it already; left out, it is read and held to its recorded hash.

    Returns
    -------
    Event, Result
        The event that records the run, and the values.

    Raises
    ------
    RecipeError, UsageError
        Before anything is computed.
    """
    folder = Path(folder)
    check_outputs(recipe)
    volume = read_source(folder, progress) if volume is None else volume
    name, place = _new_run(folder)
    kept = _keep_given(folder, place, given)
    if supervisor is None and session is not None and session.person.role == "physician":
        supervisor = session
    _require_physician(supervisor)
    result = run(volume, recipe, progress, given, supervised=supervisor is not None)
    written = write_outputs(result, place, progress)
    rows = [output_row(name, output, file, result) for output, file in zip(result.trace.outputs, written, strict=True)]
    data = {
        "run": name,
        "recipe": recipe.name,
        "trace": trace_to_json(result.trace),
        "outputs": rows,
        "given": kept,
        "operator": session.person.id if session else "",
        "supervisor": _countersigned(result, supervisor),
    }
    if supervisor is not None:
        begin_session(folder, supervisor)
    event = record(folder, "run-done", data, about=[name, *(row["id"] for row in rows)], session=session)
    return event, result


def supervised_text(trace_sha: str, session_id: str) -> bytes:
    """What a supervising session signs of a run."""
    return canonical_json({"session": session_id, "trace_sha256": trace_sha}).encode()


def _countersigned(result: Result, supervisor: Session | None) -> dict[str, str]:
    if supervisor is None:
        return {}
    sha256 = trace_sha256(result.trace)
    signature = supervisor.sign(supervised_text(sha256, supervisor.id))
    return {"person": supervisor.person.id, "session": supervisor.id, "trace_sha256": sha256, "signature": signature}


def _require_physician(supervisor: Session | None) -> None:
    if supervisor is not None and supervisor.person.role != "physician":
        raise NotPermittedError(f"a physician supervises; {supervisor.person.id!r} is a {supervisor.person.role}")


def _keep_given(folder: Path, place: Path, given: Mapping[str, Value]) -> dict[str, dict[str, str]]:
    """Write what a recipe was given into the case, so that the run can be repeated."""
    rows = {}
    for name, value in given.items():
        if not isinstance(value, LabelMap):
            raise RecipeError(f"a case keeps labels that a recipe is given; {name!r} is a {type(value).__name__}")
        path = place / "given" / f"{name}.nii.gz"
        write_value(path, value)
        rows[name] = {"file": path.relative_to(folder).as_posix(), "sha256": path_sha256(path)}
    return rows


def output_row(run_id: str, output: Output, file: Path, result: Result) -> dict[str, Any]:
    """What the log says of one file."""
    value = result.source if output.step == SOURCE else result.values[output.step]
    hashes = {s.id: s.output_sha256 for s in result.trace.steps} | {SOURCE: result.trace.source_sha256}
    return {
        "id": f"{run_id}/{output.file}",
        "file": f"{OUTPUTS}/{run_id}/{output.file}",
        "step": output.step,
        "kind": type(value).__name__,
        "sha256": path_sha256(file),
        "value_sha256": hashes[output.step],
        "method": getattr(value, "method", ""),
        **_uids(file),
    }


def path_sha256(path: Path) -> str:
    """sha256 of a file; of a folder (frames of a cine), over its names and files."""
    h = hashlib.sha256()
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    for inner in sorted(path.iterdir()):
        h.update(f"{inner.name}\0".encode())
        h.update(hashlib.sha256(inner.read_bytes()).digest())
    return h.hexdigest()


def _uids(file: Path) -> dict[str, str]:
    if file.suffix != ".dcm":
        return {"sop_class_uid": "", "sop_instance_uid": ""}
    from prosector.dicom.blobs import disk_blob
    from prosector.dicom.header import read_header

    blob = disk_blob(str(file), str(file.parent))
    assert blob is not None, "a file that was just written is DICOM"
    header = read_header(blob)
    return {"sop_class_uid": header.text("SOPClassUID"), "sop_instance_uid": header.text("SOPInstanceUID")}


def _new_run(folder: Path) -> tuple[str, Path]:
    """A name that no run has, not even one that was broken off, and its folder."""
    number = 1
    while True:
        place = folder / OUTPUTS / f"run-{number:04d}"
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return place.name, place
