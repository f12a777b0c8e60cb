"""The acceptance test: make test objects, measure them as patients are measured, compare."""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version

from prosector._version import __version__
from prosector.acceptance.cases import CASES, draw_case
from prosector.acceptance.values import Acceptance
from prosector.errors import UnknownNameError
from prosector.kernels._jit import thread_count
from prosector.model.progress import Progress, silent
from prosector.pipeline.operations import OPERATIONS
from prosector.pipeline.run import TRACED_PACKAGES

ROUNDS, QUICK_ROUNDS = 3, 1


def run_acceptance(
    seed: int = 1, *, quick: bool = False, names: tuple[str, ...] = (), progress: Progress = silent
) -> Acceptance:
    """Run the acceptance test.

    Parameters
    ----------
    seed : int
        Of all sizes, grids and noise; another seed is another test.
    quick : bool
        One object of each case instead of three.
    names : tuple of str
        Only these cases; empty for all.
    progress : callable

    Raises
    ------
    UnknownNameError
        For a case that does not exist.
    """
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    rows, left_out = [], []
    for name in names:
        if name not in {case.name for case in CASES}:
            raise UnknownNameError("case of the acceptance test", name, [case.name for case in CASES])
    chosen = [case for case in CASES if not names or case.name in names]
    rounds = QUICK_ROUNDS if quick else ROUNDS
    for n, case in enumerate(chosen):
        missing = [name for name in case.needs if name not in OPERATIONS]
        if missing:
            left_out.append(f"{case.name}: there is no {', '.join(missing)} in this version")
            continue
        for number in range(1, rounds + 1):
            progress(case.name, (n + (number - 1) / rounds) / len(chosen))
            rows += case.measure(draw_case(case, seed, number))
    progress("done", 1.0)
    return Acceptance(
        tuple(rows),
        tuple(left_out),
        seed,
        quick,
        round(time.perf_counter() - clock, 1),
        started,
        {
            "system": platform.system(),
            "release": platform.release(),
            "processor": platform.machine(),
            "cores": os.cpu_count() or 1,
            "threads": thread_count(),
        },
        {"prosector": __version__, "python": platform.python_version(), **{p: version(p) for p in TRACED_PACKAGES}},
    )
