"""Bone taken out of CT angiograms, with its blur, without the vessels that run along it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from prosector.errors import InputError, ParameterError
from prosector.kernels import bone as kernels
from prosector.kernels import morphology
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume
from prosector.segmentation.bone import BLOCK_MM
from prosector.segmentation.coarse import coarsen
from prosector.segmentation.components import find_components
from prosector.segmentation.enhanced import find_enhanced
from prosector.segmentation.lumen import CORE_MM, EDGE_MM, find_lumen, with_neighbours
from prosector.segmentation.mask import ball_offsets

MARGIN_MM = 2.0
"""How far the blur of compact bone is seen in a projection: twice the point spread of a soft kernel."""

FILL_HU = 40.0
"""Muscle: what takes bone's place shows neither in projections nor as a hole in a vessel's wall."""

CRUMB_MM3 = 300.0
"""Remainders of bone are smaller than this."""

MIXED_HU = 150.0
"""Where blood touches compact bone, the voxels of its edge are brighter than blood by more than this: half way."""

MOSTLY = 0.75
"""What looks like blood beside bone but lies in bone by more than this share is spongy bone."""

LOWEST_BLOOD_HU = 120.0
"""Blood darker than this is not told from soft tissue."""


def remove_bone(
    volume: Volume,
    bone: LabelMap,
    *,
    vessels: LabelMap | None = None,
    margin_mm: float = MARGIN_MM,
    fill_hu: float = FILL_HU,
) -> Volume:
    """Take bone out of a CT angiogram.

    Bone becomes ``fill_hu``. Within ``margin_mm`` around it, where its blur would leave a bright shell, what is
    brighter than ``fill_hu`` becomes that, but not the vessels: the given ones, and the even cores of blood that
    hang together with a large vessel (:func:`prosector.segmentation.lumen.find_lumen`), with their edges as far as
    they do not touch bone. Nothing is resampled.

    Parameters
    ----------
    volume : Volume
        In Hounsfield units.
    bone : LabelMap
        On the volume's grid; every segment is taken out, metal too.
    vessels : LabelMap, optional
        Vessels that stay, whatever they look like; every segment counts.
    margin_mm : float
        How far around bone its blur reaches; a voxel at least.
    fill_hu : float
        What takes its place.

    Returns
    -------
    Volume
        Same grid, unit, type and source.

    Raises
    ------
    GeometryError
        If a label map lies on another grid.
    InputError
        If the volume is not in Hounsfield units.
    ParameterError
        If the margin is negative, or a parameter is not a number.
    """
    if not volume.is_hounsfield:
        raise InputError(f"bone is taken out of CT only; the volume's unit is {volume.unit!r}")
    volume.geometry.require_same(bone.geometry, "the label map of bone")
    if vessels is not None:
        volume.geometry.require_same(vessels.geometry, "the label map of vessels")
    if not (np.isfinite(margin_mm) and margin_mm >= 0 and np.isfinite(fill_hu)):
        raise ParameterError(f"a margin is 0 mm or more; found {margin_mm} mm, fill {fill_hu} HU")
    mask = (bone.labels > 0).view(np.uint8)
    stay = _vessels(volume, mask, vessels)
    matrix = volume.geometry.affine[:3, :3]
    zone = np.empty_like(mask)
    morphology.dilate(mask, with_neighbours(ball_offsets(matrix, margin_mm)), zone)
    out = np.empty_like(volume.voxels)
    kernels.fill_out(volume.voxels, mask, zone, stay, float(fill_hu), out)
    crumbs = _crumbs(out, zone, stay, volume)
    if crumbs.any():
        out[crumbs.astype(bool)] = out.dtype.type(fill_hu)
    return replace(volume, voxels=out)


def _crumbs(voxels: Array, zone: Array, stay: Array, volume: Volume) -> Array:
    """Small bright pieces that hang on what was taken out and on no vessel: remainders of bone."""
    pieces = find_components(voxels >= LOWEST_BLOOD_HU, full=True)
    small = pieces.sizes * volume.geometry.voxel_volume_mm3 <= CRUMB_MM3
    beside = np.empty_like(zone)
    morphology.dilate(zone, with_neighbours(ball_offsets(volume.geometry.affine[:3, :3], 0.0)), beside)
    return pieces.mask(small & (pieces.sums(beside) > 0) & (pieces.sums(stay) == 0))


def _vessels(volume: Volume, bone: Array, vessels: LabelMap | None) -> Array:
    """What stays although it lies within the margin of bone, or even in what was taken for bone."""
    stay = (vessels.labels > 0).view(np.uint8) if vessels is not None else np.zeros_like(bone)
    coarse = coarsen(volume, BLOCK_MM, -1024.0, 3000.0)
    lumen = find_lumen(volume, coarse, find_enhanced(coarse, LOWEST_BLOOD_HU), LOWEST_BLOOD_HU)
    if lumen is None:
        return stay
    matrix = volume.geometry.affine[:3, :3]
    whole, wide, beside = (np.empty_like(bone) for _ in range(3))
    morphology.dilate(lumen.core, with_neighbours(ball_offsets(matrix, CORE_MM)), whole)
    morphology.dilate(lumen.core, with_neighbours(ball_offsets(matrix, EDGE_MM)), wide)
    morphology.dilate(bone, with_neighbours(ball_offsets(matrix, 0.0)), beside)
    mixed = (volume.voxels <= lumen.top_hu + MIXED_HU).view(np.uint8)
    near = find_components(whole & mixed & beside, full=True)
    bony = near.mask(near.sums(bone) > MOSTLY * near.sizes)
    return np.asarray(stay | whole & mixed & (bony ^ 1) | wide & (beside ^ 1))
