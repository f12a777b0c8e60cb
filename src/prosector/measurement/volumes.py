"""Volume, surface and size of segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prosector.errors import EmptyResultError
from prosector.kernels import filling as kernels
from prosector.measurement import definitions_basic as define
from prosector.measurement.border import area_and_volume, border_meshes
from prosector.measurement.filling import Filling, fill_segment, span_of
from prosector.measurement.points import as_points
from prosector.measurement.sizes import extent_along, principal_axes, slice_axes, widest
from prosector.measurement.statistics import measure_values
from prosector.measurement.uncertainty import SPACING, of_area, of_distance, of_threshold, of_volume
from prosector.measurement.warnings import span_warnings
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.measurement import Contribution, Definition, Measurement, Measurements
from prosector.model.mesh import Mesh
from prosector.model.volume import Volume

Meshes = tuple[Mesh, Mesh, Mesh]


def measure_segments(
    labels: LabelMap,
    volume: Volume | None = None,
    segments: Sequence[str] = (),
    *,
    threshold_uncertainty_hu: float = 0.0,
) -> Measurements:
    """Volumes, surface area, diameters, extents and values of segments.

    Parameters
    ----------
    labels : LabelMap
    volume : Volume, optional
        The values that the segments were found in, on the same grid: for partial-volume correction, borders finer
        than voxels, and the statistics of values.
    segments : sequence of str
        Names; all where empty.
    threshold_uncertainty_hu : float
        How far the threshold between inside and outside may lie elsewhere, in the volume's unit: everything is worked
        out again at plus and minus this much. Needs the volume.

    Returns
    -------
    Measurements
        For each segment that holds a voxel; the others are named in the warnings.

    Raises
    ------
    InputError
        If there is no segment of a name.
    EmptyResultError
        If none holds a voxel.
    GeometryError
        If the volume lies on another grid.

    Notes
    -----
    Definitions are those of :mod:`prosector.measurement.definitions_basic`; uncertainty by
    :mod:`prosector.measurement.uncertainty`.
    """
    items: list[Measurement] = []
    empty = []
    for name in segments or [s.name for s in labels.segments]:
        span = span_of(labels, name)
        if span is None:
            empty.append(name)
            continue
        warnings = span_warnings(span, labels.geometry, volume.source if volume else None)
        filling = fill_segment(labels, name, volume)
        items += _of_shape(filling, name, (*warnings, *filling.warnings), threshold_uncertainty_hu)
        if volume is not None:
            items += measure_values(_inside(volume, filling), filling, name, volume.unit, warnings)
    if not items:
        raise EmptyResultError("no segment holds a voxel, so there is nothing to measure; look at how it was segmented")
    return Measurements(tuple(items), warnings=tuple(f"segment {name!r} holds no voxel" for name in empty))


def _inside(volume: Volume, filling: Filling) -> Array:
    """The values of the segment's voxels."""
    box = tuple(slice(n, n + size) for n, size in zip(filling.start, filling.mask.shape, strict=True))
    return np.asarray(volume.voxels[box][filling.mask])


def _of_shape(filling: Filling, of: str, warnings: tuple[str, ...], hu: float) -> list[Measurement]:
    count = _counted(filling, of, warnings, hu)
    try:
        meshes = border_meshes(filling, hu)
    except EmptyResultError as none:
        return [Measurement(count.definition, count.value, of, count.contributions, (), (*warnings, str(none)))]
    areas, volumes = zip(*(area_and_volume(mesh) for mesh in meshes), strict=True)
    rows = [count]
    if filling.is_corrected:
        rows.append(_corrected(filling, of, warnings, volumes, hu))
    varied = hu if meshes[1] is not meshes[0] else 0.0
    doubts = (of_volume(meshes[0], filling.geometry), of_area(meshes[0], filling.geometry))
    for definition, values, doubt in zip(
        (define.MESH_VOLUME, define.SURFACE_AREA), (volumes, areas), doubts, strict=True
    ):
        parts = (doubt, of_threshold(values[0], values[1], values[2], varied)) if varied else (doubt,)
        rows.append(Measurement(definition, values[0], of, parts, (), warnings))
    return rows + _diameters(filling, meshes, of, warnings, hu)


