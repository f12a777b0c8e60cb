"""Parts of the measuring of segments that go over every voxel: extents, borders, local levels, moments.

Masks are uint8 of 0 and 1; beyond the grid lies nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import inline, leaf, parallel_kernel

Array = np.ndarray[Any, Any]

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)


@parallel_kernel
def label_spans(labels: Array, number: int, out: Array) -> None:
    """First and one-past-last j and i of a label in each slice, ends 0 where it is not; any label for number 0."""
    nk, nj, ni = labels.shape
    for k in prange(nk):
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = nj, 0, ni, 0
        for j in range(nj):
            first, end = ni, 0
            for i in range(ni):
                if labels[k, j, i] == number if number else labels[k, j, i] != 0:
                    first = min(first, i)
                    end = i + 1
            if end:
                out[k, 0] = min(out[k, 0], j)
                out[k, 1] = j + 1
                out[k, 2] = min(out[k, 2], first)
                out[k, 3] = max(out[k, 3], end)


@inline
def _join(source: Array, out: Array) -> None:
    for i in range(np.uint64(out.size)):
        out[i] |= source[i]


@parallel_kernel
def widen(mask: Array, reach: tuple[int, int, int], out: Array) -> None:
    """1 where the box that reaches so many voxels to either side holds a 1."""
    nk, nj, ni = mask.shape
    rk, rj, ri = reach
    for k in prange(nk):
        deep = np.zeros((nj, ni), dtype=np.uint8)
        line = np.empty(ni, dtype=np.uint8)
        for kk in range(max(0, k - rk), min(nk, k + rk + 1)):
            for j in range(nj):
                _join(mask[kk, j], deep[j])
        for j in range(nj):
            line[:] = 0
            for jj in range(max(0, j - rj), min(nj, j + rj + 1)):
                _join(deep[jj], line)
            out[k, j, :] = line
            for n in range(1, min(ri, ni - 1) + 1):
                _join(line[n:], out[k, j, : ni - n])
                _join(line[: ni - n], out[k, j, n:])


@inline
def _add_weighted(state: Array, values: Array, table: Array, tap: Any, mass: Array, sums: Array) -> None:
    for i in range(np.uint64(mass.size)):
        weight = tap * table[state[i]]
        mass[i] += weight
        sums[i] += weight * values[i]


@inline
def _add(source: Array, tap: Any, out: Array) -> None:
    for i in range(np.uint64(out.size)):
        out[i] += tap * source[i]


@inline
def _along(line: Array, half: Array, first: int, out: Array) -> None:
    """Symmetric taps along a line that is 0 for the taps' reach before and after, from column ``first`` on."""
    reach = half.size - 1
    middle = line[first + reach : first + reach + out.size]
    for i in range(np.uint64(out.size)):
        out[i] = half[0] * middle[i]
    for t in range(1, reach + 1):
        left = line[first + reach - t : first + reach - t + out.size]
        right = line[first + reach + t : first + reach + t + out.size]
        tap = half[t]
        for i in range(np.uint64(out.size)):
            out[i] += tap * (left[i] + right[i])


@leaf
def _needed(plane, j):  # type: ignore[no-untyped-def]
    """First and one-past-last column that is needed in a row."""
    first, end = plane.shape[1], 0
    for i in range(plane.shape[1]):
        if plane[j, i] != 0:
            first = min(first, i)
            end = i + 1
    return first, end


