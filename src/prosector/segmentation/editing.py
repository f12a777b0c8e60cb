"""Edits of whole segments: islands, holes, growing, shrinking, smoothing, and two label maps put together.

Every edit is a pure function: the same labels and parameters give the same voxels. Distances are millimetres in the
patient on any grid, sheared ones too. Where a segment has changed, the edit is added to the name of its algorithm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.kernels.label_boxes import label_boxes
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.segmentation.components import Components, find_components
from prosector.segmentation.mask import filled_slices
from prosector.segmentation.smoothing_masks import grown, reach, shrunk, smooth_partition

Names = Sequence[str]
Box = tuple[slice, slice, slice]


def chosen_segments(labelmap: LabelMap, names: Names) -> tuple[Segment, ...]:
    """The segments that are named, or all where none is; InputError for a name that is not there."""
    known = {s.name: s for s in labelmap.segments}
    for name in names:
        if name not in known:
            raise InputError(f"no segment {name!r} here; there are: {', '.join(known) or 'none'}")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else labelmap.segments


def with_edit(labelmap: LabelMap, labels: Array, edit: str, *, by_hand: bool = False) -> LabelMap:
    """The label map with new labels; segments that gained or lost voxels say what was done to them."""
    different = labels != labelmap.labels
    counts = np.zeros(65536, dtype=np.int64)
    for plane, old, new in zip(different, labelmap.labels, labels, strict=True):
        if plane.any():
            counts += np.bincount(old[plane], minlength=counts.size) + np.bincount(new[plane], minlength=counts.size)
    segments = tuple(_told(s, edit, by_hand) if counts[s.number] else s for s in labelmap.segments)
    return LabelMap(labels, labelmap.geometry, segments)


def _told(segment: Segment, edit: str, by_hand: bool) -> Segment:
    if segment.algorithm_type == "MANUAL":
        return segment
    said = segment.algorithm_name.split("; ")
    name = segment.algorithm_name if said[-1] == edit else "; ".join([*said, edit])
    return replace(segment, algorithm_type="SEMIAUTOMATIC" if by_hand else segment.algorithm_type, algorithm_name=name)


def edit_islands(
    labelmap: LabelMap,
    keep_largest: int = 0,
    minimum_mm3: float = 0.0,
    points_lps: Sequence[float] = (),
    segments: Names = (),
) -> LabelMap:
    """Remove pieces of each segment by itself: voxels that hang together over their faces are a piece.

    Parameters
    ----------
    labelmap : LabelMap
    keep_largest : int
        Keep so many of the largest pieces; 0: all. Of pieces of equal size the first in scanning order.
    minimum_mm3 : float
        Remove pieces smaller than this.
    points_lps : sequence of float
        Three for each point, LPS mm. Where any is given, a segment that holds one keeps only the pieces that do.
    segments : sequence of str
        Whose pieces; none named: those of all.

    Raises
    ------
    ParameterError
        If nothing is asked for.
    InputError
        If a segment is not there, or no point lies in one of the segments.
    """
    points = np.asarray(points_lps, dtype=np.float64).reshape(-1, 3)
    if not keep_largest and not minimum_mm3 and not len(points):
        raise ParameterError("say which islands to keep: keep_largest, minimum_mm3 or points_lps")
    index = np.rint(labelmap.geometry.to_index(points)).astype(int)
    index = index[((index >= 0) & (index < labelmap.geometry.shape)).all(axis=1)]
    labels = labelmap.labels.copy()
    wanted = chosen_segments(labelmap, segments)
    held = set(labelmap.labels[tuple(index.T)].tolist()) & {s.number for s in wanted}
    if len(points) and not held:
        raise InputError("no point lies in one of the segments; points are L, P, S in mm")
    boxes = _boxes(labelmap)
    for segment in wanted:
        if segment.number not in boxes:
            continue
        box = boxes[segment.number]
        pieces = find_components(labels[box] == segment.number)
        keep = pieces.sizes * labelmap.geometry.voxel_volume_mm3 >= minimum_mm3
        if keep_largest:
            keep[np.argsort(-pieces.sizes, kind="stable")[keep_largest:]] = False
        if segment.number in held:
            keep &= _holding(pieces, index - [s.start for s in box])
        labels[box][pieces.mask(~keep) > 0] = 0
    return with_edit(labelmap, labels, "islands removed", by_hand=len(points) > 0)


def edit_fill(labelmap: LabelMap, by_slice: bool = False, maximum_mm3: float = 0.0, segments: Names = ()) -> LabelMap:
    """Fill the holes of each segment, where nothing else is labelled.

    Parameters
    ----------
    labelmap : LabelMap
    by_slice : bool
        A hole is what the segment encloses within a slice k; otherwise what it encloses in space.
    maximum_mm3 : float
        Leave holes larger than this; 0: fill all.
    segments : sequence of str
        Whose holes; none named: those of all, in their order.
    """
    labels = labelmap.labels.copy()
    boxes = _boxes(labelmap)
    for segment in chosen_segments(labelmap, segments):
        if segment.number not in boxes:
            continue
        part = labels[_widened(boxes[segment.number], np.ones(3, dtype=int), labels.shape)]
        mask = np.ascontiguousarray(part == segment.number).view(np.uint8)
        holes = (filled_slices(mask) ^ mask) if by_slice else _enclosed(mask)
        if maximum_mm3:
            found = find_components(holes, by_slice=by_slice)
            holes = found.mask(found.sizes * labelmap.geometry.voxel_volume_mm3 <= maximum_mm3)
        part[(holes > 0) & (part == 0)] = segment.number
    return with_edit(labelmap, labels, "holes filled")


def edit_grow(labelmap: LabelMap, distance_mm: float, segments: Names = ()) -> LabelMap:
    """Grow segments into what is not labelled; where several arrive, the first of them in ``segments`` gets it.

    A voxel belongs to the grown segment if its centre lies within ``distance_mm`` of the centre of one of its voxels.
    """
    labels = labelmap.labels.copy()
    matrix, boxes = labelmap.geometry.affine[:3, :3], _boxes(labelmap)
    for segment in chosen_segments(labelmap, segments):
        if segment.number not in boxes:
            continue
        box = _widened(boxes[segment.number], reach(matrix, distance_mm), labels.shape)
        wide = grown(labelmap.labels[box] == segment.number, matrix, distance_mm)
        labels[box][(wide > 0) & (labels[box] == 0)] = segment.number
    return with_edit(labelmap, labels, f"grown by {distance_mm:g} mm")


def edit_shrink(labelmap: LabelMap, distance_mm: float, segments: Names = ()) -> LabelMap:
    """Shrink segments from all that is not theirs; the border of the volume does not count.

    Raises
    ------
    EmptyResultError
        If nothing is left of any of them.
    """
    labels = labelmap.labels.copy()
    matrix, boxes = labelmap.geometry.affine[:3, :3], _boxes(labelmap)
    left = False
    for segment in chosen_segments(labelmap, segments):
        if segment.number not in boxes:
            continue
        box = _widened(boxes[segment.number], reach(matrix, distance_mm), labels.shape)
        mask = labelmap.labels[box] == segment.number
        inner = shrunk(mask, matrix, distance_mm) > 0
        labels[box][mask & ~inner] = 0
        left = left or bool(inner.any())
    if not left:
        raise EmptyResultError(f"nothing is left after shrinking by {distance_mm:g} mm; try less")
    return with_edit(labelmap, labels, f"shrunk by {distance_mm:g} mm")


def edit_smooth(labelmap: LabelMap, radius_mm: float, segments: Names = ()) -> LabelMap:
    """Smooth the borders of segments together: they keep their volumes, and neighbours leave no gap and no overlap.

    Parameters
    ----------
    labelmap : LabelMap
    radius_mm : float
        Of the ball over which labels are weighed; details smaller than this go. Below the distance of neighbouring
        voxels nothing changes. The algorithm: :func:`prosector.segmentation.smoothing_masks.smooth_partition`.
    segments : sequence of str
        What may change, with what is not labelled; none named: all.
    """
    matrix, boxes = labelmap.geometry.affine[:3, :3], _boxes(labelmap)
    wanted = [s for s in chosen_segments(labelmap, segments) if s.number in boxes]
    labels = labelmap.labels.copy()
    if not wanted:
        return labelmap
    both = tuple(
        slice(min(boxes[s.number][axis].start for s in wanted), max(boxes[s.number][axis].stop for s in wanted))
        for axis in range(3)
    )
    box = _widened((both[0], both[1], both[2]), 2 * reach(matrix, radius_mm) + 1, labels.shape)
    to_index = np.full(65536, len(wanted) + 1, dtype=labels.dtype)
    to_index[0] = 0
    for n, segment in enumerate(wanted, 1):
        to_index[segment.number] = n
    index = to_index[labels[box]]
    smooth = smooth_partition(index, len(wanted) + 1, matrix, radius_mm)
    numbers = np.array([0, *(s.number for s in wanted), 0], dtype=labels.dtype)
    labels[box] = np.where(index > len(wanted), labels[box], numbers[smooth])
    return with_edit(labelmap, labels, f"smoothed over {radius_mm:g} mm")


def edit_union(labelmap: LabelMap, other: LabelMap, other_wins: bool = False) -> LabelMap:
    """Add the segments of another label map; segments of the same name become one.

    Where both label a voxel, the first keeps it, or the other gets it (``other_wins``). Segments that only the other
    has keep their number where it is free, else they get the next free ones.
    """
    labelmap.geometry.require_same(other.geometry, "the other label map")
    segments = list(labelmap.segments)
    table = np.zeros(65536, dtype=np.uint16)
    for theirs in other.segments:
        same = next((s for s in labelmap.segments if s.name == theirs.name), None)
        if same is None:
            taken = {s.number for s in segments}
            free = theirs.number if theirs.number not in taken else max(taken) + 1
            same = replace(theirs, number=free)
            segments.append(same)
        table[theirs.number] = same.number
    dtype = np.uint8 if max((s.number for s in segments), default=0) < 256 else np.uint16
    added = table[other.labels]
    take = (added > 0) if other_wins else (added > 0) & (labelmap.labels == 0)
    labels = np.where(take, added, labelmap.labels).astype(dtype)
    wider = replace(labelmap, labels=labelmap.labels.astype(dtype), segments=tuple(segments))
    united = with_edit(wider, labels, "united")
    own = {s.name for s in labelmap.segments}
    kept = tuple(new if new.name in own else old for new, old in zip(united.segments, segments, strict=True))
    return replace(united, segments=kept)


def edit_intersect(labelmap: LabelMap, other: LabelMap, segments: Names = (), other_segments: Names = ()) -> LabelMap:
    """Keep of segments only what the other label map labels too, with any of ``other_segments``.

    Raises
    ------
    EmptyResultError
        If they have no voxel in common.
    """
    return _against(labelmap, other, (segments, other_segments), np.logical_not, "intersected")


def edit_subtract(labelmap: LabelMap, other: LabelMap, segments: Names = (), other_segments: Names = ()) -> LabelMap:
    """Remove from segments what the other label map labels, with any of ``other_segments``."""
    return _against(labelmap, other, (segments, other_segments), np.asarray, "subtracted from")


def _against(
    labelmap: LabelMap, other: LabelMap, names: tuple[Names, Names], lost: Callable[[Array], Array], edit: str
) -> LabelMap:
    labelmap.geometry.require_same(other.geometry, "the other label map")
    mine, theirs = _table(labelmap, names[0]), _table(other, names[1])
    touched = mine[labelmap.labels]
    remove = touched & lost(theirs[other.labels])
    if not (touched & ~remove).any():
        raise EmptyResultError(f"nothing is left of the segments after they were {edit} the other label map")
    return with_edit(labelmap, np.where(remove, 0, labelmap.labels).astype(labelmap.labels.dtype), edit)


def _table(labelmap: LabelMap, names: Names) -> Array:
    """Whether each label is one of the named segments'."""
    table = np.zeros(65536, dtype=bool)
    table[[s.number for s in chosen_segments(labelmap, names)]] = True
    return table


