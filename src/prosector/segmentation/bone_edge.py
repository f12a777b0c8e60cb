"""Where bone ends: thin walls that the scanner does not resolve, and the blur around thick ones."""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from prosector.kernels import bone as kernels
from prosector.model.geometry import Array
from prosector.model.volume import Volume
from prosector.segmentation.components import find_components
from prosector.segmentation.lumen import Lumen
from prosector.segmentation.mask import ball_offsets, closed, opened

FRINGE_MM = 2.0
"""How far the cortex's full density lies from where its blur has faded."""

BLUR_MM = 1.0
"""Blur carries bone no farther than this, or a pixel: half of a point spread of 2 mm."""

COMPACT_PERCENT = 98.0
"""Bone's densest voxels, metal and tooth apart, reach the density of compact bone."""

COMPACT_HU = (1000.0, 1800.0)
"""Which lies between these at the usual tube voltages."""

PEAK_MM = (0.7, 1.4, 2.0)
"""Depths at which the peak of cortex is looked for, times the pixel where it is larger than 1 mm."""

BEYOND_MM = (3.0, 4.0, 5.0)
"""Depths at which the inside of bone is looked at: most cortex is thinner."""

POROUS = 0.75
"""Thin cortex is porous: it lies below compact bone by this share of the way from there to its peak."""

HOLE_MM = 2.0
"""Holes in spongy bone up to twice this belong to its inside."""

THICK_MM = 1.3
"""Bone thinner than twice this never reaches its density, so its half level is not known: it keeps its fringe."""

BESIDE_HU = 400.0
"""What lies beside bone is taken for at most this dense: enhanced blood."""

THIN_HU = 130.0
"""Walls of sinuses and orbits, thinner than the scanner resolves, stay above this; muscle and brain do not reach it."""

SHEET_HU = 60.0
"""A thin wall is denser than what lies on both sides of it by at least this, and by three times the noise."""

SHEET_MM = 2.2
"""How far on both sides."""

MUSCLE_HU = 60.0
"""Of which noise makes thin walls when it is stronger than a quarter of the way to them."""


def add_thin(volume: Volume, bone: Array, body: Array, lumen: Lumen | None, low_hu: float) -> None:
    """Add to ``bone`` the thin walls below ``low_hu`` that hang on it."""
    noise = _noise_hu(volume.voxels)
    if not max(THIN_HU, MUSCLE_HU + 4 * noise) < low_hu:
        return
    matrix = volume.geometry.affine[:3, :3]
    sheets = np.empty_like(bone)
    low, contrast = max(THIN_HU, MUSCLE_HU + 4 * noise), max(SHEET_HU, 3 * noise)
    kernels.thin_sheets(volume.voxels, low, float(low_hu), contrast, _directions(matrix), body, sheets)
    if lumen is not None:
        sheets &= ~lumen.near
    pieces = find_components(sheets | bone)
    bone |= pieces.mask(pieces.sums(bone) > 0)


def _directions(matrix: Array) -> Array:
    """Half of the offsets of about ``SHEET_MM``, a pixel at least, along axes and diagonals of the grid."""
    axes = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[14:]
    steps = np.maximum(1, np.rint(SHEET_MM / np.linalg.norm(axes @ matrix.T, axis=1)))
    return np.ascontiguousarray(axes * steps[:, None], dtype=np.int64)


def _noise_hu(voxels: Array) -> float:
    """Standard deviation of the noise in soft tissue, from differences of pixels two apart in some slices."""
    part = voxels[:: max(1, voxels.shape[0] // 8), ::2].astype(np.float32)
    a, b = part[..., :-2], part[..., 2:]
    soft = (a > -150) & (a < 150) & (b > -150) & (b < 150)
    return float(1.4826 / np.sqrt(2) * np.median(np.abs(a - b)[soft])) if soft.any() else 0.0


def without_fringe(volume: Volume, bone: Array, low_hu: float) -> Array:
    """Take off the blur around bone: what lies below the half level between cortex and what is beside it."""
    matrix = volume.geometry.affine[:3, :3]
    pixel = min(volume.geometry.spacing_mm)
    offsets = ball_offsets(matrix, max(FRINGE_MM, 1.01 * pixel))
    # slices much thicker than pixels average bone with what is beyond it, and have no half level between them
    deep = volume.geometry.spacing_mm[0] <= 1.5 * pixel
    thin, ridge = bone & ~opened(bone, matrix, max(THICK_MM, 1.01 * pixel)) & 1, np.empty_like(bone)
    contrast = max(SHEET_HU, 3 * _noise_hu(volume.voxels))
    kernels.thin_sheets(volume.voxels, -np.inf, np.inf, contrast, _directions(matrix), thin, ridge)
    state = bone | (closed(bone, matrix, HOLE_MM) & (bone ^ 1)) << 1
    bounds = np.array([low_hu, BESIDE_HU, _compact_hu(volume.voxels[bone.astype(bool)]), POROUS])
    edge, metric, depths = (
        edge_of_peak(),
        np.ascontiguousarray(matrix.T @ matrix),
        np.array([PEAK_MM, BEYOND_MM]) * max(1.0, pixel),
    )
    for _ in range(max(1, int(np.rint(BLUR_MM / pixel)))):
        out = np.empty_like(state)
        kernels.peel(volume.voxels, state, bounds, edge, offsets, metric, depths, deep, out)
        state = out
    return np.asarray((state == 1).view(np.uint8) | ridge)


def _compact_hu(values: Array) -> float:
    """Density of compact bone, from where it is thick enough to reach it."""
    return float(np.clip(np.percentile(values, COMPACT_PERCENT), *COMPACT_HU))


@lru_cache
def edge_of_peak(count: int = 33) -> Array:
    """(count, count) share of compact bone's density at the edge of a cortex, by those of its peak and its inside.

    Both run from 0 to 1, of the way from what lies beside bone to compact bone. Blur with a Gaussian of σ makes of a
    cortex of thickness w over an inside m, with Φ the normal distribution, the profile Φ(x / σ) −
    (1 − m) Φ((x − w) / σ), whose peak is known and whose value at the edge is m / 2 + (1 − m) (Φ(w / σ) − 1/2):
    half of the peak where cortex is thick or absent, more where it is thin. With σ and w unknown, the one follows from
    the other, as the density of compact bone is even (Treece et al., Med. Image Anal. 14, 2010).
    """
    normal = np.vectorize(NormalDist().cdf)
    shares = np.linspace(0, 1, count)
    thickness, place = np.linspace(0, 8, 161), np.linspace(-2, 12, 141)
    first, second = normal(place), normal(place[None] - thickness[:, None])
    edge = np.empty((count, count))
    for n, inside in enumerate(shares):
        peaks = (first - (1 - inside) * second).max(axis=1)
        at_edge = inside / 2 + (1 - inside) * (normal(thickness) - 0.5)
        edge[:, n] = np.where(shares <= inside, shares / 2, np.interp(shares, peaks, at_edge))
    edge.flags.writeable = False
    return edge
