"""Edits of whole segments, against slow plain definitions, on grids with tilt, anisotropy and either handedness."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from prosector.errors import EmptyResultError, GeometryError, InputError, ParameterError
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.pipeline.run import run_operation
from prosector.segmentation.smoothing_masks import grown, shrunk, smooth_partition

SHAPE = (22, 26, 30)


def grid(shape=SHAPE, shear=0.0, mirror=False, spacing=(2.0, 1.1, 0.9)):
    """Turned in space; sheared like a tilted gantry, or mirrored, where asked."""
    axes = np.diag(spacing)[[2, 1, 0]].astype(float)
    axes[1, 0] = shear
    axes = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0] @ axes
    if mirror:
        axes[:, 0] *= -1
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (12.0, -30.0, 7.0)
    return Geometry(shape, affine)


GRIDS = {"plain": grid(), "tilted": grid(shear=0.8), "mirrored": grid(shear=-0.6, mirror=True)}


def map_of(labels, geometry, names=("bone", "lesion", "vessel")):
    numbers = range(1, max(int(labels.max()), 1) + 1)
    segments = tuple(Segment(n, names[n - 1], structure(names[n - 1]), "AUTOMATIC", "threshold") for n in numbers)
    return LabelMap(labels.astype(np.uint8), geometry, segments)


def blobs(seed, shape=SHAPE, low=0.06):
    """Random smooth pieces with two labels."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=shape), 2.0)
    return np.where(field > low, 1, np.where(field < -low, 2, 0)).astype(np.uint8)


def edit(name, labels, **settings):
    inputs = {"labels": labels, **({"other": settings.pop("other")} if "other" in settings else {})}
    return run_operation(f"edit-{name}", inputs, **settings)


def near(mask, geometry, radius):
    """By the distance of every voxel to the nearest one of the mask."""
    everywhere = geometry.to_lps(np.argwhere(np.ones(mask.shape)))
    distance, _ = cKDTree(geometry.to_lps(np.argwhere(mask))).query(everywhere, distance_upper_bound=radius + 1)
    return (distance <= radius * (1 + 1e-6)).reshape(mask.shape)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("radius", [1.0, 4.3])
def test_growing_and_shrinking_are_exact_balls(name, radius):
    geometry = GRIDS[name]
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[3:9, 8:20, 4:15] = np.random.default_rng(1).random((6, 12, 11)) > 0.9
    mask[15:, 2:5, 20:] = 1
    matrix = geometry.affine[:3, :3]
    np.testing.assert_array_equal(grown(mask, matrix, radius) > 0, near(mask, geometry, radius))
    solid = np.zeros(SHAPE, dtype=np.uint8)
    solid[4:20, 3:24, 5:] = 1
    expected = (solid > 0) & ~near(solid == 0, geometry, radius)
    np.testing.assert_array_equal(shrunk(solid, matrix, radius) > 0, expected)
    labels = map_of(solid, geometry)
    np.testing.assert_array_equal(edit("shrink", labels, distance_mm=radius).mask(), expected)
    np.testing.assert_array_equal(edit("grow", labels, distance_mm=radius).mask(), near(solid, geometry, radius))


def test_growing_spares_neighbours():
    labels = map_of(blobs(3), GRIDS["tilted"])
    bigger = edit("grow", labels, distance_mm=3.0, segments=["bone"])
    np.testing.assert_array_equal(bigger.mask("lesion"), labels.mask("lesion"))
    assert (bigger.mask("bone") >= labels.mask("bone")).all()
    told = {s.name: (s.algorithm_type, s.algorithm_name) for s in bigger.segments}
    assert told == {"bone": ("AUTOMATIC", "threshold; grown by 3 mm"), "lesion": ("AUTOMATIC", "threshold")}


def test_nothing_left_is_said():
    labels = map_of(blobs(3), GRIDS["plain"])
    with pytest.raises(EmptyResultError, match="try less"):
        edit("shrink", labels, distance_mm=60.0)
    with pytest.raises(InputError, match="no segment 'femur' here; there are: bone, lesion"):
        edit("shrink", labels, distance_mm=1.0, segments=["femur"])


