"""Vessels with known diameters: straight, bent, narrowed, widened, forked."""

from __future__ import annotations

import numpy as np

from prosector.datasets.scanner import Part
from prosector.datasets.shapes import Ellipsoid, Union
from prosector.datasets.shapes_swept import Tube
from prosector.datasets.test_objects_scene import Numbers, Pose, Quantity, Scene, listed, swept_volume_mm3, volume_mm3
from prosector.errors import ParameterError
from prosector.model.geometry import Array

STEP_MM = 0.4
NAME = "vessel"
POSED = {"lean_deg": 25.0, "azimuth_deg": 40.0}
DIAMETER = "diameter of the circular section perpendicular to the centre line; inscribed, equivalent and Feret agree"


def pose_of(p: Numbers) -> Pose:
    """How the object lies."""
    return Pose(p["lean_deg"], p["azimuth_deg"])


def posed_tube(pose: Pose, centers: Array, radii: Array) -> Tube:
    """A tube along turned centres."""
    return Tube(pose.at(centers), np.broadcast_to(np.asarray(radii, dtype=np.float64), (len(centers),)).copy())


def vessel_part(shape: Tube | Union) -> Part:
    """A vessel's lumen."""
    return Part(shape, "vessel", NAME, "vessel lumen")


def line_facts(line: Tube) -> dict[str, object]:
    """A centre line with radii, at most 200 points."""
    keep = np.unique(np.linspace(0, len(line.centers) - 1, 200).round().astype(int))
    return {"points_lps": listed(line.centers[keep], 4), "radii_mm": listed(line.radii[keep], 4)}


def _scene(line: Tube, more: tuple[Quantity, ...]) -> Scene:
    ends = tuple(map(tuple, listed(line.centers[[0, -1]], 4)))
    common = (
        Quantity(
            "centreline length", NAME, float(line.arc_mm[-1]), "mm", "between the centres of the rounded ends", ends
        ),
        Quantity("volume", NAME, swept_volume_mm3(line), "mm3", "with half balls as ends, in closed form"),
    )
    return Scene((vessel_part(line),), (*more, *common), {"centerlines": {NAME: line_facts(line)}})


def _straight(length: float) -> Array:
    z = np.linspace(-length / 2, length / 2, max(2, round(length / STEP_MM) + 1))
    return np.stack([0 * z, 0 * z, z], axis=1)


def tube_scene(p: Numbers) -> Scene:
    """A straight tube."""
    z = p["length_mm"] / 2
    line = posed_tube(pose_of(p), np.array([[0, 0, -z], [0, 0, z]]), np.array(p["diameter_mm"] / 2))
    return _scene(line, (Quantity("diameter", NAME, p["diameter_mm"], "mm", DIAMETER),))


def bent_scene(p: Numbers) -> Scene:
    """A tube along an arc of a circle."""
    if p["bend_radius_mm"] <= p["diameter_mm"] / 2:
        raise ParameterError("the bend radius is larger than the tube's radius")
    angle = np.radians(p["bend_deg"])
    t = np.linspace(-angle / 2, angle / 2, max(3, round(angle * p["bend_radius_mm"] / STEP_MM) + 1))
    centers = p["bend_radius_mm"] * np.stack([np.cos(t) - np.cos(angle / 4), 0 * t, np.sin(t)], axis=1)
    line = posed_tube(pose_of(p), centers, np.array(p["diameter_mm"] / 2))
    return _scene(line, (Quantity("diameter", NAME, p["diameter_mm"], "mm", DIAMETER),))


def _bump(centers: Array, length: float) -> Array:
    """1 in the middle, 0 beyond ``length``, cosine-shaped."""
    z = np.clip(np.abs(centers[:, 2]) / (length / 2), 0, 1)
    return np.asarray(0.5 * (1 + np.cos(np.pi * z)))


