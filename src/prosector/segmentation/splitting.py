"""One segment into parts: at its necks, from the user's seeds, or by a random walk over the volume's values."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from skimage.segmentation import random_walker

from prosector.errors import EmptyResultError, ParameterError
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.volume import Volume
from prosector.segmentation.mask import grow
from prosector.segmentation.merging import segment_named, with_parts
from prosector.segmentation.relief import depth_mm, relief_of, run_down, summit_markers, valley_depth
from prosector.segmentation.seeds import Box, as_points, box_of, snapped

GAP_MM = 3.0
"""A gap between two bones that a segmentation has closed is at most about this wide."""

CONTRAST = 100.0
"""How far a gap lies below the bone on both sides, HU: half of the step from trabecular bone to blood."""

REACH_MM = 5.0
"""A seed that misses its segment by less than this is moved to it."""

BAND_MM = 3.0
"""Half the width of the band around the watershed's borders in which the random walk decides."""

BETA = 20.0
"""How much a step in values hinders the walk; with much more the equations hardly converge."""

LARGEST_WALK = 600_000
"""Voxels for which the random walk's equations are solved."""


def split_watershed(
    labels: LabelMap,
    *,
    name: str = "",
    height_mm: float = 1.0,
    minimum_volume_mm3: float = 0.0,
    volume: Volume | None = None,
    gap_mm: float = GAP_MM,
    contrast: float = CONTRAST,
) -> LabelMap:
    """Split a segment at its necks by the watershed of its depth.

    Two parts are two where the depth of each exceeds that of the neck between them by ``height_mm`` (the dynamics of
    a summit: h-maxima). Depth is the exact distance from the outside in mm, on sheared grids too.

    Parameters
    ----------
    labels : LabelMap
    name : str
        Segment to split; empty for the only one.
    height_mm : float
    minimum_volume_mm3 : float
        Smaller parts go to a part that they touch, or stay under the old name.
    volume : Volume, optional
        Then dark lines of at most ``gap_mm``, darker by ``contrast`` than both their sides, are outside too.

    Returns
    -------
    LabelMap
        "NAME 1", "NAME 2", … by falling volume in place of NAME.

    Raises
    ------
    ParameterError
        If a number is out of range, or the name is missing.
    EmptyResultError
        If the segment has no voxels.
    """
    if not (height_mm > 0 and minimum_volume_mm3 >= 0):
        raise ParameterError(f"a height is more than 0 mm, a volume not negative; found {height_mm}")
    whole, mask, box = _part(labels, name)
    matrix = labels.geometry.affine[:3, :3]
    depth = depth_mm(_without_gaps(mask, volume, labels, box, gap_mm, contrast), matrix)
    level, step = relief_of(mask, depth)
    markers = summit_markers(level, round(height_mm / step))
    least = minimum_volume_mm3 / labels.geometry.voxel_volume_mm3
    parts = by_volume(flooded(level, markers, least))
    words = f"watershed of depth: summits of {height_mm:g} mm"
    return with_parts(labels, whole, parts, box, _named(whole, int(parts.max()), "AUTOMATIC", words))


def split_seeds(
    labels: LabelMap,
    seeds_lps: ArrayLike,
    *,
    name: str = "",
    volume: Volume | None = None,
    method: str = "watershed",
    gap_mm: float = GAP_MM,
    contrast: float = CONTRAST,
) -> LabelMap:
    """Split a segment into one part for each seed.

    ``watershed`` floods the segment from the seeds in the order of falling depth, so that parts meet at necks and,
    with a volume, at dark lines (as :func:`split_watershed`). ``random-walk`` then decides again, by the volume's
    values, within 3 mm of these borders (Grady, IEEE Trans. Pattern Anal. Mach. Intell. 28, 2006); its steps take the
    lengths of the voxels' sides, and on a sheared grid no account of the angles.

    Parameters
    ----------
    labels : LabelMap
    seeds_lps : (n, 3) or flat
        Two points or more, LPS mm, each in or within 5 mm of its part.
    name : str
        Segment to split; empty for the only one.
    volume : Volume, optional
        Needed by the random walk.
    method : str
        ``watershed`` or ``random-walk``.
    gap_mm, contrast : float
        Width and darkness of gaps.

    Returns
    -------
    LabelMap
        "NAME 1", "NAME 2", … in the order of the seeds in place of NAME, which stays for pieces without a seed.

    Raises
    ------
    ParameterError
        If there are fewer than two seeds, two of them fall on one voxel, or the walk has no volume or is too large.
    EmptyResultError
        If a seed is not near the segment.
    """
    if len(as_points(seeds_lps)) < 2:
        raise ParameterError("splitting takes at least two seeds, one in each part")
    if method not in ("watershed", "random-walk") or (method == "random-walk" and volume is None):
        raise ParameterError(f"a segment is split by watershed, or by random-walk with a volume; found {method!r}")
    whole, mask, box = _part(labels, name)
    geometry = labels.geometry
    starts = snapped(mask, geometry, box, seeds_lps, REACH_MM)
    if len(np.unique(starts, axis=0)) < len(starts):
        raise ParameterError("two seeds lie in the same voxel; move them apart")
    depth = depth_mm(_without_gaps(mask, volume, labels, box, gap_mm, contrast), geometry.affine[:3, :3])
    parts = np.zeros(mask.shape, dtype=np.int32)
    parts[tuple(starts.T)] = np.arange(1, len(starts) + 1)
    run_down(relief_of(mask, depth)[0], parts)
    if method == "random-walk":
        assert volume is not None
        parts = _walked(parts, starts, volume.voxels[box], geometry)
    words = f"{method} from {len(starts)} seeds"
    return with_parts(labels, whole, parts, box, _named(whole, len(starts), "SEMIAUTOMATIC", words))


