"""What the body encloses: lungs, bowel gas, airways, also where the field of view cuts them."""

from __future__ import annotations

import numpy as np

from prosector.model.geometry import Array
from prosector.segmentation.components import find_components
from prosector.segmentation.mask import closed, filled_slices, grow, opened

SOLID_HU = -300.0
"""Fat lies near -100 HU, lung and foam below -500 HU."""

THIN_MM = 4.0
"""Half the thickness of what is taken for a sheet, a table's shell or a line: the body is thicker."""

PIECE_MM3 = 20_000.0
"""Further pieces of the body (arms, legs) are at least this large."""

PASSAGE_MM = 10.0
"""Half the width of a passage through which outside air reaches what a slice encloses (arm to trunk)."""

LUNG_HU = (-940.0, -500.0)
"""Mean of a cut-off lung; outside air is emptier."""

FIELD_OF_VIEW = 0.97
"""Radius of the circle of reconstruction, in half widths of the slice, less what its edge blurs."""

CUT_MM3 = 3_000.0
"""Less lung than this at the border of the field of view is the edge of the skin."""

OPEN_SHELL = 0.2
"""A cut-off lung has at most this share of outside air around it."""


def with_cavities(trunk: Array, values: Array, matrix: Array) -> Array:
    """Add lungs, bowel gas and airways; leave out the air that a limb encloses with the trunk.

    Parameters
    ----------
    trunk : (k, j, i) uint8 array
        Solid parts of the body, slices across the long axis first.
    values : (k, j, i) float32 array
        Hounsfield units.
    matrix : (3, 3) array
        From index to LPS mm.
    """
    body = filled_slices(closed(trunk, matrix, THIN_MM) | trunk)
    air = (body ^ 1) | (body & ~trunk & (values < LUNG_HU[0]).view(np.uint8))
    wide = find_components(opened(air, matrix, PASSAGE_MM))
    outside = wide.mask(wide.sums(_border(trunk.shape)) > 0)
    body = (body & ~outside & 1) | trunk
    return filled_slices(body | _cut_lungs(body, values, matrix))


def _border(shape: tuple[int, ...], circle: float = np.inf) -> Array:
    """1 at the sides of every slice, and outside the circle of so many half widths around its middle."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) if n > 1 else np.ones(1) for n in shape[1:]), indexing="ij")
    edge = (np.maximum(np.abs(x), np.abs(y)) >= 1) | (np.hypot(x, y) > circle)
    return np.ascontiguousarray(np.broadcast_to(edge, shape)).view(np.uint8)


def _cut_lungs(body: Array, values: Array, matrix: Array) -> Array:
    """Lung that the field of view cuts off, which no slice encloses: it lies between body and border.

    Foam has nearly the density of lung, but lies in the open air.
    """
    lung = (body ^ 1) & ((values > LUNG_HU[0]) & (values < LUNG_HU[1])).view(np.uint8)
    border = _border(body.shape, circle=FIELD_OF_VIEW)
    if int((lung & border).sum()) * abs(float(np.linalg.det(matrix))) < CUT_MM3:
        return np.zeros_like(body)
    parts = find_components(opened(lung, matrix, THIN_MM))
    large = np.flatnonzero(parts.sizes * abs(float(np.linalg.det(matrix))) >= PIECE_MM3)
    found = np.zeros_like(body)
    seen = body | border
    boxes = parts.boxes()
    margin = np.ceil((PASSAGE_MM + 2 * THIN_MM) * np.linalg.norm(np.linalg.inv(matrix), axis=1)).astype(int) + 1
    for number in large:
        box = tuple(
            slice(max(0, int(first - m)), min(n, int(last + m)))
            for (first, last), m, n in zip(boxes[number], margin, body.shape, strict=True)
        )
        part = parts.cut(int(number), box)
        shell = grow(part, matrix, 2 * THIN_MM) & ~part & 1
        if int((shell & ~seen[box] & ~lung[box] & 1).sum()) <= OPEN_SHELL * int(shell.sum()):
            found[box] |= closed(part, matrix, PASSAGE_MM)
    return found
