"""Bone with its marrow, without table, specks and, as far as HU and shape tell, contrast medium."""

from __future__ import annotations

import numpy as np

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.kernels import bone as kernels
from prosector.kernels import morphology
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.progress import Progress, silent
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.body import segment_body
from prosector.segmentation.bone_edge import add_thin, without_fringe
from prosector.segmentation.bone_parts import implants, sided
from prosector.segmentation.coarse import Coarse, coarsen
from prosector.segmentation.components import find_components
from prosector.segmentation.enhanced import HIGHEST_HU, Enhanced, find_enhanced
from prosector.segmentation.lumen import CORE_MM, Lumen, find_lumen, with_neighbours
from prosector.segmentation.marrow import close_marrow
from prosector.segmentation.mask import ball_offsets

LOW_HU = 200.0
"""Thin cortex and dense trabecular bone, averaged with soft tissue, stay above this; unenhanced soft
tissue does not reach it."""

HIGH_HU = 450.0
"""Compact bone reaches this somewhere; most enhanced vessels and organs do not."""

MINIMUM_MM3 = 200.0
"""Smaller pieces are specks: calcifications, clips, noise."""

SEED_SHARE = 0.05
"""Share of a piece of bone that is denser than the high threshold."""

ABOVE_BLOOD_HU = 100.0
"""With contrast medium, seeds of bone are at least this much denser than the blood."""

BESIDE_BLOOD = 0.5
"""A piece that lies beside enhanced blood with more than this share is a remainder of it."""

BLANK_HU = -300.0
"""A series without anything as light as air was cut out of another one,"""

BLANK_SHARE = 0.5
"""when this much of it has one and the same value. Vessels cannot be told by what is around them then, only by
that blood does not reach the density of bone."""

BLOCK_MM = 2.0
"""Side of the blocks on which enhanced blood is told from bone."""

METAL = 4
"""Segment number of metal, the same with and without sides."""


def segment_bone(
    volume: Volume,
    *,
    low_hu: float = LOW_HU,
    high_hu: float = HIGH_HU,
    minimum_volume_mm3: float = MINIMUM_MM3,
    sides: bool = False,
    progress: Progress = silent,
) -> LabelMap:
    """Find bone in CT.

    Hysteresis: voxels of the body above ``low_hu`` belong to bone when their piece also holds enough voxels
    above ``high_hu``. Contrast-filled vessels and organs are recognised by an even core without a denser
    rim and left out. Marrow is closed where at least two of the three planes enclose it, or an axial slice does
    and its values are not those of the spinal canal.

    Parameters
    ----------
    volume : Volume
        In Hounsfield units.
    low_hu, high_hu : float
        Thresholds, ``low_hu`` at most ``high_hu``.
    minimum_volume_mm3 : float
        Smaller pieces are removed.
    sides : bool
        Tell "bone left", "bone right" and "bone midline" apart instead of one "bone": by the middle of the body.
    progress : callable
        Told what is being done.

    Returns
    -------
    LabelMap
        Segment "bone" (or its sides) on the volume's grid, and "metal" where implants sit in it; where undiluted
        contrast medium is in the veins, which is as dense, metal is not told from bone.

    Raises
    ------
    InputError
        If the volume is not in Hounsfield units.
    ParameterError
        If the thresholds are in the wrong order or the minimum volume is negative.
    EmptyResultError
        If nothing is bone.
    """
    _check(volume, low_hu, high_hu, minimum_volume_mm3)
    body = segment_body(volume, progress=lambda _, done: progress("bone", 0.3 * done))
    coarse = coarsen(volume, BLOCK_MM, -1024.0, 3000.0)
    enhanced = find_enhanced(coarse, low_hu)
    lumen = find_lumen(volume, coarse, enhanced, low_hu)
    progress("bone", 0.4)
    hard = _hard(volume, body.labels, coarse, enhanced, lumen, low_hu, high_hu, minimum_volume_mm3)
    if lumen is not None:
        _give_back(volume, hard, lumen, low_hu)
    add_thin(volume, hard, body.labels, lumen, low_hu)
    progress("bone", 0.7)
    close_marrow(volume, hard, lumen, coarse.axial_axis)
    hard = without_fringe(volume, hard, low_hu)
    name = f"bone: hysteresis {low_hu:g}/{high_hu:g} HU, half level at the edge, without enhanced blood"
    poured = bool((enhanced.ceiling == np.inf).any())
    metal = np.zeros_like(hard) if poured else implants(volume, hard)
    labelmap = _named(volume, sided(volume, hard, body.labels) if sides else hard, metal, sides, name)
    progress("bone", 1.0)
    return labelmap


