"""Where in a grid something lies, so that the rest need not be looked at."""

from __future__ import annotations

import numpy as np

from prosector.model.geometry import Array


def bounding_box(mask: Array) -> tuple[slice, slice, slice] | None:
    """The smallest box that holds all that is set; None where nothing is."""
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    if len(slices) == 0:
        return None
    part = mask[slices[0] : slices[-1] + 1]
    rows, columns = np.flatnonzero(part.any(axis=(0, 2))), np.flatnonzero(part.any(axis=(0, 1)))
    k, j, i = (slice(int(n[0]), int(n[-1]) + 1) for n in (slices, rows, columns))
    return k, j, i
