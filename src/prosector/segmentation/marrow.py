"""Marrow: what bone encloses, but neither canals nor joint spaces."""

from __future__ import annotations

import numpy as np

from prosector.model.geometry import Array
from prosector.model.volume import Volume
from prosector.segmentation.components import Components, find_components
from prosector.segmentation.lumen import Lumen
from prosector.segmentation.mask import closed_in_plane, filled_slices, opened

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

SEALED = 0.15
"""Marrow is open at its ends over at most this share of its cross-section."""

AIR_HU = -250.0
"""Air-filled cells and sinuses are no marrow."""

JOINT_MM = 2.0
"""Half the thickness of a joint space, which bone encloses as it does marrow."""

JOINT_MM3 = 300.0
"""Smaller thin gaps are those of spongy bone."""

JOINT_HU = 130.0
"""Cartilage and fluid, with the blur of the bone around, stay below this; spongy bone's gaps do not."""


def close_marrow(volume: Volume, bone: Array, lumen: Lumen | None, axial_axis: int) -> None:
    """Add to ``bone`` the marrow that it encloses.

    Marrow is what slices of two of the three axes enclose, or an axial slice does and it is no canal: by its
    values, or because nothing opens it from slice to slice. Small holes of axial slices are filled too.

    Parameters
    ----------
    volume : Volume
    bone : (k, j, i) uint8 array
        Changed in place.
    lumen : Lumen or None
        Enhanced blood, which is no marrow.
    axial_axis : int
        The index axis along the patient.
    """
    box = _box(bone)
    part, voxels = bone[box], volume.voxels[box]
    matrix = volume.geometry.affine[:3, :3]
    able = (voxels > AIR_HU).view(np.uint8)
    if lumen is not None:
        able &= lumen.near[box] ^ 1
    orders = [[axis, *(n for n in range(3) if n != axis)] for axis in range(3)]
    votes = _axial(part, voxels, matrix, orders[axial_axis])
    for axis in range(3):
        if axis != axial_axis:
            order = orders[axis]
            found, areas, _ = _enclosed(part, matrix, order)
            votes += found.mask(areas <= MARROW_MM2).transpose(np.argsort(order))
    marrow = (votes >= 2).view(np.uint8) & able & (part ^ 1)
    part |= marrow & ~_joints(marrow, voxels, matrix)
    part |= _small_holes(part, matrix, orders[axial_axis]) & able


def _small_holes(bone: Array, matrix: Array, order: list[int]) -> Array:
    """Small holes of the slices across the first axis of ``order``."""
    across = np.ascontiguousarray(bone.transpose(order))
    holes = find_components(filled_slices(across) & (across ^ 1), by_slice=True)
    return holes.mask(holes.sizes * _pixel_mm2(matrix[:, order]) <= SMALL_MM2).transpose(np.argsort(order))


def _axial(bone: Array, voxels: Array, matrix: Array, order: list[int]) -> Array:
    """Votes of axial slices for marrow: 1, or where it is sure 2."""
    found, areas, wall = _enclosed(bone, matrix, order)
    values = np.ascontiguousarray(voxels.transpose(order))
    means = found.sums(values) / np.maximum(found.sizes, 1)
    sure = (means > AIR_HU) & (areas <= SURE_MM2)
    votes = found.mask(areas <= MARROW_MM2)
    votes += found.mask(sure & ((means < CANAL_HU[0]) | (means > CANAL_HU[1])))
    votes = np.maximum(votes, 2 * _sealed(found.mask(sure), wall))
    return np.ascontiguousarray(votes.transpose(np.argsort(order)))


def _sealed(holes: Array, wall: Array) -> Array:
    """What axial slices enclose and bone, or the grid's end, closes along the patient too, as it does no canal."""
    pieces = find_components(holes)
    free = (holes | wall) ^ 1
    open_ends = np.zeros_like(holes)
    open_ends[:-1] = free[1:]
    open_ends[1:] += free[:-1]
    boxes = pieces.boxes()
    section = np.maximum(pieces.sizes, 1) / np.maximum(boxes[:, 0, 1] - boxes[:, 0, 0], 1)
    return pieces.mask(pieces.sums(open_ends) <= SEALED * section)


def _joints(marrow: Array, voxels: Array, matrix: Array) -> Array:
    """What bone encloses, but is thin, wide and neither fat nor spongy bone: joint spaces."""
    pieces = find_components(marrow)
    sizes = np.maximum(pieces.sizes, 1)
    wide = sizes * abs(float(np.linalg.det(matrix))) >= JOINT_MM3
    thin = pieces.sums(opened(marrow, matrix, JOINT_MM)) < 0.05 * sizes
    means = pieces.sums(voxels) / sizes
    return pieces.mask(wide & thin & (means > CANAL_HU[0]) & (means < JOINT_HU))


def _enclosed(bone: Array, matrix: Array, order: list[int]) -> tuple[Components, Array, Array]:
    """What slices across the first axis of ``order`` enclose, its areas (mm²), and the bone with its gaps closed."""
    across = np.ascontiguousarray(bone.transpose(order))
    wall = closed_in_plane(across, matrix[:, order], GAP_MM)
    holes = filled_slices(wall)
    holes &= across ^ 1
    found = find_components(holes, by_slice=True)
    return found, found.sizes * _pixel_mm2(matrix[:, order]), wall


def _pixel_mm2(matrix: Array) -> float:
    """Area of a pixel of the slices across the first axis."""
    return float(np.linalg.norm(np.cross(matrix[:, 1], matrix[:, 2])))


def _box(mask: Array) -> tuple[slice, ...]:
    """The bounding box of a mask with a margin of two voxels."""
    box = []
    for axis in range(3):
        others = tuple(n for n in range(3) if n != axis)
        at = np.flatnonzero(mask.any(axis=others))
        box.append(slice(max(0, int(at[0]) - 2), min(mask.shape[axis], int(at[-1]) + 3)))
    return tuple(box)
