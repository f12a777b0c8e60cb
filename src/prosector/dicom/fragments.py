"""Encapsulated pixel data: which bytes of a file are which frame (PS3.5 A.4).

The items are walked once for a file. Offset tables are believed only where they point at items: many are wrong.
An Extended Offset Table (PS3.3 C.7.6.3.1.8) says that each frame is one fragment, which the walk finds anyway.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from itertools import pairwise

from prosector.dicom.header import Header

MAX_FRAGMENTS = 1 << 20
"""More fragments than this in one object are taken for damage."""

_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0"
_RLE = "1.2.840.10008.1.2.5"
_JPEG_END = b"\xff\xd9"
_PADDING = 10
"""The end marker of a JPEG or JPEG 2000 code stream stands within this many bytes of its fragment's end."""

Read = Callable[[int, int], bytes]
Range = tuple[int, int]


def encoded_frame(header: Header, number: int) -> bytes:
    """The compressed bytes of one frame.

    Raises
    ------
    ValueError
        If fragments are damaged, or cannot be told apart into as many frames as the header says.
    """
    assert header.pixels is not None
    if (header.integer("NumberOfFrames") or 1) == 1:
        body = header.blob.read(header.pixels.offset, header.blob.size)
        _, ranges = _items(lambda at, count: body[at : at + count], len(body))
        return b"".join(body[at : at + count] for at, count in ranges)
    start = header.pixels.offset
    return b"".join(header.blob.read(start + at, count) for at, count in fragments_of(header)[number])


@functools.lru_cache(maxsize=8)
def fragments_of(header: Header) -> tuple[tuple[Range, ...], ...]:
    """For each frame the ranges of its fragments, from the beginning of the pixel data."""
    assert header.pixels is not None
    start, count = header.pixels.offset, header.integer("NumberOfFrames") or 1

    def read(at: int, length: int) -> bytes:
        return header.blob.read(start + at, length)

    offsets, ranges = _items(read, header.blob.size - start)
    if len(ranges) == count:
        return tuple((r,) for r in ranges)
    first = _by_table(offsets, ranges, count)
    if first is None and header.transfer_syntax != _RLE:
        first = _by_end_markers(read, ranges)
    if first is None or len(first) != count:
        raise ValueError(f"{len(ranges)} fragments for {count} frames")
    return tuple(tuple(ranges[a:b]) for a, b in pairwise([*first, len(ranges)]))


def _items(read: Read, end: int) -> tuple[tuple[int, ...], list[Range]]:
    """The Basic Offset Table, and (offset, length) of every fragment's value."""
    table, at, ranges = b"", 0, list[Range]()
    while at + 8 <= end and len(ranges) <= MAX_FRAGMENTS:
        item = read(at, 8)
        length = struct.unpack("<I", item[4:8])[0]
        if item[:4] != _ITEM:
            if item[:4] == _END:
                break
            raise ValueError("a fragment does not begin with an item tag")
        if at + 8 + length > end:
            raise ValueError("the file ends inside a fragment")
        if at == 0:
            table = read(8, length)
        else:
            ranges.append((at + 8, length))
        at += 8 + length
    if not ranges or len(ranges) > MAX_FRAGMENTS:
        raise ValueError(f"{len(ranges)} fragments")
    whole = len(table) // 4
    return struct.unpack(f"<{whole}I", table[: 4 * whole]), ranges


def _by_table(offsets: tuple[int, ...], ranges: list[Range], count: int) -> list[int] | None:
    """Index of each frame's first fragment by the offset table; None where the table is none or is wrong."""
    origin = ranges[0][0] - 8
    index = {at - 8 - origin: n for n, (at, _) in enumerate(ranges)}
    first = [index.get(offset, -1) for offset in offsets]
    rising = all(a < b for a, b in pairwise(first))
    return first if len(first) == count and first[0] == 0 and rising else None


def _by_end_markers(read: Read, ranges: list[Range]) -> list[int]:
    """Index of each frame's first fragment: the one after a fragment that ends a code stream."""
    tails = (read(at + max(0, length - _PADDING), min(length, _PADDING)) for at, length in ranges[:-1])
    return [0, *(n + 1 for n, tail in enumerate(tails) if _JPEG_END in tail)]
