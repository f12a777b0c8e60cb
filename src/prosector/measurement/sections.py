"""Sections across a vessel: where its wall lies, to a fraction of a voxel.

Rays run from the centreline outward in the plane perpendicular to it. With a volume, the wall is where the value
falls half way from the lumen's level in this section to the surroundings' level beside that ray: on a blurred edge
the half level stays where the edge was, whatever the contrast, so partial volume is accounted for. What a blur as
wide as the vessel itself moves (the edge is not straight) is worked out from how steep the fall is. Without a
volume the wall is the half level of the label, slightly smoothed.

A section holds what can be seen from its centre: the connected piece around the centreline, star-shaped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from prosector.errors import EmptyResultError
from prosector.kernels.sections import polar_samples
from prosector.measurement.centerline_frames import frames, tangents
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap
from prosector.model.volume import Volume

ANGLES = 96
SAMPLES = 96

LABEL_SIGMA = 0.6
"""Smoothing of a label in voxels along each axis: the least that turns stairs into slopes."""

CORE = 0.4
"""The lumen's level is the mean within this share of the radius."""

SURROUNDINGS = (1.5, 3.5)
"""The level around is the median from here to there beyond the wall, in voxels."""

LABEL_REACH = 2.0
"""With a label and a volume, the wall is looked for within this many voxels of the label's."""

OPEN_SHARE = 0.1
"""A section is cut open where more than this share of its rays meets no wall."""

AIR_BELOW_HU, WALL_HU = -200.0, 40.0
"""Where lung or gas lies beside a vessel of a CT, the vessel's own wall, too thin to be seen, is what bounds the
lumen; it counts as the surroundings. Not so where gas is on all sides: a tube in air has no other wall."""

SHORTEST_WAVE = 6.0
"""Waves of the rim shorter than this many voxels are noise; three waves around are kept however narrow the vessel."""

ALONG_SIGMA = 0.7
"""Walls are averaged along the vessel with a Gaussian of this many voxels: less than any blur of the images."""

# Half-level radius of a blurred disc against its true radius, by how much of the fall from lumen to half level is
# still to come at four fifths of the radius. Worked out for a disc under a Gaussian blur of σ = radius / 2 … 12;
# a narrower vessel cannot be told from a narrower blur.
_STEEPNESS = (0.336, 0.378, 0.434, 0.495, 0.556, 0.667, 0.759, 0.886, 0.953, 1.0)
_GROWTH = (1.0294, 1.0525, 1.0491, 1.0401, 1.0319, 1.0206, 1.0142, 1.0079, 1.0050, 1.0)


@dataclass(frozen=True, eq=False)
class Sections:
    """Rims of planes across a centreline.

    Parameters
    ----------
    centers_lps, along, across, upward : (n, 3) array
        Centre of each section and its frame, LPS; ``along`` is perpendicular to the plane.
    radii_mm : (n, angles) array
        From the centre to the wall, at even angles from ``across`` towards ``upward``; NaN where a ray meets none.
    lower_mm, higher_mm : (n, angles) array
        The same with the wall's level moved down and up by the stated threshold change.
    voxel_mm : (n,) array
        Mean grid step within the plane.
    is_open : (n,) bool array
        Whether the rim is cut open: by the volume's border, by a branch or by the end of the vessel.
    unresolved : (n,) bool array
        Whether the vessel is so narrow against the blur that its width is not known.
    from_volume : bool
        Whether values were used, or the label only.
    """

    centers_lps: Array
    along: Array
    across: Array
    upward: Array
    radii_mm: Array
    lower_mm: Array
    higher_mm: Array
    voxel_mm: Array
    is_open: Array
    unresolved: Array
    from_volume: bool

    def rim_lps(self, number: int) -> Array:
        """(angles, 3) points of the rim of one section, LPS mm; without those that meet no wall."""
        radii = self.radii_mm[number]
        x, y = _circle(radii.size) * radii
        rim = self.centers_lps[number] + np.outer(x, self.across[number]) + np.outer(y, self.upward[number])
        return np.asarray(rim[np.isfinite(radii)])


@dataclass(frozen=True, eq=False)
class Field:
    """Values on a crop of a grid, ready to be sampled: float32 (k, j, i), and where they lie."""

    values: Array
    geometry: Geometry


def crop_field(values: Array, geometry: Geometry, points_lps: Array, margin_mm: float) -> Field:
    """The part of a grid within a margin around points, as float32."""
    index = geometry.to_index(points_lps)
    reach = np.linalg.norm(geometry.inverse[:3, :3], axis=1) * margin_mm
    low = np.clip(np.floor(index.min(axis=0) - reach), 0, np.array(geometry.shape) - 1).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + reach) + 1, low + 1, geometry.shape).astype(int)
    part = values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    affine = geometry.affine.copy()
    affine[:3, 3] = geometry.to_lps(low)
    return Field(np.ascontiguousarray(part, dtype=np.float32), Geometry(part.shape, affine))


