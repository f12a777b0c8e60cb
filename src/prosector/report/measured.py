"""Measurements as the report tells them: value, unit, uncertainty and what the number means."""

from __future__ import annotations

from collections.abc import Iterable

from prosector.model.digest import digest
from prosector.model.measurement import UNIT_WORDS, Measurement
from prosector.report.document import MeasurementLine
from prosector.report.work import Work

LARGE = 10_000.0
LARGER = {"mm3": ("ml", 1000.0), "mm2": ("cm2", 100.0)}
"""Units for numbers from :data:`LARGE` on, and how many of the smaller they hold."""


def measured(works: Iterable[Work]) -> tuple[MeasurementLine, ...]:
    """Every measurement of every measuring step, in the order in which they were made; the same numbers once."""
    found: dict[str, tuple[MeasurementLine, ...]] = {}
    for work in works:
        for step, value in work.measurements.items():
            lines = tuple(_told(work, step, item) for item in value.items)
            found.setdefault(digest(value), lines)
    return tuple(line for lines in found.values() for line in lines)


def _told(work: Work, step: str, item: Measurement) -> MeasurementLine:
    definition = item.definition
    code = definition.code
    return MeasurementLine(
        name=definition.name,
        of=item.of,
        value=item.value,
        unit=definition.unit,
        uncertainty=item.uncertainty,
        text=number_with_unit(item.value, item.uncertainty, definition.unit),
        definition=definition.text,
        code=f"{code.scheme}:{code.value}" if code else "",
        step=work.name_of(step),
        run=work.run,
        where_lps=item.where_lps,
        warnings=item.warnings,
    )


def number_with_unit(value: float, uncertainty: float | None, unit: str) -> str:
    """``12.3 ± 0.4 mm``: digits down to the uncertainty's first two, or four significant ones without it.

    Volumes from 10 ml and areas from 100 cm² on are told in these units.
    """
    if abs(value) >= LARGE and unit in LARGER:
        unit, part = LARGER[unit]
        return number_with_unit(value / part, None if uncertainty is None else uncertainty / part, unit)
    sign = UNIT_WORDS.get(unit, unit)
    if uncertainty is None:
        return f"{value:.4g} {sign}".strip()
    digits = 0
    while digits < 4 and uncertainty and uncertainty * 10**digits < 1:
        digits += 1
    return f"{value:.{digits}f} ± {uncertainty:.{digits}f} {sign}".strip()
