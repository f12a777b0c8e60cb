"""The body is what the phantom says it is, however it lies and however it was scanned."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest
from analytic import Part, ball, box, dice, ellipse, grid, points, scan, truth

from prosector.dicom.read import read_series
from prosector.errors import EmptyResultError
from prosector.model.geometry import Array, Geometry
from prosector.model.volume import Volume
from prosector.segmentation.body import segment_body

TRUNK = ellipse(0, 0, 90, 62)
ARMS = (ball(-112, 8, 0, 17, 17, 140), ball(112, 8, -60, 18, 18, 150))
LUNGS = (ball(-42, -8, 30, 30, 40, 70), ball(42, -8, 30, 30, 40, 70))
TRACHEA = ellipse(0, -25, 8, 8)
GAS = ball(10, -40, -50, 18, 9, 14)
AXIAL = np.array([[0.0, 0, 1.7], [0, 1.7, 0], [2.5, 0, 0]])
SHAPE = (56, 110, 160)


def table(top: float) -> list[Part]:
    """A hollow table filled with foam, whose upper edge lies at ``top``."""
    return [
        Part(box((-115, 115), (top, top + 30)), 80),
        Part(box((-111, 111), (top + 3.4, top + 26.6)), -960),
    ]


def patient() -> list[Part]:
    inside = [Part(lung, -850) for lung in LUNGS] + [Part(TRACHEA, -1000), Part(GAS, -1000)]
    return [Part(TRUNK, 40), *(Part(arm, 20) for arm in ARMS), *inside, Part(ellipse(0, 35, 15, 15), 300)]


def axial() -> Geometry:
    return grid(AXIAL, SHAPE)


@pytest.mark.parametrize("top", [64.0, 61.5, 70.0], ids=["touching", "pressed", "apart"])
def test_a_patient_is_told_from_the_table(top: float) -> None:
    geometry = axial()
    found = segment_body(scan(geometry, table(top) + patient())).labels
    exact = truth(geometry, TRUNK, *ARMS)
    assert dice(found, exact) >= 0.98
    _, y, _ = points(geometry)
    assert not found[y > top + 6].any()
    assert not found[box((-60, 60), (66.5, 999))(*points(geometry))].any()


@pytest.mark.parametrize("angle", [90.0, 180.0], ids=["decubitus", "prone"])
def test_it_does_not_matter_how_the_patient_lies(angle: float) -> None:
    turn = np.radians(angle)
    lie = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    geometry = grid(lie @ AXIAL, SHAPE)

    def turned(part: Part) -> Part:
        return Part(lambda x, y, z: part.inside(*np.tensordot(lie.T, np.stack([x, y, z]), 1)), part.hu)

    found = segment_body(scan(geometry, [turned(p) for p in table(64.0) + patient()])).labels
    exact = truth(geometry, *(turned(Part(inside, 0)).inside for inside in (TRUNK, *ARMS)))
    assert dice(found, exact) >= 0.98


def test_lungs_airways_and_gas_belong_to_the_body() -> None:
    geometry = axial()
    found = segment_body(scan(geometry, table(64.0) + patient())).labels
    for cavity in (*LUNGS, TRACHEA, GAS):
        assert found[truth(geometry, cavity)].all()


def test_the_air_that_an_arm_encloses_with_the_trunk_is_outside() -> None:
    geometry = axial()
    ring = [Part(ellipse(0, 0, 130, 80), 20), Part(ellipse(0, 0, 122, 72), -1000), Part(ellipse(0, 10, 80, 62), 40)]
    open_below = Part(box((-999, 999), (-999, 999), (-999, -30)), -1000)
    trunk = Part(ellipse(0, 10, 80, 62), 40)
    found = segment_body(scan(geometry, [*ring, open_below, trunk])).labels
    assert found[truth(geometry, trunk.inside)].all()
    assert not found[truth(geometry, ball(-101, 0, 20, 6, 6, 20))].any()


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param(AXIAL * [-1, 1, 1], id="feet first in the stack"),
        pytest.param(AXIAL * [1, -1, -1], id="turned"),
        pytest.param(AXIAL * [1, 1, -1], id="mirrored"),
        pytest.param(np.array([[2.5, 0, 0], [0, 0, 1.7], [0, -1.7, 0]]), id="sagittal"),
        pytest.param(np.array([[0, 0, 1.7], [2.5, 0, 0], [0, -1.7, 0]]), id="coronal"),
        pytest.param(AXIAL + np.array([[0, 0, 0], [0.7, 0, 0], [0, 0, 0]]), id="gantry tilt"),
        pytest.param(AXIAL * [2, 0.8, 0.8], id="thick slices"),
    ],
)
def test_any_grid_gives_the_same_body(matrix: Array) -> None:
    extent = np.abs(np.linalg.inv(matrix)) @ np.array([272.0, 187.0, 140.0])
    geometry = grid(matrix, tuple(int(n) for n in np.rint(extent)))  # type: ignore[arg-type]
    found = segment_body(scan(geometry, table(64.0) + patient())).labels
    assert dice(found, truth(geometry, TRUNK, *ARMS)) >= 0.975


def test_a_patient_wider_than_the_field_of_view_stays_whole() -> None:
    geometry = grid(AXIAL, (40, 100, 88))
    parts = [Part(TRUNK, 40), Part(LUNGS[0], -850), Part(LUNGS[1], -850)]
    found = segment_body(scan(geometry, table(64.0) + parts)).labels
    assert dice(found, truth(geometry, TRUNK)) >= 0.98


def test_a_lung_cut_by_the_field_of_view_belongs_to_the_body() -> None:
    geometry = grid(np.array([[0, 0, 1.5], [0, 1.5, 0], [2.5, 0, 0]]), (30, 72, 72))
    heart, chest_wall = ball(0, -3, 0, 30, 36, 200), box((-999, 999), (-46, -34))
    parts = [Part(box((-999, 999), (-46, 999)), -850), Part(heart, 40), Part(chest_wall, 30)]
    outside = Part(lambda x, y, z: np.hypot(x, y) > 53.5 + 0 * z, -1000)
    found = segment_body(scan(geometry, [*parts, Part(box((-10, 10), (20, 60)), 200), outside], noise=30)).labels
    x, y, _ = points(geometry)
    assert found[(np.hypot(x, y) < 47) & (y > -44)].mean() > 0.98
    assert not found[y < -48].any()


def test_a_hollow_model_is_an_object_with_what_it_encloses() -> None:
    geometry = axial()
    shell = [Part(ball(0, -10, 0, 70, 50, 65), 700), Part(ball(0, -10, 0, 65, 45, 60), -1000)]
    holder = [Part(ellipse(0, -10, 100, 80), 60), Part(ellipse(0, -10, 96, 76), -1000)]
    holder.append(Part(box((-999, 999), (-999, 0)), -1000))
    found = segment_body(scan(geometry, [*holder, *shell])).labels
    assert dice(found, truth(geometry, ball(0, -10, 0, 70, 50, 65))) >= 0.97


def test_ears_stay_and_sheets_go() -> None:
    geometry = axial()
    ear, sheet = ball(95, 0, 0, 22, 2.6, 18), box((-140, -85), (-3, 0), (-40, 40))
    parts = [Part(TRUNK, 40), Part(ear, 30), Part(sheet, 20), *table(64.0)]
    found = segment_body(scan(geometry, parts)).labels
    x, *_ = points(geometry)
    assert found[truth(geometry, ear) & (x > 92)].mean() > 0.6
    assert not found[x < -95].any()


def test_mr_needs_no_units() -> None:
    geometry = axial()
    head, dark = ball(0, 0, 0, 80, 70, 60), ball(0, 20, 0, 20, 20, 20)
    parts = [Part(box((-999, 999), (-999, 999)), 6.0), Part(head, 400.0), Part(dark, 10.0)]
    found = segment_body(scan(geometry, parts, noise=3.0, modality="MR")).labels
    assert dice(found, truth(geometry, head)) >= 0.98


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_nothing_there_is_said(modality: str) -> None:
    geometry = grid(AXIAL, (8, 20, 20))
    with pytest.raises(EmptyResultError, match="no body"):
        segment_body(scan(geometry, [], noise=0.0, modality=modality))


def test_a_single_slice_of_something_thin_is_that_thing() -> None:
    geometry = grid(AXIAL, (1, 60, 60))
    finger = ellipse(0, 0, 5, 5)
    assert dice(segment_body(scan(geometry, [Part(finger, 50)])).labels, truth(geometry, finger)) > 0.8


@pytest.mark.real_data
def test_the_table_leaves_the_chest(chest: Volume) -> None:
    found = segment_body(chest).labels
    voxels = chest.voxels
    rows = chest.geometry.to_lps(np.stack([np.zeros(512), np.arange(512), np.zeros(512)], axis=1))[:, 1]
    # behind the back there is nothing but the table
    behind = rows > 142
    assert (voxels[:, behind] > -200).sum() > 100_000
    assert not found[:, behind].any()
    before = rows < 110
    flesh = voxels[:, before] > -150
    assert found[:, before][flesh].mean() > 0.995


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ct_abdomen_portal/image", "ct_skull_phantom_tilt/S2010_tilt-18.5"])
def test_holders_and_cradles_leave(real_data: Path, name: str) -> None:
    volume = read_series(real_data / name)
    found = segment_body(volume).labels.astype(bool)
    border = np.concatenate(
        [found[:, side].ravel() for side in (0, -1)] + [found[:, :, side].ravel() for side in (0, -1)]
    )
    assert not border.any()
    assert 0.1 < found.mean() < 0.4


@pytest.mark.real_data
def test_one_thread_and_two_give_the_same_bytes(chest: Volume) -> None:
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = segment_body(chest).labels
        numba.set_num_threads(2)
        assert np.array_equal(alone, segment_body(chest).labels)
    finally:
        numba.set_num_threads(threads)
