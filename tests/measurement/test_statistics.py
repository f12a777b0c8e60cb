"""Statistics of values and histograms, against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from solids import ISOTROPIC, centers, grid, labelled, scanned, sphere

from prosector.errors import EmptyResultError
from prosector.measurement.statistics import measure_histogram, statistics_of
from prosector.measurement.volumes import measure_segments


def test_statistics_by_hand() -> None:
    found = statistics_of(np.array([1, 2, 3, 4, 10], dtype=np.int16))
    assert found["mean"] == 4
    assert found["standard deviation"] == pytest.approx(np.sqrt(50 / 4))
    assert (found["minimum"], found["median"], found["maximum"]) == (1, 3, 10)
    assert found["25th percentile"] == 2
    assert statistics_of(np.array([7]))["standard deviation"] == 0


def test_values_of_a_segment_and_how_much_its_border_moves_them() -> None:
    volume = scanned(grid(ISOTROPIC, 20), sphere((0, 0, 0), 6), 200, 0)
    labels = labelled(volume.geometry, ball=sphere((0, 0, 0), 6.4)(centers(volume.geometry)) < 0)
    found = measure_segments(labels, volume)
    mean = found.find("mean value")
    assert mean.value == pytest.approx(volume.voxels[labels.mask()].mean())
    assert mean.definition.unit == "[hnsf'U]"
    assert mean.uncertainty is not None
    assert abs(mean.value - 200) <= mean.uncertainty + 1e-6


def test_histogram_counts_every_voxel_once() -> None:
    volume = scanned(grid(ISOTROPIC, 16), sphere((0, 0, 0), 5), 200, -100, noise=30)
    labels = labelled(volume.geometry, ball=sphere((0, 0, 0), 5)(centers(volume.geometry)) < 0)
    found = measure_histogram(volume, labels, bin_width=25)
    (curve,) = found.curves
    values = volume.voxels[labels.mask()]
    counts = [np.count_nonzero(np.floor(values / 25) * 25 + 12.5 == middle) for middle in curve.column("value")]
    assert curve.column("voxels").tolist() == counts
    assert curve.column("voxels").sum() == len(values)
    assert curve.column("volume").sum() == pytest.approx(len(values) * volume.geometry.voxel_volume_mm3)
    assert curve.of == "ball"
    whole = measure_histogram(volume).curves[0]
    assert whole.column("voxels").sum() == volume.voxels.size
    assert found.find("median value").value == np.median(values)


def test_nothing_to_count() -> None:
    volume = scanned(grid(ISOTROPIC, 8), sphere((0, 0, 0), 2), 100, 0)
    with pytest.raises(EmptyResultError, match="no segment"):
        measure_histogram(volume, labelled(volume.geometry, gone=np.zeros(volume.geometry.shape, dtype=bool)))
