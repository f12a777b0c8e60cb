"""Measurements of bone fragments."""

from __future__ import annotations

from prosector.model.labels import LabelMap
from prosector.model.measurement import Measurements
from prosector.model.volume import Volume
from prosector.pipeline.fragments import measure
from prosector.pipeline.operation import Operation
from prosector.pipeline.parameters import Parameter

FRAGMENT_ROWS: tuple[Operation, ...] = (
    Operation(
        name="measure-fragments",
        technique="Measurement of bone fragments",
        inputs={"labels": LabelMap},
        optional={"volume": Volume},
        output=Measurements,
        function=measure,
        parameters=(
            Parameter("fragments", "names", (), "names of the fragments; none for all but the intact bone"),
            Parameter("reference", "text", "", "name of the fragment that stays; none for the largest"),
            Parameter("mirror", "text", "", "name of the intact bone of the other side"),
            Parameter("intact", "text", "", "name of an intact bone that lies where the fragments belong"),
            Parameter(
                "mirror_plane_lps",
                "numbers",
                (),
                "point and normal of the midsagittal plane; none for the plane midway between the sides",
                "mm",
                count=6,
            ),
            Parameter("reach_mm", "number", 10.0, "faces further apart are no fracture line", "mm", 0.1, 100),
        ),
        template="Volume, extents, gap and step-off of bone fragments were measured on surfaces between voxels, faces "
        "up to {reach_mm} mm apart.",
        when_set={
            "mirror": "Displacement was measured against the mirror image of {mirror} by trimmed iterative closest "
            "points.",
            "intact": "Displacement was measured against {intact} by trimmed iterative closest points.",
            "mirror_plane_lps": "The plane of symmetry was given (point and normal {mirror_plane_lps}).",
        },
        help="volume, gap, step-off and displacement of bone fragments",
    ),
)
