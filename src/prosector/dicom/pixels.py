"""Decoding frames straight into one array, in modality units."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np

from prosector.dicom.decode import NATIVE, check_frame, decode_frame, read_native_into, release, stored_dtype
from prosector.dicom.frames import Frame
from prosector.dicom.header import tag_name
from prosector.dicom.stack import Stack
from prosector.errors import MixedGeometryError, PixelDataError
from prosector.model.geometry import Array
from prosector.model.progress import Progress, silent
from prosector.model.volume import compact

MAX_VOLUME_BYTES = 64 << 30

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Padding:
    """Pixel Padding Value to its Range Limit, as stored (PS3.3 C.7.5.1.1.2)."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """How stored values become the volume's.

    ``whole``: rescale by whole numbers, in place, in 16-bit wrap-around arithmetic; what fits is exact.
    ``settled``: the result is known to fit ``dtype`` before any pixel is read.
    """

    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    whole: bool
    settled: bool


def read_voxels(stack: Stack, background: float, progress: Progress = silent) -> tuple[Array, tuple[str, ...]]:
    """Decode all slices of a stack, in parallel, and apply each one's rescale (PS3.3 C.11.1.1.2).

    Parameters
    ----------
    stack : Stack
    background : float
        What padding becomes, in modality units.
    progress : callable

    Returns
    -------
    (k, j, i) array
        uint8, int16 or uint16 where rescaled values are exact in it, else float32.
    tuple of str
        What the user should know.
    """
    frames = stack.frames
    for frame in frames:
        check_frame(frame.header, frame.number)
    plan = _plan(frames, background)
    shape = (len(frames), *stack.geometry.shape[1:])
    if np.prod(shape, dtype=np.float64) * plan.dtype.itemsize > MAX_VOLUME_BYTES:
        raise MixedGeometryError(f"{shape} voxels are more than {MAX_VOLUME_BYTES >> 30} GiB; choose fewer slices")
    out = np.empty(shape, dtype=plan.dtype)
    padded = np.zeros(len(frames), dtype=np.int64)

    def one(k: int) -> None:
        padded[k] = _read_plane(frames[k], plan, background, out[k])

    try:
        _in_parallel(one, len(frames), progress)
    finally:
        release()
    voxels = out if plan.settled else _settle(out, frames)
    notes = _padding_note(frames[0], int(padded.sum()), background)
    if stack.lower is not None and stack.weight is not None:
        voxels = _interpolate(voxels, stack.lower, stack.weight)
    return voxels, notes


def _in_parallel(work: Callable[[int], None], count: int, progress: Progress) -> None:
    """Run ``work(k)`` on all processors; an error, or Ctrl-C, cancels what has not begun."""
    threads = min(count, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    chunks = [range(n, min(n + 8, count)) for n in range(0, count, 8)]
    done = 0

    def chunk(members: range) -> int:
        for k in members:
            work(k)
        return len(members)

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(chunk, members) for members in chunks]
        try:
            for future in as_completed(futures):
                done += future.result()
                progress("decoding", done / count)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _plan(frames: Sequence[Frame], background: float) -> _Plan:
    kinds = {stored_dtype(f.header) for f in {id(f.header): f for f in frames}.values()}
    stored = np.result_type(*kinds) if len(kinds) > 1 else kinds.pop()
    scales = {rescale_of(f) for f in frames}
    if any(not abs(slope) * (1 << 32) + abs(intercept) < LARGEST for slope, intercept in scales):
        raise PixelDataError(
            f"{frames[0].header.name}: {tag_name('RescaleSlope')} or {tag_name('RescaleIntercept')} is out of all "
            "bounds; the header is damaged"
        )
    whole = stored.kind in "iu" and all(v == int(v) for pair in scales for v in pair) and stored.itemsize <= 2
    if stored.kind == "f" or (stored.itemsize > 2 and scales == {(1.0, 0.0)}) or not whole:
        unscaled = stored.kind in "iu" and scales == {(1.0, 0.0)}
        return _Plan(stored, stored if unscaled else np.dtype(np.float32), False, not unscaled)
    bits = [f.header.integer("BitsStored") or stored.itemsize * 8 for f in frames]
    reach = (-(1 << max(bits) - 1), (1 << max(bits) - 1) - 1) if stored.kind == "i" else (0, (1 << max(bits)) - 1)
    ends = [slope * v + intercept for slope, intercept in scales for v in reach]
    ends += [background] if any(f.header.has("PixelPaddingValue") for f in frames) else []
    if scales == {(1.0, 0.0)} and stored.kind == "u" and min(ends) >= 0:
        return _Plan(stored, stored, True, True)
    if min(ends) >= -32768 and max(ends) <= 32767:
        return _Plan(stored, np.dtype(np.int16), True, True)
    if len(scales) == 1 and stored.itemsize == 2:
        return _Plan(stored, stored, False, False)
    return _Plan(stored, np.dtype(np.float32), False, True)


def rescale_of(frame: Frame) -> tuple[float, float]:
    """(slope, intercept) of a frame; identity where absent."""
    return (frame.slope or 1.0, frame.intercept or 0.0)


def _read_plane(frame: Frame, plan: _Plan, background: float, out: Array) -> int:
    """Read one plane into its place; returns how many pixels were padding."""
    header = frame.header
    own = stored_dtype(header)
    direct = plan.dtype.itemsize == own.itemsize and plan.dtype.kind in "iu" and own.kind in "iu"
    native = header.transfer_syntax in NATIVE
    if native:
        stored = out.view(own) if direct else np.empty(out.shape, dtype=own)
        read_native_into(header, frame.number, stored)
    else:
        stored = decode_frame(header, frame.number)
    stored = _clear_unused_bits(stored, frame)
    mask = _padding_mask(stored, frame)
    slope, intercept = rescale_of(frame)
    if not plan.settled:
        if stored is not out:
            out[...] = stored
        if mask is not None:
            np.copyto(out, out.dtype.type(_stored_background(out.dtype, slope, intercept, background)), where=mask)
    else:
        _scale_into(stored, slope, intercept, plan, out)
        if mask is not None:
            np.copyto(out, out.dtype.type(background), where=mask)
    return 0 if mask is None else int(np.count_nonzero(mask))


def _scale_into(stored: Array, slope: float, intercept: float, plan: _Plan, out: Array) -> None:
    if not plan.whole:
        with np.errstate(over="ignore", invalid="ignore"):  # double values beyond float32 become infinite
            if (slope, intercept) == (1.0, 0.0):
                out[...] = stored
            else:
                np.add(stored * np.float64(slope), intercept, out=out, casting="same_kind")
        return
    if not np.may_share_memory(stored, out):
        np.copyto(out, stored, casting="unsafe")
    wrapped = out.view(np.uint16) if out.itemsize == 2 else out
    if slope != 1.0:
        np.multiply(wrapped, wrapped.dtype.type(int(slope) & 0xFFFF), out=wrapped)
    if intercept != 0.0:
        np.add(wrapped, wrapped.dtype.type(int(intercept) & 0xFFFF), out=wrapped)


def _clear_unused_bits(stored: Array, frame: Frame) -> Array:
    """Sign-extend or clear the bits outside Bits Stored, which may hold overlays or rubbish (PS3.5 8.1.1)."""
    if stored.dtype.kind == "f":
        return stored
    allocated = stored.itemsize * 8
    bits = frame.header.integer("BitsStored") or allocated
    high = frame.header.integer("HighBit")
    below = 0 if high is None or not bits - 1 <= high < allocated else high + 1 - bits
    above = allocated - bits - below
    if above <= 0 and below == 0:
        return stored
    if not stored.flags.writeable:
        stored = stored.copy()
    if stored.dtype.kind == "u" and below == 0:
        np.bitwise_and(stored, stored.dtype.type((1 << bits) - 1), out=stored)
        return stored
    if above > 0:
        np.left_shift(stored, stored.dtype.type(above), out=stored)
    np.right_shift(stored, stored.dtype.type(max(above, 0) + below), out=stored)
    return stored


def padding_of(frame: Frame) -> Padding | None:
    """The frame's padding, None where there is none."""
    value, limit = frame.header.number("PixelPaddingValue"), frame.header.number("PixelPaddingRangeLimit")
    if value is None:
        return None
    low, high = sorted((value, value if limit is None else limit))
    return Padding(low, high)


