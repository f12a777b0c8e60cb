"""Plots: the same bytes each time, with units and marks, and no state left behind."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from prosector.errors import EmptyResultError, UsageError
from prosector.model.measurement import Curve, Definition, Measurement, Measurements
from prosector.rendering.plots import write_plot

AT = np.linspace(0, 40, 81)
WIDE = 6 - 3 * np.exp(-(((AT - 25) / 3) ** 2))
ALONG = Curve(
    "diameters along the vessel",
    (("position", "mm"), ("inscribed diameter", "mm"), ("equivalent diameter", "mm"), ("area", "mm2")),
    np.column_stack([AT, WIDE, WIDE + 0.3, np.pi / 4 * WIDE**2]),
    "left carotid",
)
COUNTS = Curve("histogram", (("value", "[hnsf'U]"), ("voxels", "1")),
               np.column_stack([AT * 10, np.exp(-((AT - 20) ** 2) / 50)]), "bone")  # fmt: skip
VALUE = Measurements(
    (
        Measurement(Definition("position of the stenosis", "mm", "Where it is narrowest."), 25.0, "left carotid"),
        Measurement(Definition("mean value", "[hnsf'U]", "Mean."), 200.0, "bone"),
    ),
    (ALONG, COUNTS),
)


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_the_same_bytes_each_time(tmp_path: Path, ending: str) -> None:
    before = dict(matplotlib.rcParams)
    for name in ("a", "b"):
        write_plot(tmp_path / f"{name}{ending}", Measurements(VALUE.items, (COUNTS,)))
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()
    assert dict(matplotlib.rcParams) == before


def test_units_names_and_marks_are_written(tmp_path: Path) -> None:
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        write_plot(tmp_path / "a.svg", VALUE)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for words in ("position (mm)", "value (HU)", "area (mm²)", "left carotid", "smallest inscribed diameter: 3",
                  "position of the stenosis: 25", "mean value: 200"):  # fmt: skip
        assert words in text


def test_each_unit_has_its_panel(tmp_path: Path) -> None:
    write_plot(tmp_path / "one.png", Measurements(curves=(COUNTS,)))
    write_plot(tmp_path / "two.png", Measurements(curves=(ALONG,)))
    sizes = []
    for name in ("one.png", "two.png"):
        with Image.open(tmp_path / name) as picture:
            sizes.append(picture.size)
    assert sizes[1] == (sizes[0][0], 2 * sizes[0][1])


def test_gaps_in_a_curve_are_no_harm(tmp_path: Path) -> None:
    values = ALONG.values.copy()
    values[10:20, 1] = np.nan
    write_plot(tmp_path / "a.png", Measurements(curves=(Curve("c", ALONG.columns, values),)))
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_nothing_to_plot_and_other_endings(tmp_path: Path) -> None:
    with pytest.raises(EmptyResultError, match="no curve"):
        write_plot(tmp_path / "a.png", Measurements(VALUE.items))
    with pytest.raises(UsageError, match=r"\.svg"):
        write_plot(tmp_path / "a.pdf", VALUE)
