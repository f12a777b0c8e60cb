"""Thrombus beside the lumen of a vessel: too little contrast to find by itself, so a hand points at it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.kernels import smoothing
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.components import find_components
from prosector.segmentation.mask import ball_offsets, closed, grow, opened
from prosector.segmentation.vesselness import prepare

LOW_HU, HIGH_HU = 0.0, 90.0
"""Thrombus, fresh and old, between fat and enhanced blood."""

MAX_DISTANCE_MM = 30.0
"""How far from the lumen a thrombus reaches."""

SMOOTH_MM = 1.0
"""Standard deviation of the values that are compared: thrombus and its surroundings differ by little more than
the noise."""

MIXED_MM = 2.0 * SMOOTH_MM
"""So far beside the lumen smoothed values hold some blood: what lies between lumen and thrombus is thrombus."""

NECK_MM = 1.5
"""Necks thinner than twice this are not grown through: the wall of bowel, a vein, a muscle that touches."""


def grow_thrombus(
    volume: Volume,
    lumen: LabelMap,
    *,
    seeds_lps: Sequence[float],
    low_hu: float = LOW_HU,
    high_hu: float = HIGH_HU,
    max_distance_mm: float = MAX_DISTANCE_MM,
    neck_mm: float = NECK_MM,
) -> LabelMap:
    """Grow thrombus from points that the user sets in it.

    Of the voxels outside the lumen and near it whose smoothed value lies between the bounds, those that the seeds
    reach without passing a neck. The border to the lumen is the lumen's own: the ramp of values between the two
    belongs to the thrombus. Nothing is resampled; distances are millimetres in the patient.

    Parameters
    ----------
    volume : Volume
    lumen : LabelMap
        The vessel's lumen on the volume's grid; every label counts.
    seeds_lps : sequence of float
        x, y, z of one or more points in the thrombus, LPS mm.
    low_hu, high_hu : float
        Values of thrombus, in the volume's unit.
    max_distance_mm : float
        No farther from the lumen than this.
    neck_mm : float
        Necks thinner than twice this end the growing; 0: none does.

    Returns
    -------
    LabelMap
        Segment 1, "thrombus", semi-automatic; the lumen is not in it.

    Raises
    ------
    GeometryError
        If the lumen lies on another grid.
    ParameterError
        If bounds or lengths make no sense, or the seeds are not points.
    InputError
        If a seed lies outside the volume.
    EmptyResultError
        If the lumen is empty, or no seed lies on thrombus.
    """
    points = _check(volume, lumen, seeds_lps, (low_hu, high_hu), (max_distance_mm, neck_mm))
    matrix = volume.geometry.affine[:3, :3]
    box = _box(lumen.labels > 0, matrix, max_distance_mm)
    inside = np.ascontiguousarray(lumen.labels[box] > 0).view(np.uint8)
    above, below = _between(volume, box, low_hu, high_hu)
    soft = above & below & grow(inside, matrix, max_distance_mm) & (inside ^ 1)
    beside = grow(inside, matrix, MIXED_MM) & (inside ^ 1)
    solid = opened(soft | beside | inside, matrix, neck_mm) & soft if neck_mm > 0 else soft
    index = np.rint(volume.geometry.to_index(points)).astype(int) - [s.start for s in box]
    grown = closed(_touched(solid, index, matrix), matrix, SMOOTH_MM) & soft
    grown |= grow(grown, matrix, MIXED_MM) & beside & above
    if not grown.any():
        raise EmptyResultError(
            f"no thrombus at the seeds: no value from {low_hu:g} to {high_hu:g} within {max_distance_mm:g} mm of the "
            "lumen; move the seeds, or widen the bounds"
        )
    out = np.zeros(volume.geometry.shape, dtype=np.uint8)
    out[box] = grown
    name = f"growing from {len(points)} points, {low_hu:g} to {high_hu:g}, within {max_distance_mm:g} mm of the lumen"
    segment = Segment(1, "thrombus", structure("thrombus"), "SEMIAUTOMATIC", name)
    return LabelMap(out, volume.geometry, (segment,))


def _check(
    volume: Volume, lumen: LabelMap, seeds: Sequence[float], bounds: tuple[float, float], lengths: tuple[float, float]
) -> Array:
    volume.geometry.require_same(lumen.geometry, "the lumen")
    if not (np.isfinite(bounds).all() and bounds[0] < bounds[1]):
        raise ParameterError(f"low_hu is less than high_hu, both finite; found {bounds[0]} and {bounds[1]}")
    if not (np.isfinite(lengths).all() and lengths[0] > 0 and lengths[1] >= 0):
        raise ParameterError(f"the distance is more than 0 mm, the neck 0 mm or more; found {lengths}")
    given = np.asarray(seeds, dtype=np.float64).ravel()
    if given.size == 0 or given.size % 3 or not np.isfinite(given).all():
        raise ParameterError(f"seeds are x, y, z in LPS mm for each point; found {given.size} numbers")
    points: Array = given.reshape(-1, 3)
    index = np.rint(volume.geometry.to_index(points))
    if not ((index >= 0) & (index < volume.geometry.shape)).all():
        raise InputError("a seed lies outside the volume")
    if not lumen.labels.any():
        raise EmptyResultError("the lumen is empty; segment the vessels first")
    return points


def _box(mask: Array, matrix: Array, margin_mm: float) -> tuple[slice, slice, slice]:
    """The mask's bounding box with so much around it."""
    margin = np.ceil(margin_mm * np.linalg.norm(np.linalg.inv(matrix), axis=1)).astype(int) + 1
    box = []
    for axis in range(3):
        at = np.flatnonzero(mask.any(axis=tuple(n for n in range(3) if n != axis)))
        box.append(slice(max(0, int(at[0] - margin[axis])), min(mask.shape[axis], int(at[-1] + margin[axis]) + 1)))
    return box[0], box[1], box[2]


def _between(volume: Volume, box: tuple[slice, slice, slice], low: float, high: float) -> tuple[Array, Array]:
    """uint8 masks of smoothed values at or above the lower bound, and at or below the upper one, in a box."""
    voxels = np.ascontiguousarray(volume.voxels[box])
    shape = voxels.shape
    steps, _, _ = prepare(volume.geometry.affine[:3, :3], SMOOTH_MM)
    limits = np.array([low - 3 * (high - low), high + 3 * (high - low), volume.background], dtype=np.float32)
    smooth = np.empty((*shape[:2], shape[2] + 2), dtype=np.float32)
    whole, work = np.ones(shape[:2], dtype=np.uint8), np.empty(shape, dtype=np.float32)
    smoothing.smooth_slab(voxels, 0, limits, steps, whole, work, smooth)
    values = smooth[:, :, 1:-1]
    return np.asarray(values >= low).view(np.uint8), np.asarray(values <= high).view(np.uint8)


def _touched(solid: Array, index: Array, matrix: Array) -> Array:
    """The pieces of a mask that the seeds touch; a seed counts within the next voxels."""
    longest = float(np.linalg.norm(matrix, axis=0).max())
    around = (index[:, None, :] + ball_offsets(matrix, longest)).reshape(-1, 3)
    around = around[((around >= 0) & (around < np.array(solid.shape))).all(axis=1)]
    marks = np.zeros(solid.shape, dtype=np.uint8)
    marks[tuple(around.T)] = 1
    pieces = find_components(solid)
    return pieces.mask(pieces.sums(marks) > 0)
