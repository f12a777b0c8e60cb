"""Walking the elements of a DICOM data set (PS3.5 chapter 7) without decoding them.

The kernel sees bytes that may be hostile. Every step moves forward by at least eight bytes and is checked
against the end of the buffer, so it ends, and it never reads outside.
"""

from __future__ import annotations

import numpy as np

from prosector.kernels._jit import inline, kernel

DONE = 0
"""The pixel data, or the end of the file, was reached."""
NEED_MORE = 1
"""The buffer ended before the file does; call again with a longer one."""
TRUNCATED = 2
"""The file ends inside an element."""
INVALID = 3
"""The bytes are no data set from here on."""
TOO_DEEP = 4
"""Sequences are nested beyond any use."""

MAX_DEPTH = 64
UNDEFINED = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_PIXEL_GROUP = 0x7FE0
_UN = ord("U") | ord("N") << 8


def _code(vr: str) -> int:
    return ord(vr[0]) | ord(vr[1]) << 8


_LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
LONG_VRS = np.array(sorted(_code(vr) for vr in _LONG), dtype=np.int64)
"""VRs whose explicit length takes four bytes after two reserved ones (PS3.5 7.1.2)."""


@inline
def _u16(data, at, big):  # type: ignore[no-untyped-def]
    if big:
        return np.int64(data[at]) << 8 | np.int64(data[at + 1])
    return np.int64(data[at + 1]) << 8 | np.int64(data[at])


@inline
def _u32(data, at, big):  # type: ignore[no-untyped-def]
    first, second = _u16(data, at, big), _u16(data, at + 2, big)
    return first << 16 | second if big else second << 16 | first


@inline
def _tag(data, at, big):  # type: ignore[no-untyped-def]
    return _u16(data, at, big) << 16 | _u16(data, at + 2, big)


@inline
def _is_long(vr, long_vrs):  # type: ignore[no-untyped-def]
    for n in range(long_vrs.shape[0]):  # noqa: SIM110 (numba compiles no generators)
        if long_vrs[n] == vr:
            return True
    return False


@inline
def _is_vr(data, at):  # type: ignore[no-untyped-def]
    return 65 <= data[at] <= 90 and 65 <= data[at + 1] <= 90


@inline
def _element(data, at, end, explicit, big, long_vrs):  # type: ignore[no-untyped-def]
    """(VR or 0, length, offset of the value); the offset is -1 where the buffer ends before it."""
    if at + 8 > end:
        return np.int64(0), np.int64(0), np.int64(-1)
    if explicit and _is_vr(data, at + 4):
        vr = np.int64(data[at + 4]) | np.int64(data[at + 5]) << 8
        if not _is_long(vr, long_vrs):
            return vr, _u16(data, at + 6, big), at + 8
        if at + 12 > end:
            return vr, np.int64(0), np.int64(-1)
        return vr, _u32(data, at + 8, big), at + 12
    return np.int64(0), _u32(data, at + 4, big), at + 8


@inline
def _skip_undefined(data, at, end, explicit, big, long_vrs, in_item, is_explicit):  # type: ignore[no-untyped-def]
    """Offset after a sequence of undefined length, or -(status)."""
    depth = 0
    in_item[0] = False
    is_explicit[0] = explicit
    while True:
        if at + 8 > end:
            return np.int64(-NEED_MORE)
        tag = _tag(data, at, big)
        if not in_item[depth]:
            length = _u32(data, at + 4, big)
            at += 8
            if tag == _SEQUENCE_END:
                depth -= 1
                if depth < 0:
                    return at
            elif tag != _ITEM:
                return np.int64(-INVALID)
            elif length != UNDEFINED:
                at += length
            else:
                if depth + 1 >= MAX_DEPTH:
                    return np.int64(-TOO_DEEP)
                in_item[depth + 1] = True
                is_explicit[depth + 1] = is_explicit[depth]
                depth += 1
        elif tag == _ITEM_END:
            at += 8
            depth -= 1
        else:
            vr, length, value = _element(data, at, end, is_explicit[depth], big, long_vrs)
            if value < 0:
                return np.int64(-NEED_MORE)
            at = value
            if length != UNDEFINED:
                at += length
            else:
                if depth + 1 >= MAX_DEPTH:
                    return np.int64(-TOO_DEEP)
                in_item[depth + 1] = False
                is_explicit[depth + 1] = is_explicit[depth] and vr != _UN
                depth += 1


@kernel
def walk(data, start, file_size, explicit, big, first_group, last_group, wanted, long_vrs, found):  # type: ignore[no-untyped-def]
    """Find the wanted top-level elements.

    Parameters
    ----------
    data : (n,) uint8, the first n bytes of the file
    start : offset of the first element
    file_size : bytes in the whole file
    explicit, big : bool, explicit VR; big endian
    first_group, last_group : elements of other groups end the walk
    wanted : (m,) int64, sorted tags (group << 16 | element); those of group 7FE0 are always taken
    long_vrs : LONG_VRS
    found : (k, 4) int64 out, rows of tag, VR (two letters, low byte first; 0 if implicit), offset, length

    Returns
    -------
    count, status, offset at which the walk ended
    """
    end = np.int64(data.shape[0])
    at = np.int64(start)
    count = np.int64(0)
    in_item = np.zeros(MAX_DEPTH, dtype=np.bool_)
    is_explicit = np.zeros(MAX_DEPTH, dtype=np.bool_)
    while at < file_size and count < found.shape[0]:
        if at + 4 > end:
            return count, (NEED_MORE if end < file_size else TRUNCATED), at
        tag = _tag(data, at, big)
        group = tag >> 16
        if group < first_group or group > last_group:
            return count, DONE, at
        vr, length, value = _element(data, at, end, explicit, big, long_vrs)
        if value < 0:
            return count, (NEED_MORE if end < file_size else TRUNCATED), at
        if group == _PIXEL_GROUP:
            found[count, 0], found[count, 1], found[count, 2], found[count, 3] = tag, vr, value, length
            count += 1
            if tag >= 0x7FE00008:
                return count, DONE, at
        if length == UNDEFINED:
            after = _skip_undefined(data, value, end, explicit and vr != _UN, big, long_vrs, in_item, is_explicit)
            if after == -NEED_MORE:
                return count, (NEED_MORE if end < file_size else TRUNCATED), at
            if after < 0:
                return count, -after, at
            at = after
            continue
        if value + length > file_size:
            return count, TRUNCATED, at
        n = np.searchsorted(wanted, tag)
        if n < wanted.shape[0] and wanted[n] == tag and group != _PIXEL_GROUP:
            if value + length > end:
                return count, NEED_MORE, at
            found[count, 0], found[count, 1], found[count, 2], found[count, 3] = tag, vr, value, length
            count += 1
        at = value + length
    return count, DONE, at
