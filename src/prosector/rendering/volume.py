"""Volume rendering: colour, opacity and shading by value."""

from __future__ import annotations

import numpy as np

from prosector.kernels.bricks import distances
from prosector.kernels.raycast import raycast
from prosector.model.camera import Camera, orientation_letters
from prosector.model.geometry import Array
from prosector.model.rendering import Rendering
from prosector.model.transfer import Shading, TransferFunction
from prosector.model.volume import Volume
from prosector.rendering.rays import Bricks, bricks_of, ray_frame, step_mm

TABLE_ROWS = 4096
"""Rows of the transfer table, over the values between the function's outermost points."""

GRADIENT_ROWS = 256
"""Rows of the gradient opacity table."""

LIGHT_ROWS = 1024
"""Rows of the table of light by angle."""

UNSHADED = Shading(ambient=1.0, diffuse=0.0, specular=0.0, shininess=1.0)


def render_volume(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    transfer: TransferFunction,
    *,
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Rendering:
    """Render a volume by its transfer function, front to back along parallel rays.

    Opacity belongs to a millimetre of material and is corrected for the length of each segment; between
    samples (half a voxel apart) the transfer function is integrated exactly, so the picture does not
    depend on where the samples fall. The gradient factor multiplies the extinction −ln(1 − opacity).
    A headlight shades by Blinn and Phong with the gradient in patient space. A ray ends when less than
    1/512 of its light is left, which then takes the colour seen so far. Voxels that are NaN or infinite are nothing.

    Parameters
    ----------
    volume : Volume
    camera : Camera
    size : (width, height)
        In pixels.
    transfer : TransferFunction
        In the volume's units.
    background_rgb : tuple of float
        0 to 1, seen where opacity is below 1.

    Returns
    -------
    Rendering

    Raises
    ------
    ParameterError
        If the size is out of range.
    """
    color = composited(volume, camera, size, transfer)
    background = np.asarray(background_rgb, dtype=np.float32)
    rgb = color[..., :3] + (1 - color[..., 3:]) * background
    pixels = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return Rendering(pixels, camera, "volume", letters=orientation_letters(camera))


def composited(volume: Volume, camera: Camera, size: tuple[int, int], transfer: TransferFunction) -> Array:
    """(height, width, 4) float32: colour times opacity, and opacity, without background."""
    geometry = volume.geometry
    frame = ray_frame(geometry, camera, size)
    table, low, bin_width = extinction_table(transfer)
    leap = empty_distances(bricks_of(volume), table[:, 0], low, bin_width)
    factors, rows_per_gradient = gradient_factors(transfer)
    scale = (low, 1 / bin_width, step_mm(geometry), rows_per_gradient)
    to_lps = np.ascontiguousarray(geometry.inverse[:3, :3].T)
    out = np.empty((size[1], size[0], 4), dtype=np.float32)
    lights = headlight_table(transfer)
    raycast(volume.voxels, leap, frame, table, scale, to_lps, camera.forward_lps, factors, lights, out)
    return out


def extinction_table(transfer: TransferFunction) -> tuple[Array, float, float]:
    """Running integrals of extinction over the values, for pre-integration.

    Returns
    -------
    table : (TABLE_ROWS, 5) float64
        Integral, in rows, of extinction per mm, extinction × row, and extinction × red, green, blue.
    low, bin_width : float
        Value of row 0 and difference between rows. One row beyond each outermost point.
    """
    points = [p[0] for p in transfer.opacity] + [p[0] for p in transfer.color]
    span = max(max(points) - min(points), 1e-3 * max(abs(max(points)), 1e-3))
    bin_width = span / (TABLE_ROWS - 3)
    low = min(points) - bin_width
    rgba = transfer.table(1.0, low, low + bin_width * (TABLE_ROWS - 1), TABLE_ROWS).astype(np.float64)
    extinction = -np.log1p(-rgba[:, 3:])
    columns = np.hstack([extinction, extinction * np.arange(TABLE_ROWS)[:, np.newaxis], extinction * rgba[:, :3]])
    table = np.zeros_like(columns)
    np.cumsum((columns[1:] + columns[:-1]) / 2, axis=0, out=table[1:])
    return table, low, bin_width


def gradient_factors(transfer: TransferFunction) -> tuple[Array, float]:
    """Gradient opacity table, (rows, 1) float64, and its rows per (value per mm)."""
    high = max((p[0] for p in transfer.gradient_opacity), default=0.0)
    if high <= 0:
        constant = transfer.gradient_opacity[-1][1] if transfer.gradient_opacity else 1.0
        return np.full((2, 1), constant, dtype=np.float64), 0.0
    table = transfer.gradient_table(high, GRADIENT_ROWS).astype(np.float64)
    return table[:, np.newaxis], (GRADIENT_ROWS - 1) / high


def headlight_table(transfer: TransferFunction) -> Array:
    """Factor for the colour and white highlight by the cosine between gradient and view (Blinn, 1977).

    Light and viewer stand in the same place, so the half vector is the viewing direction. A single row
    where neither shading nor gradient opacity needs a gradient.

    Returns
    -------
    (rows, 2) float64 array
        For cosines evenly spaced from 0 to 1.
    """
    s = transfer.shading or UNSHADED
    if transfer.shading is None and not transfer.gradient_opacity:
        return np.array([[1.0, 0.0]])
    cosine = np.linspace(0, 1, LIGHT_ROWS)
    return np.stack([s.ambient + s.diffuse * cosine, s.specular * cosine**s.shininess], axis=1)


def empty_distances(bricks: Bricks, integral: Array, low: float, bin_width: float) -> Array:
    """Distance (uint8) of every brick to the nearest one in which anything is visible."""
    top = integral.size - 1
    # two rows wider than the values: segments are looked up at least one row wide
    first = np.floor(np.clip((bricks.low - low) / bin_width, 0, top)).astype(np.int64) - 2
    last = np.ceil(np.clip((bricks.high - low) / bin_width, 0, top)).astype(np.int64) + 2
    visible = integral[np.clip(last, 0, top)] > integral[np.clip(first, 0, top)]
    visible &= bricks.low <= bricks.high
    out = np.empty(visible.shape, dtype=np.uint8)
    distances(visible, out)
    return out
