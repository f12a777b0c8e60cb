"""Operations that find tissues by themselves: body, bone, lungs."""

from __future__ import annotations

from functools import partial

from prosector.dicom import codes
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume
from prosector.pipeline.operation import Operation
from prosector.pipeline.parameters import Parameter
from prosector.pipeline.shapes import keep_labels, segment

TISSUE_ROWS = (
    Operation(
        name="segment-body",
        technique="Segmentation",
        inputs={"volume": Volume},
        output=LabelMap,
        function=partial(segment, "body"),
        parameters=(),
        template="The patient's body was delineated automatically, without table and supports.",
        derivation=(codes.SEGMENTATION,),
        help="the patient without table",
    ),
    Operation(
        name="segment-bone",
        technique="Segmentation",
        inputs={"volume": Volume},
        output=LabelMap,
        function=partial(segment, "bone"),
        parameters=(
            Parameter("low_hu", "number", 200.0, "grow bone down to this value", "HU", -200, 3000),
            Parameter("high_hu", "number", 450.0, "start bone at this value", "HU", -200, 3000),
            Parameter("minimum_volume_mm3", "number", 200.0, "leave out pieces smaller than this", "mm³", 0),
        ),
        template="Bone was delineated automatically by hysteresis threshold ({low_hu} and {high_hu} HU), marrow "
        "closed, pieces under {minimum_volume_mm3} mm³ left out.",
        derivation=(codes.SEGMENTATION,),
        help="bone, marrow closed, without table",
    ),
    Operation(
        name="keep-inside",
        technique="Volume editing",
        inputs={"volume": Volume, "labels": LabelMap},
        output=Volume,
        function=keep_labels,
        parameters=(Parameter("margin_mm", "number", 0.0, "keep this much around the labels", "mm", 0, 200),),
        template="Only what lies inside the segmented structure was kept.",
        when_set={"margin_mm": "A margin of {margin_mm} mm around it was left."},
        derivation=(codes.VOLUME_EDITING,),
        help="remove what is not in the labels",
    ),
)