def _boxes(labelmap: LabelMap) -> dict[int, Box]:
    """The box of each label that occurs."""
    labels = labelmap.labels
    found = np.empty((labels.shape[0], int(labels.max()) + 1, 4), dtype=np.int32)
    label_boxes(labels, found)
    boxes = {}
    for number in range(1, found.shape[1]):
        slices = np.flatnonzero(found[:, number, 1])
        if slices.size:
            low, high = found[slices, number].min(axis=0), found[slices, number].max(axis=0)
            ranges = ((slices[0], slices[-1] + 1), (low[0], high[1]), (low[2], high[3]))
            k, j, i = (slice(int(a), int(b)) for a, b in ranges)
            boxes[number] = (k, j, i)
    return boxes


def _widened(box: Box, margin: Array, shape: tuple[int, ...]) -> Box:
    """The box with so many voxels around it, as far as the grid goes."""
    k, j, i = (
        slice(max(0, s.start - int(m)), min(n, s.stop + int(m))) for s, m, n in zip(box, margin, shape, strict=True)
    )
    return k, j, i


def _enclosed(mask: Array) -> Array:
    """What the mask encloses: background that does not reach the border of the array."""
    outside = find_components(mask ^ 1)
    boxes = outside.boxes()
    open_ = (boxes[:, :, 0] == 0).any(axis=1) | (boxes[:, :, 1] == mask.shape).any(axis=1)
    return outside.mask(~open_)


def _holding(pieces: Components, index: Array) -> Array:
    """(count,) whether each piece holds one of the points."""
    holds = np.zeros(pieces.count, dtype=bool)
    for k, j, i in index[((index >= 0) & (index < pieces.shape)).all(axis=1)]:
        row = int(k) * pieces.shape[1] + int(j)
        runs = np.arange(pieces.row_start[row], pieces.row_start[row + 1])
        holds[pieces.label[runs[(pieces.begin[runs] <= i) & (i < pieces.end[runs])]]] = True
    return holds
