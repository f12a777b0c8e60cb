"""What is sent: DICOM files, each with the identity that a receipt must name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import MediaStorageDirectoryStorage

from prosector.case.events import Event
from prosector.case.folder import read_case
from prosector.case.state import CaseState
from prosector.errors import CaseError, MissingAttributeError, NoDicomError, OutputError
from prosector.model.progress import Progress, silent

NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")


@dataclass(frozen=True, slots=True)
class Instance:
    """A DICOM file.

    Parameters
    ----------
    id : str
        Of the case's output ("run-0001/mip.dcm") or the report's file; without a case, the file's name.
    path : Path
    sha256 : str
        Of the file.
    """

    id: str
    path: Path
    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str
    sha256: str

    @property
    def key(self) -> tuple[str, str]:
        """What an archive acknowledges: an identifier and the content that had it."""
        return self.sop_instance_uid, self.sha256

    def receipt(self, status: str) -> dict[str, str]:
        """A line of the journal and of the log: what the archive answered, DIMSE or HTTP status."""
        return {
            "id": self.id,
            "study_uid": self.study_uid,
            "sop_class_uid": self.sop_class_uid,
            "sop_instance_uid": self.sop_instance_uid,
            "sha256": self.sha256,
            "status": status,
        }


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be sent, and what cannot be, in words."""

    instances: tuple[Instance, ...]
    notes: tuple[str, ...] = field(default=())


def read_instance(path: Path, name: str) -> Instance:
    """The identity of a DICOM file.

    Raises
    ------
    NoDicomError
        If it is none.
    MissingAttributeError
        If it lacks a UID that sending needs.
    """
    try:
        dataset = dcmread(path, stop_before_pixels=True, specific_tags=list(NEEDED))
    except (InvalidDicomError, EOFError) as error:
        raise NoDicomError(f"{path.name} is no DICOM file") from error
    missing = [keyword for keyword in NEEDED if not dataset.get(keyword)]
    if missing or "TransferSyntaxUID" not in dataset.file_meta:
        raise MissingAttributeError(f"{path.name} lacks {', '.join(missing) or '(0002,0010) Transfer Syntax UID'}")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    study, series, kind, uid = (str(dataset[keyword].value) for keyword in NEEDED)
    return Instance(name, path, study, series, kind, uid, str(dataset.file_meta.TransferSyntaxUID), sha256)


def case_instances(folder: str | Path, everything: bool = False, also: Sequence[Instance] = ()) -> Selection:
    """The archived images of a case, and DICOM files of its signed report; all outputs and reports if asked.

    Parameters
    ----------
    folder : path
    everything : bool
    also : sequence of Instance
        What else goes with them: the objects of the report.

    Raises
    ------
    CaseError
        If a file is not what the log says, or there is nothing to send.
    """
    folder = Path(folder)
    state = read_case(folder)
    rows = [(o.id, o.file, o.sha256) for o in state.outputs.values() if everything or o.id in state.archived]
    notes = [f"{name} is no DICOM file: it stays here" for name, file, _ in rows if not file.endswith(".dcm")]
    for event in _reports(state, everything):
        rows += [(row["file"], row["file"], row["sha256"]) for row in event.data["files"]]
    if not state.of("report-signed"):
        notes.append("the case has no signed report: only images are sent")
    found = {instance.sop_instance_uid: instance for instance in also}
    for name, file, sha256 in rows:
        if file.endswith(".dcm"):
            instance = _recorded(folder, name, file, sha256)
            found[instance.sop_instance_uid] = instance
    if not found and not state.of("report-signed"):
        raise CaseError(
            "there is nothing to send: no archived DICOM image, no signed report. Select images "
            "(decision archive, select) that were written as .dcm, or send all outputs with --all"
        )
    return Selection(tuple(found.values()), tuple(notes))


def file_instances(paths: Sequence[Path], progress: Progress = silent) -> Selection:
    """The DICOM files among files and folders; other files in folders are passed over.

    Raises
    ------
    NoDicomError
        If a file that is named is no DICOM, or nothing is.
    OutputError
        If something cannot be read.
    """
    found: dict[tuple[str, str], Instance] = {}
    strange = 0
    try:
        files = list(_files(paths))
        for number, path in enumerate(files):
            progress("reading the files", number / len(files))
            try:
                instance = read_instance(path, path.name)
            except (NoDicomError, MissingAttributeError):
                if path in paths:
                    raise
                strange += 1
                continue
            if instance.sop_class_uid != MediaStorageDirectoryStorage:
                found[instance.key] = instance
    except OSError as error:
        raise OutputError(f"cannot read {error.filename}: {error.strerror}") from error
    if not found:
        raise NoDicomError(f"no DICOM object there; {strange} other file(s)")
    return Selection(tuple(found.values()), (f"{strange} file(s) that are no DICOM passed over",) if strange else ())


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
        else:
            yield path


def _reports(state: CaseState, everything: bool) -> tuple[Event, ...]:
    return state.reports if everything else state.of("report-signed")[-1:]


def _recorded(folder: Path, name: str, file: str, sha256: str) -> Instance:
    try:
        instance = read_instance(folder / file, name)
    except OSError:
        raise CaseError(f"{name} is not where the log says: {file}") from None
    if instance.sha256 != sha256:
        raise CaseError(f"{name} was changed since it was recorded: it is not sent; see prosector case verify")
    return instance
