from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from prosector.errors import OutputError, ParameterError
from prosector.model.camera import Camera, fit_camera, orientation_letters, view_angles
from prosector.model.geometry import Geometry
from prosector.model.rendering import Rendering
from prosector.model.source import Patient, Source, Study
from prosector.rendering import overlay
from prosector.rendering.png import write_png

CUBE = Geometry((200, 200, 200), np.eye(4))


def rendering(size=(512, 512), grey=0, height_mm=300.0, view="anterior", method="mip"):
    fitted = fit_camera(CUBE, size, *view_angles(view))
    camera = Camera(fitted.center_lps, fitted.forward_lps, fitted.up_lps, height_mm)
    pixels = np.full((size[1], size[0], 3), grey, np.uint8)
    return Rendering(pixels, camera, method, "ct-bone", orientation_letters(camera))


def touched(before, after):
    """Mask of the pixels that drawing changed."""
    return (before.pixels != after.pixels).any(axis=2)


def test_pixels_are_drawn_into_a_copy():
    plain = rendering(grey=100)
    drawn = overlay.annotate(plain)
    assert drawn.annotated
    assert not plain.annotated
    assert (plain.pixels == 100).all()
    assert (drawn.camera, drawn.preset) == (plain.camera, "ct-bone")


def test_it_draws_once():
    with pytest.raises(ParameterError, match="annotated already"):
        overlay.annotate(overlay.annotate(rendering()))


def test_the_same_rendering_gives_the_same_pixels():
    first, second = (overlay.annotate(rendering(), modality="CT", description="Thorax") for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)


