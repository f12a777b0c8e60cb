"""Statistics of the voxel values in segments, and histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from prosector.errors import EmptyResultError
from prosector.measurement.definitions_basic import value_definition
from prosector.measurement.filling import Filling, grown
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.measurement import Contribution, Curve, Measurement, Measurements
from prosector.model.volume import Volume

PERCENTILES = (5, 25, 75, 95)

MOST_BINS = 100_000


def statistics_of(values: Array) -> dict[str, float]:
    """Mean, standard deviation (of the sample), minimum, maximum, median and percentiles (linear between values)."""
    values = values.astype(np.float64)
    found = {
        "mean": float(values.mean()),
        "standard deviation": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "median": float(np.median(values)),
    }
    return found | {
        f"{p}th percentile": float(v) for p, v in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)
    }


def measure_values(
    values: Array, filling: Filling, of: str, unit: str, warnings: tuple[str, ...] = ()
) -> list[Measurement]:
    """Statistics of a segment's values.

    Uncertainty is the change of a number when the outermost layer of voxels, which is partly filled with what lies
    around, is left out.

    Parameters
    ----------
    values : (n,) array
        Of the segment's voxels, in the order of the mask.
    filling : Filling
        Whose mask says where they lie.
    of, unit : str
    warnings : tuple of str
    """
    inside = ~grown(~filling.mask, (1, 1, 1))
    core = values[inside[filling.mask]]
    inner = statistics_of(core) if len(core) else {}
    rows = []
    for name, value in statistics_of(values).items():
        parts = (Contribution("voxels at the border", abs(inner[name] - value)),) if inner else ()
        rows.append(Measurement(value_definition(name, unit), value, of, parts, (), warnings))
    return rows


def measure_histogram(
    volume: Volume, labels: LabelMap | None = None, segments: Sequence[str] = (), *, bin_width: float = 10.0
) -> Measurements:
    """How many voxels have which value, in each segment or in the whole volume, with the statistics.

    Parameters
    ----------
    volume : Volume
    labels : LabelMap, optional
        On the same grid; left out, the whole volume is counted.
    segments : sequence of str
        Names; all where empty.
    bin_width : float
        In the volume's unit; bins begin at multiples of it.

    Returns
    -------
    Measurements
        One curve a segment: "value" (middle of the bin), "voxels" and "volume" (mm³).

    Raises
    ------
    InputError
        If there is no segment of a name.
    EmptyResultError
        If no voxel is there to count.
    GeometryError
        If the labels lie on another grid.
    """
    if labels is None:
        finite = volume.voxels[np.isfinite(volume.voxels)]
        curves = [_histogram(finite, volume, "volume", bin_width)]
        statistics = statistics_of(finite)
        return Measurements(
            tuple(Measurement(value_definition(n, volume.unit), v, "volume") for n, v in statistics.items()),
            tuple(curves),
        )
    volume.geometry.require_same(labels.geometry, "the segmentation")
    items, curves, empty = [], [], []
    for name in segments or [s.name for s in labels.segments]:
        values = volume.voxels[labels.mask(name)]
        values = values[np.isfinite(values)]
        if not len(values):
            empty.append(name)
            continue
        curves.append(_histogram(values, volume, name, bin_width))
        items += [Measurement(value_definition(n, volume.unit), v, name) for n, v in statistics_of(values).items()]
    if not curves:
        raise EmptyResultError("no segment holds a voxel, so there is nothing to count; look at how it was segmented")
    return Measurements(tuple(items), tuple(curves), warnings=tuple(f"segment {n!r} holds no voxel" for n in empty))


def _histogram(values: Array, volume: Volume, of: str, width: float) -> Curve:
    if not len(values):
        raise EmptyResultError("the volume holds no finite value, so there is nothing to count")
    low, high = float(values.min()), float(values.max())
    width = max(width, (high - low) / MOST_BINS)
    first = math.floor(low / width)
    count = math.floor(high / width) - first + 1
    bins = np.floor(values.astype(np.float64) / width).astype(np.int64) - first
    voxels = np.bincount(bins, minlength=count).astype(np.float64)
    middle = (first + np.arange(count) + 0.5) * width
    table = np.column_stack([middle, voxels, voxels * volume.geometry.voxel_volume_mm3])
    return Curve("histogram", (("value", volume.unit), ("voxels", "1"), ("volume", "mm3")), table, of)
