"""Unpacking run lengths (PS3.5 G.3.2)."""

from __future__ import annotations

from prosector.kernels._jit import kernel


@kernel
def unpack_bits(segment, out):  # type: ignore[no-untyped-def]
    """Unpack a (n,) uint8 segment into a (m,) uint8 array; returns how many bytes were filled."""
    at = 0
    filled = 0
    while at < segment.shape[0] and filled < out.shape[0]:
        control = segment[at]
        at += 1
        if control < 128:
            count = control + 1
            for _ in range(count):
                if at >= segment.shape[0] or filled >= out.shape[0]:
                    return filled
                out[filled] = segment[at]
                filled += 1
                at += 1
        elif control > 128:
            if at >= segment.shape[0]:
                return filled
            for _ in range(257 - control):
                if filled >= out.shape[0]:
                    return filled
                out[filled] = segment[at]
                filled += 1
            at += 1
    return filled
