"""Progressive volume rendering: rough frames at once, the still one in the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from prosector.errors import InputError
from prosector.model.camera import MAX_VIEW_ANGLE_DEG, Camera
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.region import Region
from prosector.model.rendering import INTERACTIVE, Rendering
from prosector.model.transfer import LabelStyle, TransferFunction
from prosector.model.volume import Volume
from prosector.rendering.light import NO_LIGHT, LightVolume, cinematic_shading, light_of
from prosector.rendering.rays import checked_size
from prosector.rendering.scene import Scene, scene_of
from prosector.rendering.volume import composited, finished

STAGES = ((4, 3), (2, 2))
"""Frames before the still one: pixels of so many pixels' width, and samples so many times as far apart."""

LEAST_SIDE = 32
"""Stages whose pictures would be smaller than this are left out."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a renderer shows; arguments as for :func:`prosector.rendering.volume.render_volume`."""

    transfer: TransferFunction
    labels: LabelMap | None = None
    label_styles: Mapping[str, LabelStyle] | None = None
    region: Region | None = None
    cinematic: bool = False
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Renderer:
    """A volume with everything kept that does not depend on the camera.

    Where something is seen is worked out once for a look and kept until another look is set; the light of a
    cinematic look turns with the camera and is kept for the last one.

    Parameters
    ----------
    volume : Volume
    transfer : TransferFunction
    labels, label_styles, region, cinematic, background_rgb
        As for :func:`prosector.rendering.volume.render_volume`.

    Raises
    ------
    ParameterError, InputError
        As ``render_volume`` does.
    """

    def __init__(
        self,
        volume: Volume,
        transfer: TransferFunction,
        *,
        labels: LabelMap | None = None,
        label_styles: Mapping[str, LabelStyle] | None = None,
        region: Region | None = None,
        cinematic: bool = False,
        background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        self.volume = volume
        self._cancelled = threading.Event()
        self._light: tuple[Camera, LightVolume] | None = None
        self.show(Look(transfer, labels, label_styles, region, cinematic, background_rgb))

    def show(self, look: Look) -> None:
        """Take another look, and work out where it shows something."""
        transfer = look.transfer
        if look.cinematic:
            transfer = replace(transfer, shading=cinematic_shading(transfer.shading))
        self._scene: Scene = scene_of(self.volume, transfer, look.labels, look.label_styles, look.region)
        self._look = look
        self._light = None

    def cancel(self) -> None:
        """Stop the frames under way, from any thread, within a batch of tiles; ``frames`` then ends."""
        self._cancelled.set()

    def frames(self, camera: Camera, size: tuple[int, int]) -> Iterator[Rendering]:
        """Render better and better frames of one size, the last of them still.

        The first ones are made from fewer pixels and samples, enlarged with linear blending, and are of tier
        ``interactive``; shadows and occlusion come with the still one. On a 512² picture of a chest CT they are off
        by less than 24 and 16 of 255 levels on average where anything is shown; a single pixel at an edge may be
        off by most of them. The still one has the bytes that ``render_volume`` gives. Closing the iterator, or
        :meth:`cancel`, ends it early. One camera at a time.

        Parameters
        ----------
        camera : Camera
        size : (width, height)
            In pixels.

        Raises
        ------
        ParameterError
            If the size is out of range.
        """
        width, height = checked_size(size)
        self._cancelled.clear()
        for shrink, pace in STAGES:
            small = (-(-width // shrink), -(-height // shrink))
            if min(small) < LEAST_SIDE:
                continue
            color = composited(
                self._scene, _shrunk(camera, size, small, shrink), small, pace=pace, cancelled=self._cancelled.is_set
            )
            if self._cancelled.is_set():
                return
            picture = finished(_enlarged(color, shrink, (width, height)), camera, self._look.background_rgb)
            yield replace(picture, tier=INTERACTIVE)
            if self._cancelled.is_set():
                return
        still = self._still(camera, (width, height))
        if still is not None:
            yield still

    def still(self, camera: Camera, size: tuple[int, int]) -> Rendering:
        """The still picture alone.

        Raises
        ------
        InputError
            If it was cancelled meanwhile.
        """
        self._cancelled.clear()
        picture = self._still(camera, checked_size(size))
        if picture is None:
            raise InputError("the picture was cancelled; ask for it again")
        return picture

    def _still(self, camera: Camera, size: tuple[int, int]) -> Rendering | None:
        color = composited(self._scene, camera, size, self._light_for(camera), cancelled=self._cancelled.is_set)
        return None if self._cancelled.is_set() else finished(color, camera, self._look.background_rgb)

    def _light_for(self, camera: Camera) -> LightVolume:
        if not self._look.cinematic:
            return NO_LIGHT
        if self._light is None or self._light[0] is not camera:
            self._light = (camera, light_of(self._scene, camera))
        return self._light[1]


def _shrunk(camera: Camera, size: tuple[int, int], small: tuple[int, int], shrink: int) -> Camera:
    """The camera whose pixels are ``shrink`` times as wide, around the same center and from the same eye."""
    larger = small[1] * shrink / size[1]
    half = np.tan(np.radians(camera.view_angle_deg) / 2) * larger
    angle = float(2 * np.degrees(np.arctan(half)))
    return replace(camera, height_mm=camera.height_mm * larger, view_angle_deg=min(angle, MAX_VIEW_ANGLE_DEG - 1e-9))


def _enlarged(color: Array, shrink: int, size: tuple[int, int]) -> Array:
    """The middle of the picture at ``shrink`` times its size, blended linearly between its pixels."""
    for axis, wanted in ((0, size[1]), (1, size[0])):
        count = color.shape[axis]
        at = np.clip((np.arange(wanted) + 0.5 + (count * shrink - wanted) / 2) / shrink - 0.5, 0, count - 1)
        first = np.minimum(at.astype(np.int64), max(count - 2, 0))
        share = (at - first).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        low, high = color.take(first, axis), color.take(np.minimum(first + 1, count - 1), axis)
        color = low + share * (high - low)
    return color
