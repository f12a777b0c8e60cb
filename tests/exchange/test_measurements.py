"""Measurements there and back."""

from __future__ import annotations

import csv
import locale
from pathlib import Path

import numpy as np
import pytest

from prosector.errors import FileFormatError, UsageError
from prosector.exchange.measurements import COLUMNS, read_measurements, write_measurements
from prosector.model.digest import digest
from prosector.model.measurement import Contribution, Curve, Definition, Measurement, Measurements, RigidTransform
from prosector.model.structures import Code

LENGTH = Definition("length", "mm", 'From here to there; "so" it is.', "a paper", Code("410668003", "SCT", "Length"))
EVERYTHING = Measurements(
    (
        Measurement(LENGTH, 1 / 3, "lésion, left", (Contribution("voxel spacing", 0.1), Contribution("threshold", 0.2)),
                    ((1.0, -2.5, 1e-7), (3.0, 4.0, 5.0)), ("thick slices", "it moved")),
        Measurement(Definition("count", "1", "How many."), 3.0),
    ),
    (Curve("histogram", (("value", "[hnsf'U]"), ("voxels", "1")), np.array([[0.5, np.nan], [1.5, 2]]), "bone"),
     Curve("empty", (("a", "mm"), ("b", "mm")), np.empty((0, 2)))),
    (RigidTransform("to its place", np.eye(4), "fragment"),),
    ("a word of warning",),
)  # fmt: skip


def test_json_holds_everything(tmp_path: Path) -> None:
    write_measurements(tmp_path / "m.json", EVERYTHING)
    again = read_measurements(tmp_path / "m.json")
    assert again.items == EVERYTHING.items
    assert again.warnings == EVERYTHING.warnings
    assert digest(again) == digest(EVERYTHING)


def test_csv_has_a_row_each_and_points_for_decimals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "localeconv", lambda: {"decimal_point": ",", "thousands_sep": "."})
    write_measurements(tmp_path / "m.csv", EVERYTHING)
    with (tmp_path / "m.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 3
    assert float(rows[1][2]) == 1 / 3
    assert rows[2][3] == ""
    again = read_measurements(tmp_path / "m.csv")
    for before, after in zip(EVERYTHING.items, again.items, strict=True):
        assert (after.value, after.of, after.where_lps, after.warnings) == (
            before.value, before.of, before.where_lps, before.warnings)  # fmt: skip
        assert after.uncertainty == before.uncertainty
        assert after.definition.unit == before.definition.unit


def test_a_name_is_no_formula(tmp_path: Path) -> None:
    write_measurements(tmp_path / "m.csv", Measurements((Measurement(LENGTH, 1.0, "=1+1"),)))
    assert ",'=1+1," in (tmp_path / "m.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "prosector measurements 1"}', "name,of\n1,2\n"])
@pytest.mark.parametrize("name", ["m.json", "m.csv"])
def test_other_files_are_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FileFormatError, match="no measurements"):
        read_measurements(tmp_path / name)


def test_absent_files_and_other_endings(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no file"):
        read_measurements(tmp_path / "none.json")
    with pytest.raises(UsageError, match="written as"):
        write_measurements(tmp_path / "m.xlsx", EVERYTHING)
