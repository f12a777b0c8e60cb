"""Vesselness: how much like a tube of some width the neighbourhood of each voxel is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from prosector.errors import ParameterError, UnknownNameError
from prosector.kernels import smoothing
from prosector.kernels import vesselness as kernels
from prosector.model.geometry import Array
from prosector.model.progress import Progress, silent
from prosector.model.volume import Volume

MEASURES = {"frangi": kernels.FRANGI, "sato": kernels.SATO, "jerman": kernels.JERMAN}
"""Names of the measures."""

SCALES_MM = (0.7, 1.0, 1.4, 2.0, 2.8)
"""Standard deviations, each √2 times the one before; a tube of radius r answers most at r/√2, so these see
vessels of 2 to 8 mm."""

TRUNCATE = 4.0
"""The Gaussian ends after so many standard deviations."""

SLAB_PLANES = 24
"""Planes that are worked on at a time: beyond the result, two float32 copies of so many planes are held."""

FULL_TUBE = float(np.exp(-1.0))
"""Each of the two eigenvalues times the scale squared on the axis of a cylinder of contrast 1 and radius √2 times
the scale: the largest over all scales, as ``x·exp(−x)`` with x = r²/2σ² shows."""

ALPHA, BETA = 0.5, 0.5
"""Frangi's weights against plates and blobs."""

SATO_ALPHAS = (0.5, 2.0)
"""Sato's tolerance of a bright and of a dark change along the tube."""

TAU = 0.5
"""Jerman's cut: below this share of a full tube's eigenvalue the response follows the contrast."""


def vesselness(
    volume: Volume,
    *,
    scales_mm: Sequence[float] = SCALES_MM,
    measure: str = "frangi",
    contrast: float | None = None,
    dark: bool = False,
    window: tuple[float, float] | None = None,
    where: Array | None = None,
    progress: Progress = silent,
) -> Volume:
    """Multi-scale Hessian vesselness, the largest response of all scales.

    Gaussians are round in the patient, with a standard deviation in mm, on any grid: anisotropic, tilted or
    mirrored. Second derivatives are central differences of the smoothed values, taken through the affine. The
    border is repeated. Besides the result (4 bytes a voxel) two slabs of 26 float32 planes are held.

    Parameters
    ----------
    volume : Volume
        Any unit; what is not a number counts as background.
    scales_mm : sequence of float
        Standard deviations; a cylinder of radius r answers most at r/√2.
    measure : {"frangi", "sato", "jerman"}
        Frangi and Jerman lie between 0 and 1; Sato is in the volume's unit.
    contrast : float, optional
        Of a vessel to its surroundings, in the volume's unit: Frangi's c is half of the Hessian norm that a
        matched cylinder of this contrast has, Jerman's cut is half of its eigenvalue. By default half the
        distance between the median and the 99.9th percentile of the values within ``window``.
    dark : bool
        Look for dark tubes.
    window : (low, high), optional
        Clip the values first, so that bone and air outweigh nothing.
    where : (k, j, i) uint8 array, optional
        Rows without a nonzero voxel stay 0, and so may what lies before the first and behind the last one of a row.
    progress : callable
        Told what is being done.

    Returns
    -------
    Volume
        float32 on the same grid.

    Raises
    ------
    UnknownNameError
        If the measure is not one of the three.
    ParameterError
        If a scale or the contrast is not positive, or the window is empty.
    """
    if measure not in MEASURES:
        raise UnknownNameError("vesselness measure", measure, MEASURES)
    scales = _checked_scales(scales_mm)
    limits = _limits(volume, window)
    contrast = measured_contrast(volume, window) if contrast is None else float(contrast)
    if not (np.isfinite(contrast) and contrast > 0):
        raise ParameterError(f"the contrast of a vessel is more than 0; found {contrast:g}")
    shape = volume.geometry.shape
    out = np.zeros(shape, dtype=np.float32)
    held = min(SLAB_PLANES, shape[0]) + 2
    smooth = np.empty((held, shape[1], shape[2] + 2), dtype=np.float32)
    work = np.empty((held, *shape[1:]), dtype=np.float32)
    spans = _spans(shape, where)
    for number, scale in enumerate(scales):
        steps, factors, upright = prepare(volume.geometry.affine[:3, :3], scale, 1.0 if dark else -1.0)
        settings = _settings(measure, contrast)
        for first in range(0, shape[0], SLAB_PLANES):
            last = min(first + SLAB_PLANES, shape[0])
            slab, asked = smooth[: last - first + 2], spans[first:last]
            wanted = _rows_wanted(asked)
            smoothing.smooth_slab(volume.voxels, first - 1, limits, steps, wanted, work[: len(slab)], slab)
            kernels.respond(slab, factors, upright, MEASURES[measure], settings, asked, out[first:last])
            progress("vesselness", (number + last / shape[0]) / len(scales))
    return replace(volume, voxels=out, unit=volume.unit if measure == "sato" else "1")


def _spans(shape: tuple[int, int, int], where: Array | None) -> Array:
    """(k, j, 2) first and one-past-last column that is asked for in each row."""
    out = np.empty((*shape[:2], 2), dtype=np.int32)
    if where is None:
        out[..., 0], out[..., 1] = 0, shape[2]
    else:
        kernels.row_spans(where, out)
    return out


