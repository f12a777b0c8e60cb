"""Pictures of a region: what is outside is nothing, and depth has a colour."""

import numpy as np
import pytest

from prosector.errors import GeometryError, InputError, ParameterError
from prosector.model.camera import fit_camera
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.region import Region
from prosector.model.structures import structure
from prosector.model.volume import Volume
from prosector.model.window import Window
from prosector.rendering.projection import project

SIZE = (60, 60)


@pytest.fixture
def patient() -> tuple[Volume, LabelMap]:
    """A body at 40 HU with an airway at −990 in front and a vessel at 300 behind, in air at −1000."""
    voxels = np.full((20, 40, 40), -1000, dtype=np.int16)
    voxels[:, 5:35, 5:35] = 40
    voxels[:, 10:14, 10:14] = -990
    voxels[:, 26:30, 26:30] = 300
    affine = np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    geometry = Geometry(voxels.shape, affine)
    body = np.zeros(voxels.shape, dtype=np.uint8)
    body[:, 5:35, 5:35] = 1
    return Volume(voxels, geometry), LabelMap(body, geometry, (Segment(1, "body", structure("body")),))


def test_a_minimum_shows_the_airway_only_inside_the_body(patient):
    volume, labels = patient
    camera = fit_camera(volume.geometry, SIZE)
    black = project(volume, camera, SIZE, "minip", Window(-500, 1000))
    assert not black.pixels.any()
    inner = np.zeros_like(labels.labels)  # the border itself is half air
    inner[:, 7:33, 7:33] = 1
    region = Region(labels=LabelMap(inner, labels.geometry, labels.segments))
    shown = project(volume, camera, SIZE, "minip", Window(-500, 1000), region)
    middle = shown.values[30]
    assert np.nanmin(middle) == pytest.approx(-990, abs=2)
    assert np.nanmax(middle) == pytest.approx(40, abs=2)
    assert np.isnan(shown.values).mean() > np.isnan(black.values).mean()
    assert not shown.pixels[np.isnan(shown.values)].any()


def test_nearer_is_red_and_farther_is_blue(patient):
    volume, _ = patient
    voxels = np.array(volume.voxels)
    voxels[:, 10:14, 10:14] = 300  # a second vessel, in front
    volume = Volume(voxels, volume.geometry)
    picture = project(volume, fit_camera(volume.geometry, SIZE), SIZE, "depth", Window(150, 300))
    values = picture.values[30]
    bright = picture.pixels[30][values > 299].astype(int)
    near, far = bright[: len(bright) // 2], bright[len(bright) // 2 :]
    assert (near[:, 0] > near[:, 2]).all()
    assert (far[:, 2] > far[:, 0]).all()


def test_the_closest_vessel_hides_a_brighter_one_behind(patient):
    volume, _ = patient
    voxels = np.array(volume.voxels)
    voxels[:, 10:14, 26:30] = 200
    volume = Volume(voxels, volume.geometry)
    camera = fit_camera(volume.geometry, SIZE)
    most = project(volume, camera, SIZE, "mip").values[30]
    closest = project(volume, camera, SIZE, "closest", threshold=150).values[30]
    assert np.nanmax(most) == pytest.approx(300, abs=1)
    where = most > 299
    assert closest[where].max() == pytest.approx(200, abs=1)
    assert np.array_equal(closest[~(most > 150)], most[~(most > 150)], equal_nan=True)


def test_what_does_not_fit_is_refused(patient):
    volume, labels = patient
    camera = fit_camera(volume.geometry, SIZE)
    with pytest.raises(ParameterError, match="threshold"):
        project(volume, camera, SIZE, "closest")
    with pytest.raises(InputError, match="no segment 'spleen'"):
        project(volume, camera, SIZE, "mip", region=Region(labels=labels, include=("spleen",)))
    smaller = Volume(volume.voxels[:10], Geometry((10, 40, 40), volume.geometry.affine))
    with pytest.raises(GeometryError):
        project(smaller, camera, SIZE, "mip", region=Region(labels=labels))
