"""A grey projection or reformat as an image of its source's modality: values, window and spacing are kept.

A picture (:mod:`prosector.dicom.secondary_capture`) shows colours; this object holds what the rays found, in modality
units, so that window, density and length can be worked with in the archive's own viewer. It has no letters, scale bar
or marks in its pixels.

The plane that Image Position and Orientation (Patient) state is the plane of projection through the centre of the
view. A pixel of a projection stands for a whole ray, not for the point in that plane; Derivation Description says so.
Only for a thin reformat is the pixel the point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage
from pydicom.valuerep import DS

from prosector.dicom.derived import LO_LENGTH, Derivation, finish
from prosector.dicom.modules import begin_image, put, put_known
from prosector.dicom.uids import derived_uid
from prosector.errors import ParameterError
from prosector.model.digest import digest
from prosector.model.geometry import Array, Geometry
from prosector.model.rendering import Rendering
from prosector.model.source import Source
from prosector.model.window import Window

GREY_METHODS = ("mip", "minip", "average", "closest", "mpr")
"""Methods whose values are in modality units: not sums (value times length), nor pictures coloured by depth."""

SOP_CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage}

RAY_WORDS = "Each pixel stands for a ray through its point in the plane of projection."

SCANNING_SEQUENCES = {"SE", "IR", "GR", "EP", "RM"}
"""Terms of Scanning Sequence (0018,0020); of a sequence that is known by its name alone, RM: none of the others."""

LARGEST_STORED = 32767

WHOLE_UNITS = 256.0
"""Values that span this much or more are kept to whole units, as scanners keep them; others are scaled."""


def build_derived_image(
    rendering: Rendering,
    source: Source,
    geometry: Geometry,
    derivation: Derivation,
    window: Window,
    thickness_mm: float | None = None,
) -> Dataset:
    """Build a CT Image (PS3.3 A.3) or MR Image (A.4), 16 bits, that holds a rendering's values.

    Values are rounded to whole units (or, where they span less than 256 units, to 1/65535 of their range); Rescale
    Slope and Intercept take them back to modality units. Pixels whose ray met nothing hold Pixel Padding Value.

    Parameters
    ----------
    rendering : Rendering
        Of a parallel camera, with ``values``; of a method in :data:`GREY_METHODS`.
    source : Source
        CT or MR.
    geometry : Geometry
        Of the volume that it was made from: names the frame of reference.
    derivation : Derivation
    window : Window
        In modality units.
    thickness_mm : float, optional
        Of the slab that was projected, for Slice Thickness (0018,0050); empty where it was the whole volume.

    Returns
    -------
    pydicom Dataset
        With file meta information, ready for :func:`prosector.dicom.derived.write_dicom`.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    InputError
        If the rendering is of the interactive tier.
    ParameterError
        If a pixel has no place or no value in modality units: perspective or curved views, coloured pictures, sums;
        or the source is neither CT nor MR.
    """
    rendering.require_still()
    values = _checked(rendering, source)
    uid = derivation.uid("derived image", digest(rendering))
    dataset = begin_image(SOP_CLASSES[source.modality], uid, source.modality, source, derivation)
    dataset.ImageType = ["DERIVED", "SECONDARY", *_kind(rendering.method)]
    if rendering.method != "mpr":
        put(dataset, "ImageComments", RAY_WORDS)
    _add_plane(dataset, rendering, source, geometry, thickness_mm)
    _add_pixels(dataset, values)
    _add_window(dataset, window)
    (_add_ct if source.modality == "CT" else _add_mr)(dataset, source)
    return finish(dataset)


def _checked(rendering: Rendering, source: Source) -> Array:
    """The values, or ParameterError."""
    if source.modality not in SOP_CLASSES:
        raise ParameterError(f"images of values are written for CT and MR; the source is {source.modality}: use .dcm")
    if rendering.method not in GREY_METHODS or rendering.values is None:
        raise ParameterError(
            f"an image of values is made of {', '.join(GREY_METHODS)}; this is {rendering.method!r}: use .dcm"
        )
    if not rendering.camera.is_parallel:
        raise ParameterError("pixels of a perspective view have no common spacing: use .dcm, or a view angle of 0")
    if not np.isfinite(rendering.values).any():
        raise ParameterError("no ray met the volume: there is no value to keep")
    return rendering.values


def _kind(method: str) -> tuple[str, str]:
    """Values 3 and 4 of Image Type (0008,0008).

    CT knows only AXIAL and LOCALIZER as value 3 (C.8.2.1.1.1), and neither would be true; MR has these words.
    """
    return ("MPR" if method == "mpr" else "PROJECTION IMAGE", method.upper())


def _add_plane(
    dataset: Dataset, rendering: Rendering, source: Source, geometry: Geometry, thickness_mm: float | None
) -> None:
    """Frame of Reference (C.7.4.1) and Image Plane (C.7.6.2) of the plane through the camera's centre."""
    camera, spacing = rendering.camera, rendering.pixel_spacing_mm
    width, height = rendering.size
    corner = camera.center_lps - camera.right_lps * spacing * (width - 1) / 2
    corner = corner + camera.up_lps * spacing * (height - 1) / 2
    put(dataset, "FrameOfReferenceUID", frame_of_reference(geometry, source))
    put(dataset, "PositionReferenceIndicator", None)
    put(dataset, "PatientPosition", source.acquisition.patient_position or None)
    dataset.ImagePositionPatient = decimal(corner)
    dataset.ImageOrientationPatient = decimal(np.concatenate([camera.right_lps, -camera.up_lps]))
    dataset.PixelSpacing = decimal([spacing, spacing])
    dataset.SliceThickness = None if thickness_mm is None else decimal([thickness_mm])[0]


