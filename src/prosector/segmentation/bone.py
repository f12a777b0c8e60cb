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
from prosector.segmentation.bone_parts import implants, sided
from prosector.segmentation.coarse import Coarse, coarsen
from prosector.segmentation.components import find_components
from prosector.segmentation.enhanced import Enhanced, find_enhanced
from prosector.segmentation.lumen import CORE_MM, Lumen, find_lumen, with_neighbours
from prosector.segmentation.mask import ball_offsets, closed, closed_in_plane, filled_slices, opened

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

SMALL_MM2 = 60.0
"""Smaller holes in an axial slice are filled whatever they hold; the spinal canal is larger."""

CANAL_HU = (-40.0, 70.0)
"""Mean of what fills the spinal canal; yellow marrow lies below, red marrow among its trabeculae above."""

AIR_HU = -250.0
"""Air-filled cells and sinuses are no marrow."""

FRINGE_MM = 2.0
"""How far the cortex's full density lies from where its blur has faded."""

BLUR_MM = 1.0
"""Blur carries bone no farther than this, or a pixel: half of a point spread of 2 mm."""

HOLE_MM = 2.0
"""Holes in spongy bone up to twice this belong to its inside."""

THICK_MM = 1.3
"""Bone thinner than twice this never reaches its density, so its half level is not known: it keeps its fringe."""

JOINT_MM = 2.0
"""Half the thickness of a joint space, which bone encloses as it does marrow."""

JOINT_MM3 = 300.0
"""Smaller thin gaps are those of spongy bone."""

JOINT_HU = 130.0
"""Cartilage and fluid, with the blur of the bone around, stay below this; spongy bone's gaps do not."""

BESIDE_HU = 400.0
"""What lies beside bone is taken for at most this dense: enhanced blood."""

THIN_HU = 130.0
"""Walls of sinuses and orbits, thinner than the scanner resolves, stay above this; muscle and brain do not reach it."""

SHEET_HU = 60.0
"""A thin wall is denser than what lies on both sides of it by at least this, and by three times the noise."""

SHEET_MM = 2.2
"""How far on both sides."""

MUSCLE_HU = 60.0
"""Of which noise makes thin walls when it is stronger than a quarter of the way to them."""


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
    dense = np.empty(volume.geometry.shape, dtype=np.uint8)
    morphology.candidates(volume.voxels, float(low_hu), body.labels, enhanced.ceiling, coarse.factors, dense)
    if lumen is not None:
        kernels.leave_out(volume.voxels, lumen.near, lumen.top_hu, dense)
    progress("bone", 0.5)
    hard = _pieces(volume, dense, coarse, enhanced, lumen, high_hu, minimum_volume_mm3)
    if not hard.any():
        raise EmptyResultError(
            f"no bone: no piece of {minimum_volume_mm3:g} mm³ above {low_hu:g} HU holds enough voxels above "
            f"{high_hu:g} HU; lower the thresholds or the minimum volume"
        )
    if lumen is not None:
        _give_back(volume, hard, lumen, low_hu)
    _add_thin(volume, hard, body.labels, lumen, low_hu)
    progress("bone", 0.7)
    _close_marrow(volume, hard, lumen, coarse.axial_axis)
    hard = _without_fringe(volume, hard, low_hu)
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


def _pieces(
    volume: Volume, dense: Array, coarse: Coarse, enhanced: Enhanced, lumen: Lumen | None, high: float, minimum: float
) -> Array:
    """The pieces that are large enough, hold enough dense voxels and are no remainder of enhanced blood."""
    pieces = find_components(dense)
    sizes = pieces.sizes
    seeds = pieces.count_at_least(volume.voxels, max(high, enhanced.blood_hu + ABOVE_BLOOD_HU))
    large = sizes * volume.geometry.voxel_volume_mm3 >= max(minimum, 1e-9)
    beside = pieces.count_in_blocks(enhanced.near, coarse.factors)
    if lumen is not None:
        beside = np.maximum(beside, pieces.sums(lumen.near))
    return pieces.mask(large & (seeds > 0) & (seeds >= SEED_SHARE * sizes) & (beside <= BESIDE_BLOOD * sizes))


def _give_back(volume: Volume, bone: Array, lumen: Lumen, low_hu: float) -> None:
    """Return to bone the edge that it lost to a vessel that runs along it, up to the vessel's even blood."""
    matrix = volume.geometry.affine[:3, :3]
    wide, blood = np.empty_like(bone), np.empty_like(bone)
    morphology.dilate(bone, with_neighbours(ball_offsets(matrix, min(volume.geometry.spacing_mm))), wide)
    morphology.dilate(lumen.core, with_neighbours(ball_offsets(matrix, CORE_MM)), blood)
    bone |= wide & lumen.near & ~blood & (volume.voxels >= low_hu).view(np.uint8)


