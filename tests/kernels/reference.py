"""The rules of the ray kernels, spelt out slowly in plain Python and numpy, from patient space inwards.

Nothing here is shared with the kernels except the transfer table (data): pixels are placed in LPS,
sample by sample, and taken to indices by the geometry.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from prosector.model.camera import Camera
from prosector.model.geometry import Geometry
from prosector.model.region import Region
from prosector.model.transfer import Shading
from prosector.model.volume import Volume

Array = Any


def step_length(geometry: Geometry) -> float:
    """Half of the least distance between neighbouring planes of voxels."""
    return min(1 / np.linalg.norm(geometry.inverse[axis, :3]) for axis in range(3)) / 2


def pixel_center(camera: Camera, size: tuple[int, int], row: int, column: int) -> Array:
    """LPS of a pixel's centre on the plane through the camera's center."""
    spacing = camera.height_mm / size[1]
    right = (column + 0.5 - size[0] / 2) * spacing
    up = (size[1] / 2 - row - 0.5) * spacing
    return camera.center_lps + right * camera.right_lps + up * camera.up_lps


def corner_weights(index: Array, shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], float]]:
    """The voxels around a position and their trilinear weights; the edge goes on outside."""
    inside = np.clip(index, 0, np.array(shape) - 1)
    cell = np.minimum(inside.astype(int), np.maximum(np.array(shape) - 2, 0))
    fraction = inside - cell
    found = []
    for offset in product((0, 1), repeat=3):
        weight = float(np.prod([f if o else 1 - f for o, f in zip(offset, fraction, strict=True)]))
        if weight > 0:
            found.append((tuple(int(c + o) for c, o in zip(cell, offset, strict=True)), weight))
    return found


def sample(voxels: Array, index: Array) -> float:
    """Trilinear value; NaN where less than half of the weight lies on finite voxels."""
    finite = [(float(voxels[at]), w) for at, w in corner_weights(index, voxels.shape) if np.isfinite(voxels[at])]
    weight = sum(w for _, w in finite)
    return sum(v * w for v, w in finite) / weight if weight >= 0.5 else np.nan


def voxel_slope(voxels: Array, at: tuple[int, ...], axis: int, instead: float) -> float:
    """Central difference at a voxel, one-sided at the border; voxels that are not finite count as ``instead``."""
    before, after = list(at), list(at)
    before[axis] = max(at[axis] - 1, 0)
    after[axis] = min(at[axis] + 1, voxels.shape[axis] - 1)
    if before == after:
        return 0.0
    low, high = (float(voxels[tuple(p)]) if np.isfinite(voxels[tuple(p)]) else instead for p in (before, after))
    return (high - low) / (after[axis] - before[axis])


def gradient_lps(volume: Volume, index: Array, instead: float) -> Array:
    """Gradient per mm in patient space."""
    voxels = volume.voxels
    slopes = np.zeros(3)
    for at, weight in corner_weights(index, voxels.shape):
        slopes += [weight * voxel_slope(voxels, at, axis, instead) for axis in range(3)]
    return volume.geometry.inverse[:3, :3].T @ slopes


def interval(volume: Volume, start: Array, direction: Array) -> tuple[float, float]:
    """Part of a ray, in mm, between the outer faces of the voxels."""
    origin = volume.geometry.to_index(start)
    step = volume.geometry.inverse[:3, :3] @ direction
    low, high = -np.inf, np.inf
    for axis in range(3):
        ends = (-0.5 - origin[axis], volume.voxels.shape[axis] - 0.5 - origin[axis])
        if abs(step[axis]) < 1e-12:
            if ends[0] > 0 or ends[1] < 0:
                return 0.0, -1.0
            continue
        near, far = sorted(e / step[axis] for e in ends)
        low, high = max(low, near), min(high, far)
    return low, high


def projection(volume: Volume, camera: Camera, size: tuple[int, int], method: str) -> Array:
    """Values of a projection, float64."""
    out = np.full((size[1], size[0]), np.nan)
    reduce = {"mip": np.max, "minip": np.min, "average": np.mean}[method]
    step = step_length(volume.geometry)
    for row, column in np.ndindex(*out.shape):
        start = pixel_center(camera, size, row, column)
        low, high = interval(volume, start, camera.forward_lps)
        if low > high:
            continue
        numbers = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)
        points = volume.geometry.to_index(start + np.outer(numbers * step, camera.forward_lps))
        values = np.array([sample(volume.voxels, p) for p in points])
        values = values[np.isfinite(values)]
        if values.size:
            out[row, column] = reduce(values)
    return out


def knots(low: float, high: float, step: float) -> Array:
    """The whole steps between two distances in mm, and both ends."""
    numbers = np.arange(np.floor(low / step), np.ceil(high / step) + 1)
    return np.clip(numbers * step, low, high)


def lit(shading: Shading, gradient: Array, forward: Array) -> tuple[float, float]:
    """Colour factor and highlight under a headlight."""
    size = float(np.linalg.norm(gradient))
    cosine = abs(float(gradient @ forward)) / size if size > 0 else 1.0
    return shading.ambient + shading.diffuse * cosine, shading.specular * cosine**shading.shininess


def composite(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    table: tuple[Array, float, float],
    factor_of: Any,
    shading: Shading,
) -> Array:
    """Colour times opacity, and opacity, float64; ``factor_of`` gives gradient opacity by magnitude."""
    out = np.zeros((size[1], size[0], 4))
    step = step_length(volume.geometry)
    for row, column in np.ndindex(size[1], size[0]):
        start = pixel_center(camera, size, row, column)
        low, high = interval(volume, start, camera.forward_lps)
        if not low < high:
            continue
        distances = knots(low, high, step)
        points = volume.geometry.to_index(start + np.outer(distances, camera.forward_lps))
        values = [sample(volume.voxels, p) for p in points]
        color, left = np.zeros(3), 1.0
        for n in range(len(values) - 1):
            length = distances[n + 1] - distances[n]
            if np.isnan(values[n]) or np.isnan(values[n + 1]) or length == 0 or left <= 1 / 512:
                continue
            seen = segment(table, values[n], values[n + 1])
            if seen is None:
                continue
            extinction, where, rgb = seen
            index = points[n] + where * (points[n + 1] - points[n])
            gradient = gradient_lps(volume, index, values[n] + where * (values[n + 1] - values[n]))
            factor = factor_of(float(np.linalg.norm(gradient)))
            share, highlight = lit(shading, gradient, camera.forward_lps)
            alpha = left * (1 - np.exp(-extinction * length * factor))
            color += alpha * (rgb * share + highlight)
            left -= alpha
        out[row, column] = [*color, 1 - left] if left > 1 / 512 else [*(color / (1 - left)), 1]
    return out


def segment(table: tuple[Array, float, float], before: float, after: float) -> tuple[float, float, Array] | None:
    """Mean extinction per mm, where it lies (0 to 1) and its colour, for values that change linearly."""
    integrals, first, width = table
    rows = np.arange(len(integrals))
    a, b = np.clip((np.array([before, after]) - first) / width, 1, len(rows) - 2)
    if abs(b - a) < 1:
        a, b = (a + b) / 2 - 0.5, (a + b) / 2 + 0.5
    difference = np.array([np.interp(b, rows, c) - np.interp(a, rows, c) for c in integrals.T])
    if difference[0] == 0:
        return None
    where = (difference[1] / difference[0] - a) / (b - a)
    return difference[0] / (b - a), float(np.clip(where, 0, 1)), difference[2:] / difference[0]


def first_hit(volume: Volume, camera: Camera, size: tuple[int, int], level: float) -> Array:
    """Distance in mm from the camera's plane to the first value of at least ``level``; 60 bisections."""
    out = np.full((size[1], size[0]), np.nan)
    step = step_length(volume.geometry)
    for row, column in np.ndindex(*out.shape):
        start = pixel_center(camera, size, row, column)
        low, high = interval(volume, start, camera.forward_lps)
        if not low < high:
            continue

        def reaches(distance: float, start: Array = start) -> bool:
            return sample(volume.voxels, volume.geometry.to_index(start + distance * camera.forward_lps)) >= level

        distances = knots(low, high, step)
        hits = [n for n, d in enumerate(distances) if reaches(d)]
        if hits:
            outside, inside = distances[max(hits[0] - 1, 0)], distances[hits[0]]
            for _ in range(60 if hits[0] else 0):
                middle = (outside + inside) / 2
                outside, inside = (outside, middle) if reaches(middle) else (middle, inside)
            out[row, column] = inside
    return out


