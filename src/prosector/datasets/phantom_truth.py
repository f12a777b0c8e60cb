"""What is true of the pelvis phantom, from its formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from prosector.datasets.phantom_bones import DISC_CENTERS, HEAD_CENTER, duverney
from prosector.datasets.phantom_vessels import (
    ANEURYSM_DIAMETER_MM,
    Arteries,
    arteries,
    lesion,
    surface_points,
)
from prosector.datasets.shapes import Points
from prosector.datasets.shapes_swept import Tube
from prosector.model.geometry import Array

LOW_LPS = (-180.0, -104.0, -85.0)
HIGH_LPS = (180.0, 144.0, 158.0)
"""Corners of the field of view; volumes count what lies within."""

COUNT_STEP_MM = 1.0
VOLUMES_MM3 = {
    "body": 11950238,
    "bone": 1147299,
    "bone fragment": 19261,
    "vessel": 78388,
    "table": 1322406,
}
"""Points of a 1 mm grid that lie in each structure: ``sample(build_layers(), build_grid((1, 1, 1)), 1)``."""


def build_truth() -> dict[str, Any]:
    """Volumes, diameters, distances, fracture and landmarks; JSON-ready, LPS mm."""
    tree = arteries()
    return {
        "phantom": "pelvis",
        "coordinates": "DICOM patient space (L, P, S), millimetres",
        "field_of_view_lps": {"low": list(LOW_LPS), "high": list(HIGH_LPS)},
        "volumes_mm3": {
            "definition": "within the field of view; bone is without the fragment, vessel is the arterial lumen, "
            "body is what is left of the patient",
            "method": f"points of a {COUNT_STEP_MM:g} mm grid; lesion in closed form",
            **VOLUMES_MM3,
            "lesion": _round(4 / 3 * np.pi * np.prod(lesion().radii)),
        },
        "vessels": {
            "definition": "diameter of the circular lumen, perpendicular to the centre line at the station",
            "stations": _stations(tree),
        },
        "aneurysm": {
            "vessel": "right common iliac artery",
            "max_diameter_mm": ANEURYSM_DIAMETER_MM,
            **_station(tree.right_common_iliac, tree.aneurysm_at),
        },
        "fracture": _fracture(),
        "lesion": _lesion(tree),
        "landmarks_lps": _landmarks(tree),
        "hounsfield": {"cortex": 1200, "vessel": 350, "lesion": 84, "muscle": 48, "fat": -102},
    }


def _round(value: Any, digits: int = 3) -> Any:
    array = np.round(np.asarray(value, dtype=np.float64), digits) + 0.0
    return array.tolist()


def _station(vessel: Tube, at: int) -> dict[str, Any]:
    direction = vessel.centers[at + 1] - vessel.centers[at - 1]
    return {
        "center_lps": _round(vessel.centers[at]),
        "direction_lps": _round(direction / np.linalg.norm(direction), 5),
        "diameter_mm": _round(2 * vessel.radii[at]),
    }


def _stations(tree: Arteries) -> list[dict[str, Any]]:
    def at_height(vessel: Tube, z: float) -> int:
        return int(np.argmin(np.abs(vessel.centers[:, 2] - z)))

    places = (
        ("abdominal aorta", tree.aorta, 148.0),
        ("left common iliac artery", tree.left_common_iliac, 98.0),
        ("left external iliac artery", tree.left_external_iliac, 30.0),
        ("right external iliac artery", tree.right_external_iliac, 30.0),
        ("left common femoral artery", tree.left_external_iliac, -18.0),
        ("right common femoral artery", tree.right_external_iliac, -18.0),
    )
    return [{"name": name, **_station(vessel, at_height(vessel, z))} for name, vessel, z in places]


def _fracture() -> dict[str, Any]:
    break_ = duverney()
    pivot = np.array(break_.point)
    transform = np.eye(4)
    transform[:3, :3] = break_.rotation
    transform[:3, 3] = pivot + break_.shift - break_.rotation @ pivot
    return {
        "bone": "left iliac wing",
        "definition": "the fragment is turned about the plane's normal through the point, then shifted; "
        "both fracture faces stay parallel planes, gap_mm apart",
        "gap_mm": break_.gap_mm,
        "step_mm": break_.step_mm,
        "rotation_deg": break_.rotation_deg,
        "displacement_mm": _round(np.linalg.norm(break_.shift)),
        "plane_point_lps": list(break_.point),
        "plane_normal_lps": _round(break_.normal, 6),
        "step_direction_lps": _round(break_.step_direction, 6),
        "fragment_transform_lps": _round(transform, 6),
    }


def _lesion(tree: Arteries) -> dict[str, Any]:
    mass = lesion()
    gap, where = lesion_vessel_distance(tree)
    return {
        "center_lps": list(mass.center),
        "radii_mm": list(mass.radii),
        "axes_lps": _round(mass.axes, 6),
        "volume_mm3": _round(4 / 3 * np.pi * np.prod(mass.radii)),
        "nearest_vessel": "right external iliac artery",
        "min_distance_to_vessel_mm": _round(gap),
        "nearest_point_on_lesion_lps": _round(where),
    }


def lesion_vessel_distance(tree: Arteries, count: int = 40_000) -> tuple[float, Array]:
    """Least distance between the surfaces of lesion and artery, and where on the lesion.

    Least of ``count`` points spread over the lesion, whose spacing of 0.2 mm leaves an error below 0.01 mm.
    """
    points = surface_points(lesion(), count)
    gaps = tree.right_external_iliac.distance(Points.of(points))
    nearest = int(np.argmin(gaps))
    return float(gaps[nearest]), points[nearest]


def _landmarks(tree: Arteries) -> dict[str, Any]:
    x, y, z = HEAD_CENTER
    return {
        "left femoral head centre": [x, y, z],
        "right femoral head centre": [-x, y, z],
        "aortic bifurcation": _round(tree.left_common_iliac.centers[0]),
        "aneurysm centre": _round(tree.right_common_iliac.centers[tree.aneurysm_at]),
        "symphysis centre": [0.0, -46.0, -33.0],
        "L5/S1 disc centre": list(DISC_CENTERS["L5/S1"]),
        "L4/L5 disc centre": list(DISC_CENTERS["L4/L5"]),
    }
