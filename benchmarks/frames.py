"""Projections, volume rendering and surfaces: steady frames, and the first of a fresh volume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import ours, vtk_peers
from benchmarks.ours import INTERACTIVE, OURS
from benchmarks.scenes import VIEWS, Scene, scene

DATASETS = ["chest_cta"]
SIZES = [256, 512, 1024]
METHODS = ("mip", "volume", "surface")
GPU_LARGEST = 512
"""The GPU mapper in software takes up to a minute for a larger picture."""

TURN_DEG = 3.0
"""Steady frames turn the volume by this, so that nobody can keep the picture."""

Runs = dict[str, Callable[[], Any]]


def peer_views(found: Scene, method: str, size: int) -> dict[str, Any]:
    """Windows of the peers that can render here."""
    if not vtk_peers.can_render() or not found.volume.geometry.is_orthogonal:
        return {}
    if method == "surface":
        return {vtk_peers.POLYDATA: vtk_peers.SurfaceView(found, size)}
    kinds = (vtk_peers.FIXED_POINT, vtk_peers.GPU) if size <= GPU_LARGEST else (vtk_peers.FIXED_POINT,)
    return {kind: vtk_peers.VolumeView(found, size, method=method, mapper=kind) for kind in kinds}


class _Turning:
    """The next camera of a turning volume, the same ones for every renderer."""

    def __init__(self, found: Scene, view: str, size: int) -> None:
        self.cameras = [found.camera(view, size, n * TURN_DEG) for n in range(12)]
        self.seen: dict[str, int] = {}

    def __call__(self, who: str) -> Any:
        n = self.seen[who] = self.seen.get(who, -1) + 1
        return self.cameras[n % len(self.cameras)]


def steady(found: Scene, method: str, size: int, view: str, views: dict[str, Any]) -> Runs:
    """Frames of a turning volume; everything that can be kept is kept."""
    turning = _Turning(found, view, size)
    runs: Runs = {OURS: lambda: ours.DRAW[method](found, turning(OURS), size)}
    for name, draw in ours.QUICK[method].items():
        runs[name] = lambda name=name, draw=draw: draw(found, turning(name), size)
    for name, window in views.items():
        runs[name] = lambda name=name, window=window: window.render(turning(name))
    return runs


def first(found: Scene, method: str, size: int, view: str, views: dict[str, Any]) -> Runs:
    """One frame of a volume of which nothing has been kept."""
    camera = found.camera(view, size)

    def load_and_render(window: Any) -> None:
        window.load()
        window.render(camera)

    runs: Runs = {OURS: lambda: ours.DRAW[method](ours.forget(found), camera, size)}
    for name, window in views.items():
        if name != vtk_peers.GPU:
            runs[name] = lambda window=window: load_and_render(window)
    return runs


def stills(found: Scene, method: str, size: int, view: str, views: dict[str, Any]) -> dict[str, Any]:
    """Pixels of each renderer, of the same camera."""
    camera = found.camera(view, size)
    made = {OURS: ours.DRAW[method](found, camera, size)}
    made |= {name: draw(found, camera, size) for name, draw in ours.QUICK[method].items()}
    for name, window in views.items():
        window.render(camera)
        made[name] = window.pixels()
    return made


class _Frames:
    """asv: steady frames of one method."""

    params = (DATASETS, SIZES, list(VIEWS))
    param_names = ("dataset", "size", "view")
    timeout = 600
    method = ""

    def setup(self, dataset: str, size: int, view: str) -> None:
        self.scene = scene(dataset)
        views = peer_views(self.scene, self.method, size)
        self.runs = steady(self.scene, self.method, size, view, views)
        self.firsts = first(self.scene, self.method, size, view, views)
        self.runs[OURS]()

    def time_prosector(self, *_params: Any) -> None:
        self.runs[OURS]()

    def time_prosector_interactive(self, *_params: Any) -> None:
        self._peer(self.runs, INTERACTIVE)

    def time_prosector_first_frame(self, *_params: Any) -> None:
        self.firsts[OURS]()

    def peakmem_prosector(self, *_params: Any) -> None:
        self.runs[OURS]()

    @staticmethod
    def _peer(runs: Runs, name: str) -> None:
        if name not in runs:
            raise NotImplementedError(name)  # asv: not applicable here
        runs[name]()


class Mip(_Frames):
    method = "mip"

    def time_vtk_fixed_point(self, *_params: Any) -> None:
        self._peer(self.runs, vtk_peers.FIXED_POINT)

    def time_vtk_gpu(self, *_params: Any) -> None:
        self._peer(self.runs, vtk_peers.GPU)


class VolumeRendering(Mip):
    method = "volume"

    def time_vtk_fixed_point_first_frame(self, *_params: Any) -> None:
        self._peer(self.firsts, vtk_peers.FIXED_POINT)


class Surface(_Frames):
    method = "surface"

    def time_vtk_polygons(self, *_params: Any) -> None:
        self._peer(self.runs, vtk_peers.POLYDATA)