def ray(camera: Camera, size: tuple[int, int], row: int, column: int) -> tuple[Array, Array, float]:
    """Start (LPS), direction, and least distance along it: a perspective ray starts at the eye."""
    place = pixel_center(camera, size, row, column)
    if camera.view_angle_deg == 0:
        return place, camera.forward_lps, -np.inf
    tangent = np.tan(np.radians(camera.view_angle_deg / 2))
    eye = camera.center_lps - camera.forward_lps * camera.height_mm / (2 * tangent)
    return eye, (place - eye) / np.linalg.norm(place - eye), 0.0


def kept(region: Region | None, volume: Volume, point: Array) -> bool:
    """Whether a region shows a point (LPS); its mask is interpolated and shows from ½."""
    if region is None:
        return True
    inside = all(np.dot(point - np.array(p.point_lps), p.normal_lps) >= 0 for p in region.planes)
    if region.crop_low_lps is not None:
        inside &= bool(np.all(point >= region.crop_low_lps) and np.all(point <= region.crop_high_lps))
    if inside and region.labels is not None:
        mask = region.mask(volume.geometry)
        inside = sample(mask, volume.geometry.to_index(point)) >= 0.5
    return inside


def samples(
    volume: Volume, camera: Camera, size: tuple[int, int], row: int, column: int, region: Region | None
) -> list[tuple[float, float]]:
    """(distance in mm, value) of the samples of a ray; NaN where it is nothing."""
    start, direction, least = ray(camera, size, row, column)
    low, high = interval(volume, start, direction)
    low = max(low, least)
    if low > high:
        return []
    step = step_length(volume.geometry)
    distances = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    points = start + distances[:, np.newaxis] * direction
    return [
        (d, sample(volume.voxels, volume.geometry.to_index(p)) if kept(region, volume, p) else np.nan)
        for d, p in zip(distances, points, strict=True)
    ]


