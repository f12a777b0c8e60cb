"""Second derivatives by differences, and eigenvalues of symmetric 3×3 matrices in closed form.

With ``q`` the mean eigenvalue, ``p`` the spread and ``r`` the scaled determinant, the largest and the smallest are
``q + 2p cos(acos(r)/3)`` and ``q − 2p cos(acos(−r)/3)`` (Smith, Commun. ACM 4, 1961). As a function of
``s = cos(acos(r)/2) = √((1+r)/2)`` the first cosine is ``cos(2/3·acos(s))``, which is smooth on [0, 1] also where
eigenvalues meet, so that a short polynomial gives it to 3e-8 without a branch or a call: rows of voxels vectorise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from prosector.kernels._jit import inline, leaf

Array = np.ndarray[Any, Any]

_HALF, _ONE, _TWO, _THIRD, _SIXTH = (np.float32(v) for v in (0.5, 1, 2, 1 / 3, 1 / 6))
_QUARTER = np.float32(0.25)
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7 = (
    np.float32(v)
    for v in (0.50000002, 0.57734722, -0.11104324, 0.05286911, -0.03031306, 0.01615949, -0.00616995, 0.00115043)
)
_TINY = np.float32(1e-30)


@leaf
def _third_of_angle(s):  # type: ignore[no-untyped-def]
    """cos(2/3·acos(s)) on [0, 1]: Chebyshev fit of degree 7, largest error 3e-8."""
    return _C0 + s * (_C1 + s * (_C2 + s * (_C3 + s * (_C4 + s * (_C5 + s * (_C6 + s * _C7))))))


@leaf
def eigenvalues(a, b, c, d, e, f):  # type: ignore[no-untyped-def]
    """Eigenvalues, largest first, of the matrix with diagonal (a, b, c) and d = xy, e = xz, f = yz; float32.

    The error is about 1e-6 of the largest magnitude, and where two eigenvalues meet up to 1e-3 of the spread, by
    which the two are moved apart.
    """
    q = (a + b + c) * _THIRD
    a, b, c = a - q, b - q, c - q
    dd, ee, ff = d * d, e * e, f * f
    square = (a * a + b * b + c * c + _TWO * (dd + ee + ff)) * _SIXTH
    p = np.sqrt(square)
    scale = _ONE / max(p, _TINY)
    a, b, c, d, e, f = a * scale, b * scale, c * scale, d * scale, e * scale, f * scale
    r = _HALF * (a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e))
    r = min(max(r, -_ONE), _ONE)
    most = q + _TWO * p * _third_of_angle(np.sqrt(_HALF * (_ONE + r)))
    least = q - _TWO * p * _third_of_angle(np.sqrt(_HALF * (_ONE - r)))
    return most, q + q + q - most - least, least


BLOCK = 512
"""Voxels of a row that are worked on at a time.

What a block needs lies in one buffer at distances that the compiler knows; from a dozen arrays it could not tell that
none overlaps another, and would not vectorise.
"""

BUFFER = 9 * BLOCK
"""Float32 values in the buffer of a block: six differences, then three eigenvalues."""

LARGEST, MIDDLE, LEAST = 6 * BLOCK, 7 * BLOCK, 8 * BLOCK
"""Where in the buffer the eigenvalues begin."""

_AT = tuple(np.uint64(n * BLOCK) for n in range(1, 6))
_AT6, _AT7, _AT8 = np.uint64(LARGEST), np.uint64(MIDDLE), np.uint64(LEAST)


@inline
def differences(rows: tuple[Array, ...], start: int, count: int, buffer: Array) -> None:
    """Second differences kk, jj, ii, kj, ki, ji of ``count`` voxels from column ``start`` into the buffer.

    ``rows`` are the nine rows (k−1, k, k+1) × (j−1, j, j+1) of ni + 2 values each.
    """
    k0j0, k0, k0j1, j0, mid, j1, k1j0, k1, k1j1 = rows
    _straight(k0[start + 1 :], mid[start + 1 :], k1[start + 1 :], count, buffer[:BLOCK])
    _straight(j0[start + 1 :], mid[start + 1 :], j1[start + 1 :], count, buffer[BLOCK:])
    _straight(mid[start:], mid[start + 1 :], mid[start + 2 :], count, buffer[2 * BLOCK :])
    _crossed(k1j1[start + 1 :], k1j0[start + 1 :], k0j1[start + 1 :], k0j0[start + 1 :], count, buffer[3 * BLOCK :])
    _crossed(k1[start + 2 :], k1[start:], k0[start + 2 :], k0[start:], count, buffer[4 * BLOCK :])
    _crossed(j1[start + 2 :], j1[start:], j0[start + 2 :], j0[start:], count, buffer[5 * BLOCK :])


@inline
def _straight(before: Array, here: Array, after: Array, count: int, out: Array) -> None:
    for i in range(np.uint64(count)):
        out[i] = before[i] + after[i] - _TWO * here[i]


@inline
def _crossed(a: Array, b: Array, c: Array, d: Array, count: int, out: Array) -> None:
    for i in range(np.uint64(count)):
        out[i] = _QUARTER * (a[i] - b[i] - c[i] + d[i])


@inline
def eigenvalues_of_block(factors: Array, upright: bool, count: int, buffer: Array) -> None:
    """Eigenvalues, largest first, from the differences of a block.

    ``factors`` (6, 6) takes the differences to the six entries of the matrix; ``upright`` says it is diagonal.
    """
    b1, b2, b3, b4, b5 = _AT
    if upright:
        f0, f1, f2 = factors[0, 0], factors[1, 1], factors[2, 2]
        f3, f4, f5 = factors[3, 3], factors[4, 4], factors[5, 5]
        for i in range(np.uint64(count)):
            buffer[i + _AT6], buffer[i + _AT7], buffer[i + _AT8] = eigenvalues(
                buffer[i] * f0, buffer[i + b1] * f1, buffer[i + b2] * f2,
                buffer[i + b3] * f3, buffer[i + b4] * f4, buffer[i + b5] * f5,
            )  # fmt: skip
    else:
        for i in range(np.uint64(count)):
            h = (buffer[i], buffer[i + b1], buffer[i + b2], buffer[i + b3], buffer[i + b4], buffer[i + b5])
            kk, jj, ii, kj, ki, ji = _mixed(factors, h)
            buffer[i + _AT6], buffer[i + _AT7], buffer[i + _AT8] = eigenvalues(kk, jj, ii, kj, ki, ji)


@leaf
def _mixed(factors, h):  # type: ignore[no-untyped-def]
    """The six entries from differences along axes that are not at right angles."""
    return (
        _dot(factors[0], h), _dot(factors[1], h), _dot(factors[2], h),
        _dot(factors[3], h), _dot(factors[4], h), _dot(factors[5], h),
    )  # fmt: skip


@leaf
def _dot(row, h):  # type: ignore[no-untyped-def]
    return row[0] * h[0] + row[1] * h[1] + row[2] * h[2] + row[3] * h[3] + row[4] * h[4] + row[5] * h[5]
