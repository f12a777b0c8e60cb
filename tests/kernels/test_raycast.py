"""Volume rendering against the plain reference, against closed forms, and byte for byte."""

from dataclasses import replace

import numba
import numpy as np
import pytest
import reference_volume
from scenes import RANGES, random_camera, random_volume, stepped

from prosector.kernels.bricks import distances
from prosector.kernels.occupancy import forward_distances
from prosector.model.camera import fit_camera
from prosector.model.labels import LabelMap, Segment
from prosector.model.region import ClipPlane, Region
from prosector.model.structures import STRUCTURES
from prosector.model.transfer import LabelStyle, Light, Shading, TransferFunction
from prosector.model.volume import Volume
from prosector.rendering import volume as rendering
from prosector.rendering.optics import Optics, optics_of
from prosector.rendering.scene import scene_of

SIZE = (9, 8)

TOLERANCE = 2e-4
"""Of full opacity or colour: a twentieth of a grey level."""

HAZE = TransferFunction(
    color=((0.0, (1.0, 0.2, 0.1)), (0.6, (0.3, 1.0, 0.2)), (1.0, (0.9, 0.9, 1.0))),
    opacity=((0.3, 0.0), (0.7, 0.3), (0.9, 0.2)),
    gradient_opacity=((0.0, 0.2), (0.4, 1.0)),
    shading=Shading(0.3, 0.6, 0.25, 8.0),
)


FOG = TransferFunction(
    color=((0.0, (0.1, 0.3, 1.0)), (1.0, (0.2, 1.0, 0.9))),
    opacity=((0.1, 0.2), (0.5, 0.02), (0.8, 0.3)),
    gradient_opacity=((0.0, 1.0), (0.6, 0.3)),
    shading=None,
)

LAMPS = (Light((-1.0, 0.5, 0.4), (1.0, 0.8, 0.5), 0.8), Light((0.3, -0.2, -0.5)), Light())


def composited(volume, camera, size, transfer, **kwargs):
    return rendering.composited(scene_of(volume, transfer, **kwargs), camera, size)


def factor_of(transfer):
    at, factors = zip(*transfer.gradient_opacity, strict=True)
    return lambda magnitude: float(np.interp(magnitude, at, factors))


def close(found, expected):
    assert (expected[..., 3] > 0.1).sum() > 5
    # rays whose light ends within rounding of the threshold may take one segment more or less
    np.testing.assert_allclose(found, expected, atol=TOLERANCE + 1 / 512, rtol=0)
    assert np.abs(found - expected)[expected[..., 3] < 0.99].max() < TOLERANCE


