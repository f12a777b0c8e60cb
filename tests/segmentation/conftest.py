"""Real series that several tests of segmentation look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from prosector.dicom.read import read_series
from prosector.model.volume import Volume


@pytest.fixture(scope="package")
def chest(real_data: Path) -> Volume:
    """The chest CT angiogram; the patient lies on a table that spans the field of view."""
    return read_series(real_data / "chest_cta" / "dicom")