@pytest.mark.parametrize(("size", "height_mm"), [((512, 512), 300.0), ((1024, 768), 41.3), ((256, 256), 517.0)])
def test_the_ticks_of_the_scale_bar_stand_as_far_apart_as_its_label_says(size, height_mm):
    picture = rendering(size, height_mm=height_mm)
    spacing = height_mm / size[1]
    assert picture.pixel_spacing_mm == pytest.approx(spacing)
    drawn = overlay.annotate(picture, supervised=True)
    length_mm = overlay.scale_bar_mm(size[0], spacing)
    assert length_mm in (5, 10, 20, 50, 100)
    corner = (drawn.pixels[size[1] * 3 // 4 :, size[0] * 5 // 8 :] == 255).all(axis=2)
    rows = np.flatnonzero(corner.sum(axis=1) >= 0.9 * length_mm / spacing)
    assert rows.size >= 1, "the bar is one full line"
    above = corner[rows[0] - 1]
    ticks = np.flatnonzero(above)
    starts = ticks[np.insert(np.diff(ticks) > 1, 0, True)]
    assert starts.size == 2
    assert starts[1] - starts[0] == round(length_mm / spacing)


@pytest.mark.parametrize(("spacing", "expected"), [(1.0, 100), (0.5, 50), (0.1, 10), (0.06, 5), (3.0, 200), (0.02, 2)])
def test_the_scale_bar_has_the_longest_round_length_that_fits(spacing, expected):
    assert overlay.scale_bar_mm(512, spacing) == expected


def test_there_is_no_scale_bar_where_none_is_meaningful():
    assert overlay.scale_bar_mm(512, 0.0005) is None
    assert overlay.scale_bar_mm(200, 400.0) is None
    overlay.annotate(rendering(height_mm=0.1))


@pytest.mark.parametrize("size", [(256, 256), (512, 512), (2048, 2048), (640, 480), (300, 900)])
def test_letters_stand_in_the_middle_of_the_four_borders_and_grow_with_the_picture(size):
    width, height = size
    bare = overlay.annotate(rendering(size), supervised=True)
    mask = (bare.pixels > 128).all(axis=2)
    letter = round(min(size) * 0.042)
    bands = {
        "left": mask[height // 2 - letter : height // 2 + letter, : 2 * letter],
        "right": mask[height // 2 - letter : height // 2 + letter, -2 * letter :],
        "top": mask[: 2 * letter, width // 2 - letter : width // 2 + letter],
        "bottom": mask[-2 * letter :, width // 2 - letter : width // 2 + letter],
    }
    for side, band in bands.items():
        rows, columns = np.nonzero(band)
        tall = rows.max() - rows.min() + 1
        assert 0.55 * letter <= tall <= letter, side
        centre = (columns.min() + columns.max()) / 2 if side in ("top", "bottom") else (rows.min() + rows.max()) / 2
        assert abs(centre - letter) <= 0.25 * letter + 1, side


def test_letters_are_those_of_the_rendering():
    def left_band(letters):
        plain = replace(rendering((400, 400)), letters=letters)
        return overlay.annotate(plain, supervised=True).pixels[180:220, :40]

    anterior = orientation_letters(rendering(view="anterior").camera)
    assert anterior["left"] == "R", "the patient's right is on the viewer's left"
    assert np.array_equal(left_band(anterior), left_band({"left": "R"}))
    assert np.array_equal(left_band({}), left_band({"left": "R"})), "taken from the camera where none are given"
    assert not np.array_equal(left_band({"left": "R"}), left_band({"left": "L"}))
    oblique = np.nonzero(left_band({"left": "RA"}).max(axis=2) > 128)[1]
    assert oblique.max() > np.nonzero(left_band(anterior).max(axis=2) > 128)[1].max()


@pytest.mark.parametrize("grey", [0, 255])
def test_text_is_readable_on_black_and_on_white(grey):
    drawn = overlay.annotate(rendering(grey=grey), modality="CT", description="Thorax")
    for corner in (drawn.pixels[:50, :200], drawn.pixels[:50, -200:], drawn.pixels[-50:, :200]):
        assert corner.max() > 240
        assert corner.min() < 60


def test_the_marker_is_there_unless_supervised():
    def amber(picture):
        red, green, blue = (picture.pixels[..., n].astype(int) for n in range(3))
        return int(((red - blue > 60) & (red > green + 10)).sum())

    assert amber(overlay.annotate(rendering())) > 200
    assert amber(overlay.annotate(rendering(), supervised=True)) == 0
    assert amber(overlay.annotate(rendering((64, 64)))) > 15, "even a thumbnail says so"


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (64, 64), (64, 500), (1200, 64)])
def test_tiny_pictures_are_drawn_without_complaint(size):
    drawn = overlay.annotate(rendering(size), modality="CT", description="x" * 300)
    assert drawn.pixels.shape == (size[1], size[0], 3)


def test_long_descriptions_stay_in_their_corner():
    plain = rendering()
    changed = touched(plain, overlay.annotate(plain, modality="CT", description="Angio " * 60, supervised=True))
    top = changed | touched(plain, overlay.annotate(rendering(grey=0), supervised=True))
    gap = top[:40, 256 + 20 : 256 + 30]
    assert not gap.any(), "the letter at the top keeps clear space around it"
    assert top[:40, 300:].any()


def test_letters_that_the_font_does_not_have_are_replaced_and_not_boxed():
    accented = overlay.annotate(rendering(), description="Überblick\n\tKopf")
    assert np.array_equal(accented.pixels, overlay.annotate(rendering(), description="Uberblick Kopf").pixels)
    other = overlay.annotate(rendering(), description="日本")
    assert np.array_equal(other.pixels, overlay.annotate(rendering(), description="??").pixels)


def test_named_views_are_named_and_others_are_not():
    for view in ("anterior", "posterior", "left", "right", "superior", "inferior"):
        assert overlay.view_words(rendering(view=view).camera) == f"{view} view"
    assert overlay.view_words(fit_camera(CUBE, (64, 64), 30.0, 10.0)) == ""


def centre_of_cube(picture):
    """The drawn cube's box (top, bottom, left, right) in the lower right quarter, above the scale bar."""
    red, green, blue = (picture.pixels[..., n].astype(int) for n in range(3))
    rows, columns = np.nonzero((blue - red > 15) & (green > red))
    return rows.min(), rows.max(), columns.min(), columns.max()


@pytest.mark.parametrize("size", [(256, 256), (512, 512), (640, 480), (2048, 2048)])
@pytest.mark.parametrize("angles", [(0.0, 0.0), (35.0, 25.0), (200.0, -60.0)])
def test_the_cube_stands_above_the_scale_bar_inside_the_picture(size, angles):
    width, height = size
    camera = fit_camera(CUBE, size, *angles)
    plain = replace(rendering(size), camera=camera, letters=orientation_letters(camera))
    top, bottom, left, right = centre_of_cube(overlay.annotate(plain, supervised=True))
    short = min(size)
    assert 0.05 * short <= bottom - top <= 0.13 * short
    assert left > 0.8 * width
    assert right < width - 0.01 * short
    bar = overlay.scale_bar_mm(width, plain.pixel_spacing_mm)
    assert bar is not None
    assert bottom < height * 0.96


def test_the_cube_shows_the_face_that_the_viewer_looks_at():
    def cube(view):
        drawn = overlay.annotate(replace(rendering(view=view), letters={"left": "X"}), supervised=True)
        top, bottom, left, right = centre_of_cube(drawn)
        return drawn.pixels[top : bottom + 1, left : right + 1]

    faces = {view: cube(view) for view in ("anterior", "posterior", "left", "right", "superior", "inferior")}
    assert len({face.shape for face in faces.values()}) == 1, "one face alone, always the same size"
    assert len({face.tobytes() for face in faces.values()}) == 6, "each with its own letter"
    # the letter L has its upright on the left; seen from a camera that rolls, it lies down with the patient
    white = (faces["left"].min(axis=2) > 200)[2:-2, 2:-2]
    assert white[:, : white.shape[1] // 2].sum() > 1.5 * white[:, white.shape[1] // 2 :].sum()
    rolled = fit_camera(CUBE, (512, 512), 90.0, 0.0, 180.0)
    plain = replace(rendering(view="left"), camera=rolled, letters={"left": "X"})
    drawn = overlay.annotate(plain, supervised=True)
    top, bottom, left, right = centre_of_cube(drawn)
    white = (drawn.pixels[top : bottom + 1, left : right + 1].min(axis=2) > 200)[2:-2, 2:-2]
    assert white[:, white.shape[1] // 2 :].sum() > 1.5 * white[:, : white.shape[1] // 2].sum()


def test_a_perspective_view_has_no_scale_bar_and_says_so():
    camera = replace(rendering().camera, view_angle_deg=30.0)
    plain = rendering()
    parallel = overlay.annotate(plain, supervised=True)
    near = overlay.annotate(replace(plain, camera=camera), supervised=True)
    below = slice(490, 512), slice(385, 440)
    assert touched(plain, parallel)[below].any()
    assert not touched(plain, near)[below].any()
    caption = slice(25, 45), slice(0, 240)
    assert touched(plain, near)[caption].sum() > touched(plain, parallel)[caption].sum()


@pytest.mark.parametrize("method", ["mpr", "curved-mpr"])
def test_a_reformat_is_marked_as_no_rendering(method):
    def alerts(of, supervised):
        corner = overlay.annotate(replace(rendering(), method=of), supervised=supervised).pixels[400:, :256]
        return (corner == overlay.ALERT).all(axis=2).sum()

    assert alerts("mip", supervised=True) == 0
    assert alerts(method, supervised=True) > 20
    assert alerts(method, supervised=False) == alerts(method, supervised=True) + alerts("mip", supervised=False)


def test_a_curved_reformat_has_no_letters():
    flat = replace(rendering(), method="curved-mpr", letters={})
    drawn = overlay.annotate(flat, supervised=True)
    assert not touched(flat, drawn)[200:312, :40].any()
    plane = replace(flat, method="mpr")
    assert touched(plane, overlay.annotate(plane, supervised=True))[200:312, :40].any()


def test_colours_of_depth_have_a_scale_from_near_to_far():
    flat = rendering(method="depth")
    scaled = overlay.annotate(replace(flat, depth_ends_mm=(35.0, 155.0)), supervised=True)
    bar = touched(overlay.annotate(flat, supervised=True), scaled)
    rows, columns = np.nonzero(bar)
    assert columns.min() > 350
    assert 120 < rows.min() < rows.max() < 270
    colors = scaled.pixels[:, 497].astype(int)
    colored = np.flatnonzero(bar[:, 497] & (np.ptp(colors, axis=1) > 60))
    assert colored.size > 80
    top, bottom = colors[colored[3]], colors[colored[-4]]
    assert bottom[0] > bottom[2] + 100, "near is red"
    assert top[2] > top[0] + 100, "far is blue"


def test_slabs_are_told_with_their_place():
    assert overlay.slab_words(20.0) == "slab 20 mm"
    assert overlay.slab_words(7.5, np.array([3.0, -35.2, 8.0]), np.array([0, 2.0, 0])) == "slab 7.5 mm at A 35 mm"
    assert overlay.slab_words(5, np.array([0, 0, 120.0]), np.array([0, 0, 1.0])) == "slab 5 mm at H 120 mm"
    plain = rendering()
    with_slab, without = (overlay.annotate(plain, slab=slab) for slab in ("slab 5 mm", ""))
    assert touched(with_slab, without)[:50, :256].any()


def named(name="Doe^Jane", patient_id="42", date="20260304"):
    return Source(modality="CT", patient=Patient(name=name, id=patient_id), study=Study(date=date))


def test_the_patient_is_named_only_on_request_and_then_marked(tmp_path):
    plain = rendering()
    anonymous, banner = overlay.annotate(plain, modality="CT"), overlay.annotate(plain, modality="CT", identity=named())
    assert not anonymous.burned_in_identity
    assert banner.burned_in_identity
    changed = touched(anonymous, banner)
    assert changed[:80, 256:].any()
    assert not changed[80:].any()
    assert not changed[:, :256].any()
    same = overlay.annotate(plain, modality="CT", identity=named("Doe^Jane^^=山田", date="2026.03.04"))
    assert np.array_equal(same.pixels, banner.pixels), "the first form of the name, and dates of any form"
    other = overlay.annotate(plain, modality="CT", identity=named(patient_id="43"))
    assert not np.array_equal(other.pixels, banner.pixels)
    for drawn, said in ((anonymous, None), (banner, "YES")):
        write_png(tmp_path / "a.png", drawn)
        with Image.open(tmp_path / "a.png") as image:
            assert image.text.get("Burned In Annotation") == said
            assert "Doe" not in str(image.info)


@pytest.mark.parametrize("name", ["", "山田^太郎", "Müller-Łukasiewicz^Žofia", "😀\ud800", "x" * 500, "^^^=\n\t"])
def test_any_name_can_be_drawn(name):
    drawn = overlay.annotate(rendering(), identity=named(name, patient_id=name, date=name))
    assert drawn.burned_in_identity


def test_a_picture_too_small_for_the_banner_is_refused():
    with pytest.raises(ParameterError, match="patient banner"):
        overlay.annotate(rendering((128, 128)), identity=named())


def test_png_of_a_perspective_view_states_no_spacing(tmp_path):
    write_png(tmp_path / "a.png", replace(rendering(), camera=replace(rendering().camera, view_angle_deg=40.0)))
    with Image.open(tmp_path / "a.png") as image:
        assert "dpi" not in image.info
        assert "Pixel spacing" not in image.text


def test_a_png_holds_the_pixels_their_size_and_no_identity(tmp_path):
    drawn = overlay.annotate(rendering((300, 200), height_mm=100.0, grey=50))
    path = tmp_path / "new folder" / "view.png"
    write_png(path, drawn)
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), drawn.pixels)
        per_metre = image.info["dpi"][0] / 0.0254
        assert per_metre == pytest.approx(2000)
        text = dict(image.text)
    assert text.pop("Software").startswith("Prosector ")
    assert text == {
        "Method": "Maximum intensity projection",
        "Preset": "ct-bone",
        "Orientation": "bottom=F left=R right=L top=H",
        "Pixel spacing": "0.5 mm",
        "Disclaimer": "Not for diagnosis",
    }
    assert [p.name for p in path.parent.iterdir()] == ["view.png"]


def test_png_bytes_are_the_same_each_time(tmp_path):
    write_png(tmp_path / "a.png", rendering(grey=7))
    write_png(tmp_path / "b.png", rendering(grey=7))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_png_says_where_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        write_png(tmp_path / "file" / "a.png", rendering((8, 8)))
