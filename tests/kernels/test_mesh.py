"""The isosurface kernel against a plain reference, closed forms and other people's code."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numba
import numpy as np
import pytest
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkMassProperties

from prosector.kernels.mesh import isosurface
from prosector.kernels.mesh_normals import vertex_normals
from prosector.kernels.mesh_table import EDGES, build_table, triangles_of_case
from prosector.kernels.mesh_vertices import CLEARANCE
from prosector.model.geometry import Geometry
from prosector.model.mesh import Mesh

IDENTITY = np.eye(4)
# Sheared like a tilted gantry, turned, anisotropic, and with det < 0.
TILTED = np.array([[0.1, -0.2, 0.69, -40], [0.9, 0.66, 0.1, 12], [2.4, -0.1, -0.2, 300], [0, 0, 0, 1.0]])
MIRRORED = TILTED @ np.diag([1, 1, -1, 1.0])
PERMUTED = np.array([[0, 0, 0.7, 5], [0, 0.7, 0, 6], [2.5, 0, 0, 7], [0, 0, 0, 1.0]])
AFFINES = {"identity": IDENTITY, "tilted": TILTED, "mirrored": MIRRORED, "permuted": PERMUTED}
# Rows shorter than a word of bits, of exactly one, and across the seam between two.
SHAPES = [(2, 2, 2), (1, 1, 1), (3, 1, 5), (6, 5, 7), (4, 4, 62), (4, 4, 63), (3, 4, 64), (4, 3, 65), (2, 3, 131)]


def noise(shape: tuple[int, int, int], dtype: str, seed: int) -> tuple[np.ndarray, float]:
    """Random voxels, many of them exactly at the level."""
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        voxels = rng.normal(size=shape).astype(np.float32)
        voxels[rng.random(shape) < 0.1] = np.nan
        voxels[rng.random(shape) < 0.1] = 0.25
        return voxels, 0.25
    low = -3 if dtype == "int16" else 0
    return rng.integers(low, low + 7, shape).astype(dtype), low + 3.0


def plain(voxels: np.ndarray, level: float, affine: np.ndarray, closed: bool) -> tuple[dict, list]:
    """Marching cubes cell by cell, welded by edge: {edge: position}, [three edges]."""
    inside = np.asarray(voxels >= level)
    start = -1 if closed else 0
    vertices: dict[tuple, np.ndarray] = {}
    faces = []

    def is_inside(c: np.ndarray) -> bool:
        return bool((c >= 0).all() and (c < voxels.shape).all() and inside[tuple(c)])

    def position(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        part = 0.5
        if (a >= 0).all() and (b < voxels.shape).all():
            low, high = float(voxels[tuple(a)]), float(voxels[tuple(b)])
            if not np.isnan(low + high):
                part = np.clip((level - low) / (high - low), CLEARANCE, 1 - CLEARANCE)
        return affine[:3, :3] @ (a + part * (b - a)) + affine[:3, 3]

    corners = [np.array(c) for c in itertools.product((0, 1), repeat=3)]
    for cell in itertools.product(*(range(start, n - 1 - start) for n in voxels.shape)):
        case = sum(is_inside(cell + c) << n for n, c in enumerate(corners))
        for triangle in triangles_of_case(case):
            keys = []
            for edge in triangle:
                a, b = (cell + corners[n] for n in EDGES[edge])
                keys.append((*a, *b))
                if keys[-1] not in vertices:
                    vertices[keys[-1]] = position(a, b)
            faces.append(keys if np.linalg.det(affine[:3, :3]) > 0 else [keys[0], keys[2], keys[1]])
    return vertices, faces


def directed_edges(faces: np.ndarray) -> np.ndarray:
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)


def is_closed_manifold(faces: np.ndarray) -> bool:
    """Whether every directed edge occurs once, and so does its reverse."""
    edges = directed_edges(faces)
    forth = np.sort(edges[:, 0] << 32 | edges[:, 1])
    back = np.sort(edges[:, 1] << 32 | edges[:, 0])
    return bool((np.diff(forth) > 0).all() and np.array_equal(forth, back))


def euler_number(mesh: Mesh) -> int:
    edges = np.unique(np.sort(directed_edges(mesh.faces), axis=1), axis=0)
    return len(mesh.vertices_lps) - len(edges) + len(mesh.faces)


def sphere(n: int, affine: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Radius minus distance in mm, around a point off the grid, and that point."""
    geometry = Geometry((n, n, n), affine)
    center = geometry.to_lps(np.full(3, n / 2 - 0.37))
    index = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1)
    return (radius - np.linalg.norm(geometry.to_lps(index) - center, axis=-1)).astype(np.float32), center


