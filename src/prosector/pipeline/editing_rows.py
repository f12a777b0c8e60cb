"""Edits of segmentations: each a step that replays to the same voxels."""

from __future__ import annotations

from functools import partial

from prosector.dicom import codes
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume
from prosector.pipeline.editing import brush, edit, erase, scissors, settle_view
from prosector.pipeline.operation import Operation
from prosector.pipeline.parameters import REQUIRED, Parameter
from prosector.pipeline.pictures import VIEW_PARAMETERS
from prosector.pipeline.regions import REGION_PARAMETERS

_NOT_OF_A_VIEW = ("preset", "annotate", "banner")
_CAMERA = (
    *(p for p in VIEW_PARAMETERS if p.name not in _NOT_OF_A_VIEW),
    *(p for p in REGION_PARAMETERS if p.name == "view_angle_deg"),
)
_SEGMENTS = Parameter("segments", "names", (), "which segments; left out, all")
_OTHER_SEGMENTS = Parameter("other_segments", "names", (), "which segments of the other labels; left out, all")
_STROKE = (
    Parameter("points_lps", "numbers", REQUIRED, "points of the stroke", "mm", count=3, repeated=True),
    Parameter("radius_mm", "number", REQUIRED, "of the ball that is drawn along it", "mm", 0.01, 200),
)
_ONLY = {"segments": "This was done to: {segments}."}


def _row(
    name: str,
    parameters: tuple[Parameter, ...],
    template: str,
    help: str,
    when_set: dict[str, str] | None = None,
) -> Operation:
    """An edit of labels alone, or of labels and others where its function takes them."""
    two = name in ("union", "intersect", "subtract")
    return Operation(
        name=f"edit-{name}",
        technique="Segmentation editing",
        inputs={"labels": LabelMap, **({"other": LabelMap} if two else {})},
        output=LabelMap,
        function=partial(edit, name),
        parameters=parameters,
        template=template,
        derivation=(codes.SEGMENTATION,),
        help=help,
        when_set={**(when_set or {}), **(_ONLY if _SEGMENTS in parameters else {})},
    )


_BY_HAND = (
    Operation(
        name="edit-scissors",
        technique="Segmentation editing",
        inputs={"labels": LabelMap},
        output=LabelMap,
        function=scissors,
        parameters=(
            *_CAMERA,
            Parameter(
                "polygon_mm",
                "numbers",
                REQUIRED,
                "corners of the lasso: to the right of the picture's middle and upwards, in the plane through the "
                "middle of the volume",
                "mm",
                count=2,
                repeated=True,
            ),
            Parameter("remove", "text", "inside", "what goes", choices=("inside", "outside")),
            Parameter("from_mm", "number", None, "cut from here on, behind that plane; left out, no limit", "mm"),
            Parameter("to_mm", "number", None, "cut up to here, behind that plane; left out, no limit", "mm"),
            _SEGMENTS,
        ),
        template="What lay {remove} a lasso was cut off by hand, seen from azimuth {azimuth_deg}°, elevation "
        "{elevation_deg}°; its corners, in mm in the view plane: {polygon_mm}.",
        settle=settle_view,
        when_set={
            "view_angle_deg": "The view was a perspective one with an angle of {view_angle_deg}° at the eye.",
            "from_mm": "The lasso began {from_mm} mm behind the middle of the volume.",
            "to_mm": "The lasso ended {to_mm} mm behind the middle of the volume.",
            **_ONLY,
        },
        derivation=(codes.SEGMENTATION,),
        help="cut with a lasso drawn in a view",
    ),
    Operation(
        name="edit-brush",
        technique="Segmentation editing",
        inputs={"labels": LabelMap},
        optional={"volume": Volume},
        output=LabelMap,
        function=brush,
        parameters=(
            *_STROKE,
            Parameter("segment", "text", REQUIRED, "segment to paint into; a new name makes a new one"),
            Parameter("low", "number", None, "paint only from this value on, in modality units"),
            Parameter("high", "number", None, "paint only up to this value, in modality units"),
            Parameter("overwrite", "boolean", False, "paint over other segments too"),
        ),
        template="{segment} was painted by hand with a ball of {radius_mm} mm radius along {points_lps} (LPS, mm).",
        when_set={
            "low": "Only values from {low} on were painted.",
            "high": "Only values up to {high} were painted.",
            "overwrite": "Other segments were painted over.",
        },
        derivation=(codes.SEGMENTATION,),
        help="paint along a stroke",
    ),
    Operation(
        name="edit-erase",
        technique="Segmentation editing",
        inputs={"labels": LabelMap},
        output=LabelMap,
        function=erase,
        parameters=(*_STROKE, _SEGMENTS),
        template="Labels were erased by hand with a ball of {radius_mm} mm radius along {points_lps} (LPS, mm).",
        when_set=_ONLY,
        derivation=(codes.SEGMENTATION,),
        help="erase along a stroke",
    ),
)

