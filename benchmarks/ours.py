"""What is timed of Prosector: the functions that a user calls, from volume to finished pixels."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.scenes import Scene
from prosector import Camera, Rendering
from prosector.rendering.isosurface import render_surface
from prosector.rendering.projection import project
from prosector.rendering.volume import render_volume
from prosector.surface.extract import extract_mesh

Draw = Callable[[Scene, Camera, int], np.ndarray]

OURS = "prosector"
INTERACTIVE = "prosector interactive"


def mip(scene: Scene, camera: Camera, size: int) -> np.ndarray:
    return project(scene.volume, camera, (size, size), "mip", scene.window).pixels


def volume(scene: Scene, camera: Camera, size: int) -> np.ndarray:
    return render_volume(scene.volume, camera, (size, size), scene.transfer).pixels


def surface(scene: Scene, camera: Camera, size: int) -> np.ndarray:
    return render_surface(scene.volume, camera, (size, size), scene.level).pixels


DRAW: dict[str, Draw] = {"mip": mip, "volume": volume, "surface": surface}
"""The ``still`` tier: exact, what is archived."""


def interactive(method: str) -> Draw | None:
    """The quick tier of a method, where there is one."""
    functions = {"mip": project, "volume": render_volume, "surface": render_surface}
    if "tier" not in inspect.signature(functions[method]).parameters:
        return None

    def draw(scene: Scene, camera: Camera, size: int) -> np.ndarray:
        made: Rendering
        if method == "mip":
            made = project(scene.volume, camera, (size, size), "mip", scene.window, tier="interactive")
        elif method == "volume":
            made = render_volume(scene.volume, camera, (size, size), scene.transfer, tier="interactive")
        else:
            made = render_surface(scene.volume, camera, (size, size), scene.level, tier="interactive")
        return made.pixels

    return draw


def mesh(scene: Scene) -> tuple[int, int]:
    """Vertices and triangles, with normals, open at the border as the peers leave it."""
    found = extract_mesh(scene.volume, scene.level, closed=False)
    return len(found.vertices_lps), len(found.faces)


def forget(scene: Scene) -> Scene:
    """A scene whose volume is new to Prosector."""
    return replace(scene, volume=replace(scene.volume))


def has(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True
