"""Fragments of broken bone: parts that a fracture line or a thin bridge of partial volume joins to others."""

from __future__ import annotations

import numpy as np

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.contacts import Contacts, find_contacts, join_by_bone, unite
from prosector.segmentation.mask import grow
from prosector.segmentation.merging import MOST
from prosector.segmentation.relief import depth_mm, relief_of, run_down, valley_depth
from prosector.segmentation.seeds import box_of
from prosector.segmentation.splitting import CONTRAST, GAP_MM, by_volume, pieces_of

BRIDGE_MM = 2.0
"""Two voxels of partial volume, at most, join fragments whose faces touch here and there."""

MINIMUM_MM3 = 500.0
"""Fragments smaller than this are not asked for: a cube of 8 mm."""

FLUID = 50.0
"""What fills a fracture: blood and oedema, HU."""


def segment_fragments(
    volume: Volume,
    bone: LabelMap,
    *,
    gap_mm: float = GAP_MM,
    contrast_hu: float = CONTRAST,
    bridge_mm: float = BRIDGE_MM,
    minimum_volume_mm3: float = MINIMUM_MM3,
) -> LabelMap:
    """Take bone apart where it is broken, and where bones only touch.

    Fracture lines are dark between two brighter sides; without them, and without bridges thinner than ``bridge_mm``,
    each fragment has a core of its own. From the cores the bone is filled again in the order of falling depth. Parts
    whose contact is on average no darker than both its sides are one. What of a fracture line is darker than half way
    between bone and blood stays outside. A joint whose surfaces touch
    is such a line too: unbroken neighbours come out as fragments of their own, to be merged or left out by the user.

    Parameters
    ----------
    volume : Volume
        In Hounsfield units.
    bone : LabelMap
        All of its segments together are the bone, marrow closed.
    gap_mm : float
        Widest fracture line that the bone's labels may have bridged.
    contrast_hu : float
        How much darker than both its sides it is.
    bridge_mm : float
        Thickest bridge that is cut, if the rest of the contact is dark or its area is less than that of a square of
        twice this side.
    minimum_volume_mm3 : float
        Smaller parts go to the one that they touch most; smaller pieces that touch none are left out.

    Returns
    -------
    LabelMap
        "fragment 1", "fragment 2", … by falling volume, on the volume's grid; uint16 for more than 255.

    Raises
    ------
    InputError
        If the volume is not in Hounsfield units.
    GeometryError
        If the labels lie on another grid.
    ParameterError
        If a number is out of range.
    EmptyResultError
        If no fragment is large enough.
    """
    _check(volume, gap_mm, contrast_hu, bridge_mm, minimum_volume_mm3)
    volume.geometry.require_same(bone.geometry, "the label map of bone")
    whole = (bone.labels > 0).view(np.uint8)
    if not whole.any():
        raise EmptyResultError("there is no bone in the label map")
    box = box_of(whole)
    mask, values = np.ascontiguousarray(whole[box]), volume.voxels[box]
    del whole
    matrix = volume.geometry.affine[:3, :3]
    valley = valley_depth(values, mask, matrix, gap_mm)
    # single voxels are cut at half the contrast: what this cuts too much is joined again by its contacts
    gap = (valley >= 0.5 * contrast_hu).view(np.uint8)
    # half way between the sides (value + valley) and the fluid lies the edge of the bone
    open_ = gap & (values < valley + FLUID).view(np.uint8)
    del valley
    half_voxel = 0.5 * min(volume.geometry.spacing_mm)
    parts, count = _cores(mask, gap, matrix, 0.5 * bridge_mm + half_voxel)
    found = find_contacts(parts, values, matrix, gap_mm)
    parts = join_by_bone(found, count, contrast_hu, (2 * bridge_mm) ** 2)[parts]
    minimum_voxels = minimum_volume_mm3 / volume.geometry.voxel_volume_mm3
    parts = _joined(parts, count, found, minimum_voxels)
    parts[(grow(_borders(parts), matrix, gap_mm) & open_).astype(bool)] = 0
    parts[(np.bincount(parts.ravel()) < minimum_voxels)[parts]] = 0
    parts = by_volume(parts)
    count = int(parts.max())
    if not 0 < count <= MOST:
        raise EmptyResultError(f"{count} fragments of at least {minimum_volume_mm3:g} mm³; change the minimum volume")
    out = np.zeros(volume.geometry.shape, dtype=np.uint8 if count < 256 else np.uint16)
    out[box] = parts
    words = f"fragments: lines of {gap_mm:g} mm darker by {contrast_hu:g} HU, bridges of {bridge_mm:g} mm"
    kind = structure("bone")
    segments = (Segment(n, f"fragment {n}", kind, "AUTOMATIC", words) for n in range(1, count + 1))
    return LabelMap(out, volume.geometry, tuple(segments))


def _check(volume: Volume, gap_mm: float, contrast_hu: float, bridge_mm: float, minimum_mm3: float) -> None:
    if not volume.is_hounsfield:
        raise InputError(
            f"fractures are found by Hounsfield units, but this volume ({volume.source.modality}) has unit "
            f"{volume.unit!r}; use a CT series"
        )
    if not (gap_mm > 0 and contrast_hu > 0 and bridge_mm >= 0 and minimum_mm3 >= 0):
        raise ParameterError(
            f"gap and contrast are more than 0, bridge and minimum not negative; found {gap_mm} mm, {contrast_hu} HU, "
            f"{bridge_mm} mm and {minimum_mm3} mm³"
        )


def _cores(mask: Array, gap: Array, matrix: Array, core_mm: float) -> tuple[Array, int]:
    """int32 parts of the mask, grown from cores deeper than ``core_mm`` in what is not gap, and how many."""
    solid = mask & (gap ^ 1)
    depth = depth_mm(solid, matrix)
    parts, count = pieces_of(depth > core_mm)
    level, _ = relief_of(solid, depth)
    del depth
    run_down(level, parts)
    rest, more = pieces_of((parts == 0) & (solid > 0))
    parts[rest > 0] = rest[rest > 0] + count
    # what was cut goes back to the part beside it
    level[...] = mask
    run_down(level, parts)
    return parts, count + more


def _joined(parts: Array, count: int, found: Contacts, minimum_voxels: float) -> Array:
    """Let parts that are too small join the one that they touch most, the smallest first."""
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    target = np.arange(count + 1, dtype=np.int32)
    for n in sorted(range(1, count + 1), key=lambda n: (int(sizes[n]), n)):
        near = found.get(n, {})
        if sizes[n] >= minimum_voxels or not near:
            continue
        best = min(near, key=lambda m: (-near[m].area, m))
        target[target == n] = best
        sizes[best] += sizes[n]
        unite(found, best, n)
    return np.asarray(target[parts])


def _borders(parts: Array) -> Array:
    """1 where a voxel has a neighbour, across a face, in another part."""
    out = np.zeros(parts.shape, dtype=np.uint8)
    for axis in range(3):
        across, marked = np.moveaxis(parts, axis, 0), np.moveaxis(out, axis, 0)
        for n in range(across.shape[0] - 1):
            meet = ((across[n] != across[n + 1]) & (across[n] > 0) & (across[n + 1] > 0)).view(np.uint8)
            marked[n] |= meet
            marked[n + 1] |= meet
    return out
