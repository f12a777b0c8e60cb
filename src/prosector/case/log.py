"""The event log: one JSON object a line, each with the hash of the one before, flushed to the disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prosector.atomic import write_bytes, write_text
from prosector.case.events import FIRST, Event, parse_event
from prosector.errors import CaseError, OutputError, TamperedError

LOG = "case.jsonl"
HEAD = "case.head"
"""Number and hash of the last event, replaced after each append: a log that was cut short is shorter than this."""


@dataclass(frozen=True, slots=True)
class LogContent:
    """Whole lines of a log, and the bytes after the last newline (empty unless a write was torn)."""

    lines: tuple[bytes, ...]
    torn: bytes

    def events(self) -> tuple[Event, ...]:
        """The events, or TamperedError with the first line that is none."""
        return tuple(_event(number, line) for number, line in enumerate(self.lines))


@dataclass(frozen=True, slots=True)
class Fault:
    """Something about a log that cannot have come about by itself; ``line`` counts from 1."""

    line: int
    what: str


def read_log(folder: Path) -> LogContent:
    """Read a case's log as it lies there; nothing is judged.

    Raises
    ------
    CaseError
        If there is none.
    """
    try:
        data = (folder / LOG).read_bytes()
    except FileNotFoundError:
        raise CaseError(f"{folder.name} is no case: it holds no {LOG}") from None
    whole, newline, torn = data.rpartition(b"\n")
    return LogContent(tuple(whole.split(b"\n")) if newline else (), torn)


def faults_of(folder: Path, content: LogContent, witness: tuple[int, str] | None = None) -> tuple[Fault, ...]:
    """What is wrong with the chain: edited, deleted, swapped, inserted or cut lines, each located.

    Parameters
    ----------
    folder : Path
    content : LogContent
    witness : (number, sha256), optional
        An event that somebody outside remembers, such as the workstation or a time stamp.
    """
    faults = list(_chain_faults(content.lines))
    for name, seen in (("case.head", _read_head(folder)), ("the workstation's own record", witness)):
        if seen is None:
            faults += [Fault(len(content.lines), f"{name} is missing")] if name == HEAD else []
            continue
        number, sha256 = seen
        if number >= len(content.lines):
            what = f"the log ends here, but {name} knows of {number + 1} events: its end was cut off"
            faults.append(Fault(len(content.lines), what))
        elif hashlib.sha256(content.lines[number]).hexdigest() != sha256:
            faults.append(Fault(number + 1, f"this is not the line that {name} knows"))
    return tuple(faults)


def append_line(folder: Path, event: Event) -> None:
    """Write one event behind the others and flush it; the caller holds the lock.

    Raises
    ------
    OutputError
        If the disk is full or the folder not writable; the log is then as it was, or torn in its last line.
    """
    try:
        handle = os.open(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            data = (event.line() + "\n").encode()
            written = 0
            while written < len(data):
                written += os.write(handle, data[written:])
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise OutputError(f"the log of {folder.name} cannot be written: {error.strerror}") from error
    write_text(folder / HEAD, f"{event.number} {event.sha256}\n")


def set_aside(folder: Path, content: LogContent) -> dict[str, str | int]:
    """Move a torn end of the log into a file of its own; returns what the recovery event says.

    The torn bytes are kept first, then the log is cut: a kill between the two loses nothing.
    """
    sha256 = hashlib.sha256(content.torn).hexdigest()
    name = f"torn-{sha256[:12]}.bin"
    write_bytes(folder / name, content.torn)
    os.truncate(folder / LOG, sum(len(line) + 1 for line in content.lines))
    return {"bytes": len(content.torn), "sha256": sha256, "file": name}


def _event(number: int, line: bytes) -> Event:
    try:
        event = parse_event(json.loads(line))
    except (ValueError, CaseError) as error:
        raise TamperedError(f"line {number + 1} of the log is no event: {error}") from error
    if event.line().encode() != line:
        raise TamperedError(f"line {number + 1} of the log is not written as the software writes it")
    return event


def _chain_faults(lines: Sequence[bytes]) -> list[Fault]:
    faults, previous = [], FIRST
    for number, line in enumerate(lines):
        try:
            event = _event(number, line)
        except TamperedError as error:
            faults.append(Fault(number + 1, str(error)))
        else:
            if event.number != number:
                faults.append(Fault(number + 1, f"event {event.number} stands where {number} belongs"))
            if event.previous != previous:
                what = "it does not follow the line before: that one was changed, or lines were moved or taken out"
                faults.append(Fault(number + 1, what))
        previous = hashlib.sha256(line).hexdigest()
    return faults


def _read_head(folder: Path) -> tuple[int, str] | None:
    try:
        number, sha256 = (folder / HEAD).read_text(encoding="utf-8").split()
        return int(number), sha256
    except (OSError, ValueError):
        return None
