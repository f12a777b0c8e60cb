"""Coded names of anatomical structures: one row each, used by segmentation, DICOM and report."""

from __future__ import annotations

from dataclasses import dataclass

from prosector.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 8.8): value, coding scheme designator, meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure with SNOMED CT category (CID 7150) and type (CID 7151), and its display colour."""

    name: str
    category: Code
    type: Code
    color_rgb: tuple[int, int, int]


ANATOMICAL = Code("91723000", "SCT", "Anatomical Structure")
TISSUE = Code("85756007", "SCT", "Tissue")
ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
PHYSICAL = Code("260787004", "SCT", "Physical object")
SUBSTANCE = Code("91720002", "SCT", "Body Substance")

STRUCTURES = {
    s.name: s
    for s in (
        # CID 7151 has no code for the whole body; its skin outline is what "body" delineates.
        Structure("body", ANATOMICAL, Code("39937001", "SCT", "Skin"), (222, 184, 160)),
        Structure("bone", ANATOMICAL, Code("3138006", "SCT", "Bone"), (241, 226, 190)),
        Structure("vessel", ANATOMICAL, Code("59820001", "SCT", "Blood Vessel"), (200, 50, 45)),
        Structure("vessel lumen", ANATOMICAL, Code("91747007", "SCT", "Lumen of blood vessel"), (220, 40, 40)),
        Structure("thrombus", ABNORMAL, Code("396339007", "SCT", "Thrombus"), (190, 150, 90)),
        Structure("lung", ANATOMICAL, Code("39607008", "SCT", "Lung"), (150, 190, 230)),
        Structure("airway", ANATOMICAL, Code("89187006", "SCT", "Airway structure"), (120, 220, 230)),
        Structure("gas", SUBSTANCE, Code("74947009", "SCT", "Gas"), (170, 200, 255)),
        Structure("metal", PHYSICAL, Code("40388003", "SCT", "Implant"), (170, 180, 200)),
        Structure("lesion", ABNORMAL, Code("52988006", "SCT", "Lesion"), (120, 200, 90)),
        Structure("soft tissue", TISSUE, Code("87784001", "SCT", "Soft tissue"), (205, 130, 110)),
        # for labels that come without a name
        Structure("unspecified tissue", TISSUE, TISSUE, (200, 200, 120)),
        Structure("table", PHYSICAL, Code("86407004", "SCT", "Table"), (120, 130, 140)),
    )
}


def structure(name: str) -> Structure:
    """Return the row of a structure, or raise UnknownNameError."""
    if name not in STRUCTURES:
        raise UnknownNameError("structure", name, STRUCTURES)
    return STRUCTURES[name]
