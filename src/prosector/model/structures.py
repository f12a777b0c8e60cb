"""Coded names of anatomical structures: one row each, used by segmentation, DICOM and report.

Types are of CID 7151 where it has one. Where neither it nor another context group names the structure, the type is
a broader one that the standard does name (a numbered rib is coded as a rib, a gluteal muscle as a muscle), and the
name says the rest. Sides are modifiers of the type (CID 244).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from prosector.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 8.8): value, coding scheme designator, meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure with SNOMED CT category (CID 7150) and type (CID 7151), its display colour, and its side.

    ``modifier`` is the type's (0062,0011) Segmented Property Type Modifier Code: LEFT, RIGHT or None.
    """

    name: str
    category: Code
    type: Code
    color_rgb: tuple[int, int, int]
    modifier: Code | None = None


ANATOMICAL = Code("91723000", "SCT", "Anatomical Structure")
TISSUE = Code("85756007", "SCT", "Tissue")
ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
PHYSICAL = Code("260787004", "SCT", "Physical object")
SUBSTANCE = Code("91720002", "SCT", "Body Substance")

LEFT = Code("7771000", "SCT", "Left")
RIGHT = Code("24028007", "SCT", "Right")

BODY_STRUCTURE = "123037004"
"""What older files, and 3D Slicer, give as the category where CID 7150 has Anatomical Structure."""

_BONE = Code("3138006", "SCT", "Bone")
_MUSCLE = Code("91727004", "SCT", "Muscle")
_IVORY, _ARTERY, _VEIN, _FLESH = (241, 226, 190), (210, 55, 45), (60, 95, 190), (165, 75, 65)
_LUNG, _BOWEL = (150, 190, 230), (205, 150, 120)

Color = tuple[int, int, int]


def _whole(name: str, value: str, meaning: str, color: Color) -> tuple[Structure, ...]:
    return (Structure(name, ANATOMICAL, Code(value, "SCT", meaning), color),)


