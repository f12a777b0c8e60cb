"""OPERATIONS: the one table of everything that a recipe can do.

Code, CLI, trace, DICOM derivation codes and the words of the report all come from these rows. Compiled kernels
and VTK are imported only when an operation runs, so that the table can be read for ``--help``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prosector.dicom import codes
from prosector.errors import UnknownNameError
from prosector.model.cine import Cine
from prosector.model.labels import LabelMap
from prosector.model.mesh import Mesh
from prosector.model.rendering import Rendering
from prosector.model.structures import Code
from prosector.model.volume import Volume
from prosector.pipeline.centerline_rows import CENTERLINE_ROWS
from prosector.pipeline.cine import CINE_PARAMETERS, CINE_WHEN_SET, CINE_WORDS, cine, settle_cine
from prosector.pipeline.editing_rows import EDITING_ROWS
from prosector.pipeline.fragment_rows import FRAGMENT_ROWS
from prosector.pipeline.growing_rows import GROWING_ROWS
from prosector.pipeline.looks import SURFACE_WORDS
from prosector.pipeline.measuring_rows import MEASURING_ROWS
from prosector.pipeline.operation import Operation
from prosector.pipeline.parameters import REQUIRED, Parameter
from prosector.pipeline.pictures import (
    CINEMATIC_PARAMETERS,
    CINEMATIC_WORDS,
    LEVEL_PARAMETERS,
    MARK_PARAMETERS,
    THRESHOLD_PARAMETERS,
    VIEW_PARAMETERS,
    WINDOW_PARAMETERS,
    picture,
    settle,
)
from prosector.pipeline.reformats import (
    CURVE_PARAMETERS,
    MPR_PARAMETERS,
    curve,
    plane,
    settle_curve,
    settle_plane,
)
from prosector.pipeline.regions import REGION_PARAMETERS, REGION_WORDS, inset
from prosector.pipeline.shapes import extract_from_labels, extract_from_volume
from prosector.pipeline.tissue_rows import TISSUE_ROWS
from prosector.pipeline.vessel_rows import VESSEL_ROWS

OWN_WORDS = {"volume": CINEMATIC_WORDS, "surface": SURFACE_WORDS}
"""Further sentences of some methods, said where their parameter is set."""

_VIEW_WORDS = "seen from azimuth {azimuth_deg}°, elevation {elevation_deg}° ({width}×{height} pixels, zoom {zoom})"


def _picture_row(
    method: str, technique: str, own: tuple[Parameter, ...], words: str, code: Code, qualifies: bool = True
) -> Operation:
    return Operation(
        name=method,
        technique=technique,
        inputs={"volume": Volume},
        optional={"labels": LabelMap},
        output=Rendering,
        function=lambda inputs, settings: picture(
            method, inputs["volume"], settings, inset(inputs.get("labels"), settings)
        ),
        parameters=(*VIEW_PARAMETERS, *own, *REGION_PARAMETERS, *MARK_PARAMETERS),
        template=f"{technique}, preset {{preset}}{words}, {_VIEW_WORDS}.",
        settle=lambda inputs, settings: settle(method, inputs["volume"], settings),
        derivation=(code,),
        qualifies=qualifies,
        when_set={**REGION_WORDS, **OWN_WORDS.get(method, {})},
    )


_WINDOW_WORDS = ", window center {window_center}, width {window_width}"
_MESH_FINISH = (
    Parameter("smooth_iterations", "integer", 0, "windowed-sinc smoothing passes", "", 0, 200),
    Parameter("reduce_fraction", "number", 0.0, "share of the triangles to remove", "", 0, 0.99),
)

_FINISH_WORDS = {
    "smooth_iterations": "It was smoothed in {smooth_iterations} windowed-sinc passes.",
    "reduce_fraction": "A share of {reduce_fraction} of its triangles was removed.",
}

_ROWS = (
    _picture_row(
        "mip", "3D maximum intensity projection", WINDOW_PARAMETERS, _WINDOW_WORDS, codes.MAXIMUM_INTENSITY_PROJECTION
    ),
    _picture_row(
        "minip",
        "3D minimum intensity projection",
        WINDOW_PARAMETERS,
        _WINDOW_WORDS,
        codes.MINIMUM_INTENSITY_PROJECTION,
        qualifies=False,  # the guidance names maximum intensity projections only
    ),
    _picture_row(
        "average",
        "3D average intensity projection",
        WINDOW_PARAMETERS,
        _WINDOW_WORDS,
        codes.PIXEL_BY_PIXEL_MEAN,
        qualifies=False,
    ),
    _picture_row(
        "sum",
        "3D sum projection",
        WINDOW_PARAMETERS,
        " (values times mm along each ray)",
        codes.PIXEL_BY_PIXEL_ADDITION,
        qualifies=False,
    ),
    _picture_row(
        "closest",
        "3D closest-vessel projection",
        (*WINDOW_PARAMETERS, *THRESHOLD_PARAMETERS),
        _WINDOW_WORDS + ", the first local maximum of at least {threshold} that stands out by {drop}, else the maximum",
        codes.MAXIMUM_INTENSITY_PROJECTION,
        qualifies=False,
    ),
    _picture_row(
        "depth",
        "3D maximum intensity projection coded by depth",
        WINDOW_PARAMETERS,
        _WINDOW_WORDS + ", red near to blue far",
        codes.MAXIMUM_INTENSITY_PROJECTION,
    ),
    _picture_row("volume", "Volume rendering", CINEMATIC_PARAMETERS, "", codes.VOLUME_RENDERING),
    _picture_row("surface", "Shaded surface", LEVEL_PARAMETERS, " at level {level}", codes.SURFACE_RENDERING),
    *TISSUE_ROWS,
    *VESSEL_ROWS,
    *GROWING_ROWS,
    *EDITING_ROWS,
    Operation(
        name="extract-mesh",
        technique="Surface extraction",
        inputs={"volume": Volume},
        output=Mesh,
        function=extract_from_volume,
        parameters=(
            Parameter("level", "number", REQUIRED, "value at which the surface lies"),
            Parameter("closed", "boolean", True, "close the surface where the object leaves the volume"),
            *_MESH_FINISH,
        ),
        template="A triangle mesh was extracted at level {level}.",
        when_set=_FINISH_WORDS,
        help="isosurface of a volume",
    ),
    Operation(
        name="extract-label-mesh",
        technique="Surface extraction",
        inputs={"labels": LabelMap},
        output=Mesh,
        function=extract_from_labels,
        parameters=(Parameter("segment", "text", "", "the segment; left out, all as one"), *_MESH_FINISH),
        template="A smooth triangle mesh was extracted from the segmentation.",
        when_set={"segment": "It is the surface of {segment}.", **_FINISH_WORDS},
        help="surface of a segmentation",
    ),
)


def _cine_row(still: Operation) -> Operation:
    """The cine of a picture row: the same parameters, and how it moves."""
    method = still.name
    return replace(
        still,
        name=f"cine-{method}",
        output=Cine,
        function=lambda inputs, settings, progress: cine(
            method, inputs["volume"], settings, progress, inset(inputs.get("labels"), settings)
        ),
        parameters=(*still.parameters, *CINE_PARAMETERS),
        template=f"{still.template} {CINE_WORDS}",
        when_set={**still.when_set, **CINE_WHEN_SET},
        settle=lambda inputs, settings: settle_cine(method, inputs["volume"], settings),
        tells_progress=True,
    )


_REFORMATS = (
    Operation(
        name="mpr",
        technique="Multiplanar reformat",
        inputs={"volume": Volume},
        output=Rendering,
        function=lambda inputs, settings: plane(inputs["volume"], settings),
        parameters=MPR_PARAMETERS,
        template="Multiplanar reformat through {center_lps} (LPS, mm), window center {window_center}, width "
        f"{{window_width}}, {_VIEW_WORDS}.",
        settle=lambda inputs, settings: settle_plane(inputs["volume"], settings),
        derivation=(codes.MULTIPLANAR_REFORMATTING,),
        when_set={"thickness_mm": "It shows the {slab} of {thickness_mm} mm."},
        help="an oblique plane; no 3D rendering",
    ),
    Operation(
        name="curved-mpr",
        technique="Curved multiplanar reformat",
        inputs={"volume": Volume},
        output=Rendering,
        function=lambda inputs, settings: curve(inputs["volume"], settings),
        parameters=CURVE_PARAMETERS,
        template="Curved multiplanar reformat, {flat}, along {path_lps} (LPS, mm), window center {window_center}, "
        "width {window_width}.",
        settle=lambda inputs, settings: settle_curve(inputs["volume"], settings),
        derivation=(codes.CURVED_MULTIPLANAR_REFORMATTING,),
        when_set={"thickness_mm": "It shows the {slab} of {thickness_mm} mm."},
        help="along a path; no 3D rendering",
    ),
)
"""Reformats are no 3D rendering in the sense of 76377 (``qualifies`` is false) and no methods of a camera."""

_CINES = tuple(_cine_row(row) for row in _ROWS if row.output is Rendering)

_MEASURING = (*CENTERLINE_ROWS, *MEASURING_ROWS, *FRAGMENT_ROWS)

OPERATIONS: Mapping[str, Operation] = {row.name: row for row in (*_ROWS, *_MEASURING, *_REFORMATS, *_CINES)}

METHODS = tuple(row.name for row in _ROWS if row.output is Rendering)
"""Names of the operations that make a picture."""

TARGETS = tuple(row.name.removeprefix("segment-") for row in _ROWS if row.name.startswith("segment-"))
"""What can be segmented."""


def operation(name: str) -> Operation:
    """Return a row, or raise UnknownNameError."""
    if name not in OPERATIONS:
        raise UnknownNameError("operation", name, OPERATIONS)
    return OPERATIONS[name]
