"""Watershed of a relief: which summits stand out, and what belongs to each.

Levels are uint16, 0 outside. Summits come from one pass from the highest level down that joins basins by union–find
and lets the lower one of two go where it stands out too little above their saddle (its dynamics, Grimaud, Proc. SPIE
1769, 1992). The flood runs level by level with a queue each (Meyer, 1991), so that plateaus are shared in the middle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from prosector.kernels._jit import inline, kernel

Array = np.ndarray[Any, Any]


@inline
def _root(parent: Array, n: int) -> int:
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


@kernel
def summits(order: Array, level: Array, steps: Array, height: int, basin: Array, parent: Array, peak: Array) -> int:
    """Find the summits that stand out by ``height`` levels or more; returns how many basins were begun.

    ``order`` holds the flat indices of the relief from high to low, ``steps`` are the 26 neighbours. Basin n ≥ 1 has
    its summit at the flat index ``peak[n]``; it stands for itself where ``parent[n] == n``. ``basin`` comes in as 0.
    """
    nk, nj, ni = level.shape
    levels, basins = level.reshape(-1), basin.reshape(-1)
    count = 0
    for n in range(order.size):
        here = order[n]
        k0, j0, i0 = here // (nj * ni), (here // ni) % nj, here % ni
        best = 0
        for again in range(2):
            for m in range(steps.shape[0]):
                k, j, i = k0 + steps[m, 0], j0 + steps[m, 1], i0 + steps[m, 2]
                if k < 0 or k >= nk or j < 0 or j >= nj or i < 0 or i >= ni:
                    continue
                other = basins[(k * nj + j) * ni + i]
                if other == 0:
                    continue
                other = _root(parent, other)
                if again == 0:
                    higher = best == 0 or levels[peak[other]] > levels[peak[best]]
                    if higher or (levels[peak[other]] == levels[peak[best]] and other < best):
                        best = other
                elif other != best and np.int64(levels[peak[other]]) - np.int64(levels[here]) < height:
                    parent[other] = best
            if best == 0:
                break
        if best == 0:
            count += 1
            best = count
            parent[best] = best
            peak[best] = here
        basins[here] = best
    return count


@kernel
def flood_levels(level: Array, steps: Array, first: Array, last: Array, following: Array, label: Array) -> None:
    """Let labels run down the relief from where they are; ``level`` becomes the lowest level on the way there.

    ``first`` and ``last`` hold one entry for each level, −1; ``following`` (int32) one for each voxel.
    """
    nk, nj, ni = level.shape
    levels, labels, nexts = level.reshape(-1), label.reshape(-1), following.reshape(-1)
    for n in range(labels.size):
        if labels[n] != 0 and levels[n] != 0:
            at = levels[n]
            nexts[n] = -1
            if first[at] < 0:
                first[at] = n
            else:
                nexts[last[at]] = n
            last[at] = n
    for at in range(first.size - 1, 0, -1):
        here = first[at]
        while here >= 0:
            k0, j0, i0 = here // (nj * ni), (here // ni) % nj, here % ni
            for m in range(steps.shape[0]):
                k, j, i = k0 + steps[m, 0], j0 + steps[m, 1], i0 + steps[m, 2]
                if k < 0 or k >= nk or j < 0 or j >= nj or i < 0 or i >= ni:
                    continue
                there = (k * nj + j) * ni + i
                if levels[there] == 0 or labels[there] != 0:
                    continue
                labels[there] = labels[here]
                low = np.int64(levels[there]) if levels[there] < at else np.int64(at)
                levels[there] = low
                nexts[there] = -1
                if first[low] < 0:
                    first[low] = there
                else:
                    nexts[last[low]] = there
                last[low] = there
            here = nexts[here]


@kernel
def border_contrast(
    values: Array, level: Array, areas: Array, lengths: Array, faces: Array, sums: Array, cut: Array
) -> None:
    """For the nested regions {level ≥ t}: area of the border, area times gradient across it, area at level 0.

    Each pair of neighbours of unequal level is border for the t between them. ``faces``, ``sums`` and ``cut`` (one
    entry for each level, zeros) take the changes from one t to the next lower one; border to level 0, where the
    region was not allowed to go on, counts as ``cut`` alone. ``areas`` and ``lengths`` are those of a voxel's faces.
    """
    nk, nj, ni = level.shape
    for k in range(nk):
        for j in range(nj):
            for i in range(ni):
                here = np.int64(level[k, j, i])
                for axis in range(3):
                    kk = k + (1 if axis == 0 else 0)
                    jj = j + (1 if axis == 1 else 0)
                    ii = i + (1 if axis == 2 else 0)
                    if kk >= nk or jj >= nj or ii >= ni:
                        continue
                    there = np.int64(level[kk, jj, ii])
                    if here == there:
                        continue
                    high, low = max(here, there), min(here, there)
                    if low == 0:
                        cut[high] += areas[axis]
                        continue
                    step = np.float64(values[k, j, i]) - np.float64(values[kk, jj, ii])
                    slope = areas[axis] * abs(step) / lengths[axis]
                    faces[high] += areas[axis]
                    faces[low] -= areas[axis]
                    sums[high] += slope
                    sums[low] -= slope
