"""One frame's stored values, whatever the transfer syntax.

Native frames are read straight into the volume. Compressed ones go to the decoder that the ``codecs`` extra
brings; RLE also works without it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from pydicom.config import IGNORE
from pydicom.uid import UID

from prosector.dicom.blobs import inflated
from prosector.dicom.fragments import encoded_frame, fragments_of
from prosector.dicom.header import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Header, tag_name
from prosector.errors import MissingCodecError, PixelDataError
from prosector.kernels.packbits import unpack_bits
from prosector.model.geometry import Array

FLOAT_PIXELS = 0x7FE00008
DOUBLE_PIXELS = 0x7FE00009

NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED})
RLE = "1.2.840.10008.1.2.5"
_JPEG = "1.2.840.10008.1.2.4."
CODECS = {
    RLE: "",
    f"{_JPEG}50": "jpeg8_decode",
    f"{_JPEG}51": "jpeg_decode",
    f"{_JPEG}57": "ljpeg_decode",
    f"{_JPEG}70": "ljpeg_decode",
    f"{_JPEG}80": "jpegls_decode",
    f"{_JPEG}81": "jpegls_decode",
    f"{_JPEG}90": "jpeg2k_decode",
    f"{_JPEG}91": "jpeg2k_decode",
    f"{_JPEG}201": "htj2k_decode",
    f"{_JPEG}202": "htj2k_decode",
    f"{_JPEG}203": "htj2k_decode",
}
"""Transfer syntax to the function of imagecodecs that decodes a frame of it."""

LOSSY = frozenset({f"{_JPEG}50", f"{_JPEG}51", f"{_JPEG}81", f"{_JPEG}91", f"{_JPEG}203"})
"""Transfer syntaxes that may have lost information; 91 and 203 allow lossless use too."""

_FLOATS: dict[int, np.dtype[Any]] = {FLOAT_PIXELS: np.dtype(np.float32), DOUBLE_PIXELS: np.dtype(np.float64)}
_INTEGERS: dict[tuple[int, bool], np.dtype[Any]] = {
    (bits, signed): np.dtype(f"{'i' if signed else 'u'}{bits // 8}") for bits in (8, 16, 32) for signed in (False, True)
}

MAX_FRAME_PIXELS = 1 << 28
"""A frame of more pixels is taken for a damaged header."""


def syntax_name(syntax: str) -> str:
    """Name of a transfer syntax, or its UID again where it has none; what is no UID at all is not complained of."""
    return UID(syntax, IGNORE).name


def stored_dtype(header: Header) -> np.dtype[Any]:
    """Numpy type of the stored values (PS3.5 8.1.1), in the byte order of this machine.

    Raises
    ------
    PixelDataError
        If bits and signedness make no type that can be read.
    """
    if header.pixels is not None and header.pixels.tag in (FLOAT_PIXELS, DOUBLE_PIXELS):
        return _FLOATS[header.pixels.tag]
    allocated = header.integer("BitsAllocated")
    stored = header.integer("BitsStored") if header.has("BitsStored") else allocated
    if allocated not in (8, 16, 32) or not stored or not 0 < stored <= allocated:
        raise PixelDataError(
            f"{header.name}: {tag_name('BitsAllocated')} {allocated or 'absent'} with {tag_name('BitsStored')} "
            f"{stored or 'absent'}; expected 8, 16 or 32 with 1 to that many bits stored"
        )
    return _INTEGERS[allocated, header.integer("PixelRepresentation") == 1]


def check_frame(header: Header, number: int) -> None:
    """Raise PixelDataError before anything is allocated, where the pixels cannot be there."""
    rows, columns = header.integer("Rows") or 0, header.integer("Columns") or 0
    if header.pixels is None:
        why = f" ({header.problems[-1]})" if header.problems else ""
        raise PixelDataError(f"{header.name} holds no {tag_name('PixelData')}{why}; fetch the file again")
    if rows * columns > MAX_FRAME_PIXELS or rows < 1 or columns < 1:
        raise PixelDataError(f"{header.name}: {rows}×{columns} pixels are no slice; the header is damaged")
    if header.integer("SamplesPerPixel") not in (None, 1):
        raise PixelDataError(f"{header.name}: {tag_name('SamplesPerPixel')} above 1: colour is no CT or MR volume")
    need = rows * columns * stored_dtype(header).itemsize
    there = header.blob.size - header.pixels.offset
    if header.pixels.is_encapsulated != (header.transfer_syntax not in NATIVE):
        found = "in fragments" if header.pixels.is_encapsulated else "not in fragments"
        raise PixelDataError(
            f"{header.name}: {tag_name('PixelData')} lies {found}, which contradicts {tag_name('TransferSyntaxUID')} "
            f"{header.transfer_syntax} ({syntax_name(header.transfer_syntax)}); export the file again"
        )
    if header.pixels.is_encapsulated:
        if there < 16:
            raise PixelDataError(f"{header.name} is truncated in its {tag_name('PixelData')}; fetch the file again")
        return
    if min(there, header.pixels.length) < need * (number + 1):
        raise PixelDataError(
            f"{header.name} is truncated: {tag_name('PixelData')} holds {min(there, header.pixels.length)} bytes "
            f"where {number + 1} frame(s) of {rows}×{columns} pixels need {need * (number + 1)}; fetch the file again"
        )


def read_native_into(header: Header, number: int, out: Array) -> None:
    """Read a native frame's stored values into ``out``, which has their type (little endian machine)."""
    assert header.pixels is not None
    at = header.pixels.offset + number * out.nbytes
    view = out.reshape(-1).view(np.uint8).data
    if header.blob.read_into(at, view) != out.nbytes:
        raise PixelDataError(f"{header.name} is truncated in its {tag_name('PixelData')}; fetch the file again")
    if header.big_endian:
        out.byteswap(inplace=True)


