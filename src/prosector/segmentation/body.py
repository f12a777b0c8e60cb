"""The patient (or the object) without table, head holder, cushions, sheets and lines."""

from __future__ import annotations

import numpy as np

from prosector.errors import EmptyResultError
from prosector.kernels import morphology
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.progress import Progress, silent
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.cavities import PASSAGE_MM, PIECE_MM3, SOLID_HU, THIN_MM, with_cavities
from prosector.segmentation.coarse import Coarse, coarsen, refined
from prosector.segmentation.components import Components, find_components
from prosector.segmentation.mask import closed, filled_slices, grow, opened, opened_in_plane, shrink

BLOCK_MM = 2.0
"""Side of the blocks on which body and table are told apart."""

SKIN_HU = -500.0
"""Half way between air and skin: where a surface lies that the voxels average."""

THICK_MM = 8.0
"""A further piece that holds a ball of this radius is a limb, unless it runs unchanged along the table; one
that holds a ball of twice the radius is a limb in any case: tables are hollow."""

PERSISTENT = 0.75
"""What stands at one place of the table's cross-section in this share of the slices belongs to the table."""

EXTRUDED = 0.92
"""A thick piece belongs to the table when this share of its shadow along the table is filled that much:
no limb keeps its cross-section so well."""

GAP_SLICES = 3
"""A shell whose wall is too thin to be seen in fewer than twice as many slices is filled there too."""

APPENDAGE_MM = 70.0
"""Thin parts of the body (ears, fingers, folds of skin) are no longer than this; sheets and lines are."""

SHELL = 0.3
"""More thin parts than this share of all: the object is a shell, not a body."""

APPENDAGE_HU = (-150.0, 120.0)
"""Mean of a thin part of the body in blocks; sheets average with the air beside them, lines are denser."""

SHEET_MM = 1.5
"""Half the thickness of a sheet or cover that lies on the skin with some air between."""


def segment_body(volume: Volume, *, progress: Progress = silent) -> LabelMap:
    """Find the patient.

    CT: what is denser than -300 HU on a grid of about 2 mm, without thin things (table shells, sheets,
    lines), the largest piece by its solid volume and further thick pieces that do not run unchanged along
    the table; cavities closed in axial slices; then the border at full resolution where the voxels cross
    -500 HU. Nothing supposes how the patient lies. Other modalities, which show no table: the signal above
    a tenth of its robust range, closed and filled.

    Parameters
    ----------
    volume : Volume
        Any grid; Hounsfield units choose the CT way.
    progress : callable
        Told what is being done.

    Returns
    -------
    LabelMap
        One segment, "body", on the volume's grid. Voxels of the air inside the body belong to it.

    Raises
    ------
    EmptyResultError
        If nothing is there but air or noise.
    """
    progress("body", 0.0)
    if volume.is_hounsfield:
        coarse = coarsen(volume, BLOCK_MM, -1024.0, 300.0)
        mask, shell = _ct_body(coarse)
        threshold, name = SKIN_HU, "body: table told by thickness and persistence"
    else:
        low, high = _robust_range(volume.voxels)
        coarse = coarsen(volume, BLOCK_MM, low, high)
        threshold, name = low + 0.1 * (high - low), "body: robust-range threshold"
        mask, shell = _signal_body(coarse, threshold), False
    progress("body", 0.7)
    labels = refined(volume, coarse, mask, threshold)
    if not shell:
        labels = opened_in_plane(labels, volume.geometry.affine[:3, :3], SHEET_MM)
    progress("body", 1.0)
    return LabelMap(labels, volume.geometry, (Segment(1, "body", structure("body"), "AUTOMATIC", name),))


def _ct_body(coarse: Coarse) -> tuple[Array, bool]:
    """The body in blocks, and whether it is but a shell."""
    # table and holes are judged across the patient's long axis, whichever index axis that is
    order = [coarse.axial_axis, *(n for n in range(3) if n != coarse.axial_axis)]
    values = np.ascontiguousarray(coarse.voxels.transpose(order))
    matrix = coarse.matrix[:, order]
    solid = (values >= SOLID_HU).view(np.uint8)
    if not solid.any():
        raise EmptyResultError(
            f"no body: no voxel above {SOLID_HU:g} HU; check that the voxels are in Hounsfield units"
        )
    thick = opened(solid, matrix, THIN_MM)
    # with nothing thick there is no telling a table from the object itself
    table = _persistent(solid & ~thick & 1) if thick.any() else np.zeros_like(solid)
    thin = solid & ~thick & ~table & 1
    shell = SHELL * int(solid.sum() - table.sum()) < int(thin.sum())
    if shell:
        # a skull model or a cast: opening would take its walls away, and a shell holds no body apart from itself
        body = filled_slices(closed(_main_pieces(solid & ~table & 1, matrix), matrix, THIN_MM))
        body = _closed_along(body, GAP_SLICES)
    else:
        trunk = _main_pieces(thick, matrix)
        trunk |= _appendages(thin, trunk, values, matrix)
        body = with_cavities(trunk, values, matrix)
    return np.ascontiguousarray(body.transpose(np.argsort(order))), shell


