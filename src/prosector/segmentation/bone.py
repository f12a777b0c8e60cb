"""Bone with its marrow, without table, specks and, as far as HU and shape tell, contrast medium."""

from __future__ import annotations

import numpy as np

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.kernels import morphology
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.progress import Progress, silent
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.body import segment_body
from prosector.segmentation.coarse import Coarse, coarsen
from prosector.segmentation.components import find_components
from prosector.segmentation.enhanced import Enhanced, find_enhanced
from prosector.segmentation.mask import closed_in_plane, filled_slices

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

BLOCK_MM = 2.0
"""Side of the blocks on which enhanced blood is told from bone."""

GAP_MM = 1.5
"""Gaps in the cortex up to twice this do not open the marrow."""

MARROW_MM2 = 5000.0
"""Cross-section of the largest marrow space; the skull's and the pelvis's cavities are larger."""

SURE_MM2 = 2500.0
"""Cross-section of the largest marrow space that an axial slice alone may close."""

CANAL_HU = (-40.0, 70.0)
"""Mean of what fills the spinal canal; yellow marrow lies below, red marrow among its trabeculae above."""

AIR_HU = -250.0
"""Air-filled cells and sinuses are no marrow."""


def segment_bone(
    volume: Volume,
    *,
    low_hu: float = LOW_HU,
    high_hu: float = HIGH_HU,
    minimum_volume_mm3: float = MINIMUM_MM3,
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
    progress : callable
        Told what is being done.

    Returns
    -------
    LabelMap
        One segment, "bone", on the volume's grid.

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
    dense = np.empty(volume.geometry.shape, dtype=np.uint8)
    morphology.candidates(volume.voxels, float(low_hu), body.labels, enhanced.ceiling, coarse.factors, dense)
    del body
    progress("bone", 0.5)
    hard = _pieces(volume, dense, coarse, enhanced, high_hu, minimum_volume_mm3)
    if not hard.any():
        raise EmptyResultError(
            f"no bone: no piece of {minimum_volume_mm3:g} mm³ above {low_hu:g} HU holds enough voxels above "
            f"{high_hu:g} HU; lower the thresholds or the minimum volume"
        )
    progress("bone", 0.7)
    _close_marrow(volume, hard, coarse.axial_axis)
    progress("bone", 1.0)
    name = f"bone: hysteresis {low_hu:g}/{high_hu:g} HU without enhanced blood"
    return LabelMap(hard, volume.geometry, (Segment(1, "bone", structure("bone"), "AUTOMATIC", name),))


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


def _pieces(
    volume: Volume, dense: Array, coarse: Coarse, enhanced: Enhanced, high_hu: float, minimum_mm3: float
) -> Array:
    """The pieces that are large enough, hold enough dense voxels and are no remainder of enhanced blood."""
    pieces = find_components(dense)
    sizes = pieces.sizes
    seeds = pieces.count_at_least(volume.voxels, max(high_hu, enhanced.blood_hu + ABOVE_BLOOD_HU))
    large = sizes * volume.geometry.voxel_volume_mm3 >= max(minimum_mm3, 1e-9)
    beside = pieces.count_in_blocks(enhanced.near, coarse.factors)
    return pieces.mask(large & (seeds > 0) & (seeds >= SEED_SHARE * sizes) & (beside <= BESIDE_BLOOD * sizes))


def _close_marrow(volume: Volume, bone: Array, axial_axis: int) -> None:
    """Add to ``bone`` the marrow that it encloses."""
    box = _box(bone)
    part, voxels = bone[box], volume.voxels[box]
    matrix = volume.geometry.affine[:3, :3]
    votes = np.zeros(part.shape, dtype=np.uint8)
    for axis in range(3):
        order = [axis, *(n for n in range(3) if n != axis)]
        votes += _enclosed(part, voxels, matrix, order, axis == axial_axis)
    part |= ((votes >= 2) & (voxels > AIR_HU)).view(np.uint8)


def _enclosed(bone: Array, voxels: Array, matrix: Array, order: list[int], axial: bool) -> Array:
    """1 for what slices across the first axis of ``order`` enclose; 2 where an axial slice is sure of marrow."""
    across = np.ascontiguousarray(bone.transpose(order))
    turned = matrix[:, order]
    holes = filled_slices(closed_in_plane(across, turned, GAP_MM))
    holes &= across ^ 1
    found = find_components(holes, by_slice=True)
    areas = found.sizes * float(np.linalg.norm(np.cross(turned[:, 1], turned[:, 2])))
    inside = found.mask(areas <= MARROW_MM2)
    if axial:
        means = found.sums(voxels.transpose(order)) / np.maximum(found.sizes, 1)
        marrow = (means > AIR_HU) & ((means < CANAL_HU[0]) | (means > CANAL_HU[1]))
        inside += found.mask(marrow & (areas <= SURE_MM2))
    return np.asarray(inside.transpose(np.argsort(order)))


def _box(mask: Array) -> tuple[slice, ...]:
    """The bounding box of a mask with a margin of two voxels."""
    box = []
    for axis in range(3):
        others = tuple(n for n in range(3) if n != axis)
        at = np.flatnonzero(mask.any(axis=others))
        box.append(slice(max(0, int(at[0]) - 2), min(mask.shape[axis], int(at[-1]) + 3)))
    return tuple(box)
