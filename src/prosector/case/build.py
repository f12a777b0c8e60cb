"""The identity of the software that is running: a hash over its own files."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def build_sha256() -> str:
    """sha256 over the names and contents of the package's source and data files."""
    root = Path(__file__).parents[1]
    h = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and "__pycache__" not in inside.parts and inside.parts[0] != "sample_data":
            h.update(f"{inside.as_posix()}\0".encode())
            h.update(hashlib.sha256(path.read_bytes()).digest())
    return h.hexdigest()
