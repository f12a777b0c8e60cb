"""What is rendered: a volume with a preset, a surface level and cameras."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from prosector import Camera, Geometry, Volume, fit_camera, read_volume
from prosector.datasets.registry import fetch, registered
from prosector.errors import UnknownNameError
from prosector.model.camera import view_angles
from prosector.model.source import Source
from prosector.model.transfer import TransferFunction
from prosector.model.volume import HOUNSFIELD
from prosector.model.window import Window
from prosector.rendering import presets
from prosector.rendering.rays import step_mm

SYNTHETIC_SHAPE = (800, 512, 512)
TINY_SHAPE = (40, 48, 56)
CACHE = Path(tempfile.gettempdir()) / "prosector-bench"
OBLIQUE = "oblique"
VIEWS = ("anterior", "left", "superior", OBLIQUE)


@dataclass(frozen=True)
class Scene:
    """A volume, and how all renderers show it."""

    name: str
    volume: Volume
    transfer: TransferFunction
    window: Window
    level: float

    def camera(self, view: str, size: int, turn_deg: float = 0.0) -> Camera:
        azimuth, elevation = (35.0, 20.0) if view == OBLIQUE else view_angles(view)
        return fit_camera(self.volume.geometry, (size, size), azimuth + turn_deg, elevation)

    @property
    def step_mm(self) -> float:
        """Half of the smallest voxel spacing."""
        return step_mm(self.volume.geometry)

    def fresh(self) -> Scene:
        """The same, with a volume of which nothing has been kept."""
        return replace(self, volume=replace(self.volume))


def _scene(name: str, volume: Volume) -> Scene:
    kind = presets.modality_of(volume)
    look = presets.preset("ct-bone" if kind == "CT" else presets.default_for(kind, "volume")).resolved(volume)
    return Scene(name, volume, look.transfer, look.window_for("mip"), look.level)


@cache
def scene(name: str) -> Scene:
    """``tiny``, ``synthetic``, ``sample``, a name in the registry, or a path."""
    made: dict[str, Callable[[], Volume]] = {"tiny": tiny, "synthetic": synthetic, "sample": sample}
    if name in made:
        return _scene(name, made[name]())
    if name in registered():
        row = registered()[name]
        entry = fetch(name)
        return _scene(name, read_volume(entry, modality=row.modality if entry.is_file() else None))
    if not Path(name).exists():
        raise UnknownNameError("data set", name, [*made, *registered()])
    return _scene(Path(name).name, read_volume(Path(name)))


def sample() -> Volume:
    """The embedded pelvis phantom."""
    from prosector.datasets.sample import sample_folder

    return read_volume(sample_folder())


def tiny() -> Volume:
    """A tube of bone in a cylinder of tissue; so small that it is for trying things, not for timing them."""
    return _volume(_body(TINY_SHAPE), (4.0, 3.0, 3.0))


def synthetic() -> Volume:
    """800 slices of 512×512, 0.8×0.7×0.7 mm: body, spine, ribs, vessels, noise. Made once, kept in a temp folder."""
    kept = CACHE / "synthetic-2.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npy")
        np.save(partial, _body(SYNTHETIC_SHAPE))
        partial.replace(kept)
    return _volume(np.load(kept), (0.8, 0.7, 0.7))


def _volume(voxels: np.ndarray, spacing: tuple[float, float, float]) -> Volume:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *spacing, 1
    return Volume(voxels, Geometry(voxels.shape, affine), HOUNSFIELD, Source(modality="CT"))


def _body(shape: tuple[int, int, int]) -> np.ndarray:
    """Hounsfield units of a made-up trunk, filled slice by slice."""
    voxels = np.empty(shape, dtype=np.int16)
    random = np.random.default_rng(76377)
    y, x = np.meshgrid(np.linspace(-1, 1, shape[1]), np.linspace(-1, 1, shape[2]), indexing="ij")
    trunk = np.hypot(x / 0.85, y / 0.6)
    noise = random.normal(0, 12, (shape[1] + 64, shape[2] + 64))
    for k in range(shape[0]):
        z = k / (shape[0] - 1)
        hu = np.full(shape[1:], -1000.0)
        hu[trunk < 1] = -90
        hu[trunk < 0.9] = 45
        rib = np.abs(((z * 14 + 0.6 * np.abs(x) + 0.3 * y) % 1) - 0.5) < 0.16
        hu[(np.abs(trunk - 0.86) < 0.035) & rib] = 700
        spine = np.hypot(x / 0.16, (y - 0.36) / 0.13)
        hu[spine < 1] = 250 if (z * 22) % 1 > 0.18 else 80
        hu[(spine < 1) & (spine > 0.82)] = 900
        for n in range(5):
            cx, cy = 0.5 * np.sin(2.1 * n + 5 * z), 0.25 * np.cos(1.7 * n + 7 * z) - 0.1
            hu[np.hypot(x - cx, y - cy) < 0.03 + 0.012 * n] = 330
        dy, dx = random.integers(0, 64, 2)
        voxels[k] = np.clip(hu + noise[dy : dy + shape[1], dx : dx + shape[2]], -1024, 3071)
    return voxels
