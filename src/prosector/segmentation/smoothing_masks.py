"""Borders of labels in millimetres: exact balls, and smoothing that keeps volumes and leaves no gaps."""

from __future__ import annotations

import numpy as np

from prosector.kernels import borders, labelling
from prosector.model.geometry import Array
from prosector.segmentation.mask import ball_offsets

SWEEPS = 6
"""Of the search for the segments' handicaps; each sweep solves one segment after the other exactly."""


def grown(mask: Array, matrix: Array, radius_mm: float) -> Array:
    """Voxels whose centre lies within ``radius_mm`` of the centre of a voxel of the mask, exactly.

    Parameters
    ----------
    mask : (k, j, i) uint8 or bool array
    matrix : (3, 3) array
        From index to LPS mm; any that can be inverted.
    radius_mm : float

    Returns
    -------
    (k, j, i) uint8 array
    """
    mask = np.ascontiguousarray(mask).view(np.uint8)
    counts = np.empty(mask.shape[:2], dtype=np.int32)
    labelling.count_runs(mask, counts)
    row_start = np.zeros(counts.size + 1, dtype=np.int64)
    np.cumsum(counts.ravel(), out=row_start[1:])
    begin = np.empty(int(row_start[-1]), dtype=np.int32)
    end = np.empty_like(begin)
    labelling.find_runs(mask, row_start, begin, end)
    out = np.zeros_like(mask)
    borders.stamp_runs(row_start, begin, end, _ball_rows(matrix, radius_mm), out)
    return out


def shrunk(mask: Array, matrix: Array, radius_mm: float) -> Array:
    """Voxels of the mask farther than ``radius_mm`` from every voxel outside it. The grid's border does not erode."""
    rest = np.ascontiguousarray(mask).view(np.uint8) ^ 1
    return grown(rest, matrix, radius_mm) ^ 1


def reach(matrix: Array, radius_mm: float) -> Array:
    """(3,) voxels along k, j and i that a ball of this radius reaches to each side."""
    return np.asarray(np.floor(radius_mm * np.linalg.norm(np.linalg.inv(matrix), axis=1) + 1e-6).astype(np.int64))


def smooth_partition(index: Array, count: int, matrix: Array, radius_mm: float) -> Array:
    """Smooth the borders between labels; every voxel still has exactly one, and volumes stay.

    Each voxel near a border takes the label that weighs most in the ball around it, weights falling off with the
    square of the distance. What that would take from a convex part is given back by a handicap for each label, found
    so that every label keeps its number of voxels: threshold dynamics with volume constraints (Jacobs, Merkurjev,
    Esedoglu: Auction dynamics, J. Comput. Phys. 354, 2018).

    Parameters
    ----------
    index : (k, j, i) uint8 or uint16 array
        0 (background) to ``count - 1``; from ``count`` on, voxels that are neither changed nor counted.
    count : int
    matrix : (3, 3) array
        From index to LPS mm.
    radius_mm : float
        Details smaller than this go.

    Returns
    -------
    (k, j, i) array
        Of the type of ``index``.
    """
    offsets = ball_offsets(matrix, radius_mm)
    distances = np.linalg.norm(offsets @ matrix.T, axis=1)
    weights = 1 - (distances / (radius_mm * 1.001)) ** 2
    border = np.empty(index.shape, dtype=np.uint8)
    borders.find_borders(index, border)
    voxels = np.argwhere(grown(border, matrix, radius_mm) & (index < count)).astype(np.int32)
    labels = np.empty((len(voxels), borders.CANDIDATES), dtype=np.int32)
    scores = np.empty(labels.shape)
    borders.count_votes(index, count, voxels, offsets, weights, labels, scores)
    here = tuple(voxels.T)
    out = index.copy()
    out[here] = _fairly(labels, scores, np.bincount(index[here], minlength=count))
    return out


def _fairly(labels: Array, scores: Array, targets: Array) -> Array:
    """(n,) labels with the best score and handicap, so that each occurs as often as ``targets`` say."""
    handicap = np.zeros(len(targets) + 1)
    handicap[-1] = -np.inf  # unused places hold −1
    holders = [np.nonzero(labels == label) for label in range(len(targets))]
    for _ in range(SWEEPS):
        before = handicap.copy()
        for label in range(1, len(targets)):
            rows, places = holders[label]
            if not rows.size:
                continue
            rivals = scores[rows] + handicap[labels[rows]]
            rivals[np.arange(rows.size), places] = -np.inf
            lead = np.sort(rivals.max(axis=1) - scores[rows, places])  # below its handicap, the label wins
            open_to_all = lead[np.isfinite(lead)]  # elsewhere it has no rival
            n = int(np.clip(targets[label] - (lead.size - open_to_all.size), 0, open_to_all.size))
            if open_to_all.size:
                low = open_to_all[n - 1] if n else open_to_all[0] - 1
                high = open_to_all[n] if n < open_to_all.size else open_to_all[-1] + 1
                handicap[label] = (low + high) / 2
        if np.array_equal(before, handicap):
            break
    best = (scores + handicap[labels]).argmax(axis=1)
    return np.asarray(labels[np.arange(len(labels)), best])


def _ball_rows(matrix: Array, radius_mm: float) -> Array:
    """(n, 4) rows (dk, dj, first i, last i) of a ball; a ball is convex, so each row is whole."""
    offsets = ball_offsets(matrix, radius_mm)
    rows, inverse = np.unique(offsets[:, :2], axis=0, return_inverse=True)
    out = np.empty((len(rows), 4), dtype=np.int64)
    out[:, :2], out[:, 2], out[:, 3] = rows, np.iinfo(np.int64).max, np.iinfo(np.int64).min
    np.minimum.at(out[:, 2], inverse.ravel(), offsets[:, 2])
    np.maximum.at(out[:, 3], inverse.ravel(), offsets[:, 2])
    return out
