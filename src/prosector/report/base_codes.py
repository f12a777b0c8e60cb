"""Codes of base studies: which already include 3D. Numbers only, kept as data in ``base_codes.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

KINDS = ("excluded", "sensitive", "known")
"""In this order a code is looked up."""


@dataclass(frozen=True, slots=True)
class Row:
    """Codes and ranges of codes that share a verdict, with the reason and where it is from."""

    kind: str
    codes: tuple[str, ...]
    reason: str
    source: str
    dated: str

    def holds(self, code: str) -> bool:
        """Whether a code is one of them or lies in one of the ranges."""
        return any(_within(code, entry) for entry in self.codes)


def look_up(code: str) -> Row | None:
    """The row that a code belongs to, exclusions first; None for a code that the table does not know."""
    return next((row for row in rows() if row.holds(code.strip().upper())), None)


def edition() -> str:
    """Which edition of the exclusions this is."""
    return f"{_data()['edition']}, as of {_data()['dated']}"


@cache
def rows() -> tuple[Row, ...]:
    """The table."""
    return tuple(_rows())


def _rows() -> Iterator[Row]:
    for kind in KINDS:
        for row in _data()[kind]:
            yield Row(kind, tuple(row["codes"]), row["reason"], row["source"], row["dated"])


def _within(code: str, entry: str) -> bool:
    """``0559T-0562T`` holds 0560T: same ending, number between."""
    first, _, last = entry.partition("-")
    if not last:
        return code == first
    number, ending = _split(code)
    (low, end), (high, _) = _split(first), _split(last)
    return ending == end and low <= number <= high


def _split(code: str) -> tuple[int, str]:
    match = re.fullmatch(r"(\d{4,5})([A-Z]?)", code)
    return (int(match[1]), match[2]) if match else (-1, "?")


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("prosector.report").joinpath("base_codes.toml").read_text(encoding="utf-8"))
