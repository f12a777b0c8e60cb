"""Exact Euclidean distance, in millimetres, of every voxel of a mask from the nearest voxel that is not in it.

Distances run from voxel centre to voxel centre. Outside the grid lies nothing: a structure that the field of view
cuts off has no wall there. On a grid with right angles the squared distance is found axis by axis as the lower
envelope of parabolas (Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012). On a sheared grid (gantry tilt)
squares do not add up axis by axis; there each voxel looks at the lines of voxels around it in a growing
neighbourhood until no farther line can be nearer. Both are exact; nothing is resampled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import ArrayLike

from prosector.kernels._jit import leaf, outlined, parallel_kernel

Array = np.ndarray[Any, Any]

BLOCK = 16
"""Lines that are worked on together: a cache line of float32."""

RIGHT_ANGLE = 1e-4
"""Largest cosine between two axes of a grid that counts as orthogonal."""


def distance_field(mask: Array, spacing_or_matrix: ArrayLike, out: Array) -> None:
    """Distance of each voxel of a mask from the nearest voxel outside of it, mm; 0 outside, inf if there is none.

    Parameters
    ----------
    mask : (k, j, i) uint8 or bool array
    spacing_or_matrix : (3,) or (3, 3) array
        Spacing along k, j and i in mm; or the matrix from index (k, j, i) to mm, the 3×3 part of a geometry's
        affine, which may be sheared or mirrored.
    out : (k, j, i) float32 array
        Is filled.
    """
    matrix = np.asarray(spacing_or_matrix, dtype=np.float64)
    matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
    lengths = np.linalg.norm(matrix, axis=0)
    cosines = matrix.T @ matrix / np.outer(lengths, lengths) - np.eye(3)
    mask = mask.view(np.uint8) if mask.dtype == np.bool_ else mask
    if np.abs(cosines).max() < RIGHT_ANGLE:
        along_slices(mask, lengths, out)
        across_slices(lengths[0] ** 2, out)
    else:
        nearest = np.empty((2, *mask.shape), dtype=np.int32)
        outside_on_line(mask, nearest)
        on_sheared_grid(nearest, np.linalg.qr(matrix[:, ::-1])[1][::-1, ::-1].copy(), out)


@outlined
def envelope(line, start, stop, places, borders):  # type: ignore[no-untyped-def]
    """Replace squared distances on a run of a line by the lower envelope of their parabolas; unit spacing."""
    count = 0
    for q in range(start, stop):
        height = line[q]
        if height == np.inf:
            continue
        height += np.float64(q) * q
        border = -np.inf
        while count > 0:
            v = places[count - 1]
            border = (height - line[v] - np.float64(v) * v) / (2.0 * (q - v))
            if border > borders[count - 1]:
                break
            count -= 1
            border = -np.inf
        places[count] = q
        borders[count] = border
        count += 1
    if count == 0:
        return
    # heights are overwritten from the right by values that the left does not need: so keep them aside
    n = count - 1
    for m in range(count):
        borders[count + m] = line[places[m]]
    for q in range(stop - 1, start - 1, -1):
        while borders[n] > q:
            n -= 1
        away = np.float64(q - places[n])
        line[q] = borders[count + n] + away * away


@leaf
def envelope_of_runs(line, size, places, borders):  # type: ignore[no-untyped-def]
    """Envelope of each run between two zeros: no parabola from beyond a zero reaches below the zero's own."""
    start = 0
    while start < size:
        while start < size - 1 and line[start] == 0.0 and line[start + 1] == 0.0:
            start += 1
        stop = start + 1
        while stop < size and line[stop] != 0.0:
            stop += 1
        if stop - start > 1 or line[start] != 0.0:
            envelope(line, start, min(stop + 1, size), places, borders)
        start = stop


@leaf
def line_distances(mask, line, square):  # type: ignore[no-untyped-def]
    """Squared distance from the nearest 0 on one line of voxels."""
    away = np.inf
    for i in range(mask.size):
        away = away + 1.0 if mask[i] else 0.0
        line[i] = np.float32(away)
    away = np.inf
    for i in range(mask.size - 1, -1, -1):
        away = away + 1.0 if mask[i] else 0.0
        nearer = min(np.float64(line[i]), away)
        line[i] = np.float32(nearer * nearer * square)