def flooded(level: Array, markers: Array, least_voxels: float) -> Array:
    """Flood a relief from int32 markers; parts of fewer voxels go to others that they touch, or away."""
    parts = markers.copy()
    run_down(level, parts)
    sizes = np.bincount(parts.ravel())
    small = sizes < least_voxels
    small[0] = False
    if small.any():
        parts = np.where(small[markers], 0, markers).astype(np.int32)
        run_down(level, parts)
    return parts


def by_volume(parts: Array) -> Array:
    """Number parts from 1 by falling volume."""
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    order = np.argsort(-sizes, kind="stable")
    table = np.zeros(sizes.size, dtype=np.int32)
    table[order] = np.arange(1, sizes.size + 1)
    table[sizes == 0] = 0
    return np.asarray(table[parts])


def _part(labels: LabelMap, name: str) -> tuple[Segment, Array, Box]:
    whole = segment_named(labels, name)
    mask = (labels.labels == whole.number).view(np.uint8)
    if not mask.any():
        raise EmptyResultError(f"segment {whole.name!r} has no voxels")
    box = box_of(mask)
    return whole, np.ascontiguousarray(mask[box]), box


def _without_gaps(
    mask: Array, volume: Volume | None, labels: LabelMap, box: Box, gap_mm: float, contrast: float
) -> Array:
    """The mask without the dark lines of the volume."""
    if volume is None:
        return mask
    if not (gap_mm > 0 and contrast > 0):
        raise ParameterError(f"a gap's width and contrast are more than 0; found {gap_mm} mm and {contrast}")
    labels.geometry.require_same(volume.geometry, "the volume")
    valley = valley_depth(volume.voxels[box], mask, labels.geometry.affine[:3, :3], gap_mm)
    return mask & (valley < contrast).view(np.uint8)


def _walked(parts: Array, starts: Array, voxels: Array, geometry: Geometry) -> Array:
    """Decide again, by a random walk over the values, near the borders of parts."""
    border = np.zeros(parts.shape, dtype=np.uint8)
    for axis in range(3):
        one, other = (np.moveaxis(parts, axis, 0)[s] for s in (slice(1, None), slice(None, -1)))
        meet = (one != other) & (one > 0) & (other > 0)
        np.moveaxis(border, axis, 0)[1:] |= meet.view(np.uint8)
        np.moveaxis(border, axis, 0)[:-1] |= meet.view(np.uint8)
    unknown = grow(border, geometry.affine[:3, :3], BAND_MM).astype(bool) & (parts > 0)
    unknown[tuple(starts.T)] = False
    count = int(unknown.sum())
    if count == 0:
        return parts
    if count > LARGEST_WALK:
        raise ParameterError(f"the parts meet over {count} voxels, more than {LARGEST_WALK}; split by watershed")
    near = box_of(grow(unknown.view(np.uint8), geometry.affine[:3, :3], max(geometry.spacing_mm)))
    given = np.where(parts > 0, parts, -1)[near]
    given[unknown[near]] = 0
    out = parts.copy()
    kinds = np.unique(given[given > 0])
    if kinds.size > 1:
        data = np.nan_to_num(voxels[near].astype(np.float64))
        # what lies outside the segment has no say in how values are scaled
        data[given < 0] = float(data[given >= 0].mean())
        with warnings.catch_warnings():
            # the solver stops early, at probabilities a little outside 0 … 1; only the largest one counts
            warnings.filterwarnings("ignore", message="The probability range", category=UserWarning)
            found = random_walker(data, given, beta=BETA, mode="cg_j", tol=1e-4, spacing=geometry.spacing_mm)
        decided = unknown[near] & (found > 0)
        out[near][decided] = found[decided]
    return out


def _named(whole: Segment, count: int, kind: str, words: str) -> Sequence[Segment]:
    before = f"{whole.algorithm_name}; " if whole.algorithm_name else ""
    named = replace(whole, algorithm_type=kind, algorithm_name=f"{before}{words}")
    return [replace(named, name=f"{whole.name} {n}") for n in range(1, count + 1)]


def pieces_of(mask: Array) -> tuple[Array, int]:
    """int32 numbers, 1 and up, of the connected pieces (over faces) of a mask, and how many there are."""
    found, count = ndimage.label(mask)
    return np.asarray(found, dtype=np.int32), int(count)
