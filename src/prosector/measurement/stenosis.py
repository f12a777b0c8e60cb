"""How narrow a vessel is: percent stenosis by NASCET, by ECST and by area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import EmptyResultError, ParameterError
from prosector.measurement.centerline_profile import Look, Profile, path_profile
from prosector.measurement.definitions_vessel import (
    AREA,
    AREA_STENOSIS,
    ECST,
    LESION_LENGTH,
    NARROWEST,
    NASCET,
    ORIGINAL,
    POSITION,
    REFERENCE,
)
from prosector.model.centerlines import Centerlines
from prosector.model.geometry import Array
from prosector.model.measurement import Contribution, Definition, Measurement, Measurements

NARROWED = 0.9
"""Below this share of what the healthy vessel lets expect, it is narrowed."""

REFERENCE_MM = 10.0
"""Length of a reference segment that is found automatically."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Where:
    """Ranges along the line, mm from its start; None: to be found."""

    lesion_mm: Range | None = None
    proximal_mm: Range | None = None
    distal_mm: Range | None = None


AUTOMATIC = Where()


@dataclass(frozen=True)
class _Stretch:
    """A narrowing: sections from ``first`` to ``last``, narrowest at ``at``."""

    first: int
    last: int
    at: int
    length_mm: float


def measure_stenosis(centerlines: Centerlines, look: Look, where: Where = AUTOMATIC, end: int = 0) -> Measurements:
    """Measure the narrowest place of a vessel against reference segments.

    Without ranges, what the healthy vessel lets expect is a straight line through the circular-equivalent
    diameters, fitted again and again without the narrowed sections; the narrowing is where the diameter is the
    smallest share of it, and the references are the ``REFERENCE_MM`` before and after, half a diameter away.

    Parameters
    ----------
    centerlines : Centerlines
        From proximal to distal.
    look : Look
    where : Where
        Ranges that the user chose.
    end : int
        Which end of a tree the line goes to, from 1; 0 for the longest way.

    Raises
    ------
    ParameterError
        If a range holds no whole section, or there is no such end.
    EmptyResultError
        If there is no healthy vessel beside the narrowing: choose the references.
    """
    profile = path_profile(centerlines, look, end)
    if profile.counts.sum() < 5:
        raise EmptyResultError("fewer than five whole sections along the vessel: nothing to compare")
    lesion = _lesion(profile, where.lesion_mm)
    half = 0.5 * float(np.median(profile.sizes.equivalent[profile.counts]))
    start, stop = profile.arc_mm[lesion.first] - half, profile.arc_mm[lesion.last] + half
    distal = _segment(profile, where.distal_mm, (stop, stop + REFERENCE_MM))
    proximal = _segment(profile, where.proximal_mm, (start - REFERENCE_MM, start))
    if distal is None and proximal is None:
        raise EmptyResultError("no healthy vessel beside the narrowing: choose the reference segments")
    items, warnings = _results(profile, lesion, proximal, distal)
    return Measurements(items, (profile.curve(),), warnings=(*warnings, *profile.warnings()))


def _lesion(profile: Profile, chosen: Range | None) -> _Stretch:
    diameter, arc = profile.sizes.equivalent, profile.arc_mm
    if chosen is not None:
        inside = _within(profile, chosen, "lesion")
        at = int(inside[np.argmin(diameter[inside])])
        return _Stretch(int(inside[0]), int(inside[-1]), at, float(arc[inside[-1]] - arc[inside[0]]))
    share = np.where(profile.counts, diameter / expected(arc, diameter, profile.counts), np.inf)
    at = int(share.argmin())
    first = last = at
    while first > 0 and share[first - 1] < NARROWED:
        first -= 1
    while last < len(share) - 1 and share[last + 1] < NARROWED:
        last += 1
    return _Stretch(first, last, at, float(arc[last] - arc[first]) if share[at] < NARROWED else 0.0)