@parallel_kernel
def local_levels(
    values: Array, state: Array, table: Array, halves: tuple[Array, Array, Array], needed: Array, out: Array
) -> None:
    """Weighted mean of the values around each needed voxel; NaN where there is no weight, and elsewhere.

    A voxel's weight is ``table[state]`` times symmetric taps along each axis, of which ``halves`` hold the middle one
    and those on one side. All float32, but ``state`` and ``needed``, which are uint8.
    """
    nk, nj, ni = values.shape
    rk, rj, ri = halves[0].size - 1, halves[1].size - 1, halves[2].size - 1
    for k in prange(nk):
        spans = np.empty((nj, 2), dtype=np.int64)
        left, right, top, bottom = ni, 0, nj, 0
        for j in range(nj):
            out[k, j, :] = np.nan
            spans[j, 0], spans[j, 1] = _needed(needed[k], j)
            if spans[j, 1] > 0:
                left, right = min(left, spans[j, 0]), max(right, spans[j, 1])
                top, bottom = min(top, j), j + 1
        if right == 0:
            continue
        left, right = max(0, left - ri), min(ni, right + ri)
        top, bottom = max(0, top - rj), min(nj, bottom + rj)
        mass = np.zeros((bottom - top, right - left), dtype=np.float32)
        sums = np.zeros((bottom - top, right - left), dtype=np.float32)
        for kk in range(max(0, k - rk), min(nk, k + rk + 1)):
            tap = halves[0][abs(kk - k)]
            for j in range(top, bottom):
                here = (state[kk, j, left:right], values[kk, j, left:right])
                _add_weighted(here[0], here[1], table, tap, mass[j - top], sums[j - top])
        width = right - left
        lines = np.zeros((2, width + 2 * ri), dtype=np.float32)
        ends = np.empty((2, width), dtype=np.float32)
        for j in range(top, bottom):
            first, end = spans[j, 0], spans[j, 1]
            if end == 0:
                continue
            lines[:, ri : ri + width] = _ZERO
            for jj in range(max(top, j - rj), min(bottom, j + rj + 1)):
                tap = halves[1][abs(jj - j)]
                _add(mass[jj - top], tap, lines[0, ri : ri + width])
                _add(sums[jj - top], tap, lines[1, ri : ri + width])
            for n in range(2):
                _along(lines[n], halves[2], first - left, ends[n, : end - first])
            for i in range(first, end):
                if needed[k, j, i] != 0 and ends[0, i - first] > 1e-9:
                    out[k, j, i] = ends[1, i - first] / ends[0, i - first]


