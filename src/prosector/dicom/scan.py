"""What is in a folder, file or archive: its DICOM series."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom

from prosector.dicom.blobs import Blob, archive_kind, disk_blob, unpack, walk_files
from prosector.dicom.header import DICOMDIR, Header, read_header
from prosector.dicom.series import Series
from prosector.errors import InputError, NoDicomError
from prosector.model.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class Scan:
    """What was found under a path.

    ``unreadable`` holds (file name relative to the root, reason) of DICOM files that could not be read;
    ``not_dicom`` counts the files passed over.
    """

    root: Path
    series: tuple[Series, ...]
    not_dicom: int
    unreadable: tuple[tuple[str, str], ...]


def scan(path: str | os.PathLike[str], progress: Progress = silent) -> Scan:
    """Find the DICOM series in a folder tree, file, DICOMDIR, .zip or .tar archive.

    Parameters
    ----------
    path : path
        File names do not matter; what is not DICOM is passed over and counted.
    progress : callable
        Called with ("reading headers", fraction).

    Raises
    ------
    InputError
        If the path is not there, or is an archive that cannot be unpacked.
    """
    root = Path(path)
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    headers: dict[str, list[Header]] = {}
    not_dicom, unreadable = 0, []
    blobs, failed = _blobs(root)
    unreadable += failed
    for n, blob in enumerate(blobs):
        try:
            header = read_header(blob)
            if header.text("SOPClassUID") != DICOMDIR:
                headers.setdefault(header.text("SeriesInstanceUID"), []).append(header)
        except NoDicomError as error:
            if str(error) == "not a DICOM file":
                not_dicom += 1
            else:
                unreadable.append((blob.name, str(error)))
        except OSError as error:
            unreadable.append((blob.name, error.strerror or "cannot be opened"))
        if n % 16 == 0:
            progress("reading headers", (n + 1) / len(blobs))
    series = tuple(Series(uid, tuple(found)) for uid, found in headers.items())
    ordered = tuple(sorted(series, key=lambda s: (s.number if s.number is not None else 1 << 30, s.uid)))
    return Scan(root, ordered, not_dicom, tuple(unreadable))


def _blobs(root: Path) -> tuple[list[Blob], list[tuple[str, str]]]:
    if not root.is_file():
        return _opened(walk_files(str(root)), str(root))
    kind = _archive(root)
    if kind:
        return list(unpack(root, kind)), []
    if _is_dicomdir(root):
        return _opened(_listed(root), str(root.parent.resolve()))
    return _opened([str(root)], str(root))


def _archive(root: Path) -> str:
    try:
        return archive_kind(root)
    except OSError as error:
        raise InputError(f"{root}: {error.strerror or 'cannot be opened'}") from error


def _opened(files: Iterable[str], root: str) -> tuple[list[Blob], list[tuple[str, str]]]:
    blobs, failed = [], []
    for file in files:
        try:
            blob = disk_blob(file, root)
            if blob:
                blobs.append(blob)
        except OSError as error:
            failed.append((os.path.basename(file), error.strerror or "cannot be opened"))  # noqa: PTH119
    return blobs, failed


def _is_dicomdir(file: Path) -> bool:
    try:
        blob = disk_blob(str(file), str(file))
        return blob is not None and read_header(blob).text("SOPClassUID") == DICOMDIR
    except NoDicomError:
        return False
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or 'cannot be opened'}") from error


def _listed(dicomdir: Path) -> Iterator[str]:
    """The files that a DICOMDIR refers to (PS3.3 F.3.2.2): only those beneath its own folder."""
    base = dicomdir.parent.resolve()
    files = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for record in pydicom.dcmread(dicomdir).get("DirectoryRecordSequence") or []:
                part = record.get("ReferencedFileID")
                if part:
                    file = base.joinpath(*([part] if isinstance(part, str) else part))
                    files.append((file, file.resolve()))
        except Exception as error:  # pydicom raises many kinds on broken files
            raise InputError(f"{dicomdir.name}: a DICOMDIR that cannot be read; give its folder instead") from error
    return (str(file) for file, target in files if target.is_relative_to(base))
