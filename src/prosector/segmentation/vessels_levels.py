"""What blood and its surroundings measure, in the whole volume and locally."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from prosector.kernels import vesselness_levels as kernels
from prosector.model.geometry import Array
from prosector.model.volume import Volume
from prosector.segmentation.coarse import coarsen
from prosector.segmentation.enhanced import find_enhanced

SOFT_HU = (-30.0, 110.0)
"""Soft tissue, with or without contrast medium: the surroundings of most vessels."""

TISSUE_HU = 50.0
"""Muscle, where there is too little soft tissue to tell."""

FAT_HU = -150.0
"""What lies below is air or lung and no surroundings: a vessel's wall lies between."""

TOP_SHARE = 0.002
"""Share of the voxels most like a line, on which the level of the blood is read."""

UPPER = 80.0
"""Percentile of those voxels' values: the centres, not the borders, of lines."""

BLOCK_MM = 2.0
"""Side of the blocks on which local levels are held."""

REACH_MM = 4.0
"""Standard deviation over which local levels are averaged."""

SHALLOW = 0.01
"""Weight of a vessel's border in the level of its blood, against what lies deep in it."""

PRIOR = 0.002
"""Weight of the level of the whole volume, in blocks, against the local ones."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Values of blood and of its surroundings, and the values between which those lie."""

    blood: float
    tissue: float
    lowest: float

    @property
    def contrast(self) -> float:
        """Blood above its surroundings."""
        return self.blood - self.tissue

    def at(self, share: float) -> float:
        """The value that lies so far on the way from the surroundings to blood."""
        return self.tissue + share * self.contrast


def tissue_level(volume: Volume) -> tuple[float, float]:
    """What surrounds vessels, and the lowest value that does: CT by Hounsfield units, otherwise the median signal."""
    sample = _sample(volume)
    if volume.is_hounsfield:
        soft = sample[(sample >= SOFT_HU[0]) & (sample <= SOFT_HU[1])]
        return (float(np.median(soft)) if soft.size >= 1000 else TISSUE_HU), FAT_HU
    top = float(np.percentile(sample, 99.9)) if sample.size else 0.0
    signal = sample[sample > 0.02 * top]
    return (float(np.median(signal)) if signal.size else 0.0), -np.inf


def pool_level(volume: Volume) -> float | None:
    """The level of enhanced blood in CT: that of the brightest large even pool; None where there is none."""
    if not volume.is_hounsfield:
        return None
    pool = float(find_enhanced(coarsen(volume, BLOCK_MM, -1024.0, 3000.0), 200.0).blood_hu)
    return pool if np.isfinite(pool) else None


def line_level(volume: Volume, lines: Array, excluded: Array) -> float:
    """The level of enhanced blood: the upper part of the values where ``lines`` (Sato's measure) is largest."""
    steps = (slice(None), slice(None, None, 2), slice(None, None, 2))
    free = excluded[steps] == 0
    response, values = lines[steps][free], volume.voxels[steps][free]
    if response.size == 0:
        return -np.inf
    best = response >= max(float(np.quantile(response, 1 - TOP_SHARE)), 1e-6)
    return float(np.percentile(values[best], UPPER)) if best.any() else -np.inf


def _sample(volume: Volume) -> Array:
    step = [max(1, n // 160) for n in volume.geometry.shape]
    sample = volume.voxels[:: step[0], :: step[1], :: step[2]]
    return np.asarray(sample[np.isfinite(sample)], dtype=np.float64)


def local_fields(volume: Volume, state: Array, excluded: Array, levels: Levels) -> tuple[tuple[Array, Array], Array]:
    """Coarse fields of the local level of blood and of its surroundings, and voxels per block along (k, j, i).

    Both are averaged over some millimetres, and fall back to the level of the volume where nothing is near.
    """
    matrix = volume.geometry.affine[:3, :3]
    spacing = np.linalg.norm(matrix, axis=0)
    factors = np.maximum(1, np.rint(BLOCK_MM / spacing)).astype(np.int64)
    shape = tuple(int(-(-n // f)) for n, f in zip(volume.geometry.shape, factors, strict=True))
    sums = np.empty((4, *shape), dtype=np.float64)
    limits = np.array([levels.lowest, levels.at(0.6)])
    kernels.block_sums(volume.voxels, state, excluded, limits, factors, SHALLOW, sums)
    deviation = REACH_MM / (spacing * factors)
    wide = [gaussian_filter(s, deviation, mode="constant", truncate=3.0) for s in sums]
    prior = PRIOR * float(np.prod(factors))
    blood = (wide[0] + 0.01 * prior * levels.blood) / (wide[1] + 0.01 * prior)
    tissue = (wide[2] + prior * levels.tissue) / (wide[3] + prior)
    return (blood, tissue), factors
