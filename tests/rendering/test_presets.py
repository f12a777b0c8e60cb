import dataclasses

import numpy as np
import pytest

from prosector.dicom.read import read_series
from prosector.errors import ParameterError, UnknownNameError
from prosector.model.camera import fit_camera
from prosector.model.geometry import Geometry
from prosector.model.source import Source
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.rendering import presets
from prosector.rendering.isosurface import render_surface
from prosector.rendering.projection import project
from prosector.rendering.volume import render_volume

CT_NAMES = ("ct-bone", "ct-muscle-bone", "ct-vessels", "ct-lung", "ct-soft-tissue")
MR_NAMES = ("mr-brain", "mr-angio")
PROJECTIONS = ("mip", "minip", "average")


def volume(voxels, unit="1", modality="MR"):
    voxels = np.asarray(voxels)
    return Volume(voxels, Geometry(voxels.shape, np.eye(4)), unit, Source(modality=modality))


def ct():
    return volume(np.full((4, 5, 6), 40, np.int16), HOUNSFIELD, "CT")


def mr(scale=1.0, offset=0.0, shape=(40, 44, 48)):
    """Half noise-free air at 0, half tissue evenly spread over 200 to 1000."""
    tissue = np.linspace(200, 1000, np.prod(shape) // 2)
    voxels = np.concatenate([np.zeros(tissue.size), np.random.default_rng(3).permutation(tissue)])
    return volume((voxels * scale + offset).reshape(shape).astype(np.float32))


def test_the_names_that_are_promised_are_there():
    assert presets.names() == CT_NAMES + MR_NAMES
    assert presets.names("CT") == CT_NAMES
    assert presets.names("MR") == MR_NAMES


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"'bones'.*ct-bone.*mr-brain"):
        presets.preset("bones")


@pytest.mark.parametrize("name", CT_NAMES + MR_NAMES)
def test_every_preset_is_complete_and_within_range(name):
    preset = presets.preset(name)
    look = preset.look
    assert preset.name == look.name == name
    assert len(preset.description) > 20
    assert set(look.windows) == set(PROJECTIONS)
    assert all(0 <= c <= 1 for _, rgb in look.transfer.color for c in rgb)
    assert all(0 <= c <= 1 for c in look.color_rgb)
    assert look.transfer.gradient_opacity[0][0] == 0
    shading = look.transfer.shading
    assert shading is not None
    assert shading.ambient + shading.diffuse <= 1.05, "a lit surface would burn out"
    assert look.transfer.opacity[0][1] == 0, "air must be transparent, so that rays skip it"
    assert look.window == look.window_for("mip")


@pytest.mark.parametrize("name", CT_NAMES)
def test_ct_presets_leave_air_transparent_and_show_what_they_are_named_for(name):
    transfer = presets.preset(name).look.transfer
    shown = {"ct-bone": 700, "ct-muscle-bone": 60, "ct-vessels": 320, "ct-lung": -500, "ct-soft-tissue": 40}[name]
    at = np.array([-1000, shown])
    alpha = transfer.table(1.0, at[0], at[1], 2)[:, 3]
    assert alpha[0] == 0
    assert alpha[1] > 0.03


def test_bone_leaves_soft_tissue_out_and_vessels_leave_muscle_out():
    for name in ("ct-bone", "ct-vessels"):
        assert presets.preset(name).look.transfer.first_visible > 100


def test_colours_are_what_clinicians_expect():
    def colour(name, value):
        return presets.preset(name).look.transfer.table(1.0, value, value + 1, 2)[0, :3]

    red, green, blue = colour("ct-vessels", 300)
    assert red > 1.5 * green > 1.5 * blue, "vessels are red to orange"
    red, green, blue = colour("ct-bone", 800)
    assert 1 >= red > green > blue > 0.7, "bone is ivory"
    red, green, blue = colour("ct-muscle-bone", 60)
    assert red > 1.8 * max(green, blue), "muscle is red-brown"


def test_a_ct_preset_holds_the_same_hounsfield_units_for_every_ct():
    look = presets.preset("ct-bone").resolved(ct())
    assert look is presets.preset("ct-bone").look


def test_an_mr_preset_follows_the_volume_s_intensities():
    preset = presets.preset("mr-brain")
    one, seven = preset.resolved(mr()), preset.resolved(mr(scale=7))
    assert seven.level == pytest.approx(7 * one.level)
    assert seven.window.center == pytest.approx(7 * one.window.center)
    assert seven.window.width == pytest.approx(7 * one.window.width)
    assert seven.transfer.opacity[-1][0] == pytest.approx(7 * one.transfer.opacity[-1][0])
    assert seven.transfer.gradient_opacity[-1][0] == pytest.approx(7 * one.transfer.gradient_opacity[-1][0])
    assert [a for _, a in seven.transfer.opacity] == [a for _, a in preset.look.transfer.opacity]
    assert seven.color_rgb == preset.look.color_rgb


