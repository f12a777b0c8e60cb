"""Distance fields and centrelines beside SciPy and scikit-image.

``python -m benchmarks.centerlines``, on a winding vessel of 16 mm in a grid of 160×256×256 voxels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.ours import OURS
from benchmarks.timing import alternate, medians
from prosector.kernels.distance_field import distance_field
from prosector.measurement.centerline import find_tree
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure

SHAPE, SPACING = (160, 256, 256), (1.0, 0.7, 0.7)
RADIUS_MM = 8.0


def synthetic() -> LabelMap:
    """A winding tube."""
    k, j, i = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in SHAPE), indexing="ij")
    away = np.hypot((j - 128 - 50 * np.sin(k / 25)) * SPACING[1], (i - 128 - 40 * np.cos(k / 30)) * SPACING[2])
    lumen = Segment(1, "lumen", structure("vessel lumen"))
    return LabelMap((away < RADIUS_MM).astype(np.uint8), Geometry(SHAPE, np.diag([*SPACING, 1.0])), (lumen,))


def distance_runs(labels: LabelMap) -> dict[str, Callable[[], Any]]:
    """Each fills the distance field of the whole grid."""
    mask, spacing = np.ascontiguousarray(labels.mask()), labels.geometry.spacing_mm
    out = np.empty(mask.shape, dtype=np.float32)
    runs: dict[str, Callable[[], Any]] = {
        OURS: lambda: distance_field(mask, np.array(spacing), out),
        "scipy distance_transform_edt": lambda: ndimage.distance_transform_edt(mask, spacing),
    }
    try:
        import edt
    except ImportError:
        return runs
    runs["edt"] = lambda: edt.edt(mask, anisotropy=spacing, parallel=2)
    return runs


def line_runs(labels: LabelMap) -> dict[str, Callable[[], Any]]:
    """Ours finds the ends and refines; the peers are given the box, and the ends where they need them."""
    mask = labels.mask()
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    part = np.pad(mask[box], 1)
    spacing = labels.geometry.spacing_mm
    depth = ndimage.distance_transform_edt(part, spacing)
    ends = [np.unravel_index(int(np.where(level, depth, -1).argmax()), part.shape) for level in _caps(part)]

    def route() -> Any:
        from skimage.graph import MCP_Geometric

        inner = ndimage.distance_transform_edt(part, spacing)
        cost = np.where(part, 1 / np.maximum(inner, 1e-3) ** 2, -1.0)
        search = MCP_Geometric(cost, sampling=spacing)
        search.find_costs([ends[0]])
        return search.traceback(ends[1])

    def skeleton() -> Any:
        from skimage.morphology import skeletonize

        return skeletonize(part)

    return {
        OURS: lambda: find_tree(labels),
        "scipy edt + skimage MCP_Geometric": route,
        "skimage skeletonize": skeleton,
    }


def _caps(part: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """The first and the last slice that the lumen reaches."""
    levels = np.flatnonzero(part.any(axis=(1, 2)))
    index = np.arange(len(part))[:, None, None]
    return [np.broadcast_to(index == levels[n], part.shape) & part for n in (0, -1)]


class Centerlines:
    """asv: the tree of a winding vessel."""

    params = (["winding tube"],)
    param_names = ("vessel",)
    timeout = 600

    def setup(self, _vessel: str) -> None:
        self.labels = synthetic()
        find_tree(self.labels)

    def time_prosector(self, _vessel: str) -> None:
        find_tree(self.labels)

    def peakmem_prosector(self, _vessel: str) -> None:
        find_tree(self.labels)


def main() -> None:
    """Print medians in milliseconds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.centerlines", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    labels = synthetic()
    for what, runs in (("distance field", distance_runs(labels)), ("centreline", line_runs(labels))):
        for who, seconds in medians(alternate(runs, asked.rounds)).items():
            print(f"{what}, {who}: {seconds * 1000:.0f} ms")


if __name__ == "__main__":
    main()
