"""Operations that find and follow vessels."""

from __future__ import annotations

from prosector.dicom import codes
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume
from prosector.pipeline import vessels
from prosector.pipeline.operation import Operation
from prosector.pipeline.parameters import REQUIRED, Parameter

VESSEL_ROWS: tuple[Operation, ...] = (
    Operation(
        name="vesselness",
        technique="Vessel enhancement",
        inputs={"volume": Volume},
        output=Volume,
        function=vessels.enhance,
        parameters=(
            Parameter(
                "scales_mm",
                "numbers",
                (0.7, 1.0, 1.4, 2.0, 2.8),
                "standard deviations; a vessel of radius r answers most at r/√2",
                "mm",
                0.05,
                50,
                count=1,
                repeated=True,
            ),
            Parameter("measure", "text", "frangi", "which measure", choices=("frangi", "sato", "jerman")),
            Parameter("contrast", "number", None, "of vessels to their surroundings; measured by default", "", 1e-6),
            Parameter("dark", "boolean", False, "look for dark vessels"),
            Parameter("low", "number", 0.0, "clip values below this first, where low is less than high"),
            Parameter("high", "number", 0.0, "clip values above this first"),
        ),
        template="Tubes were enhanced by the vesselness of {measure} at scales of {scales_mm} mm.",
        settle=vessels.settle_enhance,
        derivation=(codes.NEIGHBORHOOD_ANALYSIS,),
        when_set={"contrast": "Vessels of contrast {contrast} count in full."},
        tells_progress=True,
        help="how much like a tube each place is (Frangi, Sato, Jerman)",
    ),
    Operation(
        name="segment-vessels",
        technique="Segmentation",
        inputs={"volume": Volume},
        optional={"labels": LabelMap},
        output=LabelMap,
        function=vessels.segment,
        parameters=(
            Parameter(
                "kind",
                "text",
                "auto",
                "kind of angiogram, from the series by default",
                choices=("auto", "cta", "mra", "tof"),
            ),
            Parameter("blood", "number", 0.0, "level of the blood; 0: measured"),
            Parameter("minimum_volume_mm3", "number", None, "leave out pieces smaller than this", "mm³", 0),
            Parameter(
                "seeds_lps",
                "numbers",
                (),
                "keep only what is connected to these points (LPS)",
                "mm",
                count=3,
                repeated=True,
            ),
        ),
        template="The lumen of vessels was delineated ({kind}) by level and vesselness with hysteresis, its border at "
        "the local half maximum.",
        settle=vessels.settle_segment,
        when_set={
            "seeds_lps": "Only what is connected to {seeds_lps} (LPS, mm) was kept.",
            "minimum_volume_mm3": "Pieces under {minimum_volume_mm3} mm³ were left out.",
            "blood": "The level of the blood was set to {blood}.",
        },
        derivation=(codes.SEGMENTATION,),
        tells_progress=True,
        help="lumen in CT and MR angiography, without the labels given (bone, in CT, where none are)",
    ),
    Operation(
        name="segment-thrombus",
        technique="Segmentation",
        inputs={"volume": Volume, "labels": LabelMap},
        output=LabelMap,
        function=vessels.thrombus,
        parameters=(
            Parameter("seeds_lps", "numbers", REQUIRED, "points in the thrombus (LPS)", "mm", count=3, repeated=True),
            Parameter("low_hu", "number", 0.0, "lowest value of thrombus", "HU", -1000, 3000),
            Parameter("high_hu", "number", 90.0, "highest value of thrombus", "HU", -1000, 3000),
            Parameter("max_distance_mm", "number", 30.0, "no farther from the lumen than this", "mm", 0.1, 200),
            Parameter("neck_mm", "number", 1.5, "not through necks thinner than twice this", "mm", 0, 20),
        ),
        template="Thrombus was grown outside the lumen from {seeds_lps} (LPS, mm) over values from {low_hu} to "
        "{high_hu} HU, no farther than {max_distance_mm} mm from it.",
        derivation=(codes.SEGMENTATION,),
        help="thrombus beside the lumen that the labels are, from points in it",
    ),
)
