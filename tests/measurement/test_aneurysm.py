"""A tube with a sac whose width, length and volume are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from vessels import bent, inside, scanned

from prosector.errors import ParameterError
from prosector.measurement.aneurysm import measure_aneurysm
from prosector.measurement.centerline import find_centerline
from prosector.measurement.centerline_profile import Look
from prosector.model.centerlines import Centerlines
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.pipeline.run import run_operation

ARC = bent(70.0, np.ones(181)).arc_mm
NECK = 3.5
SAC = bent(70.0, NECK + 5.5 * np.exp(-2 * ((ARC - 0.5 * ARC[-1]) / 11.0) ** 2))
WIDE = SAC.radii > 1.1 * NECK

Scan = tuple[Volume, LabelMap, Centerlines]


@pytest.fixture(scope="module")
def scan() -> Scan:
    volume, labels = scanned(SAC, (1.0, 0.9, 0.9))
    return volume, labels, find_centerline(labels, SAC.centers[6], SAC.centers[-7:-6])


def test_sac_and_neck(scan: Scan) -> None:
    volume, labels, line = scan
    found = measure_aneurysm(line, Look(volume, labels))
    assert found.find("maximum aneurysm diameter").value == pytest.approx(18.0, abs=0.5)
    assert found.find("circular-equivalent aneurysm diameter").value == pytest.approx(18.0, abs=0.5)
    assert found.find("neck diameter").value == pytest.approx(2 * NECK, abs=0.4)
    assert found.find("aneurysm length").value == pytest.approx(np.ptp(ARC[WIDE]), abs=3)
    volume_mm3 = np.trapezoid(np.where(WIDE, np.pi * SAC.radii**2, 0), ARC)
    assert found.find("aneurysm lumen volume").value == pytest.approx(volume_mm3, rel=0.05)
    neck = ARC[WIDE][0] - ARC[6]
    assert found.find("neck length").value == pytest.approx(neck, abs=2)
    assert any("start of the centreline" in w for w in found.warnings)


def test_a_thrombus_makes_it_wider(scan: Scan) -> None:
    _, labels, line = scan
    outer = replace(SAC, radii=SAC.radii + 3 * WIDE)
    index = np.stack(np.meshgrid(*map(np.arange, labels.geometry.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    wall = inside(outer, labels.geometry.to_lps(index)).reshape(labels.geometry.shape)
    both = np.where(labels.labels > 0, 1, np.where(wall, 2, 0)).astype(np.uint8)
    marked = LabelMap(both, labels.geometry, (*labels.segments, Segment(2, "thrombus", structure("thrombus"))))
    inputs = {"centerlines": line, "labels": marked}
    found = run_operation("measure-aneurysm", inputs, segment="lumen", thrombus="thrombus")
    outside = found.find("maximum outer aneurysm diameter").value  # type: ignore[union-attr]
    assert outside == pytest.approx(24.0, abs=0.9)
    with pytest.raises(ParameterError, match="thrombus"):
        measure_aneurysm(line, Look(scan[0]), thrombus="thrombus")


def test_a_reference_that_the_user_chose(scan: Scan) -> None:
    volume, _, line = scan
    found = measure_aneurysm(line, Look(volume), reference_mm=(2.0, 10.0))
    assert found.find("dilatation").value == pytest.approx(9.0 / NECK, abs=0.15)
    with pytest.raises(ParameterError, match="no whole section"):
        measure_aneurysm(line, Look(volume), reference_mm=(900.0, 910.0))
