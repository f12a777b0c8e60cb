"""How much of each voxel a segment fills: the field whose sum is its volume and whose half level is its surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from prosector.errors import EmptyResultError
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume

SMOOTHING_VOXELS = 0.8
"""Width (standard deviation) of the filter that takes the stairs off labels that come without values."""

LEVEL_WIDTH = 3.0
"""Width of the neighbourhood whose levels count, in shortest grid steps."""

LEAST_CONTRAST_SHARE = 0.25
"""Of the contrast of the whole segment: where its border has less, it was drawn and not seen."""

LEAST_CONTRAST_TO_NOISE = 3.0

_MARGIN = 7
"""Voxels around the segment that are looked at: the border's two layers, the ring outside and one more."""

_TRUST = (1.0, 2e-2, 1e-4)
"""Weights of voxels deep inside, one layer in, and on the border for the level inside: thin parts have only these."""

_CLEAR = (1.0, 1e-3, 1e-6)
"""Weights for the level outside: away from everything, in the blur of another segment, and in the segment's own."""

_FEW = 30
"""Voxels deep inside from which on their spread alone tells the noise."""

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
        Standard deviation of the values deep inside about their local mean; 0 for labels alone.
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
    whole = labels.mask(segment)
    box = _box(whole)
    if box is None:
        what = f"segment {segment!r}" if segment else "the label map"
        raise EmptyResultError(f"{what} holds no voxel, so there is nothing to measure; look at how it was segmented")
    start = (box[0].start, box[1].start, box[2].start)
    affine = labels.geometry.affine.copy()
    affine[:3, 3] = labels.geometry.to_lps(start)
    mask = np.ascontiguousarray(whole[box])
    geometry = Geometry(mask.shape, affine, labels.geometry.frame_of_reference_uid)
    if volume is None:
        return Filling(_smoothed(mask), mask, geometry, start)
    others = (labels.labels[box] > 0) & ~mask
    return _from_values(volume.voxels[box].astype(np.float32), mask, others, geometry, start)


def _box(mask: Array) -> tuple[slice, slice, slice] | None:
    """What holds the mask and a margin around it."""
    slices = []
    for axis in range(3):
        there = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if not len(there):
            return None
        slices.append(slice(max(0, int(there[0]) - _MARGIN), int(there[-1]) + _MARGIN + 1))
    return slices[0], slices[1], slices[2]


def _smoothed(mask: Array) -> Array:
    soft = ndimage.gaussian_filter(mask.astype(np.float32), SMOOTHING_VOXELS, mode="nearest", truncate=3)
    return np.where(mask, np.clip(soft, 0.52, 1), np.clip(soft, 0, 0.48)).astype(np.float32)


def _from_values(values: Array, mask: Array, others: Array, geometry: Geometry, start: tuple[int, int, int]) -> Filling:
    near, ring_reach = _reaches(geometry)
    one = (1, 1, 1)
    first, second = ~grown(~mask, one), ~grown(~mask, near)
    shell = grown(mask, near) & ~second
    ring = grown(mask, ring_reach) & ~mask & ~shell
    width = [max(1.0, LEVEL_WIDTH * min(geometry.spacing_mm) / s) for s in geometry.spacing_mm]
    core = second if np.count_nonzero(second) >= _FEW else first if first.any() else mask
    noise = 1.4826 * float(np.median(np.abs(values[core] - _level(values, core.astype(np.float32), width)[core])))
    deep = first if _alike(values, first & ~second, second, noise) else second
    trust = np.where(deep, _TRUST[0], np.where(first, _TRUST[1], np.where(mask, _TRUST[2], 0))).astype(np.float32)
    clear = ring & ~grown(others, near)
    away = np.where(
        clear, _CLEAR[0], np.where(ring & ~others, _CLEAR[1], np.where(ring | (shell & ~mask), _CLEAR[2], 0))
    )
    outside = _level(values, away.astype(np.float32), width)
    inside = _brightest(values, trust, (mask & ~first, first & ~second), width, outside, noise / 2)
    contrast = inside - outside
    usable = shell & np.isfinite(contrast)
    typical = float(np.median(contrast[usable])) if usable.any() else 0.0
    least = max(LEAST_CONTRAST_SHARE * abs(typical), LEAST_CONTRAST_TO_NOISE * noise, 1e-6)
    usable &= (contrast * np.sign(typical)) >= least
    beyond = grown(mask, tuple(n + 1 for n in near)) & ~mask & ~shell
    usable &= ~_continued(values, (inside, outside), beyond & ~others, near)
    if not usable.any():
        doubt = "values inside and around it hardly differ: its border is where it was drawn, to the voxel"
        return Filling(_smoothed(mask), mask, geometry, start, warnings=(doubt,))
    parts = mask.astype(np.float32)
    # noise beyond either level is kept: cut off, it would add to what is outside and take from what is inside
    slack = np.minimum(3 * noise / np.abs(contrast[usable]), 0.5)
    parts[usable] = np.clip((values[usable] - outside[usable]) / contrast[usable], -slack, 1 + slack)
    parts[others] = 0
    _calm_plateaus(parts, (shell & first, shell & ~grown(mask, one)))
    _drop_loose(parts, mask)
    share = np.count_nonzero(usable) / np.count_nonzero(shell)
    doubts = () if share > 0.9 else (f"{1 - share:.0%} of its border was not seen in the values, only drawn",)
    seen = np.where(usable & ~others, contrast, np.float32(np.nan)).astype(np.float32)
    return Filling(parts, mask, geometry, start, seen, noise, doubts)


