"""The rules of volume rendering with regions, structures, lights and perspective, in plain Python.

Shared with the code under test: the transfer tables, which are data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import reference

from prosector.model.camera import Camera
from prosector.model.region import Region
from prosector.model.transfer import Shading
from prosector.model.volume import Volume

Array = Any
OPAQUE = 1 / 512


def ray(camera: Camera, size: tuple[int, int], row: int, column: int) -> tuple[Array, Array]:
    """Where distances are counted from, and unit direction, LPS."""
    pixel = reference.pixel_center(camera, size, row, column)
    if camera.view_angle_deg == 0:
        return pixel, camera.forward_lps
    distance = camera.height_mm / 2 / np.tan(np.radians(camera.view_angle_deg / 2))
    eye = camera.center_lps - distance * camera.forward_lps
    return eye, (pixel - eye) / np.linalg.norm(pixel - eye)


def half_spaces(region: Region | None) -> list[tuple[Array, Array]]:
    """A point and the normal of everything that cuts; normals point to what is kept."""
    if region is None:
        return []
    kept = [(np.array(p.point_lps), np.array(p.normal_lps)) for p in region.planes]
    if region.crop_low_lps is not None:
        kept += [(np.array(region.crop_low_lps), axis) for axis in np.eye(3)]
        kept += [(np.array(region.crop_high_lps), -axis) for axis in np.eye(3)]
    return kept


def face(region: Region | None, start: Array, direction: Array, low: float) -> Array | None:
    """Normal of the cut at which a ray begins; None where it begins at the border of the grid or at the eye."""
    for point, normal in half_spaces(region):
        slope = direction @ normal
        if slope > 0 and abs(-(start - point) @ normal / slope - low) < 1e-9:
            return normal
    return None


def interval(
    volume: Volume, camera: Camera, region: Region | None, start: Array, direction: Array
) -> tuple[float, float]:
    """Part of a ray in the grid, in the region's box and planes, and in front of the eye; mm."""
    low, high = reference.interval(volume, start, direction)
    if camera.view_angle_deg > 0:
        low = max(low, 0.0)
    for point, normal in half_spaces(region):
        height, slope = (start - point) @ normal, direction @ normal
        if slope > 0:
            low = max(low, -height / slope)
        elif slope < 0:
            high = min(high, -height / slope)
        elif height < 0:
            return 0.0, -1.0
    return low, high


def soft_weights(mask: Array) -> Array:
    """Weights 0 to 255: twice the (1, 2, 1) average of the neighbourhood, rounded down."""
    padded = np.pad(mask.astype(int), 1, mode="edge")
    total = np.zeros(mask.shape, dtype=int)
    for offset in np.ndindex(3, 3, 3):
        window = tuple(slice(o, o + n) for o, n in zip(offset, mask.shape, strict=True))
        total += np.prod([(1, 2, 1)[o] for o in offset]) * padded[window]
    return np.minimum(total * 255 // 32, 255)


def lit(shading: Shading, camera: Camera, direction: Array, gradient: Array) -> tuple[Array, Array]:
    """Colour factors and highlights of Blinn and Phong."""
    size = float(np.linalg.norm(gradient))
    normal = gradient / size if size > 0 else -direction
    if normal @ direction > 0:
        normal = -normal
    factor, highlight = np.full(3, shading.ambient), np.zeros(3)
    for light in shading.lights:
        right, up, near = light.direction
        way = right * camera.right_lps + up * camera.up_lps - near * camera.forward_lps
        way = way / np.linalg.norm(way)
        half = (way - direction) / np.linalg.norm(way - direction)
        if normal @ way > 0:
            color = light.intensity * np.array(light.color)
            factor = factor + shading.diffuse * (normal @ way) * color
            highlight = highlight + shading.specular * (normal @ half) ** shading.shininess * color
    return factor, highlight


def integrals(optics: Any, style: int, ends: Array) -> Array:
    """Integrals of a style's columns between two rows."""
    rows = np.arange(optics.table.shape[1])
    return np.array([np.interp(ends[1], rows, c) - np.interp(ends[0], rows, c) for c in optics.table[style].T])


def memberships(styles: Array | None, index: Array, shape: tuple[int, ...]) -> dict[int, float]:
    """Trilinear weight of every style at a position."""
    if styles is None:
        return {0: 1.0}
    found: dict[int, float] = {}
    for at, weight in reference.corner_weights(index, shape):
        found[int(styles[at])] = found.get(int(styles[at]), 0.0) + weight
    return found


def composite(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    optics: Any,
    factors: list[Any],
    shading: Shading,
    region: Region | None = None,
    mask: Array | None = None,
    styles: Array | None = None,
) -> Array:
    """Colour times opacity, and opacity, float64; ``factors`` give each style's gradient opacity by magnitude."""
    out = np.zeros((size[1], size[0], 4))
    weights = None if mask is None else soft_weights(mask)
    step = reference.step_length(volume.geometry)
    for row, column in np.ndindex(size[1], size[0]):
        start, direction = ray(camera, size, row, column)
        low, high = interval(volume, camera, region, start, direction)
        if not low < high:
            continue
        cut = face(region, start, direction, low)
        distances = reference.knots(low, high, step)
        points = volume.geometry.to_index(start + np.outer(distances, direction))
        values = [reference.sample(volume.voxels, p) for p in points]
        color, left = np.zeros(3), 1.0
        for n in range(len(values) - 1):
            length = distances[n + 1] - distances[n]
            if np.isnan(values[n]) or np.isnan(values[n + 1]) or length == 0 or left <= OPAQUE:
                continue
            middle = (points[n] + points[n + 1]) / 2
            share = 1.0 if weights is None else reference.sample(weights, middle) / 255
            ends = np.clip((np.array(values[n : n + 2]) - optics.low) / optics.bin_width, 1, optics.table.shape[1] - 2)
            if abs(ends[1] - ends[0]) < 1:
                ends = ends.mean() + np.array([-0.5, 0.5])
            mix = memberships(styles, middle, volume.voxels.shape)
            parts = {style: weight * integrals(optics, style, ends) for style, weight in mix.items()}
            total = sum(parts.values())
            if total[0] == 0 or share == 0:
                continue
            where = float(np.clip((total[1] / total[0] - ends[0]) / (ends[1] - ends[0]), 0, 1))
            index = points[n] + where * (points[n + 1] - points[n])
            value = values[n] + where * (values[n + 1] - values[n])
            gradient = reference.gradient_lps(volume, index, value)
            magnitude = float(np.linalg.norm(gradient))
            total = sum(factors[style](magnitude) * part for style, part in parts.items())
            if total[0] == 0:
                continue
            depth = distances[n] + where * length - low
            normal = cut if cut is not None and depth < 2 * step else gradient
            factor, highlight = lit(shading, camera, direction, normal)
            alpha = left * (1 - np.exp(-total[0] / (ends[1] - ends[0]) * length * share))
            color += alpha * (total[2:] / total[0] * factor + highlight)
            left -= alpha
        out[row, column] = [*color, 1 - left] if left > OPAQUE else [*(color / (1 - left)), 1]
    return out
