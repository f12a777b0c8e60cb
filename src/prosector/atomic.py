"""Files that are either whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prosector.errors import OutputError


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it onto ``target`` when the block succeeds.

    The temporary name keeps the ending, since writers choose their format by it. Missing parent folders
    are made. A killed process leaves at most a hidden ``.partial`` file, never half of the target.

    Raises
    ------
    OutputError
        If the folder or the file cannot be written.
    """
    target = Path(target)
    partial: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise OutputError(f"cannot write {target}: a folder of that name is there")
        handle, name = tempfile.mkstemp(prefix=".partial-", suffix="".join(target.suffixes[-2:]), dir=target.parent)
        os.close(handle)
        partial = Path(name)
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        partial.replace(target)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"cannot write {target}: {reason}; choose a folder that you may write to") from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


def require_writable(target: str | Path) -> None:
    """Raise OutputError if ``target`` cannot be written, before any work is done for it.

    Raises
    ------
    OutputError
        If it is a folder, or its nearest existing parent is no folder that may be written to.
    """
    target = Path(target)
    if target.is_dir():
        raise OutputError(f"cannot write {target}: a folder of that name is there")
    parent = target.absolute().parent
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {target}: {parent} is no folder that you may write to; choose another")


def write_bytes(target: str | Path, data: bytes) -> None:
    """Write bytes atomically."""
    with atomic_path(target) as partial:
        partial.write_bytes(data)


def write_text(target: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(target, text.encode("utf-8"))
