"""Which test objects are measured and how their sizes and scans are drawn.

Sizes are in voxels of the scan's own grid, since that is what accuracy depends on; everything is drawn from the
seed, so that no parameter of a method can be fitted to the test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prosector.acceptance import tissues, vessels
from prosector.acceptance.measure import Measure
from prosector.acceptance.values import Drawn
from prosector.datasets.scanner import Scan
from prosector.datasets.test_objects import build_test_object

Numbers = dict[str, float]
Draw = Callable[[np.random.Generator, float], Numbers]
"""``draw(rng, voxel_mm) -> parameters`` of the kind."""


@dataclass(frozen=True)
class Case:
    """One kind of test.

    Parameters
    ----------
    name, kind : str
    needs : tuple of str
        Operations without which it is left out.
    draw : callable
    measure : callable
    noise : (low, high)
        HU.
    """

    name: str
    kind: str
    needs: tuple[str, ...]
    draw: Draw
    measure: Measure
    noise: tuple[float, float] = (5.0, 25.0)
    voxel_mm: tuple[float, float] = (0.5, 0.9)


def _pose(rng: np.random.Generator) -> Numbers:
    return {"lean_deg": float(rng.uniform(5, 60)), "azimuth_deg": float(rng.uniform(0, 360))}


def _tube(rng: np.random.Generator, voxel: float) -> Numbers:
    across = float(rng.uniform(5, 11))
    return {"diameter_mm": across * voxel, "length_mm": 40 * voxel, **_pose(rng)}


def _bent(rng: np.random.Generator, voxel: float) -> Numbers:
    sizes = {"diameter_mm": float(rng.uniform(4.5, 10)) * voxel, "bend_radius_mm": float(rng.uniform(22, 35)) * voxel}
    return {**sizes, "bend_deg": float(rng.uniform(80, 150)), **_pose(rng)}


def _narrow(rng: np.random.Generator, voxel: float) -> Numbers:
    full, least = float(rng.uniform(9, 13)), float(rng.uniform(4.2, 6.5))
    sizes = {"diameter_mm": full * voxel, "length_mm": 80 * voxel, "stenosis_length_mm": 22 * voxel}
    return {**sizes, "stenosis_percent": 100 * (1 - least / full), **_pose(rng)}


def _wide(rng: np.random.Generator, voxel: float) -> Numbers:
    sizes = {"diameter_mm": float(rng.uniform(7, 10)) * voxel, "aneurysm_mm": float(rng.uniform(18, 26)) * voxel}
    return {**sizes, "length_mm": 100 * voxel, "aneurysm_length_mm": 44 * voxel, **_pose(rng)}


def _fracture(rng: np.random.Generator, voxel: float) -> Numbers:
    return {"gap_mm": float(rng.uniform(3, 5)) * voxel, "step_mm": float(rng.uniform(1, 4))}


def _turned(rng: np.random.Generator, voxel: float) -> Numbers:
    turns = {"rotation_deg": float(rng.uniform(-10, 10)), "angulation_deg": float(rng.uniform(-8, 8))}
    return {"gap_mm": float(rng.uniform(4, 6)) * voxel, "step_mm": 1.0, **turns}


def _tumour(rng: np.random.Generator, voxel: float) -> Numbers:
    sizes = {"tumour_mm": float(rng.uniform(14, 22)) * voxel, "distance_mm": float(rng.uniform(3, 6)) * voxel}
    return {**_tube(rng, voxel), **sizes}


def _sleeve(rng: np.random.Generator, voxel: float) -> Numbers:
    sizes = {"tumour_mm": 9 * voxel, "contact_mm": float(rng.uniform(14, 22)) * voxel}
    wide = {"diameter_mm": float(rng.uniform(9, 13)) * voxel}
    return {**_tube(rng, voxel), **wide, **sizes, "encasement_deg": float(rng.uniform(60, 300))}


def _joint(rng: np.random.Generator, voxel: float) -> Numbers:
    return {"head_mm": 26 * voxel, "gap_mm": float(rng.uniform(3, 4)) * voxel, "wall_mm": 7 * voxel, **_pose(rng)}


def _balls(rng: np.random.Generator, voxel: float) -> Numbers:
    sizes = {"smallest_mm": 8 * voxel, "largest_mm": float(rng.uniform(14, 20)) * voxel}
    return {**sizes, "count": 3.0, "gap_mm": 6 * voxel, **_pose(rng)}


def _beside(rng: np.random.Generator, voxel: float) -> Numbers:
    return {**_tube(rng, voxel), "bone_mm": 24 * voxel, "cortex_mm": 5 * voxel, "distance_mm": 3.5 * voxel}


_ALONG = ("segment-vessels", "centerline")

CASES = (
    Case("straight vessel", "tube", (*_ALONG, "measure-vessel"), _tube, vessels.measure_diameters),
    Case("bent vessel", "bent-tube", (*_ALONG, "measure-vessel"), _bent, vessels.measure_diameters),
    Case("stenosis", "stenosis", (*_ALONG, "measure-stenosis"), _narrow, vessels.measure_stenosis),
    Case("aneurysm", "fusiform", (*_ALONG, "measure-aneurysm"), _wide, vessels.measure_aneurysm),
    Case("volume of a vessel", "tube", ("segment-vessels", "measure-segments"), _tube, tissues.measure_vessel_volume),
    Case(
        "fracture",
        "fracture",
        ("segment-bone", "segment-fragments", "measure-fragments"),
        _fracture,
        tissues.measure_fracture,
        voxel_mm=(0.6, 0.9),
    ),
    Case(
        "displaced fragment",
        "fracture",
        ("measure-fragments",),
        _turned,
        tissues.measure_given_fragments,
        voxel_mm=(0.6, 0.9),
    ),
    Case(
        "tumour and vessel",
        "tumour",
        ("segment-lesion", "segment-vessels", "measure-distance", "measure-segments"),
        _tumour,
        tissues.measure_lesion,
    ),
    Case("bone and vessel", "bone-vessel", ("measure-distance",), _beside, tissues.measure_given_distance),
    Case("joint space", "joint", ("measure-distance",), _joint, tissues.measure_given_distance),
    Case("encased vessel", "encasement", ("centerline", "measure-encasement"), _sleeve, tissues.measure_encasement),
    Case("balls", "balls", ("measure-segments",), _balls, tissues.measure_balls),
)
"""All tests, in the order of the report."""


def draw_case(case: Case, seed: int, number: int) -> Drawn:
    """Scan the ``number``-th object of a case."""
    rng = np.random.default_rng([seed, number, *case.name.encode()])
    pixel = float(rng.uniform(*case.voxel_mm))
    ratio = float(rng.uniform(1.0, 1.8))
    tilt = float(rng.uniform(4, 20)) if rng.random() < 0.35 else 0.0
    voxel = pixel * ratio ** (1 / 3)
    scan = Scan(
        spacing_mm=(pixel * ratio, pixel, pixel),
        orientation="axial-downwards" if rng.random() < 0.3 else "axial",
        tilt_deg=tilt,
        noise=float(rng.uniform(*case.noise)),
        blur_mm=pixel * float(rng.uniform(0.9, 1.4)),
        seed=int(rng.integers(2**31)),
    )
    phantom = build_test_object(case.kind, scan, **case.draw(rng, voxel))
    words = f"{case.name} {number}: {pixel * ratio:.2f} × {pixel:.2f} × {pixel:.2f} mm, noise {scan.noise:.0f} HU"
    return Drawn(phantom, words + (f", tilt {tilt:.0f}°" if tilt else ""))
