"""The cine operations through the one door: recipe, trace, files and report."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image

from prosector.errors import ParameterError, UsageError
from prosector.model.camera import fit_camera
from prosector.model.cine import Cine
from prosector.model.recipe import SOURCE, Output, Recipe, Step
from prosector.pipeline.cine import axis_of, shown_points
from prosector.pipeline.export import check_outputs, write_outputs
from prosector.pipeline.operations import METHODS, OPERATIONS
from prosector.pipeline.run import replay, run, run_operation
from prosector.report.compose import report_of_result
from prosector.report.pictures import pictures_of_result

SMALL = {"width": 96, "height": 80, "frames": 4}


def recipe(parameters=None, operation="cine-mip", files=("turn.gif",)):
    step = Step("turn", operation, {"volume": SOURCE}, {**SMALL, **(parameters or {})})
    return Recipe("turning", "", (step,), tuple(Output("turn", file) for file in files))


@pytest.fixture(scope="module")
def result(small_ct):
    return run(small_ct, recipe(files=("turn.gif", "turn.dcm", "turn.frames", "turn.mp4")))


def test_every_picture_has_a_film_that_counts_as_the_picture_does():
    for method in METHODS:
        still, film = OPERATIONS[method], OPERATIONS[f"cine-{method}"]
        assert (film.technique, film.qualifies, film.derivation) == (still.technique, still.qualifies, still.derivation)
        assert {p.name for p in still.parameters} < {p.name for p in film.parameters}


def test_the_trace_holds_every_parameter_and_runs_again(small_ct, result):
    (step,) = result.trace.steps
    expected = {"motion": "rotate", "axis": "long", "turn_deg": 360.0, "slab_mm": 0.0, "frames": 4, "banner": False}
    assert {name: step.parameters[name] for name in expected} == expected
    assert step.output_kind == "Cine"
    assert not replay(small_ct, result.trace)


def test_the_first_frame_is_the_still_picture_apart_from_the_framing(small_ct, result):
    cine = result.values["turn"]
    height = cine.cameras[0].height_mm
    fitted = fit_camera(small_ct.geometry, (96, 80))
    zoom = fitted.height_mm / height
    still = run_operation("mip", {"volume": small_ct}, width=96, height=80, zoom=zoom)
    assert np.abs(still.pixels.astype(int) - cine.frames[0]).max() <= 1
    assert len({camera.height_mm for camera in cine.cameras}) == 1
    assert [letters["right"] for letters in cine.letters] == ["L", "P", "R", "A"]


def test_progress_tells_of_frames_and_interrupts(small_ct):
    told = []

    def progress(what, fraction):
        told.append((what, fraction))
        if what == "turn: frame 3 of 4":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small_ct, recipe(), progress)
    assert told == [("turn", 0.0), *((f"turn: frame {n} of 4", (n - 1) / 4) for n in (1, 2, 3))]


def test_a_sweep_shows_slab_after_slab(small_ct):
    swept = run_operation(
        "cine-mip", {"volume": small_ct}, **SMALL, motion="sweep", slab_mm=12.0, annotate=False, axis="front-back"
    )
    assert isinstance(swept, Cine)
    whole = run_operation("mip", {"volume": small_ct}, width=96, height=80, annotate=False)
    assert (swept.frames.max(axis=0) <= whole.pixels.astype(int) + 1).all()
    middle, first = swept.frames[1:3].mean(), swept.frames[0].mean()
    assert middle > first, "the body is thick in the middle"
    assert len({frame.tobytes() for frame in swept.frames}) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"axis": "up and away"},
        {"axis": "0,0,0"},
        {"axis": "1,2"},
        {"motion": "sweep", "turn_deg": 20.0},
        {"motion": "rock", "slab_mm": 5.0},
        {"frames": 0},
        {"motion": "fly"},
    ],
)
def test_what_makes_no_film_is_refused(small_ct, wrong):
    with pytest.raises(ParameterError):
        run_operation("cine-mip", {"volume": small_ct}, **{**SMALL, **wrong})


def test_axes_have_names_or_numbers(small_ct):
    camera = fit_camera(small_ct.geometry, (64, 64), 90.0)
    assert np.allclose(axis_of("long", camera), (0, 0, 1))
    assert np.allclose(axis_of("view", camera), camera.forward_lps)
    assert np.allclose(axis_of("up", camera), camera.up_lps)
    assert np.allclose(axis_of("0, 3, 4", camera), (0, 0.6, 0.8))


def test_what_is_not_air_stays_in_view(small_ct):
    points = shown_points(small_ct)
    body = np.argwhere(small_ct.voxels > -500)
    inside = small_ct.geometry.to_lps(body)
    assert np.allclose(points.min(axis=0), inside.min(axis=0), atol=4)
    assert np.allclose(points.max(axis=0), inside.max(axis=0), atol=4)


def test_every_kind_of_file_holds_the_frames(small_ct, result, tmp_path):
    cine = result.values["turn"]
    written = write_outputs(result, tmp_path)
    assert [path.name for path in written] == ["turn.gif", "turn.dcm", "turn.frames", "turn.mp4"]
    read = pydicom.dcmread(tmp_path / "turn.dcm")
    np.testing.assert_array_equal(read.pixel_array, cine.frames)
    assert read.SeriesDescription == "3D turning cine"
    assert "A film of 4 frames at 12 per second" in read.DerivationDescription
    assert "turned by 360°" in read.DerivationDescription
    assert "slab" not in read.DerivationDescription
    assert read.DerivationCodeSequence[0].CodeValue == "113078"
    with Image.open(tmp_path / "turn.frames" / "turn_0004.png") as image:
        assert np.array_equal(np.asarray(image), cine.frames[3])
    with Image.open(tmp_path / "turn.gif") as image:
        assert image.n_frames == 4
    assert b"ftyp" in (tmp_path / "turn.mp4").read_bytes()[:16]
    with pytest.raises(UsageError, match=r"a cine is written as \.mp4"):
        check_outputs(recipe(files=("turn.png",)))


def test_the_report_shows_the_first_frame_and_says_so(small_ct, result):
    report = report_of_result(result)
    (image,) = report.images
    shown = Image.open(BytesIO(pictures_of_result(result.values, report)[image.number]))
    assert np.array_equal(np.asarray(shown), result.values["turn"].frames[0])
    assert image.caption.endswith("first of 4 frames")
    assert [line.content for line in report.files] == ["cine, DICOM", "cine", "cine"]
    (statement,) = report.technique
    assert statement.qualifies
    assert "4 frames" in statement.words


def test_the_banner_is_drawn_only_on_request(small_ct):
    size = {"width": 200, "height": 200}
    assert not run_operation("mip", {"volume": small_ct}, **size).burned_in_identity
    assert run_operation("mip", {"volume": small_ct}, **size, banner=True).burned_in_identity
    film = run_operation("cine-mip", {"volume": small_ct}, **{**SMALL, **size}, banner=True)
    assert film.burned_in_identity
