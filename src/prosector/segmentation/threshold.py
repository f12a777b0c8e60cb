"""Threshold painting: everything between two values, inside a mask where one is given."""

from __future__ import annotations

import numpy as np

from prosector.errors import EmptyResultError, ParameterError
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.components import find_components


def segment_threshold(
    volume: Volume,
    low: float,
    high: float,
    *,
    inside: LabelMap | None = None,
    minimum_volume_mm3: float = 0.0,
    name: str = "region",
) -> LabelMap:
    """Every voxel from ``low`` to ``high``, both included; NaN is in no range.

    Parameters
    ----------
    volume : Volume
    low, high : float
        In modality units.
    inside : LabelMap, optional
        Only voxels of these labels are painted.
    minimum_volume_mm3 : float
        Connected pieces (over faces) smaller than this are left out.
    name : str
        Of the segment.

    Returns
    -------
    LabelMap
        One segment on the volume's grid.

    Raises
    ------
    GeometryError
        If the labels lie on another grid.
    ParameterError
        If ``low`` is more than ``high`` or the minimum is negative.
    EmptyResultError
        If no voxel is left.
    """
    if not low <= high or not minimum_volume_mm3 >= 0:
        raise ParameterError(f"low is at most high, a minimum not negative; found {low}, {high}, {minimum_volume_mm3}")
    out = np.empty(volume.geometry.shape, dtype=np.uint8)
    if inside is not None:
        volume.geometry.require_same(inside.geometry, "the label map")
    for k, plane in enumerate(volume.voxels):  # a slice at a time: no temporaries of the volume's size
        out[k] = (plane >= low) & (plane <= high)
        if inside is not None:
            out[k] &= inside.labels[k] > 0
    if minimum_volume_mm3:
        pieces = find_components(out)
        out = pieces.mask(pieces.sizes * volume.geometry.voxel_volume_mm3 >= minimum_volume_mm3)
    if not out.any():
        raise EmptyResultError(f"no voxel from {low:g} to {high:g} is left; widen the range or lower the minimum")
    kind = "SEMIAUTOMATIC" if inside is not None else "AUTOMATIC"
    words = f"threshold: {low:g} to {high:g}, pieces of at least {minimum_volume_mm3:g} mm³"
    return LabelMap(out, volume.geometry, (Segment(1, name, structure("unspecified tissue"), kind, words),))
