"""Volume, surface and size of bodies that can be worked out on paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from solids import ELONGATED, GRIDS, ISOTROPIC, centers, grid, labelled, rod, scanned, sphere

from prosector.errors import EmptyResultError, GeometryError
from prosector.measurement.filling import fill_segment
from prosector.measurement.sizes import widest
from prosector.measurement.volumes import measure_segments
from prosector.model.measurement import Measurements
from prosector.pipeline.source import read_volume
from prosector.surface.files import read_mesh

CORRECTED = "volume with partial-volume correction"
RADIUS = 7.0
SPHERE_MM3 = 4 / 3 * np.pi * RADIUS**3


@pytest.fixture(scope="module", params=list(GRIDS))
def measured(request: pytest.FixtureRequest) -> Measurements:
    """A sphere, labelled at a threshold well below the half level."""
    volume = scanned(grid(GRIDS[request.param], 24), sphere((0, 0, 0), RADIUS), 260, -40, noise=8)
    labels = labelled(volume.geometry, lesion=volume.voxels > 50)
    return measure_segments(labels, volume, threshold_uncertainty_hu=25)


def test_volume_of_a_sphere(measured: Measurements) -> None:
    """The correction takes off what the low threshold put on."""
    assert measured.find("volume by voxel count").value > 1.04 * SPHERE_MM3
    assert measured.find(CORRECTED).value == pytest.approx(SPHERE_MM3, rel=0.02)
    assert measured.find("volume of the surface").value == pytest.approx(SPHERE_MM3, rel=0.02)
    assert measured.find("surface area").value == pytest.approx(4 * np.pi * RADIUS**2, rel=0.04)


def test_diameters_of_a_sphere(measured: Measurements) -> None:
    for name in ("maximum 3D diameter", "longest diameter in a slice", "short axis in that slice"):
        found = measured.find(name)
        assert found.value == pytest.approx(2 * RADIUS, abs=0.75 if "3D" in name else 0.5)  # the largest of all: noise
        assert np.linalg.norm(np.subtract(*found.where_lps)) == pytest.approx(found.value, abs=0.01)
    for which in ("first", "second", "third"):
        assert measured.find(f"extent along the {which} principal axis").value == pytest.approx(2 * RADIUS, abs=0.5)


def test_uncertainty_covers_the_truth_and_names_its_parts(measured: Measurements) -> None:
    for name, truth in ((CORRECTED, SPHERE_MM3), ("maximum 3D diameter", 2 * RADIUS)):
        found = measured.find(name)
        assert found.uncertainty is not None
        assert abs(found.value - truth) < found.uncertainty
        assert "threshold ±25 HU" in [c.source for c in found.contributions]
    assert "voxel spacing" in [c.source for c in measured.find("maximum 3D diameter").contributions]


@pytest.mark.parametrize("steps", [ISOTROPIC, ELONGATED], ids=["isotropic", "elongated"])
def test_a_tube_of_five_voxels(steps: np.ndarray) -> None:
    body = rod((0.2, 0.3, 1), 2.0, 11)
    volume = scanned(grid(steps, 30), body, 300, 0, noise=5)
    labels = labelled(volume.geometry, vessel=body(centers(volume.geometry)) < 0)
    found = measure_segments(labels, volume)
    assert found.find(CORRECTED).value == pytest.approx(np.pi * 4 * 22, rel=0.02)
    axis = np.array(found.find("extent along the first principal axis").where_lps)
    assert found.find("extent along the first principal axis").value == pytest.approx(22, abs=1.5)
    assert np.abs(np.diff(axis, axis=0)[0]).argmax() == 2


def test_labels_alone_keep_their_voxels() -> None:
    geometry = grid(ISOTROPIC, 24)
    labels = labelled(geometry, ball=sphere((0, 0, 0), RADIUS)(centers(geometry)) < 0)
    found = measure_segments(labels)
    held = found.find("volume by voxel count").value
    assert found.find("volume of the surface").value == pytest.approx(held, rel=1e-3)
    assert found.find("surface area").value == pytest.approx(4 * np.pi * RADIUS**2, rel=0.02)
    filling = fill_segment(labels, "ball")
    assert ((filling.parts > 0.5) == filling.mask).all()
    with pytest.raises(Exception, match="partial-volume"):
        found.find(CORRECTED)


def test_a_border_that_was_drawn_and_not_seen_stays_where_it_was_drawn() -> None:
    """Half of a rod is labelled: the cut has the same value on both sides."""
    body = rod((0, 0, 1), 4.0, 20)
    volume = scanned(grid(ISOTROPIC, 26), body, 200, 0)
    at = centers(volume.geometry)
    labels = labelled(volume.geometry, half=(body(at) < 0) & (at[..., 2] < 0))
    filling = fill_segment(labels, "half", volume)
    cut = (at[..., 2] > 0) & (body(at) < -2)
    here = tuple(slice(s, s + n) for s, n in zip(filling.start, filling.parts.shape, strict=True))
    assert (filling.parts[cut[here]] == 0).all()


def test_other_segments_take_no_part() -> None:
    geometry = grid(ISOTROPIC, 24)
    at = centers(geometry)
    volume = scanned(geometry, sphere((0, 0, 0), RADIUS), 260, -40)
    inside = sphere((0, 0, 0), RADIUS)(at) < 0
    labels = labelled(geometry, left=inside & (at[..., 0] > 0), right=inside)
    found = measure_segments(labels, volume)
    total = sum(m.value for m in found.items if m.definition.name == CORRECTED)
    assert total == pytest.approx(SPHERE_MM3, rel=0.02)


def test_what_the_data_cannot_support_is_told() -> None:
    geometry = grid(ELONGATED, 20)
    mask = np.zeros(geometry.shape, dtype=bool)
    mask[:2, 5:8, 5:15] = True
    words = " / ".join(measure_segments(labelled(geometry, thin=mask)).items[0].warnings)
    for expected in ("first slice", "2 slice(s) only", "3 voxel(s) across", "elongated"):
        assert expected in words


def test_one_voxel_is_still_measured() -> None:
    geometry = grid(ISOTROPIC, 8)
    mask = np.zeros(geometry.shape, dtype=bool)
    mask[4, 4, 4] = True
    found = measure_segments(labelled(geometry, dot=mask))
    assert found.find("volume by voxel count").value == pytest.approx(geometry.voxel_volume_mm3)
    assert found.find("maximum 3D diameter").value < 2


def test_empty_segments_and_other_grids() -> None:
    geometry = grid(ISOTROPIC, 12)
    nothing = np.zeros(geometry.shape, dtype=bool)
    ball = sphere((0, 0, 0), 3)(centers(geometry)) < 0
    assert measure_segments(labelled(geometry, ball=ball, gone=nothing)).warnings == ("segment 'gone' holds no voxel",)
    with pytest.raises(EmptyResultError, match="no segment"):
        measure_segments(labelled(geometry, gone=nothing))
    with pytest.raises(GeometryError):
        measure_segments(labelled(geometry, ball=ball), scanned(grid(ISOTROPIC, 14), sphere((0, 0, 0), 3), 100, 0))


def test_widest_pair_against_all_pairs() -> None:
    points = np.random.default_rng(5).normal(size=(300, 3))
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)
    length, pair = widest(points)
    assert length == pytest.approx(apart.max(), abs=1e-12)
    assert np.linalg.norm(pair[1] - pair[0]) == pytest.approx(length)
    assert widest(points[:1])[0] == 0
    assert widest(np.array([(0.0, 0, 0), (1, 0, 0), (3, 0, 0)]))[0] == 3


@pytest.mark.real_data
def test_a_real_aorta_against_its_reference_surface(real_data: Path) -> None:
    """Voxels of the reference level set, measured with and without the MR angiogram, against the mesh of it."""
    folder = real_data / "mra_aorta"
    levels = read_volume(folder / "aorta-final-levelset.mha", modality="MR")
    reference = read_mesh(folder / "aorta-surface.stl")
    labels = labelled(levels.geometry, aorta=levels.voxels < 0)
    for volume in (None, read_volume(folder / "aorta.mha", modality="MR")):
        found = measure_segments(labels, volume)
        assert found.find("volume of the surface").value == pytest.approx(abs(reference.volume_mm3), rel=0.025)
        assert found.find("surface area").value == pytest.approx(reference.area_mm2, rel=0.05)
        longest = found.find("maximum 3D diameter")
        assert longest.uncertainty is not None
        assert abs(longest.value - widest(reference.vertices_lps)[0]) < longest.uncertainty
