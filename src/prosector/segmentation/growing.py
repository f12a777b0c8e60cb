"""Region growing from seeds: within thresholds, within what the seeds are like, or up to a steep border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from prosector.errors import EmptyResultError, ParameterError
from prosector.kernels import growing
from prosector.model.geometry import Array, Geometry, frozen
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.mask import grow, shrink
from prosector.segmentation.seeds import ALL_NEIGHBOURS, FACES, Box, box_around, corner, seed_indices, snapped, within

QUEUE = 1 << 20
"""Voxels that a flood holds in its queue at once: 8 MiB."""

SAMPLE_MM = 2.0
"""What lies this near to a seed says what its tissue is like; the next voxels on every side do so always."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a region may not grow beyond.

    Parameters
    ----------
    gradient_per_mm : float
        Not where the volume's gradient (units per mm) is steeper.
    radius_mm : float
        Not farther than this from the nearest seed.
    opening_mm : float
        Not through necks thinner than twice this.
    smoothing_mm : float
        Standard deviation of a Gaussian before values are judged, along the grid's axes.
    corners : bool
        Grow over edges and corners too (26 neighbours), else over faces (6).
    """

    gradient_per_mm: float = np.inf
    radius_mm: float = np.inf
    opening_mm: float = 0.0
    smoothing_mm: float = 0.0
    corners: bool = False

    def __post_init__(self) -> None:
        least = (self.gradient_per_mm, self.radius_mm, self.opening_mm, self.smoothing_mm)
        if not all(n >= 0 for n in least) or not np.isfinite(least[2:]).all() or self.radius_mm == 0:
            raise ParameterError("gradient, opening and smoothing are not negative, and the radius is more than 0 mm")


@dataclass(frozen=True, eq=False)
class _Field:
    """The part of a volume in which a region may grow: values as measured, and as they are judged."""

    geometry: Geometry
    box: Box
    measured: Array
    values: Array
    allowed: Array
    seeds: Array
    limits: Limits

    def flooded(self, low: float, high: float) -> Array:
        """1 in what can be reached from the seeds within the values and limits, neck or not."""
        matrix = self.geometry.affine[:3, :3]
        metric = np.linalg.inv(matrix.T @ matrix)
        steps = ALL_NEIGHBOURS if self.limits.corners else FACES
        starts = self._starts(low, high)
        out = np.zeros(self.values.shape, dtype=np.uint8)
        queue = np.empty(min(QUEUE, out.size), dtype=np.int64)
        steep = float(self.limits.gradient_per_mm)
        growing.flood(self.values, float(low), float(high), steep, metric, steps, starts, queue, self.allowed, out)
        return out

    def _starts(self, low: float, high: float) -> Array:
        """The seeds; where noise has put a seed's own value out of the range, its 26 neighbours."""
        at = self.values[tuple(self.seeds.T)]
        strange = self.seeds[~((at >= low) & (at <= high))]
        near = (strange[:, None] + ALL_NEIGHBOURS).reshape(-1, 3)
        near = near[((near >= 0) & (near < self.values.shape)).all(axis=1)]
        return np.concatenate([self.seeds, near])


def segment_region(
    volume: Volume,
    seeds_lps: ArrayLike,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    limits: Limits | None = None,
    inside: LabelMap | None = None,
    name: str = "region",
) -> LabelMap:
    """Everything within two values that is connected to the seeds.

    Parameters
    ----------
    volume : Volume
    seeds_lps : (n, 3) or flat
        Points, LPS mm.
    low, high : float
        Values that the region holds, in modality units, both included.
    limits : Limits, optional
    inside : LabelMap, optional
        The region stays in these labels.
    name : str
        Of the segment.

    Returns
    -------
    LabelMap
        One segment on the volume's grid.

    Raises
    ------
    ParameterError
        If a seed lies outside the volume, or ``low`` is more than ``high``.
    EmptyResultError
        If no seed has a value within the bounds, or nothing is left beside thin necks.
    """
    if not low <= high:
        raise ParameterError(f"low is at most high; found {low:g} and {high:g}")
    field = _field(volume, seeds_lps, limits or Limits(), inside)
    region = field.flooded(low, high)
    if not region.any():
        values = field.values[tuple(field.seeds.T)].tolist()
        raise EmptyResultError(
            f"no seed lies where the region may grow: values there are {', '.join(f'{v:g}' for v in values[:5])}, and "
            f"the region takes {low:g} to {high:g}; move the seeds or widen the limits"
        )
    region = without_necks(region, volume.geometry, field.box, seeds_lps, field.limits.opening_mm)
    labels = np.zeros(volume.geometry.shape, dtype=np.uint8)
    labels[field.box] = region
    words = f"region growing: values {low:g} to {high:g}"
    segment = Segment(1, name, structure("unspecified tissue"), "SEMIAUTOMATIC", words)
    return LabelMap(labels, volume.geometry, (segment,))


