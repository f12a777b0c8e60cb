"""The pelvis phantom's vessels, its aneurysm and its lesion; LPS mm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prosector.datasets.shapes import Ellipsoid, Shape, Union, mirrored
from prosector.datasets.shapes_swept import Knot, Tube, tube
from prosector.model.geometry import Array

ANEURYSM_DIAMETER_MM = 29.0
ANEURYSM_LENGTH_MM = 19.0
"""Length scale of the bulge: the radius falls off as exp(−(s / length)² · 2)."""


@dataclass(frozen=True)
class Arteries:
    """Centre lines of the contrast-filled tree; the right common iliac artery carries the aneurysm."""

    aorta: Tube
    left_common_iliac: Tube
    right_common_iliac: Tube
    left_external_iliac: Tube
    right_external_iliac: Tube
    aneurysm_at: int
    branches: tuple[Shape, ...]

    @property
    def lumen(self) -> Shape:
        """Everything filled with contrast; branches flow into each other over 4 mm."""
        main = (self.aorta, self.left_common_iliac, self.right_common_iliac)
        return Union([*main, self.left_external_iliac, self.right_external_iliac, *self.branches], 4.0)


def _with_aneurysm(vessel: Tube) -> tuple[Tube, int]:
    """Widen a tube to the aneurysm's diameter at the middle of its length."""
    arc = vessel.arc_mm
    at = int(np.argmin(np.abs(arc - 0.52 * arc[-1])))
    extra = ANEURYSM_DIAMETER_MM / 2 - vessel.radii[at]
    bulge = extra * np.exp(-2 * ((arc - arc[at]) / ANEURYSM_LENGTH_MM) ** 2)
    return replace(vessel, radii=vessel.radii + bulge), at


def _flip(vessel: Tube) -> Tube:
    return replace(vessel, centers=vessel.centers * (-1, 1, 1))


def arteries() -> Arteries:
    """Aorta at L4 down to the femoral and deep femoral arteries."""
    external = tube(
        [
            (45, 19, 75, 5.2),
            (57, 0, 53, 5.0),
            (65, -24, 32, 5.0),
            (70, -45, 12, 5.0),
            (76, -54, -12, 4.8),
            (82, -52, -42, 4.6),
            (84, -46, -80, 4.4),
            (84, -42, -130, 4.3),
        ],
        1.0,
    )
    internal = tube([(45, 19, 75, 4.6), (46, 36, 58, 4.2), (44, 50, 40, 3.6), (46, 48, 18, 2.8), (47, 40, 2, 2.2)], 1.0)
    deep = tube([(81, -51, -36, 3.6), (95, -34, -60, 3.0), (100, -22, -130, 2.6)], 1.0)
    left = tube([(3, -13, 127, 8.0), (14, -12, 113, 6.4), (31, 2, 94, 6.0), (45, 19, 75, 5.6)], 1.0)
    right = tube([(3, -13, 127, 8.0), (-12, -13, 113, 6.4), (-31, 0, 94, 6.0), (-45, 19, 75, 5.6)], 1.0)
    bulging, at = _with_aneurysm(right)
    branches = (internal, mirrored(internal), deep, mirrored(deep))
    aorta = tube([(9, -15, 210, 9.5), (8, -15, 165, 9.25), (5, -14, 140, 9.0), (3, -13, 127, 8.8)], 1.0)
    return Arteries(aorta, left, bulging, external, _flip(external), at, branches)


def veins() -> Shape:
    """Inferior vena cava, iliac and femoral veins, before much contrast has reached them."""
    cava = tube([(-19, -7, 210, 11), (-18, -7, 150, 11), (-13, -2, 116, 10)])
    down: list[Knot] = [
        (50, 24, 66, 6.5),
        (58, 2, 42, 6.5),
        (62, -24, 20, 6.2),
        (63, -44, 2, 6),
        (66, -52, -18, 6),
        (72, -50, -45, 6),
        (78, -38, -130, 6),
    ]
    left = tube([(-13, -2, 116, 8), (8, 0, 103, 7.5), (32, 14, 84, 7), *down])
    right = tube([(-13, -2, 116, 8), (-26, 10, 98, 7), (-40, 20, 82, 7), *((-x, y, z, r) for x, y, z, r in down)])
    return Union([cava, left, right], 4.0)


def lesion() -> Ellipsoid:
    """A mass in the right iliopsoas muscle, beside the external iliac artery."""
    c, s = np.cos(np.radians(35)), np.sin(np.radians(35))
    return Ellipsoid((-80.0, -20.0, 55.0), (13.0, 10.0, 15.0), np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]]))


def surface_points(body: Ellipsoid, count: int) -> Array:
    """(count, 3) points spread over an ellipsoid's surface (golden spiral)."""
    n = np.arange(count) + 0.5
    height, turn = 1 - 2 * n / count, np.pi * (1 + 5**0.5) * n
    ring = np.sqrt(1 - height**2)
    unit = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    return np.asarray((unit * np.array(body.radii)) @ body.axes + np.array(body.center))
