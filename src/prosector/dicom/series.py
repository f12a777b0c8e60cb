"""The files of one series, and the volumes that they make."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prosector.dicom.decode import LOSSY, stored_dtype
from prosector.dicom.frames import Frame
from prosector.dicom.header import Header, tag_name
from prosector.dicom.kinds import what_it_is
from prosector.dicom.planes import frames_of
from prosector.dicom.split import Candidate, set_aside, split
from prosector.dicom.stack import Stack, build_stack
from prosector.dicom.suitability import plane_of, suitability
from prosector.errors import DicomInputError, NotAVolumeError, SeriesChoiceError


@dataclass(frozen=True, eq=False)
class Assessed:
    """A candidate volume: its grid, or why there is none."""

    candidate: Candidate
    stack: Stack | None
    error: DicomInputError | None


@dataclass(frozen=True, eq=False)
class Series:
    """The files of one series. What they make is worked out when first asked."""

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
    def _found(self) -> tuple[tuple[Assessed, ...], tuple[str, ...], DicomInputError | None]:
        """(volumes, what was set aside, why there can be none)."""
        try:
            frames, aside = self._slices()
        except DicomInputError as error:
            return (), (), error
        if not frames:
            return (), aside, NotAVolumeError(f"no slices: {'; '.join(aside) or 'no images'}")
        return tuple(_assess(c) for c in split(frames)), aside, None

    def _slices(self) -> tuple[list[Frame], tuple[str, ...]]:
        unique, copies = _without_copies(self.headers)
        kinds = {what for h in unique if (what := what_it_is(h))}
        images = [h for h in unique if not what_it_is(h)]
        if not images:
            raise NotAVolumeError("; ".join(sorted(kinds)))
        planes, broken = _planes(images)
        frames, aside = set_aside(planes)
        copied = (f"{copies} file(s) that are copies of others passed over",) if copies else ()
        return frames, (*aside, *(f"{what} set aside" for what in sorted(kinds)), *copied, *broken)

    @property
    def volumes(self) -> tuple[Assessed, ...]:
        """The volumes that the series holds, those that make none with the reason."""
        return self._found[0]

    @property
    def aside(self) -> tuple[str, ...]:
        """What was set aside, in words."""
        return self._found[1]

    @property
    def loadable(self) -> bool:
        """Whether at least one volume can be loaded."""
        return any(v.stack for v in self.volumes)

    @property
    def reason(self) -> str:
        """Why nothing can be loaded, or that a volume must be chosen; else empty."""
        _, _, error = self._found
        if error:
            return str(error)
        good = [v for v in self.volumes if v.stack]
        if not good:
            return str(self.volumes[0].error)
        return f"{len(good)} volumes in one series: choose one (--volume)" if len(good) > 1 else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know before using the series."""
        problems = tuple(dict.fromkeys(p for h in self.headers for p in h.problems))
        good = [v.stack for v in self.volumes if v.stack]
        notes = dict.fromkeys(w for stack in good for w in stack.warnings)
        return (*problems, *self.aside, *notes, *self._missing_uids(), *self._missing_parts(), *self._pixel_notes())

    def _missing_uids(self) -> tuple[str, ...]:
        return tuple(
            f"{tag_name(keyword)} is absent in {count} file(s): derived DICOM cannot refer to them"
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
            if (count := sum(not h.has(keyword) for h in self.headers))
        )

    def _missing_parts(self) -> tuple[str, ...]:
        """Concatenations (PS3.3 C.7.6.16.2.2.4) of which a part is not there."""
        parts: dict[str, list[Header]] = defaultdict(list)
        for header in self.headers:
            if header.has("ConcatenationUID"):
                parts[header.text("ConcatenationUID")].append(header)
        return tuple(
            f"only {len(found)} of the {total} parts of a concatenation are there; slices at its ends may be missing"
            for found in parts.values()
            if (total := found[0].integer("InConcatenationTotalNumber") or 0) > len(found)
        )

    def _pixel_notes(self) -> tuple[str, ...]:
        header, notes = self.headers[0], []
        if header.text("PhotometricInterpretation") == "MONOCHROME1":
            notes.append(f"{tag_name('PhotometricInterpretation')} MONOCHROME1: low values are meant to be bright")
        if header.text("LossyImageCompression") == "01" or header.transfer_syntax in LOSSY:
            ratio = header.text("LossyImageCompressionRatio")
            by = f" {ratio}:1" if ratio else ""
            notes.append(f"lossy compressed source ({tag_name('LossyImageCompression')}{by}): fine detail may be lost")
        return tuple(notes)

    def stack(self, volume: int | None = None, gaps: str = "refuse") -> tuple[Stack, tuple[str, ...]]:
        """The grid of one volume, and notes on the choice.

        Parameters
        ----------
        volume : int, optional
            From 1, as ``prosector info`` lists them; may be left out where only one can be loaded.
        gaps : str
            A key of :data:`prosector.dicom.stack.GAPS`.

        Raises
        ------
        DicomInputError
            Why the series, or the volume, cannot be loaded.
        """
        volumes, _, error = self._found
        if error:
            raise error
        if volume is not None:
            if not 1 <= volume <= len(volumes):
                raise SeriesChoiceError(f"there is no volume {volume}; the series holds {len(volumes)}")
            return _stack(volumes[volume - 1], gaps), ()
        able = [v for v in volumes if v.stack] or list(volumes)
        if len(able) > 1:
            if gaps == "refuse" and not any(v.stack for v in volumes):
                raise volumes[0].error or NotAVolumeError("no volume")
            raise SeriesChoiceError(
                f"the series holds {len(volumes)} volumes; choose one (volume=…, --volume on the command line):\n"
                f"{self.listing()}"
            )
        left = sum(len(v.candidate.frames) for v in volumes if v is not able[0])
        notes = (f"{left} slice(s) that belong to no volume set aside",) if left else ()
        return _stack(able[0], gaps), notes

    def listing(self) -> str:
        """One line a volume."""
        lines = []
        for n, v in enumerate(self.volumes, 1):
            what = "×".join(map(str, v.stack.geometry.shape)) if v.stack else f"no volume: {v.error}"
            lines.append(f"  {n}  {len(v.candidate.frames)} slices  {v.candidate.label or '–'}  {what}")
        return "\n".join(lines)

    def summary(self) -> dict[str, Any]:
        """What ``prosector info --json`` says of the series; ``volumes`` has each volume that it holds."""
        volumes = [_volume_summary(n, v) for n, v in enumerate(self.volumes, 1)]
        first = next((v for v in volumes if v["shape"]), _volume_summary(0, None))
        header = self.headers[0]
        return {
            "series_uid": self.uid,
            "modality": self.modality,
            "description": self.description,
            "number": self.number,
            "files": len(self.headers),
            **{key: first[key] for key in _GRID_KEYS},
            "contrast": header.text("ContrastBolusAgent"),
            "kernel": header.text("ConvolutionKernel"),
            "patient_position": header.text("PatientPosition"),
            "loadable": self.loadable,
            "reason": self.reason,
            "warnings": list(self.warnings),
            "volumes": volumes,
        }


