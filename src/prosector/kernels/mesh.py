"""Isosurface of a volume: welded triangles with gradient normals, in two passes.

Flying edges (Schroeder, Maynard, Geveci: Flying Edges, IEEE LDAV 2015) on bits: count the crossed edges
and triangles of every row, turn the counts into offsets by a prefix sum, then fill. A crossed edge of
the grid is one vertex, whose number follows from its row's offset and a population count, so cells find
their corners without a search, threads write to disjoint places, and the result does not depend on how
many there are. Rows are dealt to threads by the work counted in them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from prosector.kernels._jit import inline, parallel_kernel
from prosector.kernels.mesh_bits import classify, edges_along_i, lowest_bit, popcount, shifted
from prosector.kernels.mesh_table import build_table
from prosector.kernels.mesh_vertices import place_vertices

TASKS = 256
"""Portions of equal work; many more than threads, so that the last one is short."""

TRIANGLE_COUNTS, TRIANGLE_EDGES = build_table()


@inline
def _case(a, b, c, d, a1, b1, c1, d1, bit):  # type: ignore[no-untyped-def]
    """Pattern of the cell at a bit, from the words of its four rows and the same moved down by one."""
    one = np.uint64(1)
    return (
        (a >> bit & one)
        | (a1 >> bit & one) << np.uint64(1)
        | (b >> bit & one) << np.uint64(2)
        | (b1 >> bit & one) << np.uint64(3)
        | (c >> bit & one) << np.uint64(4)
        | (c1 >> bit & one) << np.uint64(5)
        | (d >> bit & one) << np.uint64(6)
        | (d1 >> bit & one) << np.uint64(7)
    )


@parallel_kernel
def count(bits, shape, triangle_counts, counts):  # type: ignore[no-untyped-def]
    """Count crossed edges and triangles of each row.

    Parameters
    ----------
    bits : (k·j, words + 1) uint64 array
    shape : tuple of int
        (k, j, i) of the classified grid.
    triangle_counts : (256,) uint8 array
    counts : (k·j, 4) int64 array
        Filled: crossed edges along i, j and k that start in the row; triangles of the cells that do.
    """
    depth, rows, columns = shape
    last = (columns - 1) // 64
    last_mask = (np.uint64(1) << np.uint64((columns - 1) % 64)) - np.uint64(1)
    for k in prange(depth):
        for j in range(rows):
            r = k * rows + j
            along_i = along_j = along_k = triangles = 0
            has_j, has_k = j + 1 < rows, k + 1 < depth
            for w in range(last + 1):
                a = bits[r, w]
                along_i += popcount(edges_along_i(bits, r, w, last, last_mask))
                if has_j:
                    along_j += popcount(a ^ bits[r + 1, w])
                if has_k:
                    along_k += popcount(a ^ bits[r + rows, w])
                if not (has_j and has_k):
                    continue
                b, c, d = bits[r + 1, w], bits[r + rows, w], bits[r + rows + 1, w]
                a1, b1 = shifted(bits, r, w), shifted(bits, r + 1, w)
                c1, d1 = shifted(bits, r + rows, w), shifted(bits, r + rows + 1, w)
                cells = (a | b | c | d | a1 | b1 | c1 | d1) & ~(a & b & c & d & a1 & b1 & c1 & d1)
                if w == last:
                    cells &= last_mask
                while cells != 0:
                    triangles += triangle_counts[_case(a, b, c, d, a1, b1, c1, d1, lowest_bit(cells))]
                    cells &= cells - np.uint64(1)
            counts[r, 0] = along_i
            counts[r, 1] = along_j
            counts[r, 2] = along_k
            counts[r, 3] = triangles


@inline
def _start_row(first_vertex, r, rows, numbers):  # type: ignore[no-untyped-def]
    """First vertices of the eight runs of edges that the cells of a row touch: four along i, two each j and k."""
    for n in range(4):
        numbers[n] = first_vertex[r + (n & 1) + (n >> 1) * rows, 0]
    numbers[4], numbers[5] = first_vertex[r, 1], first_vertex[r + rows, 1]
    numbers[6], numbers[7] = first_vertex[r, 2], first_vertex[r + 1, 2]


@inline
def _cross(bits, r, rows, w, last, last_mask, crossed):  # type: ignore[no-untyped-def]
    """Crossed edges of the same eight runs within a word."""
    for n in range(4):
        crossed[n] = edges_along_i(bits, r + (n & 1) + (n >> 1) * rows, w, last, last_mask)
    crossed[4], crossed[5] = bits[r, w] ^ bits[r + 1, w], bits[r + rows, w] ^ bits[r + rows + 1, w]
    crossed[6], crossed[7] = bits[r, w] ^ bits[r + rows, w], bits[r + 1, w] ^ bits[r + rows + 1, w]


@inline
def _number_edges(numbers, crossed, bit, vertex):  # type: ignore[no-untyped-def]
    """Vertex on each of the twelve edges of the cell at a bit; meaningless where the edge is not crossed."""
    one = np.uint64(1)
    before = (one << bit) - one
    for n in range(4):
        vertex[n] = numbers[n] + popcount(crossed[n] & before)
    for n in range(4, 8):
        number = numbers[n] + popcount(crossed[n] & before)
        vertex[2 * n - 4] = number
        vertex[2 * n - 3] = number + np.int64(crossed[n] >> bit & one)


@parallel_kernel
def connect(bits, shape, first_vertex, first_face, tasks, triangle_counts, triangle_edges, mirrored, faces):  # type: ignore[no-untyped-def]
    """Write the triangles of every cell.

    Parameters
    ----------
    bits : (k·j, words + 1) uint64 array
    shape : tuple of int
        (k, j, i) of the classified grid.
    first_vertex : (k·j, 3) int64 array
        Number of each row's first vertex along i, j and k.
    first_face : (k·j,) int64 array
    tasks : (n + 1,) int64 array
        Rows at which the portions of work begin and end.
    triangle_counts, triangle_edges : arrays
        The table.
    mirrored : bool
        Whether to turn the triangles round, for a left-handed (k, j, i).
    faces : (m, 3) int32 array
        Filled.
    """
    rows, columns = shape[1], shape[2]
    last = (columns - 1) // 64
    last_mask = (np.uint64(1) << np.uint64((columns - 1) % 64)) - np.uint64(1)
    second, third = (2, 1) if mirrored else (1, 2)
    for task in prange(len(tasks) - 1):
        vertex = np.empty(12, dtype=np.int32)
        numbers = np.empty(8, dtype=np.int64)
        crossed = np.empty(8, dtype=np.uint64)
        for r in range(tasks[task], tasks[task + 1]):
            face = first_face[r]
            if first_face[r + 1] == face:
                continue
            _start_row(first_vertex, r, rows, numbers)
            for w in range(last + 1):
                a, b, c, d = bits[r, w], bits[r + 1, w], bits[r + rows, w], bits[r + rows + 1, w]
                a1, b1 = shifted(bits, r, w), shifted(bits, r + 1, w)
                c1, d1 = shifted(bits, r + rows, w), shifted(bits, r + rows + 1, w)
                cells = (a | b | c | d | a1 | b1 | c1 | d1) & ~(a & b & c & d & a1 & b1 & c1 & d1)
                if cells == 0:  # then no edge that starts here is crossed either
                    continue
                if w == last:
                    cells &= last_mask
                _cross(bits, r, rows, w, last, last_mask, crossed)
                while cells != 0:
                    bit = lowest_bit(cells)
                    cells &= cells - np.uint64(1)
                    case = _case(a, b, c, d, a1, b1, c1, d1, bit)
                    _number_edges(numbers, crossed, bit, vertex)
                    for n in range(np.int64(triangle_counts[case])):
                        faces[face, 0] = vertex[triangle_edges[case, 3 * n]]
                        faces[face, second] = vertex[triangle_edges[case, 3 * n + 1]]
                        faces[face, third] = vertex[triangle_edges[case, 3 * n + 2]]
                        face += 1
                for n in range(8):
                    numbers[n] += popcount(crossed[n])


def isosurface(
    voxels: NDArray[Any], level: float, affine: NDArray[np.float64], *, closed: bool
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    """Triangulate the surface on which the trilinear grid passes the level.

    Parameters
    ----------
    voxels : (k, j, i) array of uint8, int16, uint16 or float32
        At or above the level is inside; NaN is below.
    level : float
        Finite.
    affine : (4, 4) float64 array
        Index (k, j, i, 1) to space.
    closed : bool
        Whether everything beyond the grid is outside, so that the surface ends at the voxels' outer
        faces, half a step beyond the last centres. Otherwise it is open there.

    Returns
    -------
    vertices : (n, 3) float32 array
        In space; one for each crossed edge of the grid.
    faces : (m, 3) int32 array
        Counter-clockwise as seen from outside.
    normals : (n, 3) float32 array
        Unit vectors against the gradient, that is outward.

    Notes
    -----
    All arrays are empty where nothing crosses. More than 2³¹ vertices are not supported.
    """
    voxels = _read_only(voxels)
    margin = 1 if closed else 0
    shape = tuple(n + 2 * margin for n in voxels.shape)
    threshold = _threshold(level, voxels.dtype)
    if threshold is None or min(shape) < 2:
        return _empty()
    bits = np.zeros((shape[0] * shape[1], (shape[2] + 63) // 64 + 1), dtype=np.uint64)
    classify(voxels, threshold, margin, bits)
    counts = np.zeros((shape[0] * shape[1] + 1, 4), dtype=np.int64)
    count(bits, shape, TRIANGLE_COUNTS, counts)
    vertex_total, face_total = int(counts[:, :3].sum()), int(counts[:, 3].sum())
    if face_total == 0:
        return _empty()
    tasks = _equal_portions(counts.sum(axis=1))
    first_vertex = _before(counts[:, :3].ravel()).reshape(-1, 3)
    first_face = _before(counts[:, 3])
    vertices, normals = (np.empty((vertex_total, 3), dtype=np.float32) for _ in range(2))
    faces = np.empty((face_total, 3), dtype=np.int32)
    to_covector = np.linalg.inv(affine[:3, :3]).T
    place_vertices(voxels, level, margin, bits, shape, first_vertex, tasks, affine, to_covector, vertices, normals)
    mirrored = bool(np.linalg.det(affine[:3, :3]) < 0)
    connect(bits, shape, first_vertex, first_face, tasks, TRIANGLE_COUNTS, TRIANGLE_EDGES, mirrored, faces)
    return vertices, faces, normals


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view: one numba type, hence one compilation, for all callers."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _threshold(level: float, dtype: np.dtype[Any]) -> Any:
    """The smallest value of the voxels' type at or above the level; None where there is none."""
    if dtype.kind == "f":
        value = dtype.type(level)
        return value if value >= level else np.nextafter(value, dtype.type(np.inf))
    limits = np.iinfo(dtype)
    if level > limits.max:
        return None
    return dtype.type(max(np.ceil(level), limits.min))


def _before(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Exclusive prefix sum."""
    return np.concatenate([[0], np.cumsum(counts)[:-1]])


def _equal_portions(work: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows at which portions of about equal work begin, and the end."""
    done = np.cumsum(work)
    goals = done[-1] * np.arange(1, TASKS) // TASKS
    return np.concatenate([[0], np.searchsorted(done, goals), [len(work) - 1]])


def _empty() -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    return np.empty((0, 3), np.float32), np.empty((0, 3), np.int32), np.empty((0, 3), np.float32)
