"""Volume, surface and size of segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prosector.errors import EmptyResultError
from prosector.measurement import definitions_basic as define
from prosector.measurement.border import border_meshes
from prosector.measurement.filling import Filling, fill_segment
from prosector.measurement.points import as_points
from prosector.measurement.sizes import extent_along, principal_axes, slice_axes, widest
from prosector.measurement.statistics import measure_values
from prosector.measurement.uncertainty import SPACING, of_area, of_distance, of_threshold, of_volume
from prosector.measurement.warnings import object_warnings
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
        mask = labels.mask(name)
        if not mask.any():
            empty.append(name)
            continue
        warnings = object_warnings(mask, labels.geometry, volume.source if volume else None)
        filling = fill_segment(labels, name, volume)
        items += _of_shape(filling, name, (*warnings, *filling.warnings), threshold_uncertainty_hu)
        if volume is not None:
            items += measure_values(volume.voxels[mask], filling, name, volume.unit, warnings)
    if not items:
        raise EmptyResultError("no segment holds a voxel, so there is nothing to measure; look at how it was segmented")
    return Measurements(tuple(items), warnings=tuple(f"segment {name!r} holds no voxel" for name in empty))


def _of_shape(filling: Filling, of: str, warnings: tuple[str, ...], hu: float) -> list[Measurement]:
    count = _counted(filling, of, warnings, hu)
    try:
        meshes = border_meshes(filling, hu)
    except EmptyResultError as none:
        return [Measurement(count.definition, count.value, of, count.contributions, (), (*warnings, str(none)))]
    rows = [count]
    if filling.is_corrected:
        rows.append(_corrected(filling, of, warnings, meshes, hu))
    rows.append(_of_meshes(define.MESH_VOLUME, meshes, of, warnings, hu, of_volume(meshes[0], filling.geometry)))
    rows.append(_of_meshes(define.SURFACE_AREA, meshes, of, warnings, hu, of_area(meshes[0], filling.geometry)))
    return rows + _diameters(filling, meshes, of, warnings, hu)


def _counted(filling: Filling, of: str, warnings: tuple[str, ...], hu: float) -> Measurement:
    """Each border voxel is half a voxel out, independently."""
    size = filling.geometry.voxel_volume_mm3
    value = np.count_nonzero(filling.mask) * size
    inner = filling.mask & _neighbours_all(filling.mask)
    border = np.count_nonzero(filling.mask) - np.count_nonzero(inner)
    parts = [Contribution(SPACING, 0.5 * size * float(np.sqrt(border)))]
    if hu and filling.contrast is not None:
        change = np.nan_to_num(np.float32(hu) / np.abs(filling.contrast))
        half = np.count_nonzero(filling.parts >= 0.5)
        low, high = (np.count_nonzero(filling.parts >= 0.5 + sign * change) for sign in (-1, 1))
        parts.append(of_threshold(half * size, low * size, high * size, hu))
    return Measurement(define.VOXEL_VOLUME, float(value), of, tuple(parts), (), warnings)


def _neighbours_all(mask: Array) -> Array:
    """Where all six neighbours are inside; beyond the volume counts as inside."""
    wide = np.pad(mask, 1, mode="edge")
    k, j, i = mask.shape
    inside = np.ones(mask.shape, dtype=bool)
    for axis, n in ((0, k), (1, j), (2, i)):
        for start in (0, 2):
            at = [slice(1, -1)] * 3
            at[axis] = slice(start, start + n)
            inside &= wide[tuple(at)]
    return inside


def _corrected(filling: Filling, of: str, warnings: tuple[str, ...], meshes: Meshes, hu: float) -> Measurement:
    """Noise of the border's voxels; the change with the threshold is that of the surface."""
    size = filling.geometry.voxel_volume_mm3
    value = float(filling.parts.sum(dtype=np.float64)) * size
    seen = filling.seen
    parts = []
    if filling.contrast is not None:
        share = filling.noise / np.abs(filling.contrast[seen].astype(np.float64))
        parts.append(Contribution("noise at the border", float(np.sqrt(3 * (share**2).sum())) * size))
    if hu:
        base, low, high = (mesh.volume_mm3 for mesh in meshes)
        parts.append(of_threshold(base, low, high, hu))
    return Measurement(define.CORRECTED_VOLUME, value, of, tuple(parts), (), warnings)


def _of_meshes(
    definition: Definition, meshes: Meshes, of: str, warnings: tuple[str, ...], hu: float, spacing: Contribution
) -> Measurement:
    base, low, high = (m.volume_mm3 if definition is define.MESH_VOLUME else m.area_mm2 for m in meshes)
    parts = (spacing, of_threshold(base, low, high, hu)) if hu and meshes[1] is not meshes[0] else (spacing,)
    return Measurement(definition, base, of, parts, (), warnings)


def _diameters(filling: Filling, meshes: Meshes, of: str, warnings: tuple[str, ...], hu: float) -> list[Measurement]:
    grid = filling.geometry
    points = [mesh.vertices_lps.astype(np.float64) for mesh in meshes]
    varied = hu and meshes[1] is not meshes[0]

    def row(definition: Definition, value: float, ends: Array, low: float, high: float) -> Measurement:
        parts = [of_distance(ends[0], ends[1], grid)]
        if varied:
            parts.append(of_threshold(value, low, high, hu))
        return Measurement(definition, value, of, tuple(parts), as_points(ends), warnings)

    length, pair = widest(points[0])
    low, high = (widest(p)[0] if varied else length for p in points[1:])
    rows = [row(define.MAXIMUM_DIAMETER, length, pair, low, high)]
    found = slice_axes(filling)
    if found:
        long_mm, long_ends, short_mm, short_ends = found
        moved = [extent_along(p, _unit(pair))[0] - extent_along(points[0], _unit(pair))[0] for p in points[1:]]
        rows.append(row(define.LONG_AXIS, long_mm, long_ends, long_mm + moved[0], long_mm + moved[1]))
        rows.append(row(define.SHORT_AXIS, short_mm, short_ends, short_mm + moved[0], short_mm + moved[1]))
    for definition, axis in zip(define.EXTENTS, principal_axes(filling), strict=True):
        extent, ends = extent_along(points[0], axis)
        low, high = (extent_along(p, axis)[0] for p in points[1:])
        rows.append(row(definition, extent, ends, low, high))
    return rows


def _unit(pair: Array) -> Array:
    way = pair[1] - pair[0]
    return np.asarray(way / np.linalg.norm(way))
