"""Surfaces of volumes and label maps."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.mesh import Mesh
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.surface.extract import extract_label_mesh, extract_mesh

AFFINE = np.array([[0, 0, -0.7, 50], [0, 0.7, 0, -20], [2.5, 0.3, 0, 100], [0, 0, 0, 1.0]])
RADIUS = 12.0


@pytest.fixture(scope="module")
def distances() -> tuple[np.ndarray, Geometry]:
    """Distance in mm from a point off the grid, on a mirrored and tilted grid."""
    geometry = Geometry((14, 44, 45), AFFINE)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1)
    return np.linalg.norm(geometry.to_lps(index) - geometry.center_lps - 0.11, axis=-1), geometry


@pytest.fixture(scope="module")
def labelmap(distances: tuple[np.ndarray, Geometry]) -> LabelMap:
    """A ball of bone with a core of vessel."""
    distance, geometry = distances
    labels = (distance <= RADIUS).astype(np.uint8)
    labels[distance <= 5] = 2
    segments = (
        Segment(1, "bone", structure("bone")),
        Segment(2, "vessel", structure("vessel")),
        Segment(3, "lesion", structure("lesion")),
    )
    return LabelMap(labels, geometry, segments)


def is_closed(mesh: Mesh) -> bool:
    faces = mesh.faces.astype(np.int64)
    a, b = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).T
    forth, back = np.sort(a << 32 | b), np.sort(b << 32 | a)
    return bool((np.diff(forth) > 0).all() and np.array_equal(forth, back))


def test_volume_at_a_level(distances: tuple[np.ndarray, Geometry]) -> None:
    distance, geometry = distances
    volume = Volume(np.rint(1000 - 50 * distance).astype(np.int16), geometry, HOUNSFIELD)
    mesh = extract_mesh(volume, 1000 - 50 * RADIUS)
    assert is_closed(mesh)
    assert mesh.volume_mm3 == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.01)
    outward = mesh.vertices_lps - geometry.center_lps - 0.11
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", outward, mesh.normals_lps).min() > 0.98


def test_closed_or_open_at_the_border(distances: tuple[np.ndarray, Geometry]) -> None:
    distance, geometry = distances
    half = Geometry((7, 44, 45), geometry.affine)
    volume = Volume((RADIUS - distance[:7]).astype(np.float32), half)
    closed = extract_mesh(volume, 0.0)
    assert is_closed(closed)
    assert not is_closed(extract_mesh(volume, 0.0, closed=False))
    # The grid ends at the outer face of slice 6, 1.14 mm beyond or before the middle: about half is left.
    assert closed.volume_mm3 == pytest.approx(2 / 3 * np.pi * RADIUS**3, rel=0.06)


@pytest.mark.parametrize(("level", "closed"), [(500.0, True), (-2000.0, False)])
def test_nothing_there_names_the_values(level: float, closed: bool) -> None:
    voxels = np.array([[[-1000, 40], [60, 400]]] * 2, dtype=np.int16)
    volume = Volume(voxels, Geometry((2, 2, 2), np.eye(4)), HOUNSFIELD)
    with pytest.raises(EmptyResultError, match=rf"at {level:g}.* -1000 HU to 400 HU"):
        extract_mesh(volume, level, closed=closed)


def test_nothing_finite_there() -> None:
    volume = Volume(np.full((3, 3, 3), np.nan, dtype=np.float32), Geometry((3, 3, 3), np.eye(4)))
    with pytest.raises(EmptyResultError, match="no voxel holds a finite value"):
        extract_mesh(volume, 0.0)
    with pytest.raises(ParameterError, match="finite"):
        extract_mesh(volume, float("nan"))


def test_label_mesh_without_smoothing_is_the_border_of_the_voxels(labelmap: LabelMap) -> None:
    mesh = extract_label_mesh(labelmap, smooth=False)
    assert is_closed(mesh)
    # Corners of voxels are cut, so a little less than the voxels; in 2.5 mm steps that shows.
    assert 0.985 < mesh.volume_mm3 / (labelmap.mask().sum() * labelmap.geometry.voxel_volume_mm3) < 1


@pytest.mark.parametrize("segment", [None, "vessel"])
def test_smoothed_label_mesh_holds_what_its_voxels_hold(labelmap: LabelMap, segment: str | None) -> None:
    raw = extract_label_mesh(labelmap, segment, smooth=False)
    smooth = extract_label_mesh(labelmap, segment)
    voxels = labelmap.mask(segment).sum() * labelmap.geometry.voxel_volume_mm3
    assert is_closed(smooth)
    assert smooth.volume_mm3 == pytest.approx(voxels, rel=0.001)
    # The stairs are gone: the area is that of a sphere, not that of its steps.
    sphere = (36 * np.pi * smooth.volume_mm3**2) ** (1 / 3)
    assert raw.area_mm2 > 1.12 * sphere
    assert smooth.area_mm2 < 1.02 * sphere


def test_label_mesh_lies_where_its_voxels_lie(labelmap: LabelMap) -> None:
    mesh = extract_label_mesh(labelmap, "vessel")
    index = np.argwhere(labelmap.mask("vessel"))
    assert np.abs(mesh.vertices_lps.mean(axis=0) - labelmap.geometry.to_lps(index).mean(axis=0)).max() < 0.3


def test_label_mesh_keeps_inner_walls_outward(labelmap: LabelMap) -> None:
    shell = extract_label_mesh(labelmap, "bone")
    parts = [extract_label_mesh(labelmap, name).volume_mm3 for name in (None, "vessel")]
    assert shell.volume_mm3 == pytest.approx(parts[0] - parts[1], rel=0.01)


def test_label_mesh_of_what_is_not_there(labelmap: LabelMap) -> None:
    with pytest.raises(EmptyResultError, match="'lesion' holds no voxel"):
        extract_label_mesh(labelmap, "lesion")
    with pytest.raises(InputError, match="no segment 'liver' here; there are: bone, vessel, lesion"):
        extract_label_mesh(labelmap, "liver")


@pytest.mark.real_data
def test_aorta_of_a_real_patient(real_data: Path) -> None:
    image = nibabel.load(real_data / "chest_cta" / "labels.nii.gz")
    labels = np.asarray(image.dataobj).transpose(2, 1, 0) == 52
    affine = (np.diag([-1.0, -1, 1, 1]) @ image.affine)[:, [2, 1, 0, 3]]
    segment = Segment(1, "aorta", structure("vessel"))
    labelmap = LabelMap(labels, Geometry(labels.shape, affine), (segment,))
    mesh = extract_label_mesh(labelmap, "aorta")
    assert is_closed(mesh)
    assert mesh.volume_mm3 == pytest.approx(labels.sum() * labelmap.geometry.voxel_volume_mm3, rel=0.001)
