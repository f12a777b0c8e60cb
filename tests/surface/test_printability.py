"""The printability report, on solids of which all is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from prosector.errors import EmptyResultError, ParameterError
from prosector.model.geometry import Geometry
from prosector.model.mesh import Mesh
from prosector.model.volume import Volume
from prosector.surface.extract import extract_mesh
from prosector.surface.polydata import build_mesh
from prosector.surface.printability import check, wall_thickness

CORNERS = np.array([[z, y, x] for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=np.float32)[:, ::-1]
SQUARES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
BOX = np.array([t for a, b, c, d in SQUARES for t in ((a, b, c), (a, c, d))], dtype=np.int32)


def box(size: tuple[float, float, float], at: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    """Twelve triangles around a box of a size in mm."""
    return build_mesh((CORNERS * np.float32(size) + np.float32(at)).astype(np.float32), BOX)


def together(*meshes: Mesh) -> Mesh:
    """Several meshes as one, points at the same place welded."""
    points = np.concatenate([m.vertices_lps for m in meshes])
    starts = np.cumsum([0, *(len(m.vertices_lps) for m in meshes)])
    faces = np.concatenate([m.faces + start for m, start in zip(meshes, starts, strict=False)])
    unique, number = np.unique(points, axis=0, return_inverse=True)
    return build_mesh(unique, number.reshape(-1)[faces].astype(np.int32))


def test_a_box() -> None:
    result = check(box((10, 20, 0.5)))
    assert result.is_printable
    assert (result.components, result.triangles, result.degenerate_triangles) == (1, 12, 0)
    assert result.size_mm == (10, 20, 0.5)
    assert result.volume_mm3 == pytest.approx(100)
    assert result.area_mm2 == pytest.approx(2 * (200 + 5 + 10))
    # Its two large faces have too little behind them; the narrow sides have 10 or 20 mm.
    assert result.thin_share == pytest.approx(400 / 430)
    assert check(box((10, 20, 0.5)), 0.4).thin_share == 0
    assert json.loads(json.dumps(result.as_dict()))["is_printable"] is True
    assert any("thinner than 1 mm under 93.0 %" in line for line in result.lines())


def test_an_open_box() -> None:
    mesh = box((10, 10, 10))
    result = check(Mesh(mesh.vertices_lps, mesh.faces[1:], mesh.normals_lps))
    assert (result.closed, result.manifold, result.open_edges) == (False, True, 3)
    assert not result.is_printable
    assert "open: 3 edges with one triangle" in result.lines()


def test_boxes_that_touch_along_an_edge_or_at_a_corner() -> None:
    along = check(together(box((5, 5, 5)), box((5, 5, 5), (5, 5, 0))))
    assert (along.closed, along.manifold, along.crowded_edges) == (True, False, 1)
    corner = check(together(box((5, 5, 5)), box((5, 5, 5), (5, 5, 5))))
    assert (corner.closed, corner.manifold, corner.crowded_edges, corner.pinched_vertices) == (True, False, 0, 1)
    apart = check(together(box((5, 5, 5)), box((5, 5, 5), (7, 0, 0))))
    assert (apart.is_printable, apart.components) == (True, 2)


def test_a_turned_triangle_and_a_box_inside_out() -> None:
    mesh = box((5, 5, 5))
    faces = mesh.faces.copy()
    faces[4] = faces[4, ::-1]
    assert not check(Mesh(mesh.vertices_lps, faces, mesh.normals_lps)).consistent_winding
    result = check(Mesh(mesh.vertices_lps, mesh.faces[:, ::-1], mesh.normals_lps))
    assert (result.closed, result.manifold, result.consistent_winding) == (True, True, False)
    assert result.volume_mm3 < 0


def test_a_degenerate_triangle() -> None:
    mesh = box((5, 5, 5))
    flat = np.append(mesh.faces, [[0, 1, 1]], axis=0)
    assert check(Mesh(mesh.vertices_lps, flat, mesh.normals_lps)).degenerate_triangles == 1


@pytest.mark.parametrize("wall", [0.8, 1.7])
def test_wall_of_a_hollow_ball(wall: float) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(44) * 0.6 - 12.8] * 3, indexing="ij"), axis=-1)
    r = np.linalg.norm(grid, axis=-1)
    field = np.minimum(11 - r, r - (11 - wall)).astype(np.float32)
    mesh = extract_mesh(Volume(field, Geometry(field.shape, np.diag([0.6, 0.6, -0.6, 1]))), 0.0)
    thick = wall_thickness(mesh, 3.0)
    assert np.median(thick) == pytest.approx(wall, abs=0.05)
    assert np.percentile(thick, [1, 99]) == pytest.approx(wall, abs=0.3)
    assert check(mesh, wall - 0.4).thin_share < 0.01
    assert check(mesh, wall + 0.4).thin_share > 0.99


def test_thickness_against_a_plain_search() -> None:
    rng = np.random.default_rng(4)
    field = rng.normal(size=(9, 10, 11)).astype(np.float32)
    mesh = extract_mesh(Volume(field, Geometry(field.shape, np.diag([1.5, 1, 0.8, 1]))), 0.3)
    found = wall_thickness(mesh, 2.0)
    a, b, c = (mesh.vertices_lps[mesh.faces[:, n]].astype(np.float64) for n in range(3))
    normals = np.cross(b - a, c - a)
    unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    for f in range(0, len(a), 37):
        origin, ray = (a[f] + b[f] + c[f]) / 3, -unit[f]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.einsum("ij,ij->i", normals, a - origin) / (normals @ ray)
            at = origin + t[:, None] * ray
            sides = [np.einsum("ij,ij->i", np.cross(q - p, at - p), normals) for p, q in ((a, b), (b, c), (c, a))]
        inside = np.all([side >= 0 for side in sides], axis=0)
        hits = t[inside & (t > 0) & (unit @ ray > 0.5)]
        assert found[f] == pytest.approx(min([2.0, *hits]), abs=1e-9)


def test_what_cannot_be_asked() -> None:
    for wall in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="positive number"):
            check(box((1, 1, 1)), wall)
    empty = Mesh(np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 3)))
    with pytest.raises(EmptyResultError, match="nothing to print"):
        check(empty)
