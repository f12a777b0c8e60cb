"""A broken bone and its unbroken mirror image on the other side.

The bone is a crooked shaft with a head, a trochanter and two condyles, none of which looks the same from two
sides. It is cut by a plane; the lower piece is turned about the pivot in that plane and shifted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from prosector.datasets.scanner import Part
from prosector.datasets.shapes import MIRROR, Clipped, Grown, Placed, Points, Shape, Union, distance, mirrored
from prosector.datasets.shapes_swept import Tube, tube
from prosector.datasets.test_objects_scene import Numbers, Quantity, Scene, listed, turn_about, unit, volume_mm3
from prosector.errors import ParameterError
from prosector.model.geometry import Array

PIVOT = np.array([27.2, -1.8, -6.0])
NORMAL = unit(0.25, -0.2, -0.947)
"""Of the fracture plane, from the main piece to the fragment."""

STEP_DIRECTION = unit(*np.cross(NORMAL, (0.3, 0.9, 0.1)))
MAIN, FRAGMENT, INTACT = "main fragment", "distal fragment", "intact side"


def left_bone() -> Union:
    """The unbroken left bone, LPS mm, midsagittal plane at x = 0."""
    parts: list[Tube] = [
        tube([(26, 1, -30, 7.0), (28, -2, -12, 6.2), (27, 1, 10, 6.6), (25, 2, 27, 8.5)]),
        tube([(25, 2, 22, 6.5), (18, -1, 31, 5.5), (13, -4, 35, 7.0)]),
        tube([(27, 3, 18, 6.0), (36, 8, 26, 4.5)]),
        tube([(27, 0, -27, 6.5), (35, -5, -35, 4.5)]),
        tube([(25, 1, -28, 6.5), (19, 5, -37, 5.0)]),
    ]
    return Union(parts, 3.0)


def displacement(p: Numbers) -> tuple[Array, Array]:
    """Rotation matrix about the pivot, and the shift after it."""
    hinge = np.cross(NORMAL, STEP_DIRECTION)
    rotation = turn_about(hinge, p["angulation_deg"]) @ turn_about(NORMAL, p["rotation_deg"])
    return rotation, p["gap_mm"] * NORMAL + p["step_mm"] * STEP_DIRECTION


def fracture_scene(p: Numbers) -> Scene:
    """The broken left bone and the intact right one."""
    if p["gap_mm"] < 0 or not 0 < p["cortex_mm"] < 5:
        raise ParameterError("the gap is 0 mm or more, and the cortex above 0 and below 5 mm")
    whole, (rotation, shift) = left_bone(), displacement(p)
    pivot = (float(PIVOT[0]), float(PIVOT[1]), float(PIVOT[2]))

    def pieces(bone: Shape) -> tuple[Shape, Shape]:
        return Clipped(bone, pivot, NORMAL), Placed(Clipped(bone, pivot, -NORMAL), rotation, PIVOT, shift)

    (main, fragment), marrow = pieces(whole), Grown(whole, -p["cortex_mm"])
    parts = (
        Part(main, "bone", MAIN, "bone", marrow, "marrow"),
        Part(fragment, "bone", FRAGMENT, "bone", Placed(marrow, rotation, PIVOT, shift), "marrow"),
        Part(mirrored(whole), "bone", INTACT, "bone", mirrored(marrow), "marrow"),
    )
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = rotation, PIVOT + shift - rotation @ PIVOT
    return Scene(parts, _quantities(p, whole, pieces(whole), rotation, shift), _facts(moved))


def _quantities(
    p: Numbers, whole: Shape, pieces: tuple[Shape, Shape], rotation: Array, shift: Array
) -> tuple[Quantity, ...]:
    turned = float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))
    gaps = _face_gaps(whole, rotation, shift)
    of = f"{FRAGMENT} from {MAIN}"
    where = (tuple(listed(PIVOT, 4)), tuple(listed(PIVOT + shift, 4)))
    main, fragment = (volume_mm3(piece, 0.5) for piece in pieces)
    middle = Points.of(volume_points(pieces[1]))
    centroid = middle.xyz[distance(pieces[1], middle) < 0].mean(axis=0)
    back = PIVOT + rotation.T @ (centroid - PIVOT - shift)
    return (
        Quantity(
            "gap", of, float(gaps.mean()), "mm", "mean over both faces along the normal of the fracture plane", where
        ),
        Quantity("largest gap", of, float(gaps.max()), "mm", "where both faces lie opposite each other"),
        Quantity("step-off", of, p["step_mm"], "mm", "shift within the fracture plane", where),
        Quantity("rotation", of, turned, "deg", "about its axis"),
        Quantity("translation", of, float(np.linalg.norm(centroid - back)), "mm", "of the fragment's centroid"),
        Quantity("volume", MAIN, main, "mm3", "marrow included, summed over a fine grid"),
        Quantity("volume", FRAGMENT, fragment, "mm3", "marrow included, summed over a fine grid"),
    )


def volume_points(shape: Shape, step_mm: float = 1.0) -> Array:
    """A grid of points over the shape's box."""
    axes = [np.arange(a, b, step_mm) for a, b in zip(shape.low, shape.high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _face_gaps(whole: Shape, rotation: Array, shift: Array) -> Array:
    """Length along the normal from the main piece's face to the fragment's, at points 0.25 mm apart."""
    u = STEP_DIRECTION
    steps = np.arange(-20, 20, 0.25)
    a, b = np.meshgrid(steps, steps)
    face = PIVOT + a.reshape(-1, 1) * u + b.reshape(-1, 1) * np.cross(NORMAL, u)
    face = face[distance(whole, Points.of(face)) < 0]
    # the other face is the same plane through PIVOT, moved with the fragment
    normal = rotation @ NORMAL
    length = ((PIVOT + shift - face) @ normal) / (NORMAL @ normal)
    hit = (face + length[:, None] * NORMAL - PIVOT - shift) @ rotation + PIVOT
    return np.asarray(length[distance(whole, Points.of(hit)) < 0])


def _facts(moved: Array) -> dict[str, Any]:
    return {
        "fracture": {
            "plane_point_lps": listed(PIVOT),
            "plane_normal_lps": listed(NORMAL),
            "step_direction_lps": listed(STEP_DIRECTION),
        },
        "mirror": {"plane_point_lps": [0.0, 0.0, 0.0], "plane_normal_lps": [1.0, 0.0, 0.0]},
        "transforms": {
            "displacement of the distal fragment": listed(moved, 9),
            "reduction of the distal fragment": listed(np.linalg.inv(moved), 9),
            "mirror": listed(np.block([[MIRROR, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])),
        },
    }
