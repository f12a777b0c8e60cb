"""Curves of measurements as pictures: histograms, and what was measured along a vessel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from prosector.atomic import atomic_path
from prosector.errors import EmptyResultError, UsageError
from prosector.model.measurement import UNIT_WORDS, Curve, Measurement, Measurements

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDINGS = (".png", ".svg")
DPI = 150
SIZE_INCHES = (9.0, 3.4)
"""Of one curve; several stand one below the other."""

MOST_CURVES = 12
"""More would not be legible on one page."""

_COLORS = ("#1f5a96", "#c8501e", "#2f7d4f", "#7a4fa0", "#8a6d1f", "#30808a")
_MARKS = ("mean value", "median value", "5th percentile value", "95th percentile value")
_SETTINGS: Any = {"svg.hashsalt": "prosector", "font.family": "DejaVu Sans", "font.size": 10}


def write_plot(path: str | Path, value: Measurements) -> None:
    """Draw the curves of measurements as PNG or SVG; the same measurements give the same bytes.

    A histogram carries marks at mean, median and the 5th and 95th percentile. Other curves are drawn over their first
    column, columns of one unit together, with a mark at the smallest value of each diameter and area, and one wherever
    a measurement of the same structure is a position.

    Raises
    ------
    UsageError
        If the ending is another.
    EmptyResultError
        If there is no curve.
    OutputError
        If the file cannot be written.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"{Path(path).name}: a plot is written as {', '.join(ENDINGS)}")
    curves = [c for c in value.curves if len(c.values) and len(c.columns) > 1]
    if not curves:
        raise EmptyResultError("there is no curve in these measurements to plot; write them as .json or .csv")
    panels = [(c, columns) for c in curves for columns in _panels(c)][:MOST_CURVES]
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(SIZE_INCHES[0], SIZE_INCHES[1] * len(panels)), layout="constrained")
        for axes, (curve, columns) in zip(np.ravel(figure.subplots(len(panels), 1)), panels, strict=True):
            _draw(axes, curve, columns, value.items)
        with atomic_path(path) as partial:
            nothing_of_the_day = {"Software": None} if ending == ".png" else {"Date": None, "Creator": "Prosector"}
            figure.savefig(partial, format=ending[1:], dpi=DPI, metadata=nothing_of_the_day)


def _panels(curve: Curve) -> list[list[str]]:
    """Columns that share an axis: those of one unit; of a histogram only the first, the others are its multiples."""
    if curve.name == "histogram":
        return [[curve.columns[1][0]]]
    units = dict.fromkeys(unit for _, unit in curve.columns[1:])
    return [[name for name, u in curve.columns[1:] if u == unit] for unit in units]


def _draw(axes: Axes, curve: Curve, columns: list[str], items: tuple[Measurement, ...]) -> None:
    x_name, x_unit = curve.columns[0]
    x = curve.column(x_name)
    units = dict(curve.columns)
    if curve.name == "histogram":
        width = float(x[1] - x[0]) if len(x) > 1 else 1.0
        axes.bar(x, curve.column(columns[0]), width, color=_COLORS[0])
    else:
        for n, name in enumerate(columns):
            color = _COLORS[n % len(_COLORS)]
            y = curve.column(name)
            axes.plot(x, y, color=color, linewidth=1.6, label=name)
            if np.isfinite(y).any() and ("diameter" in name or "area" in name):
                low = int(np.nanargmin(y))
                axes.plot(x[low], y[low], "v", color=color, markersize=7, label=f"smallest {name}: {y[low]:.4g}")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    _mark(axes, curve, items)
    axes.set_title(f"{curve.name}: {curve.of}" if curve.of else curve.name, loc="left", fontweight="bold")
    axes.set_xlabel(_labelled(x_name, x_unit))
    label = columns[0] if len(columns) == 1 else ""
    axes.set_ylabel(_labelled(label, units[columns[0]]))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)


def _mark(axes: Axes, curve: Curve, items: tuple[Measurement, ...]) -> None:
    """Upright lines where measurements of the same structure lie on the abscissa."""
    unit = curve.columns[0][1]
    for m in items:
        name = m.definition.name
        known = name in _MARKS if curve.name == "histogram" else "position" in name or "threshold" in name
        if known and m.of == curve.of and m.definition.unit == unit:
            style = "-" if name == _MARKS[1] else "--" if name == _MARKS[0] else ":"
            axes.axvline(m.value, color="#c8501e", linestyle=style, linewidth=1.2, label=f"{name}: {m.value:.4g}")


def _labelled(name: str, unit: str) -> str:
    words = UNIT_WORDS.get(unit, unit)
    return f"{name} ({words})" if words and name else name or words
