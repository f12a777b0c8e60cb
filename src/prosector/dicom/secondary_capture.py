"""A picture as DICOM Secondary Capture, filed into the study that it was made from.

Built with pydicom alone. highdicom's ``SCImage`` serves digitised pictures: it fixes Conversion Type to
DI and Image Type to OTHER, stamps its own clock and equipment, and validates the identity that must be
carried as found; little of it would be left.

What is left out, and why: no Frame of Reference and no image plane, since a pixel of a projection or
rendering is no point in the patient and a viewer would draw reference lines through it.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from prosector.dicom.derived import Derivation, DerivedSeries, finish
from prosector.dicom.modules import begin_image, dicom_date, dicom_time, put
from prosector.model.camera import orientation_letters
from prosector.model.digest import digest
from prosector.model.geometry import Array
from prosector.model.rendering import Rendering
from prosector.model.source import Source

CALIBRATION = "Parallel projection: distances in the plane of the picture"
"""Pixel Spacing Calibration Description (0028,0A04), at most 64 characters."""


def build_secondary_capture(rendering: Rendering, source: Source, derivation: Derivation) -> Dataset:
    """Build a Secondary Capture Image (PS3.3 A.8.1): RGB, 8 bits, in the base study.

    Parameters
    ----------
    rendering : Rendering
        Its pixels are stored as they are; Burned In Annotation says whether they name the patient.
    source : Source
        The series that it was made from: patient and study are carried over, and every image is named in
        the Source Image Sequence.
    derivation : Derivation

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
        If no derivation code is given.
    """
    rendering.require_still()
    uid = derivation.uid("secondary capture", digest(rendering))
    dataset = begin_image(SecondaryCaptureImageStorage, uid, source.modality, source, derivation)
    add_capture(dataset, derivation.series)
    _add_image(dataset, rendering)
    return finish(dataset)


def add_capture(dataset: Dataset, series: DerivedSeries) -> None:
    """SC Equipment (C.8.6.1) and the dates of the SC Image module (C.8.6.2)."""
    dataset.ConversionType = "WSD"
    put(dataset, "SecondaryCaptureDeviceManufacturer", series.workstation.manufacturer)
    put(dataset, "SecondaryCaptureDeviceManufacturerModelName", series.workstation.model)
    put(dataset, "SecondaryCaptureDeviceSoftwareVersions", series.workstation.software_version)
    put(dataset, "DateOfSecondaryCapture", dicom_date(series.created))
    put(dataset, "TimeOfSecondaryCapture", dicom_time(series.created))


def _add_image(dataset: Dataset, rendering: Rendering) -> None:
    """General Image (C.7.6.1), Image Pixel (C.7.6.3) and the spacing of the SC Image module."""
    letters = rendering.letters or orientation_letters(rendering.camera)
    # towards the right end of the rows and the bottom end of the columns (C.7.6.1.1.1)
    curved = rendering.method == "curved-mpr"  # its directions change from row to row: none is true of all
    dataset.PatientOrientation = None if curved else [letters["right"], letters["bottom"]]
    if rendering.camera.is_parallel:
        add_pixel_spacing(dataset, rendering.pixel_spacing_mm)
    add_true_color(dataset, rendering.pixels, rendering.burned_in_identity)


def add_pixel_spacing(dataset: Dataset, spacing_mm: float) -> None:
    """Pixel Spacing (0028,0030) of a parallel view, and how it is known.

    GEOMETRY (10.7.1.3): no detector was there to be magnified; under a parallel view the value holds at
    every depth. Nominal Scanned Pixel Spacing is for film scanners and stays out.
    """
    spacing = f"{spacing_mm:.10g}"
    dataset.PixelSpacing = [spacing, spacing]
    dataset.PixelSpacingCalibrationType = "GEOMETRY"
    dataset.PixelSpacingCalibrationDescription = CALIBRATION


def add_true_color(dataset: Dataset, pixels: Array, burned_in_identity: bool) -> None:
    """Image Pixel (C.7.6.3) of one (rows, columns, 3) picture or a stack of them, uint8, uncompressed."""
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.BurnedInAnnotation = "YES" if burned_in_identity else "NO"
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = pixels.shape[-3:-1]
    dataset.BitsAllocated = 8
    dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    data = pixels.tobytes()
    put(dataset, "PixelData", data + b"\0" * (len(data) % 2))
    dataset["PixelData"].VR = "OB"
