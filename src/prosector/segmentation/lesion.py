"""A lesion from one click: of all regions like the seed, the one whose border stands out most."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from prosector.errors import EmptyResultError, ParameterError
from prosector.kernels import watershed
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.growing import SAMPLE_MM, connected, smoothed, without_necks
from prosector.segmentation.seeds import FACES, Box, box_around, corner, seed_indices, within

LEVELS = 2048
"""Steps in which the tolerance around the seed's values is tried."""

NOISE_MM = 0.7
"""Standard deviation of the smoothing before values are judged: less than a CT's point spread."""

LEAK = 0.15
"""A region with a larger share of its border at the limiting radius has run out of the lesion."""

SMALLEST = 27
"""Voxels of the smallest region tried."""

OUTSTANDING = 0.25
"""A border counts where it stands out by this share of the most outstanding one: noise makes lesser ones."""

DROP = 0.7
"""Where a border stands out by less than this share of the best one within it, the region has left the lesion."""

ATTACHED = 0.35
"""Vessels and leaks are thinner than this share of the lesion (radius to radius of equal volume)."""

ATTACHED_MM = 3.0
"""And thinner than twice this."""


def segment_lesion(
    volume: Volume, seeds_lps: ArrayLike, *, radius_mm: float = 30.0, smoothing_mm: float = 1.0, name: str = "lesion"
) -> LabelMap:
    """Delineate a roughly round lesion or nodule around one or several points in it.

    For every tolerance around the values at the seeds there is a region connected to them; these regions lie one in
    the other. Their borders are judged by the product of mean gradient across them and compactness (surface of the ball
    of equal volume over their own). From within outwards, the best is taken before this falls off, as it does where a
    region runs out into what surrounds the lesion; regions that run up against ``radius_mm`` do not count. What hangs
    on it by a thin neck is cut off, holes are filled and the surface is smoothed at constant volume; what the smoothing
    of the values took from a bent surface is given back.

    Parameters
    ----------
    volume : Volume
        CT or MR, on any grid.
    seeds_lps : (n, 3) or flat
        Points in the lesion, LPS mm; several where it is uneven.
    radius_mm : float
        The lesion reaches no farther than this from the seeds.
    smoothing_mm : float
        Standard deviation of the smoothing of the surface; 0 for none.
    name : str
        Of the segment.

    Returns
    -------
    LabelMap
        One segment, a lesion, on the volume's grid.

    Raises
    ------
    ParameterError
        If a seed lies outside the volume or a number is out of range.
    EmptyResultError
        If the seeds lie in nothing that has a border.
    """
    if not (np.isfinite(radius_mm) and radius_mm > 0 and np.isfinite(smoothing_mm) and smoothing_mm >= 0):
        raise ParameterError(f"a radius is more than 0 mm, smoothing 0 mm or more; found {radius_mm}, {smoothing_mm}")
    geometry = volume.geometry
    box = box_around(geometry, seeds_lps, radius_mm)
    seeds = seed_indices(geometry, seeds_lps) - corner(box)
    allowed = within(geometry, box, seeds_lps, radius_mm)
    allowed &= np.isfinite(volume.voxels[box]).view(np.uint8)
    values = smoothed(np.nan_to_num(volume.voxels[box]), geometry, NOISE_MM)
    low, high = _range_at_seeds(values, geometry, box, seeds_lps)
    level, step = _levels(values, allowed, low, high)
    reached = _reached(level, seeds)
    chosen = _best(values, reached, geometry.affine[:3, :3])
    region = _finished((reached >= chosen).view(np.uint8), geometry, box, seeds_lps, smoothing_mm)
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    labels[box] = region
    tolerance = (LEVELS - chosen) * step
    words = f"lesion: {len(seeds)} seeds, values {low - tolerance:.5g} to {high + tolerance:.5g}, {radius_mm:g} mm"
    segment = Segment(1, name, structure("lesion"), "SEMIAUTOMATIC", words)
    return LabelMap(labels, geometry, (segment,))


def _range_at_seeds(values: Array, geometry: Geometry, box: Box, seeds_lps: ArrayLike) -> tuple[float, float]:
    """Lowest and highest of the medians around each seed."""
    near = max(SAMPLE_MM, 1.01 * min(geometry.spacing_mm))
    points = np.asarray(seeds_lps, dtype=np.float64).reshape(-1, 3)
    medians = [float(np.median(values[within(geometry, box, p, near).astype(bool)])) for p in points]
    return min(medians), max(medians)


