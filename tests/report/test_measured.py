"""Measurements in the draft report."""

import pytest

from prosector.model.measurement import Contribution, Definition, Measurement, Measurements
from prosector.model.recipe import Trace, TraceStep
from prosector.report.measured import measured, number_with_unit


@pytest.mark.parametrize(
    ("value", "uncertainty", "unit", "text"),
    [
        (12.345, 0.42, "mm", "12.3 ± 0.4 mm"),
        (12.345, 0.042, "mm", "12.35 ± 0.04 mm"),
        (1234.5, 12.0, "mm3", "1234 ± 12 mm³"),
        (61.25, None, "%", "61.25 %"),
        (90.0, 0.0, "deg", "90 ± 0 °"),
        (210.0, 3.0, "[hnsf'U]", "210 ± 3 HU"),
        (0.5, None, "1", "0.5"),
    ],
)
def test_a_number_is_written_as_far_as_it_is_known(value, uncertainty, unit, text):
    assert number_with_unit(value, uncertainty, unit) == text


def test_every_measurement_is_told_with_its_definition():
    length = Definition("path length", "mm", "Sum of the straight pieces between the points.")
    parts = (Contribution("voxel spacing", 0.3), Contribution("threshold ±25 HU", 0.4))
    item = Measurement(length, 20.0, "aorta", parts, warnings=("thick slices",))
    step = TraceStep("length", "measure-points", {}, {}, "Measurements", "0" * 64, 0.1)
    trace = Trace("t", "0" * 64, "1.2", (step,), (), {}, {}, "2026-01-01T00:00:00+00:00")
    (line,) = measured(trace, {"length": Measurements((item,))})
    assert (line.step, line.name, line.of, line.text) == ("length", "path length", "aorta", "20.0 ± 0.5 mm")
    assert line.uncertainty == pytest.approx(0.5)
    assert line.definition == length.text
    assert line.warnings == ("thick slices",)
