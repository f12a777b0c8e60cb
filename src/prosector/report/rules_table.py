"""The rules as data (``rules.toml``), and the register of the functions that apply them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from prosector.case.events import Event
from prosector.case.state import CaseState, SessionRecord
from prosector.case.verify import Check, Verification
from prosector.errors import UnknownNameError
from prosector.model.recipe import Trace, TraceStep
from prosector.pipeline.recipes import parse_trace
from prosector.report.document import Report
from prosector.report.profiles import WEIGHTS, Profile

PICTURES = ("Rendering", "Cine")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    ``severity`` is E (blocks completeness), W or I; ``integrity`` rules keep theirs in every profile. ``more`` holds
    what only this rule needs.
    """

    id: str
    section: str
    severity: str
    text: str
    satisfied_by: str
    sources: tuple[str, ...]
    dated: str
    integrity: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found wanting.

    ``evidence`` are numbers of log events. ``severity``, where given, weighs less than the rule's own.
    """

    message: str
    evidence: tuple[int, ...] = ()
    severity: str = ""


@dataclass(frozen=True)
class Subject:
    """What is checked: a report, the log behind it, and what else is known.

    Parameters
    ----------
    report : Report
    state : CaseState
    profile : Profile
    earlier : tuple of Report
        Reports on other cases, against which boilerplate shows.
    verified : Verification or None
        What :func:`prosector.case.verify.verify_case` found, if it was asked.
    """

    report: Report
    state: CaseState
    profile: Profile
    earlier: tuple[Report, ...] = ()
    verified: Verification | None = None

    @cached_property
    def runs(self) -> tuple[Event, ...]:
        """The runs that the report draws on: of its images and measurements; all, while it has neither."""
        drawn = {image.id.split("/", 1)[0] for image in self.report.images}
        drawn |= {line.run or line.step.split("/", 1)[0] for line in self.measurements}
        return tuple(e for e in self.all_runs if not drawn or e.data["run"] in drawn)

    @cached_property
    def all_runs(self) -> tuple[Event, ...]:
        """Every run that counts."""
        return self.state.of("run-done")

    @cached_property
    def measurements(self) -> tuple[Any, ...]:
        """Lines of measurement, each once, wherever in the report they stand."""
        lines = [*self.report.measurements, *(m for f in self.report.findings for m in f.measurements)]
        return tuple(dict.fromkeys(lines))

    @cached_property
    def traces(self) -> Mapping[str, Trace]:
        """The trace of every run that counts, by its name."""
        return MappingProxyType({e.data["run"]: parse_trace(e.data["trace"]) for e in self.all_runs})

    @cached_property
    def steps(self) -> Mapping[str, TraceStep]:
        """Every step that was run, by ``run/step``."""
        return MappingProxyType({f"{run}/{step.id}": step for run, t in self.traces.items() for step in t.steps})

    @cached_property
    def supervising(self) -> tuple[SessionRecord, ...]:
        """Physicians' sessions that countersigned a run that the report draws on."""
        ids = dict.fromkeys((run.data.get("supervisor") or {}).get("session", "") for run in self.runs)
        found = [session for session in map(self.state.session, ids) if session is not None]
        return tuple(session for session in found if session.person["role"] == "physician")

    @property
    def coding(self) -> Mapping[str, Any]:
        """What was last recorded on coding, or nothing."""
        event = self.state.last("coding-recorded")
        return event.data if event else {}

    @property
    def setting(self) -> str:
        """``hospital``, ``non-hospital`` or ``opps``: as the profile says, else the coding, else non-hospital."""
        return self.profile.setting or self.report.coding.setting or "non-hospital"

    def by_physicians(self, element: str) -> tuple[Event, ...]:
        """Physicians' decisions of one element on runs that the report draws on."""
        names = {run.data["run"] for run in self.runs}
        return tuple(
            event
            for event in self.state.decisions(element)
            if event.actor.role == "physician" and any(about.split("/", 1)[0] in names for about in event.about)
        )

    def asked(self, name: str) -> Check | None:
        """The check of this name, if a verification was given that holds it."""
        return next((c for c in (self.verified.checks if self.verified else ()) if c.name == name), None)


Apply = Callable[[Subject], Iterator[Finding]]

REGISTER: dict[str, Apply] = {}
"""The function of each rule, by id."""


def rule(rule_id: str) -> Callable[[Apply], Apply]:
    """Register a function as a rule of the table."""

    def add(function: Apply) -> Apply:
        if rule_id not in rules():
            raise UnknownNameError("rule", rule_id, rules())
        REGISTER[rule_id] = function
        return function

    return add


@cache
def rules() -> Mapping[str, Rule]:
    """All rules by id, in the order of the table."""
    return MappingProxyType({row["id"]: _rule(row) for row in _data()["rule"]})


@cache
def sources() -> Mapping[str, str]:
    """What the short names of sources stand for."""
    return MappingProxyType(dict(_data()["sources"]))


@cache
def sections() -> Mapping[str, str]:
    """Titles of the groups of rules."""
    return MappingProxyType(dict(_data()["sections"]))


def _rule(row: Mapping[str, Any]) -> Rule:
    own = {"id", "section", "severity", "text", "satisfied_by", "sources", "dated", "integrity"}
    if row["severity"] not in WEIGHTS:
        raise UnknownNameError("severity", row["severity"], WEIGHTS)
    fields = {name: value for name, value in row.items() if name in own}
    more = {name: value for name, value in row.items() if name not in own}
    return Rule(**{**fields, "sources": tuple(row["sources"])}, more=MappingProxyType(more))


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("prosector.report").joinpath("rules.toml").read_text(encoding="utf-8"))
