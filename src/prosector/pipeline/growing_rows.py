"""Operations that grow, split and merge segments from what the user points at."""

from __future__ import annotations

from prosector.dicom import codes
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume
from prosector.pipeline import growing
from prosector.pipeline.operation import Operation
from prosector.pipeline.parameters import REQUIRED, Parameter

_GAP = (
    Parameter("gap_mm", "number", 3.0, "widest dark line between two parts", "mm", 0.1, 20),
    Parameter("contrast", "number", 100.0, "how much darker than both its sides it is", "", 1e-6, 5000),
)


def _seeds(help_: str) -> Parameter:
    return Parameter("seeds_lps", "numbers", REQUIRED, help_, "mm", count=3, repeated=True)


def _name(default: str) -> Parameter:
    return Parameter("name", "text", default, "name of the segment")


_WHOLE = Parameter("name", "text", "", "segment to split; the only one where left out")

_REGION = Operation(
    name="segment-region",
    technique="Segmentation",
    inputs={"volume": Volume},
    optional={"labels": LabelMap},
    output=LabelMap,
    function=growing.region,
    settle=growing.settle_region,
    parameters=(
        _seeds("points in the region, three coordinates each (LPS)"),
        Parameter("low", "number", None, "lowest value; with neither bound, both come from the seeds' surroundings"),
        Parameter("high", "number", None, "highest value; the volume's highest where only the lowest is given"),
        Parameter("deviations", "number", 2.5, "without bounds: mean ± so many standard deviations", "", 0.1, 20),
        Parameter("iterations", "integer", 4, "without bounds: how often these are taken again", "", 0, 20),
        Parameter("gradient_per_mm", "number", 0.0, "stop where values change faster than this; 0: never", "/mm", 0),
        Parameter("radius_mm", "number", 0.0, "no farther from the seeds than this; 0: no limit", "mm", 0),
        Parameter("opening_mm", "number", 0.0, "not through necks thinner than twice this", "mm", 0, 50),
        Parameter(
            "smoothing_mm", "number", None, "smooth values before they are judged; 0.5 without bounds", "mm", 0, 10
        ),
        Parameter("corners", "boolean", False, "grow over edges and corners too"),
        _name("region"),
    ),
    template="A region was grown from {seeds_lps} (LPS, mm) over values from {low} to {high}.",
    when_set={
        "gradient_per_mm": "It stopped at gradients over {gradient_per_mm} per mm.",
        "radius_mm": "It reached no farther than {radius_mm} mm from the seeds.",
        "opening_mm": "Necks thinner than twice {opening_mm} mm were cut.",
        "smoothing_mm": "Values were smoothed with a standard deviation of {smoothing_mm} mm before.",
    },
    derivation=(codes.SEGMENTATION,),
    help="what is connected to the seeds and like them; within the labels where they are given",
)

_THRESHOLD = Operation(
    name="segment-threshold",
    technique="Segmentation",
    inputs={"volume": Volume},
    optional={"labels": LabelMap},
    output=LabelMap,
    function=growing.threshold,
    parameters=(
        Parameter("low", "number", REQUIRED, "lowest value, in modality units"),
        Parameter("high", "number", REQUIRED, "highest value, in modality units"),
        Parameter("minimum_volume_mm3", "number", 0.0, "leave out pieces smaller than this", "mm³", 0),
        _name("region"),
    ),
    template="Everything from {low} to {high} was delineated by threshold.",
    when_set={"minimum_volume_mm3": "Pieces under {minimum_volume_mm3} mm³ were left out."},
    derivation=(codes.SEGMENTATION,),
    help="everything between two values; within the labels where they are given",
)

_LESION = Operation(
    name="segment-lesion",
    technique="Segmentation",
    inputs={"volume": Volume},
    output=LabelMap,
    function=growing.lesion,
    parameters=(
        _seeds("one or several points in the lesion, three coordinates each (LPS)"),
        Parameter("radius_mm", "number", 30.0, "it reaches no farther than this from the points", "mm", 1, 300),
        Parameter("smoothing_mm", "number", 1.0, "standard deviation of its surface's smoothing", "mm", 0, 10),
        _name("lesion"),
    ),
    template="A lesion was delineated from {seeds_lps} (LPS, mm), within {radius_mm} mm, where the border of what is "
    "like these points stands out most.",
    derivation=(codes.SEGMENTATION,),
    help="a roughly round lesion from one click",
)

