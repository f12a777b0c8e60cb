"""Arteries and veins too thin for blocks, followed from the large vessels on the full grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from prosector.kernels import bone as kernels
from prosector.kernels import morphology
from prosector.model.geometry import Array
from prosector.model.volume import Volume
from prosector.segmentation.coarse import Coarse
from prosector.segmentation.components import find_components
from prosector.segmentation.enhanced import ABOVE_HU, Enhanced
from prosector.segmentation.mask import ball_offsets

DARKEST = 0.65
"""Blood in a side branch keeps this share of the brightness of the large vessels."""

CORE_MM = 1.0
"""The blood of a vessel is even over a ball of this radius; the ramp from cortex to muscle is not."""

ROUND_MM = 10.0
"""Side of the box in which a vessel's surroundings are looked at."""

DENSER_ROUND = 0.15
"""Share of denser voxels around a vessel that runs along bone; inside bone there is more."""

DARKER = 0.45
"""Unenhanced tissue lies below this share of the blood's brightness."""

DARKER_ROUND = 0.4
"""Share of unenhanced tissue around a thin vessel; inside spongy bone there is less."""

SAME = (0.8, 100.0)
"""Where bone lies around a vessel or encloses it, its blood is no darker than this share of that of the large
vessels, and no more than so many HU brighter, over a pixel and its neighbours: spongy bone that hangs together
with blood is mostly darker."""

EDGE_MM = 2.2
"""From the even core to where the vessel's edge has faded: the core's own radius and the blur."""


@dataclass(frozen=True, eq=False)
class Lumen:
    """Enhanced blood on the volume's grid.

    Parameters
    ----------
    core : (k, j, i) uint8 array
        Sure of blood; nothing where there is no contrast medium.
    near : (k, j, i) uint8 array
        The core with its edge.
    top_hu : float
        What is denser than this is no blood.
    """

    core: Array
    near: Array
    top_hu: float


def find_lumen(volume: Volume, coarse: Coarse, enhanced: Enhanced, low_hu: float) -> Lumen | None:
    """Follow enhanced blood from the large vessels into their branches.

    A voxel belongs to a branch when it and its neighbours have the brightness of the blood and it hangs
    together with a large vessel. The less strict bounds of brightness hold where most of what lies around is
    unenhanced and little is denser.

    Parameters
    ----------
    volume : Volume
        In Hounsfield units.
    coarse : Coarse
        Its blocks.
    enhanced : Enhanced
        Large vessels in blocks.
    low_hu : float
        Darker blood is not mistaken for bone and not looked for.

    Returns
    -------
    Lumen or None
        None where no blood is brighter than ``low_hu``.
    """
    level = enhanced.level_hu
    if not level >= low_hu:
        return None
    matrix = volume.geometry.affine[:3, :3]
    low, top = DARKEST * level, level + ABOVE_HU
    known = (enhanced.ceiling > -np.inf) & (enhanced.ceiling < np.inf)
    allowed = known | _open_round(volume, coarse, DARKER * level, top)
    core, same = (np.empty(volume.geometry.shape, dtype=np.uint8) for _ in range(2))
    around, cross = with_neighbours(ball_offsets(matrix, CORE_MM)), with_neighbours(ball_offsets(matrix, 0.0))
    kernels.plateau(volume.voxels, low, top, around, allowed.view(np.uint8), coarse.factors, core)
    everywhere = np.ones(allowed.shape, dtype=np.uint8)
    kernels.plateau(volume.voxels, SAME[0] * level, level + SAME[1], cross, everywhere, coarse.factors, same)
    core |= same
    pieces = find_components(core, full=True)
    core = pieces.mask(pieces.count_in_blocks(known.view(np.uint8), coarse.factors) > 0)
    near = np.empty_like(core)
    morphology.dilate(core, with_neighbours(ball_offsets(matrix, EDGE_MM)), near)
    return Lumen(core, near, top)


def _open_round(volume: Volume, coarse: Coarse, dark: float, dense: float) -> Array:
    """Blocks with enough unenhanced and little dense tissue around them."""
    darker, denser = np.empty_like(coarse.voxels), np.empty_like(coarse.voxels)
    kernels.block_shares(volume.voxels, dark, dense, coarse.factors, darker, denser)
    spacing = np.linalg.norm(coarse.matrix, axis=0)
    size = [2 * int(np.rint(ROUND_MM / 2 / s)) + 1 for s in spacing]
    for share in (darker, denser):
        uniform_filter(share, size, output=share, mode="nearest")
    return np.asarray((darker >= DARKER_ROUND) & (denser <= DENSER_ROUND))


def with_neighbours(offsets: Array) -> Array:
    """The offsets with the next voxels in the slice, however large the voxels are."""
    cross = np.array([[0, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    return np.ascontiguousarray(np.unique(np.concatenate([offsets, cross]), axis=0), dtype=np.int64)
