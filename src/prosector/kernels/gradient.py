"""Gradients of the trilinear field, made only where something is seen."""

from __future__ import annotations

import numpy as np

from prosector.kernels._jit import leaf, outlined
from prosector.kernels.rays import FRACTION_BITS, cell_of, edge, may_hold_nothing, weight_of


@leaf
def reach_of(cell, fraction, last_cell, top, stride):  # type: ignore[no-untyped-def]
    """Offsets from a cell's first voxel to its neighbours, and weights of the two differences.

    Central differences at voxels, one-sided ones at the border, none along an axis of one voxel.
    """
    half, one = np.float32(0.5), np.float32(1.0)
    before = stride if cell > 0 else np.uint64(0)
    after = stride + stride if cell < last_cell else stride
    if top == 0.0:
        return before, after, np.float32(0.0), np.float32(0.0)
    first = half if cell > 0 else one
    second = half if cell < last_cell else one
    return before, after, (one - fraction) * first, fraction * second


@leaf
def finite(flat, index, instead):  # type: ignore[no-untyped-def]
    """A voxel, or ``instead`` where it is not finite."""
    value = flat[index]
    return np.float32(value) if np.isfinite(value) else instead


@leaf
def slope(flat, base, reach, v0, v1, instead):  # type: ignore[no-untyped-def]
    """Derivative along one axis on the edge of the cell that goes from v0 (at ``base``) to v1."""
    before, after, first, second = reach
    return first * (v1 - finite(flat, base - before, instead)) + second * (finite(flat, base + after, instead) - v0)


@leaf
def mix(a, b, c, d, u, v):  # type: ignore[no-untyped-def]
    """Bilinear blend: u from a to b and from c to d, v between the two."""
    near = a + u * (b - a)
    far = c + u * (d - c)
    return near + v * (far - near)


@outlined
def gradient(flat, grid, position, instead):  # type: ignore[no-untyped-def]
    """Derivatives along (k, j, i) per voxel: differences at voxels, blended trilinearly.

    Voxels that are not finite count as ``instead`` (the value at the position), so they add no slope.
    """
    tops, cells, strides = grid
    sk, sj, si = strides
    ck, fk = cell_of(position[0], tops[0], cells[0])
    cj, fj = cell_of(position[1], tops[1], cells[1])
    ci, fi = cell_of(position[2], tops[2], cells[2])
    base = np.uint64(ck) * sk + np.uint64(cj) * sj + np.uint64(ci) * si
    rk = reach_of(ck, fk, cells[0], tops[0], sk)
    rj = reach_of(cj, fj, cells[1], tops[1], sj)
    ri = reach_of(ci, fi, cells[2], tops[2], si)
    b1, b2, b4 = base + si, base + sj, base + sk
    b3, b5, b6, b7 = b2 + si, b4 + si, b4 + sj, b4 + sj + si
    v0, v1 = finite(flat, base, instead), finite(flat, b1, instead)
    v2, v3 = finite(flat, b2, instead), finite(flat, b3, instead)
    v4, v5 = finite(flat, b4, instead), finite(flat, b5, instead)
    v6, v7 = finite(flat, b6, instead), finite(flat, b7, instead)
    gk = mix(
        slope(flat, base, rk, v0, v4, instead),
        slope(flat, b1, rk, v1, v5, instead),
        slope(flat, b2, rk, v2, v6, instead),
        slope(flat, b3, rk, v3, v7, instead),
        fi,
        fj,
    )
    gj = mix(
        slope(flat, base, rj, v0, v2, instead),
        slope(flat, b1, rj, v1, v3, instead),
        slope(flat, b4, rj, v4, v6, instead),
        slope(flat, b5, rj, v5, v7, instead),
        fi,
        fk,
    )
    gi = mix(
        slope(flat, base, ri, v0, v1, instead),
        slope(flat, b2, ri, v2, v3, instead),
        slope(flat, b4, ri, v4, v5, instead),
        slope(flat, b6, ri, v6, v7, instead),
        fj,
        fk,
    )
    return gk, gj, gi


@leaf
def lerp(a, b, f):  # type: ignore[no-untyped-def]
    """From a to b."""
    return a + f * (b - a)


@leaf
def central(before, first, second, after, fraction):  # type: ignore[no-untyped-def]
    """Blend of the central differences at two neighbouring voxels."""
    return np.float32(0.5) * lerp(second - before, after - first, fraction)


@leaf
def face(flat, base, across, along, u, v):  # type: ignore[no-untyped-def]
    """Bilinear blend of four voxels: u along ``across``, v along ``along``."""
    return lerp(edge(flat, base, across, u), edge(flat, base + along, across, u), v)


@leaf
def gradient_within(flat, base, strides, weights):  # type: ignore[no-untyped-def]
    """As ``gradient``, for a cell with neighbours all around, from the blends of eight faces and the cell's own."""
    sk, sj, si = strides
    fk, fj, fi = weights
    # the cell's four edges along i, blended
    e00, e01 = edge(flat, base, si, fi), edge(flat, base + sj, si, fi)
    e10, e11 = edge(flat, base + sk, si, fi), edge(flat, base + sk + sj, si, fi)
    gk = central(
        face(flat, base - sk, si, sj, fi, fj),
        lerp(e00, e01, fj),
        lerp(e10, e11, fj),
        face(flat, base + sk + sk, si, sj, fi, fj),
        fk,
    )
    gj = central(
        face(flat, base - sj, si, sk, fi, fk),
        lerp(e00, e10, fk),
        lerp(e01, e11, fk),
        face(flat, base + sj + sj, si, sk, fi, fk),
        fj,
    )
    gi = central(
        face(flat, base - si, sj, sk, fj, fk),
        face(flat, base, sj, sk, fj, fk),
        face(flat, base + si, sj, sk, fj, fk),
        face(flat, base + si + si, sj, sk, fj, fk),
        fi,
    )
    return gk, gj, gi


@leaf
def within(x, last_cell):  # type: ignore[no-untyped-def]
    """Cell of a coordinate, and whether it has cells on both sides."""
    cell = x >> FRACTION_BITS
    return cell, np.uint64(cell - 1) < np.uint64(max(last_cell - 1, np.int64(0)))


@leaf
def gradient_any(flat, grid, position, instead):  # type: ignore[no-untyped-def]
    """As ``gradient``, quicker in the inside where all is finite."""
    _, cells, strides = grid
    ck, deep_k = within(position[0], cells[0])
    cj, deep_j = within(position[1], cells[1])
    ci, deep_i = within(position[2], cells[2])
    if deep_k and deep_j and deep_i:
        base = np.uint64(ck) * strides[0] + np.uint64(cj) * strides[1] + np.uint64(ci) * strides[2]
        weights = (weight_of(position[0], ck), weight_of(position[1], cj), weight_of(position[2], ci))
        found = gradient_within(flat, base, strides, weights)
        if not may_hold_nothing(flat):
            return found
        total = found[0] + found[1] + found[2]
        if total - total == np.float32(0.0):
            return found
    return gradient(flat, grid, position, instead)


@leaf
def to_patient(matrix, g):  # type: ignore[no-untyped-def]
    """Gradient in LPS per mm; ``matrix`` is the transposed inverse of the affine."""
    gk, gj, gi = np.float64(g[0]), np.float64(g[1]), np.float64(g[2])
    return (
        matrix[0, 0] * gk + matrix[0, 1] * gj + matrix[0, 2] * gi,
        matrix[1, 0] * gk + matrix[1, 1] * gj + matrix[1, 2] * gi,
        matrix[2, 0] * gk + matrix[2, 1] * gj + matrix[2, 2] * gi,
    )
