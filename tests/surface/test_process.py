"""Smoothing, reduction and choice of components."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prosector.errors import EmptyResultError, ParameterError
from prosector.model.digest import digest
from prosector.model.geometry import Geometry
from prosector.model.mesh import Mesh
from prosector.model.volume import Volume
from prosector.surface.extract import extract_mesh
from prosector.surface.printability import check
from prosector.surface.process import largest_components, reduce_mesh, remove_specks, smooth_mesh, with_volume

RADII = (10.0, 5.0, 3.0)


def balls(noise: float = 0.0, shape: tuple[int, int, int] = (30, 30, 60)) -> Volume:
    """Three balls with radii of 10, 5 and 3 mm on a mirrored grid of 1 mm."""
    k, j, i = np.meshgrid(*[np.arange(n, dtype=np.float64) for n in shape], indexing="ij")
    centers = ((14.2, 14.3, 14.6), (12.1, 12.4, 35.3), (20.2, 20.3, 50.4))
    inside = [
        r - np.sqrt((k - a) ** 2 + (j - b) ** 2 + (i - c) ** 2) for r, (a, b, c) in zip(RADII, centers, strict=True)
    ]
    field = np.max(inside, axis=0) + noise * np.random.default_rng(0).normal(size=shape)
    return Volume(field.astype(np.float32), Geometry(shape, np.diag([1.0, 1, -1, 1])))


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return extract_mesh(balls(), 0.0)


def agreement_of_normals(mesh: Mesh) -> float:
    """Smallest cosine between a face's normal and those of its corners."""
    a, b, c = (mesh.vertices_lps[mesh.faces[:, n]].astype(np.float64) for n in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return float(min(np.einsum("ij,ij->i", normals, mesh.normals_lps[mesh.faces[:, n]]).min() for n in range(3)))


def test_smoothing_takes_noise_off_and_keeps_the_volume(mesh: Mesh) -> None:
    rough = remove_specks(extract_mesh(balls(noise=0.2), 0.0), 50)
    smooth = smooth_mesh(rough)
    assert len(smooth.faces) == len(rough.faces)
    assert smooth.volume_mm3 == pytest.approx(rough.volume_mm3, rel=0.002)
    assert smooth.area_mm2 < 0.97 * rough.area_mm2
    assert smooth.area_mm2 == pytest.approx(mesh.area_mm2, rel=0.03)
    assert agreement_of_normals(smooth) > 0.7


def test_smoothing_leaves_a_sphere_where_it_is(mesh: Mesh) -> None:
    ball = largest_components(mesh)
    smooth = smooth_mesh(ball)
    center = ball.vertices_lps.mean(axis=0)
    radius = np.linalg.norm(smooth.vertices_lps - center, axis=1)
    assert np.abs(radius - RADII[0]).max() < 0.15
    assert radius.std() < 0.05
    assert np.isfinite(smooth.normals_lps).all()


def test_a_single_voxel_is_too_small_to_be_smoothed() -> None:
    voxels = np.zeros((20, 20, 20), dtype=np.uint8)
    voxels[3:13, 3:13, 3:13] = 1
    voxels[17, 17, 17] = 1
    raw = extract_mesh(Volume(voxels, Geometry(voxels.shape, np.eye(4))), 0.5)
    smooth = smooth_mesh(raw)
    speck = raw.vertices_lps.min(axis=1) > 15
    assert speck.sum() == 6
    assert np.array_equal(smooth.vertices_lps[speck], raw.vertices_lps[speck])
    assert smooth.volume_mm3 == pytest.approx(raw.volume_mm3, rel=0.002)


def test_smoothing_an_open_surface_leaves_it_open() -> None:
    volume = balls(shape=(14, 30, 60))
    raw = extract_mesh(volume, 0.0, closed=False)
    smooth = smooth_mesh(raw)
    assert len(smooth.faces) == len(raw.faces)
    assert smooth.area_mm2 == pytest.approx(raw.area_mm2, rel=0.02)


def test_with_volume(mesh: Mesh) -> None:
    ball = largest_components(mesh)
    grown = with_volume(ball, 1.1**3 * ball.volume_mm3)
    assert grown.volume_mm3 == pytest.approx(1.331 * ball.volume_mm3, rel=0.001)
    outward = np.einsum("ij,ij->i", grown.vertices_lps - ball.vertices_lps, ball.normals_lps)
    assert np.allclose(outward, 0.1 * RADII[0], atol=0.05)


def test_reduction_keeps_form_and_winding(mesh: Mesh) -> None:
    reduced = reduce_mesh(mesh, 0.7)
    assert len(reduced.faces) == pytest.approx(0.3 * len(mesh.faces), rel=0.02)
    assert reduced.volume_mm3 == pytest.approx(mesh.volume_mm3, rel=0.005)
    assert agreement_of_normals(reduced) > 0.5
    edges = np.sort(np.concatenate([reduced.faces[:, [0, 1]], reduced.faces[:, [1, 2]], reduced.faces[:, [2, 0]]]))
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert reduce_mesh(mesh, 0) is mesh


def shape_of(mesh: Mesh) -> tuple[int, int]:
    """Components and Euler number."""
    edges = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]))
    return check(mesh).components, len(mesh.vertices_lps) - len(np.unique(edges, axis=0)) + len(mesh.faces)


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99])
def test_reduction_of_a_sponge_keeps_its_holes_and_leaves_no_seam(fraction: float) -> None:
    # Smoothed noise: thin struts, tunnels and specks, as of spongy bone.
    field = np.random.default_rng(6).normal(size=(30, 30, 30))
    for axis in range(3):
        field = (field + np.roll(field, 1, axis) + np.roll(field, -1, axis)) / 3
    sponge = extract_mesh(Volume(field.astype(np.float32), Geometry(field.shape, np.diag([1.0, 1, -1, 1]))), 0.1)
    reduced = reduce_mesh(sponge, fraction)
    before, after = check(sponge), check(reduced)
    assert before.is_printable
    assert after.is_printable
    assert shape_of(reduced) == shape_of(sponge)
    assert after.size_mm == pytest.approx(before.size_mm, abs=1.0)
    if fraction == 0.5:
        assert len(reduced.faces) == pytest.approx(len(sponge.faces) / 2, abs=2)
        assert after.volume_mm3 == pytest.approx(before.volume_mm3, rel=0.01)


