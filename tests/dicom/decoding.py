"""All frames of one file, by the loader's own steps, without a volume around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prosector.dicom.blobs import disk_blob
from prosector.dicom.decode import NATIVE, check_frame, decode_frame, read_native_into, stored_dtype
from prosector.dicom.frames import Frame
from prosector.dicom.header import Header, read_header
from prosector.dicom.pixels import _clear_unused_bits


def header_of(file: Path) -> Header:
    return read_header(disk_blob(str(file), file.name))


def decoded(file: Path) -> list[np.ndarray]:
    header = header_of(file)
    shape = (header.integer("Rows"), header.integer("Columns"))
    frames = []
    for n in range(header.integer("NumberOfFrames") or 1):
        check_frame(header, n)
        if header.transfer_syntax in NATIVE:
            stored = np.empty(shape, stored_dtype(header))
            read_native_into(header, n, stored)
        else:
            stored = decode_frame(header, n)
        frames.append(_clear_unused_bits(stored, Frame(header)))
    return frames
