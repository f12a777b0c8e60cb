"""A coarse copy of a volume on which whole-body decisions are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.kernels import morphology
from prosector.model.geometry import Array
from prosector.model.volume import Volume


@dataclass(frozen=True, eq=False)
class Coarse:
    """Block means of a volume.

    Parameters
    ----------
    voxels : (k, j, i) float32 array
        Mean of each block.
    factors : (3,) int64 array
        Voxels in a block along k, j and i.
    matrix : (3, 3) array
        From block index to LPS mm, without the origin.
    """

    voxels: Array
    factors: Array
    matrix: Array

    @property
    def block_mm3(self) -> float:
        """Volume of a block."""
        return abs(float(np.linalg.det(self.matrix)))

    @property
    def axial_axis(self) -> int:
        """The index axis that runs nearest to the patient's long axis: along it the table is extruded."""
        unit = self.matrix / np.linalg.norm(self.matrix, axis=0)
        return int(np.argmax(np.abs(unit[2])))


def coarsen(volume: Volume, block_mm: float, low: float, high: float) -> Coarse:
    """Average blocks of about ``block_mm`` after clipping to ``low`` … ``high``.

    Clipping keeps metal and the padding outside the circle of reconstruction from outweighing their
    neighbours.
    """
    spacing = np.array(volume.geometry.spacing_mm)
    factors = np.maximum(1, np.rint(block_mm / spacing)).astype(np.int64)
    shape = tuple(int(-(-n // f)) for n, f in zip(volume.geometry.shape, factors, strict=True))
    out = np.empty(shape, dtype=np.float32)
    morphology.block_mean(volume.voxels, factors, float(low), float(high), out)
    return Coarse(out, factors, volume.geometry.affine[:3, :3] * factors)


def refined(volume: Volume, coarse: Coarse, mask: Array, threshold: float) -> Array:
    """Bring a coarse mask to the volume's grid, with the border where the voxels cross ``threshold``.

    Blocks one step inside the mask are taken whole, blocks one step outside are judged voxel by voxel.
    """
    near = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int64)
    core, reach = np.empty_like(mask), np.empty_like(mask)
    morphology.erode(mask, near, core)
    morphology.dilate(mask, near, reach)
    out = np.empty(volume.geometry.shape, dtype=np.uint8)
    morphology.refine(volume.voxels, float(threshold), core, reach, coarse.factors, out)
    return out
