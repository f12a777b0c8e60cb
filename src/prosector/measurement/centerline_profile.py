"""Sizes along a vessel: which sections count, and how far each size can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prosector.errors import ParameterError
from prosector.measurement.definitions_vessel import SECTION_ROWS
from prosector.measurement.sections import Sections, measure_sections
from prosector.measurement.sections_shape import Sizes, rim_sizes, sizes_of
from prosector.model.centerlines import Branch, Centerlines
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.measurement import Contribution, Curve, Definition, Measurement, Point
from prosector.model.volume import Volume

WALL_FROM_VOLUME, WALL_FROM_LABEL = 0.25, 0.5
"""A wall found in values is known to this part of a voxel, one from a label to half a voxel (tests hold both)."""

FEWEST_ACROSS = 4.0
"""Voxels across a lumen below which its width is not held to half a voxel."""

NODE_REACH = 1.2
"""Sections within this many radii of a bifurcation hold more than one vessel."""

END_SHARE = 0.6
"""A free end at which the inner radius falls below this share of the vessel's is the lumen's end, not a section."""


@dataclass(frozen=True)
class Look:
    """Where walls are looked for: volume, labels or both, and by how much the threshold is moved for uncertainty."""

    volume: Volume | None = None
    labels: LabelMap | None = None
    lumen: str | None = None
    threshold_change: float = 25.0

    def sections(self, points: Array, radii: Array) -> Sections:
        """Sections around points."""
        return measure_sections(
            points,
            radii,
            volume=self.volume,
            labels=self.labels,
            segment=self.lumen,
            threshold_change=self.threshold_change,
        )

    @property
    def threshold_words(self) -> str:
        """What the threshold's contribution is called."""
        unit = " HU" if self.volume is not None and self.volume.is_hounsfield else ""
        return f"threshold ±{self.threshold_change:g}{unit}"


