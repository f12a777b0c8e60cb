"""A volume presentation state back to camera, transfer function, window and region."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import VolumeRenderingVolumetricPresentationStateStorage

from prosector.dicom.volume_presentation import (
    GRADIENT_OPACITY,
    GREATEST_SHININESS,
    PRIVATE_CREATOR,
    PRIVATE_GROUP,
    RENDERING_METHODS,
    PresentedView,
)
from prosector.errors import DicomInputError
from prosector.model.camera import Camera
from prosector.model.geometry import Array
from prosector.model.region import ClipPlane, Region
from prosector.model.transfer import Light, Shading, TransferFunction
from prosector.model.window import Window

ASPECT_PIXELS = 1000
"""Height of the size that is given back: the object knows only the ratio."""


def read_volume_presentation(dataset: Dataset) -> PresentedView:
    """The view that a presentation state of ours describes.

    A crop box comes back as six planes; the transfer function as the points of its table; a single white light.

    Raises
    ------
    DicomInputError
        If the object is of another kind, or uses what we do not write.
    """
    if dataset.get("SOPClassUID") != VolumeRenderingVolumetricPresentationStateStorage:
        raise DicomInputError("(0008,0016) SOP Class UID: this is no Volume Rendering Volumetric Presentation State")
    methods = {term: method for method, term in RENDERING_METHODS.items()}
    method = methods[dataset.RenderingMethod]
    camera, aspect = _read_camera(dataset)
    shown = dataset.VolumetricPresentationStateInputSequence[0]
    window = Window(float(shown.WindowCenter), float(shown.WindowWidth))
    transfer = None
    if method == "volume":
        transfer = replace(_read_table(dataset, window), shading=_read_shading(dataset, camera))
    size = (round(aspect * ASPECT_PIXELS), ASPECT_PIXELS)
    return PresentedView(camera, size, method, transfer, None if transfer else window, _read_region(dataset))


def _read_camera(dataset: Dataset) -> tuple[Camera, float]:
    """Camera, and width over height."""
    eye, center = np.array(dataset.ViewpointPosition), np.array(dataset.ViewpointLookAtPoint)
    left, right, top, bottom, _, far = dataset.RenderFieldOfView
    distance, height, angle = float(np.linalg.norm(center - eye)), top - bottom, 0.0
    if dataset.RenderProjection == "PERSPECTIVE":
        angle = float(2 * np.degrees(np.arctan(height / 2 / far)))
        height *= distance / far
    camera = Camera(center, center - eye, np.array(dataset.ViewpointUpDirection), height, angle)
    return camera, (right - left) / (top - bottom)


def _read_table(dataset: Dataset, window: Window) -> TransferFunction:
    component = dataset.VolumeStreamSequence[0].PresentationStateClassificationComponentSequence[0]
    if component.ComponentType != "ONE_TO_RGBA":
        raise DicomInputError("(0070,1802) Component Type: only ONE_TO_RGBA is read")
    names = [f"{name}PaletteColorLookupTableData" for name in ("Red", "Green", "Blue", "Alpha")]
    levels = [np.frombuffer(component[name].value, "<u2") / 65535 for name in names]
    at = np.linspace(window.low, window.high, len(levels[0]))
    red, green, blue, alpha = (channel.tolist() for channel in levels)
    colors = zip(at.tolist(), zip(red, green, blue, strict=True), strict=True)
    return TransferFunction(
        tuple(colors), tuple(zip(at.tolist(), alpha, strict=True)), _read_gradients(dataset), shading=None
    )


def _read_gradients(dataset: Dataset) -> tuple[tuple[float, float], ...]:
    """Gradient opacity from our private block, where there is one."""
    try:
        values = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)[GRADIENT_OPACITY].value
    except KeyError:
        return ()
    return tuple(zip(values[::2], values[1::2], strict=True))


def _read_shading(dataset: Dataset, camera: Camera) -> Shading | None:
    if "ShadingStyle" not in dataset:
        return None
    source = -np.array(dataset.LightDirection)
    seen = tuple(float(source @ axis) for axis in (camera.right_lps, camera.up_lps, -camera.forward_lps))
    return Shading(
        dataset.AmbientReflectionIntensity,
        dataset.DiffuseReflectionIntensity,
        dataset.SpecularReflectionIntensity,
        dataset.Shininess * GREATEST_SHININESS,
        (Light((seen[0], seen[1], seen[2])),),
    )


def _read_region(dataset: Dataset) -> Region | None:
    planes = []
    for crop in dataset.get("VolumeCroppingSequence", ()):
        if crop.VolumeCroppingMethod != "OBLIQUE_PLANES":
            raise DicomInputError(f"(0070,1302) Volume Cropping Method {crop.VolumeCroppingMethod} is not read")
        for item in crop.ObliqueCroppingPlaneSequence:
            outside, offset = np.array(item.PlaneNormal), float(item.Plane[3])
            point, inside = -offset * outside, -outside
            planes.append(ClipPlane(_triple(point), _triple(inside)))
    return Region(planes=tuple(planes)) if planes else None


def _triple(values: Array) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
