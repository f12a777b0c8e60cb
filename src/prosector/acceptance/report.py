"""The acceptance test as Markdown for the file and as JSON."""

from __future__ import annotations

import math
from typing import Any

from prosector.acceptance.values import Acceptance, Row
from prosector.model.measurement import UNIT_WORDS


def to_json(test: Acceptance) -> dict[str, Any]:
    """The whole test as JSON takes it; numbers that could not be had are null."""
    return {
        "passed": test.passed,
        "seed": test.seed,
        "quick": test.quick,
        "started_utc": test.started_utc,
        "seconds": test.seconds,
        "machine": dict(test.machine),
        "versions": dict(test.versions),
        "left_out": list(test.left_out),
        "rows": [_row(row) for row in test.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "case": row.case,
        "measure": row.measure,
        "of": row.of,
        "definition": row.definition,
        "labels": row.labels,
        "unit": row.unit,
        "truth": _number(row.truth),
        "found": _number(row.found),
        "error": _number(row.error),
        "error_percent": _number(row.error_percent),
        "limit": _number(row.limit),
        "rule": row.rule,
        "passed": row.passed,
        "note": row.note,
    }


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def to_markdown(test: Acceptance) -> str:
    """The whole test as a page: what was run on what, the table, the definitions."""
    failed = [row for row in test.rows if not row.passed]
    verdict = "passed" if test.passed else f"not passed: {len(failed)} of {len(test.rows)} measures"
    machine = ", ".join(f"{name} {value}" for name, value in test.machine.items())
    versions = ", ".join(f"{name} {value}" for name, value in test.versions.items())
    lines = [
        "# Accuracy on this machine",
        "",
        f"**{verdict}**",
        "",
        f"- started {test.started_utc}, {test.seconds:g} s, seed {test.seed}{', quick' if test.quick else ''}",
        f"- machine: {machine}",
        f"- versions: {versions}",
        "",
        "| case | measure | of | labels | truth | found | error | error % | limit | |",
        "|---|---|---|---|--:|--:|--:|--:|---|---|",
        *(_line(row) for row in test.rows),
        "",
    ]
    if test.left_out:
        lines += ["## Left out", "", *(f"- {text}" for text in test.left_out), ""]
    lines += ["## Definitions", ""]
    known = {row.measure: row.definition for row in test.rows if row.definition}
    lines += [f"- **{name}**: {text}" for name, text in sorted(known.items())]
    lines += [
        "",
        'Labels "found" were segmented from the scan; labels "given" are the true ones, so that only the measuring is '
        "tested.",
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    cells = (
        row.case,
        row.measure,
        row.of,
        row.labels,
        shown(row.truth, row.unit),
        shown(row.found, row.unit),
        shown(row.error, row.unit),
        f"{row.error_percent:+.2f}" if math.isfinite(row.error_percent) else "–",
        limit_words(row),
        "pass" if row.passed else f"**FAIL** {row.note}".strip(),
    )
    return "| " + " | ".join(cells) + " |"


def limit_words(row: Row) -> str:
    """The limit with its rule, such as "0.21 mm (0.3 voxel)"."""
    if not row.rule or row.at_least:
        return row.rule
    return f"{shown(row.limit, row.unit)} ({row.rule})"


def shown(value: float, unit: str) -> str:
    """A number as the table writes it."""
    if not math.isfinite(value):
        return "–"
    return f"{value:.{1 if unit == 'mm3' else 3}f} {UNIT_WORDS.get(unit, unit)}".strip()