def random_labels(seed, geometry):
    """Three structures in chunks of two voxels."""
    rng = np.random.default_rng(seed)
    chunks = rng.integers(0, 4, [(n + 1) // 2 for n in geometry.shape], dtype=np.uint8)
    for axis in range(3):
        chunks = chunks.repeat(2, axis=axis)
    labels = np.ascontiguousarray(chunks[tuple(slice(n) for n in geometry.shape)])
    return LabelMap(labels, geometry, tuple(Segment(n, name, STRUCTURES["lesion"]) for n, name in enumerate("abc", 1)))


def random_cut(seed, geometry):
    """A crop box and a plane that leave about half."""
    rng = np.random.default_rng(seed + 77)
    low, high = geometry.corners_lps.min(axis=0), geometry.corners_lps.max(axis=0)
    plane = ClipPlane(tuple(geometry.center_lps - 1), tuple(rng.normal(size=3)))
    return Region(tuple(low + 0.1 * (high - low)), tuple(low + 0.85 * (high - low)), (plane,))


@pytest.mark.parametrize("dtype", list(RANGES))
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_reference(dtype, seed):
    volume = random_volume(seed, dtype)
    camera = random_camera(seed, volume.geometry)
    transfer = HAZE.scaled(*RANGES[dtype])
    optics = optics_of(((transfer, 1.0),))
    expected = reference_volume.composite(volume, camera, SIZE, optics, [factor_of(transfer)], transfer.shading)
    close(composited(volume, camera, SIZE, transfer), expected)


@pytest.mark.parametrize("angle", [0.0, 40.0])
@pytest.mark.parametrize("seed", [3, 4])
def test_lights_cuts_and_perspective_agree_with_the_reference(seed, angle):
    volume = random_volume(seed, "int16")
    camera = replace(random_camera(seed, volume.geometry), view_angle_deg=angle)
    transfer = replace(HAZE.scaled(*RANGES["int16"]), shading=replace(HAZE.shading, lights=LAMPS))
    region = random_cut(seed, volume.geometry)
    expected = reference_volume.composite(
        volume, camera, SIZE, optics_of(((transfer, 1.0),)), [factor_of(transfer)], transfer.shading, region
    )
    close(composited(volume, camera, SIZE, transfer, region=region), expected)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("seed", [5, 6])
def test_structures_and_masks_agree_with_the_reference(dtype, seed):
    volume = random_volume(seed, dtype)
    camera = random_camera(seed, volume.geometry)
    haze, fog = HAZE.scaled(*RANGES[dtype]), FOG.scaled(*RANGES[dtype])
    labels = random_labels(seed, volume.geometry)
    styles = {"a": LabelStyle(fog), "b": LabelStyle(opacity=0.3), "c": LabelStyle(visible=False)}
    region = Region(labels=labels, exclude=("b",)) if seed == 6 else None
    optics = optics_of(((haze, 1.0), (fog, 1.0), (haze, 0.3)))
    expected = reference_volume.composite(
        volume,
        camera,
        SIZE,
        optics,
        [factor_of(haze), factor_of(fog), factor_of(haze)],
        haze.shading,
        mask=~np.isin(labels.labels, [2, 3] if seed == 6 else [3]),
        styles=np.array([0, 1, 2, 0])[labels.labels],
    )
    close(composited(volume, camera, SIZE, haze, labels=labels, label_styles=styles, region=region), expected)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("dressed", [False, True])
def test_passing_over_what_is_not_seen_changes_nothing(dtype, dressed):
    rng = np.random.default_rng(3)
    volume = random_volume(9, dtype, (41, 50, 46))
    voxels = np.array(volume.voxels)
    voxels[rng.random(voxels.shape) < 0.97] = RANGES[dtype][0]
    voxels[:20, :30, 10:] = RANGES[dtype][0]
    volume = Volume(voxels, volume.geometry)
    transfer = HAZE.scaled(*RANGES[dtype])
    camera = replace(random_camera(9, volume.geometry), view_angle_deg=30.0 * dressed)
    labels = random_labels(1, volume.geometry)
    own = {"a": LabelStyle(FOG.scaled(*RANGES[dtype])), "c": LabelStyle(visible=False)}
    scene = scene_of(volume, transfer, labels, own) if dressed else scene_of(volume, transfer)
    found = rendering.composited(scene, camera, (60, 60))
    assert found.max() > 0.02
    assert (scene.bits != ~np.uint64(0)).any()
    everywhere = replace(scene, bits=np.full_like(scene.bits, ~np.uint64(0)), leap=np.zeros_like(scene.leap))
    assert rendering.composited(everywhere, camera, (60, 60)).tobytes() == found.tobytes()


def test_the_same_bytes_with_one_thread_and_two():
    volume = random_volume(8, "int16", (21, 30, 26))
    camera = random_camera(8, volume.geometry)
    transfer, labels = HAZE.scaled(*RANGES["int16"]), random_labels(2, volume.geometry)
    styles = {"a": LabelStyle(opacity=0.2), "b": LabelStyle(visible=False)}
    results = []
    for threads in (1, 2, 2):
        numba.set_num_threads(threads)
        picture = rendering.render_volume(
            volume, camera, (70, 50), transfer, labels=labels, label_styles=styles, cinematic=True
        )
        results.append(composited(volume, camera, (70, 50), transfer).tobytes() + picture.pixels.tobytes())
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("opacity", [0.01, 0.1, 0.4])
@pytest.mark.parametrize("angle", [0.0, 30.0])
def test_opacity_of_a_homogeneous_slab(opacity, angle):
    geometry = stepped((40, 7, 40), (1.3, 0.9, 1.1))
    volume = Volume(np.full(geometry.shape, 40, dtype=np.int16), geometry)
    transfer = TransferFunction(((0, (1, 0.5, 0)),), ((0, 0), (10, opacity), (80, opacity)), shading=None)
    found = composited(volume, fit_camera(geometry, (21, 21), angle), (21, 21), transfer)[10, 10]
    thickness = 7 * 0.9 / np.cos(np.radians(angle))
    expected = 1 - (1 - opacity) ** thickness
    assert found[3] == pytest.approx(expected, abs=1e-6 if expected < 0.998 else 2e-3)
    np.testing.assert_allclose(found[:3], found[3] * np.array([1, 0.5, 0]), atol=1e-6)


def test_a_shell_thinner_than_a_step_is_integrated_exactly():
    """Values rise along the ray by 100 per voxel; a shell of 4 units lies inside one fifth of a step."""
    geometry = stepped((30, 12, 30), (1.0, 1.0, 1.0))
    voxels = np.broadcast_to(100 * np.arange(12)[np.newaxis, :, np.newaxis], geometry.shape).astype(np.int16)
    shell = ((500, 0), (502, 0.9), (504, 0.9), (506, 0))
    transfer = TransferFunction(((0, (1, 1, 1)), (1200, (1, 1, 1))), ((0, 0), *shell, (1200, 0)), shading=None)
    # 0.02 mm of full opacity, and twice 0.02 mm on which the opacity rises linearly
    ramp = np.log1p(-0.9 * np.linspace(0, 1, 100001)).mean() * 0.02
    expected = 1 - np.exp(0.02 * np.log(0.1) + 2 * ramp)
    found = composited(Volume(voxels, geometry), fit_camera(geometry, (15, 15)), (15, 15), transfer)[7, 7, 3]
    assert found == pytest.approx(expected, rel=0.01)


def test_a_headlight_shades_a_tilted_plane():
    """The normal of a plane is true in millimetres, though the voxels are four times as long one way."""
    geometry = stepped((30, 60, 60), (4.0, 1.0, 1.0))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1)
    normal = np.array([0.0, -1.0, 2.0]) / np.sqrt(5)
    volume = Volume((geometry.to_lps(index) @ -normal * 20).astype(np.int16), geometry)
    shading = Shading(ambient=0.1, diffuse=0.7, specular=0.2, shininess=5.0)
    transfer = TransferFunction(((0, (0.5, 0.4, 0.3)),), ((0, 0), (5, 1)), shading=shading)
    found = composited(volume, fit_camera(geometry, (15, 15)), (15, 15), transfer)[7, 7]
    cosine = 1 / np.sqrt(5)
    expected = np.array([0.5, 0.4, 0.3]) * (0.1 + 0.7 * cosine) + 0.2 * cosine**5
    np.testing.assert_allclose(found[:3], expected, atol=0.003)


def test_values_beyond_the_outermost_points_stay_inside_the_table():
    """Whatever lies in memory after the table is never read."""
    geometry = stepped((8, 8, 8), (1.0, 1.0, 1.0))
    transfer = TransferFunction(((0, (1, 1, 1)),), ((0, 0.1), (100, 0.2)), shading=None)
    optics = optics_of(((transfer, 1.0),))
    walled = np.full((1, optics.table.shape[1] + 2, 5), np.nan)
    walled[:, 1:-1] = optics.table
    walled = Optics(walled[:, 1:-1], optics.low, optics.bin_width, optics.factors, optics.rows_per_gradient)
    for value, opacity in ((-500, 0.1), (5000, 0.2)):
        volume = Volume(np.full(geometry.shape, value, dtype=np.int16), geometry)
        scene = replace(scene_of(volume, transfer), optics=walled)
        found = rendering.composited(scene, fit_camera(geometry, (7, 7)), (7, 7))
        assert found[3, 3, 3] == pytest.approx(1 - (1 - opacity) ** 8, abs=1e-3)


def test_distances_ahead_are_the_sides_of_the_largest_empty_cubes():
    rng = np.random.default_rng(0)
    bits = (rng.random((7, 8, 9)) < 0.02).astype(np.uint64)
    out = np.empty((8, *bits.shape), dtype=np.uint8)
    forward_distances(bits, out)
    seeds = np.argwhere(bits)
    for octant in range(8):
        way = np.array([-1 if octant & 4 else 1, -1 if octant & 2 else 1, -1 if octant & 1 else 1])
        for index in np.ndindex(*bits.shape):
            ahead = (seeds - index) * way
            ahead = ahead[(ahead >= 0).all(axis=1)]
            assert out[(octant, *index)] == (ahead.max(axis=1).min() if len(ahead) else 255)


def test_distances_are_those_of_the_chessboard():
    rng = np.random.default_rng(0)
    visible = rng.random((7, 8, 9)) < 0.01
    out = np.empty(visible.shape, dtype=np.uint8)
    distances(visible, out)
    seeds = np.argwhere(visible)
    for index in np.ndindex(*visible.shape):
        assert out[index] == np.abs(seeds - index).max(axis=1).min()


def test_nothing_visible_gives_the_greatest_distance():
    out = np.empty((2, 3, 4), dtype=np.uint8)
    distances(np.zeros(out.shape, dtype=bool), out)
    assert (out == 255).all()