@parallel_kernel
def like_inside(values: Array, outside: Array, inside: Array, candidates: Array, out: Array) -> None:
    """1 at the candidates around which, on average over 27 voxels, values are nearer the inside than the outside."""
    nk, nj, ni = values.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                out[k, j, i] = 0
                if candidates[k, j, i] == 0:
                    continue
                total = 0.0
                for n in range(27):
                    kk = min(max(k + n // 9 - 1, 0), nk - 1)
                    jj = min(max(j + (n // 3) % 3 - 1, 0), nj - 1)
                    ii = min(max(i + n % 3 - 1, 0), ni - 1)
                    contrast = inside[kk, jj, ii] - outside[kk, jj, ii]
                    if abs(contrast) > np.float32(1e-6):  # never for NaN
                        part = (values[kk, jj, ii] - outside[kk, jj, ii]) / contrast
                        total += min(max(part, np.float32(-1.0)), np.float32(2.0))
                out[k, j, i] = 1 if total > 13.5 else 0


@parallel_kernel
def falling(parts: Array, within: Array, beyond: Array, out: Array) -> None:
    """The parts, but beyond the segment no more than the largest of the 27 around that are ``within`` it, or 0."""
    nk, nj, ni = parts.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                part = parts[k, j, i]
                if beyond[k, j, i] != 0:
                    most = _ZERO
                    for n in range(27):
                        kk, jj, ii = k + n // 9 - 1, j + (n // 3) % 3 - 1, i + n % 3 - 1
                        if 0 <= kk < nk and 0 <= jj < nj and 0 <= ii < ni and within[kk, jj, ii] != 0:
                            most = max(most, parts[kk, jj, ii])
                    part = min(part, most)
                out[k, j, i] = part


@parallel_kernel
def plateaus(parts: Array, inner: Array, outer: Array, plain: float, out: Array) -> None:
    """1 in ``inner`` where the mean of 27 voxels is above 1 − ``plain``, 2 in ``outer`` where it is below ``plain``."""
    nk, nj, ni = parts.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                out[k, j, i] = 0
                if inner[k, j, i] == 0 and outer[k, j, i] == 0:
                    continue
                total = 0.0
                for n in range(27):
                    kk = min(max(k + n // 9 - 1, 0), nk - 1)
                    jj = min(max(j + (n // 3) % 3 - 1, 0), nj - 1)
                    ii = min(max(i + n % 3 - 1, 0), ni - 1)
                    total += parts[kk, jj, ii]
                if inner[k, j, i] != 0 and total > 27.0 * (1.0 - plain):
                    out[k, j, i] = 1
                elif outer[k, j, i] != 0 and total < 27.0 * plain:
                    out[k, j, i] = 2


@parallel_kernel
def border_sums(parts: Array, contrast: Array, shift: float, out: Array) -> None:
    """Sums over each slice, (k, 4) float64.

    Voxels filled by half and more; by half less, and more, the share that ``shift`` is of their contrast; and the
    inverse squares of the contrast. Where it is NaN there is no shift.
    """
    nk, nj, ni = parts.shape
    by = np.float32(shift)
    for k in prange(nk):
        half, low, high, squares = 0, 0, 0, 0.0
        for j in range(nj):
            for i in range(ni):
                part, here = parts[k, j, i], contrast[k, j, i]
                change = _ZERO
                if here == here:
                    change = by / abs(here)
                    squares += 1.0 / (np.float64(here) * np.float64(here))
                half += part >= _HALF
                low += part >= _HALF - change
                high += part >= _HALF + change
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = half, low, high, squares


@parallel_kernel
def count_outer(mask: Array, out: Array) -> None:
    """Voxels of the mask in each slice, and those of them beside one outside; (k, 2). The grid's border is inside."""
    nk, nj, ni = mask.shape
    for k in prange(nk):
        held, outer = 0, 0
        for j in range(nj):
            for i in range(ni):
                if mask[k, j, i] == 0:
                    continue
                held += 1
                outer += (
                    (k > 0 and mask[k - 1, j, i] == 0) or (k < nk - 1 and mask[k + 1, j, i] == 0)
                    or (j > 0 and mask[k, j - 1, i] == 0) or (j < nj - 1 and mask[k, j + 1, i] == 0)
                    or (i > 0 and mask[k, j, i - 1] == 0) or (i < ni - 1 and mask[k, j, i + 1] == 0)
                )  # fmt: skip
        out[k, 0], out[k, 1] = held, outer


@parallel_kernel
def moments(parts: Array, origin: Array, out: Array) -> None:
    """Of what is filled by more than 0, for each slice: sums of 1, k, j, i, kk, jj, ii, kj, ki, ji; (k, 10) float64.

    Indices are counted from ``origin`` (3,).
    """
    nk, nj, ni = parts.shape
    for n in prange(nk):
        k = n - origin[0]
        whole, by_j, by_i, jj, ii, ji = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for m in range(nj):
            j = m - origin[1]
            row, row_i, row_ii = 0.0, 0.0, 0.0
            for column in range(ni):
                part = np.float64(parts[n, m, column])
                if part > 0.0:
                    i = column - origin[2]
                    row += part
                    row_i += part * i
                    row_ii += part * i * i
            whole += row
            by_j += j * row
            by_i += row_i
            jj += j * j * row
            ii += row_ii
            ji += j * row_i
        out[n, 0], out[n, 1], out[n, 2], out[n, 3] = whole, k * whole, by_j, by_i
        out[n, 4], out[n, 5], out[n, 6] = k * k * whole, jj, ii
        out[n, 7], out[n, 8], out[n, 9] = k * by_j, k * by_i, ji


@parallel_kernel
def shift_level(parts: Array, contrast: Array, shift: float, out: Array) -> None:
    """The parts that are filled where the level between inside and outside lies higher by ``shift``."""
    nk, nj, ni = parts.shape
    by = np.float32(shift)
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                here = contrast[k, j, i]
                out[k, j, i] = parts[k, j, i] - (by / here if here == here else _ZERO)


@parallel_kernel
def set_runs(row_start: Array, begin: Array, end: Array, chosen: Array, value: float, out: Array) -> None:
    """Set the chosen runs of a (k, j, i) array; row r = k·nj + j owns the runs from ``row_start[r]``."""
    nk, nj, _ = out.shape
    for k in prange(nk):
        for j in range(nj):
            for n in range(row_start[k * nj + j], row_start[k * nj + j + 1]):
                if chosen[n]:
                    out[k, j, begin[n] : end[n]] = value
