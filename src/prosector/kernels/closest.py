"""Closest point of a triangle mesh to each of many points, exactly, by a tree of boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from prosector.kernels._jit import leaf, parallel_kernel

LEAF = 4
"""Triangles in a box at the bottom of the tree."""

_STACK = 64


def closest_points(
    points: NDArray[Any], corners: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Closest point of the triangles to each point.

    Parameters
    ----------
    points : (n, 3) array
    corners : (m, 3, 3) array
        Corners of m triangles, m at least 1; the same unit.

    Returns
    -------
    distance : (n,) float64 array
    place : (n, 3) float64 array
    triangle : (n,) int64 array
        Row of ``corners``.
    """
    points = _read_only(points)
    order, boxes = _tree(np.ascontiguousarray(corners, dtype=np.float64))
    sorted_corners = _read_only(np.asarray(corners, dtype=np.float64)[order])
    place = np.empty(points.shape)
    found = np.empty(len(points), dtype=np.int64)
    search(points, sorted_corners, _read_only(boxes), place, found)
    return np.linalg.norm(place - points, axis=1), place, order[found]


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view: one numba type, hence one compilation, for all callers."""
    view = np.ascontiguousarray(array, dtype=np.float64).view()
    view.flags.writeable = False
    return view


def _tree(corners: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Triangles in the order of the leaves (repeated to fill them), and boxes of a complete binary tree, root first.

    Each box is halved at the median of its longest side, all boxes of a level in one sort.
    """
    depth = max(0, int(np.ceil(np.log2(max(1, len(corners) / LEAF)))))
    size = LEAF << depth
    order = np.concatenate([np.arange(len(corners)), np.full(size - len(corners), len(corners) - 1)])
    centers = corners.mean(axis=1)
    for level in range(depth):
        groups = order.reshape(1 << level, -1)
        inside = centers[groups]
        axis = np.argmax(inside.max(axis=1) - inside.min(axis=1), axis=1)
        keys = np.take_along_axis(inside, axis[:, None, None], axis=2)[..., 0]
        order = np.take_along_axis(groups, np.argsort(keys, axis=1, kind="stable"), axis=1).ravel()
    boxes = np.empty(((2 << depth) - 1, 6))
    flat = corners[order].reshape(1 << depth, LEAF * 3, 3)
    first = (1 << depth) - 1
    boxes[first:, :3], boxes[first:, 3:] = flat.min(axis=1), flat.max(axis=1)
    for level in range(depth - 1, -1, -1):
        below = boxes[(2 << level) - 1 : (4 << level) - 1].reshape(-1, 2, 6)
        here = slice((1 << level) - 1, (2 << level) - 1)
        boxes[here, :3], boxes[here, 3:] = below[:, :, :3].min(axis=1), below[:, :, 3:].max(axis=1)
    return order, boxes


@leaf
def to_box(boxes, node, x, y, z):  # type: ignore[no-untyped-def]
    """Squared distance of a point to a box."""
    dx = max(boxes[node, 0] - x, 0.0, x - boxes[node, 3])
    dy = max(boxes[node, 1] - y, 0.0, y - boxes[node, 4])
    dz = max(boxes[node, 2] - z, 0.0, z - boxes[node, 5])
    return dx * dx + dy * dy + dz * dz


@leaf
def on_triangle(t, n, p):  # type: ignore[no-untyped-def]
    """Weights (of the second and the third corner) of the point of triangle ``n`` that is closest to ``p``.

    By the regions of the plane: corners, edges, inside (Ericson, Real-Time Collision Detection, 2005, 5.1.5).
    """
    ux, uy, uz = t[n, 1, 0] - t[n, 0, 0], t[n, 1, 1] - t[n, 0, 1], t[n, 1, 2] - t[n, 0, 2]
    vx, vy, vz = t[n, 2, 0] - t[n, 0, 0], t[n, 2, 1] - t[n, 0, 1], t[n, 2, 2] - t[n, 0, 2]
    wx, wy, wz = p[0] - t[n, 0, 0], p[1] - t[n, 0, 1], p[2] - t[n, 0, 2]
    uu, uv, vv = ux * ux + uy * uy + uz * uz, ux * vx + uy * vy + uz * vz, vx * vx + vy * vy + vz * vz
    d1, d2 = ux * wx + uy * wy + uz * wz, vx * wx + vy * wy + vz * wz
    if d1 <= 0.0 and d2 <= 0.0:
        return 0.0, 0.0
    d3, d4 = d1 - uu, d2 - uv
    if d3 >= 0.0 and d4 <= d3:
        return 1.0, 0.0
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        return d1 / uu, 0.0
    d5, d6 = d1 - uv, d2 - vv
    if d6 >= 0.0 and d5 <= d6:
        return 0.0, 1.0
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        return 0.0, d2 / vv
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        share = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return 1.0 - share, share
    total = va + vb + vc
    return vb / total, vc / total


@parallel_kernel
def search(points, corners, boxes, place, found):  # type: ignore[no-untyped-def]
    """Depth first, the nearer box first; each point on its own.

    points : (n, 3); corners : (leaves * LEAF, 3, 3) in the order of the leaves; boxes : (nodes, 6) low and high,
    root first; place : (n, 3), filled; found : (n,) int64, filled with rows of ``corners``.
    """
    first = len(boxes) // 2
    for k in prange(len(points)):
        p = (points[k, 0], points[k, 1], points[k, 2])
        best = np.inf
        stack = np.empty(_STACK, dtype=np.int64)
        bound = np.empty(_STACK)
        stack[0] = 0
        bound[0] = 0.0
        top = 1
        while top > 0:
            top -= 1
            node = stack[top]
            if bound[top] >= best:
                continue
            if node >= first:
                for n in range((node - first) * LEAF, (node - first + 1) * LEAF):
                    b, c = on_triangle(corners, n, p)
                    a = 1.0 - b - c
                    x = a * corners[n, 0, 0] + b * corners[n, 1, 0] + c * corners[n, 2, 0]
                    y = a * corners[n, 0, 1] + b * corners[n, 1, 1] + c * corners[n, 2, 1]
                    z = a * corners[n, 0, 2] + b * corners[n, 1, 2] + c * corners[n, 2, 2]
                    d = (x - p[0]) ** 2 + (y - p[1]) ** 2 + (z - p[2]) ** 2
                    if d < best:
                        best = d
                        place[k, 0], place[k, 1], place[k, 2] = x, y, z
                        found[k] = n
                continue
            left, right = 2 * node + 1, 2 * node + 2
            dl, dr = to_box(boxes, left, p[0], p[1], p[2]), to_box(boxes, right, p[0], p[1], p[2])
            if dl < dr:
                left, right, dl, dr = right, left, dr, dl
            stack[top], bound[top] = left, dl
            stack[top + 1], bound[top + 1] = right, dr
            top += 2