def test_the_robust_range_ends_near_the_brightest_tissue_whatever_the_share_of_air():
    low, high = presets.robust_range(mr())
    assert low == 0
    assert high == pytest.approx(1000, rel=0.01)
    half = mr().voxels
    more_air = volume(np.concatenate([half, np.zeros_like(half), np.zeros_like(half)]))
    assert presets.robust_range(more_air)[1] == pytest.approx(high, rel=0.02)


def test_the_robust_range_passes_over_outliers_and_nan():
    voxels = mr().voxels.copy()
    voxels[0, 0, :20] = 1e6
    voxels[1, 0, :20] = np.nan
    assert presets.robust_range(volume(voxels))[1] == pytest.approx(1000, rel=0.02)


def test_values_below_zero_belong_to_the_range():
    low, high = presets.robust_range(mr(offset=-500))
    assert low == pytest.approx(-500)
    assert high == pytest.approx(500, rel=0.02)


@pytest.mark.parametrize("voxels", [np.zeros((3, 3, 3), np.float32), np.full((3, 3, 3), np.nan, np.float32)])
def test_a_volume_with_nothing_in_it_still_has_a_range(voxels):
    assert presets.robust_range(volume(voxels)) == (0.0, 1.0)


def test_a_constant_volume_still_has_a_range():
    assert presets.robust_range(volume(np.full((3, 3, 3), 5, np.uint8))) == (0.0, 5.0)


def test_large_volumes_are_sampled():
    voxels = np.zeros((400, 8, 8), np.int16)
    voxels[::5] = 100  # every 5th slice is what a sample of at most 96 along k looks at
    voxels[1::5] = 30000
    assert presets.robust_range(volume(voxels)) == (0.0, 100.0)


@pytest.mark.parametrize("name", CT_NAMES)
def test_a_ct_preset_on_mr_says_which_presets_fit(name):
    with pytest.raises(
        ParameterError, match=r"MR volume is not in Hounsfield units; choose one of: mr-brain, mr-angio"
    ):
        presets.preset(name).resolved(mr())


@pytest.mark.parametrize("name", MR_NAMES)
def test_an_mr_preset_on_ct_says_which_presets_fit(name):
    with pytest.raises(ParameterError, match=r"CT volume is in Hounsfield units; choose one of: ct-bone"):
        presets.preset(name).resolved(ct())


@pytest.mark.parametrize("method", list(presets.METHOD_WORDS))
def test_every_method_has_a_default_that_fits(method):
    for vol in (ct(), mr()):
        name = presets.default_for(presets.modality_of(vol), method)
        look = presets.preset(name).resolved(vol)
        if method in PROJECTIONS:
            assert look.window_for(method).width > 0


def test_unknown_methods_and_modalities_are_named():
    with pytest.raises(UnknownNameError, match="average, closest, depth, minip, mip, sum, surface, volume"):
        presets.default_for("CT", "xray")
    with pytest.raises(UnknownNameError, match="CT, MR"):
        presets.default_for("US", "mip")
    with pytest.raises(UnknownNameError, match="average, minip, mip"):
        presets.preset("ct-bone").look.window_for("volume")


def test_presets_cannot_be_changed():
    look = presets.preset("ct-bone").look
    with pytest.raises(TypeError):
        look.windows["mip"] = look.window
    with pytest.raises(dataclasses.FrozenInstanceError):
        look.level = 3.0


@pytest.fixture(scope="module", params=["chest_cta/dicom", "mr_brain_mprage"])
def patient(request, real_data):
    return read_series(real_data / request.param)


@pytest.mark.real_data
@pytest.mark.parametrize("method", ["mip", "average", "volume", "surface"])
def test_every_preset_shows_a_patient_neither_black_nor_burnt_out(patient, method):
    """A minimum is left out: through the whole patient it meets the air in front of it on every ray."""
    size = (64, 64)
    camera = fit_camera(patient.geometry, size)
    for name in presets.names(presets.modality_of(patient)):
        look = presets.preset(name).resolved(patient)
        if method == "volume":
            pixels = render_volume(patient, camera, size, look.transfer).pixels
        elif method == "surface":
            pixels = render_surface(patient, camera, size, look.level, look.color_rgb).pixels
        elif name == "ct-lung" and method == "mip":
            continue  # its window is for slabs: through the whole chest every ray meets bone or heart
        else:
            pixels = project(patient, camera, size, method, look.window_for(method)).pixels
        grey = pixels.max(axis=2)
        assert (grey > 25).mean() > 0.2, f"{name} is almost black"
        assert grey[grey > 25].std() > 15, f"{name} has no contrast"
        assert (pixels.min(axis=2) >= 250).mean() < 0.15, f"{name} is burnt out"
