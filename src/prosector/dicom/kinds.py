"""What objects are that hold no image to load: named, so that nobody wonders where their volume is."""

from __future__ import annotations

from prosector.dicom.header import Header

NOT_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "a DICOM segmentation (SEG): a label map of another series",
    "1.2.840.10008.5.1.4.1.1.66.7": "a DICOM label map segmentation: labels of another series",
    "1.2.840.10008.5.1.4.1.1.66.5": "a surface segmentation",
    "1.2.840.10008.5.1.4.1.1.66.2": "spatial fiducials",
    "1.2.840.10008.5.1.4.1.1.66.3": "a deformable registration",
    "1.2.840.10008.5.1.4.1.1.66.6": "tractography results",
    "1.2.840.10008.5.1.4.1.1.67": "a real world value mapping of other images",
    "1.2.840.10008.5.1.4.1.1.4.2": "MR spectra",
    "1.2.840.10008.5.1.4.1.1.481.2": "an RT dose grid",
    "1.2.840.10008.5.1.4.1.1.481.3": "RT structures (RTSTRUCT): contours on another series",
    "1.2.840.10008.5.1.4.1.1.481.5": "an RT plan",
    "1.2.840.10008.5.1.4.1.1.481.8": "an RT ion plan",
    "1.2.840.10008.5.1.4.1.1.88.59": "a key object selection: a list of images, not images",
    "1.2.840.10008.5.1.4.1.1.66.1": "a spatial registration",
    "1.2.840.10008.5.1.4.1.1.104.1": "an encapsulated PDF",
    "1.2.840.10008.5.1.4.1.1.104.2": "an encapsulated CDA document",
    "1.2.840.10008.5.1.4.1.1.104.3": "an encapsulated STL",
    "1.2.840.10008.5.1.4.1.1.104.4": "an encapsulated OBJ",
    "1.2.840.10008.1.3.10": "a DICOMDIR",
}
_NOT_IMAGE_PREFIXES = {
    "1.2.840.10008.5.1.4.1.1.88.": "a structured report",
    "1.2.840.10008.5.1.4.1.1.11.": "a presentation state",
    "1.2.840.10008.5.1.4.1.1.9.": "a waveform",
    "1.2.840.10008.5.1.4.1.1.66": "raw data",
}


def what_it_is(header: Header) -> str:
    """What an object that is no image is, in words; empty for images."""
    uid = header.text("SOPClassUID")
    if uid in NOT_IMAGES:
        return NOT_IMAGES[uid]
    for prefix, what in _NOT_IMAGE_PREFIXES.items():
        if uid.startswith(prefix):
            return what
    return ""
