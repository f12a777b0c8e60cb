"""How far the interactive tiers are off on real series: the bounds that docs/performance.md states."""

import numpy as np
import pytest

from prosector import Renderer, fit_camera, read_series
from prosector.model.region import ClipPlane, Region
from prosector.rendering.interactive import project_within
from prosector.rendering.presets import preset
from prosector.rendering.projection import projected_values

SIZE = (512, 512)

MEAN_LEVELS = (24.0, 16.0)
FAR_SHARE = (0.25, 0.12)
"""Of the frames before the still one, over the part of the picture that shows anything: mean difference in 8-bit
levels, and share of values that are off by more than FAR of them."""

FAR = 32


@pytest.fixture(scope="module")
def chest(real_data):
    return read_series(real_data / "chest_cta" / "dicom")


@pytest.mark.real_data
@pytest.mark.parametrize(("angle", "cut"), [(0.0, False), (30.0, True)])
def test_frames_of_a_turning_volume(chest, angle, cut):
    look = preset("ct-bone").resolved(chest)
    geometry = chest.geometry
    region = Region(planes=(ClipPlane(tuple(geometry.center_lps), (0.2, 1.0, 0.1)),)) if cut else None
    camera = fit_camera(geometry, SIZE, 35, 20, view_angle_deg=angle)
    *rough, still = Renderer(chest, look.transfer, region=region).frames(camera, SIZE)
    shown = still.pixels.any(axis=2)
    assert shown.mean() > 0.1
    assert len(rough) == 2
    for frame, mean, share in zip(rough, MEAN_LEVELS, FAR_SHARE, strict=True):
        error = np.abs(frame.pixels.astype(int) - still.pixels)[shown]
        assert error.mean() < mean
        assert (error > FAR).mean() < share


@pytest.mark.real_data
@pytest.mark.parametrize("within", [10.0, 25.0])
def test_a_bounded_maximum_in_hounsfield_units(chest, within):
    camera = fit_camera(chest.geometry, SIZE, 35, 20)
    still = projected_values(chest, camera, SIZE, "mip")
    error = (still - project_within(chest, camera, SIZE, "mip", within).values)[np.isfinite(still)]
    assert error.min() >= 0
    assert 0 < error.max() <= within
