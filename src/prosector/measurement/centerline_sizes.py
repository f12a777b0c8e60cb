"""All sizes along every branch of a centreline."""

from __future__ import annotations

import numpy as np

from prosector.measurement.centerline_profile import Look, Profile, profile_of
from prosector.measurement.definitions_vessel import CENTERLINE_LENGTH, SECTION_ROWS, over_branch
from prosector.model.centerlines import Branch, Centerlines
from prosector.model.geometry import Array
from prosector.model.measurement import Contribution, Curve, Measurement, Measurements, Point

ENDS = {"smallest": np.nanargmin, "largest": np.nanargmax}


def measure_vessel(centerlines: Centerlines, look: Look, at_mm: tuple[float, ...] = ()) -> Measurements:
    """Lengths, and diameters, areas and perimeters of the sections along each branch.

    Parameters
    ----------
    centerlines : Centerlines
    look : Look
    at_mm : tuple of float
        Lengths from the start of each branch at which all sizes are given too; those beyond its end are passed over.

    Returns
    -------
    Measurements
        For each branch its length and the smallest and largest of each size; one curve for each branch.

    Raises
    ------
    EmptyResultError
        If there is neither volume nor labels to measure in.
    """
    ends = [n for b in centerlines.branches for n in (b.start, b.end)]
    items: list[Measurement] = []
    curves: list[Curve] = []
    warnings: list[str] = []
    for branch in centerlines.branches:
        profile = profile_of(branch, look, (ends.count(branch.start) > 1, ends.count(branch.end) > 1))
        items += [_length(branch, profile), *_extremes(profile), *_at(profile, at_mm)]
        curves.append(profile.curve())
        warnings += profile.warnings()
    return Measurements(tuple(items), tuple(curves), warnings=tuple(dict.fromkeys(warnings)))


def _length(branch: Branch, profile: Profile) -> Measurement:
    places = tuple(_point(p) for p in branch.points_lps[[0, -1]])
    half = 0.5 * np.sqrt(2) * float(np.mean(profile.sections.voxel_mm))
    return Measurement(CENTERLINE_LENGTH, branch.length_mm, profile.of, (Contribution("voxel spacing", half),), places)


def _extremes(profile: Profile) -> list[Measurement]:
    if not profile.counts.any():
        return []
    found = []
    for field, row in SECTION_ROWS.items():
        values = np.where(profile.counts, getattr(profile.sizes, field), np.nan)
        found += [profile.measured(field, int(pick(values)), over_branch(row, which)) for which, pick in ENDS.items()]
    return found


def _at(profile: Profile, at_mm: tuple[float, ...]) -> list[Measurement]:
    found = []
    for place in at_mm:
        n = int(np.abs(profile.arc_mm - place).argmin())
        if 0 <= place <= profile.arc_mm[-1] and not profile.sections.is_open[n]:
            found += [profile.measured(field, n) for field in SECTION_ROWS]
    return found


def _point(place: Array) -> Point:
    return float(place[0]), float(place[1]), float(place[2])
