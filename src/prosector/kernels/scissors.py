"""Cutting labels by a polygon on the view plane, and painting balls along a stroke."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, parallel_kernel

Array = np.ndarray[Any, Any]

OUTSIDE, INSIDE, MIXED = 0, 1, 2
"""What is known of a cell of the view plane."""


@leaf
def _is_inside(polygon: Array, x: float, y: float) -> bool:
    """Whether a point is inside a closed polygon, by the even-odd rule."""
    inside = False
    last = polygon.shape[0] - 1
    for n in range(polygon.shape[0]):
        x0, y0 = polygon[last, 0], polygon[last, 1]
        x1, y1 = polygon[n, 0], polygon[n, 1]
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
        last = n
    return inside


@parallel_kernel
def classify_cells(polygon: Array, corner: Array, step: Array, out: Array) -> None:
    """Whether each cell of a raster is outside, inside, or may be crossed by an edge.

    ``polygon`` is (n, 2), ``corner`` the raster's lowest (x, y), ``step`` the cells' size; ``out`` is (y, x).
    """
    rows, columns = out.shape
    for r in prange(rows):
        low = corner[1] + (r - 0.01) * step[1]
        high = corner[1] + (r + 1.01) * step[1]
        for c in range(columns):
            out[r, c] = OUTSIDE
        last = polygon.shape[0] - 1
        for n in range(polygon.shape[0]):
            x0, y0 = polygon[last, 0], polygon[last, 1]
            x1, y1 = polygon[n, 0], polygon[n, 1]
            last = n
            if max(y0, y1) < low or min(y0, y1) > high:
                continue
            if y0 != y1:
                ta = min(1.0, max(0.0, (low - y0) / (y1 - y0)))
                tb = min(1.0, max(0.0, (high - y0) / (y1 - y0)))
            else:
                ta, tb = 0.0, 1.0
            xa, xb = x0 + ta * (x1 - x0), x0 + tb * (x1 - x0)
            first = int(np.floor((min(xa, xb) - corner[0]) / step[0] - 0.01))
            end = int(np.floor((max(xa, xb) - corner[0]) / step[0] + 0.01))
            for c in range(max(0, first), min(columns - 1, end) + 1):
                out[r, c] = MIXED
        known = False
        state = OUTSIDE
        for c in range(columns):
            if out[r, c] == MIXED:
                known = False
                continue
            if not known:  # no edge lies between this cell and the next that is not mixed
                x = corner[0] + (c + 0.5) * step[0]
                state = INSIDE if _is_inside(polygon, x, corner[1] + (r + 0.5) * step[1]) else OUTSIDE
                known = True
            out[r, c] = state


@parallel_kernel
def cut(
    labels: Array,
    chosen: Array,
    to_view: Array,
    eye: float,
    depth: Array,
    polygon: Array,
    corner: Array,
    step: Array,
    cells: Array,
    remove_inside: bool,
    out: Array,
) -> None:
    """Set chosen labels to 0 inside, or outside, of what a polygon covers as seen from the eye.

    ``to_view`` (3, 4) maps the index to mm to the right, upwards and away from the viewer, from a point in the view
    plane. ``eye`` is the eye's distance from that plane, 0 for parallel rays. ``depth`` (2,) are the least and the
    largest distance behind the plane. ``chosen`` says for each label whether it may be cut.
    """
    nk, nj, ni = labels.shape
    rows, columns = cells.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                label = labels[k, j, i]
                out[k, j, i] = label
                if not chosen[label]:
                    continue
                x = to_view[0, 0] * k + to_view[0, 1] * j + to_view[0, 2] * i + to_view[0, 3]
                y = to_view[1, 0] * k + to_view[1, 1] * j + to_view[1, 2] * i + to_view[1, 3]
                z = to_view[2, 0] * k + to_view[2, 1] * j + to_view[2, 2] * i + to_view[2, 3]
                inside = depth[0] <= z <= depth[1] and (eye == 0.0 or eye + z > 0.0)
                if inside:
                    if eye > 0.0:
                        x *= eye / (eye + z)
                        y *= eye / (eye + z)
                    c = np.floor((x - corner[0]) / step[0])
                    r = np.floor((y - corner[1]) / step[1])
                    inside = 0 <= c < columns and 0 <= r < rows
                    if inside:
                        state = cells[int(r), int(c)]
                        inside = state == INSIDE or (state == MIXED and _is_inside(polygon, x, y))
                if inside == remove_inside:
                    out[k, j, i] = 0


@parallel_kernel
def paint_stroke(points: Array, affine: Array, radius: float, boxes: Array, first: Array, out: Array) -> None:
    """1 within ``radius`` mm of the line through ``points`` (n, 3), LPS mm.

    ``affine`` maps the grid's index to LPS; ``boxes`` (n - 1, 3, 2) are the first and one-past-last index that each
    stretch of the line can reach; ``first`` is the index of ``out``'s first voxel.
    """
    for k in prange(out.shape[0]):
        kk = k + first[0]
        for n in range(boxes.shape[0]):
            if kk < boxes[n, 0, 0] or kk >= boxes[n, 0, 1]:
                continue
            ax, ay, az = points[n, 0], points[n, 1], points[n, 2]
            dx, dy, dz = points[n + 1, 0] - ax, points[n + 1, 1] - ay, points[n + 1, 2] - az
            square = dx * dx + dy * dy + dz * dz
            for jj in range(boxes[n, 1, 0], boxes[n, 1, 1]):
                for ii in range(boxes[n, 2, 0], boxes[n, 2, 1]):
                    x = affine[0, 0] * kk + affine[0, 1] * jj + affine[0, 2] * ii + affine[0, 3] - ax
                    y = affine[1, 0] * kk + affine[1, 1] * jj + affine[1, 2] * ii + affine[1, 3] - ay
                    z = affine[2, 0] * kk + affine[2, 1] * jj + affine[2, 2] * ii + affine[2, 3] - az
                    t = 0.0
                    if square > 0.0:
                        t = min(1.0, max(0.0, (x * dx + y * dy + z * dz) / square))
                    x -= t * dx
                    y -= t * dy
                    z -= t * dz
                    if x * x + y * y + z * z <= radius * radius:
                        out[k, jj - first[1], ii - first[2]] = 1