def label_field(mask: Array, geometry: Geometry, points_lps: Array, margin_mm: float) -> Field:
    """A mask as a smooth field around points: 1 inside, 0 outside, the wall at one half."""
    crop = crop_field(mask, geometry, points_lps, margin_mm)
    return replace(crop, values=ndimage.gaussian_filter(crop.values, LABEL_SIGMA, mode="nearest"))


def measure_sections(
    points_lps: Array,
    radii_mm: Array,
    *,
    volume: Volume | None = None,
    labels: LabelMap | None = None,
    segment: str | None = None,
    threshold_change: float = 25.0,
) -> Sections:
    """Find the wall around each point of a centreline.

    Parameters
    ----------
    points_lps : (n, 3) array
        In order, LPS mm.
    radii_mm : (n,) array
        About how wide the vessel is: rays reach 2.5 times as far and 5 voxels more.
    volume : Volume, optional
        Bright lumen in darker surroundings.
    labels : LabelMap, optional
        The lumen. With a volume, it says where about the wall is; the volume says where exactly.
    segment : str, optional
        Name of the lumen's segment; without it all of them.
    threshold_change : float
        By how much the wall's level is moved to see how the sizes depend on it, in the volume's unit.

    Raises
    ------
    EmptyResultError
        If there is neither volume nor labels.
    """
    if volume is None and labels is None:
        raise EmptyResultError("sections are measured in a volume, in labels or in both; found neither")
    points = np.asarray(points_lps, dtype=np.float64)
    along = tangents(points)
    across, upward = frames(points, along)
    geometry = volume.geometry if volume is not None else labels.geometry  # type: ignore[union-attr]
    voxel = _voxel_in_plane(geometry, across, upward)
    hint = np.asarray(radii_mm, dtype=np.float64)
    planes = _Planes(points, across, upward, (2.5 * hint + 5 * voxel) / (SAMPLES - 1), voxel)
    margin = float((planes.steps * SAMPLES).max()) + 2 * max(geometry.spacing_mm)
    fields = _Fields(
        None if labels is None else label_field(labels.mask(segment), labels.geometry, points, margin),
        None if volume is None else crop_field(volume.voxels, volume.geometry, points, margin),
        threshold_change,
        volume is not None and volume.is_hounsfield,
    )
    first = _found(planes, fields, hint)
    # a second look from the middle of what was seen: rays meet the wall squarely, the core is in the lumen
    again = replace(planes, centers=points + _calmed(_to_middle(first.walls, planes), planes))
    found = _found(again, fields, np.where(_is_open(first.walls), hint, np.sqrt(_mean(first.walls**2))))
    return Sections(
        again.centers, along, across, upward, found.walls, found.lower, found.higher, voxel, _is_open(found.walls),
        found.unresolved, volume is not None,
    )  # fmt: skip


def _to_middle(walls: Array, planes: _Planes) -> Array:
    """(n, 3) way from each centre to the centroid of its section, LPS mm; none where it is open, at most 0.7 radii."""
    x, y = _circle(ANGLES)
    cubes, squares = np.nan_to_num(walls) ** 3, np.nan_to_num(walls) ** 2
    area = np.maximum(squares.sum(axis=1), 1e-12)
    aside = 2 / 3 * np.stack([(cubes * x).sum(axis=1), (cubes * y).sum(axis=1)], axis=1) / area[:, None]
    far = np.linalg.norm(aside, axis=1)
    most = 0.7 * np.sqrt(area / ANGLES)
    aside = aside * np.where(_is_open(walls), 0.0, np.minimum(1.0, most / np.maximum(far, 1e-12)))[:, None]
    return np.asarray(aside[:, :1] * planes.across + aside[:, 1:] * planes.upward)


def _calmed(values: Array, planes: _Planes) -> Array:
    """Rows averaged with their neighbours along the vessel, where these lie within a voxel; NaN counts for nothing."""
    step = np.linalg.norm(np.diff(planes.centers, axis=0), axis=1).mean()
    sigma = ALONG_SIGMA * float(planes.voxel.mean() / step)
    if sigma < 0.3:
        return values
    known = np.isfinite(values)
    weight = ndimage.gaussian_filter1d(known.astype(np.float64), sigma, axis=0, mode="nearest")
    total = ndimage.gaussian_filter1d(np.where(known, values, 0.0), sigma, axis=0, mode="nearest")
    return np.where(known, total / np.maximum(weight, 1e-6), np.nan)


