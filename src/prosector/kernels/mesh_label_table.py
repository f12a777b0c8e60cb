"""Which triangles a cell holds whose eight corners carry any labels.

As in :mod:`prosector.kernels.mesh_table`, segments are drawn on the faces of the cell by a rule that looks
at the face alone, so that neighbours draw the same ones. Where three labels meet on a face, or four, the
segments run to its middle; where two corners across the face are of one label, they are joined (of two
such pairs, the one with the higher number, so that background never is). Segments that hang together
with a middle of a face are joined to the middle of the cell; the others form loops between two labels,
which become triangles as in a cell of two labels.

Around every segment and every middle, each label has exactly two borders. So the border of each label is
closed, and no edge of it has more than two triangles, whatever the labels are.

Nodes are numbered 0–11 for the middles of the edges, 12–17 of the faces, 18 of the cell.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from prosector.kernels.mesh_table import EDGE_OF, FACES, triangulated

Corners = tuple[int, ...]
Segment = tuple[int, int, int, int]
"""From node, to node, a corner on the left, a corner on the right, seen from outside the cell."""

Triangle = tuple[int, int, int, int, int]
"""Three nodes, a corner behind, a corner in front: where the normal in the frame (k, j, i) points."""

CELL_NODE = 18


def _runs(labels: list[int], joined: bool) -> list[Corners] | None:
    """Runs of corners of a face that a segment cuts off; None where segments run to the middle."""
    crossed = [n for n in range(4) if labels[n] != labels[(n + 1) % 4]]
    if len(crossed) == 2:
        first = crossed[0] + 1
        return [tuple(range(first, crossed[1] + 1))]
    if len(crossed) == 4:
        even, odd = labels[0] == labels[2], labels[1] == labels[3]
        if even and (joined or not odd):
            return [(1,), (3,)]
        if odd:
            return [(0,), (2,)]
    return None if crossed else []


def _segments(pattern: Corners, joins: int) -> list[Segment]:
    """All segments on the faces of a cell, each with the higher class on its right."""
    segments = []
    for number, face in enumerate(FACES):
        labels = [pattern[corner] for corner in face]
        edges = [EDGE_OF[frozenset((face[n], face[(n + 1) % 4]))] for n in range(4)]
        runs = _runs(labels, bool(joins >> number & 1))
        if runs is None:
            spokes = [n for n in range(4) if labels[n] != labels[(n + 1) % 4]]
            found = [(edges[n], 12 + number, face[n], face[(n + 1) % 4]) for n in spokes]
        else:
            found = [(edges[run[0] - 1], edges[run[-1]], face[run[0] - 1], face[run[0]]) for run in runs]
        for start, end, left, right in found:
            higher_right = pattern[right] > pattern[left]
            segments.append((start, end, left, right) if higher_right else (end, start, right, left))
    return segments


def _groups(segments: list[Segment]) -> list[list[Segment]]:
    """Segments that hang together."""
    groups: list[tuple[set[int], list[Segment]]] = []
    for segment in segments:
        nodes, members = {segment[0], segment[1]}, [segment]
        apart = []
        for group in groups:
            if group[0] & nodes:
                nodes |= group[0]
                members = group[1] + members
            else:
                apart.append(group)
        groups = [*apart, (nodes, members)]
    return [members for _, members in groups]


def _loop(segments: list[Segment]) -> tuple[int, ...]:
    """The nodes of segments that follow one another, in their order."""
    following = {start: end for start, end, _, _ in segments}
    loop = [min(following)]
    while (node := following[loop[-1]]) != loop[0]:
        loop.append(node)
    return tuple(loop)


@cache
def triangles_of_pattern(pattern: Corners, joins: int) -> tuple[Triangle, ...]:
    """Triangles of a cell.

    Parameters
    ----------
    pattern : tuple of 8 int
        Class of each corner, numbered in the order of first appearance.
    joins : int
        Bit ``n`` tells, of face ``n`` with two pairs of equal corners, whether the first pair is joined.
    """
    triangles: list[Triangle] = []
    for group in _groups(_segments(pattern, joins)):
        has_junction = any(node >= 12 for segment in group for node in segment[:2])
        _, _, left, right = group[0]
        cost, parts = (float("inf"), ()) if has_junction else triangulated(_loop(group))
        if cost < float("inf"):
            triangles += [(*part, right, left) for part in parts]
        else:
            triangles += [(start, end, CELL_NODE, back, front) for start, end, front, back in group]
    return tuple(triangles)


def build_label_table(keys: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """The table of the patterns that occur; there are too many to tabulate all.

    Parameters
    ----------
    keys : (n,) int64 array
        Three bits for the class of each corner, then six for the joins.

    Returns
    -------
    counts : (n,) uint8 array
        Triangles of each pattern.
    triangles : (n, 5 × most triangles) uint8 array
        Nodes and corners, as of :data:`Triangle`.
    has_center : (n,) uint8 array
        Whether the middle of the cell is one of the nodes.
    """
    rows = []
    for key in keys.tolist():
        pattern = tuple(key >> 3 * n & 7 for n in range(8))
        rows.append(np.array(triangles_of_pattern(pattern, key >> 24), dtype=np.uint8).reshape(-1, 5))
    table = np.zeros((len(rows), 5 * max((len(row) for row in rows), default=0)), dtype=np.uint8)
    for n, row in enumerate(rows):
        table[n, : row.size] = row.ravel()
    counts = np.array([len(row) for row in rows], dtype=np.uint8)
    return counts, table, np.array([(row[:, :3] == CELL_NODE).any() for row in rows], dtype=np.uint8)
