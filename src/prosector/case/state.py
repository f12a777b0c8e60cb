"""The state of a case: what its log folds to. Nothing else is stored that could disagree with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prosector.case.events import Event
from prosector.errors import CaseError


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A file that a run made. ``id`` is ``run/file``; ``event`` the number of the event that recorded it."""

    id: str
    run: str
    file: str
    step: str
    kind: str
    sha256: str
    value_sha256: str
    method: str
    sop_class_uid: str
    sop_instance_uid: str
    event: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A person's session: when it began and ended (empty while open), by the log's clock."""

    id: str
    person: Mapping[str, Any]
    started: Event
    ended: Event | None


@dataclass(frozen=True)
class CaseState:
    """A case at one moment.

    Parameters
    ----------
    events : tuple of Event
        All of them, in the order of the log.
    """

    events: tuple[Event, ...]

    @cached_property
    def effective(self) -> tuple[Event, ...]:
        """Events that count: corrections take away the ones that they name."""
        withdrawn: set[int] = set()
        for event in reversed(self.events):  # a correction may itself be withdrawn
            if event.kind == "correction" and event.number not in withdrawn:
                withdrawn.add(int(event.data["of"]))
        return tuple(e for e in self.events if e.number not in withdrawn)

    def of(self, *kinds: str) -> tuple[Event, ...]:
        """Events of these kinds that count."""
        return tuple(e for e in self.effective if e.kind in kinds)

    def last(self, kind: str) -> Event | None:
        """The newest event of a kind that counts."""
        found = self.of(kind)
        return found[-1] if found else None

    @property
    def head(self) -> str:
        """Hash of the last event."""
        return self.events[-1].sha256

    @cached_property
    def created(self) -> Event:
        """The first event."""
        if not self.events or self.events[0].kind != "case-created":
            raise CaseError("the log does not begin with the case's creation")
        return self.events[0]

    @cached_property
    def outputs(self) -> Mapping[str, OutputRecord]:
        """Every file that runs made, by id."""
        return {row.id: row for event in self.of("run-done") for row in _outputs_of(event)}

    @cached_property
    def archived(self) -> tuple[str, ...]:
        """Ids of outputs that were last selected, not rejected, in the order of selection."""
        chosen: dict[str, bool] = {}
        for event in self.decisions("archive"):
            for output in event.about:
                chosen.pop(output, None)
                chosen[output] = event.data["what"] == "select"
        return tuple(output for output, is_in in chosen.items() if is_in)

    def decisions(self, element: str | None = None) -> tuple[Event, ...]:
        """Supervision decisions, of one element or all."""
        return tuple(e for e in self.of("decision") if element is None or e.data["element"] == element)

    def text(self, field: str) -> Event | None:
        """The newest text of a field."""
        found = self.texts(field)
        return found[-1] if found else None

    def texts(self, field: str) -> tuple[Event, ...]:
        """All texts of a field: findings have one for each structure."""
        return tuple(e for e in self.of("text-recorded") if e.data["field"] == field)

    @cached_property
    def sessions(self) -> tuple[SessionRecord, ...]:
        """Sessions in the order in which they began."""
        ends = {e.data["session"]: e for e in self.events if e.kind == "session-ended"}
        return tuple(
            SessionRecord(e.data["session"], e.data["person"], e, ends.get(e.data["session"]))
            for e in self.events
            if e.kind == "session-started"
        )

    def session(self, session_id: str) -> SessionRecord | None:
        """A session by its id."""
        return next((s for s in self.sessions if s.id == session_id), None)

    @cached_property
    def reports(self) -> tuple[Event, ...]:
        """Drafts and signed reports, oldest first."""
        return self.of("report-drafted", "report-signed")


def fold(events: Iterable[Event]) -> CaseState:
    """The state that a log comes to."""
    return CaseState(tuple(events))


def _outputs_of(event: Event) -> Iterable[OutputRecord]:
    for row in event.data["outputs"]:
        yield OutputRecord(
            id=row["id"],
            run=event.data["run"],
            file=row["file"],
            step=row["step"],
            kind=row["kind"],
            sha256=row["sha256"],
            value_sha256=row["value_sha256"],
            method=row.get("method", ""),
            sop_class_uid=row.get("sop_class_uid", ""),
            sop_instance_uid=row.get("sop_instance_uid", ""),
            event=event.number,
        )
