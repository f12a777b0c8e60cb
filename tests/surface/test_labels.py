"""Surfaces of all segments at once: shared borders, kept volumes."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from prosector.errors import EmptyResultError, ParameterError
from prosector.model.digest import digest
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.mesh import Mesh
from prosector.model.structures import structure
from prosector.surface.labels import extract_label_meshes
from prosector.surface.printability import check

AFFINE = np.array([[0, 0, -0.7, 50], [0, 0.7, 0, -20], [2.0, 0.3, 0, 100], [0, 0, 0, 1.0]])
RADIUS = 11.0


def label_map(labels: np.ndarray, affine: np.ndarray = AFFINE) -> LabelMap:
    segments = tuple(Segment(int(n), f"part {n}", structure("bone")) for n in np.unique(labels[labels > 0]))
    return LabelMap(labels, Geometry(labels.shape, affine), segments)


@pytest.fixture(scope="module")
def thirds() -> LabelMap:
    """A ball in two halves, and a smaller ball that takes a part of both, on a mirrored and tilted grid."""
    geometry = Geometry((16, 46, 47), AFFINE)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1)
    p = geometry.to_lps(index) - geometry.center_lps - 0.11
    labels = np.where(np.linalg.norm(p, axis=-1) < RADIUS, np.where(p[..., 0] < 0, 1, 2), 0).astype(np.uint8)
    labels[(np.linalg.norm(p - [0, -9, 0], axis=-1) < 6) & (labels > 0)] = 3
    return label_map(labels)


def positions(mesh: Mesh) -> set[bytes]:
    return {row.tobytes() for row in mesh.vertices_lps}


def triangles(mesh: Mesh, turned: bool = False) -> set[tuple[bytes, ...]]:
    """Each triangle by its corners, from the first in some order on, so that windings can be compared."""
    found = set()
    for corners in mesh.vertices_lps[mesh.faces[:, ::-1] if turned else mesh.faces]:
        rows = [row.tobytes() for row in corners]
        n = rows.index(min(rows))
        found.add((*rows[n:], *rows[:n]))
    return found


@pytest.mark.parametrize("smooth", [False, True])
def test_neighbours_share_their_border(thirds: LabelMap, smooth: bool) -> None:
    meshes = extract_label_meshes(thirds, smooth=smooth)
    assert list(meshes) == ["part 1", "part 2", "part 3"]
    one, two, three = meshes.values()
    for a, b in ((one, two), (one, three), (two, three)):
        shared = triangles(a) & triangles(b, turned=True)
        assert len(shared) > 100
        # Common points lie on common triangles, but for the rim at which all three meet.
        on_shared = {corner for triangle in shared for corner in triangle}
        assert len(positions(a) & positions(b)) <= len(on_shared) + 2
    for mesh in meshes.values():
        result = check(mesh)
        assert result.closed
        assert result.crowded_edges == 0
        assert result.consistent_winding


def test_volumes_are_those_of_the_voxels_and_add_up(thirds: LabelMap) -> None:
    voxels = thirds.volumes_mm3()
    raw = extract_label_meshes(thirds, smooth=False)
    smooth = extract_label_meshes(thirds)
    for name, mesh in smooth.items():
        assert mesh.volume_mm3 == pytest.approx(voxels[name], rel=1e-3)
        assert raw[name].volume_mm3 == pytest.approx(voxels[name], rel=0.03)
    assert sum(m.volume_mm3 for m in smooth.values()) == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.01)


def test_smoothing_leaves_a_ball_and_a_flat_wall(thirds: LabelMap) -> None:
    meshes = extract_label_meshes(thirds)
    center = thirds.geometry.center_lps + 0.11
    one, two = (meshes[f"part {n}"] for n in (1, 2))
    shared = np.array([np.frombuffer(p, np.float32) for p in positions(one) & positions(two)])
    inner = np.linalg.norm(shared - center, axis=1) < RADIUS - 3
    assert np.abs((shared - center)[inner & ((shared - center)[:, 1] > 0), 0]).max() < 0.5  # of a voxel of 0.7 mm
    own = np.array(
        [np.frombuffer(p, np.float32) for p in positions(one) - positions(two) - positions(meshes["part 3"])]
    )
    distance = np.linalg.norm(own - center, axis=1)
    assert abs(distance.mean() - RADIUS) < 0.1
    assert np.abs(distance - RADIUS).max() < 1.0  # half a slice step


def test_random_labels_stay_closed_and_fill_the_box() -> None:
    labels = np.random.default_rng(2).integers(1, 5, (7, 8, 9)).astype(np.uint8)
    meshes = extract_label_meshes(label_map(labels), iterations=10, passband=0.5)
    assert len(meshes) == 4
    for mesh in meshes.values():
        result = check(mesh)
        assert result.closed
        assert result.crowded_edges == 0


def test_a_core_fills_the_cavity_of_its_shell() -> None:
    index = np.stack(np.meshgrid(*[np.arange(30) - 14.6] * 3, indexing="ij"), axis=-1)
    r = np.linalg.norm(index, axis=-1)
    labels = np.where(r < 6, 2, np.where(r < 12, 1, 0)).astype(np.uint8)
    labels[2, 2, 2] = 1  # a speck, too small to be smoothed
    meshes = extract_label_meshes(label_map(labels, np.eye(4)))
    shell, core = meshes["part 1"], meshes["part 2"]
    assert check(shell).components == 3
    assert triangles(core, turned=True) <= triangles(shell)
    assert core.volume_mm3 == pytest.approx((labels == 2).sum(), rel=1e-3)
    assert shell.volume_mm3 == pytest.approx((labels == 1).sum(), rel=1e-3)
    assert core.area_mm2 == pytest.approx(4 * np.pi * 36, rel=0.02)


def test_names_and_numbers_that_are_not_segments() -> None:
    labels = np.zeros((6, 6, 6), dtype=np.uint16)
    labels[1:3], labels[3:5], labels[5] = 1, 2, 900
    segments = tuple(Segment(n, "rib", structure("bone")) for n in (1, 2, 3))
    meshes = extract_label_meshes(LabelMap(labels, Geometry((6, 6, 6), np.eye(4)), segments), smooth=False)
    assert list(meshes) == ["rib", "rib 2"]
    with pytest.raises(EmptyResultError, match="no segment holds a voxel"):
        extract_label_meshes(LabelMap(labels, Geometry((6, 6, 6), np.eye(4)), segments[2:]))
    with pytest.raises(ParameterError, match="at least one iteration"):
        extract_label_meshes(LabelMap(labels, Geometry((6, 6, 6), np.eye(4)), segments), iterations=0)


def test_it_is_repeatable(thirds: LabelMap) -> None:
    one, two = ([digest(mesh) for mesh in extract_label_meshes(thirds).values()] for _ in range(2))
    assert one == two


@pytest.mark.real_data
def test_vertebrae_and_ribs_of_a_real_patient(real_data: Path) -> None:
    image = nibabel.load(real_data / "chest_cta" / "labels.nii.gz")
    labels = np.asarray(image.dataobj).transpose(2, 1, 0)[60:90, 150:400, 150:380].astype(np.uint8)
    affine = (np.diag([-1.0, -1, 1, 1]) @ image.affine)[:, [2, 1, 0, 3]]
    labelmap = label_map(np.ascontiguousarray(labels), affine)
    meshes, voxels = extract_label_meshes(labelmap), labelmap.volumes_mm3()
    assert len(meshes) > 20
    for name, mesh in meshes.items():
        result = check(mesh)
        assert result.closed
        assert result.crowded_edges == 0
        if voxels[name] > 1000:
            assert mesh.volume_mm3 == pytest.approx(voxels[name], rel=2e-3)
    assert sum(m.volume_mm3 for m in meshes.values()) == pytest.approx(sum(voxels.values()), rel=0.01)