@pytest.mark.parametrize(
    "settings", [{"keep_largest": 2}, {"minimum_mm3": 60.0}, {"keep_largest": 3, "minimum_mm3": 90.0}]
)
def test_islands_as_scipy_finds_them(settings):
    labels = map_of(blobs(7), GRIDS["tilted"])
    expected = np.zeros(SHAPE, dtype=np.uint8)
    for number in (1, 2):
        pieces, count = ndimage.label(labels.labels == number)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
        order = np.argsort(-sizes, kind="stable")[: settings.get("keep_largest") or count]
        keep = [n + 1 for n in order if sizes[n] * labels.geometry.voxel_volume_mm3 >= settings.get("minimum_mm3", 0)]
        assert 0 < len(keep) < count
        expected[np.isin(pieces, keep)] = number
    np.testing.assert_array_equal(edit("islands", labels, **settings).labels, expected)


def test_islands_that_hold_a_point_stay_and_other_segments_with_them():
    labels = map_of(blobs(7), GRIDS["mirrored"])
    pieces, _ = ndimage.label(labels.labels == 1)
    seed = np.argwhere(pieces == 2)[0]
    kept = edit("islands", labels, points_lps=list(labels.geometry.to_lps(seed)))
    np.testing.assert_array_equal(kept.mask("bone"), pieces == 2)
    np.testing.assert_array_equal(kept.mask("lesion"), labels.mask("lesion"))
    assert [s.algorithm_type for s in kept.segments] == ["SEMIAUTOMATIC", "AUTOMATIC"]
    with pytest.raises(InputError, match="no point lies"):
        edit("islands", labels, points_lps=[900.0, 0.0, 0.0])
    with pytest.raises(ParameterError, match="which islands"):
        edit("islands", labels)


def test_holes_are_filled_in_space_or_by_slice_and_spare_what_lies_in_them():
    shell = np.zeros(SHAPE, dtype=np.uint8)
    shell[4:16, 5:20, 6:24] = 1
    shell[6:10, 8:12, 9:14] = 0  # closed
    shell[6:16, 14:18, 16:20] = 0  # open at one end
    shell[7, 9, 10] = 2  # something in the closed one
    labels = map_of(shell, GRIDS["tilted"])
    expected = np.where((shell == 0) & ndimage.binary_fill_holes(shell == 1), 1, shell)
    np.testing.assert_array_equal(edit("fill", labels).labels, expected)
    by_slice = edit("fill", labels, by_slice=True)
    filled = np.stack([ndimage.binary_fill_holes(plane == 1) for plane in shell])
    np.testing.assert_array_equal(by_slice.labels, np.where((shell == 0) & filled, 1, shell))
    small = edit("fill", labels, maximum_mm3=10.0)
    np.testing.assert_array_equal(small.labels, shell)


def slow_votes(index, count, matrix, radius):
    """Weights of labels in the ball around every voxel, by shifting whole arrays."""
    reach = np.floor(radius * np.linalg.norm(np.linalg.inv(matrix), axis=1) + 1e-6).astype(int)
    padded = np.pad(index, [(r, r) for r in reach], constant_values=count)
    votes = np.zeros((count, *index.shape))
    for d in np.ndindex(*(2 * reach + 1)):
        distance = np.linalg.norm(matrix @ (np.array(d) - reach))
        if distance <= radius * (1 + 1e-6):
            part = padded[tuple(slice(a, a + n) for a, n in zip(d, index.shape, strict=True))]
            for label in range(count):
                votes[label] += (1 - (distance / (radius * 1.001)) ** 2) * (part == label)
    return votes


