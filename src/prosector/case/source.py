"""The source of a case: which files it is, what they hash to, and reading them again exactly so."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prosector.case.events import Event
from prosector.case.folder import read_case, record
from prosector.case.sessions import Session
from prosector.case.state import CaseState
from prosector.errors import CaseError
from prosector.model.digest import canonical_json, digest
from prosector.model.progress import Progress, silent
from prosector.model.source import Patient, Source
from prosector.model.volume import Volume

LOAD = ("series", "volume", "gaps", "tilt", "modality")
"""How a source was read: arguments of :func:`prosector.pipeline.source.read_volume`."""


def add_source(
    folder: str | Path,
    path: str | Path,
    load: dict[str, Any] | None = None,
    session: Session | None = None,
    progress: Progress = silent,
) -> Volume:
    """Add a series to a case; its files stay where they are.

    Parameters
    ----------
    folder : path
        The case.
    path : path
        Of the series, as for :func:`prosector.pipeline.source.read_volume`.
    load : dict, optional
        ``series``, ``volume``, ``gaps``, ``tilt``, ``modality``.

    Returns
    -------
    Volume
        As it was read.

    Raises
    ------
    CaseError
        If the case has a source of another patient or study.
    InputError, UsageError
        As the reader raises them.
    """
    from prosector.pipeline.source import read_volume

    state = read_case(folder)
    given = {name: value for name, value in (load or {}).items() if value is not None}
    volume = read_volume(path, progress=progress, **given)
    data = _identity(state, Path(path).resolve(), volume, given, progress)
    if Path(path).resolve().is_relative_to(Path(folder).resolve()):  # such a case can be moved
        data["path"] = Path(path).resolve().relative_to(Path(folder).resolve()).as_posix()
    for other in state.of("source-added"):
        if other.data["identity_sha256"] != data["identity_sha256"]:
            raise CaseError("this series is of another patient than the case's source: (0010,0020), (0010,0010)")
        if other.data["study_uid"] != data["study_uid"]:
            raise CaseError("this series is of another study than the case's source: (0020,000D)")
    record(folder, "source-added", data, about=[volume.source.series_instance_uid], session=session)
    return volume


def read_source(folder: str | Path, progress: Progress = silent, event: Event | None = None) -> Volume:
    """Read a case's source (the first, or that of ``event``) again and hold it to what was recorded.

    Raises
    ------
    CaseError
        If the case has no source, or it reads otherwise than it did.
    """
    from prosector.pipeline.source import read_volume

    state = read_case(folder)
    added = state.of("source-added")
    if not added:
        raise CaseError("the case has no source yet: prosector case create --series PATH")
    data = (event or added[0]).data
    volume = read_volume(Path(folder) / data["path"], progress=progress, **data["load"])
    found = digest(volume)
    if found != data["volume_sha256"]:
        raise CaseError(
            f"the source reads otherwise than when the case was made: sha256 {found[:12]}… instead of "
            f"{data['volume_sha256'][:12]}…; files were changed, or another version of the software reads them"
        )
    return volume


def changed_files(event: Event, progress: Progress = silent, folder: Path = Path()) -> tuple[str, ...]:
    """What differs between a source's files now and as they were recorded: one line for each.

    ``folder`` is the case, for a source that lies in it.
    """
    data = event.data
    try:
        now = dict(_hashes(folder / data["path"], data["series_uid"], data["instances"], progress))
    except (OSError, ValueError, CaseError) as error:
        return (f"the source cannot be read: {type(error).__name__}",)
    then = {row["name"]: row["sha256"] for row in data["files"]}
    gone = [f"{name} is gone" for name in then if name not in now]
    other = [f"{name} was changed" for name in then if name in now and now[name][1] != then[name]]
    return (*gone, *other)


def identity_sha256(salt: str, patient: Patient) -> str:
    """A salted hash that says whether two series name the same patient, without naming the patient."""
    return hashlib.sha256((salt + canonical_json(asdict(patient))).encode()).hexdigest()


def _identity(state: CaseState, path: Path, volume: Volume, load: dict[str, Any], progress: Progress) -> dict[str, Any]:
    source: Source = volume.source
    instances = list(source.sop_instance_uids)
    hashes = _hashes(path, source.series_instance_uid, instances, progress)
    equipment = source.equipment
    when = f"{source.acquisition.date or source.study.date} {source.acquisition.time or source.study.time}"
    return {
        "path": str(path),
        "load": load,
        "study_uid": source.study.instance_uid,
        "series_uid": source.series_instance_uid,
        "modality": source.modality,
        "instances": instances,
        "files": [{"name": name, "bytes": size, "sha256": sha256} for name, (size, sha256) in hashes],
        "volume_sha256": digest(volume),
        "equipment": {
            "manufacturer": equipment.manufacturer,
            "model": equipment.model,
            "serial": equipment.serial_number,
            "station": equipment.station_name,
        },
        "acquired": when.strip(),
        "identity_sha256": identity_sha256(state.created.data["salt"], source.patient),
        "warnings": list(source.warnings),
    }


def _hashes(path: Path, series_uid: str, instances: list[str], progress: Progress) -> list[tuple[str, tuple[int, str]]]:
    from prosector.dicom.files import file_hashes

    if not series_uid:  # not DICOM: one file
        data = path.read_bytes()
        return [(path.name, (len(data), hashlib.sha256(data).hexdigest()))]
    return [(name, (size, sha256)) for name, size, sha256 in file_hashes(path, series_uid, instances, progress)]
