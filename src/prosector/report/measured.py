"""Measurements as the report tells them: value, unit, uncertainty and what the number means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prosector.model.measurement import Measurement, Measurements
from prosector.model.recipe import Trace
from prosector.pipeline.operation import Value

UNIT_SIGNS = {"mm2": "mm²", "mm3": "mm³", "cm2": "cm²", "cm3": "cm³", "deg": "°", "[hnsf'U]": "HU", "1": "", "ml": "ml"}
"""UCUM to what people read; units that are not here read as they are."""


@dataclass(frozen=True, slots=True)
class MeasurementTold:
    """One line of the table: the number as text, and what stands behind it."""

    step: str
    name: str
    of: str
    value: float
    unit: str
    uncertainty: float | None
    text: str
    definition: str
    warnings: tuple[str, ...]


def measured(trace: Trace, values: Mapping[str, Value]) -> tuple[MeasurementTold, ...]:
    """Every measurement of every measuring step, in the order in which they were made."""
    found = []
    for step in trace.steps:
        value = values.get(step.id)
        if isinstance(value, Measurements):
            found += [_told(step.id, item) for item in value.items]
    return tuple(found)


def _told(step: str, item: Measurement) -> MeasurementTold:
    definition = item.definition
    return MeasurementTold(
        step=step,
        name=definition.name,
        of=item.of,
        value=item.value,
        unit=definition.unit,
        uncertainty=item.uncertainty,
        text=number_with_unit(item.value, item.uncertainty, definition.unit),
        definition=definition.text,
        warnings=item.warnings,
    )


def number_with_unit(value: float, uncertainty: float | None, unit: str) -> str:
    """``12.3 ± 0.4 mm``: digits down to the uncertainty's first two, or four significant ones without it."""
    sign = UNIT_SIGNS.get(unit, unit)
    if uncertainty is None:
        return f"{value:.4g} {sign}".strip()
    digits = 0
    while digits < 4 and uncertainty and uncertainty * 10**digits < 1:
        digits += 1
    return f"{value:.{digits}f} ± {uncertainty:.{digits}f} {sign}".strip()
