"""36 frames of a rotating MIP, from the volume to an MP4: the same encoder for all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ours, vtk_peers
from benchmarks.ours import OURS
from benchmarks.scenes import Scene, scene

FRAMES = 36


def runs(found: Scene, size: int, frames: int = FRAMES) -> dict[str, Callable[[], Any]]:
    """Each renders a rotation and writes it; without an encoder (PyAV) the frames only."""
    cameras = [found.camera("anterior", size, n * 360.0 / frames) for n in range(frames)]

    def with_ours(draw: ours.Draw) -> Callable[[], None]:
        return lambda: encode(np.stack([draw(found, camera, size) for camera in cameras]))

    made: dict[str, Callable[[], Any]] = {OURS: with_ours(ours.mip)}
    for name, draw in ours.QUICK["mip"].items():
        made[name] = with_ours(draw)
    if vtk_peers.can_render() and found.volume.geometry.is_orthogonal:
        view = vtk_peers.VolumeView(found, size, method="mip")

        def with_vtk() -> None:
            pictures = []
            for camera in cameras:
                view.render(camera)
                pictures.append(view.pixels())
            encode(np.stack(pictures))

        made[vtk_peers.FIXED_POINT] = with_vtk
    return made


def encode(frames: np.ndarray) -> None:
    """H.264 in a file that is thrown away."""
    if not ours.has("av"):
        return
    import av

    with tempfile.TemporaryDirectory() as folder, av.open(str(Path(folder) / "cine.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.options = {"crf": "18", "preset": "fast"}
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


class Cine:
    """asv: a rotating MIP as MP4."""

    params = (["chest_cta"], [512])
    param_names = ("dataset", "size")
    timeout = 600

    def setup(self, dataset: str, size: int) -> None:
        self.runs = runs(scene(dataset), size)

    def time_prosector(self, *_params: Any) -> None:
        self.runs[OURS]()

    def time_vtk_fixed_point(self, *_params: Any) -> None:
        if vtk_peers.FIXED_POINT not in self.runs:
            raise NotImplementedError(vtk_peers.FIXED_POINT)  # asv: not applicable here
        self.runs[vtk_peers.FIXED_POINT]()
