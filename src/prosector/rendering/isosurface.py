"""Shaded surfaces: the first hit of each ray with one level or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prosector.errors import ParameterError
from prosector.kernels.bricks import distances
from prosector.kernels.isosurface import first_hits
from prosector.model.camera import Camera, orientation_letters
from prosector.model.geometry import Array
from prosector.model.region import Region
from prosector.model.rendering import Rendering
from prosector.model.transfer import Shading
from prosector.model.volume import Volume
from prosector.rendering.optics import UNSHADED, lamps_of
from prosector.rendering.rays import bricks_of, checked_size, ray_frame, step_mm
from prosector.rendering.scene import soft

BONE_RGB = (0.945, 0.886, 0.745)
"""Colour of bone, the default."""

MATT = Shading(ambient=0.15, diffuse=0.75, specular=0.1, shininess=20.0)
"""Default shading: what faces the viewer stays below white, so its relief can be seen."""


@dataclass(frozen=True, slots=True)
class Isosurface:
    """One of several surfaces.

    Parameters
    ----------
    level : float
        In the volume's units; what reaches it is the object.
    color_rgb : tuple of float
        0 to 1.
    opacity : float
        0 to 1; below 1 what lies behind shines through.
    """

    level: float
    color_rgb: tuple[float, float, float] = BONE_RGB
    opacity: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.level):
            raise ParameterError(f"a surface's level is a number; found {self.level}")
        if not 0 <= self.opacity <= 1:
            raise ParameterError(f"a surface's opacity is from 0 to 1; found {self.opacity}")


def render_surface(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    level: float,
    color_rgb: tuple[float, float, float] = BONE_RGB,
    *,
    region: Region | None = None,
    shading: Shading | None = MATT,
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Rendering:
    """Render the surface of everything that reaches a level.

    The hit is refined between the two samples (half a voxel apart) that enclose it, so that the surface
    shows no steps. Where a ray enters the grid, or what a region keeps of it, inside the object, the border
    is the surface. A ray that hits nothing shows the background.

    Parameters
    ----------
    volume : Volume
    camera : Camera
    size : (width, height)
        In pixels.
    level : float
        In the volume's units; what reaches it is the object.
    color_rgb, background_rgb : tuple of float
        0 to 1.
    region : Region, optional
        What is shown; structures are bounded by their voxels' faces, smoothed.
    shading : Shading or None
        By Blinn and Phong; None gives the plain colour.

    Returns
    -------
    Rendering

    Raises
    ------
    ParameterError
        If the level is not finite or the size is out of range.
    """
    surfaces = (Isosurface(level, color_rgb),)
    return render_surfaces(
        volume, camera, size, surfaces, region=region, shading=shading, background_rgb=background_rgb
    )


def render_surfaces(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    surfaces: Sequence[Isosurface],
    *,
    region: Region | None = None,
    shading: Shading | None = MATT,
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Rendering:
    """Render several surfaces, each by its first hit, the nearer over the farther.

    Parameters are those of :func:`render_surface`. A surface is seen once on each ray, from outside; its
    far side does not shine through.

    Raises
    ------
    ParameterError
        If there are no surfaces or the size is out of range.
    """
    if not surfaces:
        raise ParameterError("at least one surface is needed")
    width, height = checked_size(size)
    depths = np.empty((len(surfaces), height, width))
    colors = np.empty((len(surfaces), height, width, 4), dtype=np.float32)
    views = view_directions(camera, size)
    for n, surface in enumerate(surfaces):
        depths[n], normals = surface_hits(volume, camera, size, surface.level, region)
        colors[n, ..., :3] = _lit(normals, views, camera, shading, surface.color_rgb) * np.float32(surface.opacity)
        colors[n, ..., 3] = surface.opacity
        colors[n, np.isnan(depths[n])] = 0
    order = np.argsort(depths, axis=0, kind="stable")
    rgb = np.zeros((height, width, 3), dtype=np.float32)
    left = np.ones((height, width, 1), dtype=np.float32)
    for nearest in order:
        color = np.take_along_axis(colors, nearest[np.newaxis, ..., np.newaxis], axis=0)[0]
        rgb += left * color[..., :3]
        left *= 1 - color[..., 3:]
    rgb += left * np.asarray(background_rgb, dtype=np.float32)
    pixels = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return Rendering(pixels, camera, "surface", letters=orientation_letters(camera))


def view_directions(camera: Camera, size: tuple[int, int]) -> Array:
    """Unit viewing directions (LPS), (height, width, 3) float32, or (1, 1, 3) where they are all the same."""
    if camera.eye_lps is None:
        return np.asarray(camera.forward_lps, dtype=np.float32)[np.newaxis, np.newaxis]
    spacing = camera.pixel_spacing_mm(size)
    right = ((np.arange(size[0]) + 0.5 - size[0] / 2) * spacing)[np.newaxis, :, np.newaxis] * camera.right_lps
    up = ((size[1] / 2 - np.arange(size[1]) - 0.5) * spacing)[:, np.newaxis, np.newaxis] * camera.up_lps
    ways = camera.center_lps - camera.eye_lps + right + up
    return np.asarray(ways / np.linalg.norm(ways, axis=2, keepdims=True), dtype=np.float32)


def _lit(
    normals: Array, views: Array, camera: Camera, shading: Shading | None, color_rgb: tuple[float, float, float]
) -> Array:
    """Colour of a surface under its lights (Blinn, 1977), (height, width, 3) float32."""
    s = shading or UNSHADED
    # a flat field gives no normal: lit as if it faced the viewer
    normals = np.where(normals.any(axis=2, keepdims=True), normals, -views)
    facing = -np.sum(normals * views, axis=2, keepdims=True)
    normals = np.where(facing < 0, -normals, normals)
    factor = np.full(3, s.ambient, dtype=np.float32)
    highlight = np.zeros(3, dtype=np.float32)
    for lamp in lamps_of(shading, camera).astype(np.float32):
        half = lamp[:3] - views
        half = half / np.maximum(np.linalg.norm(half, axis=2, keepdims=True), np.float32(1e-6))
        cosine = np.maximum(np.sum(normals * lamp[:3], axis=2, keepdims=True), 0)
        gloss = np.maximum(np.sum(normals * half, axis=2, keepdims=True), 0) ** np.float32(s.shininess)
        factor = factor + np.float32(s.diffuse) * cosine * lamp[3:]
        highlight = highlight + np.float32(s.specular) * gloss * (cosine > 0) * lamp[3:]
    return np.asarray(factor * np.asarray(color_rgb, dtype=np.float32) + highlight)


def surface_hits(
    volume: Volume, camera: Camera, size: tuple[int, int], level: float, region: Region | None = None
) -> tuple[Array, Array]:
    """Where each ray first meets the level.

    Returns
    -------
    depth_mm : (height, width) float64
        Along the ray, from the plane through the camera's center or from the eye; NaN where nothing is hit.
    normals : (height, width, 3) float32
        Unit, LPS, out of the object; zero where nothing is hit or the field is flat.
    """
    if not np.isfinite(level):
        raise ParameterError(f"a surface's level is a number; found {level}")
    geometry = volume.geometry
    frame = ray_frame(geometry, camera, size)
    planes = np.empty((0, 4)) if region is None else region.half_spaces(geometry)
    weights = soft(region.mask(geometry) if region is not None else None)
    bricks = bricks_of(volume)
    leap = np.empty(bricks.high.shape, dtype=np.uint8)
    distances(bricks.high >= np.float32(level), leap)
    to_lps = np.ascontiguousarray(geometry.inverse[:3, :3].T)
    depth = np.empty((size[1], size[0]), dtype=np.float64)
    normals = np.empty((size[1], size[0], 3), dtype=np.float32)
    first_hits(volume.voxels, weights, leap, np.float32(level), frame, planes, to_lps, depth, normals)
    return depth * step_mm(geometry), normals
