"""Measurements of points, segments and distances."""

from __future__ import annotations

from prosector.model.centerlines import Centerlines
from prosector.model.labels import LabelMap
from prosector.model.measurement import Measurements
from prosector.model.mesh import Mesh
from prosector.model.volume import Volume
from prosector.pipeline import measuring
from prosector.pipeline.operation import Operation
from prosector.pipeline.parameters import REQUIRED, Parameter

KINDS = ("distance", "angle", "path", "area")
"""What can be measured on points."""

_TECHNIQUE = "Measurement"
_SEGMENTS = Parameter("segments", "names", (), "names of segments; all where left out")
_THRESHOLD = Parameter(
    "threshold_uncertainty_hu",
    "number",
    None,
    "work it out again with the threshold so much lower and higher; left out, 25 in CT and nothing elsewhere",
    "HU",
    0,
    1000,
)
_THRESHOLD_WORDS = {"threshold_uncertainty_hu": "The threshold was taken as known to ±{threshold_uncertainty_hu} HU."}
_CONTACT = Parameter("contact_mm", "number", 1.0, "what is no further apart counts as touching", "mm", 0, 20)
_OTHERS = {"volume": Volume, "other": LabelMap}
_FIRST = Parameter("first", "text", REQUIRED, "name of the segment that is looked at")
_SECOND = Parameter("second", "text", REQUIRED, "name of the segment to which; in the other labels where given")

_POINTS = Operation(
    name="measure-points",
    technique=_TECHNIQUE,
    inputs={"volume": Volume},
    output=Measurements,
    function=measuring.points,
    parameters=(
        Parameter("kind", "text", REQUIRED, "what to measure; an angle has three points or two lines", choices=KINDS),
        Parameter(
            "points_lps", "numbers", REQUIRED, "points in turn, three coordinates each (LPS)", "mm",
            count=3, repeated=True,
        ),
        Parameter("name", "text", "", "what it is the measure of"),
    ),
    template="A measurement ({kind}) was made through {points_lps} (LPS, mm).",
    help="distance, angle, path length or area through points",
)  # fmt: skip

_OF_SEGMENTS = Operation(
    name="measure-segments",
    technique=_TECHNIQUE,
    inputs={"labels": LabelMap},
    optional={"volume": Volume},
    output=Measurements,
    function=measuring.segments,
    parameters=(_SEGMENTS, _THRESHOLD),
    template="Volume, surface, diameters and values of the segments were measured.",
    when_set=_THRESHOLD_WORDS,
    settle=measuring.settle_threshold,
    help="volume, surface area, diameters, extents and, with the volume, values of segments",
)

_HISTOGRAM = Operation(
    name="measure-histogram",
    technique=_TECHNIQUE,
    inputs={"volume": Volume},
    optional={"labels": LabelMap},
    output=Measurements,
    function=measuring.histogram,
    parameters=(_SEGMENTS, Parameter("bin_width", "number", 10.0, "width of a bin, in the volume's unit", "", 1e-6)),
    template="The histogram of the values was taken in bins of {bin_width}.",
    help="how many voxels have which value, in segments or in the whole volume",
)

_CALCIUM = Operation(
    name="measure-calcium",
    technique=_TECHNIQUE,
    inputs={"volume": Volume, "labels": LabelMap},
    output=Measurements,
    function=measuring.calcium,
    parameters=(
        _SEGMENTS,
        Parameter("threshold_hu", "number", 130.0, "what is at least so bright counts", "HU", -1000, 3000),
        Parameter("minimum_area_mm2", "number", 1.0, "leave out lesions of less area in a slice", "mm²", 0, 1000),
        Parameter("threshold_uncertainty_hu", "number", 10.0, "work it out again at ± this", "HU", 0, 1000),
        Parameter("mass_per_hu", "number", 0.0, "calibration of the scanner, mg/cm³ per HU; 0: no mass", "", 0, 100),
    ),
    template="Calcium-like sums were taken over values of at least {threshold_hu} HU in the regions given, lesions "
    "under {minimum_area_mm2} mm² in a slice left out.",
    when_set={
        **_THRESHOLD_WORDS,
        "mass_per_hu": "The mass was calibrated with {mass_per_hu} mg/cm³ per HU.",
    },
    help="Agatston-like score, volume and mass of what is bright inside regions",
)

_DISTANCE = Operation(
    name="measure-distance",
    technique=_TECHNIQUE,
    inputs={"labels": LabelMap},
    optional=_OTHERS,
    output=Measurements,
    function=measuring.distance,
    parameters=(
        _FIRST,
        _SECOND,
        _CONTACT,
        Parameter("within_mm", "number", 5.0, "volume of the first within this distance of the second", "mm", 0, 500),
        _THRESHOLD,
    ),
    template="The distance from {first} to {second} was measured between their surfaces; up to {contact_mm} mm count "
    "as contact.",
    when_set=_THRESHOLD_WORDS,
    settle=measuring.settle_threshold,
    help="minimum distance, contact and volume nearby between two segments",
)

_ENCASEMENT = Operation(
    name="measure-encasement",
    technique=_TECHNIQUE,
    inputs={"labels": LabelMap},
    optional={**_OTHERS, "centerlines": Centerlines},
    output=Measurements,
    function=measuring.encasement,
    parameters=(
        Parameter("lesion", "text", REQUIRED, "name of the lesion's segment"),
        Parameter("vessel", "text", REQUIRED, "name of the lumen's segment; in the other labels where given"),
        _CONTACT,
    ),
    template="The encasement of {vessel} by {lesion} was measured in sections across the vessel; up to {contact_mm} mm "
    "between lumen and lesion count as contact.",
    help="degrees of a vessel's circumference that a lesion surrounds",
)

_MAP = Operation(
    name="distance-map",
    technique="Surface extraction",
    inputs={"labels": LabelMap},
    optional=_OTHERS,
    output=Mesh,
    function=measuring.map_distance,
    parameters=(
        _FIRST,
        _SECOND,
        Parameter("far_mm", "number", 20.0, "distance at the far end of the colours", "mm", 0.1, 1000),
    ),
    template="The surface of {first} was coloured by its distance to {second}, from 0 to {far_mm} mm.",
    help="surface of a segment, coloured by its distance to another",
)

MEASURING_ROWS: tuple[Operation, ...] = (
    _POINTS,
    _OF_SEGMENTS,
    _HISTOGRAM,
    _CALCIUM,
    _DISTANCE,
    _ENCASEMENT,
    _MAP,
)
