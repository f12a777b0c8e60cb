"""The pelvis phantom's bones. LPS mm; the origin lies midway between the centres of the femoral heads.

Proportions follow an average adult in the anterior pelvic plane (anterior superior iliac spines and pubic
tubercles at about the same y). Everything paired is drawn on the patient's left (x > 0) and mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.datasets.shapes import (
    Clipped,
    Difference,
    Drum,
    Ellipsoid,
    Grown,
    Placed,
    Shape,
    Union,
    both_sides,
    mirrored,
)
from prosector.datasets.shapes_swept import Knot, Sheet, sheet, tube
from prosector.model.geometry import Array

HEAD_CENTER = (88.0, 0.0, 0.0)
HEAD_RADIUS_MM = 23.5
SOCKET_RADIUS_MM = 27.5
DISC_CENTERS = {"L5/S1": (0.0, 33.5, 90.5), "L4/L5": (0.0, 20.0, 126.0)}

# The wing of the ilium in rows from the acetabular roof up to the crest, each from front to back.
WING: list[list[Knot]] = [
    [(92, -27, 24, 10), (95, -8, 30, 10), (92, 12, 31, 10), (82, 30, 26, 9), (68, 44, 31, 7)],
    [(105, -34, 42, 6), (104, -14, 50, 4.5), (97, 12, 52, 5), (82, 36, 48, 8), (60, 56, 45, 7)],
    [(112, -38, 60, 4), (117, -18, 74, 2.6), (110, 13, 78, 2.6), (87, 44, 70, 4.5), (52, 76, 52, 8)],
    [(119, -42, 76, 5.0), (128, -22, 96, 3.2), (119, 15, 104, 2.6), (92, 50, 92, 4.5), (48, 85, 62, 8)],
    [(121, -42, 81, 5.5), (134, -20, 107, 5.2), (124, 17, 121, 4.4), (94, 53, 109, 4.6), (49, 88, 75, 8)],
]


@dataclass(frozen=True)
class Fracture:
    """A plane cut; the part beyond it is turned about the plane's normal and moved, so both faces stay parallel."""

    point: tuple[float, float, float]
    normal: Array
    gap_mm: float
    step_mm: float
    step_direction: Array
    rotation_deg: float

    @property
    def rotation(self) -> Array:
        """3×3 rotation about the normal (Rodrigues' formula)."""
        n, angle = self.normal, np.radians(self.rotation_deg)
        cross = np.array([[0, -n[2], n[1]], [n[2], 0, -n[0]], [-n[1], n[0], 0]])
        return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)

    @property
    def shift(self) -> Array:
        """Translation of the fragment at the pivot, LPS mm."""
        return np.asarray(self.gap_mm * self.normal + self.step_mm * self.step_direction)

    def place(self, shape: Shape) -> Placed:
        """Move a shape with the fragment."""
        return Placed(shape, self.rotation, np.array(self.point), self.shift)


def _unit(*v: float) -> Array:
    return np.asarray(np.array(v) / np.linalg.norm(v))


def duverney() -> Fracture:
    """The fracture of the left iliac wing: from below the anterior superior spine up and back to the crest."""
    normal = _unit(0.25, -0.62, 0.74)
    across = np.cross(normal, _unit(0, 0.74, 0.62))
    outward = across * np.sign(across[0])
    return Fracture((116.0, -6.0, 84.0), normal, 6.0, 4.0, outward / np.linalg.norm(outward), 7.0)


def wing_sheet() -> Sheet:
    """The wing of the left ilium alone; muscles lie on either side of it."""
    return sheet(WING)


