"""Where the bytes of a DICOM file come from: a file, a part of a file, or an archive.

An archive's members are unpacked into one temporary file that vanishes with the last blob that points into
it; nothing is written under a name that the archive chose.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from prosector.errors import InputError

MAX_UNPACKED_BYTES = 32 << 30
"""An archive that unpacks to more is refused."""

MAX_MEMBERS = 200_000
"""An archive of more files is refused."""

MAX_RATIO = 200
"""An archive that unpacks to more than this many times its own size is refused, …"""

RATIO_FLOOR_BYTES = 64 << 20
"""… once it has unpacked to this much; empty slices do compress very well."""

MAX_INFLATED_BYTES = 2 << 30
"""A deflated data set (PS3.5 A.5) that inflates to more is refused."""

_CHUNK = 1 << 20
_TAR_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Blob:
    """``size`` bytes at ``offset`` of the file ``path``; ``name`` is what messages call it."""

    name: str
    path: str
    size: int
    offset: int = 0
    keep_alive: Any = field(default=None, repr=False)

    def read(self, at: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``at``."""
        with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123 (a third faster than Path.open)
            if self.offset + at:
                file.seek(self.offset + at)
            return _read_fully(file, min(count, max(0, self.size - at)))

    def read_into(self, at: int, out: memoryview) -> int:
        """Fill ``out`` from ``at``; returns the number of bytes that there were."""
        room = out[: max(0, self.size - at)]
        done = 0
        with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123
            file.seek(self.offset + at)
            while done < len(room):
                got = file.readinto(room[done:])
                if not got:
                    break
                done += got
        return done


@dataclass(frozen=True, slots=True, eq=False)
class InflatedBlob:
    """The data set of a file in Deflated Explicit VR Little Endian, inflated when it is read."""

    outer: Blob
    start: int
    size: int

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.outer.name

    @property
    def path(self) -> str:
        """Path of the file."""
        return self.outer.path

    def read(self, at: int, count: int) -> bytes:
        """Up to ``count`` bytes of the inflated data set from ``at``."""
        return inflated(self)[at : at + count]

    def read_into(self, at: int, out: memoryview) -> int:
        """Fill ``out`` from ``at``; returns the number of bytes that there were."""
        data = self.read(at, len(out))
        out[: len(data)] = data
        return len(data)


AnyBlob = Blob | InflatedBlob


@functools.lru_cache(maxsize=2)
def inflated(blob: InflatedBlob) -> bytes:
    """The whole data set, kept for the next frame of a multi-frame object."""
    return inflate(blob.outer, blob.start, blob.size)


def inflate(blob: Blob, start: int, limit: int = MAX_INFLATED_BYTES) -> bytes:
    """Inflate a data set up to ``limit`` bytes; what is broken ends it."""
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    limit = min(limit, MAX_INFLATED_BYTES, max(RATIO_FLOOR_BYTES, MAX_RATIO * blob.size))
    try:
        return machine.decompress(blob.read(start, blob.size), limit)
    except zlib.error:
        return b""


def disk_blob(file: str, root: str) -> Blob | None:
    """A whole file, named relative to the folder ``root``; None for what is no regular file."""
    status = os.stat(file)  # noqa: PTH116 (ten thousand files: paths as text, one call each)
    if not stat.S_ISREG(status.st_mode):
        return None
    name = file[len(root) :].lstrip(os.sep) if file.startswith(root) else ""
    return Blob(name or os.path.basename(file), file, status.st_size)  # noqa: PTH119


def archive_kind(path: Path) -> str:
    """``zip``, ``tar`` (packed or not) or empty, by content."""
    with path.open("rb") as file:
        start = file.read(_TAR_BLOCK)
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if _opener(start) is not open:
        try:
            with _opener(start)(path, "rb") as stream:
                start = stream.read(_TAR_BLOCK)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            return ""
    return "tar" if start[257:262] == b"ustar" else ""


def _opener(start: bytes) -> Any:
    """What opens a file that begins so: unpacking, or plain."""
    packers = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
    return next((opener for magic, opener in packers.items() if start.startswith(magic)), open)


def unpack(path: Path, kind: str) -> tuple[Blob, ...]:
    """Unpack an archive's members, in its order.

    Raises
    ------
    InputError
        If it is broken, encrypted, or unpacks beyond :data:`MAX_UNPACKED_BYTES`, :data:`MAX_MEMBERS` or
        :data:`MAX_RATIO`.
    """
    spool = tempfile.NamedTemporaryFile(prefix="prosector-")  # noqa: SIM115 (lives as long as the blobs)
    limit = _Limit(path.name, path.stat().st_size)
    blobs = []
    try:
        for name, stream in _zip_members(path, limit) if kind == "zip" else _tar_members(path, limit):
            start = spool.tell()
            limit.member()
            while chunk := stream.read(_CHUNK):
                spool.write(chunk)
            blobs.append(Blob(name, spool.name, spool.tell() - start, start, spool))
        spool.flush()
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        raise InputError(
            f"{path.name}: an archive that cannot be unpacked ({type(error).__name__}: {error})"
        ) from error
    return tuple(blobs)


@dataclass(slots=True)
class _Limit:
    name: str
    packed: int
    unpacked: int = 0
    members: int = 0

    def member(self) -> None:
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise InputError(f"{self.name}: an archive of more than {MAX_MEMBERS} files; unpack it by hand")

    def add(self, count: int) -> None:
        self.unpacked += count
        bomb = self.unpacked > max(RATIO_FLOOR_BYTES, MAX_RATIO * self.packed)
        if bomb or self.unpacked > MAX_UNPACKED_BYTES:
            raise InputError(
                f"{self.name}: unpacks to more than {self.unpacked >> 20} MiB from {self.packed >> 10} KiB; refused as "
                "an archive bomb. If it is not one, unpack it by hand"
            )


@dataclass(slots=True)
class _Counted:
    """A stream whose bytes count towards the limit."""

    stream: IO[bytes]
    limit: _Limit

    def read(self, count: int) -> bytes:
        data = self.stream.read(count)
        self.limit.add(len(data))
        return data


def _zip_members(path: Path, limit: _Limit) -> Iterator[tuple[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                with archive.open(info) as stream:
                    yield info.filename, _Counted(stream, limit)


def _tar_members(path: Path, limit: _Limit) -> Iterator[tuple[str, Any]]:
    """Members of a tar; what its headers unpack to counts as well."""
    with path.open("rb") as file:
        opener = _opener(file.read(_TAR_BLOCK))
    with opener(path, "rb") as packed:
        counted: Any = _Counted(packed, limit)
        with tarfile.open(fileobj=counted, mode="r|") as archive:
            for info in archive:
                stream = archive.extractfile(info) if info.isfile() else None
                if stream is not None:
                    yield info.name, stream


def _read_fully(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    while len(data) < count and (more := file.read(count - len(data))):
        data += more
    return data


def walk_files(root: str) -> Iterator[str]:
    """Every file under a folder, links followed once, so that a loop ends."""
    seen: set[tuple[int, int]] = set()
    for folder, names, files in os.walk(root, followlinks=True):
        try:
            status = os.stat(folder)  # noqa: PTH116
        except OSError:  # it went away, or may not be entered
            names.clear()
            continue
        if (status.st_dev, status.st_ino) in seen:
            names.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        names.sort()
        yield from (os.path.join(folder, name) for name in sorted(files))  # noqa: PTH118
