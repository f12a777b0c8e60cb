"""Which triangles a cell of eight corners holds, for each of its 256 patterns of inside and outside.

The table is derived, not typed. On each face of the cell, the crossed edges are joined by directed
segments that keep the inside to one hand; where the pattern of a face is ambiguous (two opposite
corners inside), the inside corners are joined. The rule looks only at the face, so the two cells that
share it draw the same segments, in opposite directions: the surface cannot have a hole. The segments
of a cell form loops, and each loop is cut into triangles by diagonals that never lie in a face of the
cell: a diagonal that does could be drawn by the neighbour too, and the edge would have four triangles.

Corners are numbered 4·dk + 2·dj + di; edges as in :data:`EDGES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

Loop = tuple[int, ...]
Triangle = tuple[int, int, int]

EDGES: tuple[tuple[int, int], ...] = (
    *((0, 1), (2, 3), (4, 5), (6, 7)),  # along i, of the rows (k, j), (k, j+1), (k+1, j), (k+1, j+1)
    *((0, 2), (1, 3), (4, 6), (5, 7)),  # along j, at (k, i), (k, i+1), (k+1, i), (k+1, i+1)
    *((0, 4), (1, 5), (2, 6), (3, 7)),  # along k, at (j, i), (j, i+1), (j+1, i), (j+1, i+1)
)
"""The two corners of each of the twelve edges of a cell."""


def _face_cycles() -> tuple[Loop, ...]:
    """The corners of each face, counter-clockwise as seen from outside the cell in the frame (k, j, i)."""
    bits = (4, 2, 1)
    cycles: list[Loop] = []
    for axis in range(3):
        u, v = bits[(axis + 1) % 3], bits[(axis + 2) % 3]
        cycles.append((0, v, u | v, u))
        cycles.append(tuple(bits[axis] | c for c in (0, u, u | v, v)))
    return tuple(cycles)


FACES = _face_cycles()
EDGE_OF = {frozenset(corners): number for number, corners in enumerate(EDGES)}
_FACES_OF_EDGE = tuple(frozenset(n for n, face in enumerate(FACES) if set(corners) <= set(face)) for corners in EDGES)


def _segments(case: int) -> dict[int, int]:
    """Edge → next edge of the loops, with the inside on the right of each face as seen from outside."""
    following: dict[int, int] = {}
    for face in FACES:
        inside = [bool(case >> corner & 1) for corner in face]
        for n in range(4):
            if not inside[n] or inside[(n + 1) % 4]:
                continue
            # The boundary leaves the inside after corner n: follow the outside run to where it ends.
            m = n + 1
            while not inside[(m + 1) % 4]:
                m += 1
            leave = EDGE_OF[frozenset((face[n], face[(n + 1) % 4]))]
            enter = EDGE_OF[frozenset((face[m % 4], face[(m + 1) % 4]))]
            following[enter] = leave
    return following


def _loops(case: int) -> Iterator[Loop]:
    following = _segments(case)
    while following:
        loop = [min(following)]
        while (edge := following.pop(loop[-1])) != loop[0]:
            loop.append(edge)
        yield tuple(loop)


def _length2(a: int, b: int) -> int:
    """Squared distance of two edges' middles, in quarter steps."""

    def middle(edge: int) -> tuple[int, ...]:
        one, two = EDGES[edge]
        return tuple((one >> s & 1) + (two >> s & 1) for s in range(3))

    return sum((p - q) ** 2 for p, q in zip(middle(a), middle(b), strict=True))


def _cost(a: int, b: int, is_side: bool) -> float:
    """Cost of drawing a diagonal: its length; infinite in a face of the cell."""
    if is_side:
        return 0.0
    return float("inf") if _FACES_OF_EDGE[a] & _FACES_OF_EDGE[b] else float(_length2(a, b))


@cache
def triangulated(loop: Loop) -> tuple[float, tuple[Triangle, ...]]:
    """The triangles of a loop with the shortest diagonals, after the cost of those diagonals."""
    if len(loop) < 3:
        return 0.0, ()
    best: tuple[float, tuple[Triangle, ...]] = (float("inf"), ())
    a, b = loop[0], loop[-1]
    for n in range(1, len(loop) - 1):
        left, right = triangulated(loop[: n + 1]), triangulated(loop[n:])
        cost = left[0] + right[0] + _cost(a, loop[n], n == 1) + _cost(loop[n], b, n == len(loop) - 2)
        if cost < best[0]:
            best = (cost, (*left[1], (a, loop[n], b), *right[1]))
    return best


def triangles_of_case(case: int) -> tuple[Triangle, ...]:
    """Triangles of a pattern, as edge numbers; counter-clockwise from outside in the frame (k, j, i).

    Parameters
    ----------
    case : int
        Bit ``n`` is set when corner ``n`` lies inside.
    """
    return tuple(t for loop in _loops(case) for t in triangulated(loop)[1])


def build_table() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The whole table.

    Returns
    -------
    counts : (256,) uint8 array
        Triangles of each pattern.
    edges : (256, 3 × most triangles) uint8 array
        Their edges, three for each triangle, zero beyond the count.
    """
    rows = [np.array(triangles_of_case(case), dtype=np.uint8).ravel() for case in range(256)]
    edges = np.zeros((256, max(len(row) for row in rows)), dtype=np.uint8)
    for case, row in enumerate(rows):
        edges[case, : len(row)] = row
    return np.array([len(row) // 3 for row in rows], dtype=np.uint8), edges
