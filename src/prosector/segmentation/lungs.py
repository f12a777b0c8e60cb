"""Air in the body: lungs left and right, airways, and all gas."""

from __future__ import annotations

import numpy as np

from prosector.errors import EmptyResultError, InputError
from prosector.kernels import morphology
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.progress import Progress, silent
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.body import segment_body
from prosector.segmentation.coarse import Coarse, coarsen
from prosector.segmentation.components import Components, find_components
from prosector.segmentation.mask import closed, grow, opened, shrink

BLOCK_MM = 2.0
"""Side of the blocks on which left, right and airways are told apart."""

LUNG_HU = -400.0
"""Half way between lung and the chest wall."""

GAS_HU = -500.0
"""Half way between gas and soft tissue: where an edge lies that the voxels average."""

AIRWAY_HU = -930.0
"""Air in the trachea; lung holds tissue too, unless it is destroyed."""

AIRWAY_MM = 2.5
"""Airways thinner than twice this are counted with the lung."""

AIRWAY_MAX_MM = 12.0
"""The trachea is not wider than twice this."""

WALL_MM = 2.0
"""The airway's wall, which blocks do not resolve."""

LUNG_MM3 = 50_000.0
"""Less of a lung is not named."""

LUNG_MEAN_HU = (-960.0, -550.0)
"""Mean of a lung; bowel gas is emptier."""

VESSEL_MM = 6.0
"""Half the thickness of vessels that are closed over in the lung."""

ONE_SIDE = 0.2
"""A lung reaches over the middle with less than this share."""

NUMBERS = {"left lung": 1, "right lung": 2, "airway": 3}
"""Segment numbers, the same whether or not all are there."""

AIRWAY = NUMBERS["airway"]

BRIDGE_MM = (2.0, 4.0, 6.0, 8.0)
"""Half the thickness of the bridge between the lungs, tried one after the other."""


def segment_lungs(volume: Volume, *, progress: Progress = silent) -> LabelMap:
    """Find the left lung, the right lung and the large airways in CT.

    Gas within the body, on blocks of about 2 mm: airways are the narrow and empty part that hangs together with
    the trachea, lungs the large rest; where both lungs are joined in front of the aorta they are parted at
    their thinnest place. Left is where the middle of a lung lies at larger L than that of the other, or than the
    middle of the body. The border is that of the voxels at -400 HU; vessels within the lung belong to it.

    Parameters
    ----------
    volume : Volume
        In Hounsfield units, on any grid.
    progress : callable
        Told what is being done.

    Returns
    -------
    LabelMap
        Segments "left lung", "right lung" and "airway", those that are there.

    Raises
    ------
    InputError
        If the volume is not in Hounsfield units.
    EmptyResultError
        If there is no lung.
    """
    _require_ct(volume)
    body = segment_body(volume, progress=lambda _, done: progress("lungs", 0.5 * done)).labels
    coarse = coarsen(volume, BLOCK_MM, -1024.0, 200.0)
    inside = _blocks(body, coarse)
    air = ((coarse.voxels < LUNG_HU).view(np.uint8)) & inside
    airway = _airway(air, coarse)
    lungs = _sides(_large(air & (grow(airway, coarse.matrix, WALL_MM) ^ 1), coarse), inside, coarse)
    if not lungs:
        raise EmptyResultError(f"no lung: no gas in the body of {LUNG_MM3 / 1000:g} ml with the density of lung")
    progress("lungs", 0.8)
    labels = np.zeros(volume.geometry.shape, dtype=np.uint8)
    if airway.any():
        _paint(volume, coarse, airway, GAS_HU, AIRWAY, labels)
    for name, part in lungs.items():
        _paint(volume, coarse, closed(part, coarse.matrix, VESSEL_MM) | part, LUNG_HU, NUMBERS[name], labels)
    labels *= body
    progress("lungs", 1.0)
    there = [name for name in NUMBERS if name in lungs or (name == "airway" and airway.any())]
    return LabelMap(labels, volume.geometry, tuple(_segment(name) for name in there))


def segment_air(volume: Volume, *, threshold_hu: float = GAS_HU, progress: Progress = silent) -> LabelMap:
    """Find all gas within the body in CT: lungs, airways, bowel, sinuses, free gas.

    Parameters
    ----------
    volume : Volume
        In Hounsfield units, on any grid.
    threshold_hu : float
        Voxels below it are gas.
    progress : callable
        Told what is being done.

    Returns
    -------
    LabelMap
        One segment, "gas". Where the body is open to the air (nose, mouth), it ends where slices close it.

    Raises
    ------
    InputError
        If the volume is not in Hounsfield units.
    EmptyResultError
        If there is no gas.
    """
    _require_ct(volume)
    body = segment_body(volume, progress=lambda _, done: progress("gas", 0.8 * done)).labels
    # the skin's blur is no gas
    inner = shrink(body, volume.geometry.affine[:3, :3], 1.5 * max(volume.geometry.spacing_mm[1:]))
    found = inner & (volume.voxels < threshold_hu).view(np.uint8)
    progress("gas", 1.0)
    if not found.any():
        raise EmptyResultError(f"no gas: no voxel within the body below {threshold_hu:g} HU")
    name = f"gas: below {threshold_hu:g} HU within the body"
    return LabelMap(found, volume.geometry, (Segment(1, "gas", structure("gas"), "AUTOMATIC", name),))