def hip() -> Shape:
    """Left hip bone: ilium, ischium, pubis and the socket."""
    opening = _unit(0.70, -0.26, -0.66)
    cup = Clipped(Ellipsoid(HEAD_CENTER, (33.5, 33.5, 33.5)), tuple(np.array(HEAD_CENTER) + 3 * opening), opening)
    parts: list[Shape] = [
        wing_sheet(),
        cup,
        tube([(100, -34, 44, 6), (101, -37, 36, 7.5), (94, -30, 24, 8)]),
        tube([(70, -24, 2, 11), (56, -38, -6, 7.5), (36, -47, -11, 6.5), (17, -50, -18, 7.5)]),
        sheet(
            [
                [(11, -50, -20, 7), (19, -50, -19, 5.5)],
                [(10, -47, -33, 6.5), (18, -46, -32, 4.5)],
                [(11, -41, -47, 6), (16, -40, -48, 4.5)],
            ]
        ),
        tube([(13, -42, -46, 5), (25, -31, -60, 5), (38, -12, -74, 5.5), (50, 10, -80, 7), (57, 24, -76, 10)]),
        tube([(82, 24, -10, 12), (76, 34, -32, 11.5), (67, 36, -54, 12.5), (58, 27, -74, 12.5)]),
        tube([(70, 40, -4, 7), (58, 47, -12, 4.5), (50, 49, -15, 2.5)]),
        tube([(62, 58, 40, 7), (74, 44, 24, 9), (80, 30, 5, 11)]),
        tube([(56, 56, 58, 6), (66, 30, 38, 7), (66, 4, 18, 7), (66, -18, 6, 8)]),
    ]
    exit_line = [(*(np.array(HEAD_CENTER) + t * opening), r) for t, r in ((0, SOCKET_RADIUS_MM), (45, 31.0))]
    hollow = Union([Ellipsoid(HEAD_CENTER, (SOCKET_RADIUS_MM,) * 3), tube(exit_line)])
    hollow_with_fossa = Union([hollow, Ellipsoid((74.0, 3.0, -13.0), (13, 11, 14))], 2.0)
    return Difference(Union(parts, 9.0), hollow_with_fossa, 1.5)


SACRAL_LEVELS: list[tuple[float, float, float, float, float]] = [
    # body centre y, z; body radius; half width; radius at the side
    (50, 78, 13.5, 49, 10.5),
    (62, 58, 12.5, 45, 10.5),
    (75, 34, 10, 33, 7.5),
    (80, 10, 8, 22, 6),
    (74, -14, 6, 12, 4.5),
]


def _sacral_row(y: float, z: float, radius: float, half_width: float, side_radius: float) -> list[Knot]:
    """One level from right to left: the sides lie further back, the first level's wings are raised."""
    wings = 24.0 if y < 55 else 0.0
    return [
        (
            half_width * s,
            y + 9 * s * s,
            z + wings * abs(s) * (1 - abs(s)) - 4 * s * s,
            radius + (side_radius - radius) * abs(s),
        )
        for s in (-1, -0.5, 0, 0.5, 1)
    ]


def sacrum() -> Shape:
    """Sacrum and coccyx with canal and foramina."""
    plate = sheet([_sacral_row(*level) for level in SACRAL_LEVELS], 6.0)
    promontory = Drum((0, 43.5, 76.5), (26, 16.5, 13), _tilted(38), waist=0.08, rounding=2.5)
    crest = sheet(
        [
            [(0, 79, 86, 2.5), (0, 88, 78, 3)],
            [(0, 88, 58, 2.5), (0, 98, 52, 3)],
            [(0, 92, 34, 2.5), (0, 99, 26, 2.5)],
            [(0, 90, 12, 2), (0, 92, 6, 2)],
        ]
    )
    arch = both_sides(
        sheet(
            [
                [(2, 84, 84, 3), (26, 70, 82, 5)],
                [(2, 92, 58, 3), (26, 78, 56, 5)],
                [(2, 95, 34, 2.5), (20, 86, 32, 4)],
                [(2, 92, 10, 2), (12, 88, 8, 3)],
            ]
        )
    )
    facets = both_sides(tube([(20, 66, 100, 5), (21, 70, 88, 7)]))
    coccyx = tube([(0, 67, -24, 5.5), (0, 58, -37, 4.5), (0, 46, -46, 3)])
    whole = Union([plate, promontory, crest, *arch, *facets, coccyx], 6.0)
    endplate = Clipped(whole, (0, 36.5, 86.0), _unit(0, -0.62, 0.785))
    top = Union([endplate, Union([crest, *arch, *facets], 6.0)], 3.0)
    canal = tube([(0, 66, 100, 8), (0, 76, 74, 7), (0, 85, 45, 5), (0, 88, 20, 3.5), (0, 85, 0, 2)])
    holes: list[Shape] = []
    for upper, lower, x in zip(SACRAL_LEVELS, SACRAL_LEVELS[1:], (23, 21, 18, 14), strict=False):
        y, z = (upper[0] + lower[0]) / 2 + 1, (upper[1] + lower[1]) / 2
        holes.append(tube([(x - 3, y + 4, z, 4.2), (x + 2, y - 28, z - 10, 5.2)]))
        holes.append(tube([(x, y, z, 3.2), (x + 1, y + 30, z + 10, 3.2)]))
    return Difference(top, Union([canal, *both_sides(*holes)]), 2.0)


