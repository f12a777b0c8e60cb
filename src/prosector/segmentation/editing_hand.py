"""Edits by hand: scissors through a view, brush and eraser.

What the hand drew is given in millimetres, so that an edit does not depend on the size or zoom of the picture that it
was drawn in, and replays to the same voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from prosector.errors import EmptyResultError, ParameterError
from prosector.kernels import scissors
from prosector.model.camera import Camera
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import STRUCTURES, structure
from prosector.model.volume import Volume
from prosector.segmentation.editing import Names, chosen_segments, with_edit

CELLS = 512
"""Raster on the view plane; only in cells that an edge crosses is the polygon itself asked."""

MOST_POINTS = 100_000


def plane_mm(camera: Camera, size: tuple[int, int], pixels: Sequence[Sequence[float]]) -> list[float]:
    """Points of a picture as :func:`edit_scissors` takes them.

    Parameters
    ----------
    camera : Camera
        That the picture was made with.
    size : (width, height)
        Of the picture, in pixels.
    pixels : (n, 2) sequence
        Column and row; whole numbers are the centres of pixels, row 0 is the top.

    Returns
    -------
    list of float
        x, y of each point: mm to the right of the picture's middle and upwards, in the plane through the camera's
        centre.
    """
    spacing = camera.pixel_spacing_mm(size)
    points = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    x = (points[:, 0] + 0.5 - size[0] / 2) * spacing
    y = (size[1] / 2 - 0.5 - points[:, 1]) * spacing
    return [float(v) for v in np.column_stack([x, y]).ravel()]


def edit_scissors(
    labelmap: LabelMap,
    camera: Camera,
    polygon_mm: Sequence[float],
    remove: str = "inside",
    depth_mm: tuple[float, float] = (-np.inf, np.inf),
    segments: Names = (),
) -> LabelMap:
    """Cut labels with a lasso that was drawn in a view.

    Parameters
    ----------
    labelmap : LabelMap
    camera : Camera
        Parallel or perspective.
    polygon_mm : sequence of float
        x, y of each corner, in mm to the right of the picture's middle and upwards, in the plane through the camera's
        centre (:func:`plane_mm` makes them from pixels). Closed by itself; where it crosses itself, the even-odd rule
        holds. A voxel is inside if its centre is.
    remove : str
        ``inside``: what the lasso covers goes. ``outside``: only that stays.
    depth_mm : (near, far)
        The lasso covers only what lies at least so far, and at most so far, behind that plane along the viewing
        direction; negative is nearer to the viewer.
    segments : sequence of str
        Which may be cut; none named: all.

    Raises
    ------
    ParameterError
        If the polygon has no area, or the depths are in the wrong order.
    EmptyResultError
        If nothing is left of the segments.
    """
    polygon = np.ascontiguousarray(np.asarray(polygon_mm, dtype=np.float64).reshape(-1, 2))
    extent = np.ptp(polygon, axis=0) if len(polygon) else np.zeros(2)
    if not 3 <= len(polygon) <= MOST_POINTS or not np.isfinite(polygon).all() or not (extent > 0).all():
        raise ParameterError(f"a lasso has at least three points around an area; found {len(polygon)}")
    if remove not in ("inside", "outside"):
        raise ParameterError(f"scissors remove what is inside or outside; found {remove!r}")
    if not depth_mm[0] < depth_mm[1]:
        raise ParameterError(f"the near depth is less than the far one; found {depth_mm[0]:g} and {depth_mm[1]:g} mm")
    chosen = np.zeros(65536, dtype=bool)
    chosen[[s.number for s in chosen_segments(labelmap, segments)]] = True
    step = extent / CELLS
    cells = np.empty((CELLS, CELLS), dtype=np.uint8)
    corner = polygon.min(axis=0)
    scissors.classify_cells(polygon, corner, step, cells)
    out = np.empty_like(labelmap.labels)
    eye = 0.0 if camera.eye_lps is None else float(np.linalg.norm(camera.center_lps - camera.eye_lps))
    view = _to_view(labelmap.geometry, camera)
    depth, inside = np.array(depth_mm, dtype=np.float64), remove == "inside"
    scissors.cut(labelmap.labels, chosen, view, eye, depth, polygon, corner, step, cells, inside, out)
    if not chosen[out].any():
        raise EmptyResultError(f"the scissors would remove everything (remove is {remove!r}); draw another lasso")
    return with_edit(labelmap, out, "scissors", by_hand=True)


def edit_brush(
    labelmap: LabelMap,
    points_lps: Sequence[float],
    radius_mm: float,
    segment: str,
    volume: Volume | None = None,
    value_range: tuple[float, float] = (-np.inf, np.inf),
    overwrite: bool = False,
) -> LabelMap:
    """Paint a stroke into a segment.

    Parameters
    ----------
    labelmap : LabelMap
    points_lps : sequence of float
        Three for each point of the stroke, LPS mm. Painted is what lies within ``radius_mm`` of the line through them.
    radius_mm : float
    segment : str
        Name of a segment of the label map, or of a new one; one that is called as a row of STRUCTURES gets its codes.
    volume : Volume, optional
        On the same grid; needed where ``value_range`` is given.
    value_range : (low, high)
        Paint only voxels from low to high, in the volume's unit.
    overwrite : bool
        Paint over other segments too.

    Raises
    ------
    ParameterError
        If there is no point, the radius is not above 0, or a range is given without a volume.
    GeometryError
        If the volume lies on another grid.
    EmptyResultError
        If the stroke touches no voxel that may be painted.
    """
    wider, number = _with_segment(labelmap, segment)
    labels = wider.labels.copy()
    box, painted = _stroke(labelmap.geometry, points_lps, radius_mm)
    part = labels[box]
    may = painted if overwrite else painted & ((part == 0) | (part == number))
    if np.isfinite(value_range).any():
        if volume is None:
            raise ParameterError("a range of values to paint needs the volume: give the operation the input 'volume'")
        labelmap.geometry.require_same(volume.geometry, "the volume")
        may &= (volume.voxels[box] >= value_range[0]) & (volume.voxels[box] <= value_range[1])
    if not may.any():
        raise EmptyResultError("the stroke touches no voxel that may be painted; points are L, P, S in mm")
    part[may] = number
    return with_edit(wider, labels, "brush", by_hand=True)


def edit_erase(labelmap: LabelMap, points_lps: Sequence[float], radius_mm: float, segments: Names = ()) -> LabelMap:
    """Erase segments along a stroke; see :func:`edit_brush`.

    Raises
    ------
    EmptyResultError
        If the stroke touches none of the segments.
    """
    labels = labelmap.labels.copy()
    box, painted = _stroke(labelmap.geometry, points_lps, radius_mm)
    numbers = [s.number for s in chosen_segments(labelmap, segments)]
    gone = painted & np.isin(labels[box], numbers)
    if not gone.any():
        raise EmptyResultError("the stroke touches none of the segments; points are L, P, S in mm")
    labels[box][gone] = 0
    return with_edit(labelmap, labels, "eraser", by_hand=True)


def _to_view(geometry: Geometry, camera: Camera) -> Array:
    """(3, 4) from index to mm rightwards, upwards and forwards of the camera's centre."""
    axes = np.stack([camera.right_lps, camera.up_lps, camera.forward_lps])
    view = np.empty((3, 4))
    view[:, :3] = axes @ geometry.affine[:3, :3]
    view[:, 3] = axes @ (geometry.affine[:3, 3] - camera.center_lps)
    return view