def frame_of_reference(geometry: Geometry, source: Source) -> str:
    """The geometry's, or one that stands for its series where the scanner gave none."""
    return geometry.frame_of_reference_uid or derived_uid("frame of reference", source.series_instance_uid)


def decimal(values: object) -> list[Any]:
    """Decimal strings of at most 16 characters."""
    return [DS(float(v), auto_format=True) for v in np.asarray(values, dtype=np.float64).ravel()]


def _add_pixels(dataset: Dataset, values: Array) -> None:
    """Image Pixel (C.7.6.3), Modality LUT (C.11.1) and Pixel Padding Value (C.7.5.1.1.2)."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    whole = high - low >= WHOLE_UNITS and low > -LARGEST_STORED and high <= LARGEST_STORED
    middle = 0.0 if whole else (low + high) / 2
    slope = 1.0 if whole else max((high - low) / (2 * LARGEST_STORED - 2), 1e-9)
    slope, intercept = (float(v) for v in decimal([slope, middle]))  # as they can be written
    missed = np.isnan(values)
    stored = np.rint((np.where(missed, low, values).astype(np.float64) - intercept) / slope)
    padding = int(stored.min()) - 1
    stored = np.where(missed, padding, stored).astype("<i2")
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.add_new("PixelPaddingValue", "SS", padding)
    dataset.BurnedInAnnotation = "NO"
    dataset.RescaleIntercept, dataset.RescaleSlope = decimal([intercept, slope])
    dataset.add_new("PixelData", "OW", stored.tobytes())


def _add_window(dataset: Dataset, window: Window) -> None:
    """VOI LUT (C.11.2), with the function that the picture was made with."""
    dataset.WindowCenter, dataset.WindowWidth = decimal([window.center, window.width])
    dataset.VOILUTFunction = "LINEAR_EXACT"


def _add_ct(dataset: Dataset, source: Source) -> None:
    """What CT Image (C.8.2.1) asks for beyond that."""
    dataset.RescaleType = "HU"
    put(dataset, "KVP", None if source.acquisition.kvp is None else decimal([source.acquisition.kvp])[0])
    put(dataset, "AcquisitionNumber", None)
    put_known(dataset, "ConvolutionKernel", source.acquisition.kernel)
    _add_contrast(dataset, source)


def _add_mr(dataset: Dataset, source: Source) -> None:
    """What MR Image (C.8.3.1) asks for beyond that; of the sequence no more is known than its name."""
    sequence = source.acquisition.sequence
    known = sequence and set(sequence.split("\\")) <= SCANNING_SEQUENCES
    put(dataset, "ScanningSequence", sequence.split("\\") if known else "RM")
    put(dataset, "SequenceVariant", "NONE")
    for keyword in ("ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength"):
        put(dataset, keyword, None)
    put_known(dataset, "SequenceName", "" if known else sequence)
    _add_contrast(dataset, source)


def _add_contrast(dataset: Dataset, source: Source) -> None:
    """Contrast/Bolus (C.7.6.4), where an agent was given."""
    if source.acquisition.contrast_agent:
        put(dataset, "ContrastBolusAgent", source.acquisition.contrast_agent[:LO_LENGTH])
