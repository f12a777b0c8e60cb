"""An ICC profile of sRGB (IEC 61966-2-1), small and the same bytes every time."""

from __future__ import annotations

import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
"""The connection space's white (ICC.1:2001-04, 6.1)."""

PRIMARIES = {
    "rXYZ": (0.4360747, 0.2225045, 0.0139322),
    "gXYZ": (0.3850649, 0.7168786, 0.0971045),
    "bXYZ": (0.1430804, 0.0606169, 0.7141733),
}
"""sRGB's primaries, adapted to that white by the Bradford transform."""

CURVE_POINTS = 1024
HEADER_BYTES = 128
VERSION_2_1 = 0x02100000


def srgb_profile() -> bytes:
    """The profile: input class, three primaries and a table of the transfer curve (ICC.1:2001-04, 6.3.1.2)."""
    curve = _curve()
    parts = {
        "desc": _description("sRGB"),
        "cprt": b"text\0\0\0\0" + b"No rights reserved\0",
        "wtpt": _xyz(D50),
        **{tag: _xyz(values) for tag, values in PRIMARIES.items()},
        "rTRC": curve,
        "gTRC": curve,
        "bTRC": curve,
    }
    place = HEADER_BYTES + 4 + 12 * len(parts)
    table, body, seen = struct.pack(">I", len(parts)), b"", {}
    for tag, data in parts.items():
        if data not in seen:
            seen[data] = place + len(body)
            body += data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", tag.encode(), seen[data], len(data))
    return _header(HEADER_BYTES + len(table) + len(body)) + table + body


def _header(size: int) -> bytes:
    kinds = (b"scnr", b"RGB ", b"XYZ ")
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    white = b"".join(_fixed(v) for v in D50)
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, VERSION_2_1, *kinds)
    head += date + b"acsp" + b"\0" * 28 + white
    return head.ljust(HEADER_BYTES, b"\0")


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(v) for v in values)


def _description(name: str) -> bytes:
    text = name.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * (4 + 4 + 2 + 1 + 67)


def _curve() -> bytes:
    """SRGB's transfer function, from code to light."""
    code = np.linspace(0, 1, CURVE_POINTS)
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    table: bytes = np.rint(light * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", CURVE_POINTS) + table
