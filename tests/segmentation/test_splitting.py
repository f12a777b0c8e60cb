"""Touching structures taken apart, and segments joined, renamed, chosen and put in order."""

from __future__ import annotations

import numpy as np
import pytest
from analytic import ball, box, dice, grid, truth
from scipy import ndimage

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.pipeline.run import run_operation
from prosector.segmentation.merging import keep_segments, merge_segments, order_segments, rename_segment
from prosector.segmentation.splitting import split_seeds, split_watershed

STRAIGHT = np.eye(3)[::-1] * 0.8
TILTED = np.array([[0, 0, 0.8], [0.5, 0.8, 0], [1.5, 0, 0]])
GRIDS = pytest.mark.parametrize(
    "matrix", [STRAIGHT, TILTED, TILTED * [1, -1, 1]], ids=["straight", "tilted", "mirrored"]
)


def labelled(mask: Array, geometry: Geometry, name: str = "bone") -> LabelMap:
    return LabelMap(mask.astype(np.uint8), geometry, (Segment(1, name, structure("bone"), "AUTOMATIC", "test"),))


@GRIDS
def test_touching_balls_part_at_their_neck(matrix: Array) -> None:
    """The neck is the plane of the two spheres' common circle."""
    geometry = grid(matrix, (44, 50, 90))
    both = truth(geometry, ball(-12, 0, 0, 14, 14, 14), ball(13, 0, 0, 13, 13, 13))
    plane = (25**2 + 14**2 - 13**2) / (2 * 25) - 12
    left, right = (
        both & truth(geometry, box((-99, plane), (-99, 99))),
        both & truth(geometry, box((plane, 99), (-99, 99))),
    )
    split = split_watershed(labelled(both, geometry))
    assert [s.name for s in split.segments] == ["bone 1", "bone 2"]
    assert dice(split.mask("bone 1"), left) > 0.99
    assert dice(split.mask("bone 2"), right) > 0.99
    assert np.array_equal(split.mask(), both)
    # the neck is shallower than the smaller ball by 13 − 5.1 mm: a greater height does not part them
    whole = split_watershed(labelled(both, geometry), height_mm=9.0)
    assert [s.name for s in whole.segments] == ["bone 1"]
    seeded = split_seeds(labelled(both, geometry), [[14, 0, 0], [-14, 0, 0]])
    assert dice(seeded.mask("bone 1"), right) > 0.99
    assert seeded.segments[0].algorithm_type == "SEMIAUTOMATIC"


def ball_in_socket(matrix: Array, gap: float) -> tuple[Volume, Array, Array]:
    """A femoral head in a socket of the same density, ``gap`` mm of cartilage between, blurred and noisy."""
    geometry = grid(matrix, (48, 66, 66))
    head = truth(geometry, ball(0, 0, 0, 12, 12, 12))
    r = 12 + gap
    cup = truth(geometry, ball(0, 0, 0, r + 7, r + 7, r + 7)) & ~truth(geometry, ball(0, 0, 0, r, r, r))
    cup &= truth(geometry, box((-99, 99), (-99, 99), (2, 99)))
    values = np.where(head | cup, 400.0, 60.0)
    values = ndimage.gaussian_filter(values, [0.55 / s for s in geometry.spacing_mm])
    values += np.random.default_rng(2).normal(0, 20, geometry.shape)
    return Volume(np.rint(values).astype(np.int16), geometry, HOUNSFIELD), head, cup


@GRIDS
@pytest.mark.parametrize("method", ["watershed", "random-walk"])
def test_a_head_is_parted_from_its_socket_by_seeds(matrix: Array, method: str) -> None:
    volume, head, cup = ball_in_socket(matrix, 1.6)
    # what a threshold and the closing of marrow make of it: the gap is bone too
    closed = ndimage.binary_closing(volume.voxels > 200, np.ones((3, 3, 3)), iterations=2) | head | cup
    parts = run_operation(
        "split-seeds",
        {"labels": labelled(closed, volume.geometry), "volume": volume},
        seeds_lps=[0, 0, 0, 0, 0, 17.5],
        method=method,
    )
    assert isinstance(parts, LabelMap)
    inside = head | cup
    assert dice(parts.mask("bone 1") & inside, head) > 0.97
    assert dice(parts.mask("bone 2") & inside, cup) > 0.95


