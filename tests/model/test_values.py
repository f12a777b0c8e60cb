"""Volumes, labels, windows, transfer functions, meshes and their digests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prosector import Geometry, LabelMap, Mesh, TransferFunction, Volume, Window
from prosector.errors import InputError, ParameterError, UnknownNameError
from prosector.model.digest import canonical_json, digest
from prosector.model.labels import Segment
from prosector.model.source import Patient, Source, Study
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, compact

GRID = Geometry((2, 3, 4), np.eye(4))


def volume(**changes):
    voxels = changes.pop("voxels", np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    return Volume(voxels, changes.pop("geometry", GRID), changes.pop("unit", HOUNSFIELD), **changes)


def test_values_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        volume().voxels[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        GRID.affine[0, 0] = 2


@pytest.mark.parametrize("voxels", [np.zeros((2, 3, 4)), np.zeros((2, 3, 4), np.int32), np.zeros((2, 3, 5), np.int16)])
def test_voxels_that_do_not_fit_are_refused(voxels):
    with pytest.raises(InputError):
        volume(voxels=voxels)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([-5, 300]), "int16"),
        (np.array([0, 40000]), "uint16"),
        (np.array([-1, 40000]), "float32"),
        (np.array([0.5, 2]), "float32"),
        (np.array([True, False]), "int16"),
        (np.array([1, 2], dtype=np.uint8), "uint8"),
    ],
)
def test_compact_keeps_values_exact(values, expected):
    found = compact(values)
    assert found.dtype.name == expected
    np.testing.assert_array_equal(found, values)


def test_identity_is_never_printed():
    source = Source(patient=Patient("Name^Secret", "SECRET"), study=Study("1.2", accession_number="SECRET"))
    assert "ecret" not in repr(source).lower().replace("secrete", "")


def test_digests_tell_values_apart_and_nothing_else():
    base = digest(volume())
    assert digest(volume()) == base
    assert digest(volume(source=Source(description="other"))) == base
    changed = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    changed[1, 2, 3] += 1
    assert digest(volume(voxels=changed)) != base
    assert digest(volume(unit="1")) != base
    assert digest(volume(geometry=Geometry((2, 3, 4), 2 * np.eye(4) - np.diag([0, 0, 0, 1])))) != base
    big = volume(voxels=volume().voxels.astype(">i2").astype(np.int16))
    assert digest(big) == base


def test_canonical_json_is_one_text_for_one_value():
    assert canonical_json({"b": 1, "a": [1.5, "é"]}) == '{"a":[1.5,"é"],"b":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


def test_labels():
    labels = np.zeros((2, 3, 4), dtype=np.uint16)
    labels[0, 0, :3] = 300
    found = LabelMap(labels, GRID, (Segment(300, "bone", structure("bone")), Segment(7, "vessel", structure("vessel"))))
    assert found.volumes_mm3() == {"bone": 3.0, "vessel": 0.0}
    assert found.mask("bone").sum() == found.mask().sum() == 3
    with pytest.raises(InputError, match="there are: bone, vessel"):
        found.mask("liver")
    for bad in ((Segment(0, "a", structure("bone")),), (Segment(1, "a", structure("bone")),) * 2):
        with pytest.raises(InputError):
            replace(found, segments=bad)
    with pytest.raises(UnknownNameError, match="bone"):
        structure("elbow grease")


@given(st.floats(-1000, 1000), st.floats(1, 5000))
def test_a_window_is_linear_and_clamped(center, width):
    window = Window(center, width)
    values = np.linspace(window.low - width, window.high + width, 101)
    grey = window.apply(values)
    exact = np.clip((values - window.low) / width * 255, 0, 255)
    assert np.abs(grey - exact).max() <= 0.6
    with pytest.raises(ParameterError):
        Window(0, 0)


@given(st.floats(0.05, 2.0), st.floats(0.0, 0.9))
def test_opacity_is_corrected_for_the_step(step_mm, opacity):
    transfer = TransferFunction(((0, (0.2, 0.4, 0.6)),), ((0, opacity), (100, opacity)))
    table = transfer.table(step_mm, 0, 100, 3)
    one_mm = 1 - (1 - table[:, 3].astype(np.float64)) ** (1 / step_mm)
    np.testing.assert_allclose(one_mm, opacity, atol=2e-4)
    np.testing.assert_allclose(table[:, :3], [[0.2, 0.4, 0.6]] * 3, atol=1e-6)


def test_scaled_transfer_functions_and_first_visible():
    transfer = TransferFunction(((0, (0, 0, 0)), (1, (1, 1, 1))), ((0.2, 0.0), (0.6, 0.5)), ((0, 0), (1, 1)))
    scaled = transfer.scaled(100, 300)
    assert scaled.opacity == ((140, 0.0), (220, 0.5))
    assert scaled.gradient_opacity == ((0, 0), (200, 1))
    assert transfer.first_visible == 0.2
    np.testing.assert_allclose(transfer.gradient_table(1.0, 3), [0, 0.5, 1])
    for bad in (((2, 0.1), (1, 0.1)), ((0, 1.5),), ()):
        with pytest.raises(ParameterError):
            TransferFunction(((0, (0, 0, 0)),), bad)


def test_a_tetrahedron_has_its_area_and_volume():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32) + 100
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    mesh = Mesh(corners, faces, np.ones((4, 3)))
    assert mesh.volume_mm3 == pytest.approx(1 / 6)
    assert mesh.area_mm2 == pytest.approx(1.5 + np.sqrt(3) / 2)
    assert Mesh(corners, faces[:, ::-1], np.ones((4, 3))).volume_mm3 == pytest.approx(-1 / 6)
    with pytest.raises(InputError, match="not there"):
        Mesh(corners, faces + 1, np.ones((4, 3)))
