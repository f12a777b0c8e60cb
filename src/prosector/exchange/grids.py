"""Labels of a file on the grid of a volume: reordered and put in place, never interpolated."""

from __future__ import annotations

import numpy as np

from prosector.errors import GeometryError
from prosector.model.geometry import Array, Geometry

AXIS_TOLERANCE = 0.01
"""How far (in voxels a step) a file's axes may stray from the grid's and still be a reordering of them."""

SAME_PLACE_VOXELS = 0.1
"""How far a file's corners may lie from the grid's; headers of other programs are rounded."""


def conformed(data: Array, affine: Array, geometry: Geometry, what: str) -> Array:
    """Bring labels into a grid's order and place.

    Parameters
    ----------
    data : 3-D array
        As the file orders its axes.
    affine : (4, 4) array
        From the index of ``data`` to LPS mm.
    geometry : Geometry
        The grid. The file may cover a part of it, or more of the same lattice as long as what lies beyond is 0.
    what : str
        Name for messages.

    Returns
    -------
    (k, j, i) array
        Of the grid's shape and the data's type.

    Raises
    ------
    GeometryError
        If the file's voxels are not voxels of the grid, or some that are labelled lie beyond it.
    """
    turned, to_lps = _reordered(data, affine, geometry)
    found = Geometry(turned.shape, to_lps)
    first = np.rint(geometry.to_index(to_lps[:3, 3])).astype(int)
    corners = geometry.to_index(found.corners_lps)
    top = np.array(found.shape) - 1
    expected = first + np.array([[a, b, c] for a in (0, top[0]) for b in (0, top[1]) for c in (0, top[2])])
    if np.abs(corners - expected).max() > SAME_PLACE_VOXELS:
        raise GeometryError(
            f"{what}: voxels lie {np.abs(corners - expected).max():.2g} voxels off the volume's (shape {found.shape} "
            f"against {geometry.shape}), and labels are never resampled silently; use labels made from the same series"
        )
    low = np.maximum(first, 0)
    high = np.minimum(first + found.shape, geometry.shape)
    if (high <= low).any():
        raise GeometryError(f"{what} does not overlap the volume; use labels made from the same series")
    inner = turned[tuple(slice(a - f, b - f) for a, b, f in zip(low, high, first, strict=True))]
    if inner.shape == geometry.shape == turned.shape:
        return turned
    if np.count_nonzero(turned) != np.count_nonzero(inner):
        raise GeometryError(
            f"{what} labels voxels beyond the volume (shape {found.shape} against {geometry.shape}, first voxel at "
            f"index {tuple(int(n) for n in first)}); use labels made from the same series"
        )
    placed = np.zeros(geometry.shape, dtype=data.dtype)
    placed[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = inner
    return placed


def _reordered(data: Array, affine: Array, geometry: Geometry) -> tuple[Array, Array]:
    """Bring data into the order of the grid's (k, j, i), undoing swapped and turned axes.

    Returns the array and its affine from (k, j, i) to LPS. What is no mere reordering is returned as it
    is stored, for the comparison of grids to refuse.
    """
    steps = geometry.inverse[:3, :3] @ affine[:3, :3]  # file axis (column) in steps along k, j, i (rows)
    order = np.abs(steps).argmax(axis=1)
    reordered = np.zeros((3, 3))
    reordered[range(3), order] = np.sign(steps[range(3), order])
    if sorted(order) != [0, 1, 2] or np.abs(steps - reordered).max() > AXIS_TOLERANCE:
        order, reordered = np.array([2, 1, 0]), np.eye(3)[::-1]
    result = data.transpose(order)
    turned = affine[:, [*order, 3]].copy()
    for axis in range(3):
        if reordered[axis, order[axis]] < 0:
            result = np.flip(result, axis)
            turned[:, 3] += turned[:, axis] * (result.shape[axis] - 1)
            turned[:, axis] *= -1
    return result, turned
