"""What the basic numbers mean: definition, unit, source and code, one row each."""

from __future__ import annotations

from prosector.model.measurement import Definition
from prosector.model.structures import Code
from prosector.model.volume import HOUNSFIELD

_LENGTH = Code("410668003", "SCT", "Length")
_DISTANCE = Code("121206", "DCM", "Distance")
_MINIMUM = Code("255605001", "SCT", "Minimum")
_VOLUME = Code("118565006", "SCT", "Volume")
_AREA = Code("42798000", "SCT", "Area")
_IBSI = "Image Biomarker Standardisation Initiative, reference manual, section 3.1"

DISTANCE = Definition("distance", "mm", "Straight line between two points.", code=_DISTANCE)
ANGLE = Definition(
    "angle",
    "deg",
    "Angle at the middle one of three points, 0° to 180°.",
    code=Code("1483009", "SCT", "Angle"),
)
LINE_ANGLE = Definition(
    "angle between lines",
    "deg",
    "Angle between the direction from the first to the second point and that from the third to the fourth, 0° to 180°.",
    code=Code("1483009", "SCT", "Angle"),
)
PATH_LENGTH = Definition(
    "path length", "mm", "Sum of the straight pieces between points in turn.", code=Code("121211", "DCM", "Path length")
)
POLYGON_AREA = Definition(
    "polygon area",
    "mm2",
    "Area of the closed polygon through the points in turn, projected onto its own plane (half the length of the sum "
    "of cross products).",
    code=_AREA,
)

VOXEL_VOLUME = Definition(
    "volume by voxel count",
    "mm3",
    "Number of voxels of the segment times the volume of a voxel.",
    _IBSI,
    Code("YEKZ", "IBSI", "Volume from Voxel Summation"),
)
CORRECTED_VOLUME = Definition(
    "volume with partial-volume correction",
    "mm3",
    "Sum over voxels of the part that the segment fills: where its border runs, the value's place between the local "
    "level outside and that inside.",
    code=_VOLUME,
)
MESH_VOLUME = Definition(
    "volume of the surface",
    "mm3",
    "Volume that the triangles at the half level enclose, by the divergence theorem.",
    _IBSI,
    Code("RNU0", "IBSI", "Volume of Mesh"),
)
SURFACE_AREA = Definition(
    "surface area",
    "mm2",
    "Sum of the areas of the triangles at the half level.",
    _IBSI,
    Code("C0JK", "IBSI", "Surface Area of Mesh"),
)
MAXIMUM_DIAMETER = Definition(
    "maximum 3D diameter",
    "mm",
    "Largest distance between two points of the surface.",
    _IBSI,
    Code("L0JK", "IBSI", "Maximum 3D Diameter of a Mesh"),
)
LONG_AXIS = Definition(
    "longest diameter in a slice",
    "mm",
    "Largest distance between two points of one outline in an acquired slice, over all slices; in axial series the "
    "long axis of RECIST.",
    "Eisenhauer et al., Eur J Cancer 45 (2009) 228",
    Code("103339001", "SCT", "Long axis"),
)
SHORT_AXIS = Definition(
    "short axis in that slice",
    "mm",
    "Width of the same outline perpendicular to its longest diameter, within the slice.",
    "Eisenhauer et al., Eur J Cancer 45 (2009) 228",
    Code("103340004", "SCT", "Short axis"),
)
EXTENTS = tuple(
    Definition(
        f"extent along the {which} principal axis",
        "mm",
        f"Distance between the two planes perpendicular to the {which} principal axis of the segment's second moments "
        "that just hold the surface.",
        code=_LENGTH,
    )
    for which in ("first", "second", "third")
)

