"""Things beside, around and inside each other at known distances: tumour, bone and vessel, joint, balls."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from prosector.datasets.scanner import Part
from prosector.datasets.shapes import Clipped, Difference, Ellipsoid, Grown, Union
from prosector.datasets.shapes_exact import Sleeve
from prosector.datasets.test_objects_scene import Numbers, Quantity, Scene, listed, swept_volume_mm3, volume_mm3
from prosector.datasets.test_objects_vessels import DIAMETER, line_facts, pose_of, posed_tube, vessel_part
from prosector.errors import ParameterError
from prosector.model.geometry import Array

GAP = "least distance between the two surfaces"


def ball(center: Array | tuple[float, ...], diameter: float) -> Ellipsoid:
    """A ball."""
    x, y, z = (float(v) for v in center)
    return Ellipsoid((x, y, z), (diameter / 2,) * 3)


def ball_mm3(diameter: float) -> float:
    """Volume of a ball."""
    return float(np.pi / 6 * diameter**3)


def _vessel(p: Numbers) -> tuple[Part, dict[str, object], tuple[Quantity, ...]]:
    z = p["length_mm"] / 2
    line = posed_tube(pose_of(p), np.array([[0.0, 0, -z], [0, 0, z]]), np.array(p["diameter_mm"] / 2))
    known = (
        Quantity("diameter", "vessel", p["diameter_mm"], "mm", DIAMETER),
        Quantity("volume", "vessel", swept_volume_mm3(line), "mm3", "with half balls as ends, in closed form"),
    )
    return vessel_part(line), {"centerlines": {"vessel": line_facts(line)}}, known


def tumour_scene(p: Numbers) -> Scene:
    """A ball beside a straight vessel."""
    if p["distance_mm"] < 0:
        raise ParameterError("the tumour's distance from the vessel is 0 mm or more; see the kind 'encasement'")
    pose, radius, gap = pose_of(p), p["diameter_mm"] / 2, p["distance_mm"]
    vessel, facts, known = _vessel(p)
    middle = pose.at([radius + gap + p["tumour_mm"] / 2, 0, 0])
    ends = tuple(map(tuple, listed(pose.at([[radius, 0, 0], [radius + gap, 0, 0]]), 4)))
    quantities = (
        Quantity("distance", "lesion to vessel", gap, "mm", GAP, ends),
        Quantity("volume", "lesion", ball_mm3(p["tumour_mm"]), "mm3", "of the ball, in closed form"),
        *known,
    )
    parts = (Part(ball(middle, p["tumour_mm"]), "lesion", "lesion", "lesion"), vessel)
    return Scene(parts, quantities, {**facts, "points_lps": {"lesion centre": listed(middle, 4)}})


def encasement_scene(p: Numbers) -> Scene:
    """A sleeve of tumour that touches a straight vessel over part of its circumference."""
    pose, radius = pose_of(p), p["diameter_mm"] / 2
    if not 0 < p["encasement_deg"] <= 360:
        raise ParameterError("an encasement is above 0° and up to 360°")
    vessel, facts, known = _vessel(p)
    sleeve = Sleeve(radius, radius + p["tumour_mm"], p["contact_mm"] / 2, p["encasement_deg"])
    # the sleeve is drawn from the axis outwards and the vessel over it: no seam of background between them
    drawn = Sleeve(0.0, radius + p["tumour_mm"], p["contact_mm"] / 2, p["encasement_deg"])
    quantities = (
        Quantity("encasement", "lesion of vessel", p["encasement_deg"], "deg", "share of the circumference in contact"),
        Quantity("contact length", "lesion of vessel", p["contact_mm"], "mm", "length of the vessel in contact"),
        Quantity("volume", "lesion", sleeve.volume_mm3, "mm3", "of the sleeve, in closed form"),
        *known,
    )
    parts = (Part(pose.place(drawn), "lesion", "lesion", "lesion"), vessel)
    middle = listed(pose.at([radius + p["tumour_mm"] / 2, 0, 0]), 4)
    return Scene(parts, quantities, {**facts, "points_lps": {"lesion centre": middle}})


def beside_bone_scene(p: Numbers) -> Scene:
    """A vessel along a bone with marrow, as the vertebral artery or an iliac artery runs."""
    if not 0 < p["cortex_mm"] < p["bone_mm"] / 2:
        raise ParameterError("the cortex is thinner than the bone's radius")
    pose = pose_of(p)
    vessel, facts, known = _vessel(p)
    away = p["diameter_mm"] / 2 + p["distance_mm"] + p["bone_mm"] / 2
    z = p["length_mm"] / 2
    shaft = posed_tube(pose, np.array([[away, 0, -z], [away, 0, z]]), np.array(p["bone_mm"] / 2))
    ends = pose.at([[p["diameter_mm"] / 2, 0, 0], [p["diameter_mm"] / 2 + p["distance_mm"], 0, 0]])
    quantities = (
        Quantity("distance", "vessel to bone", p["distance_mm"], "mm", GAP, tuple(map(tuple, listed(ends, 4)))),
        Quantity("volume", "bone", swept_volume_mm3(shaft), "mm3", "marrow included, in closed form"),
        *known,
    )
    marrow = Grown(shaft, -p["cortex_mm"])
    parts = (Part(shaft, "bone", "bone", "bone", marrow, "marrow"), vessel)
    return Scene(parts, quantities, facts)


def joint_scene(p: Numbers) -> Scene:
    """A ball in a socket, a narrow joint space apart: a femoral head and its acetabulum."""
    pose, head = pose_of(p), p["head_mm"] / 2
    inner = head + p["gap_mm"]
    hollow = ball((0, 0, 0), 2 * inner)
    cup = Clipped(
        Difference(ball((0, 0, 0), 2 * (inner + p["wall_mm"])), hollow), (0.0, 0.0, 0.0), np.array([0.0, 0, -1])
    )
    neck = posed_tube(pose, np.array([[0.0, 0, 0], [0, 0, -1.6 * head]]), np.array(0.55 * head))
    femur = Union([ball((0, 0, 0), p["head_mm"]), neck])
    ends = tuple(map(tuple, listed(pose.at([[0, 0, head], [0, 0, inner]]), 4)))
    thick = inner + p["wall_mm"]
    shell = 2 / 3 * float(np.pi) * (thick**3 - inner**3)
    quantities = (
        Quantity("distance", "femoral head to acetabulum", p["gap_mm"], "mm", f"{GAP}, everywhere the same", ends),
        Quantity("diameter", "femoral head", p["head_mm"], "mm", "of the ball"),
        Quantity("volume", "acetabulum", shell, "mm3", "of the half shell, in closed form"),
        Quantity("volume", "femoral head", volume_mm3(femur), "mm3", "with its neck, summed over a fine grid"),
    )
    parts = (
        Part(pose.place(cup), "bone", "acetabulum", "bone"),
        Part(femur, "bone", "femoral head", "bone"),
    )
    return Scene(parts, quantities, {"points_lps": {"head centre": [0.0, 0.0, 0.0]}})


def balls_scene(p: Numbers) -> Scene:
    """Balls in a row, each larger than the one before."""
    count = round(p["count"])
    if count < 1 or p["largest_mm"] < p["smallest_mm"]:
        raise ParameterError("there is at least one ball, and the largest is not smaller than the smallest")
    pose, diameters = pose_of(p), np.linspace(p["smallest_mm"], p["largest_mm"], count)
    steps = (diameters[1:] + diameters[:-1]) / 2 + p["gap_mm"]
    z = np.concatenate([[0.0], np.cumsum(steps)])
    centers = pose.at(np.stack([0 * z, 0 * z, z - z.mean()], axis=1))
    names = [f"ball {n}" for n in range(1, count + 1)]
    quantities = [
        quantity
        for name, d in zip(names, diameters, strict=True)
        for quantity in (
            Quantity("volume", name, ball_mm3(d), "mm3", "of the ball, in closed form"),
            Quantity("diameter", name, float(d), "mm", "of the ball"),
        )
    ]
    pairs = pairwise(names)
    quantities += [Quantity("distance", f"{a} to {b}", p["gap_mm"], "mm", GAP) for a, b in pairs]
    rows = zip(names, centers, diameters, strict=True)
    parts = tuple(Part(ball(center, d), "lesion", name, "lesion") for name, center, d in rows)
    return Scene(parts, tuple(quantities), {"points_lps": dict(zip(names, listed(centers, 4), strict=True))})
