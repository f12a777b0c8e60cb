"""What the numbers of vessels mean: definition, unit, source and code, one row each."""

from __future__ import annotations

from prosector.model.measurement import Definition
from prosector.model.structures import Code

_DIAMETER = Code("397413000", "SCT", "Vessel lumen diameter")
_OUTSIDE = Code("397414006", "SCT", "Vessel outside diameter")
_AREA = Code("397415007", "SCT", "Vessel lumen cross-sectional area")
_PERIMETER = Code("122332", "DCM", "Lumen Perimeter")
_DIAMETER_STENOSIS = Code("408715008", "SCT", "Lumen Diameter Stenosis")
_AREA_STENOSIS = Code("408714007", "SCT", "Lumen Area Stenosis")
_LENGTH = Code("410668003", "SCT", "Length")
_VOLUME = Code("118565006", "SCT", "Volume")
MINIMUM = Code("255605001", "SCT", "Minimum")
MAXIMUM = Code("56851009", "SCT", "Maximum")
MEAN = Code("373098007", "SCT", "Mean")

_PLANE = "in the plane perpendicular to the centreline"
_NASCET = "North American Symptomatic Carotid Endarterectomy Trial, N Engl J Med 325 (1991) 445"
_ECST = "European Carotid Surgery Trial, Lancet 351 (1998) 1379"
_JOHNSTON = "Johnston et al., J Vasc Surg 13 (1991) 452"

INSCRIBED = Definition(
    "maximum inscribed circle diameter", "mm", f"Diameter of the largest circle that fits in the lumen {_PLANE}.",
    code=_DIAMETER,
)  # fmt: skip
EQUIVALENT = Definition(
    "circular-equivalent diameter", "mm", f"Diameter of the circle with the area of the lumen {_PLANE}.",
    code=_DIAMETER,
)  # fmt: skip
LEAST_FERET = Definition(
    "minimum Feret diameter", "mm", f"Least distance between parallel lines that hold the lumen {_PLANE}.",
    code=_DIAMETER, modifier=MINIMUM,
)  # fmt: skip
GREATEST_FERET = Definition(
    "maximum Feret diameter", "mm", f"Greatest distance between parallel lines that hold the lumen {_PLANE}.",
    code=_DIAMETER, modifier=MAXIMUM,
)  # fmt: skip
AREA = Definition("lumen area", "mm2", f"Area of the lumen {_PLANE}.", code=_AREA)
PERIMETER = Definition("lumen perimeter", "mm", f"Length of the lumen's rim {_PLANE}.", code=_PERIMETER)

SECTION_ROWS = {
    "inscribed": INSCRIBED,
    "equivalent": EQUIVALENT,
    "least_feret": LEAST_FERET,
    "greatest_feret": GREATEST_FERET,
    "area": AREA,
    "perimeter": PERIMETER,
}
"""Field of Sizes to its definition."""

CENTERLINE_LENGTH = Definition(
    "length along the centreline", "mm", "Length of the smoothed centreline between two positions.", code=_LENGTH
)


def over_branch(of: Definition, which: str) -> Definition:
    """Smallest, largest or mean of a section's size along a stretch of vessel."""
    modifier = {"smallest": MINIMUM, "largest": MAXIMUM, "mean": MEAN}[which]
    text = f"The {which} along the stretch, over sections that are not cut open: {of.text[0].lower()}{of.text[1:]}"
    return Definition(f"{which} {of.name}", of.unit, text, of.source, of.code, modifier)