def _is_open(walls: Array) -> Array:
    return np.asarray(np.isnan(walls).mean(axis=1) > OPEN_SHARE)


@dataclass(frozen=True, eq=False)
class _Fields:
    """What is sampled, by how much the wall's level is moved, and whether values are Hounsfield units."""

    label: Field | None
    value: Field | None
    change: float
    hounsfield: bool


@dataclass(frozen=True, eq=False)
class _Found:
    """Walls (n, angles) as found, and at a level below and above."""

    walls: Array
    lower: Array
    higher: Array
    unresolved: Array


def _found(planes: _Planes, fields: _Fields, radius: Array) -> _Found:
    """Walls around the centres, about ``radius`` (n,) away."""
    hint = np.repeat(radius[:, None], ANGLES, axis=1)
    walls = None
    if fields.label is not None:
        profiles = planes.sample(fields.label)
        half = np.full(hint.shape, 0.5)
        walls = _rounded(_crossings(profiles, half, planes.steps), planes.steps, planes.voxel)
        walls = _calmed(walls + _growth(profiles, half, np.ones(len(walls)), walls, planes.steps)[0][:, None], planes)
        hint = np.where(np.isnan(walls), hint, walls)
        if fields.value is None:
            return _Found(walls, walls, walls, np.zeros(len(walls), dtype=bool))
    assert fields.value is not None
    return _half_levels(planes.sample(fields.value), hint, walls, planes, fields)


@dataclass(frozen=True, eq=False)
class _Planes:
    """Where the rays run."""

    centers: Array
    across: Array
    upward: Array
    steps: Array
    voxel: Array

    def sample(self, field: Field) -> Array:
        """(n, angles, samples) values along the rays."""
        inverse = field.geometry.inverse[:3, :3]
        out = np.empty((len(self.centers), ANGLES, SAMPLES), dtype=np.float32)
        polar_samples(
            field.values,
            np.ascontiguousarray(field.geometry.to_index(self.centers)),
            np.ascontiguousarray(self.across @ inverse.T),
            np.ascontiguousarray(self.upward @ inverse.T),
            np.ascontiguousarray(self.steps),
            out,
        )
        return out


def _half_levels(profiles: Array, hint: Array, given: Array | None, planes: _Planes, fields: _Fields) -> _Found:
    """Walls at the half level, those at half a threshold change below and above, and which are unresolved."""
    steps, voxel = planes.steps, planes.voxel
    # a little smoothing from ray to ray, over less than a voxel of rim: noise must not end a ray early
    width = np.clip(voxel / (2 * np.pi * np.median(hint, axis=1) / ANGLES) / 2.4, 0.3, 4.0)
    calm = np.stack(
        [ndimage.gaussian_filter1d(p, w, axis=0, mode="wrap") for p, w in zip(profiles, width, strict=True)]
    )
    about = hint
    for _ in range(2):
        lumen = _core_level(calm, np.nanmedian(about, axis=1), steps)
        around = _surroundings(calm, about, lumen, steps, voxel)
        gas = (around < AIR_BELOW_HU) & fields.hounsfield
        if gas.mean() < 0.95:
            around = np.where(gas, np.minimum(WALL_HU, lumen[:, None] - 1), around)
        half = 0.5 * (lumen[:, None] + around)
        walls = _walls(calm, half, given, steps, voxel)
        about = np.where(np.isnan(walls).mean(axis=1)[:, None] > 0.9, hint, walls)
    growth, unresolved = _growth(calm, half, lumen, walls, steps)
    found = [walls, *(_walls(calm, half + sign * fields.change, given, steps, voxel) for sign in (-1, 1))]
    calmed = [_calmed(w + growth[:, None], planes) for w in found]
    return _Found(calmed[0], calmed[1], calmed[2], unresolved)


def _walls(profiles: Array, level: Array, given: Array | None, steps: Array, voxel: Array) -> Array:
    begin = None if given is None else np.where(np.isnan(given), 0.0, given - LABEL_REACH * voxel[:, None])
    found = _crossings(profiles, level, steps, begin)
    if given is not None:
        far = np.abs(found - given) > LABEL_REACH * voxel[:, None]
        late = far | (np.isnan(found) & np.isfinite(given))
        found = np.where(late, given, found)
    return _rounded(found, steps, voxel)


def _crossings(profiles: Array, level: Array, steps: Array, begin: Array | None = None) -> Array:
    """(n, angles) distance at which each ray first falls below its level; NaN where it does not, or leaves the grid."""
    at = np.arange(profiles.shape[2])
    outside = np.isnan(profiles)
    stops = (profiles < level[..., None]) | outside
    if begin is not None:
        stops &= at >= (begin / steps[:, None])[..., None]
    stops[..., 0] = False
    first = stops.argmax(axis=2)
    n, a = np.indices(first.shape)
    before, after = profiles[n, a, np.maximum(first - 1, 0)], profiles[n, a, first]
    drop = before - after
    share = np.divide(before - level, drop, out=np.zeros(first.shape), where=drop > 0)
    found = steps[:, None] * (first - 1 + np.clip(share, 0, 1))
    return np.where((first > 0) & ~outside[n, a, first], found, np.nan)


