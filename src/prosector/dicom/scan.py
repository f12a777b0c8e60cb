"""What is in a folder: its DICOM series, and whether each makes a volume."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from prosector.dicom.header import Header, read_header
from prosector.dicom.stack import Stack, build_stack
from prosector.errors import DicomInputError, InputError, NoDicomError, NotAVolumeError
from prosector.model.progress import Progress, silent

_NOT_IMAGES = {
    "SR": "a structured report", "KO": "key object selection", "PR": "a presentation state",
    "SEG": "a DICOM segmentation", "RTSTRUCT": "RT structures", "RTPLAN": "an RT plan", "DOC": "a document",
    "REG": "a registration", "M3D": "a mesh model", "PLAN": "a plan", "AU": "sound", "ECG": "a waveform",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Series:
    """The files of one series. Whether they make a volume is worked out when first asked."""

    uid: str
    headers: tuple[Header, ...]

    @property
    def modality(self) -> str:
        """Modality (0008,0060)."""
        return self.headers[0].text("Modality")

    @property
    def description(self) -> str:
        """Series Description (0008,103E)."""
        return self.headers[0].text("SeriesDescription")

    @property
    def number(self) -> int | None:
        """Series Number (0020,0011)."""
        return self.headers[0].integer("SeriesNumber")

    @cached_property
    def _assessed(self) -> tuple[Stack | None, DicomInputError | None]:
        try:
            return self._build(), None
        except DicomInputError as error:
            return None, error

    def stack(self) -> Stack:
        """Slices in order and their grid.

        Raises
        ------
        DicomInputError
            The reason why the series is no volume.
        """
        stack, error = self._assessed
        if stack is None:
            raise error or NotAVolumeError("no volume")
        return stack

    @property
    def loadable(self) -> bool:
        """Whether the series makes a volume."""
        return self._assessed[0] is not None

    @property
    def reason(self) -> str:
        """Why the series makes no volume; empty where it does."""
        return str(self._assessed[1] or "")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know before using it."""
        found = dict.fromkeys(p for h in self.headers for p in h.problems)
        stack = self._assessed[0]
        return (*found, *(stack.warnings if stack else ()), *self._set_aside_note)

    @cached_property
    def _localizers(self) -> tuple[Header, ...]:
        return tuple(h for h in self.headers if "LOCALIZER" in h.text("ImageType").upper())

    @property
    def is_scout(self) -> bool:
        """Whether every image is a localizer."""
        return len(self._localizers) == len(self.headers)

    @property
    def _set_aside_note(self) -> tuple[str, ...]:
        count = len(self._localizers)
        return (f"{count} localizer image(s) in the series set aside",) if count and not self.is_scout else ()

    def _build(self) -> Stack:
        if self.modality in _NOT_IMAGES:
            raise NotAVolumeError(f"{_NOT_IMAGES[self.modality]}, not images")
        if self.is_scout:
            raise NotAVolumeError("localizer (scout) images only")
        images = [h for h in self.headers if h not in self._localizers]
        if not any(h.integer("Rows") for h in images):
            raise NotAVolumeError("the objects hold no images")
        if any((h.integer("NumberOfFrames") or 1) > 1 for h in images):
            raise NotAVolumeError("(0028,0008) Number of Frames is above 1; only single-frame objects are read so far")
        return build_stack(images)

    def summary(self) -> dict[str, Any]:
        """What ``prosector info --json`` says of the series."""
        stack = self._assessed[0]
        geometry = stack.geometry if stack else None
        return {
            "series_uid": self.uid,
            "modality": self.modality,
            "description": self.description,
            "files": len(self.headers),
            "shape": list(geometry.shape) if geometry else None,
            "spacing_mm": list(geometry.spacing_mm) if geometry else None,
            "affine_lps": geometry.affine.tolist() if geometry else None,
            "loadable": self.loadable,
            "reason": self.reason,
            "warnings": list(self.warnings),
        }


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
    """Find the DICOM series in a file or a folder tree.

    Parameters
    ----------
    path : path
        A file, or a folder that is searched to its leaves. File names do not matter.
    progress : callable
        Called with ("reading headers", fraction).

    Raises
    ------
    InputError
        If the path is not there or cannot be opened.
    """
    root = Path(path)
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    files = sorted(_files(root))
    headers: dict[str, list[Header]] = {}
    not_dicom, unreadable = 0, []
    for n, file in enumerate(files):
        try:
            header = read_header(file)
            headers.setdefault(header.text("SeriesInstanceUID"), []).append(header)
        except NoDicomError as error:
            if "not a DICOM" in str(error):
                not_dicom += 1
            else:
                unreadable.append((str(file.relative_to(root) if file != root else file.name), str(error)))
        except OSError as error:
            unreadable.append(
                (str(file.relative_to(root) if file != root else file.name), error.strerror or "unreadable")
            )
        progress("reading headers", (n + 1) / len(files))
    series = tuple(Series(uid, tuple(found)) for uid, found in headers.items())
    ordered = tuple(sorted(series, key=lambda s: (s.number if s.number is not None else 1 << 30, s.uid)))
    return Scan(root, ordered, not_dicom, tuple(unreadable))


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    seen: set[tuple[int, int]] = set()
    for folder, names, files in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:  # a link that leads back up
            names.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (
            Path(folder) / name for name in files if name.upper() != "DICOMDIR" and (Path(folder) / name).is_file()
        )
