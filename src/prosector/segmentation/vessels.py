"""The lumen of vessels in CT angiography, contrast-enhanced and time-of-flight MR angiography."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from prosector.errors import EmptyResultError, ParameterError, UnknownNameError
from prosector.kernels import morphology, smoothing
from prosector.kernels import vesselness_levels as kernels
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.progress import Progress, silent
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.body import segment_body
from prosector.segmentation.bone import segment_bone
from prosector.segmentation.components import find_components
from prosector.segmentation.mask import ball_offsets, grow
from prosector.segmentation.vesselness import SLAB_PLANES, prepare, vesselness
from prosector.segmentation.vessels_levels import Levels, line_level, local_fields, pool_level, tissue_level

KINDS = ("auto", "cta", "mra", "tof")
"""CT angiography, contrast-enhanced MR angiography, time-of-flight MR angiography."""

SCALES_MM = (0.7, 1.0, 1.4, 2.0, 2.8)
"""Standard deviations at which tubes are looked for; wider vessels are found by their level."""

WIDE_SCALES_MM = (4.0, 5.6, 8.0)
"""Further ones for contrast-enhanced MR, where the signal falls off along a wide vessel too."""

MINIMUM_MM3 = {"cta": 100.0, "mra": 50.0, "tof": 15.0}
"""Smaller pieces are left out; in CT calcified cartilage is as bright as blood."""

RAMP_MM = 3.0
"""A wide vessel's border is no further from what is surely blood."""

SMOOTH_MM = 0.8
"""Standard deviation of the values by which vessels are found (never by which their border is drawn)."""

BULK = (0.55, 0.75)
"""A wide vessel grows down to the first, and starts at the second, share of the way from tissue to blood."""

TUBE = {"cta": (0.3, 0.45), "mra": (0.3, 0.45), "tof": (0.2, 0.35)}
"""The same for what looks like a tube, by kind, of the voxels as they are: narrow vessels never reach the level of
their blood, and in time of flight slow ones stay darker."""

LIKE_A_TUBE = (0.25, 0.6)
"""Vesselness (Jerman, with the volume's contrast) of what belongs to a tube, and of what starts one."""

BESIDE_MM = 1.2
"""So far around bone, and in the next voxels at least, values are averages of bone and tissue and look like blood."""

BRIGHTEST = 2.5
"""What exceeds the tissue by more than so many times the contrast is calcium or metal, or undiluted contrast medium."""

UNDILUTED_MM3 = 1000.0
"""Such a piece outside bone is calcium no more: contrast medium on its way to the heart."""

PEAK_MM = 2.0
"""Within this distance of its border a vessel reaches its highest value."""

SEED_MM = 3.0
"""A seed counts for a vessel within this distance."""

LEAST_CONTRAST_HU = 60.0
"""Less than that is not a CT with contrast medium in vessels."""


@dataclass(frozen=True, eq=False)
class _Scene:
    """What the steps share."""

    volume: Volume
    smooth: Array
    excluded: Array
    levels: Levels
    kind: str

    @property
    def matrix(self) -> Array:
        return np.asarray(self.volume.geometry.affine[:3, :3])


def segment_vessels(
    volume: Volume,
    *,
    kind: str = "auto",
    blood: float | None = None,
    minimum_volume_mm3: float | None = None,
    seeds_lps: Sequence[float] = (),
    labels: LabelMap | None = None,
    progress: Progress = silent,
) -> LabelMap:
    """Find the lumen of vessels.

    The level of blood is measured. Wide vessels are found by their level, narrow ones by Jerman's vesselness, both
    with hysteresis and connectivity. The border then lies half way between the blood's and the surroundings' level,
    both measured around each place; of a vessel narrower than the resolution, half way to its own maximum. In CT
    bone is left out: that of ``labels``, or that of :func:`segment_bone` where none is given.

    Nothing is resampled. Besides the volume about 12 bytes a voxel are held.

    Parameters
    ----------
    volume : Volume
        Blood brighter than its surroundings.
    kind : {"auto", "cta", "mra", "tof"}
        By default CT from the unit, time-of-flight from the words of the series, contrast MRA otherwise. Of time of
        flight only tubes are taken: fat is as bright as blood.
    blood : float, optional
        Level of the blood in the volume's unit; measured by default.
    minimum_volume_mm3 : float, optional
        Smaller pieces are left out; by default 100 mm³ in CT, 50 in contrast MRA, 15 in time of flight.
    seeds_lps : sequence of float
        x, y, z of one or more points in LPS mm: only what is connected to them is kept.
    labels : LabelMap, optional
        What to leave out, on the volume's grid.
    progress : callable
        Told what is being done.

    Returns
    -------
    LabelMap
        One segment, "vessel lumen".

    Raises
    ------
    UnknownNameError
        If the kind is none of the four.
    ParameterError
        If the minimum volume is negative or the seeds are not points.
    GeometryError
        If the labels lie on another grid.
    EmptyResultError
        If there is no blood brighter than its surroundings, or nothing at the seeds.
    """
    points = _check(volume, kind, minimum_volume_mm3, seeds_lps, labels)
    kind = kind_of(volume) if kind == "auto" else kind
    least = MINIMUM_MM3[kind] if minimum_volume_mm3 is None else minimum_volume_mm3
    scales = (*SCALES_MM, *WIDE_SCALES_MM) if kind == "mra" else SCALES_MM
    excluded = _excluded(volume, labels)
    progress("vessels", 0.2)
    levels = _levels(volume, excluded, blood)
    smooth = _smoothed(volume)
    _exclude_calcium(volume, smooth, excluded, levels)
    scene = _Scene(volume, smooth, excluded, levels, kind)
    tubes = vesselness(
        _without(volume, excluded, levels),
        scales_mm=scales,
        measure="jerman",
        contrast=levels.contrast,
        window=(levels.at(-0.5), levels.at(1.2)),
        where=_candidates(volume, excluded, levels.at(TUBE[kind][0])),
        progress=lambda _, done: progress("vessels", 0.3 + 0.4 * done),
    ).voxels
    found = _hysteresis(scene, tubes, least)
    del tubes
    progress("vessels", 0.8)
    lumen = _kept(_bordered(scene, found), volume, least, points)
    progress("vessels", 1.0)
    name = (
        f"vessels ({kind}): blood {levels.blood:.4g}, tissue {levels.tissue:.4g}, level and Jerman vesselness at "
        f"{', '.join(f'{s:g}' for s in scales)} mm, border at local half maximum"
    )
    how = "SEMIAUTOMATIC" if len(points) else "AUTOMATIC"
    return LabelMap(lumen, volume.geometry, (Segment(1, "vessel lumen", structure("vessel lumen"), how, name),))


