"""Measurements as JSON, with everything, and as CSV, one row each."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from prosector.atomic import write_text
from prosector.errors import FileFormatError, InputError, UsageError
from prosector.model.measurement import (
    Contribution,
    Curve,
    Definition,
    Measurement,
    Measurements,
    RigidTransform,
)
from prosector.model.structures import Code

ENDINGS = (".json", ".csv")

FORMAT = "prosector measurements 1"
"""Says in the file what it is."""

COLUMNS = ("name", "of", "value", "uncertainty", "unit", "where_lps", "warnings", "definition")
"""Of the CSV."""


def write_measurements(path: str | Path, value: Measurements) -> None:
    """Write measurements; the ending says how.

    ``.json`` holds everything: definitions, parts of the uncertainty, places, curves and transforms. ``.csv`` holds one
    row a measurement (RFC 4180, UTF-8): the decimal sign is a point and the separator a comma whatever the machine's
    language, and numbers have all their digits.

    Raises
    ------
    UsageError
        If the ending is another.
    OutputError
        If the file cannot be written.
    """
    ending = _ending(path)
    text = _as_csv(value) if ending == ".csv" else json.dumps(measurements_to_json(value), indent=1, ensure_ascii=False)
    write_text(path, text if ending == ".csv" else text + "\n")


def read_measurements(path: str | Path) -> Measurements:
    """Read what :func:`write_measurements` wrote; from CSV the measurements only, their uncertainty as one part.

    Raises
    ------
    UsageError
        If the ending is another.
    FileFormatError
        If the file is absent or holds something else.
    """
    ending = _ending(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        return _from_csv(text) if ending == ".csv" else measurements_from_json(json.loads(text))
    except OSError as error:
        raise FileFormatError(f"no file {Path(path).name} that can be read") from error
    except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        raise FileFormatError(f"{Path(path).name} holds no measurements as Prosector writes them") from error


def measurements_to_json(value: Measurements) -> dict[str, Any]:
    """The JSON form: numbers that could not be had are null."""
    return {
        "format": FORMAT,
        "measurements": [_item(m) for m in value.items],
        "curves": [
            {
                "name": c.name,
                "of": c.of,
                "columns": [{"name": name, "unit": unit} for name, unit in c.columns],
                "values": [[number if math.isfinite(number) else None for number in row] for row in c.values.tolist()],
            }
            for c in value.curves
        ],
        "transforms": [{"name": t.name, "of": t.of, "matrix": t.matrix.tolist()} for t in value.transforms],
        "warnings": list(value.warnings),
    }


def measurements_from_json(data: Any) -> Measurements:
    """The value of its JSON form; ValueError, KeyError, TypeError or InputError where it is something else."""
    if data["format"] != FORMAT:
        raise ValueError
    curves = tuple(
        Curve(
            c["name"],
            tuple((column["name"], column["unit"]) for column in c["columns"]),
            np.array(
                [[math.nan if number is None else float(number) for number in row] for row in c["values"]]
            ).reshape(-1, len(c["columns"])),
            c["of"],
        )
        for c in data["curves"]
    )
    transforms = tuple(RigidTransform(t["name"], np.array(t["matrix"]), t["of"]) for t in data["transforms"])
    return Measurements(tuple(_measurement(m) for m in data["measurements"]), curves, transforms,
                        tuple(data["warnings"]))  # fmt: skip


def _item(m: Measurement) -> dict[str, Any]:
    d = m.definition
    return {
        "name": d.name,
        "of": m.of,
        "value": m.value,
        "unit": d.unit,
        "uncertainty": m.uncertainty,
        "contributions": [{"source": c.source, "half_width": c.half_width} for c in m.contributions],
        "where_lps": [list(point) for point in m.where_lps],
        "warnings": list(m.warnings),
        "definition": {"text": d.text, "source": d.source, "code": _code(d.code), "modifier": _code(d.modifier)},
    }


def _code(code: Code | None) -> dict[str, str] | None:
    return None if code is None else {"value": code.value, "scheme": code.scheme, "meaning": code.meaning}


def _measurement(row: dict[str, Any]) -> Measurement:
    words = row["definition"]
    code, modifier = (None if words[key] is None else Code(**words[key]) for key in ("code", "modifier"))
    definition = Definition(row["name"], row["unit"], words["text"], words["source"], code, modifier)
    parts = tuple(Contribution(c["source"], float(c["half_width"])) for c in row["contributions"])
    where = tuple((float(x), float(y), float(z)) for x, y, z in row["where_lps"])
    return Measurement(definition, float(row["value"]), row["of"], parts, where, tuple(row["warnings"]))


def _as_csv(value: Measurements) -> str:
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow(COLUMNS)
    for m in value.items:
        where = "; ".join(" ".join(repr(number) for number in point) for point in m.where_lps)
        uncertainty = "" if m.uncertainty is None else repr(m.uncertainty)
        d = m.definition
        writer.writerow(
            (_plain(d.name), _plain(m.of), repr(m.value), uncertainty, d.unit, where, _plain("; ".join(m.warnings)),
             _plain(d.text))
        )  # fmt: skip
    return lines.getvalue()


def _plain(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _from_csv(text: str) -> Measurements:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if tuple(rows[0] if rows else ()) != COLUMNS:
        raise ValueError
    items = []
    for row in rows[1:]:
        name, of, value, uncertainty, unit, where, warnings, words = row
        parts = (Contribution("total", float(uncertainty)),) if uncertainty else ()
        points = [tuple(float(n) for n in point.split()) for point in where.split(";") if point.strip()]
        places = tuple((x, y, z) for x, y, z in points)
        told = tuple(warnings.split("; ")) if warnings else ()
        items.append(Measurement(Definition(name, unit, words), float(value), of, parts, places, told))
    return Measurements(tuple(items))


def _ending(path: str | Path) -> str:
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"{Path(path).name}: measurements are written as {', '.join(ENDINGS)}")
    return ending
