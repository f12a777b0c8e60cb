"""What the numbers of bone fragments mean: definition, unit and source, one row each."""

from __future__ import annotations

from prosector.model.measurement import Definition
from prosector.model.structures import Code

_ICP = "Point-to-plane ICP: Chen & Medioni, Image and Vision Computing 10 (1992) 145; trimmed: Chetverikov, ICPR 2002"
_SIDES = (
    ("towards the left", "L", "left"),
    ("towards the back", "P", "posterior"),
    ("towards the head", "S", "superior"),
)

VOLUME = Definition(
    "fragment volume",
    "mm3",
    "Volume that the fragment's surface encloses, marrow included, by the divergence theorem.",
    code=Code("118565006", "SCT", "Volume"),
)
EXTENTS = tuple(
    Definition(
        f"fragment extent along its {which} principal axis",
        "mm",
        f"Distance between the planes perpendicular to the {which} principal axis of the fragment's voxels that just "
        "hold its surface.",
        code=Code("410668003", "SCT", "Length"),
    )
    for which in ("first", "second", "third")
)
GAP = Definition(
    "fracture gap",
    "mm",
    "Mean distance between the opposed fracture faces along the common normal of both, where they lie opposite each "
    "other; the rim, a voxel and a half wide, is left out.",
)
LARGEST_GAP = Definition(
    "largest fracture gap",
    "mm",
    "Largest distance between the opposed faces along their common normal, averaged over a radius of 2 mm.",
)
STEP = Definition(
    "step-off",
    "mm",
    "Shift, within the plane perpendicular to the faces' common normal, between the outlines of the two faces, found "
    "by carrying the sides of both fragments on to their faces.",
)
FACE_AREA = Definition(
    "facing area", "mm2", "Area of the first fragment's face, without its rim, that has the other face opposite."
)
TRANSLATION = Definition(
    "translation to reduce", "mm", "Way of the middle of the fragment's surface to where it belongs.", _ICP
)
TRANSLATION_PARTS = tuple(
    Definition(f"translation to reduce {way}", "mm", f"Its part along the patient's {axis} axis.", _ICP)
    for way, axis, _ in _SIDES
)
ROTATION = Definition(
    "rotation to reduce", "deg", "Angle about its axis by which the fragment turns to where it belongs.", _ICP
)
ROTATION_PARTS = tuple(
    Definition(
        f"rotation to reduce about the {name} axis",
        "deg",
        f"Part along {axis} of the rotation vector (axis times angle); right-handed about the axis that points {name}.",
        _ICP,
    )
    for _, axis, name in _SIDES
)
RESIDUAL = Definition(
    "residual of the registration",
    "mm",
    "Root mean square distance of fragment and reference from the intact bone's surface, both in quadrature, over the "
    "closest nine tenths of their points.",
    _ICP,
)
