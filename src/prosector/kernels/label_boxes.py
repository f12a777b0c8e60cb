"""Where each label lies: boxes of many labels in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from prosector.kernels._jit import parallel_kernel

Array = np.ndarray[Any, Any]


@parallel_kernel
def label_boxes(labels: Array, out: Array) -> None:
    """First and one-past-last j and i of every label in every slice; ``out`` has shape (k, labels, 4).

    ``out`` holds (j first, j end, i first, i end); where a label does not occur its end is 0.
    """
    nk, nj, ni = labels.shape
    for k in prange(nk):
        box = out[k]
        for n in range(box.shape[0]):
            box[n, 0], box[n, 1], box[n, 2], box[n, 3] = nj, 0, ni, 0
        for j in range(nj):
            for i in range(ni):
                n = labels[k, j, i]
                if n:
                    box[n, 0] = min(box[n, 0], j)
                    box[n, 1] = j + 1
                    box[n, 2] = min(box[n, 2], i)
                    box[n, 3] = max(box[n, 3], i + 1)