def _reaches(geometry: Geometry) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Voxels along k, j, i to which the border's layers and the ring beyond them reach."""
    shortest = min(geometry.spacing_mm)
    near = tuple(2 if s < 1.5 * shortest else 1 for s in geometry.spacing_mm)
    ring = tuple(n + max(1, round(LEVEL_WIDTH * shortest / s)) for n, s in zip(near, geometry.spacing_mm, strict=True))
    return near, ring


def grown(mask: Array, reach: tuple[int, ...]) -> Array:
    """The mask widened by a box that reaches so many voxels to either side."""
    wide = mask.view(np.uint8)
    for axis, n in enumerate(reach):
        wide = ndimage.maximum_filter1d(wide, 2 * n + 1, axis=axis, mode="nearest")
    return np.asarray(wide.astype(bool))


def _continued(values: Array, levels: tuple[Array, Array], beyond: Array, near: tuple[int, ...]) -> Array:
    """Where what looks like the segment goes on past its border: around voxels beyond it that are as inside."""
    inside, outside = levels
    contrast = inside - outside
    part = np.divide(values - outside, contrast, out=np.zeros_like(values), where=np.abs(contrast) > 1e-6)
    alike = ndimage.uniform_filter(np.clip(np.nan_to_num(part), -1, 2), 3) > 0.5
    return grown(beyond & alike, tuple(n + 1 for n in near))


def _alike(values: Array, layer: Array, second: Array, noise: float) -> bool:
    """Whether the layer one voxel in shows no difference from what lies deeper, within twice the standard error.

    In something small few voxels lie deeper: taken alone, their noise would be the level inside.
    """
    counts = np.count_nonzero(layer), np.count_nonzero(second)
    if min(counts) == 0:
        return counts[0] > 0
    difference = float(values[layer].mean(dtype=np.float64) - values[second].mean(dtype=np.float64))
    return abs(difference) <= 2 * noise * float(np.sqrt(1 / counts[0] + 1 / counts[1]))


def _calm_plateaus(parts: Array, layers: tuple[Array, Array]) -> None:
    """Set what is full or empty with all its neighbourhood to just that: the noise of many voxels would add up."""
    calm = ndimage.uniform_filter(parts, 3, mode="nearest")
    inner, outer = layers
    parts[inner & (calm > 1 - _PLAIN)] = 1
    parts[outer & (calm < _PLAIN)] = 0


def _brightest(
    values: Array, trust: Array, layers: tuple[Array, Array], width: list[float], outside: Array, least: float
) -> Array:
    """Level inside: deep inside or, where it stands out more, in the outer layers, as cortical bone around marrow.

    Less than ``least`` above it is noise, of which the larger must not be chosen.
    """
    deep = _level(values, trust, width)
    above = deep - outside
    sign = np.sign(np.median(above[layers[0] & np.isfinite(above)])) if np.isfinite(above[layers[0]]).any() else 1.0
    inside = deep.copy()
    for layer in layers:
        there = _level(values, layer.astype(np.float32), width)
        np.copyto(inside, there, where=sign * (there - inside) > least)
    inside[layers[1]] = deep[layers[1]]  # one voxel in, beside a plaque, there is lumen and no border
    return inside


def _level(values: Array, weights: Array, width: list[float]) -> Array:
    """Weighted mean of the values around each voxel; NaN where there is none."""
    mass = ndimage.gaussian_filter(weights, width, mode="constant", truncate=3)
    sums = ndimage.gaussian_filter(weights * values, width, mode="constant", truncate=3)
    return np.divide(sums, mass, out=np.full_like(sums, np.nan), where=mass > 1e-15)


def _drop_loose(parts: Array, mask: Array) -> None:
    """Take out what noise set above the half level without contact to the segment."""
    pieces, _ = ndimage.label(parts >= 0.5)
    kept = np.zeros(int(pieces.max()) + 1, dtype=bool)
    kept[np.unique(pieces[mask])] = True
    kept[0] = True
    parts[~kept[pieces]] = 0.49
