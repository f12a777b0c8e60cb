"""Cine: the camera and the slab move as they should, and the files hold the frames."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from prosector.errors import InputError, MissingCodecError, OutputError, ParameterError
from prosector.model.camera import fit_camera, orientation_letters, view_angles
from prosector.model.cine import Cine
from prosector.model.digest import digest
from prosector.model.geometry import Geometry
from prosector.model.rendering import Rendering
from prosector.rendering import video
from prosector.rendering.cine import Shot, film, fitted, rocking, rotation, sweep, turned

LONG = np.array([0.0, 0.0, 1.0])
BOX = Geometry((40, 20, 30), np.array([[0, 0, 2.0, -29], [0, 2.0, 0, -19], [2.0, 0, 0, 100], [0, 0, 0, 1]]))
FRONT = fit_camera(BOX, (64, 48))


def same_view(camera, other):
    return np.allclose(camera.forward_lps, other.forward_lps) and np.allclose(camera.up_lps, other.up_lps)


def test_a_full_rotation_passes_front_left_back_right_and_does_not_repeat_the_first_frame():
    shots = rotation(FRONT, LONG, 8)
    for number, view in ((0, "anterior"), (2, "left"), (4, "posterior"), (6, "right")):
        assert same_view(shots[number].camera, fit_camera(BOX, (64, 48), *view_angles(view))), view
    assert not same_view(shots[7].camera, FRONT)
    assert same_view(turned(shots[7].camera, LONG, 45), FRONT)


def test_rotation_about_an_oblique_axis_keeps_the_axis_where_it_is_on_the_screen():
    axis = np.array([0.3, -0.2, 1.0])
    for shot in rotation(FRONT, axis, 7, -200.0):
        camera = shot.camera
        rotated = camera.right_lps @ axis, camera.up_lps @ axis, camera.forward_lps @ axis
        assert np.allclose(rotated, (FRONT.right_lps @ axis, FRONT.up_lps @ axis, FRONT.forward_lps @ axis))
        assert np.allclose(camera.center_lps, FRONT.center_lps)


def test_rocking_swings_to_both_sides_and_closes():
    shots = rocking(FRONT, LONG, 8, 25.0)
    angles = [np.degrees(np.arctan2(-s.camera.forward_lps[0], s.camera.forward_lps[1])) for s in shots]
    assert angles == pytest.approx(25 * np.sin(np.arange(8) * np.pi / 4))
    assert max(angles) == pytest.approx(25)
    assert min(angles) == pytest.approx(-25)


def test_a_sweep_covers_everything_from_end_to_end():
    shots = sweep(FRONT, BOX.corners_lps, FRONT.forward_lps, 5, 8.0)
    along = BOX.corners_lps @ FRONT.forward_lps
    bounds = []
    for shot in shots:
        assert shot.camera is FRONT
        near, far = (np.asarray(p.point_lps) @ FRONT.forward_lps for p in shot.region.planes)
        bounds.append((min(near, far), max(near, far)))
        assert bounds[-1][1] - bounds[-1][0] == pytest.approx(8.0)
    assert bounds[0][0] == pytest.approx(along.min())
    assert bounds[-1][1] == pytest.approx(along.max())
    assert np.allclose(np.diff([low for low, _ in bounds]), (np.ptp(along) - 8) / 4)
    assert shots[0].slab == f"slab 8 mm at A {-(along.min() + 4):.0f} mm"


def test_a_slab_thicker_than_the_volume_stands_in_its_middle():
    for shot in sweep(FRONT, BOX.corners_lps, LONG, 3, 1000.0):
        middle = np.mean([p.point_lps for p in shot.region.planes], axis=0)
        assert np.allclose(middle, BOX.center_lps)


def test_all_frames_have_one_scale_and_show_every_point():
    points = BOX.corners_lps
    shots = fitted(rotation(FRONT, np.array([1.0, 0.4, 0.2]), 12), points, (64, 48))
    heights = {shot.camera.height_mm for shot in shots}
    assert len(heights) == 1
    height = heights.pop()
    reach = [np.abs((points - s.camera.center_lps) @ s.camera.up_lps).max() for s in shots]
    across = [np.abs((points - s.camera.center_lps) @ s.camera.right_lps).max() * 48 / 64 for s in shots]
    assert max(*reach, *across) * 2 * 1.02 == pytest.approx(height)
    assert fitted(shots, points, (64, 48), zoom=2.0)[0].camera.height_mm == pytest.approx(height / 2)


def test_filming_tells_of_every_frame_and_can_be_interrupted():
    told, made = [], []

    def render(shot):
        made.append(shot)
        return Rendering(np.full((4, 6, 3), len(made), np.uint8), shot.camera, "mip", "p", {"left": "R"})

    def progress(what, fraction):
        told.append((what, fraction))
        if len(told) == 7:
            raise KeyboardInterrupt

    cine = film(rotation(FRONT, LONG, 4), render, "rotate", 50.0, progress)
    assert told == [(f"frame {n} of 4", (n - 1) / 4) for n in range(1, 5)]
    assert cine.frames[:, 0, 0, 0].tolist() == [1, 2, 3, 4]
    assert (cine.method, cine.preset, cine.size, cine.duration_s) == ("mip", "p", (6, 4), 0.2)
    with pytest.raises(KeyboardInterrupt):
        film(rotation(FRONT, LONG, 4), render, "rotate", 50.0, progress)
    assert len(made) == 6
    with pytest.raises(ParameterError, match="at least one frame"):
        film((), render, "rotate", 50.0)


def test_a_cine_that_would_fill_the_memory_is_refused_after_its_first_frame():
    def render(shot):
        return Rendering(np.broadcast_to(np.uint8(0), (2000, 2000, 3)), shot.camera, "mip")

    with pytest.raises(ParameterError, match="fewer or smaller"):
        film([Shot(FRONT)] * 400, render, "rotate", 50.0)


@pytest.mark.parametrize("axis", [(0, 0, 0), (np.nan, 0, 1), (1, 2)])
def test_an_axis_is_a_direction(axis):
    with pytest.raises(ParameterError, match="axis"):
        rotation(FRONT, np.array(axis, dtype=float), 3)


def cine_of(frames, frame_time_ms=100.0, **changes):
    letters = orientation_letters(FRONT)
    count = len(frames)
    made = Cine(frames, frame_time_ms, (FRONT,) * count, "mip", "ct-bone", "rotate", (letters,) * count)
    return replace(made, **changes)


def ramp(count=6, height=48, width=64, color=False):
    """A bright disc that walks over a ramp; grey, or tinted."""
    row, column = np.mgrid[:height, :width]
    frames = np.empty((count, height, width, 3), np.uint8)
    for n in range(count):
        disc = np.hypot(row - height / 2, column - 8 - n * (width - 16) / count) < 6
        grey = np.where(disc, 250, 40 + column * 120 // width).astype(np.uint8)
        frames[n] = grey[..., np.newaxis]
        if color:
            frames[n, ..., 1] = grey * 0.8
            frames[n, ..., 2] = grey * 0.5
    return frames


def test_the_value_holds_together():
    cine = cine_of(ramp())
    assert np.array_equal(cine.frame(2).pixels, ramp()[2])
    assert cine.frame(2).letters == cine.letters[2]
    assert not cine.frames.flags.writeable
    assert len({digest(c) for c in (cine, replace(cine, frame_time_ms=50.0), cine_of(ramp(color=True)))}) == 3
    assert digest(cine) == digest(cine_of(ramp()))
    for wrong in ({"frame_time_ms": 0.0}, {"cameras": (FRONT,)}, {"motion": "fly"}, {"frames": ramp()[0]}):
        with pytest.raises(InputError):
            replace(cine, **wrong)


def decoded(path):
    """Frames, and what the file says of itself; read while it is open, since nothing of it stands after that."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [f.reformat(format="rgb24", src_colorspace=1).to_ndarray() for f in container.decode(video=0)]
        context = stream.codec_context
        told = {
            "codec": (context.name, context.pix_fmt, context.colorspace, context.color_range),
            "rate": stream.average_rate,
            "seconds": float(stream.duration * stream.time_base),
            "comment": container.metadata["comment"],
        }
        return np.stack(frames), told