_FRAGMENTS = Operation(
    name="segment-fragments",
    technique="Segmentation",
    inputs={"volume": Volume},
    optional={"labels": LabelMap},
    output=LabelMap,
    function=growing.fragments,
    parameters=(
        Parameter("gap_mm", "number", 3.0, "widest fracture line that the bone's labels may bridge", "mm", 0.1, 20),
        Parameter("contrast_hu", "number", 100.0, "how much darker than both its sides it is", "HU", 1, 2000),
        Parameter("bridge_mm", "number", 2.0, "cut bridges thinner than this", "mm", 0, 20),
        Parameter("minimum_volume_mm3", "number", 500.0, "smaller parts go to the one they touch most", "mm³", 0),
    ),
    template="Bone was taken apart at dark lines up to {gap_mm} mm wide, {contrast_hu} HU darker than both sides, and "
    "at bridges thinner than {bridge_mm} mm; parts under {minimum_volume_mm3} mm³ were joined to others or left out.",
    derivation=(codes.SEGMENTATION,),
    help="fragments of broken bone by falling volume; of the labels, or of the bone that is found where none are given",
)

_SPLITS = (
    Operation(
        name="split-watershed",
        technique="Segmentation editing",
        inputs={"labels": LabelMap},
        optional={"volume": Volume},
        output=LabelMap,
        function=growing.split_at_necks,
        parameters=(
            _WHOLE,
            Parameter("height_mm", "number", 1.0, "how much deeper than the neck both parts are", "mm", 1e-3, 100),
            Parameter("minimum_volume_mm3", "number", 0.0, "smaller parts go to one they touch", "mm³", 0),
            *_GAP,
        ),
        template="A segment was split at its necks, where parts are deeper than them by {height_mm} mm.",
        when_set={"name": "The segment was {name}."},
        help="touching parts of a segment apart at necks and, with a volume, at dark lines",
    ),
    Operation(
        name="split-segment",
        technique="Segmentation editing",
        inputs={"labels": LabelMap},
        optional={"volume": Volume},
        output=LabelMap,
        function=growing.split_from_seeds,
        parameters=(_WHOLE, _seeds("a point in each part, three coordinates each (LPS)"), *_GAP),
        template="A segment was split into parts around {seeds_lps} (LPS, mm).",
        when_set={"name": "The segment was {name}."},
        help="a segment into one part for each seed, at necks and, with a volume, at dark lines",
    ),
    Operation(
        name="split-seeds",
        technique="Segmentation editing",
        inputs={"labels": LabelMap, "volume": Volume},
        output=LabelMap,
        function=growing.split_from_seeds,
        parameters=(
            _WHOLE,
            _seeds("a point in each part, three coordinates each (LPS)"),
            Parameter(
                "method", "text", "random-walk", "how parts are told apart", choices=("random-walk", "watershed")
            ),
            *_GAP,
        ),
        template="A segment was split by {method} into parts around {seeds_lps} (LPS, mm).",
        when_set={"name": "The segment was {name}."},
        help="a segment into one part for each seed, by the volume's values",
    ),
)

_EDITS = (
    Operation(
        name="merge-segments",
        technique="Segmentation editing",
        inputs={"labels": LabelMap},
        output=LabelMap,
        function=growing.merge,
        parameters=(
            Parameter("names", "names", REQUIRED, "segments to join"),
            Parameter("new_name", "text", "", "name of what they become; the first one's where left out"),
        ),
        template="The segments {names} were joined.",
        help="several segments into one",
    ),
    Operation(
        name="rename-segment",
        technique="Segmentation editing",
        inputs={"labels": LabelMap},
        output=LabelMap,
        function=growing.rename,
        parameters=(
            Parameter("name", "text", REQUIRED, "segment to rename"),
            Parameter("new_name", "text", REQUIRED, "its new name"),
        ),
        template="The segment {name} was renamed to {new_name}.",
        help="another name for a segment",
    ),
    Operation(
        name="keep-segments",
        technique="Segmentation editing",
        inputs={"labels": LabelMap},
        output=LabelMap,
        function=growing.keep,
        parameters=(Parameter("names", "names", REQUIRED, "segments to keep"),),
        template="Only the segments {names} were kept.",
        help="only some segments",
    ),
    Operation(
        name="order-segments",
        technique="Segmentation editing",
        inputs={"labels": LabelMap},
        output=LabelMap,
        function=growing.order,
        parameters=(Parameter("new_name", "text", "", "name them this and their number; as they are where left out"),),
        template="Segments were numbered by falling volume.",
        help="numbers by falling volume",
    ),
)

GROWING_ROWS: tuple[Operation, ...] = (_REGION, _THRESHOLD, _LESION, _FRAGMENTS, *_SPLITS, *_EDITS)