@pytest.mark.parametrize("name", GRIDS)
def test_smoothing_takes_the_heaviest_label_but_for_one_handicap_each(name):
    """Every voxel has the label with the best votes plus a number that is the same for all voxels."""
    index = blobs(11)
    index[0:4, :, :10] = 3  # fixed
    matrix = GRIDS[name].affine[:3, :3]
    smooth = smooth_partition(index, 3, matrix, 3.0)
    assert (smooth[index == 3] == 3).all()
    counts, targets = (np.bincount(a.ravel(), minlength=4) for a in (smooth, index))
    np.testing.assert_allclose(counts, targets, atol=2 + 0.002 * index.size)
    votes = slow_votes(index, 3, matrix, 3.0)
    free = (index < 3) & ((votes > 0).sum(axis=0) > 1)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        lead = votes[a] - votes[b]
        mine, theirs = (lead[free & (smooth == label)] for label in (a, b))
        pair = free & (votes[a] > 0) & (votes[b] > 0) & (votes.sum(axis=0) - votes[a] - votes[b] < 1e-9)
        mine, theirs = (lead[pair & (smooth == label)] for label in (a, b))
        if mine.size and theirs.size:
            assert mine.min() >= theirs.max() - 1e-9


def test_smoothing_keeps_volumes_removes_noise_and_leaves_no_gap():
    geometry = Geometry((40, 40, 40), np.diag([1.0, 1.0, 1.0, 1.0]))
    at = np.argwhere(np.ones(geometry.shape)).reshape(*geometry.shape, 3) - 19.5
    inside = np.linalg.norm(at, axis=-1) < 14
    clean = np.where(inside, np.where(at[..., 2] < 0.3 * at[..., 1], 1, 2), 0).astype(np.uint8)
    rng = np.random.default_rng(5)
    edge = ndimage.maximum_filter(clean, 3) != ndimage.minimum_filter(clean, 3)
    noisy = np.where(
        edge & (rng.random(clean.shape) < 0.25),
        rng.permutation(clean[edge])[rng.integers(edge.sum(), size=clean.shape)],
        clean,
    )
    smooth = edit("smooth", map_of(noisy, geometry), radius_mm=3.0)
    for name in ("bone", "lesion"):
        assert smooth.volumes_mm3()[name] == pytest.approx(map_of(noisy, geometry).volumes_mm3()[name], rel=0.002)
    assert (smooth.labels != clean).sum() < 0.35 * (noisy != clean).sum()
    middle = np.linalg.norm(at, axis=-1) < 10
    assert (smooth.labels[middle] > 0).all(), "no gap between neighbours"


def test_edits_give_the_same_bytes_at_any_thread_count_and_leave_their_input():
    labels = map_of(blobs(2), GRIDS["tilted"])
    before = labels.labels.copy()
    most = numba.config.NUMBA_NUM_THREADS
    for name, settings in (("smooth", {"radius_mm": 3.0}), ("grow", {"distance_mm": 2.5}), ("fill", {})):
        results = []
        for threads in (1, min(2, most)):
            numba.set_num_threads(threads)
            results.append(edit(name, labels, **settings).labels.tobytes())
        numba.set_num_threads(most)
        assert results[0] == results[1]
    np.testing.assert_array_equal(labels.labels, before)


def test_sets():
    geometry = GRIDS["plain"]
    first, second = map_of(blobs(1), geometry), map_of(blobs(9), geometry, ("lesion", "vessel"))
    united = edit("union", first, other=second)
    assert [s.name for s in united.segments] == ["bone", "lesion", "vessel"]
    np.testing.assert_array_equal(united.mask("bone"), first.mask("bone"))
    np.testing.assert_array_equal(
        united.mask("lesion"), first.mask("lesion") | (second.mask("lesion") & (first.labels == 0))
    )
    np.testing.assert_array_equal(united.mask("vessel"), second.mask("vessel") & (first.labels == 0))
    assert united.segments[2].algorithm_name == "threshold"
    over = edit("union", first, other=second, other_wins=True)
    np.testing.assert_array_equal(over.mask("vessel"), second.mask("vessel"))
    both = edit("intersect", first, other=second, segments=["bone"], other_segments=["vessel"])
    np.testing.assert_array_equal(both.mask("bone"), first.mask("bone") & second.mask("vessel"))
    np.testing.assert_array_equal(both.mask("lesion"), first.mask("lesion"))
    less = edit("subtract", first, other=second)
    np.testing.assert_array_equal(less.labels, np.where(second.labels > 0, 0, first.labels))
    with pytest.raises(EmptyResultError, match="nothing is left"):
        edit("subtract", first, other=first)
    with pytest.raises(GeometryError, match="the other label map"):
        edit("union", first, other=map_of(blobs(1), GRIDS["tilted"]))