def _of(name: str, kind: Code, color: Color, category: Code = ANATOMICAL) -> tuple[Structure, ...]:
    """A structure, and the same on the left and on the right; the right one is a little darker."""
    darker = (color[0] * 4 // 5, color[1] * 4 // 5, color[2] * 4 // 5)
    left = Structure(f"left {name}", category, kind, color, LEFT)
    right = Structure(f"right {name}", category, kind, darker, RIGHT)
    return Structure(name, category, kind, color), left, right


def _pair(name: str, value: str, meaning: str, color: Color) -> tuple[Structure, ...]:
    return _of(name, Code(value, "SCT", meaning), color)


_TISSUES = (
    # coded as skin: its outline is what "body" delineates, not the "Entire body" of CID 7151
    Structure("body", ANATOMICAL, Code("39937001", "SCT", "Skin"), (222, 184, 160)),
    Structure("bone", ANATOMICAL, _BONE, _IVORY),
    Structure("vessel", ANATOMICAL, Code("59820001", "SCT", "Blood Vessel"), (200, 50, 45)),
    Structure("vessel lumen", ANATOMICAL, Code("91747007", "SCT", "Lumen of blood vessel"), (220, 40, 40)),
    Structure("thrombus", ABNORMAL, Code("396339007", "SCT", "Thrombus"), (190, 150, 90)),
    Structure("aneurysm", ABNORMAL, Code("85659009", "SCT", "aneurysm"), (225, 90, 60)),
    Structure("calcification", ABNORMAL, Code("18115005", "SCT", "pathologic calcification"), (250, 245, 225)),
    *_pair("lung", "39607008", "Lung", _LUNG),
    Structure("airway", ANATOMICAL, Code("89187006", "SCT", "Airway structure"), (120, 220, 230)),
    Structure("gas", SUBSTANCE, Code("74947009", "SCT", "Gas"), (170, 200, 255)),
    Structure("metal", PHYSICAL, Code("40388003", "SCT", "Implant"), (170, 180, 200)),
    Structure("lesion", ABNORMAL, Code("52988006", "SCT", "Lesion"), (120, 200, 90)),
    Structure("tumour", ABNORMAL, Code("108369006", "SCT", "Neoplasm"), (140, 190, 70)),
    Structure("soft tissue", TISSUE, Code("87784001", "SCT", "Soft tissue"), (205, 130, 110)),
    Structure("fat", TISSUE, Code("55603005", "SCT", "Fat"), (240, 215, 130)),
    *_of("muscle", _MUSCLE, _FLESH, TISSUE),
    # for labels that come without a name
    Structure("unspecified tissue", TISSUE, TISSUE, (200, 200, 120)),
    Structure("table", PHYSICAL, Code("86407004", "SCT", "Table"), (120, 130, 140)),
)

_BONES = (
    *(
        replace(row, name=f"{side} bone")
        for side, row in zip(("left", "right"), _of("", _BONE, _IVORY)[1:], strict=True)
    ),
    *_pair("rib", "113197003", "Rib", (235, 215, 170)),
    *_pair("humerus", "85050009", "Humerus", (235, 205, 160)),
    *_pair("radius", "62413002", "Radius", (230, 205, 165)),
    *_pair("ulna", "23416004", "Ulna", (225, 195, 150)),
    *_pair("scapula", "79601000", "Scapula", (230, 200, 150)),
    *_pair("clavicle", "51299004", "Clavicle", (225, 210, 165)),
    *_pair("femur", "71341001", "Femur", (240, 215, 150)),
    *_pair("patella", "64234005", "Patella", (245, 220, 170)),
    *_pair("tibia", "12611008", "Tibia", (235, 210, 155)),
    *_pair("fibula", "87342007", "Fibula", (225, 200, 155)),
    *_of("hip bone", _BONE, (220, 190, 140)),  # "Hip" (29836001) is the region
    *_whole("skull", "89546000", "Skull", (245, 228, 195)),
    *_whole("mandible", "91609006", "Mandible", (235, 215, 180)),
    *_whole("sternum", "56873002", "Sternum", (230, 205, 155)),
    *_whole("sacrum", "54735007", "Sacrum", (215, 190, 140)),
    *_whole("costal cartilages", "50016007", "Costal Cartilage", (180, 205, 200)),
    *_whole("vertebra", "51282000", "Vertebra", (230, 205, 150)),
    *_whole("S1 vertebra", "51282000", "Vertebra", (205, 180, 130)),
)

_VERTEBRAE = {
    "C": "14806007 39976000 113205007 5329002 36978003 36054005 87391001",
    "T": "64864005 53733008 1626008 73071006 56401006 45296009 62487009 11068009 82687006 7610001 12989004 23215003",
    "L": "66794005 14293000 36470004 11994002 49668003",
}


def _vertebra(level: str, value: str, n: int) -> Structure:
    color = (240, 222, 180) if n % 2 else (200, 175, 130)  # neighbours can be told apart
    return Structure(f"{level}{n} vertebra", ANATOMICAL, Code(value, "SCT", f"{level}{n} vertebra"), color)


def _numbered_ribs() -> tuple[Structure, ...]:
    _, left, right = _pair("rib", "113197003", "Rib", (245, 225, 185))
    _, dim_left, dim_right = _pair("rib", "113197003", "Rib", (205, 180, 130))
    odd_even = ((dim_left, dim_right), (left, right))
    return tuple(replace(row, name=f"{row.name} {n}") for n in range(1, 13) for row in odd_even[n % 2])


_ORGANS = (
    *_whole("spleen", "78961009", "Spleen", (150, 80, 110)),
    *_pair("kidney", "64033007", "Kidney", (185, 95, 70)),
    *_pair("adrenal gland", "23451007", "Adrenal gland", (225, 180, 80)),
    *_of("kidney cyst", Code("367643001", "SCT", "Cyst"), (110, 180, 200), ABNORMAL),
    *_whole("gallbladder", "28231008", "Gallbladder", (110, 170, 80)),
    *_whole("liver", "10200004", "Liver", (155, 85, 65)),
    *_whole("stomach", "69695003", "Stomach", (215, 140, 130)),
    *_whole("pancreas", "15776009", "Pancreas", (230, 190, 120)),
    *_pair("upper lobe of lung", "45653009", "Upper lobe of lung", (165, 205, 240)),
    *_pair("lower lobe of lung", "90572001", "Lower lobe of lung", (125, 165, 215)),
    *_whole("middle lobe of right lung", "72481006", "Middle lobe of right lung", (140, 200, 205)),
    *_whole("esophagus", "32849002", "Esophagus", (215, 165, 140)),
    *_whole("trachea", "44567001", "Trachea", (140, 215, 225)),
    *_whole("thyroid gland", "69748006", "Thyroid", (200, 120, 90)),
    *_whole("small bowel", "30315005", "Small intestine", _BOWEL),
    *_whole("duodenum", "38848004", "Duodenum", (220, 165, 115)),
    *_whole("colon", "71854001", "Colon", (190, 130, 100)),
    *_whole("urinary bladder", "89837001", "Bladder", (225, 205, 110)),
    *_whole("prostate", "41216001", "Prostate", (205, 145, 120)),
    *_whole("brain", "12738006", "Brain", (230, 190, 175)),
    *_whole("spinal cord", "2748008", "Spinal cord", (245, 220, 120)),
    *_whole("heart", "80891009", "Heart", (195, 65, 75)),
    *_whole("left atrial appendage", "33626005", "Left auricular appendage", (215, 95, 105)),
)

_VESSELS = (
    *_whole("aorta", "15825003", "Aorta", (215, 60, 50)),
    *_whole("pulmonary artery", "81040000", "Pulmonary artery", (95, 110, 200)),
    *_whole("pulmonary vein", "122972007", "Pulmonary vein", (205, 85, 90)),
    *_whole("brachiocephalic trunk", "12691009", "Innominate artery", (220, 75, 60)),
    *_pair("subclavian artery", "36765005", "Subclavian artery", (225, 85, 65)),
    *_pair("common carotid artery", "32062004", "Common carotid artery", (230, 70, 50)),
    *_pair("internal carotid artery", "86117002", "Internal carotid artery", (235, 90, 60)),
    *_pair("vertebral artery", "85234005", "Vertebral artery", (215, 80, 70)),
    *_pair("brachiocephalic vein", "8887007", "Innominate vein", (70, 105, 200)),
    *_whole("superior vena cava", "48345005", "Superior vena cava", (55, 90, 185)),
    *_whole("inferior vena cava", "64131007", "Inferior vena cava", (65, 100, 195)),
    *_whole("portal vein", "32764006", "Portal vein", (80, 120, 195)),
    *_whole("portal and splenic vein", "32764006", "Portal vein", (85, 125, 200)),
    *_pair("common iliac artery", "73634005", "Common iliac artery", _ARTERY),
    *_pair("common iliac vein", "46027005", "Common iliac vein", _VEIN),
)

_MUSCLES = tuple(
    row
    for name, color in (
        ("gluteus maximus", (170, 80, 70)),
        ("gluteus medius", (180, 90, 75)),
        ("gluteus minimus", (190, 100, 85)),
        ("deep back muscles", (160, 70, 60)),
        ("iliopsoas", (175, 85, 80)),
    )
    for row in _of(name, _MUSCLE, color, TISSUE)
)

STRUCTURES = {
    s.name: s
    for s in (
        *_TISSUES,
        *_BONES,
        *(_vertebra(level, v, n) for level, all in _VERTEBRAE.items() for n, v in enumerate(all.split(), 1)),
        *_numbered_ribs(),
        *_ORGANS,
        *_VESSELS,
        *_MUSCLES,
    )
}
"""Rows by name. Of rows with the same codes the general one comes first."""


def structure(name: str) -> Structure:
    """Return the row of a structure, or raise UnknownNameError."""
    if name not in STRUCTURES:
        raise UnknownNameError("structure", name, STRUCTURES)
    return STRUCTURES[name]


def structure_coded(category: Code, kind: Code, modifier: Code | None = None, name: str = "") -> Structure | None:
    """The row that has these codes, or None; of several the one called ``name``, else the most general one."""
    wanted = [_identity(category), _identity(kind), _identity(modifier)]
    rows = [
        row for row in STRUCTURES.values() if [_identity(c) for c in (row.category, row.type, row.modifier)] == wanted
    ]
    return next((row for row in rows if row.name == name), rows[0] if rows else None)


def _identity(code: Code | None) -> tuple[str, str] | None:
    if code is None:
        return None
    return code.scheme, ANATOMICAL.value if code.value == BODY_STRUCTURE else code.value