def _rows_wanted(spans: Array) -> Array:
    """(k + 2, j) uint8: the rows that are smoothed, those asked for and their neighbours."""
    rows = np.zeros((spans.shape[0] + 2, spans.shape[1]), dtype=np.uint8)
    asked = spans[..., 1] > 0
    for plane in range(3):
        rows[plane : plane + len(spans)] |= asked
    rows[:, 1:] |= rows[:, :-1].copy()
    rows[:, :-1] |= rows[:, 1:].copy()
    return rows


def prepare(
    matrix: Array, scale_mm: float, sign: float = -1.0
) -> tuple[tuple[Array, Array, Array, Array, Array], Array, bool]:
    """Taps of a round Gaussian, and what takes differences per voxel to the Hessian times the scale squared.

    With B the inverse of ``matrix`` (index to LPS mm) and B = TQ, T lower triangular and Q orthogonal, the Gaussian
    in index space has covariance σ²TTᵀ, and BᵀHB has the eigenvalues of TᵀHT.

    Returns
    -------
    steps : tuple
        As :func:`prosector.kernels.smoothing.smooth_slab` takes them.
    factors : (6, 6) float32 array
    upright : bool
        Whether ``factors`` is diagonal: the axes are at right angles.
    """
    inverse = np.linalg.inv(matrix)
    root = np.linalg.cholesky(inverse @ inverse.T)
    root[np.abs(root) < 1e-5 * np.linalg.norm(root, axis=1, keepdims=True)] = 0.0
    upright = bool(np.count_nonzero(root) == 3)
    deviation = scale_mm * np.diag(root)
    slopes = np.tril(root, -1) / np.diag(root)
    across, across_weights, blur = _taps(deviation[0], slopes[1:, 0])
    down, down_weights, more = _taps(_narrowed(deviation[1], blur[0]), slopes[2:, 1])
    half = _gaussian(_narrowed(deviation[2], blur[1] + more[0]))
    reach = half.size // 2
    steps = (across, across_weights, down, down_weights, half[reach:].astype(np.float32))
    return steps, _factors(sign * scale_mm**2, root).astype(np.float32), upright


def _gaussian(deviation: float) -> Array:
    """Normalised weights, odd in number."""
    reach = int(TRUNCATE * deviation + 0.5)
    at = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (at / max(deviation, 1e-6)) ** 2)
    return np.asarray(weights / weights.sum())


def _narrowed(deviation: float, variance: float) -> float:
    """What is left to do of a blur that interpolation has done in part."""
    return float(np.sqrt(max(deviation**2 - variance, 0.0)))


def _taps(deviation: float, slopes: Array) -> tuple[Array, Array, Array]:
    """Offsets, weights and the blur (variance per further axis) of taps that lie between the voxels of those axes."""
    weights = _gaussian(deviation)
    reach = weights.size // 2
    taps: dict[tuple[int, ...], float] = {}
    blur = np.zeros(len(slopes))
    for step, weight in zip(range(-reach, reach + 1), weights, strict=True):
        at = step * slopes
        base = np.floor(at).astype(int)
        share = at - base
        blur += weight * share * (1 - share)
        for corner in np.ndindex(*[2] * len(slopes)):
            part = weight * float(np.prod(np.where(corner, share, 1 - share)))
            if part > 0:
                key = (step, *(int(n) for n in base + corner))
                taps[key] = taps.get(key, 0.0) + part
    order = sorted(taps)
    return np.array(order, dtype=np.int64), np.array([taps[o] for o in order], dtype=np.float32), blur


def _factors(scale: float, root: Array) -> Array:
    """(6, 6): from (kk, jj, ii, kj, ki, ji) of H to the same of ``scale``·TᵀHT."""
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    out = np.empty((6, 6))
    for column, (a, b) in enumerate(pairs):
        unit = np.zeros((3, 3))
        unit[a, b] = unit[b, a] = 1.0
        turned = scale * root.T @ unit @ root
        out[:, column] = [turned[p] for p in pairs]
    return out


def _settings(measure: str, contrast: float) -> Array:
    full = FULL_TUBE * contrast
    c = 0.5 * np.sqrt(2.0) * full
    values = {
        "frangi": (0.5 / ALPHA**2, 0.5 / BETA**2, 0.5 / c**2),
        "sato": (0.5 / SATO_ALPHAS[0] ** 2, 0.5 / SATO_ALPHAS[1] ** 2),
        "jerman": (TAU * full,),
    }
    return np.array(values[measure], dtype=np.float32)


def _checked_scales(scales_mm: Sequence[float]) -> list[float]:
    scales = [float(s) for s in scales_mm]
    if not scales or not all(np.isfinite(s) and 0 < s <= 50 for s in scales):
        raise ParameterError(f"scales are standard deviations of more than 0 to 50 mm; found {scales}")
    return scales


def _limits(volume: Volume, window: tuple[float, float] | None) -> Array:
    low, high = window if window is not None else (-np.inf, np.inf)
    if not low < high:
        raise ParameterError(f"a window goes from a lower to a higher value; found {low:g} to {high:g}")
    limit = np.finfo(np.float32).max
    return np.array([max(low, -limit), min(high, limit), max(volume.background, low)], dtype=np.float32)


def measured_contrast(volume: Volume, window: tuple[float, float] | None = None) -> float:
    """Half the distance between the median and the 99.9th percentile of the values, clipped to ``window``."""
    limits = _limits(volume, window)
    sample = volume.voxels[:: max(1, volume.voxels.shape[0] // 64), ::3, ::3]
    sample = np.clip(sample[np.isfinite(sample)], limits[0], limits[1])
    middle, high = np.percentile(sample, (50.0, 99.9)) if sample.size else (0.0, 0.0)
    return max(0.5 * float(high - middle), 1e-6)
