"""Operations on centrelines: finding them, and measuring vessels along them."""

from __future__ import annotations

from prosector.dicom import codes
from prosector.model.centerlines import Centerlines
from prosector.model.labels import LabelMap
from prosector.model.measurement import Measurements
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.pipeline.centerlines import (
    aneurysm,
    centerline,
    settle_centerline,
    settle_straightened,
    stenosis,
    straightened,
    vessel,
)
from prosector.pipeline.operation import Operation
from prosector.pipeline.parameters import Parameter
from prosector.pipeline.reformats import CURVE_PARAMETERS

_SEGMENT = Parameter("segment", "text", "", "segment that is the lumen; left out, all of them")
_END = Parameter("end", "integer", 0, "end of a tree, from 1 in the order of its branches; 0: the longest way", low=0)
_THRESHOLD = Parameter(
    "threshold_change", "number", 25.0, "the wall's level is moved by this to see what depends on it", "", 0, 1000
)
_LOOK = (_SEGMENT, _THRESHOLD)
_TAKES = {"volume": Volume, "labels": LabelMap}


def _span(name: str, what: str) -> Parameter:
    return Parameter(name, "numbers", (), f"{what}: from and to, along the line; left out, it is found", "mm", count=2)


CENTERLINE_ROWS: tuple[Operation, ...] = (
    Operation(
        name="centerline",
        technique="Vessel centreline",
        inputs={"labels": LabelMap},
        output=Centerlines,
        function=centerline,
        parameters=(
            Parameter("start_lps", "numbers", (), "where it starts; left out, the widest end", "mm", count=3),
            Parameter("ends_lps", "numbers", (), "where it ends; left out, a whole tree", "mm", count=3, repeated=True),
            _SEGMENT,
            Parameter("step_mm", "number", None, "distance between its points", "mm", 0.05, 20),
            Parameter("snap_mm", "number", 5.0, "how far from the lumen a point may lie", "mm", 0, 100),
            Parameter("shortest_mm", "number", 5.0, "branches of a tree shorter than this are left out", "mm", 0, 500),
        ),
        template="The vessel's centreline was found as the cheapest way through the inner distance field of the lumen "
        "and relaxed into the centroids of its cross-sections.",
        settle=settle_centerline,
        when_set={"ends_lps": "It runs from {start_lps} to {ends_lps} (LPS, mm)."},
        help="between points, or a tree that finds its ends",
    ),
    Operation(
        name="measure-vessel",
        technique="Vessel measurement",
        inputs={"centerlines": Centerlines},
        optional=_TAKES,
        output=Measurements,
        function=vessel,
        parameters=(
            *_LOOK,
            Parameter("at_mm", "numbers", (), "all sizes at these lengths along it", "mm", 0, count=1, repeated=True),
        ),
        template="Areas, perimeters and diameters of the lumen were measured in planes perpendicular to the "
        "centreline, at the half level between lumen and surroundings.",
        help="lengths, and diameters along every branch",
    ),
    Operation(
        name="measure-stenosis",
        technique="Stenosis measurement",
        inputs={"centerlines": Centerlines},
        optional=_TAKES,
        output=Measurements,
        function=stenosis,
        parameters=(
            *_LOOK,
            _END,
            _span("lesion_mm", "the narrowing"),
            _span("proximal_mm", "healthy segment before it"),
            _span("distal_mm", "healthy segment after it"),
        ),
        template="The narrowest place along the centreline was compared with reference segments (NASCET, ECST, area).",
        when_set={
            "lesion_mm": "The narrowing was looked for from {lesion_mm} mm.",
            "proximal_mm": "The proximal reference was chosen: {proximal_mm} mm.",
            "distal_mm": "The distal reference was chosen: {distal_mm} mm.",
        },
        help="percent by NASCET, ECST and area",
    ),
    Operation(
        name="measure-aneurysm",
        technique="Aneurysm measurement",
        inputs={"centerlines": Centerlines},
        optional=_TAKES,
        output=Measurements,
        function=aneurysm,
        parameters=(
            *_LOOK,
            _END,
            _span("reference_mm", "healthy vessel before the aneurysm"),
            Parameter("thrombus", "text", "", "segment of the thrombus, for the outer diameter"),
        ),
        template="The widest place along the centreline, the sac around it and the neck before it were measured in "
        "planes perpendicular to the centreline.",
        when_set={
            "reference_mm": "The reference was chosen: {reference_mm} mm.",
            "thrombus": "The outer diameter includes {thrombus}.",
        },
        help="diameter, neck, length, volume",
    ),
    Operation(
        name="straightened-mpr",
        technique="Straightened multiplanar reformat",
        inputs={"volume": Volume, "centerlines": Centerlines},
        output=Rendering,
        function=straightened,
        parameters=(_END, *(p for p in CURVE_PARAMETERS if p.name != "path_lps")),
        template="Multiplanar reformat along the vessel's centreline, {flat}, window center {window_center}, width "
        "{window_width}.",
        settle=settle_straightened,
        derivation=(codes.CURVED_MULTIPLANAR_REFORMATTING,),
        when_set={"thickness_mm": "It shows the {slab} of {thickness_mm} mm."},
        help="along a centreline; no 3D rendering",
    ),
)
