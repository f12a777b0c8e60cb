"""Connected components of a mask, counted and chosen without a label image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.kernels import labelling
from prosector.model.geometry import Array


@dataclass(frozen=True, eq=False)
class Components:
    """The runs of a mask along i and the component that each belongs to.

    Made by :func:`find_components`; numbered from 0 in the order in which a scan over (k, j, i) meets them,
    so that the numbers do not depend on the number of threads.
    """

    shape: tuple[int, int, int]
    row_start: Array
    begin: Array
    end: Array
    label: Array
    count: int

    @property
    def sizes(self) -> Array:
        """(count,) voxels in each component."""
        return self._sum(self.end - self.begin)

    def count_at_least(self, voxels: Array, threshold: float) -> Array:
        """(count,) voxels of each component whose value is at least ``threshold``."""
        out = np.zeros(self.begin.size, dtype=np.int32)
        labelling.count_at_least(voxels, float(threshold), self.row_start, self.begin, self.end, out)
        return self._sum(out)

    def count_in_blocks(self, blocks: Array, factors: Array) -> Array:
        """(count,) voxels of each component in the nonzero blocks of ``factors`` voxels."""
        out = np.zeros(self.begin.size, dtype=np.int32)
        rows = self.shape[1]
        labelling.count_in_blocks(blocks, factors, rows, self.row_start, self.begin, self.end, out)
        return self._sum(out)

    def sums(self, values: Array) -> Array:
        """(count,) float64 sum of a (k, j, i) array over each component."""
        out = np.zeros(self.begin.size, dtype=np.float64)
        labelling.sum_values(values, self.row_start, self.begin, self.end, out)
        return np.bincount(self.label, weights=out, minlength=self.count)

    def boxes(self) -> Array:
        """(count, 3, 2) first and one-past-last index of each component along k, j and i."""
        k, j = self._rows()
        out = np.empty((self.count, 3, 2), dtype=np.int64)
        out[:, :, 0] = max(self.shape)
        out[:, :, 1] = 0
        for axis, (first, last) in enumerate(((k, k + 1), (j, j + 1), (self.begin, self.end))):
            np.minimum.at(out[:, axis, 0], self.label, first)
            np.maximum.at(out[:, axis, 1], self.label, last)
        return out

    def mask(self, keep: Array) -> Array:
        """(k, j, i) uint8 mask of the components whose entry in ``keep`` is true."""
        out = np.empty(self.shape, dtype=np.uint8)
        chosen = np.ascontiguousarray(keep, dtype=np.bool_)
        labelling.paint_runs(self.row_start, self.begin, self.end, self.label, chosen, out)
        return out

    def cut(self, number: int, box: tuple[slice, ...]) -> Array:
        """uint8 mask of one component in a part of the grid."""
        out = np.empty([part.stop - part.start for part in box], dtype=np.uint8)
        first = np.array([part.start for part in box], dtype=np.int64)
        runs = (self.row_start, self.begin, self.end, self.label)
        labelling.paint_one(*runs, self.shape[1], number, first, out)
        return out

    def _rows(self) -> tuple[Array, Array]:
        row = np.repeat(np.arange(self.row_start.size - 1), np.diff(self.row_start))
        return row // self.shape[1], row % self.shape[1]

    def _sum(self, per_run: Array) -> Array:
        # float64 holds every voxel count exactly
        return np.bincount(self.label, weights=per_run, minlength=self.count).astype(np.int64)


def find_components(mask: Array, *, full: bool = False, by_slice: bool = False) -> Components:
    """Find the connected components of the nonzero voxels.

    Parameters
    ----------
    mask : (k, j, i) uint8 or bool array
    full : bool
        Join over edges and corners too (26 neighbours); otherwise over faces (6).
    by_slice : bool
        Do not join slices: components are those of each slice k.
    """
    mask = np.ascontiguousarray(mask).view(np.uint8)
    counts = np.empty(mask.shape[:2], dtype=np.int32)
    labelling.count_runs(mask, counts)
    row_start = np.zeros(counts.size + 1, dtype=np.int64)
    np.cumsum(counts.ravel(), out=row_start[1:])
    begin = np.empty(int(row_start[-1]), dtype=np.int32)
    end = np.empty_like(begin)
    labelling.find_runs(mask, row_start, begin, end)
    label = np.empty_like(begin)
    count = labelling.label_runs(row_start, begin, end, mask.shape[1], full, not by_slice, label)
    k, j, i = mask.shape
    return Components((k, j, i), row_start, begin, end, label, int(count))