def _with_segment(labelmap: LabelMap, name: str) -> tuple[LabelMap, int]:
    """The label map with a segment of this name, and its number."""
    for known in labelmap.segments:
        if known.name == name:
            return labelmap, known.number
    number = max((s.number for s in labelmap.segments), default=0) + 1
    what = STRUCTURES.get(name) or structure("unspecified tissue")
    labels = labelmap.labels if number < 256 else labelmap.labels.astype(np.uint16)
    return replace(
        labelmap, labels=labels, segments=(*labelmap.segments, Segment(number, name, what, "MANUAL"))
    ), number


def _stroke(geometry: Geometry, points_lps: Sequence[float], radius_mm: float) -> tuple[tuple[slice, ...], Array]:
    """The box that a stroke reaches, and the mask of its voxels there."""
    points = np.asarray(points_lps, dtype=np.float64).reshape(-1, 3)
    if not 1 <= len(points) <= MOST_POINTS or not np.isfinite(points).all():
        raise ParameterError(
            f"a stroke has from 1 to {MOST_POINTS} points of three finite numbers; found {len(points)}"
        )
    if not (np.isfinite(radius_mm) and radius_mm > 0):
        raise ParameterError(f"a brush has a radius above 0 mm; found {radius_mm}")
    points = np.ascontiguousarray(points if len(points) > 1 else np.repeat(points, 2, axis=0))
    index = geometry.to_index(points)
    reach = radius_mm * np.linalg.norm(geometry.inverse[:3, :3], axis=1)
    low = np.ceil(np.minimum(index[:-1], index[1:]) - reach - 1e-6)
    high = np.floor(np.maximum(index[:-1], index[1:]) + reach + 1e-6) + 1
    low, high = np.clip(low, 0, geometry.shape), np.clip(high, 0, geometry.shape)
    boxes = np.ascontiguousarray(np.stack([low, np.maximum(low, high)], axis=-1).astype(np.int64))
    first, end = boxes[:, :, 0].min(axis=0), boxes[:, :, 1].max(axis=0)
    out = np.zeros(tuple(np.maximum(end - first, 0)), dtype=np.uint8)
    scissors.paint_stroke(points, np.array(geometry.affine[:3]), float(radius_mm), boxes, first, out)
    return tuple(slice(int(a), int(b)) for a, b in zip(first, end, strict=True)), out > 0
