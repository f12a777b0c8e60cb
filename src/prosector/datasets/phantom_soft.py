"""The pelvis phantom's soft tissue, drawn on the left (x > 0) and mirrored where paired; LPS mm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prosector.datasets.phantom_bones import WING
from prosector.datasets.phantom_layers import Bowel, Layer, Muscles, Solid
from prosector.datasets.shapes import FAR, Clipped, Difference, Ellipsoid, Grown, Points, Shape, Union, both_sides
from prosector.datasets.shapes_swept import Knot, Loft, Sheet, sheet, tube
from prosector.model.geometry import Array

# Upper levels lie above the field of view, so that nothing ends inside it.
OUTLINE = [  # z, middle y, half width, half depth
    (-150, 12, 168, 86),
    (-110, 14, 171, 88),
    (-60, 20, 173, 93),
    (-10, 18, 172, 98),
    (40, 14, 168, 101),
    (85, 10, 162, 100),
    (125, 8, 156, 98),
    (165, 8, 150, 95),
    (200, 8, 148, 94),
]
WALL = [  # outer surface of the abdominal wall
    (-60, 6, 120, 66),
    (-10, 0, 128, 68),
    (40, 0, 134, 74),
    (85, 0, 139, 76),
    (125, 2, 138, 76),
    (165, 4, 133, 76),
    (200, 4, 132, 76),
]


SUBCUTANEOUS_MM = 11.0
THIGH_PACKING_MM = 6.5
"""By how much the thigh's muscles are thicker than listed, so that they press against each other."""


def _trunk() -> Shape:
    buttocks = both_sides(Ellipsoid((66.0, 62.0, -22.0), (78, 57, 82)))
    return Union([Loft(OUTLINE), *buttocks], FAR)


def outline() -> Shape:
    """The body with the gluteal cleft and the groin."""
    cleft = tube([(0, 121, 42, 4), (0, 116, 10, 9), (0, 108, -30, 13), (0, 92, -70, 17), (0, 78, -130, 24)])
    groin = tube([(0, -92, -48, 4), (0, -86, -78, 14), (0, -74, -130, 26)])
    return Difference(_trunk(), Union([cleft, groin]), 9.0)


def _gluteus_medius() -> Sheet:
    rows: list[list[Knot]] = [[(138 - n, 0 + 5 * n, 6 - 2 * n, 5.0) for n in range(5)]]
    for row, out, r in zip(WING, (24, 15, 14, 11, 4), (10, 12, 11, 8, 3.5), strict=True):
        rows.append(
            [(x + out * (1 - 0.12 * n), y + (2 + 2.5 * n) * out / 12, z, r) for n, (x, y, z, _) in enumerate(row)]
        )
    return sheet(rows, 10.0)


def _iliacus() -> Sheet:
    rows: list[list[Knot]] = [[(96, -34, 10, 9.0), (92, -30, 12, 8.0), (86, -26, 14, 6.0), (80, -20, 16, 4.0)]]
    for row, inward in zip(WING[1:], (11, 10, 8, 4), strict=True):
        rows.append([(x - inward, y - 0.7 * inward, z, 0.85 * inward) for x, y, z, _ in row[:4]])
    return sheet(rows, 10.0)


def _abdominal_wall() -> Shape:
    inner = Loft([(z, y, a - 10, b - 8) for z, y, a, b in WALL])
    wall: Shape = Clipped(Difference(Loft(WALL), inner), (0, 48, 0), np.array([0.0, 1.0, 0.0]))
    for side in (1.0, -1.0):
        above_groin = np.array([0.67 * side, 0, -0.74])
        wall = Clipped(wall, (15 * side, 0, -14), above_groin)
    return wall


def _trunk_muscles() -> list[Shape]:
    """Psoas, iliacus, gluteal and back muscles, rectus abdominis, pelvic floor."""
    return [
        tube(PSOAS, 6),
        _iliacus(),
        _gluteus_medius(),
        sheet(GLUTEUS_MAXIMUS, 12),
        tube([(29, 66, 200, 21), (29, 70, 145, 21), (26, 84, 108, 18), (21, 101, 72, 9), (16, 106, 50, 4)], 6),
        tube([(64, 42, 200, 13), (68, 42, 140, 13), (78, 44, 116, 8)], 6),
        sheet(RECTUS_ABDOMINIS, 14),
        sheet(
            [
                [(8, -30, -46, 3), (44, -14, -22, 3)],
                [(12, 10, -56, 3), (46, 20, -30, 3)],
                [(6, 50, -58, 3), (34, 54, -26, 3)],
            ]
        ),
    ]


