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

# the same: a surface where values cross a level
EDGE_DETECTION = Code("123103", "DCM", "Edge Detection")

# CID 7000, 7021 and 7061: titles of documents; 7060: why a document names an image
DIAGNOSTIC_IMAGING_REPORT = Code("18748-4", "LN", "Diagnostic Imaging Report")
IMAGING_MEASUREMENT_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
CT_MODEL = Code("85040-4", "LN", "CT 3D CAM model")
MR_MODEL = Code("85041-2", "LN", "MR 3D CAM model")
SOURCE_DOCUMENT_IMAGE = Code("121324", "DCM", "Source image")

# CID 7063 "Model Scale Unit" and CID 7064 "Model Usage"
MILLIMETRE = Code("mm", "UCUM", "mm")
PLANNING_INTENT = Code("129013", "DCM", "Planning Intent")
SIMULATION_INTENT = Code("129017", "DCM", "Simulation Intent")
EDUCATIONAL_INTENT = Code("129012", "DCM", "Educational Intent")

# CID 7010 "Key Object Selection Document Title"
OF_INTEREST = Code("113000", "DCM", "Of Interest")
FOR_REFERRING_PROVIDER = Code("113002", "DCM", "For Referring Provider")
FOR_REPORT_ATTACHMENT = Code("113020", "DCM", "For Report Attachment")
KEY_OBJECT_DESCRIPTION = Code("113012", "DCM", "Key Object Description")

# CID 7001 "Diagnostic Imaging Report Heading"
REQUEST = Code("55115-0", "LN", "Request")
INDICATIONS = Code("18785-6", "LN", "Indications for Procedure")
HISTORY = Code("11329-0", "LN", "History")
PROCEDURE_DESCRIPTIONS = Code("55111-9", "LN", "Current Procedure Descriptions")
FINDINGS = Code("59776-5", "LN", "Findings")
IMPRESSIONS = Code("19005-8", "LN", "Impressions")
KEY_IMAGES = Code("55113-5", "LN", "Key Images")
CRITICAL_RESULTS = Code("73568-8", "LN", "Communication of Critical Results")
ADDENDUM = Code("55107-7", "LN", "Addendum")

# CID 7002 "Diagnostic Imaging Report Element"
REQUEST_TEXT = Code("121062", "DCM", "Request")
INDICATION_TEXT = Code("121109", "DCM", "Indications for Procedure")
HISTORY_TEXT = Code("121060", "DCM", "History")
PROCEDURE_TEXT = Code("121065", "DCM", "Procedure Description")
FINDING = Code("121071", "DCM", "Finding")
IMPRESSION = Code("121073", "DCM", "Impression")
COMMENT = Code("121106", "DCM", "Comment")

# TID 1001 and what it includes: language, observers
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
PERSON = Code("121006", "DCM", "Person")
DEVICE = Code("121007", "DCM", "Device")
PERSON_NAME = Code("121008", "DCM", "Person Observer Name")
PERSON_ORGANIZATION = Code("121009", "DCM", "Person Observer's Organization Name")
PERSON_POSITION = Code("121010", "DCM", "Person Observer's Role in the Organization")
PERSON_ROLE = Code("121011", "DCM", "Person Observer's Role in this Procedure")
DEVICE_UID = Code("121012", "DCM", "Device Observer UID")
DEVICE_NAME = Code("121013", "DCM", "Device Observer Name")
DEVICE_MANUFACTURER = Code("121014", "DCM", "Device Observer Manufacturer")
DEVICE_MODEL = Code("121015", "DCM", "Device Observer Model Name")
DEVICE_SERIAL = Code("121016", "DCM", "Device Observer Serial Number")

# CID 7452 "Organizational Role" and CID 7453 "Performing Role"
PHYSICIAN = Code("309343006", "SCT", "Physician")
TECHNOLOGIST = Code("159016003", "SCT", "Radiologic Technologist")
PHYSICIST = Code("C1708969", "UMLS", "Medical Physicist")
PERFORMING = Code("121094", "DCM", "Performing")
VERIFYING = Code("121098", "DCM", "Verifying")

# TID 1500, 1501, 1411, 300, 310, 320: the measurement report
PROCEDURE_REPORTED = Code("121058", "DCM", "Procedure reported")
CT_PROCEDURE = Code("25045-6", "LN", "CT unspecified body region")
MR_PROCEDURE = Code("25056-3", "LN", "MRI unspecified body region")
IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP = Code("126200", "DCM", "Image Library Group")
IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
FINDING_SITE = Code("363698007", "SCT", "Finding Site")
REFERENCED_SEGMENT = Code("121191", "DCM", "Referenced Segment")
SOURCE_SERIES = Code("121232", "DCM", "Source series for segmentation")
MEASUREMENT_METHOD = Code("370129005", "SCT", "Measurement Method")
DERIVATION = Code("121401", "DCM", "Derivation")
SOURCE_OF_MEASUREMENT = Code("121112", "DCM", "Source of Measurement")
UNCERTAINTY_RANGE = Code("371884006", "SCT", "+/-, range of measurement uncertainty")

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
"""Every row above; a test looks each up."""

ENGLISH = Code("en", "RFC5646", "English")
"""CID 5000 takes its codes from the registry of languages."""

PRIVATE_SCHEME = "99PROSECTOR"
"""Coding scheme of what the standard has no code for; objects that use it say whose it is (0008,0110)."""

SUPERVISING = Code("SUPERVISING", PRIVATE_SCHEME, "Supervising the post-processing concurrently")
"""CID 7453 has no such role; it may be extended."""


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
