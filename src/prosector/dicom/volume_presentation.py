"""Volume Rendering Volumetric Presentation State (PS3.3 A.80.2): the view of a picture, for others to render again.

What the standard can say is said: render geometry, rendering method, shading, transfer function, crop box and clip
planes, the volume. What it has no words for: gradient opacity, lights beyond the first and their colours, structures
with looks of their own; :func:`build_volume_presentation` refuses the last and names the others in Content
Description. Gradient opacity is kept for ourselves in a private block. The standard itself does not expect another
system's picture to be the same to the pixel (PS3.17 XXX.1).

Opacities are those of one millimetre, and Sampling Step Size (0070,1607) is one millimetre: a renderer that takes the
table as it stands at that step gets ours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import VolumeRenderingVolumetricPresentationStateStorage

from prosector.dicom.color_profile import srgb_profile
from prosector.dicom.derived import LO_LENGTH, Derivation, finish
from prosector.dicom.derived_image import decimal, frame_of_reference
from prosector.dicom.modules import (
    SH_LENGTH,
    UNSUPERVISED,
    begin_object,
    dicom_date,
    dicom_time,
    image_reference,
    put,
)
from prosector.dicom.report_references import source_references
from prosector.dicom.sr_document import person_name
from prosector.dicom.uids import derived_uid
from prosector.errors import ParameterError
from prosector.model.camera import Camera
from prosector.model.digest import canonical_json
from prosector.model.geometry import Array, Geometry
from prosector.model.region import Region
from prosector.model.source import Source
from prosector.model.transfer import Light, Shading, TransferFunction
from prosector.model.window import Window

RENDERING_METHODS = {"volume": "VOLUME_RENDERED", "mip": "MAXIMUM_IP", "minip": "MINIMUM_IP"}
"""Method of a rendering to Rendering Method (0070,120D)."""

TABLE_SIZE = 4096
TABLE_BITS = 12
"""Entries of the colour and opacity tables: 16 bits each."""

SAMPLING_STEP_MM = 1.0

GREATEST_SHININESS = 128.0
"""Our exponent that Shininess (0070,1706) of 1 stands for."""

PRIVATE_GROUP, PRIVATE_CREATOR, GRADIENT_OPACITY = 0x0071, "PROSECTOR", 0x01
"""Private block and element: gradient magnitudes per mm and their factors, in turn (FD), for which there is no room."""

CLEAR_MM = 1.0
"""How far before the volume the near plane lies, and the far plane behind it."""


@dataclass(frozen=True, eq=False)
class PresentedView:
    """What a presentation state describes.

    Parameters
    ----------
    camera : Camera
    size : (width, height)
        Of the picture, in pixels: only their ratio is used.
    method : str
        A key of :data:`RENDERING_METHODS`.
    transfer : TransferFunction or None
        For ``volume``.
    window : Window or None
        For ``mip`` and ``minip``, modality units.
    region : Region or None
        Crop box and planes; no labels.
    """

    camera: Camera
    size: tuple[int, int]
    method: str
    transfer: TransferFunction | None = None
    window: Window | None = None
    region: Region | None = None


def build_volume_presentation(
    view: PresentedView,
    source: Source,
    geometry: Geometry,
    derivation: Derivation,
    creator: str = "",
) -> Dataset:
    """Build a Volume Rendering Volumetric Presentation State of one volume.

    Parameters
    ----------
    view : PresentedView
    source : Source
        The series that is rendered.
    geometry : Geometry
        Of the volume: frame of reference, and how deep the view must reach.
    derivation : Derivation
        Its description goes into Content Description as far as it fits; codes are not used.
    creator : str
        Content Creator's Name (0070,0084).

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    ParameterError
        If the view cannot be described: another method, a mask, no transfer function or window.
    """
    low, high, table = _table(view)
    region = view.region or Region()
    if region.labels is not None:
        raise ParameterError("a presentation state shows the volume without masks: leave out labels, or use .dcm")
    uid = derivation.uid("volume presentation", _identity(view, table))
    dataset = begin_object(VolumeRenderingVolumetricPresentationStateStorage, uid, "PR", source, derivation)
    put(dataset, "FrameOfReferenceUID", frame_of_reference(geometry, source))
    put(dataset, "PositionReferenceIndicator", None)
    _add_identification(dataset, view, derivation, creator)
    _add_inputs(dataset, source, region, (low, high))
    _add_cropping(dataset, region)
    _add_geometry(dataset, view, geometry)
    if view.transfer is not None and view.transfer.shading is not None:
        _add_shading(dataset, view.camera, view.transfer.shading)
    _add_display(dataset, table)
    if view.transfer is not None and view.transfer.gradient_opacity:
        block = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
        block.add_new(GRADIENT_OPACITY, "FD", [float(v) for point in view.transfer.gradient_opacity for v in point])
    return finish(dataset)


def _table(view: PresentedView) -> tuple[float, float, Array]:
    """Values at the ends of the table, and (TABLE_SIZE, 4) uint16 red, green, blue and opacity."""
    if view.method not in RENDERING_METHODS:
        known = ", ".join(RENDERING_METHODS)
        raise ParameterError(f"a presentation state is of {known}; this is {view.method!r}: use .dcm")
    if view.method == "volume":
        if view.transfer is None:
            raise ParameterError("the presentation of a volume rendering needs its transfer function")
        at = [p[0] for p in (*view.transfer.color, *view.transfer.opacity)]
        low, high = min(at), max(max(at), min(at) + 1.0)
        table = view.transfer.table(SAMPLING_STEP_MM, low, high, TABLE_SIZE)
    else:
        if view.window is None:
            raise ParameterError("the presentation of a projection needs its window")
        low, high = view.window.low, view.window.high
        grey = np.linspace(0, 1, TABLE_SIZE, dtype=np.float32)
        table = np.stack([grey, grey, grey, np.ones_like(grey)], axis=1)
    return low, high, np.rint(np.clip(table, 0, 1) * 65535).astype("<u2")


def _identity(view: PresentedView, table: Array) -> str:
    camera, region = view.camera, view.region or Region()
    pose = [camera.center_lps.tolist(), camera.forward_lps.tolist(), camera.up_lps.tolist(), camera.height_mm]
    planes = [[list(p.point_lps), list(p.normal_lps)] for p in region.planes]
    crop = [list(c) if c else [] for c in (region.crop_low_lps, region.crop_high_lps)]
    said = [pose, camera.view_angle_deg, list(view.size), view.method, planes, crop, repr(view.transfer)]
    return hashlib.sha256(canonical_json(said).encode() + table.tobytes()).hexdigest()


def _add_identification(dataset: Dataset, view: PresentedView, derivation: Derivation, creator: str) -> None:
    """Volumetric Presentation State Identification (C.11.22)."""
    dataset.ContentLabel = f"3D_{view.method.upper()}"[:SH_LENGTH]
    warning = "" if derivation.supervised else f" {UNSUPERVISED}"
    words = _left_out(view) or derivation.description
    put(dataset, "ContentDescription", words[: LO_LENGTH - len(warning)] + warning)
    put(dataset, "ContentCreatorName", person_name(creator))
    put(dataset, "PresentationCreationDate", dicom_date(derivation.series.created))
    put(dataset, "PresentationCreationTime", dicom_time(derivation.series.created))


def _left_out(view: PresentedView) -> str:
    """What of the view the object cannot say."""
    found = []
    if view.transfer is not None and view.transfer.gradient_opacity:
        found.append("gradient opacity")
    if view.transfer is not None and view.transfer.shading and view.transfer.shading.lights != (Light(),):
        found.append("lights")
    return f"without {', '.join(found)}" if found else ""


def _add_inputs(dataset: Dataset, source: Source, region: Region, ends: tuple[float, float]) -> None:
    """Volumetric Presentation State Relationship (C.11.23): one volume, and the window that feeds the table."""
    references = [image_reference(r.sop_class_uid, r.sop_instance_uid) for r in source_references(source)]
    inputs = Dataset()
    inputs.VolumetricPresentationInputSetUID = _input_set(dataset)
    inputs.PresentationInputType = "VOLUME"
    inputs.ReferencedImageSequence = references
    dataset.VolumetricPresentationInputSetSequence = [inputs]
    shown = Dataset()
    shown.VolumetricPresentationInputNumber = 1
    shown.VolumetricPresentationInputSetUID = _input_set(dataset)
    low, high = ends
    shown.WindowCenter, shown.WindowWidth = decimal([(low + high) / 2, high - low])
    shown.VOILUTFunction = "LINEAR_EXACT"
    shown.Crop = "NO"
    dataset.VolumetricPresentationStateInputSequence = [shown]
    crops = _crops(region)
    dataset.GlobalCrop = "YES" if crops else "NO"
    if crops:
        numbers = list(range(1, len(crops) + 1))
        dataset.GlobalCroppingSpecificationIndex = numbers[0] if len(numbers) == 1 else numbers
    series = Dataset()
    put(series, "SeriesInstanceUID", source.series_instance_uid)
    series.ReferencedInstanceSequence = references
    dataset.ReferencedSeriesSequence = [series]


def _input_set(dataset: Dataset) -> str:
    return derived_uid("input set", dataset.SOPInstanceUID)


def _add_cropping(dataset: Dataset, region: Region) -> None:
    """Volume Cropping (C.11.24), where something is cut away."""
    crops = _crops(region)
    for number, item in enumerate(crops, start=1):
        item.CroppingSpecificationNumber = number
    if crops:
        dataset.VolumeCroppingSequence = crops


def _crops(region: Region) -> list[Dataset]:
    """Everything as oblique planes: a bounding box would turn with the grid (and shear with a tilted one)."""
    planes = [(plane.point_lps, plane.normal_lps) for plane in region.planes]
    return [_oblique([*_box_planes(region), *planes])] if planes or region.crop_low_lps else []


def _box_planes(region: Region) -> list[tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """Six planes, low and high along each axis, their normals into the box."""
    found = []
    for corner, sign in ((region.crop_low_lps, 1.0), (region.crop_high_lps, -1.0)):
        if corner is not None:
            for axis in range(3):
                normal = [0.0, 0.0, 0.0]
                normal[axis] = sign
                found.append((corner, (normal[0], normal[1], normal[2])))
    return found


def _oblique(planes: list[tuple[tuple[float, float, float], tuple[float, float, float]]]) -> Dataset:
    """An OBLIQUE_PLANES item; Plane Normal points out of what is kept, ours into it."""
    crop = Dataset()
    crop.VolumeCroppingMethod = "OBLIQUE_PLANES"
    crop.ObliqueCroppingPlaneSequence = []
    for point, normal in planes:
        outside = -np.asarray(normal, dtype=np.float64) / np.linalg.norm(normal)
        item = Dataset()
        item.Plane = [*(float(v) for v in outside), float(-outside @ np.asarray(point))]
        item.PlaneNormal = [float(v) for v in outside]
        crop.ObliqueCroppingPlaneSequence.append(item)
    return crop


def _add_geometry(dataset: Dataset, view: PresentedView, geometry: Geometry) -> None:
    """Volume Render Geometry (C.11.30).

    The viewpoint is the eye of a perspective view; of a parallel one, a point before the volume. The field of view of
    a perspective is stated at the far plane (C.11.30.1), so it grows with the distance from the eye.
    """
    camera = view.camera
    depths = (geometry.corners_lps - camera.center_lps) @ camera.forward_lps
    eye = camera.eye_lps
    if eye is None:
        eye = camera.center_lps + (min(float(depths.min()), 0.0) - 2 * CLEAR_MM) * camera.forward_lps
    distance = float((camera.center_lps - eye) @ camera.forward_lps)
    near = max(distance + float(depths.min()) - CLEAR_MM, CLEAR_MM)
    far = max(distance + float(depths.max()) + CLEAR_MM, near + CLEAR_MM)
    half_height = camera.height_mm / 2 * (1.0 if camera.is_parallel else far / distance)
    half_width = half_height * view.size[0] / view.size[1]
    dataset.RenderProjection = "ORTHOGRAPHIC" if camera.is_parallel else "PERSPECTIVE"
    dataset.ViewpointPosition = [float(v) for v in eye]
    dataset.ViewpointLookAtPoint = [float(v) for v in camera.center_lps]
    dataset.ViewpointUpDirection = [float(v) for v in camera.up_lps]
    dataset.RenderFieldOfView = [-half_width, half_width, half_height, -half_height, near, far]
    dataset.RenderingMethod = RENDERING_METHODS[view.method]
    dataset.SamplingStepSize = SAMPLING_STEP_MM


def _add_shading(dataset: Dataset, camera: Camera, shading: Shading) -> None:
    """Render Shading (C.11.31): the first light, and the direction in which its rays travel."""
    light = shading.lights[0]
    right, up, towards = light.direction
    source = right * camera.right_lps + up * camera.up_lps - towards * camera.forward_lps
    travels = -source / np.linalg.norm(source)
    dataset.ShadingStyle = "DOUBLESIDED"
    dataset.AmbientReflectionIntensity = min(shading.ambient, 1.0)
    dataset.LightDirection = [float(v) for v in travels]
    dataset.DiffuseReflectionIntensity = min(shading.diffuse, 1.0)
    dataset.SpecularReflectionIntensity = min(shading.specular, 1.0)
    dataset.Shininess = min(shading.shininess / GREATEST_SHININESS, 1.0)


def _add_display(dataset: Dataset, table: Array) -> None:
    """Render Display (C.11.32): one component, from value to colour and opacity."""
    component = Dataset()
    component.ComponentType = "ONE_TO_RGBA"
    index = Dataset()
    index.VolumetricPresentationInputIndex = 1
    index.BitsMappedToColorLookupTable = TABLE_BITS
    component.ComponentInputSequence = [index]
    component.RGBLUTTransferFunction = "TABLE"
    component.AlphaLUTTransferFunction = "TABLE"
    for channel, name in enumerate(("Red", "Green", "Blue", "Alpha")):
        put(component, f"{name}PaletteColorLookupTableDescriptor", [TABLE_SIZE, 0, 16])
        component[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        put(component, f"{name}PaletteColorLookupTableData", table[:, channel].tobytes())
    stream = Dataset()
    stream.VolumetricPresentationInputSetUID = _input_set(dataset)
    stream.PresentationStateClassificationComponentSequence = [component]
    dataset.PixelPresentation = "TRUE_COLOR"
    dataset.VolumeStreamSequence = [stream]
    dataset.ICCProfile = srgb_profile()
    dataset.ColorSpace = "SRGB"
