"""The files that a series was read from, and their hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection

from prosector.dicom.scan import scan
from prosector.model.progress import Progress, silent

CHUNK = 1 << 20


def file_hashes(
    path: str | os.PathLike[str], series_uid: str, instance_uids: Collection[str], progress: Progress = silent
) -> tuple[tuple[str, int, str], ...]:
    """Name inside ``path``, size in bytes and sha256 of each file that holds one of the instances.

    Names are those below the folder or archive, sorted; a copy of an instance is listed too.
    """
    wanted = frozenset(instance_uids)
    (series,) = (s for s in scan(path, progress).series if s.uid == series_uid)
    blobs = {h.blob.name: h.blob for h in series.headers if h.text("SOPInstanceUID") in wanted}
    found = []
    for number, (name, blob) in enumerate(sorted(blobs.items())):
        progress("hashing the source", number / len(blobs))
        h = hashlib.sha256()
        for at in range(0, blob.size, CHUNK):
            h.update(blob.read(at, CHUNK))
        found.append((name, blob.size, h.hexdigest()))
    return tuple(found)
