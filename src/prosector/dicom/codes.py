"""The coded concepts that derived objects carry: one row each.

Values and meanings are those of PS3.16; a test holds every row against pydicom's dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.dataset import Dataset

from prosector.model.structures import Code

# CID 7203 "Image Derivation", for Derivation Code Sequence (0008,9215)
VOLUME_RENDERING = Code("113074", "DCM", "Volume rendering")
SURFACE_RENDERING = Code("113075", "DCM", "Surface rendering")
SEGMENTATION = Code("113076", "DCM", "Segmentation")
VOLUME_EDITING = Code("113077", "DCM", "Volume editing")
MAXIMUM_INTENSITY_PROJECTION = Code("113078", "DCM", "Maximum intensity projection")
MINIMUM_INTENSITY_PROJECTION = Code("113079", "DCM", "Minimum intensity projection")
MULTIPLANAR_REFORMATTING = Code("113072", "DCM", "Multiplanar reformatting")
CURVED_MULTIPLANAR_REFORMATTING = Code("113073", "DCM", "Curved multiplanar reformatting")
SPATIAL_RESAMPLING = Code("113085", "DCM", "Spatial resampling")
PIXEL_BY_PIXEL_MEAN = Code("113049", "DCM", "Pixel by pixel mean")
PIXEL_BY_PIXEL_ADDITION = Code("113042", "DCM", "Pixel by pixel addition")
PIXEL_BY_PIXEL_SUBTRACTION = Code("113062", "DCM", "Pixel by pixel subtraction")
PIXEL_BY_PIXEL_MASK = Code("113047", "DCM", "Pixel by pixel mask")
SMOOTHING = Code("113087", "DCM", "Smoothing")

# CID 7202 "Source Image Purposes of Reference"
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")

# CID 7005 "Contributing Equipment Purposes of Reference"
ACQUISITION_EQUIPMENT = Code("109101", "DCM", "Acquisition Equipment")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")

# CID 7162 "Segmentation Algorithm Families": thresholds joined by connectivity
NEIGHBORHOOD_ANALYSIS = Code("123101", "DCM", "Neighborhood Analysis")

METHOD_DERIVATIONS = {
    "mip": (MAXIMUM_INTENSITY_PROJECTION,),
    "minip": (MINIMUM_INTENSITY_PROJECTION,),
    # CID 7203 has no average projection: the mean over pixels, said more exactly in Derivation Description.
    "average": (PIXEL_BY_PIXEL_MEAN,),
    "sum": (PIXEL_BY_PIXEL_ADDITION,),
    # neither has a code of its own; Derivation Description says how they differ
    "closest": (MAXIMUM_INTENSITY_PROJECTION,),
    "depth": (MAXIMUM_INTENSITY_PROJECTION,),
    "volume": (VOLUME_RENDERING,),
    "surface": (SURFACE_RENDERING,),
    "mpr": (MULTIPLANAR_REFORMATTING,),
    "curved-mpr": (CURVED_MULTIPLANAR_REFORMATTING,),
}
"""Derivation codes of a rendering's ``method``."""

ALL_CODES = tuple(value for value in list(globals().values()) if isinstance(value, Code))
"""Every row above."""


def code_item(code: Code) -> Dataset:
    """One item of a code sequence (basic coded entry, PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme
    item.CodeMeaning = code.meaning
    return item


def code_sequence(codes: Iterable[Code]) -> list[Dataset]:
    """The items of a code sequence, repeated codes once."""
    return [code_item(code) for code in dict.fromkeys(codes)]
