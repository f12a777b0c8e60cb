"""Centrelines of tubes, of a fork and of real vessels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import spatial
from vessels import bent, scanned

from prosector.datasets.shapes_swept import Tube
from prosector.errors import EmptyResultError, FileFormatError, ParameterError
from prosector.exchange.centerlines import read_centerlines, write_centerlines
from prosector.exchange.volumes import read_volume_file
from prosector.measurement.centerline import find_centerline, find_tree
from prosector.measurement.centerline_profile import Look, path_through, profile_of
from prosector.measurement.centerline_sizes import measure_vessel
from prosector.model.digest import digest
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.pipeline.run import run_operation
from prosector.surface.centerlines import RADIUS, write_centerlines_vtp

LUMEN = (Segment(1, "lumen", structure("vessel lumen")),)
TUBE = bent(50.0, np.full(121, 3.0))


@pytest.fixture(scope="module")
def bend() -> tuple[Volume, LabelMap]:
    return scanned(TUBE, tilt=0.25)


@pytest.fixture(scope="module")
def fork() -> LabelMap:
    """A trunk of radius 5 along z that parts into two of radius 3."""
    trunk = Tube(np.array([[0, 0, -30.0], [0, 0, 0]]), np.full(2, 5.0))
    arms = [Tube(np.array([[0, 0, 0], [x, 3.0, 30]]), np.full(2, 3.0)) for x in (-17.0, 15.0)]
    whole = Tube(np.array([[0, 0, -30.0], [0, 0, 0], [-17, 3, 30], [15, 3, 30]]), np.full(4, 5.0))
    geometry = scanned(whole, (1.2, 0.8, 0.8), noise_hu=0)[1].geometry
    index = np.stack(np.meshgrid(*map(np.arange, geometry.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    mask = np.zeros(len(index), dtype=bool)
    for tube in (trunk, *arms):
        a, b = tube.centers
        share = np.clip((geometry.to_lps(index) - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        mask |= np.linalg.norm(geometry.to_lps(index) - a - share[:, None] * (b - a), axis=1) < tube.radii[0]
    return LabelMap(mask.reshape(geometry.shape), geometry, LUMEN)


def test_a_line_keeps_to_the_middle_and_has_its_length(bend: tuple[Volume, LabelMap]) -> None:
    found = find_centerline(bend[1], TUBE.centers[6], TUBE.centers[-7:-6])
    (line,) = found.branches
    off = spatial.cKDTree(TUBE.centers).query(line.points_lps)[0]
    assert off.mean() < 0.25
    assert off.max() < 0.6
    assert line.length_mm == pytest.approx(TUBE.arc_mm[-7] - TUBE.arc_mm[6], abs=0.3 * 0.788)  # of a voxel's cube
    for place, given in ((line.points_lps[0], TUBE.centers[6]), (line.points_lps[-1], TUBE.centers[-7])):
        assert np.linalg.norm(place - given) < 0.35
    assert np.abs(line.radii_mm[3:-3] - 3.0).max() < 0.6
    steps = np.linalg.norm(np.diff(line.points_lps, axis=0), axis=1)
    assert steps.max() < 1.02 * steps.min()


def test_a_point_on_the_wall_is_drawn_in_and_one_too_far_is_an_error(bend: tuple[Volume, LabelMap]) -> None:
    end = TUBE.centers[-7:-6]
    beside = TUBE.centers[6] + np.array([4.0, 0, 0])
    line = find_centerline(bend[1], beside, end).branches[0]
    assert spatial.cKDTree(TUBE.centers).query(line.points_lps[0])[0] < 1.0
    with pytest.raises(ParameterError, match="mm from the lumen"):
        find_centerline(bend[1], beside + 30, end)
    with pytest.raises(ParameterError, match="lies at the start"):
        find_centerline(bend[1], end[0], end)
    with pytest.raises(ParameterError, match="at least one end"):
        find_centerline(bend[1], end[0], [])


def test_an_interrupted_lumen_is_an_error(bend: tuple[Volume, LabelMap]) -> None:
    cut = np.array(bend[1].labels)
    cut[cut.shape[0] // 2] = 0
    with pytest.raises(EmptyResultError, match="interrupted"):
        find_centerline(LabelMap(cut, bend[1].geometry, LUMEN), TUBE.centers[6], TUBE.centers[-7:-6])
    with pytest.raises(EmptyResultError, match="empty"):
        find_tree(LabelMap(np.zeros_like(cut), bend[1].geometry, LUMEN))


def test_a_fork_has_three_branches_and_no_spurs(fork: LabelMap) -> None:
    tree = find_tree(fork)
    assert len(tree.branches) == 3
    assert len(tree.nodes_lps) == 4
    ends = [n for b in tree.branches for n in (b.start, b.end)]
    joint = next(n for n in range(4) if ends.count(n) == 3)
    assert np.linalg.norm(tree.nodes_lps[joint] - [0, 0, 2]) < 6
    # the root is the end of the wide trunk
    assert tree.nodes_lps[tree.branches[0].start][2] < -30
    for truth in ([0, 0, -15], [-8.5, 1.5, 15], [7.5, 1.5, 15]):
        near = min(np.linalg.norm(b.points_lps - truth, axis=1).min() for b in tree.branches)
        assert near < 0.6
    assert len(find_tree(fork, shortest_mm=60).branches) == 1


def test_two_ends_share_their_way(fork: LabelMap) -> None:
    found = find_centerline(fork, [0, 0, -25], [[-15, 2.6, 27], [13, 2.6, 27]])
    assert len(found.branches) == 3
    way = path_through(found, 2)
    assert np.linalg.norm(way.points_lps[[0, -1]] - [[0, 0, -25], [13, 2.6, 27]], axis=1).max() < 3.5
    with pytest.raises(ParameterError, match="no end 3"):
        path_through(found, 3)


def test_sizes_along_a_vessel(bend: tuple[Volume, LabelMap]) -> None:
    line = find_centerline(bend[1], TUBE.centers[12], TUBE.centers[-13:-12])
    found = measure_vessel(line, Look(*bend), (10.0,))
    for name in ("circular-equivalent diameter", "minimum Feret diameter", "maximum inscribed circle diameter"):
        measured = found.find(name)
        assert measured.value == pytest.approx(6.0, abs=0.4)
        assert {c.source for c in measured.contributions} == {"voxel spacing", "threshold ±25 HU"}
    assert found.find("smallest lumen area").value < found.find("largest lumen area").value
    assert found.curves[0].column("lumen area").shape == line.branches[0].radii_mm.shape


def test_the_end_of_the_lumen_is_no_narrowing(bend: tuple[Volume, LabelMap]) -> None:
    profile = profile_of(find_tree(bend[1]).branches[0], Look(*bend))
    assert profile.sizes.equivalent[profile.counts].min() > 5.2


def test_centrelines_come_back_from_json(fork: LabelMap, tmp_path: Path) -> None:
    tree = find_tree(fork, start_lps=[0, 0, -30])
    write_centerlines(tmp_path / "a.json", tree)
    assert digest(read_centerlines(tmp_path / "a.json")) == digest(tree)
    (tmp_path / "b.json").write_text('{"format": "prosector-centerlines-1", "branches": [{}]}')
    for name in ("b.json", "none.json"):
        with pytest.raises(FileFormatError):
            read_centerlines(tmp_path / name)


def test_vtk_polylines_carry_radii(fork: LabelMap, tmp_path: Path) -> None:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    tree = find_tree(fork)
    write_centerlines_vtp(tmp_path / "a.vtp", tree)
    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(tmp_path / "a.vtp"))
    reader.Update()
    polydata = reader.GetOutput()
    assert polydata.GetNumberOfLines() == 3
    radii = vtk_to_numpy(polydata.GetPointData().GetArray(RADIUS))
    np.testing.assert_array_equal(radii, np.concatenate([b.radii_mm for b in tree.branches]))


@pytest.mark.real_data
def test_an_aorta_with_its_iliac_arteries(real_data: Path) -> None:
    """Contrast MR angiogram with a reference level set: negative inside."""
    volume = read_volume_file(real_data / "mra_aorta" / "aorta.mha")
    inside = read_volume_file(real_data / "mra_aorta" / "aorta-final-levelset.mha").voxels < 0
    labels = LabelMap(inside, volume.geometry, LUMEN)
    tree = run_operation("centerline", {"labels": labels})
    assert len(tree.branches) == 3  # type: ignore[union-attr]
    found = measure_vessel(tree, Look(volume, labels))  # type: ignore[arg-type]
    widths = [np.nanmedian(c.column("circular-equivalent diameter")) for c in found.curves]
    # the aorta below the renal arteries of an adult is 12 to 22 mm wide, common iliac arteries 7 to 13 mm
    assert 12 < widths[0] < 22
    assert min(widths[1:]) > 7
    assert max(widths[1:]) < 13
