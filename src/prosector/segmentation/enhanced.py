"""Blood and organs that contrast medium has raised into the range of bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.kernels import morphology
from prosector.model.geometry import Array
from prosector.segmentation.coarse import Coarse
from prosector.segmentation.components import Components, find_components
from prosector.segmentation.mask import grow, opened

EVEN_HU = 90.0
"""Largest step from one block to the next within blood or an organ; trabecular bone is less even."""

CORE_MM = 2.6
"""An even core holds a ball of this radius."""

SMALLEST_MM3 = 300.0
"""Smaller even cores say nothing about what surrounds them."""

HIGHEST_HU = 600.0
"""Arterial blood rarely rises above this; compact bone and solid models lie above it."""

RIM_MM = 5.0
"""How far around a core its rim is looked at."""

RIM_HU = 80.0
"""What differs from the core by more than this is denser, or less dense, than it."""

DENSE_RIM = 0.1
"""Marrow has more than this share of cortex around it; blood and organs have next to none."""

WALL_MM = 4.0
"""From an even core to the edge of the vessel or organ."""

ABOVE_HU = 150.0
"""What is denser than its core by this much is bone or calcium even within the wall."""


POOL_MM3 = 5_000.0
"""An even core of this size sets the level of the blood."""

MIXING_LOW_HU = 150.0
"""Blood that contrast medium has reached at all."""

MIXING_MM = 4.0
"""Half the thickness of a chamber or vessel in which mixing is looked for."""

MIXING_SHARE = 0.8
"""Mixing blood is on average not much darker than mixed blood."""

OPEN_TO_BLOOD = 0.06
"""Share of its rim that is known blood; a vertebra meets the aorta with next to none of its surface."""

INFLOW_HU = 1500.0
"""Undiluted contrast medium on its way to the heart."""

INFLOW_MM = 3.5
"""Half the thickness over which no bone but a tooth is that dense."""


BONE_HU = 300.0
"""Bone and streaks lie above this."""

SET_IN_BONE = 0.35
"""Share of bone beyond the wall of an implant; streaks of dense contrast medium make less of it."""


@dataclass(frozen=True, eq=False)
class Enhanced:
    """What contrast medium has raised.

    Parameters
    ----------
    ceiling : (k, j, i) float32 array
        For each block the value up to which it is enhanced blood or organ; −inf where it is not.
    near : (k, j, i) uint8 array
        Blocks of enhanced blood or organ, and those beside them.
    blood_hu : float
        The brightest large pool; −inf where there is none.
    level_hu: float
        The same, or where no pool is large the mean of all even cores; −inf where there is none at all.
    """

    ceiling: Array
    near: Array
    blood_hu: float
    level_hu: float


def find_enhanced(coarse: Coarse, low_hu: float) -> Enhanced:
    """Find enhanced blood and organs.

    An even core of blood or of an enhanced organ is brighter than what surrounds it; an even core of
    marrow has cortex, which is denser, around it. So a core is taken for soft tissue when little of its
    rim is denser than itself, and more of it is less dense. Undiluted contrast medium is denser than a
    stretch of bone of that thickness ever is, and runs into the blood.
    """
    values = coarse.voxels
    step = np.empty_like(values)
    morphology.steepest(values, step)
    even = ((values >= low_hu - RIM_HU) & (values <= HIGHEST_HU) & (step < EVEN_HU)).view(np.uint8)
    cores = find_components(opened(even, coarse.matrix, CORE_MM))
    ceiling = np.full(values.shape, -np.inf, dtype=np.float32)
    sizes = cores.sizes
    means = cores.sums(values) / np.maximum(sizes, 1)
    boxes = cores.boxes()
    blood, soft = -np.inf, []
    for number in np.flatnonzero(sizes * coarse.block_mm3 >= SMALLEST_MM3):
        box = _widened(boxes[number], coarse)
        core = cores.cut(int(number), box)
        if _is_soft(core, values[box], float(means[number]), coarse.matrix):
            soft.append(number)
            wall = grow(core, coarse.matrix, WALL_MM).astype(bool)
            part = ceiling[box]
            part[wall] = np.maximum(part[wall], np.float32(means[number] + ABOVE_HU))
            if sizes[number] * coarse.block_mm3 >= POOL_MM3:
                blood = max(blood, float(means[number]))
    near = grow((ceiling > -np.inf).view(np.uint8), coarse.matrix, WALL_MM)
    _add_mixing(coarse, ceiling, near, blood)
    inflow = find_components(opened((values >= INFLOW_HU).view(np.uint8), coarse.matrix, INFLOW_MM))
    poured = grow(inflow.mask((inflow.sums(near) > 0) | _in_veins(inflow, coarse, blood)), coarse.matrix, WALL_MM)
    ceiling[poured.astype(bool)] = np.inf
    level = float(np.average(means[soft], weights=sizes[soft])) if soft else -np.inf
    return Enhanced(ceiling, near | poured, blood, blood if np.isfinite(blood) else level)


def _add_mixing(coarse: Coarse, ceiling: Array, near: Array, blood: float) -> None:
    """Raise the ceiling where blood and undiluted contrast medium mix: thick, uneven, and open to even blood."""
    values, matrix = coarse.voxels, coarse.matrix
    known = ceiling > -np.inf
    bright = ((values >= MIXING_LOW_HU) & (values > ceiling)).view(np.uint8)
    blobs = find_components(opened(bright, matrix, MIXING_MM))
    sizes, boxes = blobs.sizes, blobs.boxes()
    means = blobs.sums(values) / np.maximum(sizes, 1)
    for number in np.flatnonzero((sizes * coarse.block_mm3 >= POOL_MM3) & (means >= MIXING_SHARE * blood)):
        box = _widened(boxes[number], coarse)
        blob = blobs.cut(int(number), box)
        rim = (grow(blob, matrix, RIM_MM) & ~blob & 1).astype(bool)
        if float(known[box][rim].mean()) >= OPEN_TO_BLOOD:
            top = float(np.percentile(values[box][blob.astype(bool)], 95)) + ABOVE_HU
            wall = grow(blob, matrix, WALL_MM)
            part = ceiling[box]
            part[wall.astype(bool)] = np.maximum(part[wall.astype(bool)], np.float32(top))
            near[box] |= wall


def _in_veins(inflow: Components, coarse: Coarse, blood: float) -> Array:
    """Which of the densest pieces lie in soft tissue where there is enhanced blood: implants are set in bone."""
    found = np.zeros(inflow.count, dtype=bool)
    boxes = inflow.boxes()
    for number in range(inflow.count if np.isfinite(blood) else 0):
        box = _widened(boxes[number], coarse, 2 * WALL_MM)
        part = inflow.cut(number, box)
        shell = grow(part, coarse.matrix, 2 * WALL_MM) & (grow(part, coarse.matrix, WALL_MM) ^ 1)
        around = coarse.voxels[box][shell.astype(bool)]
        found[number] = around.size > 0 and float((around > BONE_HU).mean()) < SET_IN_BONE
    return found


def _is_soft(core: Array, values: Array, mean: float, matrix: Array) -> bool:
    rim = values[(grow(core, matrix, RIM_MM) & ~core & 1).astype(bool)]
    if rim.size == 0:
        return True
    denser = float((rim > mean + RIM_HU).mean())
    lighter = float((rim < mean - RIM_HU).mean())
    return denser <= DENSE_RIM and lighter >= 3 * denser


def _widened(box: Array, coarse: Coarse, room_mm: float = RIM_MM) -> tuple[slice, ...]:
    """A component's box with room around it."""
    margin = np.ceil(room_mm * np.linalg.norm(np.linalg.inv(coarse.matrix), axis=1)).astype(int) + 1
    return tuple(
        slice(max(0, int(first - m)), min(n, int(last + m)))
        for (first, last), m, n in zip(box, margin, coarse.voxels.shape, strict=True)
    )
