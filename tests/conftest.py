"""What every test shares: where the real data lies, and how hypothesis runs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from prosector import Geometry, Volume
from prosector.model.source import Source, Study
from prosector.model.volume import HOUNSFIELD

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


@pytest.fixture(scope="session")
def small_ct() -> Volume:
    """A fat cylinder with a bone ring and marrow in it, on a table; 40×48×56 voxels of 4×3×3 mm."""
    k, j, i = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in (40, 48, 56)), indexing="ij")
    from_axis = np.hypot((j - 20) * 3, (i - 28) * 3)
    hu = np.full(k.shape, -1000.0, dtype=np.float32)
    hu[from_axis < 55] = -80
    hu[from_axis < 40] = 50
    hu[(from_axis < 22) & (k > 5) & (k < 34)] = 900
    hu[(from_axis < 12) & (k > 8) & (k < 31)] = -20
    hu[(np.abs(j - 42) < 1.5) & (np.abs(i - 28) < 25)] = -200
    affine = np.array([[0, 0, 3.0, -82], [0, 3.0, 0, -60], [4.0, 0, 0, -80], [0, 0, 0, 1]])
    source = Source(
        modality="CT",
        series_instance_uid="1.2.826.0.1.3680043.10.1.2",
        description="cylinder",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uids=tuple(f"1.2.826.0.1.3680043.10.1.3.{n}" for n in range(40)),
        study=Study(instance_uid="1.2.826.0.1.3680043.10.1.1"),
    )
    return Volume(hu.astype(np.int16), Geometry(hu.shape, affine, "1.2.826.0.1.3680043.10.1.4"), HOUNSFIELD, source)
