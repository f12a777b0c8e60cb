"""From the frames of a series to its volumes: set aside what is no slice, then tell volumes apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from prosector.dicom.frames import SPLIT_KEYWORDS, Frame
from prosector.dicom.header import tag_name

POSITION_TOLERANCE_MM = 1e-3
"""Positions that differ by less are the same."""

ORIENTATION_TOLERANCE = 1e-3
SPACING_TOLERANCE_MM = 1e-3
"""Slices of one grid may differ by this much in their direction cosines and their pixel spacing."""

INTERLEAVED = (
    "ImageType", "EchoTime", "EffectiveEchoTime", "DiffusionBValue", "KVP", "MonoenergeticEnergyEquivalent",
    "ConvolutionKernel",
)  # fmt: skip
"""Attributes that no single volume alternates in from slice to slice."""

RANKED = ("TriggerTime", "AcquisitionTime", "ContentTime", "InstanceNumber")
"""Attributes that differ from slice to slice as well; what counts is their order at each position."""

_COLOUR = ("PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422")
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
    if header.text("PhotometricInterpretation") in _COLOUR:
        return "colour picture(s)"
    if "LOCALIZER" in frame.image_type or "SCOUT" in frame.image_type:
        return "localizer image(s)"
    if "MOSAIC" in frame.image_type:
        return "mosaic(s), in which many slices are tiled into one picture,"
    return ""


def split(frames: Sequence[Frame]) -> tuple[Candidate, ...]:
    """Tell the volumes of a series apart.

    First by grid (size, spacing, orientation, frame of reference, stack), then, where positions repeat, by
    the attribute in which the repeated ones differ (:data:`SPLIT_KEYWORDS`), else by the order in which they
    were made (:data:`RANKED`). Where positions alternate between two kinds of image, by that kind
    (:data:`INTERLEAVED`). Slices are never interleaved: what no attribute tells apart stays together and is
    refused as duplicates later on.
    """
    grids = _grids(frames)
    found: list[Candidate] = []
    for members in grids:
        label = _grid_label(members[0]) if len(grids) > 1 else ""
        found += [Candidate(_joined(label, c.label), c.frames) for c in _split_repeats(members, SPLIT_KEYWORDS)]
    return tuple(found)


def _joined(first: str, second: str) -> str:
    return ", ".join(part for part in (first, second) if part)


def _grids(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames by grid. Directions are compared, not rounded: a value at the edge of rounding parts no volume."""
    alike: dict[tuple[object, ...], list[list[Frame]]] = defaultdict(list)
    for frame in frames:
        placed = frame.orientation is not None and frame.spacing_mm is not None
        stack, frame_of_reference = frame.keys.get("StackID", ""), frame.header.text("FrameOfReferenceUID")
        groups = alike[frame.size, "" if placed else frame.problem, frame_of_reference, stack]
        for group in groups:
            if not placed or _same_grid(group[0], frame):
                group.append(frame)
                break
        else:
            groups.append([frame])
    return [group for groups in alike.values() for group in groups]


def _same_grid(one: Frame, other: Frame) -> bool:
    if one.orientation is other.orientation and one.spacing_mm is other.spacing_mm:
        return True  # the header's decoder gives equal values as one object
    assert one.orientation is not None
    assert other.orientation is not None
    assert one.spacing_mm is not None
    assert other.spacing_mm is not None
    turned = np.abs(one.orientation - other.orientation).max() > ORIENTATION_TOLERANCE
    return not turned and bool(np.abs(one.spacing_mm - other.spacing_mm).max() <= SPACING_TOLERANCE_MM)


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
        return _split_interleaved(frames)
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
    return _split_by_order(frames)


def _split_by_order(frames: list[Frame]) -> list[Candidate]:
    """Where every position is taken equally often: first images, second images, … in order of making."""
    places = _by_place(frames)
    most = max(map(len, places.values()))
    if len(places) > 1 and all(len(members) == most for members in places.values()):
        for keyword in RANKED:
            ranked = [sorted(members, key=lambda f: _order(f, keyword)) for members in places.values()]
            if all(len({_order(f, keyword) for f in members}) == most for members in ranked):
                return [
                    Candidate(f"{n + 1} of {most} by {tag_name(keyword)}", tuple(members[n] for members in ranked))
                    for n in range(most)
                ]
    return [Candidate("", tuple(frames))]


def _order(frame: Frame, keyword: str) -> tuple[int, float, str]:
    return _sort_key(frame.header.text(keyword))


def _split_interleaved(frames: list[Frame]) -> list[Candidate]:
    """Part what alternates along the slice normal between values of an attribute."""
    for keyword in INTERLEAVED:
        values = {f.keys.get(keyword, "") for f in frames}
        if len(values) == 1:
            continue
        along = sorted(frames, key=_along_normal)
        changes = sum(a.keys.get(keyword, "") != b.keys.get(keyword, "") for a, b in pairwise(along))
        if changes > 2 * (len(values) - 1):
            groups = {value: tuple(f for f in frames if f.keys.get(keyword, "") == value) for value in values}
            return [
                Candidate(f"{tag_name(keyword)} {value or 'absent'}", groups[value])
                for value in sorted(values, key=_sort_key)
            ]
    return [Candidate("", tuple(frames))]


def _along_normal(frame: Frame) -> float:
    if frame.position is None or frame.orientation is None:
        return 0.0
    return float(frame.position @ np.cross(frame.orientation[:3], frame.orientation[3:]))


def _sort_key(value: str) -> tuple[int, float, str]:
    try:
        return (0, float(value.split("\\")[0]), value)
    except ValueError:
        return (1, 0.0, value)


def _most_at_one_place(frames: Sequence[Frame]) -> int:
    return max(map(len, _by_place(frames).values()), default=0)


def _by_place(frames: Sequence[Frame]) -> dict[tuple[int, ...], list[Frame]]:
    places: dict[tuple[int, ...], list[Frame]] = defaultdict(list)
    placed = [f for f in frames if f.position is not None]
    positions = [f.position for f in placed if f.position is not None]
    if positions:
        rounded = np.round(np.stack(positions) / POSITION_TOLERANCE_MM)
        for frame, place in zip(placed, rounded.astype(np.int64).tolist(), strict=True):
            places[tuple(place)].append(frame)
    return places