PSOAS: list[Knot] = [
    (40, 22, 200, 17),
    (44, 20, 150, 20),
    (50, 10, 112, 21),
    (60, -10, 76, 18),
    (74, -32, 36, 15),
    (88, -38, 8, 13),
    (98, -28, -20, 12),
    (108, 2, -46, 9),
    (111, 20, -58, 6),
]
GLUTEUS_MAXIMUS: list[list[Knot]] = [
    [(46, 98, 84, 5), (92, 78, 84, 8), (122, 50, 58, 6)],
    [(26, 103, 46, 9), (74, 98, 42, 17), (130, 62, 20, 11)],
    [(22, 97, 6, 10), (68, 98, 0, 20), (136, 58, -24, 12)],
    [(26, 88, -32, 9), (66, 84, -46, 18), (134, 42, -66, 10)],
    [(40, 78, -66, 4), (76, 70, -84, 8), (138, 34, -96, 6)],
]
RECTUS_ABDOMINIS: list[list[Knot]] = [
    [(9, -69, 200, 5), (56, -65, 200, 5)],
    [(9, -71, 115, 5.5), (52, -67, 115, 5)],
    [(8, -71, 50, 6), (42, -68, 50, 5)],
    [(8, -60, -14, 6), (20, -58, -14, 5)],
]
THIGH: list[list[Knot]] = [
    [(122, -49, 72, 4), (138, -36, 28, 8), (146, -20, -20, 9), (148, -12, -130, 8)],  # tensor fasciae latae
    [(117, -54, 72, 4), (104, -60, 22, 6), (90, -63, -40, 6), (72, -60, -130, 8)],  # sartorius
    [(102, -47, 32, 5), (113, -48, -10, 11), (116, -46, -60, 15), (118, -44, -130, 17)],  # rectus femoris
    [(146, 6, -36, 9), (148, 8, -80, 16), (148, 4, -130, 18)],  # vastus lateralis
    [(126, -17, -52, 9), (126, -21, -130, 15)],  # vastus intermedius
    [(100, -14, -62, 8), (98, -22, -130, 16)],  # vastus medialis
    [(46, -52, -14, 5), (74, -36, -38, 9), (100, -6, -62, 8)],  # pectineus
    [(19, -50, -40, 5), (48, -44, -76, 15), (66, -36, -130, 18)],  # adductor longus and brevis
    [(42, -6, -76, 9), (72, 4, -86, 19), (84, 6, -130, 24)],  # adductor magnus
    [(12, -38, -56, 4), (26, -26, -82, 8), (30, -20, -130, 12)],  # gracilis
    [(60, 40, -80, 9), (72, 46, -94, 17), (82, 46, -130, 22)],  # hamstrings
    [(34, -38, -40, 6), (62, -18, -46, 9), (92, 12, -32, 7), (116, 18, -20, 4)],  # obturator externus
    [(46, -20, -28, 5), (50, 10, -26, 7), (56, 38, -16, 6), (96, 38, -12, 5), (126, 22, -10, 3)],  # internus
    [(26, 66, 40, 6), (60, 68, 30, 8), (96, 54, 15, 7), (130, 24, 0, 3)],  # piriformis
    [(74, 36, -58, 8), (112, 27, -46, 8)],  # quadratus femoris
]


def muscles() -> Muscles:
    """Trunk, hip and thigh muscles; the thigh's are packed so that only planes of fat part them."""
    thigh = [Grown(tube(knots, 6), THIGH_PACKING_MM) for knots in THIGH]
    parts = [*both_sides(*_trunk_muscles(), *thigh), _abdominal_wall()]
    return Muscles(Union(parts), parts, envelope=Grown(_trunk(), -SUBCUTANEOUS_MM))


