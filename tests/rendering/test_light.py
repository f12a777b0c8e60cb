"""The light volume on scenes in which the answer is known."""

import numpy as np
import pytest

from prosector.model.camera import fit_camera
from prosector.model.geometry import Geometry
from prosector.model.region import ClipPlane, Region
from prosector.model.transfer import Light, Shading, TransferFunction
from prosector.model.volume import Volume
from prosector.rendering.light import NO_LIGHT, cinematic_shading, light_of
from prosector.rendering.scene import scene_of

TOP = Shading(0.5, 0.5, 0.0, lights=(Light((0.0, 1.0, 0.0)),))
HARD = TransferFunction(((0, (1, 1, 1)),), ((100, 0.0), (200, 0.9)), shading=TOP)


@pytest.fixture(scope="module")
def volume() -> Volume:
    """A floor in the lower third, and a lid that hovers over its right half (patient's left); 1 mm voxels."""
    voxels = np.zeros((60, 40, 60), dtype=np.int16)
    voxels[:20] = 1000
    voxels[40:46, :, 30:] = 1000
    return Volume(voxels, Geometry(voxels.shape, np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]))


def shares(volume, region=None):
    camera = fit_camera(volume.geometry, (64, 64))
    light = light_of(scene_of(volume, HARD, region=region), camera)
    assert light.sizes == (2, 2, 2)
    return light.shares[10, 10] / 255  # just over the floor, across the room


def test_the_lid_casts_a_shadow_with_a_soft_edge(volume):
    lamp = shares(volume)[:, 1]
    assert (lamp[:10] > 0.95).all()
    assert (lamp[20:27] < 0.05).all(), "farther out light comes in from the side of the volume"
    assert ((lamp > 0.1) & (lamp < 0.9)).any()


def test_a_floor_is_open_and_under_the_lid_it_is_less_so(volume):
    openness = shares(volume)[:, 0]
    assert openness[6] > 0.85
    assert openness[24] < openness[6] - 0.15


def test_what_is_clipped_away_casts_no_shadow(volume):
    """Without the lid, which a plane takes away."""
    region = Region(planes=(ClipPlane((0.0, 0.0, 35.0), (0.0, 0.0, -1.0)),))
    found = shares(volume, region)
    assert (found[:, 1] > 0.95).all()
    assert found[24, 0] > 0.85


def test_own_lights_are_kept(volume):
    assert cinematic_shading(TOP) is TOP
    assert len(cinematic_shading(None).lights) == 2
    assert (NO_LIGHT.shares == 255).all()
