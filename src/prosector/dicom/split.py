"""From the frames of a series to its volumes: set aside what is no slice, then tell volumes apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prosector.dicom.frames import SPLIT_KEYWORDS, Frame
from prosector.dicom.header import tag_name

POSITION_TOLERANCE_MM = 1e-3
"""Positions that differ by less are the same."""

ORIENTATION_DIGITS = 3
SPACING_DIGITS = 4

_SECONDARY = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Frames that may make one volume; ``label`` says what sets them apart from the series' others."""

    label: str
    frames: tuple[Frame, ...]


def set_aside(frames: Sequence[Frame]) -> tuple[list[Frame], tuple[str, ...]]:
    """Slices, and what was set aside: scouts, captured pages, colour pictures, planes without a place."""
    kept: list[Frame] = []
    counts: Counter[str] = Counter()
    for frame in frames:
        what = _what_else(frame)
        counts[what] += 1
        if not what:
            kept.append(frame)
    if any(not f.problem for f in kept):
        unplaced = [f for f in kept if f.problem]
        counts["image(s) that cannot be placed: " + unplaced[0].problem if unplaced else ""] += len(unplaced)
        kept = [f for f in kept if not f.problem]
    return kept, tuple(f"{n} {what} set aside" for what, n in sorted(counts.items()) if what and n)


def _what_else(frame: Frame) -> str:
    header = frame.header
    if frame.size == (0, 0):
        return "object(s) without pixels"
    if header.text("SOPClassUID").startswith(_SECONDARY):
        return "secondary capture(s)"
    if (header.integer("SamplesPerPixel") or 1) > 1:
        return "colour picture(s)"
    if "LOCALIZER" in frame.image_type or "SCOUT" in frame.image_type:
        return "localizer image(s)"
    return ""


def split(frames: Sequence[Frame]) -> tuple[Candidate, ...]:
    """Tell the volumes of a series apart.

    First by grid (size, spacing, orientation, frame of reference, stack), then, where positions repeat, by
    the attribute in which the repeated ones differ (:data:`SPLIT_KEYWORDS`). Slices are never interleaved:
    what no attribute tells apart stays together and is refused as duplicates later on.
    """
    grids: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    for frame in frames:
        grids[_grid_key(frame)].append(frame)
    found: list[Candidate] = []
    for members in grids.values():
        label = _grid_label(members[0]) if len(grids) > 1 else ""
        found += [Candidate(_joined(label, c.label), c.frames) for c in _split_repeats(members, SPLIT_KEYWORDS)]
    return tuple(found)


def _joined(first: str, second: str) -> str:
    return ", ".join(part for part in (first, second) if part)


def _grid_key(frame: Frame) -> tuple[object, ...]:
    if frame.problem or frame.orientation is None or frame.spacing_mm is None:
        return (frame.size, frame.problem)
    return (
        frame.size,
        tuple((np.round(frame.orientation, ORIENTATION_DIGITS) + 0.0).tolist()),
        tuple(np.round(frame.spacing_mm, SPACING_DIGITS).tolist()),
        frame.header.text("FrameOfReferenceUID"),
        frame.keys.get("StackID", ""),
    )


def _grid_label(frame: Frame) -> str:
    rows, columns = frame.size
    if frame.orientation is None or frame.spacing_mm is None:
        return f"{rows}×{columns}"
    normal = np.cross(frame.orientation[:3], frame.orientation[3:])
    plane = ("sagittal", "coronal", "axial")[int(np.abs(normal).argmax())]
    oblique = "" if np.abs(normal).max() > 0.999 else " oblique"
    stack = f" stack {frame.keys['StackID']}" if "StackID" in frame.keys else ""
    return f"{plane}{oblique}{stack} {rows}×{columns}"


def _split_repeats(frames: list[Frame], keywords: Sequence[str]) -> list[Candidate]:
    most = _most_at_one_place(frames)
    if most <= 1:
        return [Candidate("", tuple(frames))]
    for n, keyword in enumerate(keywords):
        groups: dict[str, list[Frame]] = defaultdict(list)
        for frame in frames:
            groups[frame.keys.get(keyword, "")].append(frame)
        fewer = max(_most_at_one_place(g) for g in groups.values()) < most
        if len(groups) > 1 and fewer and min(len(g) for g in groups.values()) > 1:
            found = []
            for value in sorted(groups, key=_sort_key):
                label = f"{tag_name(keyword)} {value or 'absent'}"
                rest = _split_repeats(groups[value], keywords[n + 1 :])
                found += [Candidate(_joined(label, c.label), c.frames) for c in rest]
            return found
    return [Candidate("", tuple(frames))]


def _sort_key(value: str) -> tuple[int, float, str]:
    try:
        return (0, float(value.split("\\")[0]), value)
    except ValueError:
        return (1, 0.0, value)


def _most_at_one_place(frames: Sequence[Frame]) -> int:
    places = Counter(
        tuple(np.round(f.position / POSITION_TOLERANCE_MM).astype(np.int64).tolist())
        for f in frames
        if f.position is not None
    )
    return max(places.values(), default=0)