def kind_of(volume: Volume) -> str:
    """``cta``, ``tof`` or ``mra``, from the unit and the words of the series."""
    if volume.is_hounsfield:
        return "cta"
    source = volume.source
    words = " ".join((source.description, source.acquisition.protocol, source.acquisition.sequence)).lower()
    return "tof" if "tof" in words or "time of flight" in words else "mra"


def _check(
    volume: Volume, kind: str, minimum_mm3: float | None, seeds_lps: Sequence[float], labels: LabelMap | None
) -> Array:
    if kind not in KINDS:
        raise UnknownNameError("kind of angiogram", kind, KINDS)
    if minimum_mm3 is not None and not (np.isfinite(minimum_mm3) and minimum_mm3 >= 0):
        raise ParameterError(f"a minimum volume is 0 mm³ or more; found {minimum_mm3}")
    points = np.asarray(seeds_lps, dtype=np.float64).ravel()
    if points.size % 3 or not np.isfinite(points).all():
        raise ParameterError(f"seeds are x, y, z in LPS mm for each point; found {points.size} numbers")
    if labels is not None:
        volume.geometry.require_same(labels.geometry, "the label map")
    return points.reshape(-1, 3)


def _excluded(volume: Volume, labels: LabelMap | None) -> Array:
    """1 for what is no vessel, 2 for the voxels beside it, whose values are averages of both sides."""
    mask = _bone(volume) if labels is None else np.ascontiguousarray(labels.labels > 0).view(np.uint8)
    wide = mask
    if mask.any():
        touching = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        beside = np.concatenate([touching, ball_offsets(volume.geometry.affine[:3, :3], BESIDE_MM)])
        wide = np.empty_like(mask)
        morphology.dilate(mask, np.unique(beside, axis=0).astype(np.int64), wide)
    out = np.asarray(2 * wide - mask, dtype=np.uint8)
    if volume.is_hounsfield:
        out[_outside(volume)] = 1
    return out


def _bone(volume: Volume) -> Array:
    """uint8 mask of bone in CT."""
    if volume.is_hounsfield:
        try:
            return segment_bone(volume).labels
        except EmptyResultError:
            pass
    return np.zeros(volume.geometry.shape, dtype=np.uint8)


def _outside(volume: Volume) -> Array:
    """Boolean mask of table and supports."""
    try:
        return np.asarray(segment_body(volume).labels == 0)
    except EmptyResultError:
        return np.zeros(volume.geometry.shape, dtype=np.bool_)


def _levels(volume: Volume, excluded: Array, blood: float | None) -> Levels:
    tissue, lowest = tissue_level(volume)
    if blood is None:
        blood = pool_level(volume)
        if blood is None:
            spread = 400.0 if volume.is_hounsfield else max(abs(tissue), 1.0) * 10
            plain = _without(volume, excluded, Levels(tissue + spread, tissue, lowest))
            lines = vesselness(plain, scales_mm=(1.0, 2.0), measure="sato", contrast=1.0, window=(tissue, np.inf))
            blood = line_level(volume, lines.voxels, excluded)
    least = LEAST_CONTRAST_HU if volume.is_hounsfield else 0.3 * max(tissue, 1e-6)
    if not blood - tissue >= least:
        raise EmptyResultError(
            f"no enhanced vessels: blood of {blood:.4g} beside tissue of {tissue:.4g}; choose a series with contrast, "
            "or give the level of the blood"
        )
    return Levels(float(blood), tissue, lowest)


