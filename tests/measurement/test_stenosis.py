"""Narrowed tubes whose narrowing is known."""

from __future__ import annotations

import numpy as np
import pytest
from vessels import bent, scanned

from prosector.errors import ParameterError
from prosector.measurement.centerline import find_centerline
from prosector.measurement.centerline_profile import Look
from prosector.measurement.stenosis import Where, expected, measure_stenosis
from prosector.model.centerlines import Centerlines
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume
from prosector.pipeline.run import run_operation

ARC = bent(60.0, np.ones(181)).arc_mm
HEALTHY = 3.5 - 0.5 * ARC / ARC[-1]
NARROWING = bent(60.0, HEALTHY * (1 - 0.55 * np.exp(-2 * ((ARC - 0.5 * ARC[-1]) / 5.0) ** 2)))
AT = int(np.argmin(NARROWING.radii))

Scan = tuple[Volume, LabelMap, Centerlines]


@pytest.fixture(scope="module")
def scan() -> Scan:
    volume, labels = scanned(NARROWING)
    return volume, labels, find_centerline(labels, NARROWING.centers[6], NARROWING.centers[-7:-6])


@pytest.mark.parametrize("with_labels", [True, False])
def test_percent_stenosis_is_found_by_itself(scan: Scan, with_labels: bool) -> None:
    volume, labels, line = scan
    found = measure_stenosis(line, Look(volume, labels if with_labels else None))
    least, original = 2 * NARROWING.radii[AT], 2 * HEALTHY[AT]
    assert found.find("diameter at the narrowing").value == pytest.approx(least, abs=0.4)
    assert found.find("estimated original diameter").value == pytest.approx(original, abs=0.25)
    assert found.find("stenosis by ECST").value == pytest.approx(100 * (1 - least / original), abs=6)
    assert found.find("position along the centreline").value == pytest.approx(ARC[AT] - ARC[6], abs=1.5)
    # the vessel narrows towards its end: a distal reference is smaller than the original
    assert found.find("stenosis by NASCET").value < found.find("stenosis by ECST").value
    area = found.find("stenosis by area").value
    assert area == pytest.approx(100 * (1 - (1 - found.find("stenosis by NASCET").value / 100) ** 2), abs=1)


def test_references_that_the_user_chose(scan: Scan) -> None:
    volume, _, line = scan
    length = line.branches[0].length_mm
    settings = {"distal_mm": [length - 12, length - 4], "proximal_mm": [4, 12], "lesion_mm": [25, 40]}
    found = run_operation("measure-stenosis", {"centerlines": line, "volume": volume}, **settings)
    reference = found.find("reference diameter").value  # type: ignore[union-attr]
    assert reference == pytest.approx(2 * HEALTHY[np.abs(ARC - length + 5.5) < 3.5].mean(), abs=0.3)
    with pytest.raises(ParameterError, match="holds no whole section"):
        measure_stenosis(line, Look(volume), Where(distal_mm=(900, 910)))


def test_a_healthy_vessel_is_said_to_be_one() -> None:
    tube = bent(40.0, np.full(121, 3.0))
    volume, labels = scanned(tube)
    found = measure_stenosis(find_centerline(labels, tube.centers[6], tube.centers[-7:-6]), Look(volume))
    assert any("no narrowing" in w for w in found.warnings)
    assert abs(found.find("stenosis by ECST").value) < 8


def test_the_expected_diameter_passes_over_a_narrowing() -> None:
    diameter = 2 * NARROWING.radii
    np.testing.assert_allclose(expected(ARC, diameter, np.ones(181, dtype=bool)), 2 * HEALTHY, rtol=0.02)
