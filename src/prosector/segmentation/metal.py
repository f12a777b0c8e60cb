"""Implants, fillings and other things denser than any tissue."""

from __future__ import annotations

import numpy as np

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.progress import Progress, silent
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.segmentation.components import find_components

METAL_HU = 2700.0
"""Enamel, the densest tissue, ends here; 12-bit scanners saturate at 3071."""

FRINGE_HU = 2000.0
"""Metal is grown down to this: its edge averages with what is beside it, and its streaks lie mostly below."""

SPECK_MM3 = 4.0
"""Smaller pieces are noise."""


def segment_metal(
    volume: Volume,
    *,
    low_hu: float = FRINGE_HU,
    high_hu: float = METAL_HU,
    minimum_volume_mm3: float = SPECK_MM3,
    progress: Progress = silent,
) -> LabelMap:
    """Find metal in CT by hysteresis.

    Undiluted contrast medium in the veins of the injected arm is as dense, and is found too.

    Parameters
    ----------
    volume : Volume
        In Hounsfield units.
    low_hu, high_hu : float
        A piece above ``low_hu`` counts when it holds a voxel above ``high_hu``.
    minimum_volume_mm3 : float
        Smaller pieces are left out.
    progress : callable
        Told what is being done.

    Returns
    -------
    LabelMap
        One segment, "metal".

    Raises
    ------
    InputError
        If the volume is not in Hounsfield units.
    ParameterError
        If the thresholds are in the wrong order or the minimum volume is negative.
    EmptyResultError
        If there is no metal.
    """
    if not volume.is_hounsfield:
        raise InputError(f"metal is found by its Hounsfield units, but the volume's unit is {volume.unit!r}; use CT")
    if not (np.isfinite([low_hu, high_hu, minimum_volume_mm3]).all() and low_hu <= high_hu and minimum_volume_mm3 >= 0):
        raise ParameterError(
            "low_hu is at most high_hu and the minimum volume not negative; "
            f"found {low_hu}, {high_hu} and {minimum_volume_mm3}"
        )
    progress("metal", 0.0)
    found = metal_mask(volume, low_hu, high_hu, minimum_volume_mm3)
    progress("metal", 1.0)
    if not found.any():
        raise EmptyResultError(
            f"no metal: no piece of {minimum_volume_mm3:g} mm³ holds a voxel above {high_hu:g} HU; lower high_hu"
        )
    name = f"metal: hysteresis {low_hu:g}/{high_hu:g} HU"
    return LabelMap(found, volume.geometry, (Segment(1, "metal", structure("metal"), "AUTOMATIC", name),))


def metal_mask(volume: Volume, low_hu: float, high_hu: float, minimum_mm3: float) -> Array:
    """(k, j, i) uint8 mask of the pieces above ``low_hu`` that hold a voxel above ``high_hu``."""
    pieces = find_components(volume.voxels >= low_hu, full=True)
    large = pieces.sizes * volume.geometry.voxel_volume_mm3 >= max(minimum_mm3, 1e-9)
    return pieces.mask(large & (pieces.count_at_least(volume.voxels, high_hu) > 0))
