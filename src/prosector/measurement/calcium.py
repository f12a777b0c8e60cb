"""Calcium-like density sums: score after Agatston, volume and mass, inside regions that the user gives.

They are sums over bright voxels, named after what they imitate. The score is defined for ECG-triggered CT without
contrast medium at 120 kV in contiguous slices of 3 mm, of the coronary arteries; for anything else a warning says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from prosector.errors import EmptyResultError, InputError
from prosector.measurement import definitions_basic as define
from prosector.measurement.uncertainty import of_threshold
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap
from prosector.model.measurement import Contribution, Measurement, Measurements
from prosector.model.volume import Volume

WEIGHT_LEVELS_HU = (200.0, 300.0, 400.0)
"""Peaks from which a lesion's area counts two, three and four times."""

REFERENCE_SLICE_MM = 3.0
"""Slice distance for which the score was defined; others are scaled to it."""

USUAL_KVP = 120.0

Sums = dict[str, float]


def measure_calcium(
    volume: Volume,
    labels: LabelMap,
    segments: Sequence[str] = (),
    *,
    threshold_hu: float = 130.0,
    minimum_area_mm2: float = 1.0,
    threshold_uncertainty_hu: float = 0.0,
    mass_per_hu: float = 0.0,
) -> Measurements:
    """Sums over voxels at or above a threshold inside regions.

    Parameters
    ----------
    volume : Volume
        CT in Hounsfield units.
    labels : LabelMap
        Regions to look in, on the same grid: drawn around the coronary arteries, say.
    segments : sequence of str
        Names of regions, all where empty; each is summed by itself.
    threshold_hu : float
    minimum_area_mm2 : float
        Lesions (8-connected in a slice) with less area are noise and left out.
    threshold_uncertainty_hu : float
        Worked out again at plus and minus this much.
    mass_per_hu : float
        Calibration of this scanner, mg/cm³ per HU, from a phantom; 0 where it is not known, then no mass is given.

    Returns
    -------
    Measurements
        Score, volume, number of lesions, density sum and, with a calibration, mass. 0 where there is nothing.

    Raises
    ------
    InputError
        If the values are no Hounsfield units, or there is no segment of a name.
    EmptyResultError
        If no region holds a voxel.
    GeometryError
        If the labels lie on another grid.
    """
    if not volume.is_hounsfield:
        raise InputError("calcium-like sums need CT in Hounsfield units; say --modality CT if the file does not")
    volume.geometry.require_same(labels.geometry, "the segmentation")
    warnings = _conditions(volume)
    items: list[Measurement] = []
    for name in segments or [s.name for s in labels.segments]:
        region = labels.mask(name)
        if not region.any():
            continue
        levels = [threshold_hu + d for d in (0.0, -threshold_uncertainty_hu, threshold_uncertainty_hu)]
        sums = [_sums(volume, region, level, minimum_area_mm2) for level in levels[: 3 if levels[1] < levels[0] else 1]]
        items += _rows(sums, name, warnings, threshold_uncertainty_hu, mass_per_hu, volume.geometry)
    if not items:
        raise EmptyResultError("no region holds a voxel, so there is nowhere to look; draw one")
    return Measurements(tuple(items))


def _sums(volume: Volume, region: Array, threshold: float, minimum_area: float) -> Sums:
    """Score, counted voxels, lesions, and sum of HU over the counted voxels."""
    grid = volume.geometry
    pixel = float(np.linalg.norm(np.cross(grid.affine[:3, 1], grid.affine[:3, 2])))
    bright = region & (volume.voxels >= threshold)
    counted = np.zeros_like(bright)
    score = 0.0
    for k in np.flatnonzero(bright.any(axis=(1, 2))):
        pieces, count = ndimage.label(bright[k], structure=np.ones((3, 3)))
        areas = np.bincount(pieces.ravel(), minlength=count + 1) * pixel
        peaks = ndimage.maximum(volume.voxels[k], pieces, np.arange(count + 1))
        kept = areas >= minimum_area
        kept[0] = False
        weights = 1 + np.searchsorted(WEIGHT_LEVELS_HU, peaks, side="right")
        score += float((areas * weights)[kept].sum())
        counted[k] = kept[pieces]
    _, lesions = ndimage.label(counted, structure=np.ones((3, 3, 3)))
    values = volume.voxels[counted].astype(np.float64)
    return {
        "score": score * grid.slice_distance_mm / REFERENCE_SLICE_MM,
        "volume": len(values) * grid.voxel_volume_mm3,
        "lesions": float(lesions),
        "sum": float(values.sum()) * grid.voxel_volume_mm3,
    }


def _rows(
    sums: list[Sums], of: str, warnings: tuple[str, ...], hu: float, mass_per_hu: float, grid: Geometry
) -> list[Measurement]:
    names = {
        "score": define.CALCIUM_SCORE,
        "volume": define.CALCIUM_VOLUME,
        "lesions": define.CALCIUM_LESIONS,
        "sum": define.DENSITY_SUM,
    }
    rows = []
    for key, definition in names.items():
        parts = _varied([s[key] for s in sums], hu)
        if key == "volume":
            surface = np.sqrt(max(0.0, sums[0][key] / grid.voxel_volume_mm3))
            parts = (Contribution("voxel spacing", 0.5 * grid.voxel_volume_mm3 * float(surface)), *parts)
        rows.append(Measurement(definition, sums[0][key], of, parts, (), warnings))
    if mass_per_hu:
        masses = [s["sum"] * mass_per_hu / 1000.0 for s in sums]
        rows.append(Measurement(define.CALCIUM_MASS, masses[0], of, _varied(masses, hu), (), warnings))
    return rows


def _varied(values: list[float], hu: float) -> tuple[Contribution, ...]:
    return (of_threshold(values[0], values[1], values[2], hu),) if len(values) == 3 else ()


def _conditions(volume: Volume) -> tuple[str, ...]:
    """Where the acquisition is not what the score was defined for."""
    acquisition, distance = volume.source.acquisition, volume.geometry.slice_distance_mm
    found = []
    if abs(distance - REFERENCE_SLICE_MM) > 0.1:
        found.append(f"slices lie {distance:.2f} mm apart, not 3 mm: the score is scaled, and not comparable to others")
    thickness = acquisition.slice_thickness_mm
    if thickness and abs(thickness - REFERENCE_SLICE_MM) > 0.1:
        found.append(f"slices are {thickness:.2f} mm thick, not 3 mm: noise and blur change which voxels count")
    if acquisition.kvp is None:
        found.append("the tube voltage is not known; the threshold is meant for 120 kV")
    elif abs(acquisition.kvp - USUAL_KVP) > 1:
        found.append(f"the tube voltage is {acquisition.kvp:g} kV; the threshold is meant for 120 kV")
    if acquisition.contrast_agent:
        found.append("contrast medium was given: it counts as calcium where it is brighter than the threshold")
    return tuple(found)
