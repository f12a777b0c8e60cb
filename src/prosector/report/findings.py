"""Findings: what physicians wrote about each structure, with the numbers and pictures that belong to it."""

from __future__ import annotations

from collections.abc import Sequence

from prosector.case.events import Event
from prosector.case.state import CaseState
from prosector.report.document import Finding, ImageLine, MeasurementLine, StructureLine, Text

GENERAL = "General"
"""Findings that name no structure."""


def text_of(event: Event | None, field: str = "text") -> Text | None:
    """A passage as somebody wrote it."""
    if event is None or not event.data.get(field):
        return None
    return Text(text=str(event.data[field]), origin="written", by=event.actor.name, at=event.utc, event=event.number)


def findings_of(
    state: CaseState,
    measurements: tuple[MeasurementLine, ...],
    structures: tuple[StructureLine, ...],
    images: tuple[ImageLine, ...],
) -> tuple[Finding, ...]:
    """A finding for every structure that somebody wrote about or that was measured.

    The newest text about a structure counts. Numbers belong to a structure by what they are of, pictures by the
    segments that they were computed from, or because the text names them (``images``: ids of outputs).
    """
    newest = {str(e.data.get("structure") or GENERAL): e for e in state.texts("findings")}
    named = [*newest, *dict.fromkeys(m.of or GENERAL for m in measurements if not _belongs(m.of or GENERAL, newest))]
    order = {image.id: image.number for image in images}
    found = []
    for structure in named:
        event = newest.get(structure)
        said = [str(i) for i in event.data.get("images", ())] if event else []
        shown = {*said, *(i for s in structures if s.code and same_structure(s.name, structure) for i in s.images)}
        text = text_of(event)
        found.append(
            Finding(
                structure=structure,
                texts=(text,) if text else (),
                measurements=tuple(m for m in measurements if same_structure(m.of or GENERAL, structure)),
                images=tuple(sorted(shown & set(order), key=lambda i: order[i])),
            )
        )
    return tuple(found)


def same_structure(one: str, other: str) -> bool:
    """Whether two names are of the same structure: the same words, or all words of one among the other's."""
    a, b = (set(name.lower().replace("-", " ").replace(",", " ").split()) for name in (one, other))
    return bool(a and b) and (a <= b or b <= a)


def _belongs(of: str, structures: Sequence[str] | dict[str, Event]) -> bool:
    return any(same_structure(of, structure) for structure in structures)
