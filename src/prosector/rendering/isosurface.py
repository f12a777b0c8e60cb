"""Shaded surface: the first hit of each ray with a level."""

from __future__ import annotations

import numpy as np

from prosector.errors import ParameterError
from prosector.kernels.bricks import distances
from prosector.kernels.isosurface import first_hits
from prosector.model.camera import Camera, orientation_letters
from prosector.model.geometry import Array
from prosector.model.rendering import Rendering
from prosector.model.transfer import Shading
from prosector.model.volume import Volume
from prosector.rendering.rays import bricks_of, ray_frame, step_mm

BONE_RGB = (0.945, 0.886, 0.745)
"""Colour of bone, the default."""

MATT = Shading(ambient=0.15, diffuse=0.75, specular=0.1, shininess=20.0)
"""Default shading: what faces the viewer stays below white, so its relief can be seen."""


def render_surface(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    level: float,
    color_rgb: tuple[float, float, float] = BONE_RGB,
    *,
    shading: Shading | None = MATT,
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Rendering:
    """Render the surface of everything that reaches a level.

    The hit is refined between the two samples (half a voxel apart) that enclose it, so that the surface
    shows no steps. Where a ray enters the grid inside the object, the border is the surface. A ray that
    hits nothing shows the background.

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
    shading : Shading or None
        Headlight by Blinn and Phong; None gives the plain colour.

    Returns
    -------
    Rendering

    Raises
    ------
    ParameterError
        If the level is not finite or the size is out of range.
    """
    depth, normals = surface_hits(volume, camera, size, level)
    s = shading or Shading(ambient=1.0, diffuse=0.0, specular=0.0)
    # a flat field gives no normal: lit as if it faced the viewer
    flat = ~normals.any(axis=2)
    cosine = np.where(flat, np.float32(1), np.abs(normals @ camera.forward_lps.astype(np.float32)))
    highlight = np.float32(s.specular) * cosine ** np.float32(s.shininess)
    lit = np.float32(s.ambient) + np.float32(s.diffuse) * cosine
    rgb = lit[..., np.newaxis] * np.asarray(color_rgb, dtype=np.float32) + highlight[..., np.newaxis]
    rgb[np.isnan(depth)] = background_rgb
    pixels = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return Rendering(pixels, camera, "surface", letters=orientation_letters(camera))


def surface_hits(volume: Volume, camera: Camera, size: tuple[int, int], level: float) -> tuple[Array, Array]:
    """Where each ray first meets the level.

    Returns
    -------
    depth_mm : (height, width) float64
        Along ``forward`` from the plane through the camera's center; NaN where nothing is hit.
    normals : (height, width, 3) float32
        Unit, LPS, out of the object; zero where nothing is hit or the field is flat.
    """
    if not np.isfinite(level):
        raise ParameterError(f"a surface's level is a number; found {level}")
    frame = ray_frame(volume.geometry, camera, size)
    bricks = bricks_of(volume)
    leap = np.empty(bricks.high.shape, dtype=np.uint8)
    distances(bricks.high >= np.float32(level), leap)
    to_lps = np.ascontiguousarray(volume.geometry.inverse[:3, :3].T)
    depth = np.empty((size[1], size[0]), dtype=np.float64)
    normals = np.empty((size[1], size[0], 3), dtype=np.float32)
    first_hits(volume.voxels, leap, np.float32(level), frame, to_lps, depth, normals)
    return depth * step_mm(volume.geometry), normals
