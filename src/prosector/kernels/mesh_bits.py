"""Which samples lie inside, one bit each, and the two machine instructions that make that worth while.

A row of the grid becomes words of 64 bits, so that one exclusive-or finds the crossed edges among 64
samples, one population count numbers them, and empty space goes by at 64 cells a step. The bits take a
sixteenth of an int16 volume.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange, types
from numba.extending import intrinsic

from prosector.kernels._jit import inline, parallel_kernel


@intrinsic
def popcount(_context: Any, word: Any) -> Any:
    """Number of set bits of a uint64, as int64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate if word == types.uint64 else None


@intrinsic
def lowest_bit(_context: Any, word: Any) -> Any:
    """Index of the lowest set bit of a uint64 that is not zero, as uint64."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        never_zero = context.get_constant(types.boolean, True)
        return builder.cttz(arguments[0], never_zero)

    return types.uint64(types.uint64), generate if word == types.uint64 else None


@inline
def shifted(bits, row, word):  # type: ignore[no-untyped-def]
    """The word of a row's bits moved down by one, so that bit n tells of sample n + 1."""
    return (bits[row, word] >> np.uint64(1)) | (bits[row, word + 1] << np.uint64(63))


@inline
def edges_along_i(bits, row, word, last, last_mask):  # type: ignore[no-untyped-def]
    """Crossed edges between samples n and n + 1 of a row; ``last_mask`` keeps those of the last word."""
    crossed = bits[row, word] ^ shifted(bits, row, word)
    return crossed & last_mask if word == last else crossed


@parallel_kernel
def classify(voxels, threshold, margin, bits):  # type: ignore[no-untyped-def]
    """Set the bit of every sample that is not below the threshold.

    Parameters
    ----------
    voxels : (k, j, i) array
    threshold : scalar of the voxels' type
        NaN voxels compare as below.
    margin : int
        1 leaves a border of outside samples on all sides, 0 leaves none.
    bits : ((k + 2·margin)·(j + 2·margin), words + 1) uint64 array, zero
        Filled; one spare word at the end of each row stays zero.
    """
    depth, rows, columns = voxels.shape
    for k in prange(depth):
        for j in range(rows):
            row = (k + margin) * (rows + 2 * margin) + j + margin
            for word in range((columns + margin + 63) // 64):
                start = 64 * word - margin
                packed = np.uint64(0)
                if start >= 0 and start + 64 <= columns:
                    for n in range(64):
                        packed |= np.uint64(voxels[k, j, start + n] >= threshold) << np.uint64(n)
                else:
                    for i in range(max(start, 0), min(start + 64, columns)):
                        packed |= np.uint64(voxels[k, j, i] >= threshold) << np.uint64(i - start)
                bits[row, word] = packed
