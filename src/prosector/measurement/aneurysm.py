"""How wide and long an aneurysm is, and the neck before it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prosector.errors import EmptyResultError, ParameterError
from prosector.measurement.centerline_profile import Look, Profile, path_profile, profile_of
from prosector.measurement.definitions_vessel import (
    NECK_DIAMETER,
    NECK_LENGTH,
    POSITION,
    RATIO,
    REFERENCE,
    SAC_EQUIVALENT,
    SAC_FERET,
    SAC_LENGTH,
    SAC_OUTER,
    SAC_VOLUME,
)
from prosector.model.centerlines import Branch, Centerlines
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.measurement import Contribution, Definition, Measurement, Measurements

NECK_TOLERANCE = 1.1
"""The vessel counts as not widened up to this many times its reference diameter."""

RISE = 1.15
"""Away from the aneurysm the search for the neck ends where the vessel is this many times wider than its least."""

ANEURYSM_FROM = 1.5
"""Dilatation from which on one speaks of an aneurysm (Johnston et al., 1991)."""


@dataclass(frozen=True, eq=False)
class _Side:
    """The vessel on one side of the sac: sections of its even stretch next to the sac, and the reference diameter."""

    even: Array
    reference: float


def measure_aneurysm(
    centerlines: Centerlines,
    look: Look,
    *,
    reference_mm: tuple[float, float] | None = None,
    thrombus: str | None = None,
    end: int = 0,
) -> Measurements:
    """Measure the widest place of a vessel, the sac around it and the neck before it.

    The sac reaches from the widest section to where the circular-equivalent diameter falls to 110 % of the reference
    diameter on either side. A side's reference is the median of the even stretch (within 10 % of its least diameter)
    that lies between the sac and the place where the vessel widens again.

    Parameters
    ----------
    centerlines : Centerlines
        From proximal to distal.
    look : Look
    reference_mm : (float, float), optional
        Range along the line, mm from its start, whose mean diameter is the proximal reference.
    thrombus : str, optional
        Segment of the thrombus in the labels; with it the outer diameter is measured, of lumen and thrombus.
    end : int
        Which end of a tree the line goes to, from 1; 0 for the longest way.

    Raises
    ------
    ParameterError
        If the reference range holds no whole section, there is no such end, or a thrombus is named without labels.
    EmptyResultError
        If fewer than five sections are whole.
    """
    profile = path_profile(centerlines, look, end)
    if profile.counts.sum() < 5:
        raise EmptyResultError("fewer than five whole sections along the vessel: nothing to compare")
    diameter = _filled(profile)
    widest = int(np.where(profile.counts, diameter, -np.inf).argmax())
    before = _side(profile, diameter, widest, -1)
    after = _side(profile, diameter, widest, 1)
    if reference_mm is not None:
        before = _Side(before.even, _chosen(profile, reference_mm))
    first = _border(diameter, widest, -1, before.reference)
    last = _border(diameter, widest, 1, after.reference)
    items = _sac(profile, diameter, (first, last), before.reference)
    if thrombus is not None:
        items.append(_outer(profile.line, look, thrombus, (first, last)))
    neck, warnings = _neck(profile, diameter, first, before.reference)
    ratio = items[0].value / before.reference
    if ratio < ANEURYSM_FROM:
        warnings.append(f"the vessel is {ratio:.2f} times as wide as its reference: less than {ANEURYSM_FROM:g}")
    if first == 0 or last == len(diameter) - 1:
        warnings.append("the widening reaches the end of the centreline: its length and volume are cut off")
    return Measurements((*items, *neck), (profile.curve(),), warnings=(*warnings, *profile.warnings()))


def _filled(profile: Profile) -> Array:
    """Circular-equivalent diameters; those that do not count are filled from their neighbours."""
    known = np.flatnonzero(profile.counts)
    return np.interp(np.arange(len(profile.arc_mm)), known, profile.sizes.equivalent[known])


def _side(profile: Profile, diameter: Array, widest: int, way: int) -> _Side:
    """Walk away from the widest place as long as the vessel does not widen again."""
    stop = widest
    least = float(diameter[widest])
    at = widest
    while 0 <= at + way < len(diameter):
        at += way
        if not profile.counts[at]:
            continue
        if diameter[at] > RISE * least:
            break
        least = min(least, float(diameter[at]))
        stop = at
    walked = np.arange(min(widest, stop), max(widest, stop) + 1)
    even = walked[(diameter[walked] <= NECK_TOLERANCE * least) & profile.counts[walked]]
    return _Side(even, float(np.median(diameter[even])) if len(even) else least)


def _chosen(profile: Profile, reference: tuple[float, float]) -> float:
    inside = (profile.arc_mm >= min(reference)) & (profile.arc_mm <= max(reference)) & ~profile.sections.is_open
    if not inside.any():
        raise ParameterError(f"the reference range {reference} mm holds no whole section")
    return float(profile.sizes.equivalent[inside].mean())


def _border(diameter: Array, widest: int, way: int, reference: float) -> int:
    at = widest
    while 0 <= at + way < len(diameter) and diameter[at] > NECK_TOLERANCE * reference:
        at += way
    return at


def _sac(profile: Profile, diameter: Array, sac: tuple[int, int], reference: float) -> list[Measurement]:
    inside = np.arange(sac[0], sac[1] + 1)
    whole = inside[~profile.sections.is_open[inside]]
    broadest = int(whole[np.argmax(profile.sizes.greatest_feret[whole])])
    roundest = int(whole[np.argmax(profile.sizes.equivalent[whole])])
    arc = profile.arc_mm
    area = np.pi / 4 * diameter[inside] ** 2
    volume = float(np.trapezoid(area, arc[inside]))
    wall = profile.wall_mm(roundest)
    equivalent = profile.measured("equivalent", roundest, SAC_EQUIVALENT)
    # a wall that lies farther out everywhere adds its area; walls of sections a voxel apart err independently
    surface = float(np.trapezoid(np.pi * diameter[inside], arc[inside]))
    independent = max(1.0, float(arc[inside[-1]] - arc[inside[0]]) / float(profile.sections.voxel_mm[roundest]))
    parts = [Contribution("voxel spacing", surface * wall / np.sqrt(independent))]
    parts += [Contribution(c.source, surface * c.half_width / 2) for c in equivalent.contributions[1:]]
    relative = tuple(Contribution(c.source, c.half_width / reference) for c in equivalent.contributions)
    return [
        equivalent,
        profile.measured("greatest_feret", broadest, SAC_FERET),
        _along(profile, SAC_LENGTH, sac),
        Measurement(SAC_VOLUME, volume, profile.of, tuple(parts), profile.rim(roundest)),
        Measurement(RATIO, equivalent.value / reference, profile.of, relative, profile.rim(roundest)),
        _along(profile, POSITION, (0, broadest)),
    ]


def _along(profile: Profile, definition: Definition, ends: tuple[int, int]) -> Measurement:
    length = float(profile.arc_mm[ends[1]] - profile.arc_mm[ends[0]])
    half = 0.5 * np.sqrt(2) * float(profile.sections.voxel_mm[ends[1]])
    places = profile.sections.centers_lps[list(ends)]
    where = tuple((float(x), float(y), float(z)) for x, y, z in places)
    return Measurement(definition, length, profile.of, (Contribution("voxel spacing", half),), where)


def _neck(profile: Profile, diameter: Array, first: int, reference: float) -> tuple[list[Measurement], list[str]]:
    """Reference and neck: sections before the sac within 10 % of the reference."""
    spacing = (Contribution("voxel spacing", profile.wall_mm(first) * np.sqrt(2)),)
    found = [Measurement(REFERENCE, reference, profile.of, spacing)]
    at = first
    low, high = reference / NECK_TOLERANCE, reference * NECK_TOLERANCE
    while at > 0 and low <= diameter[at - 1] <= high:
        at -= 1
    stretch = np.arange(at, first + 1)
    stretch = stretch[profile.counts[stretch]]
    if first == 0 or len(stretch) < 2:
        return found, ["no neck before the aneurysm: the centreline begins in it or the vessel tapers into it"]
    warnings = ["the neck reaches the start of the centreline: it may be longer"] if at == 0 else []
    middle = int(stretch[len(stretch) // 2])
    mean = float(diameter[stretch].mean())
    found.append(replace(profile.measured("equivalent", middle, NECK_DIAMETER), value=mean))
    found.append(_along(profile, NECK_LENGTH, (at, first)))
    return found, warnings


def _outer(branch: Branch, look: Look, thrombus: str, sac: tuple[int, int]) -> Measurement:
    """Greatest Feret diameter of lumen and thrombus, from the labels alone: thrombus has no such edge."""
    if look.labels is None:
        raise ParameterError("a thrombus is a segment of labels: give them")
    both = look.labels.mask(look.lumen) | look.labels.mask(thrombus)
    union = LabelMap(both.astype(np.uint8), look.labels.geometry, (replace(look.labels.segments[0], number=1),))
    part = slice(max(0, sac[0] - 1), sac[1] + 2)
    radii = np.full(len(branch.points_lps[part]), 1.5 * float(branch.radii_mm[part].max()))
    piece = Branch(branch.points_lps[part], radii, name=branch.name)
    outer = profile_of(piece, Look(labels=union))
    values = np.where(outer.counts, outer.sizes.greatest_feret, -np.inf)
    if not outer.counts.any():
        raise EmptyResultError("no section of lumen and thrombus is whole")
    return outer.measured("greatest_feret", int(values.argmax()), SAC_OUTER)