def _core_level(profiles: Array, radius: Array, steps: Array) -> Array:
    at = np.arange(profiles.shape[2]) * steps[:, None]
    core = np.where((at <= CORE * radius[:, None])[:, None, :], profiles, np.nan)
    return np.asarray(np.nanmean(core.reshape(len(core), -1), axis=1), dtype=np.float64)


def _surroundings(profiles: Array, walls: Array, lumen: Array, steps: Array, voxel: Array) -> Array:
    """(n, angles) level beside each ray's wall; the section's own where a ray has none that is darker."""
    filled = np.where(np.isnan(walls), np.nanmedian(walls, axis=1, keepdims=True), walls)
    places = np.linspace(*SURROUNDINGS, 5)
    at = (filled[..., None] + places * voxel[:, None, None]) / steps[:, None, None]
    low = np.clip(at.astype(int), 0, profiles.shape[2] - 2)
    n, a, _ = np.indices(low.shape)
    part = np.clip(at - low, 0, 1)
    values = (1 - part) * profiles[n, a, low] + part * profiles[n, a, low + 1]
    values = np.where(values < lumen[:, None, None], values, np.nan)
    missing = np.asarray(np.isnan(values).all(axis=2))
    values[missing, 0] = 0.0
    level = np.where(missing, np.nan, np.nanmedian(values, axis=2))
    empty = missing.all(axis=1)
    level[empty, 0] = 0.0
    level = np.where(np.isnan(level), np.nanmedian(level, axis=1, keepdims=True), level)
    level[empty] = lumen[empty, None] - 1.0
    return np.asarray(ndimage.median_filter(level, size=(1, 9), mode="wrap"))


def _growth(profiles: Array, half: Array, lumen: Array, walls: Array, steps: Array) -> tuple[Array, Array]:
    """(n,) mm that the true wall lies outside the half level, and whether the blur is as wide as the vessel."""
    radius = np.sqrt(_mean(walls**2))
    at = np.maximum(np.nan_to_num(walls - 0.2 * radius[:, None]), 0.0) / steps[:, None]
    low = np.clip(at.astype(int), 0, profiles.shape[2] - 2)
    n, a = np.indices(low.shape)
    part = at - low
    values = (1 - part) * profiles[n, a, low] + part * profiles[n, a, low + 1]
    steep = _mean(np.where(np.isnan(walls), np.nan, (values - half) / np.maximum(lumen[:, None] - half, 1e-6)))
    return radius * (np.interp(steep, _STEEPNESS, _GROWTH) - 1), steep < _STEEPNESS[0]


def _mean(values: Array) -> Array:
    """(n,) mean of what there is in each row, 1 where there is nothing."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1) + ~known.any(axis=1)
    return np.asarray(total / np.maximum(known.sum(axis=1), 1))


def _rounded(walls: Array, steps: Array, voxel: Array) -> Array:
    """Walls without single rays gone astray and without waves too short for the voxels."""
    middle = np.nanmedian(np.where(np.isnan(walls).all(axis=1, keepdims=True), 0.0, walls), axis=1)
    filled = np.where(np.isnan(walls), middle[:, None], walls)
    calm = ndimage.median_filter(filled, size=(1, 11), mode="wrap")
    astray = np.abs(filled - calm) > np.maximum(0.25 * calm, voxel[:, None])
    filled = np.where(astray, calm, filled)
    waves = np.arange(ANGLES // 2 + 1)
    most = np.maximum(3.0, 2 * np.pi * middle / (SHORTEST_WAVE * voxel))[:, None]
    kept = np.fft.irfft(np.fft.rfft(filled, axis=1) * np.clip(most + 1 - waves, 0, 1), n=ANGLES, axis=1)
    return np.where(np.isnan(walls) & ~astray, np.nan, np.maximum(kept, 0.05 * steps[:, None]))


def _voxel_in_plane(geometry: Geometry, across: Array, upward: Array) -> Array:
    """(n,) mean over directions within each plane of the distance between grid planes met along it."""
    x, y = _circle(24)
    ways = across[:, None, :] * x[:, None] + upward[:, None, :] * y[:, None]
    return np.asarray((1 / np.linalg.norm(ways @ geometry.inverse[:3, :3].T, axis=2)).mean(axis=1))


def _circle(count: int) -> Array:
    turn = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(turn), np.sin(turn)])
