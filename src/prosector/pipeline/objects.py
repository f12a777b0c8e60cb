"""Values to DICOM objects: which object each kind of value becomes, in which series, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from prosector.errors import ParameterError, UsageError
from prosector.model.cine import Cine
from prosector.model.labels import LabelMap
from prosector.model.measurement import Measurements
from prosector.model.mesh import Mesh
from prosector.model.recipe import SOURCE, Output, Recipe
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.model.window import Window
from prosector.pipeline.operation import Value

if TYPE_CHECKING:
    from prosector.dicom.derived import Derivation

Dataset = Any
"""A pydicom dataset: that package is used in the room dicom alone."""

IMAGE, VIEW, PLAIN = ".image.dcm", ".view.dcm", ".dcm"
"""Endings of a picture as an image of values, as a presentation state, and as a secondary capture."""

SERIES = {
    (Rendering, PLAIN): (1001, ""),
    (LabelMap, PLAIN): (1002, "segmentation"),
    (Rendering, IMAGE): (1003, "values"),
    (Mesh, PLAIN): (1004, "model"),
    (Rendering, VIEW): (1005, "views"),
    (Measurements, PLAIN): (1006, "measurements"),
    (Cine, PLAIN): (1007, "cine"),
}
"""Each kind of object its own series: Series Number (0020,0011), and what follows the title in its description."""

SEEN_UNMARKED = {(Rendering, IMAGE), (Mesh, PLAIN), (Rendering, VIEW), (Measurements, PLAIN)}
"""Kinds whose content has no mark of its own that nobody supervised: their series says so too."""

NOT_SUPERVISED = "NOT SUPERVISED"

VALUED = ("mip", "minip", "average", "closest", "mpr")
"""Operations whose values are in modality units, so that an image can hold them."""

VIEWABLE = ("volume", "mip", "minip")
"""Operations whose picture a presentation state can describe."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a derived DICOM object says about its making.

    Parameters
    ----------
    source : Volume
        The volume that the recipe was run on; its Source names the base study.
    title : str
        Of the derived series, put after "3D".
    trace_sha256 : str
        Identity of the work; UIDs follow from it.
    words : str
        How the object was made.
    created : datetime
    instance_number : int
    supervised : bool
        Whether a physician's session was open; the object says so if not.
    settings : mapping
        Settled parameters of the step that made the value.
    """

    source: Volume
    title: str
    trace_sha256: str
    words: str
    created: datetime
    instance_number: int = 1
    supervised: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


def check_form(recipe: Recipe, output: Output, ending: str) -> None:
    """Raise UsageError unless the picture that an output names can be told in the form that its ending asks for."""
    if ending == VIEW:
        _check_view(recipe, output)
    elif ending == IMAGE:
        _check_image(recipe, output)


def _check_image(recipe: Recipe, output: Output) -> None:
    """An image of values: a grey projection or reformat with parallel rays."""
    step = next((s for s in recipe.steps if s.id == output.step), None)
    if step is None or step.operation not in VALUED or step.parameters.get("view_angle_deg"):
        raise UsageError(
            f"{output.file}: an image of values is written of {', '.join(VALUED)} without a view angle; "
            f"use {PLAIN} for other pictures"
        )


def _check_view(recipe: Recipe, output: Output) -> None:
    """A presentation state: the source itself, without masks."""
    step = next((s for s in recipe.steps if s.id == output.step), None)
    if step is None or step.operation not in VIEWABLE:
        raise UsageError(f"{output.file}: a view is written of {', '.join(VIEWABLE)}; use {PLAIN} for other pictures")
    if step.inputs.get("volume") != SOURCE or "labels" in step.inputs or step.parameters.get("cinematic"):
        raise UsageError(
            f"{output.file}: a view tells others how to render the source as it is, without labels, edited volumes or "
            f"cinematic light; use {PLAIN} for this picture"
        )


def build_object(value: Value, ending: str, provenance: Provenance) -> Dataset:
    """The DICOM object of a value.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    ParameterError
        If the value cannot be told in this form.
    """
    from prosector.dicom.codes import METHOD_DERIVATIONS
    from prosector.dicom.derived import Derivation, derive_series
    from prosector.dicom.multiframe_capture import build_multiframe_capture
    from prosector.dicom.secondary_capture import build_secondary_capture
    from prosector.dicom.segmentation_object import build_segmentation

    source = provenance.source.source
    number, word = SERIES[type(value), ending]
    marked = provenance.supervised or (type(value), ending) not in SEEN_UNMARKED
    title = " ".join(part for part in ("" if marked else NOT_SUPERVISED, provenance.title, word) if part)
    digest = provenance.trace_sha256
    series = derive_series(source, title, provenance.created, recipe_sha256=digest, number=number)
    codes = METHOD_DERIVATIONS[value.method] if isinstance(value, (Rendering, Cine)) else ()
    told = Derivation(series, provenance.instance_number, provenance.words, codes, provenance.supervised)
    match value:
        case Rendering() if ending == IMAGE:
            return _image(value, provenance, told)
        case Rendering() if ending == VIEW:
            return _view(value, provenance, told)
        case Rendering():
            return build_secondary_capture(value, source, told)
        case Cine():
            return build_multiframe_capture(value, source, told)
        case Mesh():
            return _model(value, provenance, told)
        case Measurements():
            return _measurements(value, provenance, told)
    assert isinstance(value, LabelMap)
    return build_segmentation(value, source, told)


def _window(provenance: Provenance) -> Window:
    settings = provenance.settings
    if settings.get("window_center") is None or settings.get("window_width") is None:
        raise ParameterError("the step that made this picture names no window")
    return Window(settings["window_center"], settings["window_width"])


def _image(rendering: Rendering, provenance: Provenance, told: Derivation) -> Dataset:
    from prosector.dicom.derived_image import build_derived_image

    volume, settings = provenance.source, provenance.settings
    thickness = settings.get("thickness_mm") or settings.get("slab_thickness_mm") or None
    return build_derived_image(rendering, volume.source, volume.geometry, told, _window(provenance), thickness)


def _view(rendering: Rendering, provenance: Provenance, told: Derivation) -> Dataset:
    from prosector.dicom.volume_presentation import PresentedView, build_volume_presentation
    from prosector.pipeline.regions import region_of
    from prosector.rendering import presets

    volume, settings = provenance.source, dict(provenance.settings)
    region = region_of(settings, None)
    if rendering.method == "volume":
        look = presets.preset(settings["preset"]).resolved(volume)
        view = PresentedView(rendering.camera, rendering.size, "volume", look.transfer, region=region)
    else:
        window = _window(provenance)
        view = PresentedView(rendering.camera, rendering.size, rendering.method, window=window, region=region)
    return build_volume_presentation(view, volume.source, volume.geometry, told)


def _model(mesh: Mesh, provenance: Provenance, told: Derivation) -> Dataset:
    from prosector.dicom.encapsulated import build_encapsulated_stl
    from prosector.surface.files import write_mesh

    volume = provenance.source
    with TemporaryDirectory() as place:
        path = Path(place) / "model.stl"
        write_mesh(path, mesh)
        stl = path.read_bytes()
    return build_encapsulated_stl(stl, volume.source, volume.geometry, told)


def _measurements(measured: Measurements, provenance: Provenance, told: Derivation) -> Dataset:
    from prosector.dicom.codes import PROCEDURE_DESCRIPTIONS
    from prosector.dicom.derived_image import frame_of_reference
    from prosector.dicom.structured_report import Passage, ReportContent, Section, build_structured_report

    volume = provenance.source
    warnings = [Passage(f"Warning: {warning}") for warning in measured.warnings]
    content = ReportContent(
        measurements=measured.items,
        sections=(Section(PROCEDURE_DESCRIPTIONS, (Passage(provenance.words), *warnings)),),
        frame_of_reference_uid=frame_of_reference(volume.geometry, volume.source),
    )
    return build_structured_report(content, volume.source, told)