def _loops() -> Shape:
    """Small bowel folded from side to side in front of the great vessels."""
    knots: list[tuple[float, float, float, float]] = []
    for row, z in enumerate((196, 168, 141, 114, 87, 61, 40)):
        span = 62 if z > 75 else 44
        xs = np.linspace(-span, span, 6)
        for n, x in enumerate(xs if row % 2 == 0 else xs[::-1]):
            knots.append(
                (float(x), -46 + 5 * (-1) ** n + 0.0035 * x * x, z + 5.0 * (-1) ** (n + row), 12.2 - (n % 2) * 2.2)
            )
    return tube(knots, 5)


ILEUM: list[Knot] = [
    (-24, -22, 92, 10),
    (2, -24, 86, 12),
    (20, -16, 78, 11),
    (20, 0, 68, 12),
    (-2, 6, 63, 11),
    (-22, 0, 58, 12),
    (-22, -14, 50, 11),
    (-2, -22, 46, 12),
]


def viscera() -> list[Layer]:
    """Bladder, prostate, rectum and bowel with gas."""
    rectum = tube(
        [
            (14, 46, 50, 12),
            (3, 52, 34, 14),
            (0, 54, 12, 16),
            (0, 47, -16, 15),
            (0, 38, -40, 11),
            (0, 46, -64, 9),
            (0, 62, -100, 9),
        ],
        6,
    )
    sigmoid = tube(
        [
            (14, 46, 50, 12),
            (30, 20, 50, 13),
            (40, -20, 50, 13),
            (60, -42, 68, 13),
            (90, -40, 98, 14),
            (102, -10, 132, 15),
            (106, 6, 205, 15),
        ],
        6,
    )
    caecum = tube(
        [(-78, -44, 58, 15), (-92, -36, 76, 21), (-100, -24, 104, 23), (-103, -4, 140, 22), (-104, 8, 205, 22)], 6
    )
    pockets = [
        ((-22, -50, 141), (17, 14, 13)),
        ((40, -48, 114), (19, 14, 12)),
        ((-50, -50, 168), (16, 14, 13)),
        ((10, -50, 87), (15, 14, 12)),
    ]
    gas = Union([Ellipsoid(c, r) for c, r in pockets])
    return [
        Solid(Ellipsoid((0.0, -14.0, -32.0), (22, 17, 15)), 46.0, texture_hu=5.0),
        *(Solid(s, 40.0) for s in both_sides(Ellipsoid((15.0, 18.0, -10.0), (15, 6, 7)))),
        Bowel(Ellipsoid((0.0, -18.0, 4.0), (42, 31, 27)), 6.0, wall_mm=3.2, wall_hu=42.0),
        Bowel(rectum, 30.0, Ellipsoid((0.0, 48.0, 6.0), (22, 30, 20)), 46.0),
        Bowel(_loops(), 24.0, gas, -50.0),
        Bowel(tube(ILEUM, 5), 20.0),
        Bowel(sigmoid, 5.0, Ellipsoid((102.0, -12.0, 138.0), (30, 40, 26)), -12.0),
        Bowel(caecum, -15.0, Ellipsoid((-96.0, -35.0, 90.0), (40, 40, 24)), -36.0),
    ]


@dataclass(frozen=True)
class Curved:
    """A slab bent about an axis along the table: ``top_y`` under the middle, hollow side towards the patient."""

    top_y: float
    thickness_mm: float
    bend_mm: float = 900.0

    @cached_property
    def low(self) -> Array:
        """Lower corner of the bounding box."""
        return np.array([-400.0, self.top_y - 100, -1e6])

    @cached_property
    def high(self) -> Array:
        """Upper corner of the bounding box."""
        return np.array([400.0, self.top_y + self.thickness_mm, 1e6])

    def distance(self, points: Points) -> Array:
        """Exact distance."""
        half = self.thickness_mm / 2
        from_axis = np.hypot(points.xyz[:, 0], points.xyz[:, 1] - (self.top_y - self.bend_mm))
        return np.asarray(np.abs(from_axis - self.bend_mm - half) - half)


def table(label: int) -> list[Layer]:
    """A carbon shell around foam, some millimetres of air below the patient."""
    return [Solid(Curved(125.0, 15.0), 180.0, label), Solid(Curved(128.0, 9.0), -935.0, label)]
