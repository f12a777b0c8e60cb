"""Where rays through a field of voxels pass a level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosector.kernels._jit import kernel, leaf


def crossings(
    field: NDArray[np.float32], starts: NDArray[Any], steps: NDArray[Any], count: int, level: float, *, falling: bool
) -> NDArray[np.float64]:
    """Steps along each ray to where the field first passes a level.

    Parameters
    ----------
    field : (k, j, i) float32 array
        Interpolated linearly between voxel centres; 0 beyond them.
    starts, steps : (n, 3) arrays
        Fractional indices of the first sample of each ray, and from one sample to the next.
    count : int
        Samples after the first.
    level : float
    falling : bool
        Whether to look for the first value below the level on rays that start at or above it, or for the first at or
        above it on any ray.

    Returns
    -------
    (n,) float64 array
        Interpolated between samples; NaN where it is not passed.
    """
    out = np.empty(len(starts))
    march(_read_only(field, np.float32), _read_only(starts), _read_only(steps), count, float(level), bool(falling), out)
    return out


def _read_only(array: NDArray[Any], kind: Any = np.float64) -> NDArray[Any]:
    """A read-only view: one numba type, hence one compilation, for all callers."""
    view = np.ascontiguousarray(array, dtype=kind).view()
    view.flags.writeable = False
    return view


@leaf
def value_at(field, k, j, i):  # type: ignore[no-untyped-def]
    """Linear between voxel centres, 0 beyond the outermost."""
    nk, nj, ni = field.shape
    if not (0.0 <= k <= nk - 1 and 0.0 <= j <= nj - 1 and 0.0 <= i <= ni - 1):
        return 0.0
    k0, j0, i0 = int(k), int(j), int(i)
    k1, j1, i1 = min(k0 + 1, nk - 1), min(j0 + 1, nj - 1), min(i0 + 1, ni - 1)
    a, b, c = k - k0, j - j0, i - i0
    low = (1 - b) * ((1 - c) * field[k0, j0, i0] + c * field[k0, j0, i1]) + b * (
        (1 - c) * field[k0, j1, i0] + c * field[k0, j1, i1]
    )
    high = (1 - b) * ((1 - c) * field[k1, j0, i0] + c * field[k1, j0, i1]) + b * (
        (1 - c) * field[k1, j1, i0] + c * field[k1, j1, i1]
    )
    return (1 - a) * low + a * high


@kernel
def march(field, starts, steps, count, level, falling, out):  # type: ignore[no-untyped-def]
    """Fill ``out``. Arrays as in ``crossings``; one thread, since a call is shorter than waking a second one."""
    for n in range(len(starts)):
        k, j, i = starts[n, 0], starts[n, 1], starts[n, 2]
        before = value_at(field, k, j, i)
        found = np.nan
        if falling or before < level:
            if not falling or before >= level:
                for t in range(1, count + 1):
                    value = value_at(field, k + t * steps[n, 0], j + t * steps[n, 1], i + t * steps[n, 2])
                    if (value < level) == falling:
                        found = t - 1 + (before - level) / (before - value)
                        break
                    before = value
        else:
            found = 0.0
        out[n] = found