def _levels(values: Array, allowed: Array, low: float, high: float) -> tuple[Array, float]:
    """Likeness to the seeds: LEVELS within their values, down to 1 for the most different, 0 where not allowed."""
    away = np.maximum(np.maximum(low - values, values - high), 0)
    most = float(away[allowed.astype(bool)].max())
    if most == 0:
        raise EmptyResultError("all values around the seeds are the same: there is no border; enlarge the radius")
    step = most / (LEVELS - 1)
    level = (LEVELS - np.rint(away / step)).clip(1, LEVELS).astype(np.uint16)
    return level * allowed, step


def _reached(level: Array, seeds: Array) -> Array:
    """The highest level at which each voxel hangs together with the seeds, over faces."""
    reached = level.copy()
    label = np.zeros(level.shape, dtype=np.int32)
    reached[tuple(seeds.T)] = LEVELS
    label[tuple(seeds.T)] = 1
    first, last = np.full(LEVELS + 1, -1, dtype=np.int64), np.full(LEVELS + 1, -1, dtype=np.int64)
    watershed.flood_levels(reached, FACES, first, last, np.empty(level.shape, dtype=np.int32), label)
    reached[label == 0] = 0
    return reached


def _best(values: Array, reached: Array, matrix: Array) -> int:
    """The level at which the region's border first stands out most."""
    voxel_mm3 = abs(float(np.linalg.det(matrix)))
    areas = np.array([np.linalg.norm(np.cross(matrix[:, a - 2], matrix[:, a - 1])) for a in range(3)])
    faces, sums, cut = (np.zeros(LEVELS + 1) for _ in range(3))
    watershed.border_contrast(values, reached, areas, voxel_mm3 / areas, faces, sums, cut)
    # from the highest level down: each further level adds its voxels and its changes of the border
    counts = np.bincount(reached.ravel(), minlength=LEVELS + 1).astype(np.float64)
    faces, sums, cut, counts = (np.cumsum(c[::-1])[::-1] for c in (faces, sums, cut, counts))
    border = np.maximum(faces + cut, 1e-9)
    # what fills the grid has hardly any border, and is no more compact than a ball for that
    compact = np.minimum((36 * np.pi * (counts * voxel_mm3) ** 2) ** (1 / 3) / border, 1.0)
    score = sums / border * compact
    valid = (np.arange(LEVELS + 1) > 0) & (counts >= SMALLEST) & (faces > 0.01 * areas.min())
    valid &= cut <= LEAK * border
    valid &= score >= OUTSTANDING * score[valid].max(initial=0.0)
    best = 0
    for level in range(LEVELS, 0, -1):
        if valid[level] and score[level] > score[best] * (best > 0):
            best = level
        elif best and score[level] < DROP * score[best]:
            break
    if best == 0:
        raise EmptyResultError("nothing around the seeds has a border that stands out; move them or change the radius")
    return best


def _finished(region: Array, geometry: Geometry, box: Box, seeds_lps: ArrayLike, smoothing_mm: float) -> Array:
    """Cut off what hangs on by a neck, fill holes, smooth at the volume before values were smoothed."""
    radius = (3 * float(region.sum()) * geometry.voxel_volume_mm3 / (4 * np.pi)) ** (1 / 3)
    opening = min(ATTACHED * radius, ATTACHED_MM)
    if opening > min(geometry.spacing_mm):
        region = without_necks(region, geometry, box, seeds_lps, opening)
    region = ndimage.binary_fill_holes(region).astype(np.uint8)
    if smoothing_mm:
        soft = smoothed(region, geometry, smoothing_mm)
        count = min(_count_before(region, geometry), soft.size)
        least = np.partition(soft.ravel(), soft.size - count)[soft.size - count]
        region = (soft >= max(float(least), 1e-3)).view(np.uint8)
    seeds = seed_indices(geometry, seeds_lps) - corner(box)
    kept = connected(region, seeds)
    if not kept.any():
        raise EmptyResultError("the seeds lie at the edge of what is like them; place them in the middle")
    return kept


def _count_before(region: Array, geometry: Geometry) -> int:
    """Voxels of the region before its values were smoothed.

    Smoothing draws a half level inward where it is bent, by its variance times the mean curvature (Marr and Hildreth,
    Proc R Soc Lond B 207, 1980): to first order it took from the lesion what it takes from the region again.
    """
    count = int(np.count_nonzero(region))
    return 2 * count - int(np.count_nonzero(smoothed(region, geometry, NOISE_MM) >= 0.5))
