"""Events of a case in words, for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prosector.case.events import KINDS, Event

SHORT = 100
Data = Mapping[str, Any]


def event_words(event: Event) -> str:
    """What an event says, in one line."""
    said = _SAID.get(event.kind)
    detail = said(event.data) if said else ""
    about = f" [{', '.join(event.about)}]" if event.kind == "decision" else ""
    return KINDS[event.kind].words + (f": {detail}" if detail else "") + about


def shortened(text: str) -> str:
    """The text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= SHORT else line[: SHORT - 1] + "…"


def _decision(data: Data) -> str:
    words = f"{data['element']}, {data['what']}"
    if "parameter" in data:
        words += f" {data['parameter']} from {data['old']} to {data['new']}"
    if data.get("parameters"):
        words += " (" + ", ".join(f"{name} {value}" for name, value in data["parameters"].items()) + ")"
    return words + (f"; {shortened(data['note'])}" if data.get("note") else "")


def _text(data: Data) -> str:
    of = next((f" ({data[name]})" for name in ("structure", "reason") if data.get(name)), "")
    return f"{data['field']}{of}: {shortened(data['text'])}"


def _run(data: Data) -> str:
    seal = data.get("supervisor")
    watched = f"supervised by {seal['person']}" if seal else "NOT SUPERVISED"
    return f"{data['run']}, recipe {data['recipe']}, {len(data['outputs'])} files, {watched}"


def _verified(data: Data) -> str:
    wrong = [check["name"] for check in data["checks"] if isinstance(check, dict) and not check.get("ok")]
    return "everything as it should be" if data["ok"] else f"wrong: {', '.join(wrong)}"


def _anchored(data: Data) -> str:
    how = f"time stamp of {data['at']} by {data['by']}" if data["method"] == "rfc3161" else data["method"]
    return f"up to event {data['number']}, {how}"


def _coding(data: Data) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_listed(value)}" for name, value in data.items())


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _report(data: Data) -> str:
    return f"version {data['version']}" + (f", {data['status']}" if "status" in data else "")


_SAID: Mapping[str, Callable[[Data], str]] = {
    "case-created": lambda d: f"{d['software']['name']} {d['software']['version']}",
    "source-added": lambda d: f"{d.get('modality', '')} series {d['series_uid']}, {len(d['files'])} files",
    "session-started": lambda d: f"{d['person']['name']} ({d['person']['role']})",
    "session-ended": lambda d: str(d["reason"]),
    "run-done": _run,
    "decision": _decision,
    "text-recorded": _text,
    "order-recorded": lambda d: f"by {d['orderer']['name']}, {d['date']}",
    "base-recorded": lambda d: f"code {d['cpt']}" + (f", {d['status']}" if d.get("status") else ""),
    "coding-recorded": _coding,
    "communication-recorded": lambda d: f"to {d['to']}, {d['at']}: {shortened(d['what'])}",
    "correction": lambda d: f"event {d['of']}; {shortened(d['reason'])}",
    "attested": lambda d: shortened(d["text"]),
    "report-drafted": _report,
    "report-signed": _report,
    "archive-sent": lambda d: f"{len(d['instances'])} instances to {d['node'].get('name', '')}",
    "archive-committed": lambda d: f"{len(d['committed'])} committed, {len(d['failed'])} failed",
    "anchored": _anchored,
    "log-recovered": lambda d: f"{d['bytes']} bytes kept in {d['file']}",
    "verified": _verified,
    "exported": lambda d: f"{d['what']} to {d['to']}",
}