def release() -> None:
    """Let go of what was kept for further frames of multi-frame files."""
    fragments_of.cache_clear()
    inflated.cache_clear()


def decode_frame(header: Header, number: int) -> Array:
    """Decode a compressed frame's stored values.

    Raises
    ------
    MissingCodecError
        Names the extra that brings the decoder.
    PixelDataError
        If the frame cannot be decoded, or is not what the header says.
    """
    syntax, shape = header.transfer_syntax, (header.integer("Rows"), header.integer("Columns"))
    dtype = stored_dtype(header)
    decode = _decoder(syntax)
    try:
        encoded = encoded_frame(header, number)
        values = np.asarray(decode(encoded, dtype, shape))
    except MissingCodecError:
        raise
    except Exception as error:  # decoders raise many kinds on broken frames
        name = syntax_name(syntax)
        raise PixelDataError(
            f"{header.name}: frame {number + 1} cannot be decoded as {name} ({type(error).__name__}); "
            "fetch the file again"
        ) from error
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.shape != shape:
        raise PixelDataError(f"{header.name}: a frame decodes to {values.shape} pixels; its header says {shape}")
    return values.view(dtype) if values.dtype.itemsize == dtype.itemsize else values.astype(dtype)


Decoder = Callable[[bytes, Any, Any], Any]


@functools.cache
def _decoder(syntax: str) -> Decoder:
    name = CODECS.get(syntax)
    if name is None:
        raise PixelDataError(
            f"{tag_name('TransferSyntaxUID')} {syntax} ({syntax_name(syntax)}) is not among the image encodings that "
            "can be read; convert the file to Explicit VR Little Endian"
        )
    if syntax == RLE:
        return _decode_rle
    try:
        codecs = importlib.import_module("imagecodecs")
        function = getattr(codecs, name)
    except ImportError:
        raise MissingCodecError(
            f"no decoder for {tag_name('TransferSyntaxUID')} {syntax_name(syntax)}; "
            "install it with: pip install 'prosector[codecs]'"
        ) from None
    return lambda encoded, _dtype, _shape: function(encoded)


def _decode_rle(encoded: bytes, dtype: np.dtype[Any], shape: tuple[int, int]) -> Array:
    """RLE Lossless (PS3.5 annex G): byte planes, the most significant first, each PackBits."""
    offsets = np.frombuffer(encoded[:64], dtype="<u4")
    count = int(offsets[0])
    if count != dtype.itemsize:
        raise ValueError(f"{count} segments for {dtype.itemsize} bytes a pixel")
    ends = [*offsets[2 : count + 1].tolist(), len(encoded)]
    pixels = shape[0] * shape[1]
    planes = np.empty((pixels, count), dtype=np.uint8)
    for n in range(count):
        segment = np.frombuffer(encoded[int(offsets[n + 1]) : int(ends[n])], dtype=np.uint8)
        plane = np.empty(pixels, dtype=np.uint8)
        if unpack_bits(segment, plane) != pixels:
            raise ValueError("a segment is too short")
        planes[:, count - 1 - n] = plane
    return planes.view(dtype.newbyteorder("<")).reshape(shape)