def _persistent(mask: Array) -> Array:
    """What stands at the same place, within a block, in most slices across the table."""
    near = grow(mask, np.diag([10.0, 1.0, 1.0]), 1.0)
    share = near.mean(axis=0, dtype=np.float32)
    return np.asarray(mask & (share >= PERSISTENT))


def _main_pieces(mask: Array, matrix: Array) -> Array:
    """The piece with the most solid blocks, and other large ones that are thick and not table-like."""
    pieces = find_components(mask)
    volumes = pieces.sizes * abs(float(np.linalg.det(matrix)))
    keep = np.zeros(pieces.count, dtype=bool)
    keep[int(np.argmax(volumes))] = True
    large = np.flatnonzero((volumes >= PIECE_MM3) & ~keep)
    if large.size:
        thick = pieces.sums(shrink(mask, matrix, THICK_MM))[large] > 0
        massive = pieces.sums(shrink(mask, matrix, 2 * THICK_MM))[large] > 0
        keep[large] = massive | (thick & ~_table_like(pieces, large))
    return pieces.mask(keep)


def _table_like(pieces: Components, chosen: Array) -> Array:
    """Whether each chosen piece runs through all slices with one cross-section, as extruded parts do."""
    result = np.zeros(chosen.size, dtype=bool)
    for n, number in enumerate(chosen):
        piece = pieces.mask(np.arange(pieces.count) == number)
        shadow = piece.mean(axis=0, dtype=np.float32)
        result[n] = float((shadow >= EXTRUDED).sum()) >= EXTRUDED * float((shadow > 0).sum())
    return result


def _closed_along(mask: Array, slices: int) -> Array:
    """Close gaps of fewer than twice so many slices."""
    line = np.zeros((2 * slices + 1, 3), dtype=np.int64)
    line[:, 0] = np.arange(-slices, slices + 1)
    wide, out = np.empty_like(mask), np.empty_like(mask)
    morphology.dilate(mask, line, wide)
    morphology.erode(wide, line, out)
    return out


def _appendages(thin: Array, trunk: Array, values: Array, matrix: Array) -> Array:
    """Thin parts that touch the trunk, short and of flesh: ears, fingers, folds; not sheets, lines or shells."""
    parts = find_components(thin, full=True)
    boxes = parts.boxes()
    length = (boxes[:, :, 1] - boxes[:, :, 0]) * np.linalg.norm(matrix, axis=0)
    touching = parts.sums(grow(trunk, matrix, float(np.linalg.norm(matrix, axis=0).max()))) > 0
    means = parts.sums(values) / np.maximum(parts.sizes, 1)
    flesh = (means >= APPENDAGE_HU[0]) & (means <= APPENDAGE_HU[1])
    return parts.mask(touching & flesh & (length.max(axis=1, initial=0) <= APPENDAGE_MM))


def _signal_body(coarse: Coarse, threshold: float) -> Array:
    """Signal above the threshold, its largest piece, closed and filled across all three axes."""
    # specks of noise and ghosts go first, or closing would join them
    solid = opened((coarse.voxels > threshold).view(np.uint8), coarse.matrix, 0.5 * THIN_MM)
    if not solid.any():
        raise EmptyResultError("no body: the volume shows nothing but specks of signal above its background")
    body = closed(_largest(solid), coarse.matrix, PASSAGE_MM)
    for axis in range(3):
        body = filled_slices(body, axis)
    return _largest(body)


def _largest(mask: Array) -> Array:
    pieces = find_components(mask)
    keep = np.zeros(pieces.count, dtype=bool)
    keep[int(np.argmax(pieces.sizes))] = True
    return pieces.mask(keep)


def _robust_range(voxels: Array) -> tuple[float, float]:
    """2nd and 98th percentile of a sample of the voxels (Smith, Hum. Brain Mapp. 17, 2002)."""
    step = max(1, int(np.ceil((voxels.size / 2_000_000) ** (1 / 3))))
    sample = voxels[::step, ::step, ::step]
    low, high = np.nanpercentile(sample, [2.0, 98.0])
    if not high > low:
        raise EmptyResultError("no body: all voxels of the volume have nearly one value")
    return float(low), float(high)
