"""Reports that are filed in a case, held to the log: the document, who signed it, and what it says it rests on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prosector.case.events import Event
from prosector.case.keys import is_signed
from prosector.case.state import CaseState
from prosector.model.digest import canonical_json


def reports_of(folder: Path, state: CaseState) -> tuple[str, ...]:
    """What is wrong with the reports that the log names, one line each.

    Drafts and signed versions alike are held to their ``document_sha256``, to the head of the log that they were
    composed from, and to the hashes of the pictures that they show. A signature is by the physician's own key
    over ``document_sha256`` (as hexadecimal digits), by whoever entered the event.
    """
    filed = [event for event in state.events if event.kind in ("report-drafted", "report-signed")]
    return tuple(f"event {event.number}: {what}" for event in filed for what in _wrong(folder, state, event))


def _wrong(folder: Path, state: CaseState, event: Event) -> Iterator[str]:
    data = event.data
    if data.get("head") not in {e.sha256 for e in state.events[: event.number]}:
        yield "the report rests on a log that is not this one"
    if event.kind == "report-signed":
        yield from _signed_by_another(state, event)
    documents = [row["file"] for row in data["files"] if row["file"].endswith(".json")]
    if len(documents) != 1:
        yield "it names no document"
        return
    try:
        document = json.loads((folder / documents[0]).read_text(encoding="utf-8"))
        yield from _another_document(state, event, document)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        yield f"{documents[0]} cannot be read"


def _signed_by_another(state: CaseState, event: Event) -> Iterator[str]:
    signature = event.data["signature"]
    if not is_signed(signature["public_key"], signature["value"], event.data["document_sha256"].encode()):
        yield "the report's signature does not hold"
    session = state.session(event.actor.session)
    if session is None:
        yield "the report was signed outside a session"
        return
    opening = session.started.data
    if (signature["person"], signature["public_key"]) != (opening["person"]["id"], opening["public_key"]):
        yield "the report is signed by another person than entered it"
    versions = {
        f"{e.data['report']}-v{e.data['version']}" for e in state.events[: event.number] if e.kind == "report-signed"
    }
    if event.data["status"] in ("amended", "addendum") and event.data.get("predecessor") not in versions:
        yield "it amends a version that was not signed here"


def _another_document(state: CaseState, event: Event, document: dict[str, Any]) -> Iterator[str]:
    signature = document["signature"]
    bare = {**document, "signature": None if signature is None else {**signature, "value": ""}}
    if hashlib.sha256(canonical_json(bare).encode()).hexdigest() != event.data["document_sha256"]:
        yield "the document is not the one that was filed"
    if event.kind == "report-signed":
        said = {name: (signature or {}).get(name) for name in event.data["signature"]}
        if said != event.data["signature"]:
            yield "the document bears another signature than the log names"
    for image in document["images"]:
        kept = state.outputs.get(image["id"])
        if kept is not None and kept.sha256 != image["sha256"]:
            yield f"the document shows another {image['id']} than the case holds"