_GRID_KEYS = (
    "shape", "spacing_mm", "affine_lps", "extent_mm", "slice_distance_mm", "slice_thickness_mm", "plane",
    "tilt_degrees", "suitability", "suitability_reasons",
)  # fmt: skip


def _volume_summary(number: int, assessed: Assessed | None) -> dict[str, Any]:
    if assessed is None or assessed.stack is None:
        grid = dict.fromkeys(_GRID_KEYS)
    else:
        geometry, thickness = assessed.stack.geometry, assessed.stack.frames[0].thickness_mm
        grade = suitability(geometry, thickness)
        found = (
            list(geometry.shape), list(geometry.spacing_mm), geometry.affine.tolist(), list(geometry.extent_mm),
            geometry.slice_distance_mm, thickness, plane_of(geometry), geometry.tilt_degrees, grade.grade,
            list(grade.reasons),
        )  # fmt: skip
        grid = dict(zip(_GRID_KEYS, found, strict=True))
    return {
        "volume": number,
        "label": assessed.candidate.label if assessed else "",
        "slices": len(assessed.candidate.frames) if assessed else 0,
        **grid,
        "reason": str(assessed.error or "") if assessed else "",
    }


def _planes(images: Sequence[Header]) -> tuple[list[Frame], tuple[str, ...]]:
    """Frames of all files; a file whose functional groups cannot be read is named, unless it is the only one."""
    frames: list[Frame] = []
    broken: list[DicomInputError] = []
    for header in images:
        try:
            frames += frames_of(header)
        except DicomInputError as error:
            broken.append(error)
    if broken and not frames:
        raise broken[0]
    return frames, (f"{len(broken)} file(s) passed over: {broken[0]}",) if broken else ()


def _assess(candidate: Candidate) -> Assessed:
    try:
        for frame in candidate.frames:
            stored_dtype(frame.header)
        return Assessed(candidate, build_stack(candidate.frames), None)
    except DicomInputError as error:
        return Assessed(candidate, None, error)


def _stack(assessed: Assessed, gaps: str) -> Stack:
    if assessed.stack and gaps == "refuse":
        return assessed.stack
    return build_stack(assessed.candidate.frames, gaps)


def _without_copies(headers: tuple[Header, ...]) -> tuple[list[Header], int]:
    """Headers without those of files that are, byte for byte, a file already there."""
    alike = Counter(map(_identity, headers))
    seen: set[bytes] = set()
    kept: list[Header] = []
    for header in headers:
        if alike[_identity(header)] > 1:
            # whole files are read only where UID and size are the same; each once, however many there are
            digest = hashlib.sha256(header.blob.read(0, header.blob.size)).digest()
            if digest in seen:
                continue
            seen.add(digest)
        kept.append(header)
    return kept, len(headers) - len(kept)


def _identity(header: Header) -> tuple[str, int]:
    return header.text("SOPInstanceUID"), header.blob.size