@pytest.mark.parametrize("color", [False, True])
def test_mp4_shows_the_frames_at_their_pace(tmp_path, color):
    frames = ramp(color=color)
    video.write_mp4(tmp_path / "a.mp4", cine_of(frames, 40.0))
    read, told = decoded(tmp_path / "a.mp4")
    assert read.shape == frames.shape
    error = np.abs(read.astype(int) - frames)
    assert error.mean() < 3
    shift = (read.astype(int) - frames).mean(axis=(0, 1, 2))
    assert np.abs(shift).max() < 2, "no darker: both conversions cut fractions off"
    assert np.ptp(shift) < 1, "no cast"
    assert told["codec"] == ("h264", "yuv420p", 1, 1)
    assert told["rate"] == 25
    assert told["seconds"] == pytest.approx(6 * 0.04)
    assert "Not for diagnosis" in told["comment"]
    assert (tmp_path / "a.mp4").read_bytes().index(b"moov") < 64, "starts to play before it is whole"


def test_mp4_extends_odd_sides_and_repeats_its_bytes(tmp_path):
    odd = cine_of(ramp(height=33, width=51))
    for name in ("a.mp4", "b.mp4"):
        video.write_mp4(tmp_path / name, odd)
    assert decoded(tmp_path / "a.mp4")[0].shape == (6, 34, 52, 3)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_mp4_without_the_encoder_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingCodecError, match=r"prosector\[video\]"):
        video.write_mp4(tmp_path / "a.mp4", cine_of(ramp()))
    assert not list(tmp_path.iterdir())


