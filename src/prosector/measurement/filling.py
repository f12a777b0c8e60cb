"""How much of each voxel a segment fills: the field whose sum is its volume and whose half level is its surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from prosector.errors import EmptyResultError
from prosector.kernels import filling as kernels
from prosector.kernels import labelling
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume

SMOOTHING_VOXELS = 0.8
"""Width (standard deviation) of the filter that takes the stairs off labels that come without values."""

LEVEL_WIDTH = 3.0
"""Width of the neighbourhood whose levels count, in shortest grid steps."""

LEAST_CONTRAST_SHARE = 0.25
"""Of the contrast of the whole segment: where its border has less, it was drawn and not seen."""

LEAST_CONTRAST_TO_NOISE = 2.0

_MARGIN = 7
"""Voxels around the segment that are looked at: the border's two layers, the ring outside and one more."""

_TRUST = (1.0, 2e-2, 1e-4)
"""Weights of voxels deep inside, one layer in, and on the border for the level inside: thin parts have only these."""

_CLEAR = (1.0, 1e-3, 1e-6)
"""Weights for the level outside: away from everything, in the blur of another segment, and in the segment's own."""

_FEW = 30
"""Voxels deep inside from which on their spread alone tells the noise."""

_BLURRED_SHARE = 0.05
"""Of the contrast that a blur as wide as two voxels takes from the layer one voxel in."""

_PLAIN = 0.1
"""Beside the border's inner layers, voxels whose neighbourhood is filled less than this hold nothing but noise."""


@dataclass(frozen=True, eq=False)
class Filling:
    """A segment on the part of its grid that it needs.

    Parameters
    ----------
    parts : (k, j, i) float32 array
        0 outside, 1 inside; between, and by noise a little beyond, where the border runs.
    mask : (k, j, i) bool array
        Its voxels.
    geometry : Geometry
        Of this part of the grid.
    start : tuple of int
        First voxel of this part in the whole grid.
    contrast : (k, j, i) float32 array or None
        Level inside minus level outside; NaN away from the border and where it was not seen. None for labels alone.
    noise : float
        Standard deviation of the values about their local mean, deep inside or around it where it is less there; 0 for
        labels alone.
    warnings : tuple of str
    """

    parts: Array
    mask: Array
    geometry: Geometry
    start: tuple[int, int, int]
    contrast: Array | None = None
    noise: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def is_corrected(self) -> bool:
        """Whether the border comes from the values, finer than voxels."""
        return self.contrast is not None

    @property
    def seen(self) -> Array:
        """Boolean: border voxels whose filling comes from their value."""
        return np.zeros(self.parts.shape, dtype=bool) if self.contrast is None else ~np.isnan(self.contrast)


def fill_segment(labels: LabelMap, segment: str | None = None, volume: Volume | None = None) -> Filling:
    """How much of each voxel a segment fills.

    With a volume, the voxels of the segment's border (two layers to either side; one along grid axes whose step
    is long) are filled by where their value lies between the local level outside and inside. Voxels of other segments
    count as empty. Where inside and outside differ too little, because the border was drawn and not seen, voxels are
    full or empty as labelled. Without a volume the labels are smoothed a little, and no voxel changes sides.

    Works on index axes: neighbourhoods follow the grid, sheared or elongated as it is; nothing is resampled.

    Parameters
    ----------
    labels : LabelMap
    segment : str, optional
        Name; left out, all segments as one.
    volume : Volume, optional
        On the same grid.

    Raises
    ------
    EmptyResultError
        If the segment holds no voxel.
    GeometryError
        If the volume lies on another grid.
    """
    if volume is not None:
        volume.geometry.require_same(labels.geometry, "the segmentation")
    span = span_of(labels, segment)
    if span is None:
        what = f"segment {segment!r}" if segment else "the label map"
        raise EmptyResultError(f"{what} holds no voxel, so there is nothing to measure; look at how it was segmented")
    box = tuple(slice(max(0, first - _MARGIN), end + _MARGIN) for first, end in span)
    start = (box[0].start, box[1].start, box[2].start)
    affine = labels.geometry.affine.copy()
    affine[:3, 3] = labels.geometry.to_lps(start)
    part = labels.labels[box]
    mask = part > 0 if segment is None else part == labels.number(segment)
    geometry = Geometry(mask.shape, affine, labels.geometry.frame_of_reference_uid)
    if volume is None:
        return Filling(_smoothed(mask), mask, geometry, start)
    others = (part > 0) & ~mask
    return _from_values(volume.voxels[box].astype(np.float32), mask, others, geometry, start)


def span_of(labels: LabelMap, segment: str | None = None) -> tuple[tuple[int, int], ...] | None:
    """First and one-past-last index along k, j, i of a segment, or of all for None; None where it holds no voxel."""
    found = np.empty((labels.labels.shape[0], 4), dtype=np.int64)
    kernels.label_spans(labels.labels, 0 if segment is None else labels.number(segment), found)
    there = np.flatnonzero(found[:, 1])
    if not len(there):
        return None
    low, high = found[there].min(axis=0).tolist(), found[there].max(axis=0).tolist()
    return (int(there[0]), int(there[-1]) + 1), (low[0], high[1]), (low[2], high[3])


