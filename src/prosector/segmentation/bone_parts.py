"""Bone told into parts: left, right and midline, by the middle of the body; implants apart."""

from __future__ import annotations

import numpy as np

from prosector.kernels import bone as kernels
from prosector.model.geometry import Array
from prosector.model.volume import Volume
from prosector.segmentation.components import find_components
from prosector.segmentation.mask import grow
from prosector.segmentation.metal import FRINGE_HU, METAL_HU, SPECK_MM3, metal_mask

MIDLINE_MM = 15.0
"""Half the width of the midline: of a vertebral body, and of how far patients lie off the middle."""

SEATED = 0.35
"""Share of bone in the shell around an implant; around contrast medium in a vein there is next to none."""

SHELL_MM = 3.0
"""Thickness of the shell that is looked at."""


def implants(volume: Volume, bone: Array) -> Array:
    """(k, j, i) uint8 mask of the metal that sits in bone.

    ``bone`` is a mask that may hold the metal. Undiluted contrast medium and its streaks are as dense, so this is
    to be asked only where there is none.
    """
    metal = metal_mask(volume, FRINGE_HU, METAL_HU, SPECK_MM3)
    if not metal.any():
        return metal
    matrix = volume.geometry.affine[:3, :3]
    pieces = find_components(metal, full=True)
    keep = np.zeros(pieces.count, dtype=bool)
    boxes = pieces.boxes()
    for number in range(pieces.count):
        part, place = _cut(pieces.mask(np.arange(pieces.count) == number), boxes[number], matrix)
        shell = (grow(part, matrix, SHELL_MM) & (part ^ 1)).astype(bool)
        around = bone[place].astype(bool) & (volume.voxels[place] < FRINGE_HU)
        keep[number] = bool(shell.any()) and float(around[shell].mean()) >= SEATED
    return pieces.mask(keep)


def _cut(mask: Array, box: Array, matrix: Array) -> tuple[Array, tuple[slice, ...]]:
    reach = np.ceil(SHELL_MM * np.linalg.norm(np.linalg.inv(matrix), axis=1)).astype(int) + 1
    place = tuple(
        slice(max(0, int(a - r)), min(n, int(b + r))) for (a, b), r, n in zip(box, reach, mask.shape, strict=True)
    )
    return np.ascontiguousarray(mask[place]), place


def sided(volume: Volume, bone: Array, body: Array) -> Array:
    """(k, j, i) uint8 labels of bone: 1 left, 2 right, 3 midline.

    The middle is the plane of constant L that parts the body in halves. What lies within ``MIDLINE_MM`` of it,
    as spine and breastbone do, has no side.
    """
    along = np.ascontiguousarray(volume.geometry.affine[0, :3])
    offset = float(volume.geometry.affine[0, 3]) - middle_mm(volume, body)
    labels = np.empty_like(bone)
    kernels.paint_sides(bone, along, offset, MIDLINE_MM, labels)
    return labels


def middle_mm(volume: Volume, body: Array) -> float:
    """L coordinate (mm) of the plane of constant L that parts the body's voxels in halves."""
    step = [max(1, n // 100) for n in body.shape]
    index = np.argwhere(body[:: step[0], :: step[1], :: step[2]]) * step
    return float(np.median(index @ volume.geometry.affine[0, :3] + volume.geometry.affine[0, 3]))
