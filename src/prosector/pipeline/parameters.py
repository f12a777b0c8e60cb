"""Parameters of operations: one row each, from which checks, CLI help and documentation come."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prosector.errors import ParameterError

REQUIRED = object()
"""Stands for "there is no default"."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    ``kind`` is ``number``, ``integer``, ``text``, ``boolean``, ``numbers`` (a list of ``count`` finite numbers, or
    where ``repeated`` of a multiple of that) or ``names`` (a list of texts). A default of None means that the
    operation works the value out from its inputs; the trace then holds the value that it took. A default of () means
    that an empty list, for nothing, will do.
    """

    name: str
    kind: str
    default: Any
    help: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    count: int = 0
    repeated: bool = False

    def checked(self, value: Any) -> Any:
        """Return the value in its own type, or raise ParameterError."""
        if value is None and self.default is None:
            return None
        if self.kind == "boolean" and isinstance(value, bool):
            return value
        if self.kind == "text" and isinstance(value, str) and (not self.choices or value in self.choices):
            return value
        if self.kind in ("number", "integer") and self._fits(value) and (self.kind == "number" or value == int(value)):
            return float(value) if self.kind == "number" else int(value)
        if self.kind == "names" and isinstance(value, (list, tuple)) and all(isinstance(v, str) and v for v in value):
            return list(value)
        if self.kind == "numbers" and self._fit(value):
            return [float(v) for v in value]
        raise ParameterError(f"parameter {self.name!r} is {self._expected()}; found {value!r}")

    def parsed(self, text: str) -> Any:
        """The value that a text on a command line stands for: ``1.5``, ``true``, ``1,2,3`` or ``left,right``."""
        if self.kind == "text":
            return self.checked(text)
        if self.kind in ("names", "numbers"):
            parts = [part.strip(" \"'") for part in re.split(r"[\[\],;]", text) if part.strip()]
            return self.checked(parts if self.kind == "names" else [_number(part) for part in parts])
        return self.checked({"true": True, "false": False}.get(text.lower(), _number(text)))

    def _fits(self, value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and math.isfinite(value) and self.low <= value <= self.high

    def _fit(self, value: Any) -> bool:
        if not isinstance(value, (list, tuple)) or not all(self._fits(v) for v in value):
            return False
        if not value:
            return bool(self.default == ())
        return len(value) % self.count == 0 if self.repeated else len(value) == self.count

    def _expected(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        words = {
            "number": "a number",
            "integer": "a whole number",
            "text": "text",
            "boolean": "true or false",
            "numbers": f"a list of {self.count} finite numbers" + (", or a multiple of that" if self.repeated else ""),
            "names": "a list of names",
        }
        bounds = [f"from {self.low:g}"] if math.isfinite(self.low) else []
        bounds += [f"to {self.high:g}"] if math.isfinite(self.high) else []
        return " ".join([words[self.kind], *bounds, *([self.unit] if self.unit else [])])


def _number(text: str) -> float | str:
    """The number that a text says, or the text."""
    try:
        return float(text)
    except ValueError:
        return text


def complete(operation: str, table: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of an operation: those given, checked, and the defaults of the rest.

    Raises
    ------
    ParameterError
        For a name that the operation does not have, a value out of range or a required one left out.
    """
    known = {p.name: p for p in table}
    strange = sorted(set(given) - set(known))
    if strange:
        raise ParameterError(
            f"operation {operation!r} has no parameter {strange[0]!r}; it has: {', '.join(known) or 'none'}"
        )
    values = {}
    for p in table:
        value = given.get(p.name, p.default)
        if value is REQUIRED:
            raise ParameterError(f"operation {operation!r} needs parameter {p.name!r}: {p.help}")
        values[p.name] = p.checked(value)
    return values