def _smoothed(mask: Array, among: Array | None = None) -> Array:
    """The mask with softened stairs, no voxel changing sides; only voxels ``among`` which it could lie count."""
    soft = ndimage.gaussian_filter(mask.astype(np.float32), SMOOTHING_VOXELS, mode="nearest", truncate=3)
    if among is not None:
        soft /= np.maximum(
            ndimage.gaussian_filter(among.astype(np.float32), SMOOTHING_VOXELS, mode="nearest", truncate=3), 1e-3
        )
    return np.asarray(np.where(mask, np.clip(soft, 0.52, 1), np.clip(soft, 0, 0.48)), dtype=np.float32)


def _from_values(values: Array, mask: Array, others: Array, geometry: Geometry, start: tuple[int, int, int]) -> Filling:
    near, ring_reach = _reaches(geometry)
    one = (1, 1, 1)
    first, second = ~grown(~mask, one), ~grown(~mask, near)
    shell = grown(mask, near) & ~second
    ring = grown(mask, ring_reach) & ~mask & ~shell
    width = [max(1.0, LEVEL_WIDTH * min(geometry.spacing_mm) / s) for s in geometry.spacing_mm]
    core = second if np.count_nonzero(second) >= _FEW else first if first.any() else mask
    noise = _noise(values, core, width)
    free = ring & ~others
    if noise and np.count_nonzero(free) >= _FEW:  # marrow within cortex spreads and is no noise
        noise = min(noise, _noise(values, free, width))
    deep = first if _alike(values, first & ~second, second, free, noise) else second
    depth = mask.view(np.uint8) + first + deep  # each holds the next
    clear = ring & ~grown(others, near)
    away = (ring | (shell & ~mask)).view(np.uint8) + free + clear
    beyond = grown(mask, tuple(n + 1 for n in near)) & ~mask & ~shell & ~others
    needed = shell | grown(beyond, one)
    outside = _level(values, away, _CLEAR[::-1], width, needed)
    inside = _brightest(values, depth, (mask & ~first, first & ~second), width, outside, needed, noise / 2)
    touched = grown(others, one)
    unlike = ~_continued(values, (inside, outside), beyond, touched, near)
    contrast = np.subtract(inside, outside, out=inside)
    usable = shell & np.isfinite(contrast)
    typical = float(np.median(contrast[usable])) if usable.any() else 0.0
    least = max(LEAST_CONTRAST_SHARE * abs(typical), LEAST_CONTRAST_TO_NOISE * noise, 1e-6)
    usable &= (contrast * np.sign(typical)) >= least
    usable &= unlike
    beside = shell & touched & ~others
    beside &= _outshone(values, others & (ring | shell), free, typical)
    usable &= ~beside
    if not usable.any():
        doubt = "values inside and around it hardly differ: its border is where it was drawn, to the voxel"
        return Filling(_smoothed(mask), mask, geometry, start, warnings=(doubt,))
    parts = mask.astype(np.float32)
    if beside.any():
        parts[beside] = _smoothed(mask, ~others)[beside]
    # noise beyond either level is kept: cut off, it would add to what is outside and take from what is inside
    slack = np.minimum(3 * noise / np.abs(contrast[usable]), 0.5)
    parts[usable] = np.clip((values[usable] - outside[usable]) / contrast[usable], -slack, 1 + slack)
    parts[others] = 0
    wide = grown(mask, one)
    _only_falling(parts, wide, shell & ~wide)
    _calm_plateaus(parts, (shell & first, shell & ~wide))
    _drop_loose(parts, mask)
    share = np.count_nonzero(usable) / np.count_nonzero(shell & ~touched | usable)
    doubts = () if share > 0.9 else (f"{1 - share:.0%} of its border was not seen in the values, only drawn",)
    contrast[~usable | others] = np.nan
    return Filling(parts, mask, geometry, start, contrast, noise, doubts)


def _outshone(values: Array, others: Array, background: Array, contrast: float) -> bool:
    """Whether other segments differ from the background so much that their blur hides this one where they touch."""
    if not others.any() or not background.any():
        return False
    return abs(float(np.median(values[others]) - np.median(values[background]))) > 0.5 * abs(contrast)


def _noise(values: Array, where: Array, width: list[float]) -> float:
    """Standard deviation of values about their local mean, from the median of the deviations."""
    return 1.4826 * float(np.median(np.abs(values[where] - _level(values, where, (1.0,), width, where)[where])))


def _reaches(geometry: Geometry) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Voxels along k, j, i to which the border's layers and the ring beyond them reach."""
    shortest = min(geometry.spacing_mm)
    near = tuple(2 if s < 1.5 * shortest else 1 for s in geometry.spacing_mm)
    ring = tuple(n + max(1, round(LEVEL_WIDTH * shortest / s)) for n, s in zip(near, geometry.spacing_mm, strict=True))
    return near, ring


def grown(mask: Array, reach: tuple[int, ...]) -> Array:
    """The mask widened by a box that reaches so many voxels to either side."""
    wide = np.empty(mask.shape, dtype=np.uint8)
    kernels.widen(np.ascontiguousarray(mask).view(np.uint8), reach, wide)
    return wide.view(np.bool_)