def _without(volume: Volume, excluded: Array, levels: Levels) -> Volume:
    """The volume with tissue where something is excluded."""
    voxels = volume.voxels
    if excluded.any():
        voxels = np.where(excluded == 1, np.asarray(levels.tissue).astype(voxels.dtype), voxels)
    return replace(volume, voxels=voxels)


def _candidates(volume: Volume, excluded: Array, least: float) -> Array:
    """1 where a tube would count: its response elsewhere is not asked for."""
    out = np.empty(excluded.shape, dtype=np.uint8)
    for values, excluded_plane, plane in zip(volume.voxels, excluded, out, strict=True):
        np.logical_and(values >= least, excluded_plane == 0, out=plane.view(np.bool_))
    return out


def _smoothed(volume: Volume) -> Array:
    """Lightly smoothed values, float32."""
    shape = volume.geometry.shape
    out = np.empty(shape, dtype=np.float32)
    steps, _, _ = prepare(volume.geometry.affine[:3, :3], SMOOTH_MM)
    limit = np.finfo(np.float32).max
    limits = np.array([-limit, limit, volume.background], dtype=np.float32)
    wanted = np.ones((SLAB_PLANES, shape[1]), dtype=np.uint8)
    slab = np.empty((SLAB_PLANES, shape[1], shape[2] + 2), dtype=np.float32)
    work = np.empty((SLAB_PLANES, *shape[1:]), dtype=np.float32)
    for first in range(0, shape[0], SLAB_PLANES):
        count = min(SLAB_PLANES, shape[0] - first)
        smoothing.smooth_slab(volume.voxels, first, limits, steps, wanted[:count], work[:count], slab[:count])
        out[first : first + count] = slab[:count, :, 1:-1]
    return out


def _hysteresis(scene: _Scene, tubes: Array, minimum_mm3: float) -> Array:
    """uint8 mask of the pieces that hold enough of what is surely a vessel."""
    at, (faint, bright) = scene.levels.at, TUBE[scene.kind]
    shape = scene.smooth.shape
    low, sure = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    if scene.kind != "tof":
        for k in range(shape[0]):
            sure[k] = (scene.smooth[k] >= at(BULK[1])) & (scene.excluded[k] == 0)
        low = grow(sure, scene.matrix, RAMP_MM)
    for k in range(shape[0]):
        values, tube, free = scene.volume.voxels[k], tubes[k], scene.excluded[k] == 0
        low[k] &= (scene.smooth[k] >= at(BULK[0])) & free
        low[k] |= (values >= at(faint)) & (tube >= LIKE_A_TUBE[0]) & free
        sure[k] |= (values >= at(bright)) & (tube >= LIKE_A_TUBE[1]) & free
    pieces = find_components(low, full=True)
    voxel = scene.volume.geometry.voxel_volume_mm3
    surely = pieces.sums(sure) * voxel
    return pieces.mask((surely >= 0.1 * minimum_mm3) & (surely > 0) & (pieces.sizes * voxel >= 0.5 * minimum_mm3))


def _exclude_calcium(volume: Volume, smooth: Array, excluded: Array, levels: Levels) -> None:
    """Set ``excluded`` to 2 in the small pieces that are much brighter than blood."""
    pieces = find_components((smooth > levels.at(BRIGHTEST)) & (excluded == 0))
    excluded[pieces.mask(pieces.sizes * volume.geometry.voxel_volume_mm3 < UNDILUTED_MM3) != 0] = 2


def _bordered(scene: _Scene, found: Array) -> Array:
    """The vessels with their border at half way between blood and surroundings."""
    matrix = scene.matrix
    longest = float(np.linalg.norm(matrix, axis=0).max())
    near = grow(found, matrix, max(1.01 * longest, 1.5))
    near[scene.excluded == 1] = 0
    state = np.empty_like(found)
    kernels.states(found, near, state)
    fields, factors = local_fields(scene.volume, state, scene.excluded, scene.levels)
    ball = ball_offsets(matrix, max(PEAK_MM, 1.01 * longest))
    out = np.empty_like(found)
    kernels.half_way(scene.volume.voxels, scene.smooth, state, fields, factors, ball, out)
    return out


def _kept(lumen: Array, volume: Volume, minimum_mm3: float, points: Array) -> Array:
    """The pieces that are large enough and, where there are seeds, near one."""
    pieces = find_components(lumen, full=True)
    keep = pieces.sizes * volume.geometry.voxel_volume_mm3 >= minimum_mm3
    if len(points):
        index = np.rint(volume.geometry.to_index(points)).astype(int)
        ball = ball_offsets(volume.geometry.affine[:3, :3], SEED_MM)
        around = (index[:, None, :] + ball).reshape(-1, 3)
        around = around[((around >= 0) & (around < np.array(lumen.shape))).all(axis=1)]
        touched = np.zeros(lumen.shape, dtype=np.uint8)
        touched[tuple(around.T)] = 1
        keep &= pieces.sums(touched) > 0
    if not keep.any():
        where = "at the seeds" if len(points) else f"of at least {minimum_mm3:g} mm³"
        raise EmptyResultError(f"no vessel {where}; move the seeds, or lower the minimum volume or the blood's level")
    return pieces.mask(keep)
