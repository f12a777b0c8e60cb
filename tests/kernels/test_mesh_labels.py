"""Borders of many labels at once: each closed, all fitting together, and of two labels the known surface."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from prosector.kernels.mesh import isosurface
from prosector.kernels.mesh_label_table import CELL_NODE, triangles_of_pattern
from prosector.kernels.mesh_labels import label_surfaces

MIRRORED = np.array([[0.1, -0.2, -0.69, -40], [0.9, 0.66, -0.1, 12], [2.4, -0.1, 0.2, 300], [0, 0, 0, 1.0]])
TILTED = MIRRORED @ np.diag([1, 1, -1, 1.0])


def border(faces: np.ndarray, sides: np.ndarray, label: int) -> np.ndarray:
    """Triangles of a label, its outside in front."""
    return np.concatenate([faces[sides[:, 0] == label], faces[sides[:, 1] == label][:, ::-1]])


def is_closed_manifold(faces: np.ndarray) -> bool:
    """Whether every directed edge occurs once, and so does its reverse."""
    a, b = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64).T
    forth, back = np.sort(a << 32 | b), np.sort(b << 32 | a)
    return bool((np.diff(forth) > 0).all() and np.array_equal(forth, back))


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    points = vertices.astype(np.float64) - vertices.mean(axis=0, dtype=np.float64)
    a, b, c = (points[faces[:, n]] for n in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("affine", [TILTED, MIRRORED], ids=["right", "left"])
@pytest.mark.parametrize("count", [2, 3, 4, 6, 250])
def test_every_label_of_noise_is_closed_and_they_fill_space(count: int, affine: np.ndarray) -> None:
    labels = np.random.default_rng(count).integers(0, count, (9, 11, 12)).astype(np.uint8)
    vertices, faces, sides = label_surfaces(labels, affine)
    assert (sides[:, 0] != sides[:, 1]).all()
    assert np.array_equal(np.unique(faces), np.arange(len(vertices)))
    total = 0.0
    for label in np.unique(labels[labels > 0]):
        own = border(faces, sides, label)
        assert is_closed_manifold(own)
        assert volume(vertices, own) > 0
        total += volume(vertices, own)
    # The union's border is the background's, turned round: no gap, no overlap.
    outer = border(faces, sides, 0)[:, ::-1]
    assert is_closed_manifold(outer)
    assert volume(vertices, outer) == pytest.approx(total, rel=1e-9)


def test_of_two_labels_it_is_the_isosurface() -> None:
    labels = np.random.default_rng(3).integers(0, 2, (10, 9, 70)).astype(np.uint8)
    vertices, faces, _ = label_surfaces(labels, MIRRORED)
    expected_vertices, expected_faces, _ = isosurface(labels, 0.5, MIRRORED, closed=True)

    assert len(faces) == len(expected_faces)
    order, expected_order = (np.lexsort(np.round(v, 2).T) for v in (vertices, expected_vertices))
    assert np.allclose(vertices[order], expected_vertices[expected_order], atol=1e-4)
    number, expected_number = np.argsort(order), np.argsort(expected_order)

    def fans(corners: np.ndarray) -> np.ndarray:
        """Triangles at each vertex and neighbours across crossed faces: the topology, whatever the diagonals."""
        edges = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
        return np.unique(edges, axis=0)

    edges, expected_edges = fans(number[faces]), fans(expected_number[expected_faces])
    assert len(edges) == len(expected_edges)
    # Only diagonals inside cells may differ; most do not.
    same = len({tuple(e) for e in edges} & {tuple(e) for e in expected_edges})
    assert same > 0.9 * len(edges)


def test_numbers_matter_only_where_pairs_cross() -> None:
    """The background is never joined across a face, so thin structures hang together by their edges."""
    labels = np.zeros((2, 2, 2), dtype=np.uint8)
    labels[0, 0, 0] = labels[0, 1, 1] = 7
    _, faces, sides = label_surfaces(labels, np.eye(4))
    own = border(faces, sides, 7)
    edges = np.unique(np.sort(np.concatenate([own[:, [0, 1]], own[:, [1, 2]], own[:, [2, 0]]]), axis=1), axis=0)
    assert len(np.unique(own)) - len(edges) + len(own) == 2  # one ball, not two


def test_touching_boxes_share_a_plane() -> None:
    labels = np.zeros((8, 9, 10), dtype=np.uint16)
    labels[2:6, 2:6, 2:5], labels[2:6, 2:6, 5:8] = 300, 40
    vertices, faces, sides = label_surfaces(labels, np.eye(4))
    between = faces[(sides > 0).all(axis=1)]
    # Its rim, where the background meets both, is not cut: the square has 4 × 4 voxels.
    assert np.allclose(vertices[np.unique(between)][:, 2], 4.5)
    a, b, c = (vertices[between[:, n]] for n in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2 == pytest.approx(16)
    parts = [volume(vertices, border(faces, sides, label)) for label in (300, 40)]
    assert parts == pytest.approx([45, 45])


def test_labels_at_the_border_end_at_the_outer_faces_of_their_voxels() -> None:
    vertices, faces, sides = label_surfaces(np.full((3, 4, 5), 2, dtype=np.uint8), np.diag([2.5, 0.7, 0.7, 1]))
    assert np.allclose(np.ptp(vertices, axis=0), [3 * 2.5, 4 * 0.7, 5 * 0.7])
    assert is_closed_manifold(border(faces, sides, 2))
    assert len(label_surfaces(np.zeros((3, 4, 5), dtype=np.uint8), np.eye(4))[1]) == 0


def test_threads_do_not_change_a_byte() -> None:
    labels = np.random.default_rng(5).integers(0, 4, (20, 21, 40)).astype(np.uint8)
    before = numba.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            results.append([a.tobytes() for a in label_surfaces(labels, TILTED)])
    finally:
        numba.set_num_threads(before)
    assert results[0] == results[1]


def test_pattern_of_many_labels_leaves_no_border_but_on_the_faces_of_the_cell() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        raw = rng.integers(0, rng.integers(2, 9), 8)
        pattern = tuple(int(n) for n in np.unique(raw, return_inverse=True)[1])
        triangles = triangles_of_pattern(pattern, int(rng.integers(0, 64)))
        for label in set(pattern):
            own = [t[:3] for t in triangles if pattern[t[3]] == label]
            own += [t[2::-1] for t in triangles if pattern[t[4]] == label]
            directed = [(t[n], t[(n + 1) % 3]) for t in own for n in range(3)]
            assert len(directed) == len(set(directed))
            open_sides = [e for e in directed if e[::-1] not in directed]
            assert all(CELL_NODE not in side for side in open_sides)
        assert all(pattern[t[3]] != pattern[t[4]] for t in triangles)
