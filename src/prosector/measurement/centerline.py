"""Centrelines: between points that the user gave, or as a whole tree that finds its own ends.

A way through the lumen is cheap where the wall is far (minimal cost path on the inner distance field), so it keeps
to the middle; it is then relaxed into the centroids of its cross-sections, to a fraction of a voxel. A tree grows
from its root: the farthest voxel that is not yet covered is the end of the next branch, and everything near the
branch is covered (after Sato and others, TEASAR, Pacific Graphics 2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from prosector.errors import EmptyResultError, ParameterError
from prosector.kernels.minimal_path import cover
from prosector.measurement.centerline_lumen import Lumen, Ways, lumen_of, places_of, snapped, ways_from
from prosector.measurement.centerline_refine import centered, drawn_out, ended_at, refined
from prosector.measurement.sections import Field, label_field
from prosector.model.centerlines import Branch, Centerlines
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap

COVER = 1.5
"""A branch covers the lumen within this many inner distances of it, and a voxel."""

SPUR = 1.0
"""A side branch that rises less than this many radii out of its parent is a bulge of the wall."""

Points = Sequence[Sequence[float]] | Array


def find_centerline(
    labels: LabelMap,
    start_lps: Sequence[float],
    ends_lps: Points,
    *,
    segment: str | None = None,
    step_mm: float | None = None,
    snap_mm: float = 5.0,
) -> Centerlines:
    """Centreline from a start to one or several ends.

    Parameters
    ----------
    labels : LabelMap
    start_lps : (3,) numbers
    ends_lps : (n, 3) numbers
        LPS mm. Several ends share their way until they part, and a node is set there. The line begins and ends in the
        sections that hold the points.
    segment : str, optional
        Name of the lumen's segment; without it all of them together.
    step_mm : float, optional
        Distance between points; without it the smallest grid spacing.
    snap_mm : float
        How far from the lumen a point may lie.

    Raises
    ------
    ParameterError
        If a point is farther from the lumen, start and end are the same place, or there is no end.
    EmptyResultError
        If the lumen is empty, or an end is not connected to the start.
    """
    ends = np.asarray(ends_lps, dtype=np.float64).reshape(-1, 3)
    if not len(ends):
        raise ParameterError("a centreline needs at least one end, or is asked for as a tree")
    lumen = lumen_of(labels, segment)
    start = np.asarray(start_lps, dtype=np.float64)
    root = snapped(lumen, start, snap_mm)
    ways = ways_from(lumen, np.array([root]))
    chains, given = [], {root: start}
    for number, end in enumerate(ends, start=1):
        voxel = snapped(lumen, end, snap_mm)
        if voxel == root:
            raise ParameterError(f"end {number} lies at the start: set them further apart")
        if not np.isfinite(ways.totals[voxel]):
            raise EmptyResultError(f"the lumen is interrupted between the start and end {number}")
        chains.append(ways.back_from(voxel))
        given[voxel] = end
    return _finished(lumen, labels, segment, _parted(chains), step_mm, given)


def find_tree(
    labels: LabelMap,
    *,
    start_lps: Sequence[float] | None = None,
    segment: str | None = None,
    step_mm: float | None = None,
    snap_mm: float = 5.0,
    shortest_mm: float = 5.0,
) -> Centerlines:
    """Centrelines of the whole tree that hangs together with the start.

    Parameters
    ----------
    labels : LabelMap
    start_lps : (3,) numbers, optional
        The root; without it the wider one of the two ends that lie farthest apart in the largest piece.
    segment, step_mm, snap_mm
        As for :func:`find_centerline`.
    shortest_mm : float
        Branches that rise less than this out of their parent are left out; so are those shorter than their
        parent's radius.

    Raises
    ------
    ParameterError
        If the start is too far from the lumen.
    EmptyResultError
        If the lumen is empty or too small to hold a line.
    """
    lumen = lumen_of(labels, segment)
    if start_lps is None:
        root = _natural_root(lumen)
    else:
        root = snapped(lumen, np.asarray(start_lps, dtype=np.float64), snap_mm)
    ways = ways_from(lumen, np.array([root]))
    chains = _grown(lumen, ways, shortest_mm)
    if not chains:
        raise EmptyResultError("the lumen is too small to hold a line: less than a voxel long")
    head = 0 if start_lps is not None else min(_inward(lumen, chain) for chain in chains)
    pieces = _parted([chain[head : len(chain) - _inward(lumen, chain[::-1])] for chain in chains])
    return _finished(lumen, labels, segment, pieces, step_mm)


def _natural_root(lumen: Lumen) -> int:
    """The wider end of the longest way through the piece of lumen around the deepest voxel."""
    first = ways_from(lumen, np.array([int(lumen.depth_mm.argmax())]))
    one = _farthest(first.lengths_mm)
    second = ways_from(lumen, np.array([one]))
    other = _farthest(second.lengths_mm)
    chain = second.back_from(other)
    depth = lumen.depth_mm.ravel()[chain]
    tenth, third = len(chain) // 10, max(1, len(chain) // 3)  # the ends themselves lie in corners
    return other if np.median(depth[-third : len(chain) - tenth]) > np.median(depth[tenth:third]) else one


def _inward(lumen: Lumen, chain: Array) -> int:
    """Number of voxels at the head of a chain that only lead into a corner of the lumen's end.

    A place that covers the end is as near to it as the middle of the lumen gets.
    """
    places = places_of(lumen, chain[: max(2, len(chain) // 2)])
    away = np.linalg.norm(places - places[0], axis=1)
    inside = np.flatnonzero(away <= COVER * lumen.depth_mm.ravel()[chain[: len(places)]])
    return int(inside.max(initial=0))


def _farthest(lengths: Array) -> int:
    return int(np.where(np.isfinite(lengths), lengths, -1.0).argmax())


def _grown(lumen: Lumen, ways: Ways, shortest_mm: float) -> list[Array]:
    """Chains of voxels from the root to every end that was found."""
    remaining = np.where(np.isfinite(ways.lengths_mm), 1, 0).astype(np.uint8).reshape(lumen.mask.shape)
    in_tree = np.zeros(lumen.mask.size, dtype=bool)
    depth = lumen.depth_mm.ravel()
    reach = np.linalg.norm(lumen.geometry.inverse[:3, :3], axis=1)
    matrix = np.ascontiguousarray(lumen.geometry.affine[:3, :3])
    spare = max(lumen.geometry.spacing_mm)
    order = np.argsort(-ways.lengths_mm[np.isfinite(ways.lengths_mm)], kind="stable")
    voxels = np.flatnonzero(np.isfinite(ways.lengths_mm))[order]
    chains: list[Array] = []
    for voxel in voxels:
        if not remaining.ravel()[voxel]:
            continue
        chain = ways.back_from(int(voxel))
        fresh = chain[~in_tree[chain]]
        places = np.stack(np.unravel_index(fresh, lumen.mask.shape), axis=1)
        cover(places, COVER * depth[fresh].astype(np.float64) + spare, matrix, reach, remaining)
        joint = chain[len(chain) - len(fresh) - 1] if len(fresh) < len(chain) else None
        rise = ways.lengths_mm[voxel] - (ways.lengths_mm[joint] + depth[joint] if joint is not None else 0.0)
        if joint is not None and rise < max(SPUR * depth[joint], shortest_mm):
            continue
        if len(chain) > 1:
            in_tree[chain] = True
            chains.append(chain)
    return chains


@dataclass(frozen=True, eq=False)
class _Piece:
    """A chain of voxels between two nodes (flat indices)."""

    chain: Array
    start: int
    end: int


def _parted(chains: list[Array]) -> list[_Piece]:
    """Cut chains from one root where they part from each other, each stretch once."""
    following: dict[int, set[int]] = {}
    for chain in chains:
        for here, there in zip(chain[:-1].tolist(), chain[1:].tolist(), strict=True):
            following.setdefault(here, set()).add(there)
    ends = {int(chain[-1]) for chain in chains}
    nodes = {v for v, onward in following.items() if len(onward) > 1} | ends | {int(chains[0][0])}
    pieces, seen = [], set()
    for chain in chains:
        cuts = [n for n, v in enumerate(chain.tolist()) if v in nodes]
        for a, b in pairwise(cuts):
            key = (int(chain[a]), int(chain[a + 1]))
            if key not in seen:
                seen.add(key)
                pieces.append(_Piece(chain[a : b + 1], int(chain[a]), int(chain[b])))
    return pieces


def _finished(
    lumen: Lumen,
    labels: LabelMap,
    segment: str | None,
    pieces: list[_Piece],
    step_mm: float | None,
    given: dict[int, Array] | None = None,
) -> Centerlines:
    """Smooth branches between nodes in the middle of the lumen; free ends at given points, or drawn out to the wall.

    ``given`` holds the points, LPS mm, by their voxels.
    """
    numbers: dict[int, int] = {}
    for piece in pieces:
        for node in (piece.start, piece.end):
            numbers.setdefault(node, len(numbers))
    degree = {node: sum(node in (p.start, p.end) for p in pieces) for node in numbers}
    step = step_mm or min(labels.geometry.spacing_mm)
    places = places_of(lumen, np.concatenate([p.chain for p in pieces]))
    field = label_field(labels.mask(segment), labels.geometry, places, float(2.5 * lumen.depth_mm.max()) + 5 * step)
    joints = {n: _joint(lumen, n, pieces) for n in numbers if degree[n] > 1}
    lines = [_line(lumen, piece, joints, field, step) for piece in pieces]
    for n, piece in enumerate(pieces):
        free = tuple(degree[node] == 1 for node in (piece.start, piece.end))
        if given is None:
            lines[n] = drawn_out(lines[n], field, step, free)
            continue
        if free[1]:
            lines[n] = ended_at(lines[n], given[piece.end], field, step)
        if free[0]:
            lines[n] = np.ascontiguousarray(ended_at(lines[n][::-1], given[piece.start], field, step)[::-1])
    nodes = np.zeros((len(numbers), 3))
    branches = []
    for number, (piece, line) in enumerate(zip(pieces, lines, strict=True), start=1):
        nodes[numbers[piece.start]], nodes[numbers[piece.end]] = line[0], line[-1]
        radii = _radii(lumen, line, field)
        name = f"branch {number}" if len(pieces) > 1 else ""
        branches.append(Branch(line, radii, numbers[piece.start], numbers[piece.end], name))
    of = segment or (labels.segments[0].name if len(labels.segments) == 1 else "lumen")
    return Centerlines(tuple(branches), nodes, of)


def _joint(lumen: Lumen, node: int, pieces: list[_Piece]) -> Array:
    """Where branches meet, LPS mm: the mean of where they are half a radius away, and the node itself."""
    radius = float(lumen.depth_mm.ravel()[node])
    middle = places_of(lumen, np.array([node]))[0]
    near = [middle]
    for piece in pieces:
        if node in (piece.start, piece.end):
            places = places_of(lumen, piece.chain)
            away = np.linalg.norm(places - middle, axis=1)
            near.append(places[int(np.abs(away - 0.5 * radius).argmin())])
    return np.asarray(np.mean(near, axis=0))


def _line(lumen: Lumen, piece: _Piece, joints: dict[int, Array], field: Field, step: float) -> Array:
    places = places_of(lumen, piece.chain)
    for end, node in ((0, piece.start), (-1, piece.end)):
        if node in joints:
            places[end] = joints[node]
    depth = lumen.depth_mm.ravel()[piece.chain]
    return refined(places, depth, field, step, (piece.start in joints, piece.end in joints))


def _radii(lumen: Lumen, line: Array, field: Field) -> Array:
    """Radius of the largest ball around each point: to the nearest wall in its section, and no more than nearby depth.

    Distances of voxels end at the next voxel's centre, half a step beyond the wall.
    """
    index = np.clip(np.round(lumen.geometry.to_index(line)).astype(int), 0, np.array(lumen.mask.shape) - 1)
    depth = lumen.depth_mm[tuple(index.T)].astype(np.float64)
    half = 0.5 * min(lumen.geometry.spacing_mm)
    radius = np.maximum(depth, half)
    if len(line) < 3:
        return np.asarray(np.maximum(radius - half, half))
    return np.asarray(np.maximum(np.minimum(centered(line, radius, field)[1], radius + half), 0.1 * half))
