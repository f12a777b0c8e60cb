"""Alternating runs: a machine whose speed drifts drifts for all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

SLOW = ((4.0, 1), (1.0, 3))
"""Whoever takes longer than so many seconds is timed at most so many times."""


def alternate(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, run in turn, after one round that warms up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for n in range(rounds + 1):
        for name, run in runs.items():
            if any(seconds[name] and statistics.median(seconds[name]) > s and n > most for s, most in SLOW):
                continue
            started = time.perf_counter()
            run()
            if n:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(found) for name, found in seconds.items()}
