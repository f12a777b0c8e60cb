"""The progressive renderer: what it yields, how it ends, and how far its frames are off."""

from dataclasses import replace

import numpy as np
import pytest

from prosector import Renderer
from prosector.errors import InputError, ParameterError
from prosector.model.camera import fit_camera
from prosector.model.geometry import Geometry
from prosector.model.transfer import LabelStyle, Shading, TransferFunction
from prosector.model.volume import Volume
from prosector.rendering import volume as rendering
from prosector.rendering.renderer import Look
from prosector.rendering.volume import render_volume

SIZE = (166, 141)
SOLID = TransferFunction(
    ((0, (1.0, 0.8, 0.6)),), ((300, 0.0), (600, 0.8)), ((0, 0.5), (100, 1.0)), Shading(0.3, 0.6, 0.1)
)


@pytest.fixture(scope="module")
def volume() -> Volume:
    """A smooth knot."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (40, 56, 64)), indexing="ij")
    values = 1000 * np.exp(-(((np.hypot(x, y) - 0.6) ** 2 + z**2) / 0.05)) + 700 * np.exp(-((x - z) ** 2 + y**2) / 0.02)
    return Volume(values.astype(np.int16), Geometry(values.shape, np.diag([1.5, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]))


@pytest.mark.parametrize("angle", [0.0, 40.0])
def test_frames_get_better_and_end_in_the_still_picture(volume, angle):
    camera = fit_camera(volume.geometry, SIZE, 40, 25, view_angle_deg=angle)
    frames = list(Renderer(volume, SOLID).frames(camera, SIZE))
    assert [frame.tier for frame in frames] == ["interactive", "interactive", "still"]
    assert {frame.size for frame in frames} == {SIZE}
    still = render_volume(volume, camera, SIZE, SOLID)
    assert frames[-1].pixels.tobytes() == still.pixels.tobytes()
    errors = [np.abs(frame.pixels.astype(int) - still.pixels).mean() for frame in frames]
    assert errors[0] > errors[1] > errors[2] == 0
    assert errors[0] < 9
    assert errors[1] < 3.5


def test_a_cinematic_look_ends_in_the_same_bytes_too(volume):
    camera = fit_camera(volume.geometry, SIZE, 40, 25)
    renderer = Renderer(volume, SOLID, cinematic=True, background_rgb=(1, 1, 1))
    still = render_volume(volume, camera, SIZE, SOLID, cinematic=True, background_rgb=(1, 1, 1))
    assert renderer.still(camera, SIZE).pixels.tobytes() == still.pixels.tobytes()
    plain = render_volume(volume, camera, SIZE, SOLID, background_rgb=(1, 1, 1))
    assert still.pixels.mean() < plain.pixels.mean(), "occlusion and shadows darken"


def test_another_look_is_shown_at_once(volume):
    camera = fit_camera(volume.geometry, SIZE)
    renderer = Renderer(volume, SOLID)
    before = renderer.still(camera, SIZE)
    red = replace(SOLID, color=((0, (1.0, 0.0, 0.0)),), shading=None)
    renderer.show(Look(red))
    after = renderer.still(camera, SIZE)
    assert before.pixels[..., 2].any()
    assert not after.pixels[..., 1:].any()


def test_frames_can_be_left_between_and_cancelled_inside(volume, monkeypatch):
    camera = fit_camera(volume.geometry, SIZE)
    renderer = Renderer(volume, SOLID)
    frames = renderer.frames(camera, SIZE)
    assert next(frames).tier == "interactive"
    frames.close()
    monkeypatch.setattr(rendering, "BATCH", 8)
    calls = []
    cast = rendering.raycast

    def counted(*args):
        calls.append(args)
        cast(*args)
        if len(calls) == 3:
            renderer.cancel()

    monkeypatch.setattr(rendering, "raycast", counted)
    # two batches for the first frame, cancelled after one of the second
    assert len(list(renderer.frames(camera, SIZE))) == 1
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(InputError, match="cancelled"):
        renderer.still(camera, SIZE)
    monkeypatch.setattr(rendering, "raycast", cast)
    assert list(renderer.frames(camera, SIZE))[-1].tier == "still"


def test_an_interactive_frame_is_no_still(volume):
    frame = next(Renderer(volume, SOLID).frames(fit_camera(volume.geometry, SIZE), SIZE))
    with pytest.raises(InputError, match="archived"):
        frame.require_still()


def test_styles_need_labels(volume):
    with pytest.raises(ParameterError, match="label map"):
        Renderer(volume, SOLID, label_styles={"bone": LabelStyle(opacity=0.5)})