def test_reduction_leaves_borders_and_crowded_edges_alone() -> None:
    surface = extract_mesh(balls(shape=(14, 30, 60)), 0.0, closed=False)
    reduced = reduce_mesh(surface, 0.8)
    assert check(reduced).open_edges == check(surface).open_edges > 0
    assert check(reduced).crowded_edges == 0
    assert reduced.area_mm2 == pytest.approx(surface.area_mm2, rel=0.02)
    # A ball twice, the other way round the second time: each edge has four triangles, nothing may go.
    ball = largest_components(extract_mesh(balls(), 0.0))
    twice = Mesh(ball.vertices_lps, np.concatenate([ball.faces, ball.faces[:, ::-1]]), ball.normals_lps)
    assert len(reduce_mesh(twice, 0.5).faces) == len(twice.faces)


def test_reduction_of_a_tetrahedron_leaves_it() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=np.int32)
    assert len(reduce_mesh(Mesh(corners, faces, corners), 0.9).faces) == 4


def test_largest_components(mesh: Mesh) -> None:
    for count in (1, 2, 3):
        kept = largest_components(mesh, count)
        assert kept.area_mm2 == pytest.approx(sum(4 * np.pi * r**2 for r in RADII[:count]), rel=0.02)
        assert len(kept.vertices_lps) == len(np.unique(kept.faces))
        assert kept.volume_mm3 > 0
    assert largest_components(mesh, 9) is mesh


def test_remove_specks(mesh: Mesh) -> None:
    assert digest(remove_specks(mesh, 200)) == digest(largest_components(mesh, 2))
    assert remove_specks(mesh, 0) is mesh
    with pytest.raises(EmptyResultError, match=r"no component .* 5000 mm²; the largest of 3 has 12\d\d mm²"):
        remove_specks(mesh, 5000)


def test_everything_is_repeatable(mesh: Mesh) -> None:
    def work() -> str:
        return digest(reduce_mesh(smooth_mesh(largest_components(mesh, 2)), 0.5))

    assert work() == work()


def test_vertices_that_no_face_uses_do_no_harm(mesh: Mesh) -> None:
    spare = np.vstack([np.full((5, 3), 900, np.float32), mesh.vertices_lps])
    with_spare = Mesh(spare, mesh.faces + 5, np.vstack([np.zeros((5, 3)), mesh.normals_lps]))
    assert digest(smooth_mesh(with_spare)) == digest(smooth_mesh(mesh))
    assert largest_components(with_spare).area_mm2 == largest_components(mesh).area_mm2


def test_parameters_out_of_range(mesh: Mesh) -> None:
    for call in (
        lambda: smooth_mesh(mesh, iterations=0),
        lambda: smooth_mesh(mesh, passband=0),
        lambda: smooth_mesh(mesh, passband=float("nan")),
        lambda: reduce_mesh(mesh, 1),
        lambda: reduce_mesh(mesh, -0.1),
        lambda: largest_components(mesh, 0),
        lambda: remove_specks(mesh, -1),
    ):
        with pytest.raises(ParameterError, match="found"):
            call()
    empty = replace(mesh, faces=mesh.faces[:0])
    with pytest.raises(EmptyResultError, match="no triangles"):
        smooth_mesh(empty)
