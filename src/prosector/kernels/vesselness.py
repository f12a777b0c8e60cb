"""How much like a tube: measures of Frangi, Sato and Jerman from the eigenvalues of the Hessian, slab by slab.

Eigenvalues are of the Hessian times the scale squared, its sign turned so that a tube has two large positive ones.
``m1 ≥ m2 ≥ m3``; the measures speak of them by magnitude, and a tube is there only where ``m2 > 0`` and
``|m3| ≤ m2``, so the order by magnitude is m3, m2, m1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import inline, leaf, parallel_kernel
from prosector.kernels.hessian import BLOCK, BUFFER, LARGEST, LEAST, MIDDLE, differences, eigenvalues_of_block

Array = np.ndarray[Any, Any]

FRANGI, SATO, JERMAN = 0, 1, 2

_ZERO, _HALF, _ONE, _THREE = (np.float32(v) for v in (0, 0.5, 1, 3))


@leaf
def frangi(m1, m2, m3, settings):  # type: ignore[no-untyped-def]
    """Frangi, Niessen, Vincken, Viergever (MICCAI 1998), eq. 13; settings: 1/2α², 1/2β², 1/2c²."""
    plate = m2 / m1
    blob = m3 * m3 / (m1 * m2)
    norm = m1 * m1 + m2 * m2 + m3 * m3
    line = _ONE - np.float32(math.exp(-plate * plate * settings[0]))
    return line * np.float32(math.exp(-blob * settings[1])) * (_ONE - np.float32(math.exp(-norm * settings[2])))


@leaf
def sato(m2, m3, settings):  # type: ignore[no-untyped-def]
    """Sato and others (Med. Image Anal. 2, 1998), eq. 5; settings: 1/2α₁², 1/2α₂²."""
    ratio = m3 / m2
    steep = settings[0] if m3 >= _ZERO else settings[1]
    return m2 * np.float32(math.exp(-ratio * ratio * steep))


@leaf
def jerman(m1, m2, settings):  # type: ignore[no-untyped-def]
    """Jerman, Pernuš, Likar, Špiclin (IEEE Trans. Med. Imaging 35, 2016), eq. 12–13; settings: τ·λ of a full tube."""
    most = max(m1, settings[0])
    if m2 >= _HALF * most:
        return _ONE
    share = _THREE / (m2 + most)
    return m2 * m2 * (most - m2) * share * share * share


@parallel_kernel
def row_spans(mask: Array, out: Array) -> None:
    """First and one-past-last nonzero column of each row, (k, j, 2); the end is 0 where there is none."""
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            first, end = ni, 0
            for i in range(ni):
                if mask[k, j, i] != 0:
                    first = min(first, i)
                    end = i + 1
            out[k, j, 0], out[k, j, 1] = first, end


@parallel_kernel
def respond(
    smooth: Array, factors: Array, upright: bool, measure: int, settings: Array, spans: Array, out: Array
) -> None:
    """Raise ``out`` (planes, nj, ni) to the response at one scale.

    ``smooth`` (planes + 2, nj, ni + 2) holds one more smoothed plane on either side, and one more column.
    ``spans`` (planes, nj, 2) holds the first and the one-past-last column to work on, the end 0 in rows without.
    """
    nj = out.shape[1]
    for p in prange(out.shape[0]):
        buffer = np.empty(BUFFER, dtype=np.float32)
        for j in range(nj):
            if spans[p, j, 1] == 0:
                continue
            up, down = max(j - 1, 0), min(j + 1, nj - 1)
            rows = (
                smooth[p, up], smooth[p, j], smooth[p, down],
                smooth[p + 1, up], smooth[p + 1, j], smooth[p + 1, down],
                smooth[p + 2, up], smooth[p + 2, j], smooth[p + 2, down],
            )  # fmt: skip
            for start in range(spans[p, j, 0], spans[p, j, 1], BLOCK):
                count = min(BLOCK, spans[p, j, 1] - start)
                differences(rows, start, count, buffer)
                eigenvalues_of_block(factors, upright, count, buffer)
                _raise(buffer, count, measure, settings, out[p, j, start : start + count])


@inline
def _raise(buffer: Array, count: int, measure: int, settings: Array, out: Array) -> None:
    """Raise ``out`` to the measure of a block's eigenvalues, where they can be a tube's."""
    for i in range(count):
        m1, m2, m3 = buffer[LARGEST + i], buffer[MIDDLE + i], buffer[LEAST + i]
        if m2 <= _ZERO or m3 < -m2:
            continue
        if measure == FRANGI:
            value = frangi(m1, m2, m3, settings)
        elif measure == SATO:
            value = sato(m2, m3, settings)
        else:
            value = jerman(m1, m2, settings)
        out[i] = max(out[i], value)
