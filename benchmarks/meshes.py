"""Isosurfaces as triangles with normals; and the floor, one pass over the voxels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import ours, vtk_peers
from benchmarks.ours import OURS
from benchmarks.scenes import Scene, scene

FLYING_EDGES = "vtkFlyingEdges3D"
SKIMAGE = "skimage marching_cubes"
MCUBES = "PyMCubes (no normals)"


def runs(found: Scene) -> dict[str, Callable[[], tuple[int, int]]]:
    """Each extracts anew at each call and returns the numbers of vertices and triangles."""
    voxels, level = found.volume.voxels, found.level

    def skimage() -> tuple[int, int]:
        from skimage.measure import marching_cubes

        vertices, faces, _normals, _values = marching_cubes(voxels, level, spacing=found.volume.geometry.spacing_mm)
        return len(vertices), len(faces)

    def mcubes() -> tuple[int, int]:
        from mcubes import marching_cubes

        vertices, faces = marching_cubes(voxels, level)
        return len(vertices), len(faces)

    made: dict[str, Callable[[], tuple[int, int]]] = {OURS: lambda: ours.mesh(found)}
    made[FLYING_EDGES] = vtk_peers.flying_edges_run(found)
    made[SKIMAGE] = skimage
    if ours.has("mcubes"):
        made[MCUBES] = mcubes
    return made


def floor(found: Scene) -> dict[str, Callable[[], Any]]:
    """One pass over the voxels at memory speed, on one core."""
    return {"numpy.max, one core": lambda: np.max(found.volume.voxels)}


class Mesh:
    """asv: isosurface with normals."""

    params = (["chest_cta"],)
    param_names = ("dataset",)
    timeout = 600

    def setup(self, dataset: str) -> None:
        self.scene = scene(dataset)
        self.runs = runs(self.scene)
        self.runs[OURS]()

    def time_prosector(self, _dataset: str) -> None:
        self.runs[OURS]()

    def time_vtk_flying_edges(self, _dataset: str) -> None:
        self.runs[FLYING_EDGES]()

    def time_skimage(self, _dataset: str) -> None:
        self.runs[SKIMAGE]()

    def time_pymcubes(self, _dataset: str) -> None:
        if MCUBES not in self.runs:
            raise NotImplementedError(MCUBES)  # asv: not applicable here
        self.runs[MCUBES]()

    def time_floor(self, _dataset: str) -> None:
        np.max(self.scene.volume.voxels)

    def peakmem_prosector(self, _dataset: str) -> None:
        self.runs[OURS]()
