"""Operations that find tissues by themselves: body, bone, lungs."""

from __future__ import annotations

from functools import partial

from prosector.dicom import codes
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume
from prosector.pipeline.operation import Operation
from prosector.pipeline.parameters import Parameter
from prosector.pipeline.shapes import keep_labels, segment, take_bone_out

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
            Parameter("sides", "boolean", False, "tell left and right bone by the middle of the body"),
        ),
        template="Bone was delineated automatically by hysteresis threshold ({low_hu} and {high_hu} HU) with the half "
        "level at its edge, without enhanced vessels, marrow closed, pieces under {minimum_volume_mm3} mm³ left out.",
        when_set={"sides": "Left and right were told by position."},
        derivation=(codes.SEGMENTATION,),
        help="bone, marrow closed, without table and vessels; metal apart",
    ),
    Operation(
        name="segment-lungs",
        technique="Segmentation",
        inputs={"volume": Volume},
        output=LabelMap,
        function=partial(segment, "lungs"),
        parameters=(),
        template="Left lung, right lung and large airways were delineated automatically.",
        derivation=(codes.SEGMENTATION,),
        help="left and right lung, airways",
    ),
    Operation(
        name="segment-air",
        technique="Segmentation",
        inputs={"volume": Volume},
        output=LabelMap,
        function=partial(segment, "air"),
        parameters=(Parameter("threshold_hu", "number", -500.0, "gas is below this value", "HU", -1000, 0),),
        template="Gas within the body was delineated automatically (below {threshold_hu} HU).",
        derivation=(codes.SEGMENTATION,),
        help="all gas within the body, bowel and sinuses too",
    ),
    Operation(
        name="segment-metal",
        technique="Segmentation",
        inputs={"volume": Volume},
        output=LabelMap,
        function=partial(segment, "metal"),
        parameters=(
            Parameter("low_hu", "number", 2000.0, "grow metal down to this value", "HU", 500, 30000),
            Parameter("high_hu", "number", 2700.0, "start metal at this value", "HU", 500, 30000),
            Parameter("minimum_volume_mm3", "number", 4.0, "leave out pieces smaller than this", "mm³", 0),
        ),
        template="Metal was delineated automatically by hysteresis threshold ({low_hu} and {high_hu} HU).",
        derivation=(codes.SEGMENTATION,),
        help="implants, fillings; undiluted contrast medium too",
    ),
    Operation(
        name="remove-bone",
        technique="Volume editing",
        inputs={"volume": Volume, "labels": LabelMap},
        optional={"vessels": LabelMap},
        output=Volume,
        function=take_bone_out,
        parameters=(
            Parameter("margin_mm", "number", 2.0, "how far around bone its blur is taken out", "mm", 0, 20),
            Parameter("fill_hu", "number", 40.0, "value that takes bone's place", "HU", -1024, 3000),
        ),
        template="Bone was taken out with a margin of {margin_mm} mm that leaves enhanced vessels; {fill_hu} HU take "
        "its place.",
        derivation=(codes.VOLUME_EDITING,),
        help="CT angiogram without bone, vessels along bone kept",
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
