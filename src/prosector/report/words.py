"""Dates, names, numbers and events as people read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prosector.case.events import Event
from prosector.pipeline.operation import in_words

TITLE = "3D post-processing (76377)"
"""Title of the document; a report of its own, apart from the base study's."""

NOT_SUPERVISED = "NOT SUPERVISED"

UNSUPERVISED = (
    "NOT SUPERVISED. The images were computed without the session of a physician. This is not a complete 76377 "
    "record, cannot become one, and must not be filed as one."
)
"""The statement on supervision of a document that no physician supervised."""

NOT_CLEARED = "Prosector is not cleared for diagnosis by any regulator."
"""Stands in the workstation statement of every report."""

NOT_STATED = "not stated"

REASONS: Mapping[str, str] = {
    "complex-geometry": "complex geometry",
    "overlap": "structures that overlap",
    "spatial-relation": "the relation of structures in space",
    "preoperative": "planning of an operation",
    "quantitative": "quantities that need the volume",
}
"""Why 2D did not suffice, in words: :data:`prosector.case.events.NECESSITY_REASONS`."""

_DONE: Mapping[tuple[str, str], str] = {
    ("region", "crop"): "Region designed: cropped",
    ("region", "clip"): "Region designed: clipped",
    ("region", "slab"): "Region designed: slab chosen",
    ("region", "voi"): "Region designed: volume of interest chosen",
    ("region", "segment"): "Region designed: limited to a segment",
    ("region", "accepted"): "Region reviewed and accepted as computed",
    ("tissue", "preset"): "Tissue chosen: preset",
    ("tissue", "threshold"): "Tissue chosen: threshold",
    ("tissue", "transfer"): "Tissue chosen: transfer function",
    ("tissue", "show"): "Tissue chosen: structure shown",
    ("tissue", "hide"): "Tissue chosen: structure hidden",
    ("tissue", "segment"): "Tissue chosen: segment",
    ("tissue", "accepted"): "Tissues reviewed and accepted as displayed",
    ("archive", "select"): "Selected for the archive",
    ("archive", "reject"): "Rejected for the archive",
    ("review", "reviewed"): "Reviewed",
    ("review", "adjusted"): "Adjusted",
    ("review", "no-change-needed"): "Reviewed, no change needed",
}


def decision_in_words(event: Event) -> str:
    """A supervision decision as a sentence: what, with which parameters, and the note."""
    data = event.data
    said = _DONE.get((data["element"], data["what"]), f"{data['element']}: {data['what']}")
    if data["what"] == "adjusted":
        said += f": {data['parameter']} from {_value(data['old'])} to {_value(data['new'])}"
    if data.get("parameters"):
        said += f" ({', '.join(f'{name} {_value(value)}' for name, value in data['parameters'].items())})"
    return f"{said}. {data['note']}" if data.get("note") else f"{said}."


def _value(value: Any) -> str:
    return in_words(value) if value not in ("", None) else "nothing"


def about_in_words(about: Sequence[str]) -> str:
    """Ids drawn together by their run: ``run-0001: a.png, b.png``."""
    runs: dict[str, list[str]] = {}
    for name in about:
        run, _, file = name.partition("/")
        runs.setdefault(run, []).extend([file] if file else [])
    return "; ".join(f"{run}: {', '.join(files)}" if files else run for run, files in runs.items())


def person_name(value: str) -> str:
    """A DICOM person name (PS3.5 6.2.1) as ``Family, Given Middle``, from its first component group."""
    family, *rest = value.split("=")[0].split("^")
    given = " ".join(part for part in rest if part)
    return ", ".join(part for part in (family, given) if part)


def titled(person: Mapping[str, Any]) -> str:
    """A person's name with credentials: ``Ada Example, MD``."""
    return ", ".join(part for part in (person.get("name", ""), person.get("credentials", "")) if part)


def day(value: str) -> str:
    """A DICOM date (PS3.5 6.2, DA) as 2026-01-31; anything else as it is."""
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", value)
    return "-".join(match.groups()) if match else value


def clock(value: str) -> str:
    """A DICOM time (PS3.5 6.2, TM) as 09:41:07; anything else as it is."""
    match = re.fullmatch(r"(\d\d)(\d\d)?(\d\d)?(?:\.\d+)?", value)
    return ":".join(part for part in match.groups() if part) if match else value


def moment(value: str) -> str:
    """A date and time, DICOM's ("20260131 094107") or ISO with a zone, as people read it; else as it is."""
    date, _, time = value.partition(" ")
    if re.fullmatch(r"\d{8}", date):
        return f"{day(date)} {clock(time)}".strip()
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return value
    if found.tzinfo is None:
        return f"{found:%Y-%m-%d %H:%M}" if "T" in value or " " in value else value
    return f"{found.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def counted(numbers: Iterable[int]) -> str:
    """Numbers with runs drawn together: ``1–6, 8``."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
