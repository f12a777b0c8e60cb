"""Vesselness against the same definition in plain SciPy and NumPy, and against cylinders."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from prosector.errors import ParameterError, UnknownNameError
from prosector.model.geometry import Array, Geometry
from prosector.model.volume import Volume
from prosector.segmentation import vesselness as module
from prosector.segmentation.vesselness import MEASURES, prepare, vesselness

UPRIGHT = np.array([[0, 0, 0.7], [0, -0.9, 0], [1.6, 0, 0]])
"""Index to LPS mm: three spacings, mirrored."""

TILTED = np.array([[0, 0, 0.8], [0.5, 0.8, 0], [1.5, 0, 0]])
"""A gantry tilt of 18°."""


def volume_of(values: Array, matrix: Array) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = matrix
    shape = (values.shape[0], values.shape[1], values.shape[2])
    return Volume(np.asarray(values, dtype=np.float32), Geometry(shape, affine))


def hessian(smooth: Array) -> Array:
    """(..., 3, 3) central differences, the border repeated."""
    wide = np.pad(smooth, 1, mode="edge")

    def at(*offset: int) -> Array:
        return wide[tuple(slice(1 + o, 1 + o + n) for o, n in zip(offset, smooth.shape, strict=True))]

    out = np.empty((*smooth.shape, 3, 3))
    unit = np.eye(3, dtype=int)
    for a in range(3):
        out[..., a, a] = at(*unit[a]) + at(*-unit[a]) - 2 * at(0, 0, 0)
        for b in range(a):
            both, cross = unit[a] + unit[b], unit[a] - unit[b]
            out[..., a, b] = out[..., b, a] = (at(*both) + at(*-both) - at(*cross) - at(*-cross)) / 4
    return out


def reference(smooth: Array, matrix: Array, scale: float, measure: str, contrast: float, dark: bool) -> Array:
    """The three measures as their papers write them."""
    inverse = np.linalg.inv(matrix)
    turned = inverse.T @ hessian(smooth) @ inverse * scale**2 * (1 if dark else -1)
    values = np.linalg.eigvalsh(turned)
    order = np.argsort(np.abs(values), axis=-1)
    l1, l2, l3 = np.moveaxis(np.take_along_axis(values, order, axis=-1), -1, 0)
    tube = (l2 > 0) & (l3 > 0)
    l1, l2, l3 = (np.where(tube, v, 1.0) for v in (l1, l2, l3))
    full = contrast * np.exp(-1)
    if measure == "frangi":
        c = full / np.sqrt(2)
        a, b, s = l2 / l3, np.abs(l1) / np.sqrt(l2 * l3), np.sqrt(l1**2 + l2**2 + l3**2)
        out = (1 - np.exp(-(a**2) / 0.5)) * np.exp(-(b**2) / 0.5) * (1 - np.exp(-(s**2) / (2 * c**2)))
    elif measure == "sato":
        out = l2 * np.exp(-(l1**2) / (2 * (np.where(l1 >= 0, 0.5, 2.0) * l2) ** 2))
    else:
        most = np.maximum(l3, 0.5 * full)
        out = np.where(l2 >= most / 2, 1.0, l2**2 * (most - l2) * (3 / (l2 + most)) ** 3)
    return np.asarray(np.where(tube, out, 0.0))


def random_values(shape: tuple[int, int, int]) -> Array:
    rng = np.random.default_rng(5)
    return gaussian_filter(rng.normal(0, 1, shape), 1.0).astype(np.float32) * 500


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("dark", [False, True])
def test_as_plain_scipy(measure: str, dark: bool) -> None:
    """More planes than a slab has and more columns than a block.

    Within 2e-3 of the largest (where eigenvalues meet), but for a few voxels on the edge of the definition, where
    the order by magnitude jumps.
    """
    values = random_values((33, 11, 530))
    expected = np.zeros(values.shape)
    deviations = (1.1, 2.3)
    for scale in deviations:
        smooth = gaussian_filter(values.astype(float), scale / np.linalg.norm(UPRIGHT, axis=0), mode="nearest")
        expected = np.maximum(expected, reference(smooth, UPRIGHT, scale, measure, 80.0, dark))
    found = vesselness(volume_of(values, UPRIGHT), scales_mm=deviations, measure=measure, contrast=80.0, dark=dark)
    off = np.abs(found.voxels - expected)
    assert (off > 2e-3 * expected.max()).mean() < 1e-4
    assert off.mean() <= 2e-5 * expected.max()


@pytest.mark.parametrize("matrix", [TILTED, TILTED @ np.array([[1, 0, 0], [0, 1, 0.2], [0.1, 0, 1]])])
def test_sheared_grids_have_a_round_gaussian(matrix: Array) -> None:
    """A point spread over a sheared grid becomes a round Gaussian in the patient, to 4 % of its peak."""
    values = np.zeros((21, 31, 31), dtype=np.float32)
    values[10, 15, 15] = 1.0
    scale = 2.0
    steps, _factors, upright = prepare(matrix, scale)
    assert not upright
    smooth = np.empty((21, 31, 33), dtype=np.float32)
    limits = np.array([-1e9, 1e9, 0], dtype=np.float32)
    module.smoothing.smooth_slab(
        values, 0, limits, steps, np.ones(values.shape[:2], np.uint8), np.empty_like(values), smooth
    )
    index = np.stack(np.meshgrid(*(np.arange(n) for n in values.shape), indexing="ij"), axis=-1) - (10, 15, 15)
    away = np.linalg.norm(index @ matrix.T, axis=-1)
    expected = np.exp(-0.5 * (away / scale) ** 2) * abs(np.linalg.det(matrix)) / (2 * np.pi * scale**2) ** 1.5
    assert np.abs(smooth[:, :, 1:-1] - expected).max() < 0.04 * expected.max()


@pytest.mark.parametrize("measure", MEASURES)
def test_sheared_grid_as_plain_numpy(measure: str) -> None:
    values = random_values((12, 24, 40))
    steps, _, _ = prepare(TILTED, 1.5)
    smooth = np.empty((12, 24, 42), dtype=np.float32)
    limits = np.array([-1e9, 1e9, 0], dtype=np.float32)
    module.smoothing.smooth_slab(
        values, 0, limits, steps, np.ones(values.shape[:2], np.uint8), np.empty_like(values), smooth
    )
    expected = reference(smooth[:, :, 1:-1].astype(float), TILTED, 1.5, measure, 80.0, False)
    found = vesselness(volume_of(values, TILTED), scales_mm=[1.5], measure=measure, contrast=80.0)
    assert np.abs(found.voxels - expected).max() <= 2e-3 * expected.max()


@pytest.mark.parametrize("matrix", [np.diag([2.0, 0.8, 0.7]), TILTED], ids=["upright", "sheared"])
def test_only_where_it_is_asked_for(matrix: Array) -> None:
    volume = volume_of(random_values((14, 40, 30)), matrix)
    rng = np.random.default_rng(5)
    where = (rng.random((14, 40, 30)) > 0.97).astype(np.uint8)
    where[:, 20:] = 0
    whole = vesselness(volume, scales_mm=(1.0, 2.0), measure="jerman", contrast=80.0).voxels
    part = vesselness(volume, scales_mm=(1.0, 2.0), measure="jerman", contrast=80.0, where=where).voxels
    assert np.abs(part - whole)[where > 0].max() <= 1e-6
    assert whole[where > 0].max() > 0.1
    assert not part[:, 20:].any()


def cylinder(matrix: Array, shape: tuple[int, int, int], radius: float, direction: Array) -> tuple[Volume, Array]:
    """A bright cylinder through the middle, its border over one voxel; and the index of the middle."""
    empty = volume_of(np.zeros(shape), matrix)
    middle = (np.array(shape) - 1) // 2
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) - middle
    at = index @ matrix.T
    direction = direction / np.linalg.norm(direction)
    away = np.linalg.norm(at - (at @ direction)[..., None] * direction, axis=-1)
    inside = np.clip(0.5 - (away - radius) / 0.8, 0, 1)
    return volume_of(100 * inside, empty.geometry.affine[:3, :3]), middle


@pytest.mark.parametrize("radius", [2.0, 3.0, 4.5])
def test_answers_most_at_the_radius(radius: float) -> None:
    volume, middle = cylinder(np.eye(3) * 0.8, (41, 41, 41), radius, np.array([1.0, 0.4, 0.2]))
    scales = radius / np.sqrt(2) * np.array([0.5, 0.7, 1.0, 1.4, 2.0])
    found = [vesselness(volume, scales_mm=[s], measure="sato").voxels[tuple(middle)] for s in scales]
    assert int(np.argmax(found)) == 2
    assert found[2] == pytest.approx(100 * np.exp(-1), rel=0.08)


def test_the_same_on_any_grid() -> None:
    """The response on the axis does not depend on spacing, tilt or handedness: within 6 %."""
    direction = np.array([0.3, 0.5, 1.0])
    found = []
    for matrix, shape in (
        (np.eye(3) * 0.8, (37, 37, 37)),
        (np.diag([0.8, -0.8, 1.6])[:, ::-1], (21, 37, 37)),
        (np.array([[0, 0, 0.8], [0.5, 0.8, 0], [1.5, 0, 0]]), (21, 37, 37)),
        (np.array([[0, 0.1, 1.0], [-0.3, 0.9, 0], [1.0, 0, 0]]), (31, 37, 37)),
    ):
        volume, middle = cylinder(matrix, shape, 3.0, direction)
        found.append([vesselness(volume, scales_mm=[2.1], measure=m, contrast=100.0).voxels[tuple(middle)]
                      for m in ("sato", "frangi")])  # fmt: skip
    assert np.ptp(found, axis=0) == pytest.approx([0, 0], abs=0.06 * float(np.max(found[0])))
    assert np.ptp(np.array(found)[:, 0]) < 0.06 * found[0][0]
    assert np.ptp(np.array(found)[:, 1]) < 0.06


def test_plates_and_blobs_are_no_tubes() -> None:
    k, j, i = np.meshgrid(*[np.arange(25) - 12.0] * 3, indexing="ij")
    shapes = {"tube": np.hypot(j, i), "plate": np.abs(k), "blob": np.sqrt(k**2 + j**2 + i**2)}
    found = {
        name: vesselness(volume_of(100.0 * (d <= 2.5), np.eye(3)), scales_mm=[1.8], contrast=100.0).voxels[12, 12, 12]
        for name, d in shapes.items()
    }
    assert found["tube"] > 0.7
    assert found["plate"] < 0.02
    assert found["blob"] < 0.25 * found["tube"]


def test_no_number_and_clipping() -> None:
    values = random_values((6, 20, 20))
    values[0, 0, 0] = -900
    clean = np.clip(values, -50, 60)
    clean[2, 3, 4] = -50
    holed = values.copy()
    holed[2, 3, 4] = np.nan
    found = vesselness(volume_of(holed, UPRIGHT), scales_mm=[1.0], contrast=50.0, window=(-50, 60))
    plain = vesselness(volume_of(clean, UPRIGHT), scales_mm=[1.0], contrast=50.0)
    assert np.isfinite(found.voxels).all()
    assert np.array_equal(found.voxels, plain.voxels)


def test_same_bytes_at_any_thread_count() -> None:
    volume = volume_of(random_values((30, 20, 40)), TILTED)
    before = numba.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            found.append(vesselness(volume, scales_mm=[1.0, 2.0]).voxels.tobytes())
    finally:
        numba.set_num_threads(before)
    assert found[0] == found[1]


def test_types_and_small_volumes() -> None:
    values = np.rint(random_values((5, 9, 9)) + 300)
    expected = vesselness(volume_of(values, UPRIGHT), scales_mm=[1.0], contrast=50.0).voxels
    affine = volume_of(values, UPRIGHT).geometry
    found = vesselness(Volume(values.astype(np.int16), affine), scales_mm=[1.0], contrast=50.0).voxels
    assert np.array_equal(found, expected)
    assert not vesselness(volume_of(np.ones((1, 1, 1)), UPRIGHT)).voxels.any()


def test_what_is_refused() -> None:
    volume = volume_of(np.zeros((3, 3, 3)), UPRIGHT)
    with pytest.raises(UnknownNameError, match="frangi"):
        vesselness(volume, measure="hough")
    with pytest.raises(ParameterError, match="scales"):
        vesselness(volume, scales_mm=[])
    with pytest.raises(ParameterError, match="contrast"):
        vesselness(volume, contrast=0.0)
    with pytest.raises(ParameterError, match="window"):
        vesselness(volume, window=(5.0, 5.0))
