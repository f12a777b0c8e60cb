"""From a file to its planes: one for a classic object, many for an enhanced one."""

from __future__ import annotations

from collections.abc import Iterator

from prosector.dicom.enhanced import enhanced_frames
from prosector.dicom.frames import SPLIT_KEYWORDS, Frame, place
from prosector.dicom.header import TAGS, Header

_KEYS = tuple(k for k in SPLIT_KEYWORDS if k in TAGS)


def frames_of(header: Header) -> Iterator[Frame]:
    """The frames of one file: one, or those of its functional groups."""
    if (header.integer("NumberOfFrames") or 1) > 1 or _is_enhanced(header):
        yield from enhanced_frames(header)
    else:
        yield _single_frame(header)


def _is_enhanced(header: Header) -> bool:
    return header.text("SOPClassUID") in ENHANCED


ENHANCED = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{tail}"
    for tail in (
        "2.1",
        "2.2",
        "4.1",
        "4.3",
        "4.4",
        "6.2",
        "12.1.1",
        "12.2.1",
        "13.1.1",
        "13.1.2",
        "13.1.3",
        "30",
        "128.1",
        "130",
    )
)
"""SOP classes with functional groups: enhanced and legacy converted CT, MR, PET; XA, XRF, US volume, X-ray 3D, map."""


def _single_frame(header: Header) -> Frame:
    frame = Frame(header, image_type=header.values("ImageType"))
    frame.slope, frame.intercept = header.number("RescaleSlope"), header.number("RescaleIntercept")
    frame.rescale_type = header.text("RescaleType")
    frame.thickness_mm = header.number("SliceThickness")
    frame.keys = {k: header.text(k) for k in _KEYS if TAGS[k] in header.elements and header.has(k)}
    place(frame, lambda keyword, count: header.numbers(keyword, count))
    return frame