def _named(volume: Volume, labels: Array, metal: Array, sides: bool, algorithm: str) -> LabelMap:
    """The label map: bone whole or by sides, and implants, which take their voxels from it."""
    names = {1: "bone left", 2: "bone right", 3: "bone midline"} if sides else {1: "bone"}
    segments = [Segment(n, name, structure("bone"), "AUTOMATIC", algorithm) for n, name in names.items()]
    if metal.any():
        labels[metal.astype(bool)] = METAL
        segments.append(Segment(METAL, "metal", structure("metal"), "AUTOMATIC", "metal: hysteresis, seated in bone"))
    return LabelMap(labels, volume.geometry, tuple(segments))


def _check(volume: Volume, low_hu: float, high_hu: float, minimum_volume_mm3: float) -> None:
    if not volume.is_hounsfield:
        raise InputError(
            f"bone is found by its Hounsfield units, but this volume ({volume.source.modality}) has unit "
            f"{volume.unit!r}; use a CT series"
        )
    if not (np.isfinite([low_hu, high_hu]).all() and low_hu <= high_hu):
        raise ParameterError(f"low_hu is at most high_hu, both finite; found {low_hu} and {high_hu}")
    if not (np.isfinite(minimum_volume_mm3) and minimum_volume_mm3 >= 0):
        raise ParameterError(f"a minimum volume is 0 mm³ or more; found {minimum_volume_mm3}")


def _hard(
    volume: Volume,
    body: Array,
    coarse: Coarse,
    enhanced: Enhanced,
    lumen: Lumen | None,
    low_hu: float,
    high_hu: float,
    minimum: float,
) -> Array:
    """Hard pieces of the body by hysteresis, without what contrast medium has raised."""
    dense = np.empty(volume.geometry.shape, dtype=np.uint8)
    morphology.candidates(volume.voxels, float(low_hu), body, enhanced.ceiling, coarse.factors, dense)
    if lumen is not None:
        kernels.leave_out(volume.voxels, lumen.near, lumen.top_hu, dense)
    hard = _pieces(volume, dense, coarse, enhanced, lumen, high_hu, minimum)
    if not hard.any():
        raise EmptyResultError(
            f"no bone: no piece of {minimum:g} mm³ above {low_hu:g} HU holds enough voxels above "
            f"{high_hu:g} HU; lower the thresholds or the minimum volume"
        )
    return hard


def _pieces(
    volume: Volume, dense: Array, coarse: Coarse, enhanced: Enhanced, lumen: Lumen | None, high: float, minimum: float
) -> Array:
    """The pieces that are large enough, hold enough dense voxels and are no remainder of enhanced blood."""
    pieces = find_components(dense)
    sizes = pieces.sizes
    sure = max(high, enhanced.blood_hu + ABOVE_BLOOD_HU, HIGHEST_HU if _is_cut_out(volume.voxels) else -np.inf)
    seeds = pieces.count_at_least(volume.voxels, sure)
    large = sizes * volume.geometry.voxel_volume_mm3 >= max(minimum, 1e-9)
    beside = pieces.count_in_blocks(enhanced.near, coarse.factors)
    if lumen is not None:
        beside = np.maximum(beside, pieces.sums(lumen.near))
    return pieces.mask(large & (seeds > 0) & (seeds >= SEED_SHARE * sizes) & (beside <= BESIDE_BLOOD * sizes))


def _is_cut_out(voxels: Array) -> bool:
    """Whether someone blanked most of the series with a value that is not air: what lies around is unknown then."""
    least = voxels.min()
    return bool(least > BLANK_HU and np.count_nonzero(voxels == least) > BLANK_SHARE * voxels.size)


def _give_back(volume: Volume, bone: Array, lumen: Lumen, low_hu: float) -> None:
    """Return to bone the edge that it lost to a vessel that runs along it, up to the vessel's even blood."""
    matrix = volume.geometry.affine[:3, :3]
    wide, blood = np.empty_like(bone), np.empty_like(bone)
    morphology.dilate(bone, with_neighbours(ball_offsets(matrix, min(volume.geometry.spacing_mm))), wide)
    morphology.dilate(lumen.core, with_neighbours(ball_offsets(matrix, CORE_MM)), blood)
    bone |= wide & lumen.near & ~blood & (volume.voxels >= low_hu).view(np.uint8)
