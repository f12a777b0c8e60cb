"""Centrelines as JSON: LPS millimetres, branches between numbered nodes; never anything about the patient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prosector.atomic import write_text
from prosector.errors import FileFormatError, InputError
from prosector.model.centerlines import Branch, Centerlines

FORMAT = "prosector-centerlines-1"
"""Marks the file."""


def write_centerlines(path: str | Path, value: Centerlines) -> None:
    """Write branches and nodes as JSON; numbers keep all their digits.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    branches = [
        {
            "name": b.name,
            "start": b.start,
            "end": b.end,
            "length_mm": b.length_mm,
            "points_lps": b.points_lps.tolist(),
            "radii_mm": b.radii_mm.tolist(),
        }
        for b in value.branches
    ]
    whole = {"format": FORMAT, "of": value.of, "nodes_lps": value.nodes_lps.tolist(), "branches": branches}
    write_text(path, json.dumps(whole, indent=1, allow_nan=False) + "\n")


def read_centerlines(path: str | Path) -> Centerlines:
    """Read what :func:`write_centerlines` wrote.

    Raises
    ------
    FileFormatError
        If the file is absent, is no JSON or holds no centrelines.
    """
    path = Path(path)
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path.name} cannot be read as JSON: {type(error).__name__}") from error
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise FileFormatError(f'{path.name} holds no centrelines: "format" is not "{FORMAT}"')
    try:
        branches = tuple(_branch(b) for b in whole["branches"])
        return Centerlines(branches, whole["nodes_lps"], str(whole["of"]))
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise FileFormatError(f"{path.name} holds centrelines that are not whole: {error}") from error


def _branch(found: dict[str, Any]) -> Branch:
    return Branch(found["points_lps"], found["radii_mm"], int(found["start"]), int(found["end"]), str(found["name"]))
