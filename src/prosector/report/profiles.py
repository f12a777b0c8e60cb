"""Profiles: for whom a record is to be complete, kept as data in ``profiles.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from prosector.errors import UnknownNameError

WEIGHTS: Mapping[str, int] = {"I": 0, "W": 1, "E": 2}
"""Severities, the lightest first: worth knowing, warning, error."""

OFF = "off"


@dataclass(frozen=True, slots=True)
class Indication:
    """An indication that a profile lists: words that name it, and beginnings of ICD-10-CM codes."""

    name: str
    words: tuple[str, ...]
    icd10: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """What one payer, or none, expects; ``profiles.toml`` explains the fields."""

    name: str
    title: str
    dated: str
    notes: str
    setting: str
    sources: tuple[str, ...]
    supervisor_degrees: tuple[str, ...]
    other_degrees: str
    prior_authorisation: bool
    rubber_stamp_session_seconds: float
    rubber_stamp_before_signing_seconds: float
    boilerplate_reports: int
    practice_share_percent: float
    claims: bool
    at_most: str
    severities: Mapping[str, str] = field(default_factory=dict)
    indications: tuple[Indication, ...] = ()

    def leaves_out(self, rule_id: str) -> bool:
        """Whether the rule does not apply."""
        return self.severities.get(rule_id) == OFF

    def severity(self, rule_id: str, own: str, finding: str = "", integrity: bool = False) -> str:
        """What a finding weighs here: the least of the rule's, the finding's own and the profile's cap."""
        weights = [self.severities.get(rule_id, own), *([finding] if finding else [])]
        if not integrity:
            weights.append(self.at_most)
        return min(weights, key=WEIGHTS.__getitem__)


@cache
def profile(name: str) -> Profile:
    """A profile by its name.

    Raises
    ------
    UnknownNameError
        If there is none of this name.
    """
    data = _data()
    if name not in data["profile"]:
        raise UnknownNameError("profile", name, data["profile"])
    fields = {**data["defaults"], **data["profile"][name]}
    fields["indications"] = tuple(_indication(row) for row in fields.pop("indications", ()))
    fields["severities"] = MappingProxyType(fields.pop("severities", {}))
    for listed in ("sources", "supervisor_degrees"):
        fields[listed] = tuple(fields[listed])
    return Profile(name=name, **fields)


def profile_names() -> tuple[str, ...]:
    """All profiles, in the order of the data."""
    return tuple(_data()["profile"])


def _indication(row: Mapping[str, Any]) -> Indication:
    return Indication(row["name"], tuple(row["words"]), tuple(row["icd10"]))


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("prosector.report").joinpath("profiles.toml").read_text(encoding="utf-8"))
