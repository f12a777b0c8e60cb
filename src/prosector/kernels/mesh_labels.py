"""Borders of all labels of a label map at once: one set of welded vertices, every border triangle once.

Cells whose corners differ are gathered row by row; each owns the crossed edges, the junctions on faces and
the junction inside that lie at its first corner, so that a prefix sum over cells numbers the vertices.
Threads write to disjoint places, and the result does not depend on how many there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from prosector.kernels._jit import inline, parallel_kernel
from prosector.kernels.mesh_label_table import build_label_table
from prosector.kernels.mesh_table import EDGES, FACES

_SLOT_CENTERS = 0.5 * np.array([(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1)])
"""Where in its cell, in (k, j, i), each of the seven vertices lies that a cell may own: on the edges along
i, j and k, on the faces across k, j and i, inside."""

_ONES_BELOW = np.array([[(flags & ((1 << n) - 1)).bit_count() for n in range(8)] for flags in range(128)], np.int64)
_FACE_CORNERS = np.array(FACES, dtype=np.int64)


def _owners() -> NDArray[np.int64]:
    """For each of the 19 nodes of a cell: which of the eight cells from its first corner on owns it, and its slot."""
    edges = [(corners[0], n // 4) for n, corners in enumerate(EDGES)]
    faces = [((4, 2, 1)[n // 2] * (n % 2), 3 + n // 2) for n in range(6)]
    return np.array([*edges, *faces, (0, 6)], dtype=np.int64)


_OWNERS = _owners()


@inline
def _load(labels, k, j, i, corners):  # type: ignore[no-untyped-def]
    """Read the eight corners of a cell; whether they differ."""
    first = labels[k, j, i]
    differ = False
    for n in range(8):
        corners[n] = labels[k + (n >> 2), j + (n >> 1 & 1), i + (n & 1)]
        differ |= corners[n] != first
    return differ


@inline
def _key(corners, face_corners):  # type: ignore[no-untyped-def]
    """Pattern of equal and different corners, and what is joined on faces with two pairs."""
    key = 0
    found = 0
    classes = 0
    for n in range(8):
        of_corner = -1
        for m in range(n):
            if corners[m] == corners[n]:
                of_corner = classes >> 3 * m & 7
                break
        if of_corner < 0:
            of_corner = found
            found += 1
        classes |= of_corner << 3 * n
    for f in range(6):
        a, b = corners[face_corners[f, 0]], corners[face_corners[f, 1]]
        c, d = corners[face_corners[f, 2]], corners[face_corners[f, 3]]
        if a == c and b == d and a > b:
            key |= 1 << f
    return key << 24 | classes


@inline
def _is_junction(a, b, c, d):  # type: ignore[no-untyped-def]
    """Whether more than two labels meet in the middle of a face with these corners in turn."""
    crossed = (a != b) + (b != c) + (c != d) + (d != a)
    return crossed == 3 or (crossed == 4 and a != c and b != d)


@inline
def _owned(c):  # type: ignore[no-untyped-def]
    """Bits of the edges and faces at the first corner of a cell that hold a vertex."""
    return (
        (c[0] != c[1])
        | (c[0] != c[2]) << 1
        | (c[0] != c[4]) << 2
        | _is_junction(c[0], c[1], c[3], c[2]) << 3
        | _is_junction(c[0], c[1], c[5], c[4]) << 4
        | _is_junction(c[0], c[2], c[6], c[4]) << 5
    )


@parallel_kernel
def count_cells(labels, counts):  # type: ignore[no-untyped-def]
    """Count the cells of each row whose corners differ.

    Parameters
    ----------
    labels : (k, j, i) array of unsigned integers
    counts : (k·j,) int64 array, zero
        Filled.
    """
    depth, rows, columns = labels.shape
    for k in prange(depth - 1):
        for j in range(rows - 1):
            total = 0
            for i in range(columns - 1):
                a = labels[k, j, i]
                total += (
                    (a != labels[k, j, i + 1])
                    | (a != labels[k, j + 1, i])
                    | (a != labels[k, j + 1, i + 1])
                    | (a != labels[k + 1, j, i])
                    | (a != labels[k + 1, j, i + 1])
                    | (a != labels[k + 1, j + 1, i])
                    | (a != labels[k + 1, j + 1, i + 1])
                )
            counts[k * rows + j] = total


@parallel_kernel
def gather_cells(labels, row_start, face_corners, columns_of, keys, owned):  # type: ignore[no-untyped-def]
    """List the cells whose corners differ.

    Parameters
    ----------
    labels : (k, j, i) array of unsigned integers
    row_start : (k·j + 1,) int64 array
        Number of each row's first cell.
    face_corners : (6, 4) int64 array
    columns_of : (n,) int32 array
        Filled with the column of each cell.
    keys : (n,) int32 array
        Filled; as :func:`prosector.kernels.mesh_label_table.build_label_table` takes them.
    owned : (n,) uint8 array
        Filled with bits of the vertices that the cell owns, the one inside left out.
    """
    depth, rows, columns = labels.shape
    for k in prange(depth - 1):
        corners = np.empty(8, dtype=np.int64)
        for j in range(rows - 1):
            cell = row_start[k * rows + j]
            if row_start[k * rows + j + 1] == cell:
                continue
            for i in range(columns - 1):
                if _load(labels, k, j, i, corners):
                    columns_of[cell] = i
                    keys[cell] = _key(corners, face_corners)
                    owned[cell] = _owned(corners)
                    cell += 1


@parallel_kernel
def place_shared(shape, row_start, columns_of, owned, first_vertex, slot_centers, affine, vertices):  # type: ignore[no-untyped-def]
    """Write the position of every vertex: the middle of its edge, face or cell.

    Parameters
    ----------
    shape : tuple of int
        (k, j, i) of the grid.
    row_start, columns_of, owned, first_vertex : arrays
        Of the cells.
    slot_centers : (7, 3) float64 array
    affine : (4, 4) float64 array
        Index of the grid to space.
    vertices : (n, 3) float32 array
        Filled.
    """
    for r in prange(shape[0] * shape[1]):
        k, j = r // shape[1], r % shape[1]
        for cell in range(row_start[r], row_start[r + 1]):
            vertex = first_vertex[cell]
            for slot in range(7):
                if owned[cell] >> slot & 1:
                    pk = k + slot_centers[slot, 0]
                    pj = j + slot_centers[slot, 1]
                    pi = columns_of[cell] + slot_centers[slot, 2]
                    for n in range(3):
                        vertices[vertex, n] = affine[n, 0] * pk + affine[n, 1] * pj + affine[n, 2] * pi + affine[n, 3]
                    vertex += 1


@inline
def _neighbors(row_start, columns_of, r, rows, cell, at, cells):  # type: ignore[no-untyped-def]
    """Numbers of the eight cells from a cell on; those not listed hold the next one, and no vertex of it."""
    column = columns_of[cell]
    for n in range(4):
        row = r + (n & 1) + (n >> 1) * rows
        while at[n] < row_start[row + 1] and columns_of[at[n]] < column:
            at[n] += 1
        here = at[n]
        cells[2 * n] = here
        is_here = here < row_start[row + 1] and columns_of[here] == column
        cells[2 * n + 1] = here + 1 if is_here else here


@parallel_kernel
def connect_shared(  # type: ignore[no-untyped-def]
    labels, row_start, columns_of, owned, first_vertex, first_face, pattern, counts, table, owners, below, mirrored,
    faces, sides,
):  # fmt: skip
    """Write the triangles of every cell.

    Parameters
    ----------
    labels : (k, j, i) array of unsigned integers
    row_start, columns_of, owned, first_vertex, first_face, pattern : arrays
        Of the cells.
    counts, table : arrays
        The table of patterns.
    owners : (19, 2) int64 array
        Which of the eight cells owns each node, and its slot.
    below : (128, 8) int64 array
        How many of the lowest n bits are set.
    mirrored : bool
        Whether to turn the triangles round.
    faces : (m, 3) int32 array
        Filled.
    sides : (m, 2) uint16 array
        Filled with the label behind each triangle and the label in front.
    """
    rows = labels.shape[1]
    second, third = (2, 1) if mirrored else (1, 2)
    for k in prange(labels.shape[0] - 1):
        at = np.empty(4, dtype=np.int64)
        cells = np.empty(8, dtype=np.int64)
        corners = np.empty(8, dtype=np.int64)
        nodes = np.empty(3, dtype=np.int64)
        for j in range(rows - 1):
            r = k * rows + j
            for n in range(4):
                at[n] = row_start[r + (n & 1) + (n >> 1) * rows]
            for cell in range(row_start[r], row_start[r + 1]):
                _neighbors(row_start, columns_of, r, rows, cell, at, cells)
                _load(labels, k, j, columns_of[cell], corners)
                face, p = first_face[cell], pattern[cell]
                for t in range(np.int64(counts[p])):
                    for n in range(3):
                        node = table[p, 5 * t + n]
                        owner, slot = cells[owners[node, 0]], owners[node, 1]
                        nodes[n] = first_vertex[owner] + below[owned[owner], slot]
                    faces[face, 0], faces[face, second], faces[face, third] = nodes[0], nodes[1], nodes[2]
                    sides[face, 0] = corners[table[p, 5 * t + 3]]
                    sides[face, 1] = corners[table[p, 5 * t + 4]]
                    face += 1


def label_surfaces(
    labels: NDArray[Any], affine: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.uint16]]:
    """Triangulate the borders between all labels of a grid; everything beyond it is 0.

    Parameters
    ----------
    labels : (k, j, i) array of uint8 or uint16
    affine : (4, 4) float64 array
        Index (k, j, i, 1) to space.

    Returns
    -------
    vertices : (n, 3) float32 array
        In space: middles of crossed edges, of faces on which three labels meet, and of cells inside which
        they do.
    faces : (m, 3) int32 array
        Counter-clockwise as seen from the label in front.
    sides : (m, 2) uint16 array
        The label behind each triangle and the label in front of it, which differ.

    Notes
    -----
    The triangles that have a label behind, and those that have it in front, turned round, are its closed
    border; each of its edges has two of them.
    """
    grid = np.pad(labels.astype(np.uint16), 1)  # one type of numbers, hence one compilation
    grid.flags.writeable = False
    counts = np.zeros(grid.shape[0] * grid.shape[1], dtype=np.int64)
    count_cells(grid, counts)
    row_start = np.concatenate([[0], np.cumsum(counts)])
    total = int(row_start[-1])
    columns_of, keys = np.empty(total, np.int32), np.empty(total, np.int32)
    owned = np.empty(total, np.uint8)
    gather_cells(grid, row_start, _FACE_CORNERS, columns_of, keys, owned)
    patterns, pattern = np.unique(keys, return_inverse=True)
    triangle_counts, table, has_center = build_label_table(patterns.astype(np.int64))
    owned |= has_center[pattern] << 6
    first_vertex = np.concatenate([[0], np.cumsum(_ONES_BELOW[owned, 7])])
    first_face = np.concatenate([[0], np.cumsum(triangle_counts[pattern], dtype=np.int64)])
    shifted = np.array(affine, dtype=np.float64)
    shifted[:3, 3] -= shifted[:3, :3].sum(axis=1)
    vertices = np.empty((first_vertex[-1], 3), dtype=np.float32)
    faces, sides = np.empty((first_face[-1], 3), np.int32), np.empty((first_face[-1], 2), np.uint16)
    place_shared(grid.shape, row_start, columns_of, owned, first_vertex, _SLOT_CENTERS, shifted, vertices)
    mirrored = bool(np.linalg.det(shifted[:3, :3]) < 0)
    connect_shared(
        grid, row_start, columns_of, owned, first_vertex, first_face, pattern, triangle_counts, table, _OWNERS,
        _ONES_BELOW, mirrored, faces, sides,
    )  # fmt: skip
    return vertices, faces, sides
