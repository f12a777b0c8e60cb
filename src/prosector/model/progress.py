"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done, 0 to 1. May raise to interrupt."""


def silent(what: str, fraction: float) -> None:
    """Report nothing."""
