"""Volume rendering: colour, opacity and shading by value and by structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from prosector.kernels.raycast import raycast
from prosector.kernels.rays import TILE
from prosector.model.camera import Camera, orientation_letters
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.region import Region
from prosector.model.rendering import Rendering
from prosector.model.transfer import LabelStyle, TransferFunction
from prosector.model.volume import Volume
from prosector.rendering.light import NO_LIGHT, LightVolume, cinematic_shading, light_of
from prosector.rendering.optics import UNSHADED, gloss_of, lamps_of
from prosector.rendering.rays import ray_frame, step_mm
from prosector.rendering.scene import Scene, scene_of

BATCH = 128
"""Tiles between two questions whether to go on."""


def render_volume(
    volume: Volume,
    camera: Camera,
    size: tuple[int, int],
    transfer: TransferFunction,
    *,
    labels: LabelMap | None = None,
    label_styles: Mapping[str, LabelStyle] | None = None,
    region: Region | None = None,
    cinematic: bool = False,
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Rendering:
    """Render a volume by its transfer function, front to back.

    Opacity belongs to a millimetre of material and is corrected for the length of each segment; between
    samples (half a voxel apart) the transfer function is integrated exactly, so the picture does not
    depend on where the samples fall. The gradient factor multiplies the extinction −ln(1 − opacity).
    Lights shade by Blinn and Phong with the gradient in patient space, both sides of a surface alike. A ray
    ends when less than 1/512 of its light is left, which then takes the colour seen so far. Voxels that are
    NaN or infinite are nothing.

    Parameters
    ----------
    volume : Volume
    camera : Camera
    size : (width, height)
        In pixels.
    transfer : TransferFunction
        In the volume's units.
    labels : LabelMap, optional
        On the volume's grid.
    label_styles : mapping of segment name to LabelStyle, optional
        Structures that look different from the rest; between them extinctions are blended by the
        trilinear weights of the voxels around.
    region : Region, optional
        What is shown. Box and planes cut sharply; structures have an edge that fades over two voxels.
    cinematic : bool
        Ambient occlusion and soft shadows; a key light from the upper left unless the transfer function
        has lights of its own. Slower; for stills.
    background_rgb : tuple of float
        0 to 1, seen where opacity is below 1.

    Returns
    -------
    Rendering

    Raises
    ------
    ParameterError
        If the size is out of range, or there are styles without labels.
    InputError
        If a structure is not in its label map, or a label map lies on another grid.
    """
    if cinematic:
        transfer = replace(transfer, shading=cinematic_shading(transfer.shading))
    scene = scene_of(volume, transfer, labels, label_styles, region)
    light = light_of(scene, camera) if cinematic else NO_LIGHT
    color = composited(scene, camera, size, light)
    return finished(color, camera, background_rgb)


def finished(color: Array, camera: Camera, background_rgb: tuple[float, float, float]) -> Rendering:
    """Colour times opacity, and opacity, laid over a background."""
    rgb = color[..., :3] + (1 - color[..., 3:]) * np.asarray(background_rgb, dtype=np.float32)
    pixels = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return Rendering(pixels, camera, "volume", letters=orientation_letters(camera))


def composited(
    scene: Scene,
    camera: Camera,
    size: tuple[int, int],
    light: LightVolume = NO_LIGHT,
    *,
    pace: int = 1,
    cancelled: Callable[[], bool] | None = None,
) -> Array:
    """(height, width, 4) float32: colour times opacity, and opacity, without background.

    Parameters
    ----------
    pace : int
        Samples lie so many times as far apart; 1 for stills.
    cancelled : callable, optional
        Asked between batches of tiles; once it says yes the rest stays empty.
    """
    geometry, optics, shading = scene.volume.geometry, scene.optics, scene.transfer.shading
    frame = _at_pace(ray_frame(geometry, camera, size), camera, pace)
    step = step_mm(geometry) * pace
    planes = np.empty((0, 4)) if scene.region is None else scene.region.half_spaces(geometry)
    needs_gradient = any(len(row) and np.ptp(row) for row in optics.factors) or optics.rows_per_gradient > 0
    s = shading or UNSHADED
    lit = (
        np.ascontiguousarray(geometry.inverse[:3, :3].T),
        lamps_of(shading, camera),
        gloss_of(shading, bool(needs_gradient)),
        light.shares,
    )
    numbers = (
        optics.low,
        1 / optics.bin_width,
        step,
        optics.rows_per_gradient,
        s.ambient,
        s.diffuse,
        *light.sizes,
        optics.dark,
    )
    scale = tuple(float(n) for n in numbers)
    out = np.zeros((size[1], size[0], 4), dtype=np.float32)
    tables, masks = (optics.table, optics.factors), (scene.weights, scene.styles)
    for tiles in _batches(-(-size[0] // TILE) * -(-size[1] // TILE), cancelled):
        raycast(scene.volume.voxels, scene.leap, scene.bits, frame, planes, tables, scale, lit, masks, tiles, out)
    return out


def _at_pace(frame: Array, camera: Camera, pace: int) -> Array:
    """Rays whose samples lie so many times as far apart."""
    frame[7, 0] *= pace
    if camera.is_parallel:
        frame[[3, 6]] *= pace
    return frame


def _batches(tiles: int, cancelled: Callable[[], bool] | None) -> Iterator[tuple[int, int]]:
    """Runs of tiles; without a question whether to go on, all at once."""
    size = tiles if cancelled is None else BATCH
    for first in range(0, tiles, size):
        if cancelled is not None and cancelled():
            return
        yield first, min(first + size, tiles)
