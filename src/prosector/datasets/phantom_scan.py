"""Scanning a scene of layers: partial volume, blur and noise as a CT would have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from prosector.datasets.phantom_layers import AIR_HU, Layer
from prosector.datasets.shapes import FAR, Points, boxes_of
from prosector.model.geometry import Array, Geometry
from prosector.model.progress import Progress, silent

BRICK_MM = 16.0
BRICK_VOXELS = 6
"""Least side of a brick; each brick is painted only with the layers that reach it."""


@dataclass(frozen=True)
class Scanner:
    """How the picture of the scene degrades.

    ``subsamples`` per voxel axis are averaged wherever a tissue boundary crosses; ``blur_mm`` is the
    Gaussian's full width at half maximum; ``noise_hu`` the noise in the middle of the patient.
    """

    noise_hu: float = 12.0
    blur_mm: float = 3.4
    subsamples: int = 3
    seed: int = 1


def _paint(layers: Sequence[Layer], points: Points) -> tuple[Array, Array, Array]:
    """Hounsfield units, labels, and distance from the nearest boundary."""
    hu = np.full(len(points.xyz), AIR_HU)
    labels = np.zeros(len(points.xyz), dtype=np.uint8)
    edge = np.full(len(points.xyz), FAR)
    for layer in layers:
        paint = layer.paint(points)
        if not paint.covered.any():
            edge = np.minimum(edge, paint.edge)
            continue
        hu[paint.covered] = paint.hu[paint.covered]
        # what is painted over hides the boundaries below it
        edge = np.where(paint.covered & (paint.edge >= edge), np.minimum(FAR, paint.edge), np.minimum(edge, paint.edge))
        if layer.label:
            labels[paint.covered] = layer.label
    return hu, labels, edge


def _bricks(geometry: Geometry) -> Iterator[tuple[slice, slice, slice]]:
    dk, dj, di = (max(BRICK_VOXELS, round(BRICK_MM / s)) for s in geometry.spacing_mm)
    for k in range(0, geometry.shape[0], dk):
        for j in range(0, geometry.shape[1], dj):
            for i in range(0, geometry.shape[2], di):
                yield slice(k, k + dk), slice(j, j + dj), slice(i, i + di)


def sample(
    layers: Sequence[Layer], geometry: Geometry, subsamples: int, progress: Progress = silent
) -> tuple[Array, Array]:
    """Exact Hounsfield units averaged over each voxel, and the label at its centre.

    Returns
    -------
    float32 and uint8 arrays of the geometry's shape (k, j, i)
    """
    hu = np.empty(geometry.shape, dtype=np.float32)
    labels = np.empty(geometry.shape, dtype=np.uint8)
    steps = (np.arange(subsamples) + 0.5) / subsamples - 0.5
    inner = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    inner = inner @ geometry.affine[:3, :3].T
    reach = float(np.linalg.norm(np.abs(geometry.affine[:3, :3]).sum(axis=1))) / 2
    boxes = boxes_of([layer.shape for layer in layers])
    for brick in _bricks(geometry):
        block = hu[brick]
        index = np.indices(block.shape).reshape(3, -1).T + [s.start for s in brick]
        xyz = geometry.to_lps(index)
        coarse = Points.of(xyz)
        present = [layers[n] for n in coarse.near(boxes)]
        values, names, edge = _paint(present, coarse)
        mixed = np.flatnonzero(edge < reach)
        if subsamples > 1 and len(mixed):
            fine = (xyz[mixed, None, :] + inner).reshape(-1, 3)
            values[mixed] = _paint(present, Points.of(fine))[0].reshape(len(mixed), -1).mean(axis=1)
        hu[brick] = values.reshape(block.shape)
        labels[brick] = names.reshape(block.shape)
        if brick[1].start == brick[2].start == 0:
            progress("scanning the phantom", brick[0].start / geometry.shape[0])
    return hu, labels


def degrade(hu: Array, labels: Array, geometry: Geometry, scanner: Scanner, first_slice: int = 0) -> Array:
    """Blur, add noise and round to int16, as the scanner's reconstruction would.

    Noise is drawn slice by slice from (seed, slice number), correlated in the plane as a soft kernel
    leaves it, weaker outside the patient and towards the skin. ``first_slice`` is the number of the first
    slice where only a part of a scan is made.
    """
    sigma = scanner.blur_mm / 2.3548
    blurred = gaussian_filter(hu, [sigma / s for s in geometry.spacing_mm], mode="nearest", truncate=3.0)
    inside = (labels > 0).astype(np.float32)
    depth = gaussian_filter(inside, [0, *(22.0 / s for s in geometry.spacing_mm[1:])], mode="constant")
    strength = scanner.noise_hu * (0.35 + 0.65 * np.clip(depth, 0, 1) ** 1.5)
    for k in range(len(blurred)):
        white = np.random.default_rng([scanner.seed, first_slice + k]).standard_normal(blurred.shape[1:])
        soft = gaussian_filter(white, 0.55, mode="wrap")
        blurred[k] += (soft / soft.std()) * strength[k]
    return np.asarray(np.clip(np.rint(blurred), -1024, 3071).astype(np.int16))