def region_projection(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    method: str,
    region: Region | None = None,
    threshold: float = 0.0,
    drop: float = 0.0,
) -> Array:
    """Any projection in a region; ``depth`` gives the distance of the maximum in mm."""
    out = np.full((size[1], size[0]), np.nan)
    for row, column in np.ndindex(*out.shape):
        found = samples(volume, camera, size, row, column, region)
        finite = [(d, v) for d, v in found if np.isfinite(v)]
        if not finite:
            continue
        values = [v for _, v in finite]
        if method == "depth":
            out[row, column] = finite[int(np.argmax(values))][0]
        elif method == "closest":
            out[row, column] = first_peak([v for _, v in found], threshold, drop, max(values))
        elif method == "sum":
            out[row, column] = sum(values) * step_length(volume.geometry)
        else:
            out[row, column] = {"mip": np.max, "minip": np.min, "average": np.mean}[method](values)
    return out


def first_peak(values: list[float], threshold: float, drop: float, otherwise: float) -> float:
    """Greatest value from the first of at least ``threshold`` until they fall by more than ``drop``."""
    start = next((n for n, v in enumerate(values) if v >= threshold), None)
    if start is None:
        return otherwise
    best = values[start]
    for v in values[start + 1 :]:
        if not v >= best - drop:
            break
        best = max(best, v)
    return best