def vertebra(center: tuple[float, float, float], tilt_deg: float, half: tuple[float, float, float]) -> Shape:
    """A lumbar vertebra, its upright axis tilted forwards."""
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    axes = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    body = Drum((0, 0, 0), half, np.eye(3), waist=0.10, rounding=2.5)
    back = half[1]
    arch: list[Shape] = [
        tube([(14, back - 5, 5, 5.5), (17, back + 6, 4, 5), (18, back + 14, 0, 5.5)]),
        tube([(18, back + 10, 3, 4), (30, back + 9, 5, 3.5), (43, back + 12, 8, 3)]),
        tube([(18, back + 15, 15, 5.5), (18, back + 17, 0, 5.5), (15, back + 21, -17, 5.5)]),
        sheet([[(16, back + 17, 2, 3), (1, back + 26, 3, 3)], [(14, back + 21, -10, 3), (1, back + 27, -9, 3)]]),
    ]
    spine = sheet(
        [
            [(0, back + 26, 5, 2.5), (0, back + 40, 0, 3), (0, back + 49, -4, 3.5)],
            [(0, back + 27, -9, 2.5), (0, back + 40, -13, 3), (0, back + 48, -14, 3.5)],
        ]
    )
    canal = tube([(0, back + 9, 40, 9.5), (0, back + 9, -40, 9.5)])
    whole = Difference(Union([body, *both_sides(*arch), spine], 4.0), canal, 2.0)
    return Placed(whole, axes.T, np.zeros(3), np.array(center))


def lumbar() -> tuple[Shape, Shape]:
    """L5 and L4."""
    l5 = vertebra((0.0, 26.0, 107.5), 21.0, (26.5, 17.5, 13.5))
    return l5, vertebra((0.0, 15.5, 145.0), 7.0, (25.5, 17.0, 13.8))


def discs() -> list[Shape]:
    """Intervertebral discs and the fibrocartilage of the symphysis."""
    l5s1 = Drum(DISC_CENTERS["L5/S1"], (26, 18, 6.5), _tilted(29), -0.05, 3.0)
    l4l5 = Drum(DISC_CENTERS["L4/L5"], (26, 17.5, 6.5), _tilted(14), -0.05, 3.0)
    return [l5s1, l4l5, Ellipsoid((0.0, -46.0, -33.0), (6.0, 8.0, 18.0))]


def _tilted(degrees: float) -> Array:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


def femur() -> Shape:
    """Left proximal femur: head, neck, trochanters and shaft."""
    parts: list[Shape] = [
        Ellipsoid(HEAD_CENTER, (HEAD_RADIUS_MM,) * 3),
        tube([(90, 0, -1, 18), (106, 3, -15, 14.5), (118, 6, -27, 16), (126, 9, -38, 17)]),
        tube([(126, 9, -36, 17), (128, 9, -58, 15.5), (129, 7, -80, 14), (130, 5, -130, 13.5)]),
        tube([(132, 10, -38, 13), (137, 15, -22, 11.5), (137, 19, -8, 8), (133, 22, -2, 5)]),
        tube([(120, 17, -52, 9), (110, 25, -60, 6.5)]),
        tube([(135, 18, -12, 6), (124, 28, -36, 5.5), (113, 26, -55, 6)]),
    ]
    return Union(parts, 7.0)


@dataclass(frozen=True)
class Skeleton:
    """Every bone; ``fragment`` is the broken-off part of the left wing in its displaced place.

    The ``unbroken`` ones are the whole left hip bone, where it was and moved along with the fragment.
    """

    left_hip: Shape
    right_hip: Shape
    fragment: Shape
    unbroken_left_hip: Shape
    unbroken_fragment: Shape
    sacrum: Shape
    vertebrae: tuple[Shape, Shape]
    left_femur: Shape
    right_femur: Shape


def build_skeleton() -> Skeleton:
    """Put the bones together and break the left wing."""
    spine = sacrum()
    whole = Difference(hip(), Grown(spine, 2.2))
    break_ = duverney()
    fragment = Clipped(whole, break_.point, -break_.normal)
    return Skeleton(
        left_hip=Clipped(whole, break_.point, break_.normal),
        right_hip=mirrored(whole),
        fragment=break_.place(fragment),
        unbroken_left_hip=whole,
        unbroken_fragment=break_.place(whole),
        sacrum=spine,
        vertebrae=lumbar(),
        left_femur=femur(),
        right_femur=mirrored(femur()),
    )