def stenosis_scene(p: Numbers) -> Scene:
    """A straight tube that narrows smoothly in its middle."""
    if not 0 < p["stenosis_percent"] < 100:
        raise ParameterError("a stenosis is above 0 and below 100 percent of the diameter")
    centers, full = _straight(p["length_mm"]), p["diameter_mm"]
    share = p["stenosis_percent"] / 100
    line = posed_tube(pose_of(p), centers, full / 2 * (1 - share * _bump(centers, p["stenosis_length_mm"])))
    middle = tuple(map(tuple, listed(line.centers[[len(centers) // 2]], 4)))
    area = 100 * (1 - (1 - share) ** 2)
    return _scene(
        line,
        (
            Quantity("diameter", NAME, full, "mm", f"{DIAMETER}; away from the stenosis"),
            Quantity("minimum diameter", NAME, full * (1 - share), "mm", DIAMETER, middle),
            Quantity(
                "stenosis by diameter", NAME, p["stenosis_percent"], "%", "1 − narrowest over normal (NASCET)", middle
            ),
            Quantity("stenosis by area", NAME, area, "%", "1 − narrowest area over normal area", middle),
        ),
    )


def fusiform_scene(p: Numbers) -> Scene:
    """A straight tube that widens smoothly in its middle."""
    if p["aneurysm_mm"] < p["diameter_mm"]:
        raise ParameterError("an aneurysm is wider than its vessel")
    centers = _straight(p["length_mm"])
    wider = p["aneurysm_mm"] - p["diameter_mm"]
    line = posed_tube(pose_of(p), centers, (p["diameter_mm"] + wider * _bump(centers, p["aneurysm_length_mm"])) / 2)
    middle = tuple(map(tuple, listed(line.centers[[len(centers) // 2]], 4)))
    return _scene(
        line,
        (
            Quantity("diameter", NAME, p["diameter_mm"], "mm", f"{DIAMETER}; away from the aneurysm"),
            Quantity("maximum diameter", NAME, p["aneurysm_mm"], "mm", DIAMETER, middle),
        ),
    )


def saccular_scene(p: Numbers) -> Scene:
    """A straight vessel with a ball on a short neck of its own diameter."""
    vessel, sac, neck = p["diameter_mm"] / 2, p["sac_mm"] / 2, p["neck_mm"] / 2
    if not neck < sac:
        raise ParameterError("the neck is narrower than the sac")
    pose = pose_of(p)
    away = vessel + p["neck_length_mm"] + float(np.sqrt(sac**2 - neck**2))
    z = p["length_mm"] / 2
    line = posed_tube(pose, np.array([[0, 0, -z], [0, 0, z]]), np.array(vessel))
    stalk = posed_tube(pose, np.array([[0.0, 0, 0], [away, 0, 0]]), np.array(neck))
    middle = tuple(listed(pose.at([away, 0, 0]), 4))
    whole = Union([line, stalk, Ellipsoid(middle, (sac,) * 3)])
    ring = vessel + p["neck_length_mm"] / 2
    across = pose.at([[ring, 0, -neck], [ring, 0, neck]])
    wide = pose.at([[away, 0, -sac], [away, 0, sac]])
    quantities = (
        Quantity("diameter", NAME, 2 * vessel, "mm", DIAMETER),
        Quantity("sac diameter", NAME, 2 * sac, "mm", "of the ball", tuple(map(tuple, listed(wide, 4)))),
        Quantity("neck diameter", NAME, 2 * neck, "mm", "of the round stalk", tuple(map(tuple, listed(across, 4)))),
        Quantity("volume", NAME, volume_mm3(whole, 0.4), "mm3", "vessel with sac, summed over a fine grid"),
    )
    facts = {
        "centerlines": {NAME: line_facts(line)},
        "points_lps": {"sac centre": list(middle), "neck centre": listed(across.mean(axis=0), 4)},
        "sac_direction_lps": listed(pose.at([1, 0, 0])),
    }
    return Scene((vessel_part(whole),), quantities, facts)


def fork_scene(p: Numbers) -> Scene:
    """A vessel that forks into two."""
    pose, half = pose_of(p), np.radians(p["fork_deg"]) / 2
    trunk = posed_tube(pose, np.array([[0.0, 0, -p["length_mm"] / 2], [0, 0, 0]]), np.array(p["diameter_mm"] / 2))
    tips = [p["length_mm"] / 2 * np.array([s * np.sin(half), 0, np.cos(half)]) for s in (-1, 1)]
    limbs = [posed_tube(pose, np.array([[0, 0, 0], tip]), np.array(p["branch_mm"] / 2)) for tip in tips]
    whole = Union([trunk, *limbs])
    quantities = (
        Quantity("diameter", "trunk", p["diameter_mm"], "mm", DIAMETER),
        Quantity("diameter", "branch", p["branch_mm"], "mm", f"{DIAMETER}; of each of the two"),
        Quantity("bifurcation angle", NAME, p["fork_deg"], "deg", "between the two branches"),
        Quantity("volume", NAME, volume_mm3(whole, 0.4), "mm3", "summed over a fine grid"),
    )
    lines = {"trunk": line_facts(trunk), "first branch": line_facts(limbs[0]), "second branch": line_facts(limbs[1])}
    return Scene((vessel_part(whole),), quantities, {"centerlines": lines, "points_lps": {"fork": [0.0, 0.0, 0.0]}})