def confidence_bounds(
    volume: Volume,
    seeds_lps: ArrayLike,
    *,
    deviations: float = 2.5,
    iterations: int = 4,
    limits: Limits | None = None,
    inside: LabelMap | None = None,
) -> tuple[float, float]:
    """Values for :func:`segment_region` from what the seeds are like: mean ± ``deviations`` standard deviations.

    First of what lies within 2 mm of the seeds, then ``iterations`` times of the region that these values give (the
    confidence-connected filter of the ITK Software Guide). The region grows over smoothed values where the limits say
    so; mean and deviation are always those of the values as they were measured.

    Raises
    ------
    ParameterError
        If a seed lies outside the volume, or the numbers are out of range.
    """
    if not (np.isfinite(deviations) and deviations > 0 and iterations >= 0):
        raise ParameterError(f"deviations are more than 0, iterations 0 or more; found {deviations} and {iterations}")
    field = _field(volume, seeds_lps, limits or Limits(), inside)
    near = max(SAMPLE_MM, 1.01 * max(volume.geometry.spacing_mm))
    sample = field.measured[within(volume.geometry, field.box, seeds_lps, near).astype(bool)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        raise EmptyResultError("there are no values at the seeds; move them")
    mean, spread = float(sample.mean()), float(sample.std())
    for _ in range(iterations):
        mean, spread = _mean_and_deviation(field, mean - deviations * spread, mean + deviations * spread, mean, spread)
    return mean - deviations * spread, mean + deviations * spread


def _mean_and_deviation(field: _Field, low: float, high: float, mean: float, spread: float) -> tuple[float, float]:
    moments = np.zeros((field.values.shape[0], 3))
    growing.slice_moments(field.measured, field.flooded(low, high), mean, moments)
    count, total, squares = moments.sum(axis=0)
    if count < 2:
        return mean, spread
    shift = total / count
    return mean + shift, float(np.sqrt(max(squares / count - shift**2, 0.0)))


def without_necks(region: Array, geometry: Geometry, box: Box, seeds_lps: ArrayLike, opening_mm: float) -> Array:
    """What of a (k, j, i) uint8 region hangs together with the seeds over more than thin necks.

    Necks are thinner than twice ``opening_mm``. Half a voxel more than an opening comes back, so that edges and
    corners stay. Holes, which noise makes, are filled: they would make everything thin.
    """
    if opening_mm == 0:
        return region
    matrix = geometry.affine[:3, :3]
    region = ndimage.binary_fill_holes(region).astype(np.uint8)
    core = shrink(region, matrix, opening_mm)
    if not core.any():
        raise EmptyResultError(f"nothing of the region is thicker than {2 * opening_mm:g} mm; make the opening smaller")
    starts = snapped(core, geometry, box, seeds_lps, 4 * opening_mm + 2 * max(geometry.spacing_mm))
    kept = connected(core, starts)
    back = grow(kept, matrix, opening_mm + 0.5 * max(geometry.spacing_mm)) & region
    return connected(back, starts)


def connected(mask: Array, starts: Array) -> Array:
    """What of a (k, j, i) uint8 mask is connected, over faces, to the voxels at the (n, 3) indices."""
    out = np.zeros_like(mask)
    queue = np.empty(min(QUEUE, mask.size), dtype=np.int64)
    mask = frozen(mask)
    growing.flood(mask, 1.0, np.inf, np.inf, np.eye(3), FACES, starts, queue, mask.copy(), out)
    return out


def smoothed(values: Array, geometry: Geometry, sigma_mm: float) -> Array:
    """Gaussian in mm along each index axis: on a sheared grid along its slanting axes; float32."""
    sigmas = [sigma_mm / s for s in geometry.spacing_mm]
    return np.asarray(ndimage.gaussian_filter(values.astype(np.float32), sigmas, truncate=3.0, mode="nearest"))


def _field(volume: Volume, seeds_lps: ArrayLike, limits: Limits, inside: LabelMap | None) -> _Field:
    geometry = volume.geometry
    seeds = seed_indices(geometry, seeds_lps)
    box = box_around(geometry, seeds_lps, limits.radius_mm)
    allowed = within(geometry, box, seeds_lps, limits.radius_mm)
    if inside is not None:
        geometry.require_same(inside.geometry, "the label map")
        allowed &= (inside.labels[box] > 0).view(np.uint8)
    measured = frozen(volume.voxels[box])
    values = frozen(smoothed(measured, geometry, limits.smoothing_mm)) if limits.smoothing_mm else measured
    return _Field(geometry, box, measured, values, allowed, seeds - corner(box), limits)
