"""Calcium-like sums of blocks whose score can be added up by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from solids import labelled

from prosector import Geometry, Volume
from prosector.errors import InputError
from prosector.measurement.calcium import measure_calcium
from prosector.model.labels import LabelMap
from prosector.model.source import Acquisition, Source
from prosector.model.volume import HOUNSFIELD

USUAL = Source(modality="CT", acquisition=Acquisition(kvp=120.0, slice_thickness_mm=3.0))


def scene(slice_mm: float = 3.0, source: Source = USUAL) -> tuple[Volume, LabelMap]:
    """Pixels of 0.5 mm²-sides; a block of 4×4 pixels with a peak of 320 in two slices, one pixel of 500, one block
    outside the region."""
    values = np.zeros((6, 20, 20), dtype=np.int16)
    values[2:4, 5:9, 5:9] = 150
    values[2, 6, 6] = 320
    values[3, 6, 6] = 250
    values[4, 15, 15] = 500  # 0.25 mm²: noise
    values[2, 10:14, 16:20] = 900
    geometry = Geometry(values.shape, np.diag([0.5, 0.5, slice_mm, 1.0])[:, [2, 1, 0, 3]])
    region = np.ones(values.shape, dtype=bool)
    region[:, :, 16:] = False
    return Volume(values, geometry, HOUNSFIELD, source), labelled(geometry, coronaries=region)


def test_score_by_hand() -> None:
    found = measure_calcium(*scene())
    area = 16 * 0.25
    score = found.find("Agatston-like score")
    assert score.value == pytest.approx(area * 3 + area * 2)
    assert score.warnings == ()
    assert found.find("calcium-like volume").value == pytest.approx(2 * area * 3)
    assert found.find("calcium-like lesions").value == 1
    hu = (30 * 150 + 320 + 250) * 0.25 * 3
    assert found.find("density sum").value == pytest.approx(hu)
    with pytest.raises(InputError, match="no measurement"):
        found.find("calcium-like mass")
    assert measure_calcium(*scene(), mass_per_hu=0.8).find("calcium-like mass").value == pytest.approx(hu * 0.8 / 1000)


def test_other_slices_are_scaled_and_told() -> None:
    volume, labels = scene(1.5, replace(USUAL, acquisition=Acquisition(kvp=100.0, contrast_agent="iodine")))
    score = measure_calcium(volume, labels).find("Agatston-like score")
    assert score.value == pytest.approx(16 * 0.25 * 5 / 2)
    words = " / ".join(score.warnings)
    for expected in ("1.50 mm apart", "100 kV", "contrast medium"):
        assert expected in words


def test_threshold_is_varied() -> None:
    found = measure_calcium(*scene(), threshold_uncertainty_hu=30).find("Agatston-like score")
    above = measure_calcium(*scene(), threshold_hu=160).find("Agatston-like score").value
    assert above < found.value
    assert found.uncertainty == pytest.approx(found.value - above)


def test_nothing_bright_scores_zero_and_no_hounsfield_is_refused() -> None:
    volume, labels = scene()
    assert measure_calcium(volume, labels, threshold_hu=1000).find("Agatston-like score").value == 0
    with pytest.raises(InputError, match="Hounsfield"):
        measure_calcium(replace(volume, unit="1"), labels)