def test_a_grey_gif_keeps_its_greys_and_the_marker_its_colour(tmp_path):
    frames = ramp()
    frames[:, 40:44, 4:10] = (255, 190, 60)
    video.write_gif(tmp_path / "a.gif", cine_of(frames, 83.3))
    with Image.open(tmp_path / "a.gif") as image:
        read = np.stack([np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)])
        assert image.info["loop"] == 0
    assert np.abs(read.astype(int) - frames).max() <= 1
    data = (tmp_path / "a.gif").read_bytes()
    assert data[10] & 0x80, "a global palette"
    assert sum(video.gif_durations_ms(12, 83.3)) == pytest.approx(1000, abs=10)
    assert set(video.gif_durations_ms(12, 83.3)) == {80, 90}
    assert video.gif_durations_ms(2, 5.0) == [20, 20]


def test_a_coloured_gif_stays_close(tmp_path):
    frames = ramp(color=True)
    video.write_gif(tmp_path / "a.gif", cine_of(frames))
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 6
        read = np.stack([np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)])
    assert np.abs(read.astype(int) - frames).mean() < 2
    video.write_gif(tmp_path / "b.gif", cine_of(frames))
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_frames_go_into_a_folder_that_is_whole_or_not_there(tmp_path):
    folder = tmp_path / "new" / "turn.frames"
    video.write_frames(folder, cine_of(ramp()))
    names = [f"turn_{n:04d}.png" for n in range(1, 7)]
    assert sorted(p.name for p in folder.iterdir()) == names
    with Image.open(folder / names[3]) as image:
        assert np.array_equal(np.asarray(image), ramp()[3])
    video.write_frames(folder, cine_of(ramp(count=2)))
    assert sorted(p.name for p in folder.iterdir()) == names[:2], "frames of a longer film do not stay behind"
    assert [p.name for p in folder.parent.iterdir()] == ["turn.frames"]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="something else"):
        video.write_frames(folder, cine_of(ramp()))
    assert (folder / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="cannot write"):
            video.write_frames(place, cine_of(ramp()))


def test_films_say_when_they_name_the_patient(tmp_path):
    named = cine_of(ramp(), burned_in_identity=True)
    assert "Names the patient" in video.comment(named)
    assert "Names" not in video.comment(cine_of(ramp()))
    video.write_frames(tmp_path / "a.frames", named)
    with Image.open(tmp_path / "a.frames" / "a_0001.png") as image:
        assert image.text["Burned In Annotation"] == "YES"
