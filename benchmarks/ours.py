"""What is timed of Prosector: the functions that a user calls, from volume to finished pixels."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.scenes import Scene
from prosector import Camera, Renderer
from prosector.rendering.interactive import project_interactive, project_within
from prosector.rendering.isosurface import render_surface
from prosector.rendering.projection import project
from prosector.rendering.volume import render_volume
from prosector.surface.extract import extract_mesh

Draw = Callable[[Scene, Camera, int], np.ndarray]

OURS = "prosector"
INTERACTIVE = "prosector interactive"
SHEARED = "prosector shear-warp"


def mip(scene: Scene, camera: Camera, size: int) -> np.ndarray:
    return project(scene.volume, camera, (size, size), "mip", scene.window).pixels


def volume(scene: Scene, camera: Camera, size: int) -> np.ndarray:
    return render_volume(scene.volume, camera, (size, size), scene.transfer).pixels


def surface(scene: Scene, camera: Camera, size: int) -> np.ndarray:
    return render_surface(scene.volume, camera, (size, size), scene.level).pixels


DRAW: dict[str, Draw] = {"mip": mip, "volume": volume, "surface": surface}
"""The ``still`` tier: exact, what is archived."""


WITHIN = 25.0
"""Hounsfield units that an interactive maximum may fall short by: four grey levels of the bone window."""


def bounded_mip(scene: Scene, camera: Camera, size: int) -> np.ndarray:
    return project_within(scene.volume, camera, (size, size), "mip", WITHIN, scene.window).pixels


def sheared_mip(scene: Scene, camera: Camera, size: int) -> np.ndarray:
    return project_interactive(scene.volume, camera, (size, size), "mip", scene.window).pixels


def rough_volume(scene: Scene, camera: Camera, size: int) -> np.ndarray:
    """The first frame of a progressive renderer; what it keeps of a volume is kept with the volume."""
    return next(Renderer(scene.volume, scene.transfer).frames(camera, (size, size))).pixels


QUICK: dict[str, dict[str, Draw]] = {
    "mip": {INTERACTIVE: bounded_mip, SHEARED: sheared_mip},
    "volume": {INTERACTIVE: rough_volume},
    "surface": {},
}
"""The ``interactive`` tiers of a method."""


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