def _padding_mask(stored: Array, frame: Frame) -> Array | None:
    padding = padding_of(frame)
    if padding is None:
        return None
    low, high = padding.low, padding.high
    if stored.dtype.kind in "iu":  # compared in their own type: with a float, numpy would widen the whole plane
        info = np.iinfo(stored.dtype)
        if high < info.min or low > info.max:
            return None
        low, high = max(math.ceil(low), info.min), min(math.floor(high), info.max)
    mask = stored == low if low == high else (stored >= low) & (stored <= high)
    return mask if mask.any() else None


def _stored_background(dtype: np.dtype[Any], slope: float, intercept: float, background: float) -> float:
    info = np.iinfo(dtype)
    return float(np.clip(round((background - intercept) / slope), info.min, info.max))


def _settle(stored: Array, frames: Sequence[Frame]) -> Array:
    """Rescale where only the values themselves say which type holds them."""
    slope, intercept = rescale_of(frames[0])
    low, high = sorted(float(v) * slope + intercept for v in (stored.min(), stored.max()))
    if stored.itemsize > 2:
        return compact(stored)
    if low >= -32768 and high <= 32767:
        wrapped = stored.view(np.uint16)
        np.multiply(wrapped, np.uint16(int(slope) & 0xFFFF), out=wrapped)
        np.add(wrapped, np.uint16(int(intercept) & 0xFFFF), out=wrapped)
        return wrapped.view(np.int16)
    if stored.dtype == np.uint16 and (slope, intercept) == (1.0, 0.0):
        return stored
    result = stored.astype(np.float32)
    np.multiply(result, np.float32(slope), out=result)
    np.add(result, np.float32(intercept), out=result)
    return result


def _interpolate(voxels: Array, lower: Array, weight: Array) -> Array:
    result = np.empty((len(lower), *voxels.shape[1:]), dtype=voxels.dtype)
    for k, (n, w) in enumerate(zip(lower, weight, strict=True)):
        if w in (0.0, 1.0):
            result[k] = voxels[n + int(w)]
        else:
            between = voxels[n] * (1 - w) + voxels[n + 1] * w
            result[k] = between if voxels.dtype.kind == "f" else np.rint(between)
    return result


def _padding_note(frame: Frame, count: int, background: float) -> tuple[str, ...]:
    padding = padding_of(frame)
    if padding is None or not count:
        return ()
    found = f"{padding.low:g}" if padding.low == padding.high else f"{padding.low:g} to {padding.high:g}"
    return (f"{count} pixels of {tag_name('PixelPaddingValue')} {found} are shown as background ({background:g})",)