def expected(arc: Array, diameter: Array, counts: Array) -> Array:
    """(n,) diameter of the healthy vessel: a straight line through what is not narrowed."""
    used = counts.copy()
    fit = np.full(len(arc), np.nanmedian(diameter[counts]))
    for _ in range(20):
        line = np.polynomial.Polynomial.fit(arc[used], diameter[used], 1)
        fit = np.maximum(line(arc), 0.1 * float(np.nanmedian(diameter[counts])))
        kept = counts & (diameter > 0.95 * fit)
        if kept.sum() < max(5, counts.sum() // 4) or np.array_equal(kept, used):
            break
        used = kept
    return np.asarray(fit)


def _within(profile: Profile, chosen: Range, what: str) -> Array:
    inside = np.flatnonzero(
        (profile.arc_mm >= min(chosen)) & (profile.arc_mm <= max(chosen)) & ~profile.sections.is_open
    )
    if not len(inside):
        raise ParameterError(
            f"the {what} range {min(chosen):g}–{max(chosen):g} mm holds no whole section; the vessel is "
            f"{profile.arc_mm[-1]:.1f} mm long"
        )
    return inside


def _segment(profile: Profile, chosen: Range | None, found: Range) -> Array | None:
    """Sections of a reference segment; None where none is left."""
    if chosen is not None:
        return _within(profile, chosen, "reference")
    inside = (profile.arc_mm >= found[0]) & (profile.arc_mm <= found[1]) & profile.counts
    return np.flatnonzero(inside) if inside.sum() >= 3 else None


def _results(
    profile: Profile, lesion: _Stretch, proximal: Array | None, distal: Array | None
) -> tuple[tuple[Measurement, ...], tuple[str, ...]]:
    warnings = []
    if lesion.length_mm == 0:
        warnings.append("no narrowing of more than 10 % was found: the narrowest place may be chance")
    if distal is None:
        warnings.append("no healthy vessel distal to the narrowing: the proximal segment is the reference")
    if proximal is None:
        warnings.append("no healthy vessel proximal to the narrowing: the original lumen is taken as the distal one")
    reference = distal if distal is not None else proximal
    assert reference is not None
    sides = [s for s in (proximal, distal) if s is not None]
    items = [profile.measured("equivalent", lesion.at, NARROWEST)]
    items.append(_mean_of(profile, reference, REFERENCE))
    items.append(_original(profile, lesion.at, sides))
    narrow, width, original = items
    area = _mean_area(profile, reference)
    items += [
        _percent(NASCET, narrow, width),
        _percent(ECST, narrow, original),
        _percent(AREA_STENOSIS, profile.measured("area", lesion.at), area),
        _place(profile, POSITION, float(profile.arc_mm[lesion.at]), lesion.at),
        _place(profile, LESION_LENGTH, lesion.length_mm, lesion.at),
    ]
    return tuple(items), tuple(warnings)


def _mean_of(profile: Profile, which: Array, definition: Definition, field: str = "equivalent") -> Measurement:
    every = [profile.measured(field, int(n), definition) for n in which]
    parts = [
        Contribution(same[0].source, float(np.mean([c.half_width for c in same])))
        for same in zip(*(m.contributions for m in every), strict=True)
    ]
    middle = every[len(every) // 2]
    return Measurement(
        definition,
        float(np.mean([m.value for m in every])),
        profile.of,
        tuple(parts),
        middle.where_lps,
        middle.warnings,
    )


def _mean_area(profile: Profile, which: Array) -> Measurement:
    return _mean_of(profile, which, AREA, "area")


def _original(profile: Profile, at: int, sides: list[Array]) -> Measurement:
    means = [_mean_of(profile, side, ORIGINAL) for side in sides]
    middles = [float(np.mean(profile.arc_mm[side])) for side in sides]
    value = float(np.interp(profile.arc_mm[at], middles, [m.value for m in means]))
    widest = max(means, key=lambda m: m.uncertainty or 0.0)
    return Measurement(ORIGINAL, value, profile.of, widest.contributions, profile.rim(at))


def _percent(definition: Definition, narrow: Measurement, reference: Measurement) -> Measurement:
    """1 − narrow ÷ reference; walls of both places are independent, a moved threshold moves both."""
    value = 100 * (1 - narrow.value / reference.value)
    parts = []
    for a, b in zip(narrow.contributions, reference.contributions, strict=True):
        one, two = a.half_width / reference.value, narrow.value * b.half_width / reference.value**2
        both = abs(one - two) if a.source.startswith("threshold") else float(np.hypot(one, two))
        parts.append(Contribution(a.source, 100 * both))
    warnings = tuple(dict.fromkeys((*narrow.warnings, *reference.warnings)))
    return Measurement(definition, value, narrow.of, tuple(parts), narrow.where_lps, warnings)


def _place(profile: Profile, definition: Definition, value: float, at: int) -> Measurement:
    half = 0.5 * float(profile.sections.voxel_mm[at])
    return Measurement(definition, value, profile.of, (Contribution("voxel spacing", half),), profile.rim(at))
