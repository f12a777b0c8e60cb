"""What every test shares: where the real data lies, and how hypothesis runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Tests compare one thread with two, also where the machine has a single core.
if (os.cpu_count() or 1) < 2:
    os.environ.setdefault("NUMBA_NUM_THREADS", "2")

# Compilation and a shared machine make single examples slow; the search itself is repeatable.
settings.register_profile("prosector", deadline=None, derandomize=True)
settings.load_profile("prosector")

REAL_DATA = Path(os.environ.get("PROSECTOR_DATA") or Path.home() / ".cache" / "prosector" / "data")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real_data") and not REAL_DATA.is_dir():
        pytest.fail(f"the public series are not at {REAL_DATA}: unpack them and set PROSECTOR_DATA", pytrace=False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the public series."""
    return REAL_DATA


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[1]
