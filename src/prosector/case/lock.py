"""One writer at a time: a lock that a dead process gives up by itself."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from prosector.errors import LockedError, OutputError

WAIT_S = 10.0
"""How long to wait for another writer: appending takes milliseconds."""


@contextmanager
def locked(path: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a lock file; the operating system releases it when the process ends, however it ends.

    Beside it ``path.holder`` says who holds it, for the message that others get. What a killed process left
    there means nothing once the lock itself is free.

    Raises
    ------
    LockedError
        If another process holds it all the while.
    OutputError
        If the folder cannot be written.
    """
    holder = path.with_name(path.name + ".holder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(path), timeout=wait_s)
        with lock:
            holder.write_text(json.dumps(_me()), encoding="utf-8")
            try:
                yield
            finally:
                holder.unlink(missing_ok=True)
    except Timeout:
        raise LockedError(f"{path.name}: {_who(holder)} is writing; wait until it has finished") from None
    except PermissionError as error:
        raise OutputError(f"{path.parent.name} cannot be written: {error.strerror}") from error


def _me() -> dict[str, str | int]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat(timespec="seconds")}


def _who(holder: Path) -> str:
    try:
        found = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {found['pid']} on {found['host']} (since {found['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