@dataclass(frozen=True, eq=False)
class Profile:
    """Sizes along one line.

    ``line`` is what was measured along. ``counts`` (n,) says which sections are whole and lie neither in a
    bifurcation nor in the end of the lumen.
    """

    of: str
    arc_mm: Array
    sections: Sections
    sizes: Sizes
    lower: Sizes
    higher: Sizes
    counts: Array
    look: Look
    line: Branch

    def measured(self, field: str, at: int, definition: Definition | None = None) -> Measurement:
        """One size of one section as a measurement, shown by its rim."""
        value = float(getattr(self.sizes, field)[at])
        moved = [abs(float(getattr(s, field)[at]) - value) for s in (self.lower, self.higher)]
        spacing = self.wall_mm(at) * np.sqrt(2)
        scale = {"area": np.pi / 2 * float(self.sizes.equivalent[at]), "perimeter": np.pi}.get(field, 1.0)
        parts = [Contribution("voxel spacing", float(scale * spacing))]
        if self.sections.from_volume:
            parts.append(Contribution(self.look.threshold_words, float(np.nan_to_num(max(moved)))))
        return Measurement(
            definition or SECTION_ROWS[field], value, self.of, tuple(parts), self.rim(at), self.warnings_at(at)
        )

    def wall_mm(self, at: int) -> float:
        """Half width of a wall's place."""
        share = WALL_FROM_VOLUME if self.sections.from_volume else WALL_FROM_LABEL
        return share * float(self.sections.voxel_mm[at])

    def rim(self, at: int) -> tuple[Point, ...]:
        """Sixteen points of a section's rim."""
        rim = self.sections.rim_lps(at)
        chosen = rim[:: max(1, len(rim) // 16)]
        return tuple((float(x), float(y), float(z)) for x, y, z in chosen)

    def warnings_at(self, at: int) -> tuple[str, ...]:
        """Why one section may not be trusted."""
        found = []
        across = float(self.sizes.least_feret[at] / self.sections.voxel_mm[at])
        if across < FEWEST_ACROSS:
            found.append(f"the lumen is only {across:.1f} voxels across there: its width is known to about a voxel")
        if self.sections.unresolved[at]:
            found.append("the lumen is as narrow there as the images are blurred: its width may be less than it seems")
        return tuple(found)

    def curve(self) -> Curve:
        """All sizes against the length along the line; NaN where a section is cut open."""
        rows = [(row.name, row.unit) for row in SECTION_ROWS.values()]
        values = [self.arc_mm, *(getattr(self.sizes, field) for field in SECTION_ROWS)]
        return Curve(
            "sizes along the vessel", (("length along the centreline", "mm"), *rows), np.stack(values, 1), self.of
        )

    def warnings(self) -> tuple[str, ...]:
        """What the whole line leaves open."""
        found = []
        cut = int((self.sections.is_open & self._inner()).sum())
        if cut:
            found.append(f"{cut} of {len(self.arc_mm)} sections of {self.of} are cut open and left out")
        grid = self.look.volume.geometry if self.look.volume else self.look.labels.geometry  # type: ignore[union-attr]
        steps = grid.spacing_mm
        if max(steps) > 2 * min(steps):
            shown = " × ".join(f"{s:.2f}" for s in steps)
            found.append(f"voxels are elongated ({shown} mm): walls that face the longest step are known less well")
        return tuple(found)

    def _inner(self) -> Array:
        reach = float(np.nanmedian(self.sizes.equivalent)) if np.isfinite(self.sizes.equivalent).any() else 0.0
        return np.asarray((self.arc_mm > reach) & (self.arc_mm < self.arc_mm[-1] - reach))


def profile_of(branch: Branch, look: Look, nodes: tuple[bool, bool] = (False, False)) -> Profile:
    """Measure every section of a line.

    Parameters
    ----------
    branch : Branch
    look : Look
    nodes : (bool, bool)
        Whether its first and last point are bifurcations.

    Raises
    ------
    EmptyResultError
        If there is neither volume nor labels.
    """
    sections = look.sections(branch.points_lps, np.maximum(branch.radii_mm, 0.25 * np.median(branch.radii_mm)))
    lower, higher = (rim_sizes(r, sections.is_open) for r in (sections.lower_mm, sections.higher_mm))
    arc, typical = branch.arc_mm(), float(np.median(branch.radii_mm))
    counts = ~sections.is_open
    for from_end, radius, is_node in (
        (arc, float(branch.radii_mm[0]), nodes[0]),
        (arc[-1] - arc, float(branch.radii_mm[-1]), nodes[1]),
    ):
        if is_node or radius < END_SHARE * typical:
            counts &= from_end >= max(radius, typical)
    return Profile(branch.name or "vessel", arc, sections, sizes_of(sections), lower, higher, counts, look, branch)


def path_profile(centerlines: Centerlines, look: Look, end: int = 0) -> Profile:
    """Measure the way from the root to one end (see :func:`path_through`); sections in bifurcations do not count."""
    line = path_through(centerlines, end)
    profile = profile_of(line, look)
    ends = [n for b in centerlines.branches for n in (b.start, b.end)]
    counts = profile.counts.copy()
    for number, node in enumerate(centerlines.nodes_lps):
        away = np.linalg.norm(line.points_lps - node, axis=1)
        nearest = int(away.argmin())
        if ends.count(number) > 1 and away[nearest] < 1e-6:
            along = np.abs(profile.arc_mm - profile.arc_mm[nearest])
            counts &= along >= NODE_REACH * line.radii_mm[nearest]
    return replace(profile, counts=counts)


def path_through(centerlines: Centerlines, end: int = 0) -> Branch:
    """The branches from the root to one end as one line.

    Parameters
    ----------
    centerlines : Centerlines
    end : int
        Number of the end, from 1 in the order of the branches; 0 for the longest way.

    Raises
    ------
    ParameterError
        If there is no such end.
    """
    arriving = {b.end: b for b in centerlines.branches}
    leaving = {b.start for b in centerlines.branches}
    ways = []
    for last in (b for b in centerlines.branches if b.end not in leaving):
        way = [last]
        while way[0].start in arriving and len(way) <= len(centerlines.branches):
            way.insert(0, arriving[way[0].start])
        ways.append(way)
    if not 0 <= end <= len(ways) or not ways:
        raise ParameterError(f"there is no end {end}: the centreline has {len(ways)}, counted from 1")
    way = ways[end - 1] if end else max(ways, key=lambda w: sum(b.length_mm for b in w))
    points = [b.points_lps[1 if n else 0 :] for n, b in enumerate(way)]
    radii = [b.radii_mm[1 if n else 0 :] for n, b in enumerate(way)]
    return Branch(np.concatenate(points), np.concatenate(radii), way[0].start, way[-1].end, centerlines.of)