def _segment(name: str) -> Segment:
    kind = structure("airway" if name == "airway" else "lung")
    return Segment(NUMBERS[name], name, kind, "AUTOMATIC", "lungs: gas in the body by thickness")


def _require_ct(volume: Volume) -> None:
    if not volume.is_hounsfield:
        raise InputError(f"gas is found by its Hounsfield units, but the volume's unit is {volume.unit!r}; use CT")


def _blocks(mask: Array, coarse: Coarse) -> Array:
    """Blocks that lie in the mask by half."""
    share = np.empty(coarse.voxels.shape, dtype=np.float32)
    morphology.block_mean(mask, coarse.factors, 0.0, 1.0, share)
    return (share >= 0.5).view(np.uint8)


def _airway(air: Array, coarse: Coarse) -> Array:
    """Narrow, empty and long: the trachea and the main bronchi."""
    empty = air & (coarse.voxels < AIRWAY_HU).view(np.uint8)
    tubes = opened(empty, coarse.matrix, AIRWAY_MM)
    wide = opened(tubes, coarse.matrix, AIRWAY_MAX_MM)
    tubes &= grow(wide, coarse.matrix, 2 * BLOCK_MM) ^ 1
    parts = find_components(tubes)
    if not parts.count:
        return tubes
    axis = coarse.axial_axis
    boxes = parts.boxes()
    length = (boxes[:, axis, 1] - boxes[:, axis, 0]) * np.linalg.norm(coarse.matrix[:, axis])
    keep = np.zeros(parts.count, dtype=bool)
    # the trachea is walled off: little lung or gas lies around it
    walled = _walled(parts, air, coarse)
    score = np.where(walled, length, 0.0)
    if score.max(initial=0.0) >= 30.0:
        keep[int(np.argmax(score))] = True
    return parts.mask(keep) if keep.any() else np.zeros_like(tubes)


def _walled(parts: Components, air: Array, coarse: Coarse) -> Array:
    """Whether at least half of what lies around each part is tissue."""
    result = np.zeros(parts.count, dtype=bool)
    for number in np.flatnonzero(parts.sizes * coarse.block_mm3 >= 2000.0):
        part = parts.mask(np.arange(parts.count) == number)
        rim = (grow(part, coarse.matrix, 3 * BLOCK_MM) & (grow(part, coarse.matrix, BLOCK_MM) ^ 1)).astype(bool)
        result[number] = bool(rim.any()) and float(1 - air[rim].mean()) >= 0.5
    return result


def _large(air: Array, coarse: Coarse) -> Array:
    """Large pieces with the density of lung."""
    parts = find_components(air)
    means = parts.sums(coarse.voxels) / np.maximum(parts.sizes, 1)
    lung = (means > LUNG_MEAN_HU[0]) & (means < LUNG_MEAN_HU[1])
    return parts.mask(lung & (parts.sizes * coarse.block_mm3 >= LUNG_MM3))


def _sides(lungs: Array, inside: Array, coarse: Coarse) -> dict[str, Array]:
    """Left and right lung in blocks, those that are there."""
    along_l = np.tensordot(coarse.matrix[0], np.indices(lungs.shape, dtype=np.float32), axes=1)
    left = (along_l > np.median(along_l[inside > 0])).view(np.uint8)
    cores = [*_cores(lungs, left, coarse)]
    _give_rest(lungs, cores)
    return {name: part for name, part in zip(("left lung", "right lung"), cores, strict=True) if part.any()}


def _cores(lungs: Array, left: Array, coarse: Coarse) -> tuple[Array, Array]:
    """What is surely left and right: pieces that lie on one side, once the bridge between them is broken."""
    for radius in (0.0, *BRIDGE_MM):
        parts = find_components(shrink(lungs, coarse.matrix, radius))
        shares = parts.sums(left) / np.maximum(parts.sizes, 1)
        large = parts.sizes * coarse.block_mm3 >= 0.5 * LUNG_MM3
        if large.any() and not (large & (shares > ONE_SIDE) & (shares < 1 - ONE_SIDE)).any():
            return parts.mask(large & (shares >= 0.5)), parts.mask(large & (shares < 0.5))
    return lungs & left, lungs & (left ^ 1)


def _give_rest(lungs: Array, cores: list[Array]) -> None:
    """Give what neither side has yet to the side that reaches it first."""
    near = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int64)
    rest = lungs & ((cores[0] | cores[1]) ^ 1)
    left_over = -1
    while left_over != (left_over := int(rest.sum())) and left_over:
        for n, part in enumerate(cores):
            wide = np.empty_like(part)
            morphology.dilate(part, near, wide)
            wide &= rest
            cores[n] = part | wide
            rest ^= wide


def _paint(volume: Volume, coarse: Coarse, part: Array, hu: float, number: int, labels: Array) -> None:
    """Paint a part on the volume's grid: whole inside, at its edge where the voxels are below ``hu``."""
    near = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int64)
    core, reach = np.empty_like(part), np.empty_like(part)
    morphology.erode(part, near, core)
    morphology.dilate(part, near, reach)
    morphology.paint_below(volume.voxels, hu, core, reach, coarse.factors, number, labels)
