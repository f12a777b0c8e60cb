"""The light volume: how open every place is, and how much of the key light reaches it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prosector.kernels.light import coarse_extinction, spread_light
from prosector.model.camera import Camera
from prosector.model.geometry import Array
from prosector.model.transfer import Light, Shading
from prosector.rendering.optics import lamps_of
from prosector.rendering.scene import Scene

COARSENESS = 2.0
"""Side of a cell, in least distances between voxel planes."""

MOST_CELLS = 5_000_000
"""Cells grow where there would be more."""

WAYS_AROUND = 24
"""Directions over the sphere in which openness is measured."""

OPEN_MM = 25.0
"""What lies farther away does not darken."""

CONE_WAYS = 7
CONE_DEG = 7.0
"""Half angle of the key light: its shadows are soft."""

SHADOW_MM = 220.0
"""What lies farther away casts no shadow."""

FAINT = 0.03
"""Where nothing around has more extinction per mm, light is not measured: haze takes all of it."""

GROWTH = 1.12
"""Each stretch of a way is so much longer than the one before."""

KEY = Light((-0.55, 0.65, 0.75), (1.0, 0.97, 0.92), 0.95)
FILL = Light((0.35, 0.1, 1.0), (0.85, 0.92, 1.0), 0.3)


@dataclass(frozen=True, eq=False)
class LightVolume:
    """Shares of ambient and key light, (k, j, i, 2) uint8, in cells of ``sizes`` voxels."""

    shares: Array
    sizes: tuple[int, int, int]


NO_LIGHT = LightVolume(np.full((1, 1, 1, 2), 255, dtype=np.uint8), (1, 1, 1))
"""Everything arrives everywhere."""


def cinematic_shading(shading: Shading | None) -> Shading:
    """A key light from the upper left and a weak fill light, unless there are lights of its own."""
    s = shading or Shading()
    if s.lights != (Light(),):
        return s
    return replace(s, ambient=0.34, diffuse=0.95 * s.diffuse, lights=(KEY, FILL))


def light_of(scene: Scene, camera: Camera) -> LightVolume:
    """Measure the light in a scene, seen from a camera: the lights turn with it."""
    geometry = scene.volume.geometry
    planes = 1 / np.linalg.norm(geometry.inverse[:3, :3], axis=1)
    side = COARSENESS * planes.min()
    side *= max(1.0, (np.prod(np.array(geometry.shape) / np.maximum(side / planes, 1)) / MOST_CELLS) ** (1 / 3))
    k, j, i = (max(1, round(float(side / p))) for p in planes)
    sizes = (k, j, i)
    extinction = np.empty([-(-n // s) for n, s in zip(geometry.shape, sizes, strict=True)], dtype=np.float32)
    optics = scene.optics
    scale = (optics.low, 1 / optics.bin_width)
    coarse_extinction(scene.volume.voxels, scene.weights, scene.styles, optics.table, scale, sizes, extinction)
    if scene.region is not None:
        _cut(extinction, scene.region.half_spaces(geometry), sizes)
    # a step is as long as the longest side of a cell, so that the first one leads out of a surface's own cell
    step = float((planes * sizes).max())
    lamp = lamps_of(scene.transfer.shading, camera)[0, :3]
    to_cells = geometry.inverse[:3, :3] * step / np.array(sizes)[:, np.newaxis]
    around = np.ascontiguousarray(_sphere(WAYS_AROUND) @ to_cells.T)
    cone = np.ascontiguousarray(_cone(lamp) @ to_cells.T)
    shares = np.empty((*extinction.shape, 2), dtype=np.uint8)
    wanted = _near(extinction > FAINT)
    spread_light(
        extinction, wanted, around, _stretches(OPEN_MM / step), cone, _stretches(SHADOW_MM / step), step, shares
    )
    return LightVolume(_blurred(shares), sizes)


def _cut(extinction: Array, half_spaces: Array, sizes: tuple[int, int, int]) -> None:
    """Empty the cells whose centres a region cuts off: what is not shown casts no shadow."""
    k, j, i = ((np.arange(n) + 0.5) * s - 0.5 for n, s in zip(extinction.shape, sizes, strict=True))
    for a, b, c, d in half_spaces:
        across = (b * j)[:, np.newaxis] + (c * i)[np.newaxis] + d
        for n, height in enumerate(a * k):
            extinction[n, across + height < 0] = 0


def _near(seen: Array) -> Array:
    """Cells within two of a seen one along each axis: one for sampling between cells, one for blurring."""
    for axis in range(3):
        padded = np.pad(seen, [(2, 2) if a == axis else (0, 0) for a in range(3)])
        count = seen.shape[axis]
        seen = np.logical_or.reduce([padded.take(np.arange(n, n + count), axis) for n in range(5)])
    return seen


def _blurred(shares: Array) -> Array:
    """Weighted (1, 2, 1)/4 along each axis: single cells do not show as stripes."""
    for axis in range(3):
        padded = np.pad(shares, [(1, 1) if a == axis else (0, 0) for a in range(4)], mode="edge").astype(np.uint16)
        count = shares.shape[axis]
        low, middle, high = (padded.take(np.arange(n, n + count), axis) for n in range(3))
        shares = ((low + 2 * middle + high + 2) // 4).astype(np.uint8)
    return shares


def _stretches(steps: float) -> Array:
    """Lengths, growing, that come to at least so many steps."""
    lengths = [1.0]
    while sum(lengths) < steps:
        lengths.append(lengths[-1] * GROWTH)
    return np.array(lengths)


def _sphere(count: int) -> Array:
    """Directions evenly over the sphere: a Fibonacci spiral."""
    n = np.arange(count)
    z = 1 - (2 * n + 1) / count
    turn = n * np.pi * (3 - np.sqrt(5))
    across = np.sqrt(1 - z * z)
    return np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=1)


def _cone(axis: Array) -> Array:
    """The axis and a ring of directions around it."""
    first = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    first = first / np.linalg.norm(first)
    second = np.cross(axis, first)
    turns = np.arange(CONE_WAYS - 1) * 2 * np.pi / (CONE_WAYS - 1)
    ring = np.outer(np.cos(turns), first) + np.outer(np.sin(turns), second)
    tilted = np.cos(np.radians(CONE_DEG)) * axis + np.sin(np.radians(CONE_DEG)) * ring
    return np.vstack([axis, tilted])
