"""The bounded interactive tier: never off by more than was asked for."""

import numba
import numpy as np
import pytest

from prosector.errors import InputError, ParameterError, UnknownNameError
from prosector.model.camera import fit_camera
from prosector.model.geometry import Geometry
from prosector.model.region import ClipPlane, Region
from prosector.model.volume import Volume
from prosector.rendering.interactive import project_within
from prosector.rendering.projection import projected_values

SIZE = (70, 62)
SHEARED = np.array([[0.2, 0.1, 1.0, -9.0], [0.1, 0.9, 0.0, 4.0], [1.7, 0.3, 0.0, 2.0], [0, 0, 0, 1.0]])
"""Slices 1.7 mm apart in a tilted, left-handed grid."""


def rough(dtype: str) -> Volume:
    """Smooth hills under noise, so that blocks differ and none is flat; floats have NaN in them."""
    rng = np.random.default_rng(5)
    k, j, i = np.meshgrid(*(np.arange(n) for n in (33, 45, 52)), indexing="ij")
    values = 100 + 60 * np.sin(k / 6) * np.cos(j / 9) * np.sin(i / 7) + rng.normal(0, 12, k.shape)
    voxels = values.clip(0, 255).astype(dtype)
    if dtype == "float32":
        voxels[rng.random(k.shape) < 0.02] = np.nan
    return Volume(voxels, Geometry(voxels.shape, SHEARED))


def values_within(volume, camera, method, within, region=None):
    picture = project_within(volume, camera, SIZE, method, within, region=region)
    assert picture.tier == "interactive"
    return picture.values


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize(("method", "sign"), [("mip", 1), ("minip", -1)])
@pytest.mark.parametrize("angles", [(0, 0), (35, 20), (90, 0)])
def test_a_maximum_falls_short_by_no_more_than_the_bound(dtype, method, sign, angles):
    volume = rough(dtype)
    camera = fit_camera(volume.geometry, SIZE, *angles)
    center = tuple(volume.geometry.center_lps)
    off = 0.0
    for region in (None, Region(planes=(ClipPlane(center, (0.3, 1.0, 0.4)),))):
        still = projected_values(volume, camera, SIZE, method, region)
        for within in (0.0, 3.0, 20.0):
            found = values_within(volume, camera, method, within, region)
            np.testing.assert_array_equal(np.isnan(found), np.isnan(still))
            error = sign * (still - found)[np.isfinite(still)]
            assert error.min() >= 0
            assert error.max() <= within
            off = max(off, error.max())
    assert off > 1, "the bound is made use of"


def test_a_perspective_view_is_exact():
    volume = rough("int16")
    camera = fit_camera(volume.geometry, SIZE, 30, 10, view_angle_deg=35)
    still = projected_values(volume, camera, SIZE, "mip")
    np.testing.assert_array_equal(values_within(volume, camera, "mip", 30.0), still)


def test_the_same_bytes_with_one_thread_and_two():
    volume = rough("int16")
    camera = fit_camera(volume.geometry, SIZE, 30, 10)
    made = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        made.append(values_within(volume, camera, "mip", 15.0).tobytes())
    assert made[0] == made[1]


def test_it_is_never_archived_and_says_what_it_cannot_do():
    volume = rough("int16")
    camera = fit_camera(volume.geometry, SIZE)
    with pytest.raises(InputError, match="archived"):
        project_within(volume, camera, SIZE, "mip", 5.0).require_still()
    with pytest.raises(UnknownNameError):
        project_within(volume, camera, SIZE, "average", 5.0)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="bound"):
            project_within(volume, camera, SIZE, "mip", wrong)
