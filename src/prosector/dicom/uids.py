"""Unique identifiers for derived objects.

UIDs are of the form ``2.25.<UUID as a decimal number>`` (PS3.5 B.2): no registered root is needed and
two machines do not collide.

Derived UIDs are a function of what they name, so that the same work on the same study gives the same
bytes. DICOM lets a UID stand for one content only: whoever derives a UID feeds it everything that decides
the content. :func:`prosector.dicom.derived.derive_series` and the builders do (study, series, recipe,
role, software version, time of creation, digest of the value).
"""

from __future__ import annotations

import hashlib
import uuid

IMPLEMENTATION_CLASS_UID = "2.25.286029997171038372876790279331147241869"
"""Implementation Class UID (0002,0012) of everything that Prosector writes; drawn once, at random."""


def derived_uid(*parts: str) -> str:
    """A UID that is a function of its parts (sha256; parts are delimited, so ``a, bc`` is not ``ab, c``)."""
    h = hashlib.sha256()
    for part in parts:
        data = part.encode()
        h.update(f"{len(data)}:".encode() + data)
    return _from_bytes(h.digest()[:16], version=8)


def random_uid() -> str:
    """A UID that no one else has."""
    return f"2.25.{uuid.uuid4().int}"


def _from_bytes(data: bytes, version: int) -> str:
    """Version and variant bits as in RFC 9562, section 5.8."""
    number = int.from_bytes(data, "big")
    number = number & ~(0xF << 76) | version << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return f"2.25.{number}"