def _counted(filling: Filling, of: str, warnings: tuple[str, ...], hu: float) -> Measurement:
    """Each border voxel is half a voxel out, independently."""
    size = filling.geometry.voxel_volume_mm3
    counts = np.empty((len(filling.mask), 2), dtype=np.int64)
    kernels.count_outer(filling.mask.view(np.uint8), counts)
    held, border = counts.sum(axis=0).tolist()
    parts = [Contribution(SPACING, 0.5 * size * float(np.sqrt(border)))]
    if hu and filling.contrast is not None:
        half, low, high, _ = _border_sums(filling, hu)
        parts.append(of_threshold(half * size, low * size, high * size, hu))
    return Measurement(define.VOXEL_VOLUME, held * size, of, tuple(parts), (), warnings)


def _border_sums(filling: Filling, hu: float) -> list[float]:
    """Voxels filled by half; the same with the threshold lower and higher; sum of 1 / contrast² at the border."""
    sums = np.empty((len(filling.mask), 4))
    kernels.border_sums(filling.parts, filling.contrast, hu, sums)
    return [float(n) for n in sums.sum(axis=0)]


def _corrected(
    filling: Filling, of: str, warnings: tuple[str, ...], volumes: tuple[float, ...], hu: float
) -> Measurement:
    """Noise of the border's voxels; the change with the threshold is that of the surface's ``volumes``."""
    size = filling.geometry.voxel_volume_mm3
    value = float(filling.parts.sum(dtype=np.float64)) * size
    noise = filling.noise * float(np.sqrt(3 * _border_sums(filling, 0.0)[3]))
    parts = [Contribution("noise at the border", noise * size)]
    if hu:
        base, low, high = volumes
        parts.append(of_threshold(base, low, high, hu))
    return Measurement(define.CORRECTED_VOLUME, value, of, tuple(parts), (), warnings)


def _diameters(filling: Filling, meshes: Meshes, of: str, warnings: tuple[str, ...], hu: float) -> list[Measurement]:
    varied = hu and meshes[1] is not meshes[0]
    points = meshes[0].vertices_lps.astype(np.float64)
    length, pair = widest(points)
    axes = [_unit(pair), *principal_axes(filling)]
    reaches = [extent_along(points, axis) for axis in axes]
    # of the others only what changes with the threshold, one mesh at a time
    others = [_reaches(mesh, axes) for mesh in meshes[1:]] if varied else []

    def row(definition: Definition, value: float, ends: Array, changed: list[float]) -> Measurement:
        parts = [of_distance(ends[0], ends[1], filling.geometry)]
        if varied:
            parts.append(of_threshold(value, changed[0], changed[1], hu))
        return Measurement(definition, value, of, tuple(parts), as_points(ends), warnings)

    rows = [row(define.MAXIMUM_DIAMETER, length, pair, [other[0] for other in others])]
    found = slice_axes(filling)
    if found:
        long_mm, long_ends, short_mm, short_ends = found
        moved = [other[1] - reaches[0][0] for other in others]
        rows.append(row(define.LONG_AXIS, long_mm, long_ends, [long_mm + way for way in moved]))
        rows.append(row(define.SHORT_AXIS, short_mm, short_ends, [short_mm + way for way in moved]))
    for n, definition in enumerate(define.EXTENTS, start=1):
        rows.append(row(definition, *reaches[n], [other[n + 1] for other in others]))
    return rows


def _reaches(mesh: Mesh, axes: list[Array]) -> list[float]:
    """Largest diameter of a mesh, and its extent along each axis."""
    points = mesh.vertices_lps.astype(np.float64)
    return [widest(points)[0], *(extent_along(points, axis)[0] for axis in axes)]


def _unit(pair: Array) -> Array:
    way = pair[1] - pair[0]
    return np.asarray(way / np.linalg.norm(way))
