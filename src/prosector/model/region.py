"""Which part of a volume is shown: a box, half-spaces, and structures of a label map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import ParameterError
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ClipPlane:
    """A plane through ``point_lps`` (mm); what lies on the side that ``normal_lps`` points to is kept."""

    point_lps: Point
    normal_lps: Point

    def __post_init__(self) -> None:
        values = np.array([*self.point_lps, *self.normal_lps], dtype=np.float64)
        if values.shape != (6,) or not np.isfinite(values).all() or np.linalg.norm(values[3:]) < 1e-9:
            raise ParameterError("a clip plane is a point and a normal, three finite numbers each, in LPS mm")


@dataclass(frozen=True, eq=False)
class Region:
    """What is shown: the intersection of all that is given; nothing given shows everything.

    Parameters
    ----------
    crop_low_lps, crop_high_lps : tuple of float or None
        Opposite corners of a box along the patient's axes, LPS mm.
    planes : tuple of ClipPlane
    labels : LabelMap or None
        On the grid of the volume.
    include, exclude : tuple of str
        Names of segments: only those included are shown (all that have a label, if none is named and none is
        excluded), and none of those excluded.
    """

    crop_low_lps: Point | None = None
    crop_high_lps: Point | None = None
    planes: tuple[ClipPlane, ...] = ()
    labels: LabelMap | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        low, high = self.crop_low_lps, self.crop_high_lps
        if (low is None) != (high is None):
            raise ParameterError("a crop box has both corners")
        if low is not None and high is not None and not np.all(np.less(low, high)):
            raise ParameterError(f"a crop box's low corner lies below its high one; found {low} and {high}")
        if (self.include or self.exclude) and self.labels is None:
            raise ParameterError("structures can be included or excluded only with a label map")

    @classmethod
    def slab(cls, center_lps: Point, normal_lps: Point, thickness_mm: float) -> Region:
        """Everything within half of ``thickness_mm`` of the plane through ``center_lps``."""
        if not thickness_mm > 0:
            raise ParameterError(f"a slab's thickness is greater than 0 mm; found {thickness_mm}")
        center, normal = np.asarray(center_lps, dtype=np.float64), np.asarray(normal_lps, dtype=np.float64)
        normal = normal / np.linalg.norm(normal)
        ends = [(center - s * normal * thickness_mm / 2, s * normal) for s in (1, -1)]
        return cls(planes=tuple(ClipPlane(_point(p), _point(n)) for p, n in ends))

    def half_spaces(self, geometry: Geometry) -> Array:
        """(n, 4) float64 rows (a, b, c, d) in index space: kept is where a·k + b·j + c·i + d ≥ 0."""
        found = [(p.point_lps, p.normal_lps) for p in self.planes]
        for corner, sign in ((self.crop_low_lps, 1.0), (self.crop_high_lps, -1.0)):
            if corner is not None:
                found += [(corner, _point(sign * np.eye(3)[axis])) for axis in range(3)]
        rows = np.empty((len(found), 4))
        for n, (point, normal) in enumerate(found):
            unit = np.asarray(normal, dtype=np.float64) / np.linalg.norm(normal)
            rows[n, :3] = unit @ geometry.affine[:3, :3]
            rows[n, 3] = unit @ (geometry.affine[:3, 3] - np.asarray(point, dtype=np.float64))
        return rows

    def mask(self, geometry: Geometry) -> Array | None:
        """(k, j, i) uint8, 1 where shown; None where no structure is chosen.

        Raises
        ------
        GeometryError
            If the label map lies on another grid.
        InputError
            If a structure is not in the label map.
        """
        if self.labels is None:
            return None
        geometry.require_same(self.labels.geometry, "the label map of the region")
        shown = self.labels.mask() if not self.include and not self.exclude else np.ones(geometry.shape, dtype=bool)
        if self.include:
            shown = np.zeros(geometry.shape, dtype=bool)
            for name in self.include:
                shown |= self.labels.mask(name)
        for name in self.exclude:
            shown &= ~self.labels.mask(name)
        return shown.view(np.uint8)


def _point(values: Array) -> Point:
    x, y, z = (float(v) for v in values)
    return x, y, z
