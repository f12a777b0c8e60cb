"""A triangle surface in patient space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import InputError
from prosector.model.geometry import Array, frozen


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with welded vertices, LPS millimetres.

    Parameters
    ----------
    vertices_lps : (n, 3) float32 array
    faces : (m, 3) int32 array
        Counter-clockwise seen from outside, whatever the handedness of the grid that it came from.
    normals_lps : (n, 3) float32 array
        Unit normals that point outward.
    values : (n,) float32 array, optional
        A number at each vertex, such as the distance to something.
    quantity, unit : str
        What the values are, and their UCUM unit.
    value_range : (float, float), optional
        Values at the ends of the colour scale, the striking end first; the values' own range where left out.
    """

    vertices_lps: Array
    faces: Array
    normals_lps: Array
    values: Array | None = None
    quantity: str = ""
    unit: str = ""
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices_lps", frozen(self.vertices_lps, np.float32))
        object.__setattr__(self, "faces", frozen(self.faces, np.int32))
        object.__setattr__(self, "normals_lps", frozen(self.normals_lps, np.float32))
        if self.vertices_lps.shape != self.normals_lps.shape or self.vertices_lps.shape[1:] != (3,):
            raise InputError("a mesh has one normal for each vertex, three numbers each")
        if self.faces.size and (self.faces.min() < 0 or self.faces.max() >= len(self.vertices_lps)):
            raise InputError("a face refers to a vertex that is not there")
        if self.values is not None:
            object.__setattr__(self, "values", frozen(self.values, np.float32))
            if self.values.shape != self.vertices_lps.shape[:1] or not np.isfinite(self.values).all():
                raise InputError("a mesh with values has one finite number for each vertex")

    @property
    def area_mm2(self) -> float:
        """Sum of the triangles' areas."""
        a, b, c = self._corners()
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    @property
    def volume_mm3(self) -> float:
        """Signed enclosed volume by the divergence theorem; positive for outward winding."""
        a, b, c = self._corners()
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)

    def _corners(self) -> tuple[Array, Array, Array]:
        points = self.vertices_lps.astype(np.float64)
        if len(points):
            points = points - points.mean(axis=0)
        a, b, c = (points[self.faces[:, n]] for n in range(3))
        return a, b, c
