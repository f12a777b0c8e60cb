"""Whether a mesh can be printed in 3D as it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from prosector.errors import EmptyResultError, ParameterError
from prosector.kernels.mesh_components import components
from prosector.kernels.mesh_fans import count_fans
from prosector.kernels.mesh_thickness import fill_buckets, thickness
from prosector.model.geometry import Array
from prosector.model.mesh import Mesh

MINIMUM_WALL_MM = 1.0
"""Thinner walls break, or are left out, on most printers."""

DEGENERATE_MM2 = 1e-6
"""Triangles with less area have no direction of which a program could be sure."""


@dataclass(frozen=True, slots=True)
class Printability:
    """What a 3D printer's software will ask of a mesh.

    Parameters
    ----------
    closed : bool
        Every edge has at least two triangles.
    manifold : bool
        No edge has more than two triangles, and around each vertex they form one fan.
    consistent_winding : bool
        Neighbours are wound the same way, and the whole encloses a positive volume.
    components : int
        Parts that do not hang together; the walls of inner cavities count.
    open_edges, crowded_edges, pinched_vertices, degenerate_triangles : int
        Edges with one triangle, edges with more than two, vertices with several fans, triangles under
        :data:`DEGENERATE_MM2`.
    triangles : int
    volume_mm3, area_mm2 : float
    size_mm : tuple of float
        Of the box around it, along x, y and z.
    minimum_wall_mm : float
        Limit that ``thin_share`` is about.
    thin_share : float
        Part of the area under which the solid is thinner than the limit, measured inward from the middle of
        each triangle to where the ray leaves the solid.
    """

    closed: bool
    manifold: bool
    consistent_winding: bool
    components: int
    open_edges: int
    crowded_edges: int
    pinched_vertices: int
    degenerate_triangles: int
    triangles: int
    volume_mm3: float
    area_mm2: float
    size_mm: tuple[float, float, float]
    minimum_wall_mm: float
    thin_share: float

    @property
    def is_printable(self) -> bool:
        """Whether it is the border of a solid; thin walls are for a person to judge."""
        return self.closed and self.manifold and self.consistent_winding

    def as_dict(self) -> dict[str, Any]:
        """The values by name, for JSON."""
        return {"is_printable": self.is_printable, **asdict(self)}

    def lines(self) -> tuple[str, ...]:
        """The report in words, a line for each finding."""
        x, y, z = self.size_mm
        return (
            f"{'printable' if self.is_printable else 'not printable as it is'}: {self.triangles} triangles in "
            f"{self.components} component{'s' if self.components != 1 else ''}",
            "closed" if self.closed else f"open: {self.open_edges} edges with one triangle",
            "manifold"
            if self.manifold
            else f"not manifold: {self.crowded_edges} edges with more than two triangles, {self.pinched_vertices} "
            "vertices at which parts touch",
            "wound outward throughout" if self.consistent_winding else "not wound outward throughout",
            f"{self.degenerate_triangles} degenerate triangles",
            f"volume {self.volume_mm3 / 1000:.2f} ml, area {self.area_mm2 / 100:.1f} cm², "
            f"size {x:.1f} × {y:.1f} × {z:.1f} mm",
            f"thinner than {self.minimum_wall_mm:g} mm under {100 * self.thin_share:.1f} % of the surface",
        )


def check(mesh: Mesh, minimum_wall_mm: float = MINIMUM_WALL_MM) -> Printability:
    """Look at all that makes a mesh printable or not.

    Parameters
    ----------
    mesh : Mesh
    minimum_wall_mm : float
        Walls thinner than this are counted.

    Raises
    ------
    ParameterError
        If the wall is not a positive number.
    EmptyResultError
        If the mesh has no triangles.
    """
    if not 0 < minimum_wall_mm < np.inf:
        raise ParameterError(f"the thinnest wall is a positive number of mm; found {minimum_wall_mm}")
    if len(mesh.faces) == 0:
        raise EmptyResultError("the surface has no triangles; there is nothing to print")
    sides_of_edge, turned, partner = _edges(mesh.faces)
    fans = np.zeros(len(mesh.vertices_lps), dtype=np.int32)
    count_fans(mesh.faces, partner, np.arange(len(partner)), fans)
    open_edges, crowded = int((sides_of_edge == 1).sum()), int((sides_of_edge > 2).sum())
    pinched = int((fans > 1).sum())
    areas = _areas(mesh)
    return Printability(
        closed=open_edges == 0,
        manifold=crowded == 0 and pinched == 0,
        consistent_winding=not turned and mesh.volume_mm3 > 0,
        components=_count_components(mesh),
        open_edges=open_edges,
        crowded_edges=crowded,
        pinched_vertices=pinched,
        degenerate_triangles=int((areas < DEGENERATE_MM2).sum()),
        triangles=len(mesh.faces),
        volume_mm3=mesh.volume_mm3,
        area_mm2=mesh.area_mm2,
        size_mm=_size(mesh),
        minimum_wall_mm=float(minimum_wall_mm),
        thin_share=float(areas[wall_thickness(mesh, minimum_wall_mm) < minimum_wall_mm].sum() / areas.sum()),
    )


def wall_thickness(mesh: Mesh, limit_mm: float) -> Array:
    """Thickness of the solid under the middle of each triangle, in mm, as far as a limit.

    Parameters
    ----------
    mesh : Mesh
    limit_mm : float
        Where it is thicker, this is what is returned.

    Returns
    -------
    (m,) float64 array
    """
    points = mesh.vertices_lps.astype(np.float64)
    low = points.min(axis=0)
    edge = np.linalg.norm(points[mesh.faces[:, 0]] - points[mesh.faces[:, 1]], axis=1).mean()
    step = float(max(limit_mm, edge))
    starts = np.zeros((1 << int(2 * len(mesh.faces)).bit_length()) + 1, dtype=np.int64)
    fill_buckets(points, mesh.faces, low, step, starts, np.empty(0, dtype=np.int32))
    np.cumsum(starts, out=starts)
    entries = np.empty(starts[-1], dtype=np.int32)
    fill_buckets(points, mesh.faces, low, step, starts.copy(), entries)
    found = np.empty(len(mesh.faces))
    a, b, c = (points[mesh.faces[:, n]] for n in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-300)[:, None]
    thickness(points, mesh.faces, normals, low, step, starts, entries, float(limit_mm), found)
    return found


def _edges(faces: Array) -> tuple[Array, bool, Array]:
    """Number of sides on each edge, whether two of an edge run the same way, and the partner of each side."""
    ends = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2).astype(np.int64)
    low, high = ends.min(axis=1), ends.max(axis=1)
    order = np.argsort(low << 32 | high, kind="stable")
    key = (low << 32 | high)[order]
    start = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    count = np.diff(np.append(start, len(key)))
    forward = (ends[:, 0] == low)[order]
    pair = start[count == 2]
    opposite = forward[pair] != forward[pair + 1]
    partner = np.full(len(key), -1, dtype=np.int64)
    one, two = order[pair[opposite]], order[pair[opposite] + 1]
    partner[one], partner[two] = two, one
    return count, not opposite.all(), partner


def _areas(mesh: Mesh) -> Array:
    a, b, c = (mesh.vertices_lps[mesh.faces[:, n]].astype(np.float64) for n in range(3))
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def _count_components(mesh: Mesh) -> int:
    count = len(mesh.vertices_lps)
    of_face = np.empty(len(mesh.faces), dtype=np.int32)
    number = np.full(count, -1, dtype=np.int32)
    return int(components(mesh.faces, np.arange(count, dtype=np.int32), number, of_face))


def _size(mesh: Mesh) -> tuple[float, float, float]:
    used = mesh.vertices_lps[np.unique(mesh.faces)].astype(np.float64)
    x, y, z = np.ptp(used, axis=0).tolist()
    return x, y, z
