"""Segments of a label map joined, renamed, chosen, put in order and replaced by their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from prosector.errors import InputError, ParameterError
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.segmentation.seeds import Box

MOST = 65535
"""Segments of a label map at most; up to 255 take one byte a voxel."""


def segment_named(labels: LabelMap, name: str) -> Segment:
    """The segment of that name, or the only one for an empty name.

    Raises
    ------
    ParameterError
        If the name is empty and there are several.
    InputError
        If there is none of that name.
    """
    names = ", ".join(s.name for s in labels.segments) or "none"
    if not name and len(labels.segments) == 1:
        return labels.segments[0]
    if not name:
        raise ParameterError(f"say which segment; there are: {names}")
    for segment in labels.segments:
        if segment.name == name:
            return segment
    raise InputError(f"no segment {name!r} here; there are: {names}")


def merge_segments(labels: LabelMap, names: Sequence[str], new_name: str = "") -> LabelMap:
    """Join segments into one that keeps the first one's number and structure.

    Parameters
    ----------
    labels : LabelMap
    names : sequence of str
        At least two.
    new_name : str
        Empty for the first one's name.

    Raises
    ------
    ParameterError
        If there are fewer than two names, or the new name is another segment's.
    InputError
        If there is no segment of a name.
    """
    chosen = [segment_named(labels, name) for name in dict.fromkeys(names) if name]
    if len(chosen) < 2:
        raise ParameterError(f"merging takes at least two names; found {list(names)}")
    first, gone = chosen[0], {s.number for s in chosen[1:]}
    rest = [s for s in labels.segments if s.number not in gone]
    words = " + ".join(dict.fromkeys(s.algorithm_name for s in chosen if s.algorithm_name))
    merged = replace(
        first, name=new_name or first.name, algorithm_type="SEMIAUTOMATIC", algorithm_name=words or "merge"
    )
    _require_free(merged.name, [s for s in rest if s is not first])
    table = _identity(labels)
    table[list(gone)] = first.number
    return LabelMap(_looked_up(table, labels.labels), labels.geometry, tuple(merged if s is first else s for s in rest))


def rename_segment(labels: LabelMap, name: str, new_name: str) -> LabelMap:
    """Give a segment another name; ParameterError if that is empty or another's, InputError for an unknown one."""
    chosen = segment_named(labels, name)
    if not new_name:
        raise ParameterError("a segment's new name is not empty")
    _require_free(new_name, [s for s in labels.segments if s is not chosen])
    segments = tuple(replace(s, name=new_name) if s is chosen else s for s in labels.segments)
    return LabelMap(labels.labels, labels.geometry, segments)


def keep_segments(labels: LabelMap, names: Sequence[str]) -> LabelMap:
    """Only the segments of these names, their numbers as they were; InputError for an unknown one."""
    chosen = [segment_named(labels, name) for name in names if name]
    if not chosen:
        raise ParameterError("keeping takes at least one name")
    table = np.zeros(MOST + 1, dtype=labels.labels.dtype)
    for segment in chosen:
        table[segment.number] = segment.number
    kept = tuple(s for s in labels.segments if s in chosen)
    return LabelMap(_looked_up(table, labels.labels), labels.geometry, kept)


def order_segments(labels: LabelMap, new_name: str = "") -> LabelMap:
    """Number the segments from 1 by falling volume; ``new_name``, unless empty, makes "NAME 1", "NAME 2", etc."""
    volumes = labels.volumes_mm3()
    ordered = sorted(labels.segments, key=lambda s: (-volumes[s.name], s.number))
    table = np.zeros(MOST + 1, dtype=np.uint8 if len(ordered) < 256 else np.uint16)
    segments = []
    for number, segment in enumerate(ordered, start=1):
        table[segment.number] = number
        segments.append(replace(segment, number=number, name=f"{new_name} {number}" if new_name else segment.name))
    return LabelMap(_looked_up(table, labels.labels), labels.geometry, tuple(segments))


def with_parts(labels: LabelMap, whole: Segment, parts: Array, box: Box, named: Sequence[Segment]) -> LabelMap:
    """Replace a segment by its parts.

    Parameters
    ----------
    labels : LabelMap
    whole : Segment
        Stays, under its name, where it has voxels that are in no part.
    parts : (k, j, i) integer array
        On the box: n ≥ 1 in the n-th part, 0 elsewhere.
    box : tuple of slice
    named : sequence of Segment
        One for each part; their numbers are given here.

    Raises
    ------
    ParameterError
        If the label map would hold more than 65535 segments, or two of one name.
    """
    part_of = labels.labels[box]
    left = int((labels.labels == whole.number).sum()) > int(((parts > 0) & (part_of == whole.number)).sum())
    others = [s for s in labels.segments if s is not whole or left]
    used = {s.number for s in others}
    free = [n for n in range(1, len(named) + len(used) + 1) if n not in used][: len(named)]
    if max([*free, *used], default=0) > MOST:
        raise ParameterError(f"a label map holds at most {MOST} segments; raise the minimum volume")
    for segment in named:
        _require_free(segment.name, others)
    out = labels.labels.astype(np.uint8 if max([*free, *used], default=0) < 256 else np.uint16)
    table = np.array([0, *free], dtype=out.dtype)
    numbers = table[parts]
    out[box] = np.where((parts > 0) & (part_of == whole.number), numbers, out[box])
    given = tuple(replace(s, number=n) for s, n in zip(named, free, strict=True))
    return LabelMap(out, labels.geometry, tuple(sorted([*others, *given], key=lambda s: s.number)))


def _require_free(name: str, others: Sequence[Segment]) -> None:
    if any(s.name == name for s in others):
        raise ParameterError(f"there is a segment {name!r} already; choose another name")


def _identity(labels: LabelMap) -> Array:
    return np.arange(MOST + 1).astype(labels.labels.dtype)


def _looked_up(table: Array, labels: Array) -> Array:
    return np.stack([table[plane] for plane in labels])
