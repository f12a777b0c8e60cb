"""Receipts that outlive a kill: one line for each, on the disk before the next instance is sent.

A transfer's journal lies beside the case's log while the transfer runs. When it ends, or at the next one if it was
killed, it is folded into the log as one ``archive-sent`` event and removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prosector.case.events import Event
from prosector.case.folder import read_case, record
from prosector.case.people import home
from prosector.case.sessions import Session
from prosector.case.state import CaseState
from prosector.errors import OutputError
from prosector.network.instances import Instance
from prosector.network.nodes import Node

TRANSFERS = "transfers"

ACKNOWLEDGED = ("0000", "B000", "B006", "B007", "200")
"""Stored: success, and the three warnings of C-STORE that still store (PS3.4 B.2.3); STOW of one instance."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The receipts of one transfer, in a file."""

    path: Path
    transfer: str

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a receipt; it is on the disk when this returns.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        _append(self.path, row)

    def rows(self) -> list[dict[str, Any]]:
        """The receipts so far."""
        return _lines(self.path)[1:]

    def remove(self) -> None:
        """Remove the file: what it said stands elsewhere, or is of no more use."""
        self.path.unlink(missing_ok=True)


def begin_journal(folder: Path, node: Node) -> Journal:
    """A journal for a new transfer of a case."""
    transfer = str(uuid.uuid4())
    path = folder / TRANSFERS / f"{transfer}.jsonl"
    _append(path, {"transfer": transfer, "node": node.as_dict()})
    return Journal(path, transfer)


def resumed_journal(node: Node, instances: Iterable[Instance]) -> Journal:
    """The journal of a transfer without a case: that of the same files to the same node, if it was broken off."""
    what = hashlib.sha256(node.address.encode())
    for instance in sorted(instances, key=lambda i: i.key):
        what.update("".join(instance.key).encode())
    name = what.hexdigest()
    path = home() / TRANSFERS / f"{name}.jsonl"
    if not _lines(path):
        path.unlink(missing_ok=True)
        _append(path, {"transfer": name, "node": node.as_dict()})
    return Journal(path, name)


def fold_journals(folder: Path, session: Session | None = None) -> tuple[Event, ...]:
    """Enter what journals of earlier transfers hold into the case's log, and remove them.

    A kill between the two leaves a journal that the log has already; it is only removed.
    """
    entered = []
    known = {e.data["transfer"] for e in read_case(folder).events if e.kind == "archive-sent"}
    for path in sorted((folder / TRANSFERS).glob("*.jsonl")):
        header, *rows = _lines(path) or [{}]
        if rows and header["transfer"] not in known:
            data = {"transfer": header["transfer"], "node": header["node"], "instances": rows}
            about = [header["transfer"], *dict.fromkeys(str(row["id"]) for row in rows)]
            entered.append(record(folder, "archive-sent", data, about=about, session=session))
        path.unlink()
    return tuple(entered)


def acknowledged(rows: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Identifier and hash of what an archive has said that it stored."""
    return {(row["sop_instance_uid"], row["sha256"]) for row in rows if row["status"] in ACKNOWLEDGED}


def receipts(state: CaseState, node: Node) -> Iterator[dict[str, Any]]:
    """All receipts that a case has of a node, oldest first, by the node's address."""
    for event in state.of("archive-sent"):
        if event.data["node"].get("address") == node.address:
            for row in event.data["instances"]:
                yield {"transfer": event.data["transfer"], **row}


def kept(state: CaseState, node: Node) -> set[tuple[str, str]]:
    """What a node has acknowledged and not said later that it does not have."""
    transfers: set[str] = set()
    found: set[tuple[str, str]] = set()
    for event in state.of("archive-sent", "archive-committed"):
        if event.kind == "archive-sent" and event.data["node"].get("address") == node.address:
            transfers.add(event.data["transfer"])
            found |= acknowledged(event.data["instances"])
        elif event.kind == "archive-committed" and event.data["transfer"] in transfers:
            lost = {row["uid"] for row in event.data["failed"]}
            found = {key for key in found if key[0] not in lost}
    return found


def committed(state: CaseState, node: Node) -> set[tuple[str, str]]:
    """Transfer and identifier of what a node has committed to keep."""
    transfers = {e.data["transfer"] for e in state.of("archive-sent") if e.data["node"].get("address") == node.address}
    events = [e for e in state.of("archive-committed") if e.data["transfer"] in transfers]
    return {(e.data["transfer"], uid) for e in events for uid in e.data["committed"]}


def _append(path: Path, row: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, (json.dumps(row, sort_keys=True) + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise OutputError(f"the receipts in {TRANSFERS} cannot be written: {error.strerror}") from error


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines; a torn one at the end was never a receipt."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    rows = []
    for line in data.split(b"\n"):
        try:
            rows.append(json.loads(line))
        except ValueError:  # torn by a kill: the instance is sent again
            continue
    return rows