NASCET = Definition(
    "stenosis by NASCET", "%",
    "1 − narrowest ÷ reference, both circular-equivalent lumen diameters; the reference is the mean over the healthy "
    "segment distal to the narrowing.",
    _NASCET, _DIAMETER_STENOSIS,
)  # fmt: skip
ECST = Definition(
    "stenosis by ECST", "%",
    "1 − narrowest ÷ original, both circular-equivalent lumen diameters; the original lumen at the narrowing is "
    "estimated on the straight line between the healthy segments before and after it.",
    _ECST, _DIAMETER_STENOSIS,
)  # fmt: skip
AREA_STENOSIS = Definition(
    "stenosis by area", "%", "1 − least lumen area ÷ mean lumen area over the healthy segment distal to the narrowing.",
    code=_AREA_STENOSIS,
)  # fmt: skip
NARROWEST = Definition(
    "diameter at the narrowing", "mm", f"Circular-equivalent diameter of the lumen {_PLANE}, where it is narrowest.",
    code=_DIAMETER, modifier=MINIMUM,
)  # fmt: skip
REFERENCE = Definition(
    "reference diameter", "mm", "Mean circular-equivalent diameter of the lumen over the distal reference segment.",
    code=_DIAMETER,
)  # fmt: skip
ORIGINAL = Definition(
    "estimated original diameter", "mm",
    "Circular-equivalent diameter that the lumen would have at the narrowing, on the straight line between the "
    "reference segments before and after it.",
    code=_DIAMETER,
)  # fmt: skip
POSITION = Definition(
    "position along the centreline", "mm", "Length of the centreline from its start to the place.", code=_LENGTH
)
LESION_LENGTH = Definition(
    "length of the narrowing", "mm", "Length along the centreline over which the lumen is narrower than 90 % of what "
    "the reference segments let expect.", code=_LENGTH,
)  # fmt: skip

SAC_FERET = Definition(
    "maximum aneurysm diameter", "mm",
    f"Greatest maximum Feret diameter of the lumen {_PLANE}, along the sac.",
    code=_DIAMETER, modifier=MAXIMUM,
)  # fmt: skip
SAC_OUTER = Definition(
    "maximum outer aneurysm diameter", "mm",
    f"Greatest maximum Feret diameter of lumen and thrombus together {_PLANE}, along the sac.",
    code=_OUTSIDE, modifier=MAXIMUM,
)  # fmt: skip
SAC_EQUIVALENT = Definition(
    "circular-equivalent aneurysm diameter", "mm",
    f"Diameter of the circle with the area of the lumen {_PLANE}, where that is largest along the sac.",
    code=_DIAMETER, modifier=MAXIMUM,
)  # fmt: skip
SAC_LENGTH = Definition(
    "aneurysm length", "mm",
    "Length along the centreline between the places before and after the widest one where the lumen falls to 110 % of "
    "the reference diameter.",
    code=_LENGTH,
)  # fmt: skip
SAC_VOLUME = Definition(
    "aneurysm lumen volume", "mm3", "Lumen areas perpendicular to the centreline, summed over the aneurysm's length.",
    code=_VOLUME,
)  # fmt: skip
NECK_DIAMETER = Definition(
    "neck diameter", "mm",
    "Mean circular-equivalent diameter of the lumen over the neck: the vessel before the aneurysm, as far as it stays "
    "within 10 % of the reference diameter.",
    code=_DIAMETER,
)  # fmt: skip
NECK_LENGTH = Definition(
    "neck length", "mm", "Length of the neck along the centreline, up to where the aneurysm begins.", code=_LENGTH
)
RATIO = Definition(
    "dilatation", "1",
    "Largest circular-equivalent diameter of the aneurysm ÷ reference diameter; from 1.5 on it is called an aneurysm.",
    _JOHNSTON,
)  # fmt: skip

ALL = (
    *SECTION_ROWS.values(), CENTERLINE_LENGTH, NASCET, ECST, AREA_STENOSIS, NARROWEST, REFERENCE, ORIGINAL, POSITION,
    LESION_LENGTH, SAC_FERET, SAC_OUTER, SAC_EQUIVALENT, SAC_LENGTH, SAC_VOLUME, NECK_DIAMETER, NECK_LENGTH, RATIO,
)  # fmt: skip
"""Every row, for the documentation and for the test of the codes."""