_WHOLE = (
    _row(
        "islands",
        (
            Parameter("keep_largest", "integer", 0, "keep so many of the largest; 0: all", "", 0),
            Parameter("minimum_mm3", "number", 0.0, "remove smaller ones", "mm³", 0),
            Parameter(
                "points_lps", "numbers", (), "keep those that hold one of these points", "mm", count=3, repeated=True
            ),
            _SEGMENTS,
        ),
        "Separate pieces of the segmentation were removed.",
        "remove pieces that do not hang together with the rest",
        {
            "keep_largest": "Of each segment the {keep_largest} largest were kept.",
            "minimum_mm3": "Those smaller than {minimum_mm3} mm³ went.",
            "points_lps": "Those that hold one of these points were kept: {points_lps} (LPS, mm).",
        },
    ),
    _row(
        "fill",
        (
            Parameter("by_slice", "boolean", False, "fill what is enclosed within a slice, not only in space"),
            Parameter("maximum_mm3", "number", 0.0, "leave larger holes; 0: fill all", "mm³", 0),
            _SEGMENTS,
        ),
        "Holes of the segmentation were filled.",
        "fill holes",
        {"by_slice": "They were sought slice by slice.", "maximum_mm3": "Those above {maximum_mm3} mm³ were left."},
    ),
    _row(
        "grow",
        (Parameter("distance_mm", "number", REQUIRED, "how far", "mm", 0.01, 100), _SEGMENTS),
        "The segmentation was grown by {distance_mm} mm into what was not labelled.",
        "grow into what is not labelled",
    ),
    _row(
        "shrink",
        (Parameter("distance_mm", "number", REQUIRED, "how far", "mm", 0.01, 100), _SEGMENTS),
        "The segmentation was shrunk by {distance_mm} mm.",
        "shrink",
    ),
    _row(
        "smooth",
        (Parameter("radius_mm", "number", REQUIRED, "details smaller than this go", "mm", 0.01, 30), _SEGMENTS),
        "Borders of the segmentation were smoothed over {radius_mm} mm; volumes were kept.",
        "smooth borders, keep volumes, leave no gaps",
    ),
    _row(
        "union",
        (Parameter("other_wins", "boolean", False, "where both label a voxel, the other labels get it"),),
        "Two segmentations were united.",
        "add the segments of other labels",
    ),
    _row(
        "intersect",
        (_SEGMENTS, _OTHER_SEGMENTS),
        "Of the segmentation only what another one labels too was kept.",
        "keep what other labels have too",
        {"other_segments": "Of that one these counted: {other_segments}."},
    ),
    _row(
        "subtract",
        (_SEGMENTS, _OTHER_SEGMENTS),
        "What another segmentation labels was removed from the segmentation.",
        "remove what other labels have",
        {"other_segments": "Of that one these counted: {other_segments}."},
    ),
)

EDITING_ROWS: tuple[Operation, ...] = (*_BY_HAND, *_WHOLE)