@pytest.fixture(params=["uint8", "int16", "uint16", "float32"])
def dtype(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def mixtures() -> list[tuple[tuple[int, int, int], bool, str, str]]:
    """Every shape closed and open, with affines and types of voxels in turn."""
    types = ["uint8", "int16", "uint16", "float32"]
    pairs = [(shape, closed) for shape in SHAPES for closed in (True, False)]
    rest = [(*pair, list(AFFINES)[n % 4], types[(n + n // 4) % 4]) for n, pair in enumerate(pairs)]
    return rest + [((6, 5, 7), True, "tilted", dtype) for dtype in types]


@pytest.mark.parametrize(("shape", "closed", "affine", "dtype"), mixtures())
def test_equals_plain_reference(shape: tuple[int, int, int], closed: bool, affine: str, dtype: str) -> None:
    voxels, level = noise(shape, dtype, seed=sum(shape))
    expected_vertices, expected_faces = plain(voxels, level, AFFINES[affine], closed)
    vertices, faces, normals = isosurface(voxels, level, AFFINES[affine], closed=closed)
    assert vertices.shape == normals.shape == (len(expected_vertices) if expected_faces else 0, 3)
    assert len(faces) == len(expected_faces)
    if not expected_faces:
        return
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    keys = list(expected_vertices)
    distance, nearest = cKDTree(np.array([expected_vertices[key] for key in keys])).query(vertices)
    assert distance.max() < 2e-4
    assert len(set(nearest)) == len(keys)
    number = {key: n for n, key in enumerate(keys)}
    assert sorted(map(_rolled, nearest[faces])) == sorted(_rolled([number[k] for k in f]) for f in expected_faces)


def _rolled(face: Sequence[int]) -> tuple[int, ...]:
    """The same triangle, the same way round, from its smallest corner."""
    n = int(np.argmin(face))
    return tuple(int(v) for v in (*face[n:], *face[:n]))


def test_table_draws_no_diagonal_in_a_face_of_the_cell() -> None:
    face_sides = [set(c) for c in itertools.combinations(range(8), 4) if _is_cell_face(c)]
    assert len(face_sides) == 6
    for case in range(256):
        directed = [(t[n], t[(n + 1) % 3]) for t in triangles_of_case(case) for n in range(3)]
        assert len(directed) == len(set(directed))
        inner = {e for e in directed if e[::-1] in directed}
        border = set(directed) - inner
        together = {(a, b) for a, b in directed if any({*EDGES[a], *EDGES[b]} <= side for side in face_sides)}
        assert together == border
        assert {n for e in directed for n in e} == {n for n, (a, b) in enumerate(EDGES) if (case >> a ^ case >> b) & 1}


def _is_cell_face(corners: tuple[int, ...]) -> bool:
    return any(all((c >> s & 1) == side for c in corners) for s in range(3) for side in (0, 1))


def test_table_counts_match_its_edges() -> None:
    counts, edges = build_table()
    assert counts[0] == counts[255] == 0
    assert [len(triangles_of_case(case)) for case in range(256)] == counts.tolist()
    assert edges.shape == (256, 3 * counts.max())
    assert edges.max() == 11


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_a_closed_manifold_of_the_right_topology(seed: int, dtype: str) -> None:
    voxels, level = noise((12, 13, 70), dtype, seed)
    mesh = Mesh(*isosurface(voxels, level, MIRRORED, closed=True))
    assert is_closed_manifold(mesh.faces)
    assert euler_number(mesh) == 2 * solid_euler_number(np.asarray(voxels >= level))
    assert mesh.volume_mm3 > 0


def solid_euler_number(inside: np.ndarray) -> int:
    """Euler number of the solid in which inside corners of a cell are joined along edges and in faces.

    Inclusion and exclusion over the cells: each cell, face and edge holds one piece of the solid if any
    of its corners is inside, but a cell of which just two opposite corners are inside holds two.
    """
    grid = np.pad(inside, 1)
    total = 0
    for steps in itertools.product((0, 1), repeat=3):
        parts = [
            grid[tuple(slice(c, grid.shape[n] - steps[n] + c) for n, c in enumerate(corner))]
            for corner in itertools.product(*(range(s + 1) for s in steps))
        ]
        pieces = int(np.any(parts, axis=0).sum())
        if sum(steps) == 3:
            two = np.sum(parts, axis=0) == 2
            pieces += sum(int((two & parts[n] & parts[7 - n]).sum()) for n in range(4))
        total += (-1) ** (3 - sum(steps)) * pieces
    return total


def test_open_surface_ends_at_the_border_and_only_there() -> None:
    voxels, level = noise((9, 10, 11), "int16", 3)
    vertices, faces, _ = isosurface(voxels, level, IDENTITY, closed=False)
    edges = directed_edges(faces)
    there = set(map(tuple, edges))
    border = np.array([e for e in there if e[::-1] not in there])
    assert len(there) == len(edges)
    assert len(border) > 0
    on_wall = (vertices == 0) | (vertices == np.array(voxels.shape) - 1)
    assert (on_wall[border[:, 0]] & on_wall[border[:, 1]]).any(axis=1).all()


def test_closed_box_ends_at_the_outer_faces_of_its_voxels() -> None:
    voxels = np.ones((5, 6, 7), dtype=np.uint8)
    mesh = Mesh(*isosurface(voxels, 0.5, PERMUTED, closed=True))
    assert is_closed_manifold(mesh.faces)
    assert np.allclose(np.ptp(mesh.vertices_lps, axis=0), [7 * 0.7, 6 * 0.7, 5 * 2.5])
    normals = mesh.normals_lps @ PERMUTED[:3, :3]
    assert np.allclose(np.sort(np.abs(normals), axis=1)[:, :2], 0)
    assert len(isosurface(voxels, 0.5, PERMUTED, closed=False)[1]) == 0


@pytest.mark.parametrize("name", AFFINES)
def test_sphere_under_any_affine(name: str) -> None:
    radius = 14.0
    voxels, center = sphere(48, AFFINES[name], radius)
    mesh = Mesh(*isosurface(voxels, 0.0, AFFINES[name], closed=True))
    assert is_closed_manifold(mesh.faces)
    assert euler_number(mesh) == 2
    outward = (mesh.vertices_lps - center) / np.linalg.norm(mesh.vertices_lps - center, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", outward, mesh.normals_lps).min() > 0.99  # 8°
    # Radius minus distance is concave: linear interpolation finds it too low, so all vertices lie inside,
    # but for those that are kept clear of a sample.
    distance = np.linalg.norm(mesh.vertices_lps - center, axis=1)
    assert distance.max() < radius + 2.5 * CLEARANCE
    assert 0.98 < mesh.volume_mm3 / (4 / 3 * np.pi * radius**3) < 1
    assert 0.98 < mesh.area_mm2 / (4 * np.pi * radius**2) < 1


def test_sphere_converges_with_the_square_of_the_step() -> None:
    errors = []
    for n in (24, 48):
        step = 24 / n
        voxels, _ = sphere(n, IDENTITY @ np.diag([step, step, step, 1]), 9.0)
        mesh = Mesh(*isosurface(voxels, 0.0, np.diag([step, step, step, 1]), closed=True))
        errors.append(1 - mesh.volume_mm3 / (4 / 3 * np.pi * 9.0**3))
    assert 3.3 < errors[0] / errors[1] < 4.7


@pytest.mark.parametrize("direction", [(1, 0, 0), (0.6, 0.64, 0.48)])
def test_round_ended_tube(direction: tuple[float, float, float]) -> None:
    radius, half = 4.0, 10.0
    points = np.stack(np.meshgrid(*[np.arange(40) - 19.6] * 3, indexing="ij"), axis=-1)
    along = np.clip(points @ np.array(direction), -half, half)
    distance = np.linalg.norm(points - along[..., None] * np.array(direction), axis=-1)
    mesh = Mesh(*isosurface((radius - distance).astype(np.float32), 0.0, IDENTITY, closed=True))
    assert euler_number(mesh) == 2
    assert 0.98 < mesh.volume_mm3 / (np.pi * radius**2 * (2 * half + 4 / 3 * radius)) < 1
    assert 0.98 < mesh.area_mm2 / (2 * np.pi * radius * (2 * half + 2 * radius)) < 1


@pytest.mark.parametrize("name", AFFINES)
def test_tilted_box(name: str) -> None:
    """Linear steps cut its edges, by a third of the largest step at most, and leave its faces exact."""
    half = np.array([9.0, 7.0, 11.0])
    turn = np.linalg.qr(np.array([[2, 1, 0.5], [-1, 3, 1], [0.3, -0.7, 2]]))[0]
    geometry = Geometry((40, 56, 60), AFFINES[name])
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1)
    local = (geometry.to_lps(index) - geometry.center_lps - 0.13) @ turn
    inside = (half - np.abs(local)).min(axis=-1).astype(np.float32)
    mesh = Mesh(*isosurface(inside, 0.0, AFFINES[name], closed=True))
    assert is_closed_manifold(mesh.faces)
    assert euler_number(mesh) == 2
    coarse = name != "identity"
    assert (0.98 if coarse else 0.99) < mesh.volume_mm3 / (8 * half.prod()) < 1
    assert (0.94 if coarse else 0.96) < mesh.area_mm2 / (8 * (half * np.roll(half, 1)).sum()) < 1
    on_face = half - np.abs((mesh.vertices_lps - geometry.center_lps - 0.13) @ turn)
    assert np.abs(on_face.min(axis=1)).max() < max(geometry.spacing_mm) / 3


def test_level_met_exactly_at_samples_leaves_no_flat_triangle() -> None:
    voxels, level = noise((12, 12, 12), "uint8", 8)
    vertices, faces, _ = isosurface(voxels, level, IDENTITY, closed=True)
    a, b, c = (vertices[faces[:, n]].astype(np.float64) for n in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 1e-7


def test_normals_look_along_the_edge_that_the_surface_crosses() -> None:
    # In noise, central differences alone often point backwards.
    voxels, level = noise((14, 15, 16), "float32", 2)
    vertices, _, normals = isosurface(voxels, level, IDENTITY, closed=True)
    assert np.isfinite(normals).all()
    inside = np.pad(np.asarray(voxels >= level), 1)
    low = np.floor(vertices).astype(int)
    high = np.ceil(vertices).astype(int)
    assert ((high - low).sum(axis=1) == 1).all()
    sign = 2 * inside[tuple((low + 1).T)].astype(int) - 1
    assert (sign * np.einsum("ij,ij->i", high - low, normals) > 0).all()


def test_infinite_and_extreme_values() -> None:
    voxels = np.full((5, 5, 5), -np.inf, dtype=np.float32)
    voxels[2, 2, 2] = np.inf
    vertices, faces, normals = isosurface(voxels, 0.0, IDENTITY, closed=True)
    assert (len(vertices), len(faces)) == (6, 8)
    assert np.isfinite(vertices).all()
    assert np.isfinite(normals).all()
    for dtype in (np.int16, np.uint16, np.uint8):
        limits = np.iinfo(dtype)
        full = np.full((3, 3, 3), limits.max, dtype=dtype)
        full[1, 1, 1] = limits.min
        assert len(isosurface(full, limits.max + 0.5, IDENTITY, closed=True)[1]) == 0
        assert len(isosurface(full, float(limits.max), IDENTITY, closed=False)[1]) == 8
        assert len(isosurface(full, limits.min - 10.0, IDENTITY, closed=False)[1]) == 0


def test_threads_do_not_change_a_byte() -> None:
    voxels, level = noise((40, 37, 90), "int16", 11)
    before = numba.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            results.append([a.tobytes() for a in isosurface(voxels, level, TILTED, closed=True)])
    finally:
        numba.set_num_threads(before)
    assert results[0] == results[1]


def test_read_only_and_strided_voxels_give_the_same() -> None:
    voxels, level = noise((8, 9, 10), "uint16", 4)
    read_only = voxels.copy()
    read_only.flags.writeable = False
    strided = np.repeat(voxels, 2, axis=2)[:, :, ::2]
    expected = [a.tobytes() for a in isosurface(voxels, level, IDENTITY, closed=True)]
    for other in (read_only, strided):
        assert [a.tobytes() for a in isosurface(other, level, IDENTITY, closed=True)] == expected


@pytest.fixture(scope="module")
def smooth_object() -> np.ndarray:
    """A bent ring with a bump, in int16: no edge is ambiguous, no closed form is known."""
    k, j, i = np.meshgrid(*[np.linspace(-1.4, 1.4, 72)] * 3, indexing="ij")
    ring = (np.hypot(j, i) - 0.8) ** 2 + (k - 0.2 * i) ** 2
    bump = (k - 0.4) ** 2 + (j - 0.6) ** 2 + (i + 0.3) ** 2
    return np.rint(2000 * (np.exp(-10 * ring) + np.exp(-12 * bump)) - 1000).astype(np.int16)


def test_agrees_with_flying_edges_of_vtk(smooth_object: np.ndarray) -> None:
    image = vtkImageData()
    image.SetDimensions(*smooth_object.shape[::-1])
    image.SetSpacing(0.7, 0.7, 2.5)
    image.GetPointData().SetScalars(numpy_to_vtk(smooth_object.ravel(), deep=True))
    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.5)
    properties = vtkMassProperties()
    properties.SetInputConnection(contour.GetOutputPort())
    mesh = Mesh(*isosurface(smooth_object, 0.5, PERMUTED, closed=False))
    assert mesh.volume_mm3 == pytest.approx(properties.GetVolume(), rel=1e-3)
    assert mesh.area_mm2 == pytest.approx(properties.GetSurfaceArea(), rel=1e-3)
    assert len(mesh.vertices_lps) == contour.GetOutput().GetNumberOfPoints()
    assert len(mesh.faces) == contour.GetOutput().GetNumberOfCells()


def test_agrees_with_skimage(smooth_object: np.ndarray) -> None:
    vertices, faces, normals, _ = marching_cubes(smooth_object, 0.5, spacing=(2.5, 0.7, 0.7))
    other = Mesh(vertices, faces, normals)
    mesh = Mesh(*isosurface(smooth_object, 0.5, PERMUTED, closed=False))
    assert mesh.volume_mm3 == pytest.approx(abs(other.volume_mm3), rel=1e-3)
    assert mesh.area_mm2 == pytest.approx(other.area_mm2, rel=1e-3)
    assert euler_number(mesh) == euler_number(other)


def test_normals_from_faces_are_those_of_the_sphere() -> None:
    voxels, center = sphere(24, IDENTITY, 9.0)
    vertices, faces, _ = isosurface(voxels, 0.0, IDENTITY, closed=True)
    normals = np.zeros(vertices.shape)
    vertex_normals(vertices, faces, normals)
    outward = (vertices - center) / np.linalg.norm(vertices - center, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", outward, normals).min() > 0.99
