"""Reformats and cinematic pictures as operations of a recipe."""

import numpy as np
import pytest

from prosector.errors import ParameterError
from prosector.model.geometry import Geometry
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.pipeline.operations import METHODS, OPERATIONS
from prosector.pipeline.run import run_operation

SIZE = {"width": 64, "height": 48}


@pytest.fixture(scope="module")
def volume() -> Volume:
    """A bright ball in soft tissue."""
    z, y, x = np.meshgrid(*(np.arange(n) - n / 2 for n in (30, 40, 44)), indexing="ij")
    voxels = np.where(x**2 + y**2 + z**2 < 100, 900, 40).astype(np.int16)
    return Volume(voxels, Geometry(voxels.shape, np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]), HOUNSFIELD)


def test_reformats_are_no_3d_rendering_and_no_methods_of_a_camera():
    for name in ("mpr", "curved-mpr"):
        assert not OPERATIONS[name].qualifies
        assert name not in METHODS
        assert OPERATIONS[name].derivation


def test_a_plane_goes_through_its_center(volume):
    picture = run_operation("mpr", {"volume": volume}, annotate=False, window_center=450, window_width=900, **SIZE)
    assert picture.method == "mpr"
    assert picture.values[24, 32] == 900
    off = [float(x) for x in volume.geometry.center_lps + np.array([0, 15, 0])]
    aside = run_operation(
        "mpr", {"volume": volume}, annotate=True, center_lps=off, thickness_mm=2.0, slab="max", **SIZE
    )
    assert aside.values[24, 32] == 40
    assert aside.annotated


def test_a_curve_follows_its_path(volume):
    x, y, z = volume.geometry.center_lps
    path = [x, y, z - 12, x, y, z, x + 4, y, z + 12]
    picture = run_operation("curved-mpr", {"volume": volume}, path_lps=path, width_mm=20.0, spacing_mm=1.0)
    assert picture.method == "curved-mpr"
    assert picture.values[picture.size[1] // 2, 10] == 900
    with pytest.raises(ParameterError, match="path_lps"):
        run_operation("curved-mpr", {"volume": volume}, path_lps=[1.0, 2.0])


def test_a_cinematic_picture_differs_and_says_so(volume):
    plain, cinematic = (
        run_operation("volume", {"volume": volume}, annotate=False, cinematic=on, **SIZE) for on in (False, True)
    )
    assert plain.pixels.tobytes() != cinematic.pixels.tobytes()
    row = OPERATIONS["volume"]
    settings = row.settle({"volume": volume}, {p.name: p.default for p in row.parameters})
    assert "shadows" not in row.words(settings)
    assert "soft shadows" in row.words({**settings, "cinematic": True})