@leaf
def envelope_across(plane, square, root, lines, places, borders):  # type: ignore[no-untyped-def]
    """Envelopes along axis 0 of a plane, for blocks of columns that are copied to where they lie together."""
    size, width = plane.shape
    for left in range(0, width, BLOCK):
        columns = min(BLOCK, width - left)
        lowest = 0.0
        for q in range(size):
            for c in range(columns):
                value = np.float64(plane[q, left + c])
                lowest = max(lowest, value)
                lines[c, q] = value / square
        if lowest == 0.0:
            continue
        for c in range(columns):
            envelope_of_runs(lines[c], size, places, borders)
        for q in range(size):
            for c in range(columns):
                value = lines[c, q] * square
                plane[q, left + c] = np.float32(np.sqrt(value) if root else value)


@parallel_kernel
def along_slices(mask, lengths, out):  # type: ignore[no-untyped-def]
    """Squared distances within each slice."""
    nk, nj, _ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            line_distances(mask[k, j], out[k, j], lengths[2] ** 2)
        lines = np.empty((BLOCK, nj), dtype=np.float64)
        places, borders = np.empty(nj, dtype=np.int64), np.empty(2 * nj, dtype=np.float64)
        envelope_across(out[k], lengths[1] ** 2, False, lines, places, borders)


@parallel_kernel
def across_slices(square, out):  # type: ignore[no-untyped-def]
    """Squared distances within slices to distances."""
    nk, nj, _ni = out.shape
    for j in prange(nj):
        lines = np.empty((BLOCK, nk), dtype=np.float64)
        places, borders = np.empty(nk, dtype=np.int64), np.empty(2 * nk, dtype=np.float64)
        envelope_across(out[:, j], square, True, lines, places, borders)


@parallel_kernel
def outside_on_line(mask, nearest):  # type: ignore[no-untyped-def]
    """Index of the last 0 at or before each voxel of its line (−1: none), and of the first at or after (ni: none)."""
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            last = -1
            for i in range(ni):
                if mask[k, j, i] == 0:
                    last = i
                nearest[0, k, j, i] = last
            last = ni
            for i in range(ni - 1, -1, -1):
                if mask[k, j, i] == 0:
                    last = i
                nearest[1, k, j, i] = last


@leaf
def from_line(before, after, at, step):  # type: ignore[no-untyped-def]
    """Distance, along a line of voxels, of the fractional position ``at`` from the nearest 0."""
    size = before.size
    left = int(np.floor(at))
    best = np.inf
    if left >= 0:
        found = before[min(left, size - 1)]
        if found >= 0:
            best = at - found
    right = left + 1
    if right < size:
        found = after[max(right, 0)]
        if found < size:
            best = min(best, found - at)
    return best * step


@outlined
def sheared_voxel(nearest, r, k, j, i, bound):  # type: ignore[no-untyped-def]
    """Squared distance of one voxel; ``bound`` is a distance within which a 0 is known to lie."""
    nk, nj, _ni = nearest.shape[1:]
    best = bound * bound
    for turn in range(2 * nk):
        # 0, −1, 1, −2, 2, …
        dk = -((turn + 1) // 2) if turn % 2 else turn // 2
        off = dk * r[0, 0]
        if off * off > best:
            break
        if not 0 <= k + dk < nk:
            continue
        # the lines j' of that slice whose own distance from here can be less
        reach = np.sqrt(max(best - off * off, 0.0)) / abs(r[1, 1])
        middle = -dk * r[1, 0] / r[1, 1]
        first = int(max(np.ceil(middle - reach), -np.float64(j)))
        last = int(min(np.floor(middle + reach), np.float64(nj - 1 - j)))
        for dj in range(first, last + 1):
            sideways = dj * r[1, 1] + dk * r[1, 0]
            aside = off * off + sideways * sideways
            at = i - (dj * r[2, 1] + dk * r[2, 0]) / r[2, 2]
            along = from_line(nearest[0, k + dk, j + dj], nearest[1, k + dk, j + dj], at, abs(r[2, 2]))
            best = min(best, aside + along * along)
    return best


@parallel_kernel
def on_sheared_grid(nearest, r, out):  # type: ignore[no-untyped-def]
    """Distances where axes are not at right angles.

    ``r`` is lower triangular: a step of (dk, dj, di) has the length of ``r @ (dk, dj, di)``. The first component
    depends on dk alone, the second on dk and dj: bounds for what has to be looked at.
    """
    nk, nj, ni = out.shape
    for n in prange(nk * nj):
        k, j = n // nj, n % nj
        bound = np.inf
        for i in range(ni):
            if nearest[0, k, j, i] == i:
                bound = 0.0
            else:
                # the neighbour's nearest is at most a step farther from here
                square = sheared_voxel(nearest, r, k, j, i, bound + 1e-9 + np.abs(r[2, 2]))
                bound = np.sqrt(square)
            out[k, j, i] = np.float32(bound)