def test_a_piece_without_a_seed_keeps_its_name_and_other_segments_stay() -> None:
    geometry = grid(STRAIGHT, (30, 30, 80))
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    labels[truth(geometry, ball(-12, 0, 0, 8, 8, 8), ball(0, 0, 0, 8, 8, 8))] = 1
    labels[truth(geometry, ball(18, 0, 0, 5, 5, 5))] = 1
    labels[truth(geometry, ball(27, 0, 0, 3, 3, 3))] = 2
    segments = (Segment(1, "bone", structure("bone")), Segment(2, "clip", structure("metal")))
    whole = LabelMap(labels, geometry, segments)
    split = split_seeds(whole, [-12, 0, 0, 0, 0, 0], name="bone")
    assert [(s.number, s.name) for s in split.segments] == [(1, "bone"), (2, "clip"), (3, "bone 1"), (4, "bone 2")]
    assert np.array_equal(split.mask("bone"), truth(geometry, ball(18, 0, 0, 5, 5, 5)))
    assert np.array_equal(split.mask("clip"), labels == 2)
    assert np.array_equal(split.mask("bone 1") | split.mask("bone 2") | split.mask("bone"), labels == 1)


def test_small_parts_go_to_what_they_touch() -> None:
    geometry = grid(STRAIGHT, (40, 40, 60))
    knob = truth(geometry, ball(-6, 0, 0, 11, 11, 11), ball(8, 0, 0, 5, 5, 5))
    assert len(split_watershed(labelled(knob, geometry)).segments) == 2
    assert len(split_watershed(labelled(knob, geometry), minimum_volume_mm3=1000).segments) == 1


def test_more_than_a_byte_of_parts() -> None:
    mask = np.zeros((20, 32, 32), dtype=bool)
    mask[::2, ::2, ::2] = True
    split = split_watershed(labelled(mask, grid(STRAIGHT, mask.shape)), height_mm=0.1)
    assert len(split.segments) == mask.sum() == 2560
    assert split.labels.dtype == np.uint16


def test_what_cannot_be_split_is_said() -> None:
    geometry = grid(STRAIGHT, (20, 20, 20))
    one = labelled(truth(geometry, ball(0, 0, 0, 6, 6, 6)), geometry)
    with pytest.raises(ParameterError, match="at least two seeds"):
        split_seeds(one, [0, 0, 0])
    with pytest.raises(ParameterError, match="same voxel"):
        split_seeds(one, [0, 0, 0, 0.1, 0, 0])
    with pytest.raises(EmptyResultError, match="farther than 5 mm"):
        split_seeds(one, [0, 0, 0, 14, 14, 14])
    with pytest.raises(ParameterError, match="random-walk"):
        split_seeds(one, [0, 0, 0, 3, 0, 0], method="random-walk")
    with pytest.raises(ParameterError, match="height"):
        split_watershed(one, height_mm=0)
    with pytest.raises(InputError, match="no segment 'x' here; there are: bone"):
        split_watershed(one, name="x")
    with pytest.raises(EmptyResultError, match="no voxels"):
        split_watershed(labelled(np.zeros(geometry.shape), geometry))


def three() -> LabelMap:
    labels = np.zeros((4, 5, 6), dtype=np.uint8)
    labels[0], labels[1:3], labels[3, 0] = 1, 5, 7
    kinds = ((1, "a"), (5, "b"), (7, "c"))
    return LabelMap(labels, grid(STRAIGHT, labels.shape), tuple(Segment(n, s, structure("bone")) for n, s in kinds))


def test_segments_are_joined_renamed_kept_and_ordered() -> None:
    whole = three()
    merged = merge_segments(whole, ["c", "a"], "ca")
    assert [(s.number, s.name) for s in merged.segments] == [(5, "b"), (7, "ca")]
    assert np.array_equal(merged.mask("ca"), np.isin(whole.labels, (1, 7)))
    assert rename_segment(whole, "b", "x").mask("x").sum() == 60
    kept = keep_segments(whole, ["b"])
    assert np.array_equal(kept.labels, np.where(whole.labels == 5, 5, 0))
    ordered = order_segments(whole, "part")
    assert [(s.number, s.name) for s in ordered.segments] == [(1, "part 1"), (2, "part 2"), (3, "part 3")]
    assert np.array_equal(ordered.mask("part 1"), whole.mask("b"))
    assert [s.name for s in order_segments(whole).segments] == ["b", "a", "c"]
    for operation, parameters in (
        ("merge-segments", {"names": ["c", "a"]}),
        ("rename-segment", {"name": "a", "new_name": "z"}),
        ("keep-segments", {"names": ["a"]}),
        ("order-segments", {}),
    ):
        assert isinstance(run_operation(operation, {"labels": whole}, **parameters), LabelMap)


def test_what_cannot_be_joined_or_renamed_is_said() -> None:
    with pytest.raises(ParameterError, match="at least two"):
        merge_segments(three(), ["a", "a"])
    with pytest.raises(ParameterError, match="already"):
        merge_segments(three(), ["a", "b"], "c")
    with pytest.raises(ParameterError, match="already"):
        rename_segment(three(), "a", "b")
    with pytest.raises(ParameterError, match="not empty"):
        rename_segment(three(), "a", "")
    with pytest.raises(InputError, match="no segment 'z'"):
        keep_segments(three(), ["z"])
    with pytest.raises(ParameterError, match="say which segment"):
        split_watershed(three())