def _add_thin(volume: Volume, bone: Array, body: Array, lumen: Lumen | None, low_hu: float) -> None:
    """Add to ``bone`` the thin walls below ``low_hu`` that hang on it."""
    noise = _noise_hu(volume.voxels)
    if not max(THIN_HU, MUSCLE_HU + 4 * noise) < low_hu:
        return
    matrix = volume.geometry.affine[:3, :3]
    sheets = np.empty_like(bone)
    low, contrast = max(THIN_HU, MUSCLE_HU + 4 * noise), max(SHEET_HU, 3 * noise)
    kernels.thin_sheets(volume.voxels, low, float(low_hu), contrast, _directions(matrix), body, sheets)
    if lumen is not None:
        sheets &= ~lumen.near
    pieces = find_components(sheets | bone)
    bone |= pieces.mask(pieces.sums(bone) > 0)


def _directions(matrix: Array) -> Array:
    """Half of the offsets of about ``SHEET_MM``, a pixel at least, along axes and diagonals of the grid."""
    axes = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[14:]
    steps = np.maximum(1, np.rint(SHEET_MM / np.linalg.norm(axes @ matrix.T, axis=1)))
    return np.ascontiguousarray(axes * steps[:, None], dtype=np.int64)


def _noise_hu(voxels: Array) -> float:
    """Standard deviation of the noise in soft tissue, from differences of pixels two apart in some slices."""
    part = voxels[:: max(1, voxels.shape[0] // 8), ::2].astype(np.float32)
    a, b = part[..., :-2], part[..., 2:]
    soft = (a > -150) & (a < 150) & (b > -150) & (b < 150)
    return float(1.4826 / np.sqrt(2) * np.median(np.abs(a - b)[soft])) if soft.any() else 0.0


def _without_fringe(volume: Volume, bone: Array, low_hu: float) -> Array:
    """Take off the blur around bone: what lies below the half level between cortex and what is beside it."""
    matrix = volume.geometry.affine[:3, :3]
    pixel = min(volume.geometry.spacing_mm)
    offsets = ball_offsets(matrix, max(FRINGE_MM, 1.01 * pixel))
    # slices much thicker than pixels average bone with what is beyond it, and have no half level between them
    deep = volume.geometry.spacing_mm[0] <= 1.5 * pixel
    thin = bone & ~opened(bone, matrix, max(THICK_MM, 1.01 * pixel)) & 1
    state = bone | (closed(bone, matrix, HOLE_MM) & (bone ^ 1)) << 1
    for _ in range(max(1, int(np.rint(BLUR_MM / pixel)))):
        out = np.empty_like(state)
        kernels.peel(volume.voxels, state, float(low_hu), BESIDE_HU, offsets, deep, out)
        state = out
    return np.asarray((state == 1).view(np.uint8) | thin)


def _close_marrow(volume: Volume, bone: Array, lumen: Lumen | None, axial_axis: int) -> None:
    """Add to ``bone`` the marrow that it encloses."""
    box = _box(bone)
    part, voxels = bone[box], volume.voxels[box]
    matrix = volume.geometry.affine[:3, :3]
    votes = np.zeros(part.shape, dtype=np.uint8)
    for axis in range(3):
        order = [axis, *(n for n in range(3) if n != axis)]
        votes += _enclosed(part, voxels, matrix, order, axis == axial_axis)
    marrow = ((votes >= 2) & (voxels > AIR_HU)).view(np.uint8) & (part ^ 1)
    if lumen is not None:
        marrow &= lumen.near[box] ^ 1
    part |= marrow & ~_joints(marrow, voxels, matrix)
    order = [axial_axis, *(n for n in range(3) if n != axial_axis)]
    across = np.ascontiguousarray(part.transpose(order))
    holes = find_components(filled_slices(across) & (across ^ 1), by_slice=True)
    small = holes.sizes * float(np.linalg.norm(np.cross(matrix[:, order[1]], matrix[:, order[2]]))) <= SMALL_MM2
    filled = holes.mask(small).transpose(np.argsort(order)) & (voxels > AIR_HU).view(np.uint8)
    part |= filled if lumen is None else filled & (lumen.near[box] ^ 1)


def _joints(marrow: Array, voxels: Array, matrix: Array) -> Array:
    """What bone encloses, but is thin, wide and neither fat nor spongy bone: joint spaces."""
    pieces = find_components(marrow)
    sizes = np.maximum(pieces.sizes, 1)
    wide = sizes * abs(float(np.linalg.det(matrix))) >= JOINT_MM3
    thin = pieces.sums(opened(marrow, matrix, JOINT_MM)) < 0.05 * sizes
    means = pieces.sums(voxels) / sizes
    return pieces.mask(wide & thin & (means > CANAL_HU[0]) & (means < JOINT_HU))


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