MINIMUM_DISTANCE = Definition(
    "minimum distance between surfaces",
    "mm",
    "Length of the shortest line between the surfaces at the half level; 0 where they touch.",
    code=_DISTANCE,
    modifier=_MINIMUM,
)
CONTACT_AREA = Definition(
    "contact area",
    "mm2",
    "Area of that part of the second structure's surface that lies within the contact tolerance of the first's.",
    code=_AREA,
)
CONTACT_LENGTH = Definition(
    "contact length",
    "mm",
    "Largest distance between two points of one connected part of the second structure's surface that lies within the "
    "contact tolerance of the first's.",
    code=_LENGTH,
)
VOLUME_WITHIN = Definition(
    "volume within a distance",
    "mm3",
    "Volume of the voxels of the first structure whose centres lie within the stated distance of the second's surface.",
    code=_VOLUME,
)
ENCASEMENT = Definition(
    "encasement angle",
    "deg",
    "Degrees of the vessel's circumference, seen from the middle of its section, over which the lesion begins within "
    "the contact tolerance outward of the lumen's border; the largest mean over three voxels along the vessel, "
    "in sections perpendicular to it.",
)
ENCASED_LENGTH = Definition(
    "contact length along the vessel",
    "mm",
    "Length along the centreline between the first and the last section that the lesion touches.",
    code=_LENGTH,
)

CALCIUM_SCORE = Definition(
    "Agatston-like score",
    "1",
    "Sum over slices and connected lesions of area (mm²) times weight by peak value (1 from 130 HU, 2 from 200, 3 from "
    "300, 4 from 400), times slice distance over 3 mm.",
    "Agatston et al., J Am Coll Cardiol 15 (1990) 827",
    Code("112058", "DCM", "Calcium score"),
)
CALCIUM_VOLUME = Definition(
    "calcium-like volume",
    "mm3",
    "Volume of the voxels of the counted lesions; not interpolated to isotropic voxels.",
    "after Callister et al., Radiology 208 (1998) 807",
    Code("122660", "DCM", "Calcium Volume"),
)
CALCIUM_MASS = Definition(
    "calcium-like mass",
    "mg",
    "Calibration factor times the sum of value times voxel volume over the counted lesions.",
    "Hong et al., Radiology 223 (2002) 474",
    Code("122661", "DCM", "Calcium Mass"),
)
CALCIUM_LESIONS = Definition(
    "calcium-like lesions", "1", "Number of lesions connected in three dimensions, of those counted."
)
DENSITY_SUM = Definition(
    "density sum",
    "[hnsf'U].mm3",
    "Sum of value times voxel volume over the counted lesions.",
)

_ATTENUATION = {
    "mean": ("112181", "Mean Attenuation Coefficient"),
    "standard deviation": ("112183", "Standard Deviation of Attenuation Coefficient"),
    "minimum": ("112179", "Minimum Attenuation Coefficient"),
    "maximum": ("112180", "Maximum Attenuation Coefficient"),
    "median": ("112182", "Median Attenuation Coefficient"),
}


def value_definition(statistic: str, unit: str) -> Definition:
    """Definition of a statistic of voxel values: "mean", "standard deviation", "5th percentile" and so on."""
    words = f"{statistic[:1].upper()}{statistic[1:]} of the values of the segment's voxels."
    code = Code(_ATTENUATION[statistic][0], "DCM", _ATTENUATION[statistic][1]) if _coded(statistic, unit) else None
    return Definition(f"{statistic} value", unit, words, code=code)


def _coded(statistic: str, unit: str) -> bool:
    return unit == HOUNSFIELD and statistic in _ATTENUATION


ALL = (
    DISTANCE, ANGLE, LINE_ANGLE, PATH_LENGTH, POLYGON_AREA, VOXEL_VOLUME, CORRECTED_VOLUME, MESH_VOLUME, SURFACE_AREA,
    MAXIMUM_DIAMETER, LONG_AXIS, SHORT_AXIS, *EXTENTS, MINIMUM_DISTANCE, CONTACT_AREA, CONTACT_LENGTH, VOLUME_WITHIN,
    ENCASEMENT, ENCASED_LENGTH, CALCIUM_SCORE, CALCIUM_VOLUME, CALCIUM_MASS, CALCIUM_LESIONS, DENSITY_SUM,
    *(value_definition(statistic, HOUNSFIELD) for statistic in _ATTENUATION),
)  # fmt: skip
"""Every row, for the documentation and for the test of the codes."""
