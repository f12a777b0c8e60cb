"""Decoding slices straight into one array, in modality units."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pydicom
from pydicom.uid import UID

from prosector.dicom.header import Header, tag_name
from prosector.errors import MissingCodecError, MixedGeometryError, PixelDataError
from prosector.model.geometry import Array
from prosector.model.progress import Progress, silent

_NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How stored values lie in memory (PS3.5 8.1.1)."""

    bits_allocated: int
    bits_stored: int
    signed: bool

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Numpy type of the stored values."""
        return np.dtype(f"{'i' if self.signed else 'u'}{self.bits_allocated // 8}")


def pixel_format(headers: Sequence[Header]) -> PixelFormat:
    """The one pixel format of all slices.

    Raises
    ------
    PixelDataError
        If the slices are not grey 8, 16 or 32 bit images of one format.
    """
    keys = ("BitsAllocated", "BitsStored", "PixelRepresentation", "SamplesPerPixel")
    formats = {tuple(h.integer(k) for k in keys) for h in headers}
    if len({(a, signed, samples) for a, _, signed, samples in formats}) > 1:
        raise MixedGeometryError(
            f"slices differ in {tag_name('BitsAllocated')} or signedness: {sorted(map(str, formats))}"
        )
    allocated, _, signed, samples = next(iter(formats))
    stored = max(s or 0 for _, s, _, _ in formats)
    if samples not in (None, 1):
        raise PixelDataError(f"{tag_name('SamplesPerPixel')} is {samples}: colour pictures are no CT or MR volume")
    if allocated not in (8, 16, 32) or not 0 < stored <= allocated:
        raise PixelDataError(
            f"{tag_name('BitsAllocated')} {allocated} with {tag_name('BitsStored')} {stored or 'absent'}; "
            "expected 8, 16 or 32 with 1 to that many bits stored"
        )
    return PixelFormat(allocated, stored, bool(signed))


def read_voxels(headers: Sequence[Header], shape: tuple[int, int, int], progress: Progress = silent) -> Array:
    """Decode all slices and apply their rescale (PS3.3 C.11.1.1.2).

    Returns
    -------
    (k, j, i) array
        uint8, int16 or uint16 where rescaled values are exact in it, else float32.
    """
    fmt = pixel_format(headers)
    rescales = {_rescale(h) for h in headers}
    one_rescale = rescales.pop() if len(rescales) == 1 else None
    in_place = one_rescale is not None and all(v == int(v) for v in one_rescale) and fmt.bits_allocated <= 16
    out = np.empty(shape, dtype=fmt.dtype if in_place else np.float32)
    for k, header in enumerate(headers):
        stored = _read_slice(header, fmt, shape[1:])
        if in_place:
            out[k] = stored
        else:
            slope, intercept = _rescale(header)
            out[k] = stored * np.float64(slope) + np.float64(intercept)
        progress("decoding", (k + 1) / len(headers))
    return _rescale_exactly(out, *one_rescale) if in_place and one_rescale else out


def _rescale(header: Header) -> tuple[float, float]:
    slope, intercept = header.number("RescaleSlope"), header.number("RescaleIntercept")
    return (slope if slope else 1.0, intercept if intercept is not None else 0.0)


def _rescale_exactly(stored: Array, slope: float, intercept: float) -> Array:
    """Whole-number rescale, in place where the result fits 16 bits."""
    low, high = sorted(float(v) * slope + intercept for v in (stored.min(), stored.max()))
    if (slope, intercept) == (1.0, 0.0):
        return stored if stored.dtype != np.int8 else stored.astype(np.int16)
    if low >= -32768 and high <= 32767:
        wide = stored if stored.itemsize == 2 else stored.astype(np.int16)
        # two's complement arithmetic wraps to the right answer, since that fits
        result = wide.view(np.uint16)
        np.multiply(result, np.uint16(int(slope) & 0xFFFF), out=result)
        np.add(result, np.uint16(int(intercept) & 0xFFFF), out=result)
        return result.view(np.int16)
    result = stored.astype(np.float32)
    np.multiply(result, np.float32(slope), out=result)
    np.add(result, np.float32(intercept), out=result)
    return result


def _read_slice(header: Header, fmt: PixelFormat, shape: tuple[int, int]) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(header.path, force=True)
        except Exception as error:
            raise PixelDataError(f"{header.path.name} cannot be read ({type(error).__name__})") from error
        if "PixelData" not in data:
            raise PixelDataError(f"{header.path.name} holds no {tag_name('PixelData')}")
        if header.transfer_syntax in _NATIVE or not header.transfer_syntax:
            return _native(bytes(data.PixelData), header, fmt, shape)
        return _decode(data, header, shape)


def _native(raw: bytes, header: Header, fmt: PixelFormat, shape: tuple[int, int]) -> Array:
    dtype = fmt.dtype.newbyteorder(">" if header.transfer_syntax == "1.2.840.10008.1.2.2" else "<")
    need = shape[0] * shape[1] * dtype.itemsize
    if len(raw) < need:
        raise PixelDataError(
            f"{header.path.name} is truncated: {tag_name('PixelData')} holds {len(raw)} bytes where "
            f"{shape[0]}×{shape[1]} pixels need {need}; fetch the file again"
        )
    values = np.frombuffer(raw, dtype=dtype, count=shape[0] * shape[1]).reshape(shape)
    return _mask_unused_bits(values, header, fmt)


def _mask_unused_bits(values: Array, header: Header, fmt: PixelFormat) -> Array:
    """Sign-extend or clear the bits above Bits Stored, which may hold overlays or rubbish."""
    stored = header.integer("BitsStored") or fmt.bits_allocated
    high = header.integer("HighBit")
    low_unused = 0 if high is None else max(0, high + 1 - stored)
    spare = fmt.bits_allocated - stored - low_unused
    if spare <= 0 and low_unused == 0:
        return values
    native = values.astype(fmt.dtype)
    return np.asarray((native << max(spare, 0)) >> (max(spare, 0) + low_unused))


def _decode(data: pydicom.FileDataset, header: Header, shape: tuple[int, int]) -> Array:
    try:
        values = data.pixel_array
    except Exception as error:
        name = UID(header.transfer_syntax).name
        if isinstance(error, (NotImplementedError, RuntimeError)) and "plugin" in str(error):
            raise MissingCodecError(
                f"no decoder for {tag_name('TransferSyntaxUID')} {name}; install it: pip install 'prosector[codecs]'"
            ) from error
        raise PixelDataError(f"{header.path.name}: {name} pixels cannot be decoded; fetch the file again") from error
    if values.shape != shape:
        raise PixelDataError(f"{header.path.name} decodes to {values.shape} pixels; its header says {shape}")
    return np.asarray(values)


def replace_padding(voxels: Array, headers: Sequence[Header], background: float) -> str:
    """Set padding (PS3.3 C.7.5.1.1.2) to ``background``, in place.

    Returns
    -------
    str
        What was done, for the loading warnings; empty where there is no padding.
    """
    header = headers[0]
    value, limit = header.number("PixelPaddingValue"), header.number("PixelPaddingRangeLimit")
    if value is None or not isinstance(voxels, np.ndarray):
        return ""
    slope, intercept = _rescale(header)
    low, high = sorted((value * slope + intercept, (value if limit is None else limit) * slope + intercept))
    count = 0
    for plane in voxels:  # slice by slice: a mask of the whole volume would cost half of it again
        padded = (plane >= low) & (plane <= high) & (plane != background)
        count += int(padded.sum())
        plane[padded] = background
    if not count:
        return ""
    found = f"{value:g}" if limit is None else f"{value:g} to {limit:g}"
    return f"{count} pixels of {tag_name('PixelPaddingValue')} {found} are shown as background ({background:g})"