def _continued(values: Array, levels: tuple[Array, Array], beyond: Array, known: Array, near: tuple[int, ...]) -> Array:
    """Where what looks like the segment goes on past its border: around voxels beyond it that are as inside.

    What is ``known`` to be another segment, or borders on one and is partly filled by it, is no such voxel.
    """
    alike = np.empty(values.shape, dtype=np.uint8)
    inside = np.where(known, np.float32(np.nan), levels[0])
    kernels.like_inside(values, levels[1], inside, (beyond & ~known).view(np.uint8), alike)
    return grown(alike, tuple(n + 1 for n in near))


def _alike(values: Array, layer: Array, second: Array, background: Array, noise: float) -> bool:
    """Whether the layer one voxel in tells the level inside as well as what lies deeper.

    It does where no difference shows within twice the standard error, and where so few voxels lie deeper that their
    noise would move the level more than the blur in that layer does.
    """
    counts = np.count_nonzero(layer), np.count_nonzero(second)
    if min(counts) == 0:
        return bool(counts[0] > 0)
    means = [float(values[where].mean(dtype=np.float64)) for where in (layer, second)]
    contrast = abs(means[1] - float(np.median(values[background]))) if background.any() else np.inf
    error = noise * float(np.sqrt(1 / counts[0] + 1 / counts[1]))
    unsure = noise > _BLURRED_SHARE * contrast * float(np.sqrt(counts[1]))
    return bool(unsure or abs(means[0] - means[1]) <= 2 * error)


def _only_falling(parts: Array, within: Array, beyond: Array) -> None:
    """Away from the segment its filling does not rise again: what does is something else, bone beside a vessel."""
    lower = np.empty_like(parts)
    kernels.falling(parts, within.view(np.uint8), beyond.view(np.uint8), lower)
    parts[...] = lower


def _calm_plateaus(parts: Array, layers: tuple[Array, Array]) -> None:
    """Set what is full or empty with all its neighbourhood to just that: the noise of many voxels would add up."""
    inner, outer = layers
    calm = np.empty(parts.shape, dtype=np.uint8)
    kernels.plateaus(parts, inner.view(np.uint8), outer.view(np.uint8), _PLAIN, calm)
    parts[calm == 1] = 1
    parts[calm == 2] = 0


def _brightest(
    values: Array,
    depth: Array,
    layers: tuple[Array, Array],
    width: list[float],
    outside: Array,
    needed: Array,
    least: float,
) -> Array:
    """Level inside: deep inside or, where it stands out more, in the outer layers, as cortical bone around marrow.

    Less than ``least`` above it is noise, of which the larger must not be chosen.
    """
    deep = _level(values, depth, _TRUST[::-1], width, needed)
    outer, inner = layers
    above = deep[outer] - outside[outer]
    sign = np.sign(np.median(above[np.isfinite(above)])) if np.isfinite(above).any() else 1.0
    kept = deep[inner]
    inside = deep
    for layer in layers:
        there = _level(values, layer, (1.0,), width, needed)
        for best, other in zip(inside, there, strict=True):
            np.copyto(best, other, where=sign * (other - best) > least)
    inside[inner] = kept  # one voxel in, beside a plaque, there is lumen and no border
    return inside


def _level(values: Array, kinds: Array, weights: tuple[float, ...], width: list[float], needed: Array) -> Array:
    """Weighted mean of the values around each voxel that is needed; NaN elsewhere and where there is none.

    Weights are those of the kinds of voxels (uint8 or bool), from 1 on, times a Gaussian of ``width`` voxels.
    """
    out = np.empty(values.shape, dtype=np.float32)
    halves = []
    for deviation in width:
        taps = np.exp(-0.5 * (np.arange(int(3 * deviation + 0.5) + 1) / deviation) ** 2)
        halves.append((taps / (2 * taps.sum() - taps[0])).astype(np.float32))
    table = np.array([0.0, *weights], dtype=np.float32)
    kernels.local_levels(values, kinds.view(np.uint8), table, tuple(halves), needed.view(np.uint8), out)
    return out


def _drop_loose(parts: Array, mask: Array) -> None:
    """Take out what noise set above the half level without contact to the segment."""
    full = (parts >= 0.5).view(np.uint8)
    counts = np.empty(parts.shape[:2], dtype=np.int32)
    labelling.count_runs(full, counts)
    row_start = np.zeros(counts.size + 1, dtype=np.int64)
    np.cumsum(counts.ravel(), out=row_start[1:])
    begin, end, piece = (np.empty(int(row_start[-1]), dtype=np.int32) for _ in range(3))
    labelling.find_runs(full, row_start, begin, end)
    count = labelling.label_runs(row_start, begin, end, parts.shape[1], False, True, piece)
    held = np.zeros(begin.size, dtype=np.float64)
    labelling.sum_values(mask.view(np.uint8), row_start, begin, end, held)
    loose = np.bincount(piece, weights=held, minlength=count) == 0
    kernels.set_runs(row_start, begin, end, loose[piece], 0.49, parts)
