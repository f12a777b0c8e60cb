"""Fragments: a cracked shaft with cortex and marrow, gaps of known width, bridges and tilted grids."""

from __future__ import annotations

import numpy as np
import pytest
from analytic import dice, grid, points
from scipy import ndimage

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume
from prosector.pipeline.run import run_operation
from prosector.segmentation.fragments import segment_fragments

STRAIGHT = np.eye(3)[::-1] * 0.8
TILTED = np.array([[0, 0, 0.8], [0.4, 0.8, 0], [1.5, 0, 0]])
GRIDS = pytest.mark.parametrize(
    "matrix", [STRAIGHT, TILTED, TILTED * [1, 1, -1]], ids=["straight", "tilted", "mirrored"]
)


def shaft(matrix: Array, gap: float, bridge: float = 0.0, marrow: float = 250.0) -> tuple[Volume, LabelMap, Array]:
    """A shaft along x of 24 mm, cortex of 3 mm, broken obliquely; returns also 1 and 2 for the true fragments.

    ``bridge`` is the half width of a strip in which bone goes on across the gap.
    """
    geometry = grid(matrix, (40, 46, 100) if matrix is not STRAIGHT else (46, 46, 100))
    x, y, z = points(geometry)
    axis = np.hypot(y, z)
    outside = (axis > 12) | (np.abs(x) > 38)
    along = (x - 5 + 0.3 * y) / np.hypot(1, 0.3)
    crack = (np.abs(along) < gap / 2) & ~(np.abs(z) < bridge)
    values = np.where(axis > 9, 1200.0, marrow)
    values[outside | crack] = 40
    values = ndimage.gaussian_filter(values, [0.6 / s for s in geometry.spacing_mm])
    values += np.random.default_rng(4).normal(0, 20, geometry.shape)
    bone = LabelMap((~outside).astype(np.uint8), geometry, (Segment(1, "bone", structure("bone"), "AUTOMATIC", "t"),))
    true = np.where(outside | (np.abs(along) < gap / 2), 0, np.where(along < 0, 1, 2))
    return Volume(np.rint(values).astype(np.int16), geometry, HOUNSFIELD), bone, true


@GRIDS
@pytest.mark.parametrize("gap", [0.8, 1.6, 2.8])
def test_a_broken_shaft_comes_apart(matrix: Array, gap: float) -> None:
    volume, bone, true = shaft(matrix, gap)
    found = segment_fragments(volume, bone)
    assert [s.name for s in found.segments] == ["fragment 1", "fragment 2"]
    assert dice(found.mask("fragment 1"), true == 1) > 0.985
    assert dice(found.mask("fragment 2"), true == 2) > 0.985
    # what stays dark between the fragments is no bone
    assert found.mask().sum() <= 1.03 * (true > 0).sum()


def test_a_bridge_is_cut_and_an_unbroken_shaft_stays_whole() -> None:
    volume, bone, true = shaft(STRAIGHT, 1.6, bridge=1.0)
    found = segment_fragments(volume, bone)
    assert len(found.segments) == 2
    assert dice(found.mask("fragment 1"), true == 1) > 0.98
    whole, bone, _ = shaft(STRAIGHT, 0.0)
    assert len(segment_fragments(whole, bone).segments) == 1
    hollow, bone, _ = shaft(STRAIGHT, 0.0, marrow=-40.0)
    assert len(segment_fragments(hollow, bone).segments) == 1


def test_bone_is_found_where_it_is_not_given() -> None:
    volume, _, true = shaft(STRAIGHT, 1.6)
    found = run_operation("segment-fragments", {"volume": volume})
    assert isinstance(found, LabelMap)
    assert dice(found.mask("fragment 1"), true == 1) > 0.93
    assert dice(found.mask("fragment 2"), true == 2) > 0.93


def test_small_pieces_are_left_out_and_what_is_wrong_is_said() -> None:
    volume, bone, _ = shaft(STRAIGHT, 1.6)
    with pytest.raises(EmptyResultError, match="minimum volume"):
        segment_fragments(volume, bone, minimum_volume_mm3=1e6)
    with pytest.raises(EmptyResultError, match="no bone"):
        segment_fragments(volume, LabelMap(np.zeros_like(bone.labels), bone.geometry, bone.segments))
    with pytest.raises(ParameterError, match="gap and contrast"):
        segment_fragments(volume, bone, gap_mm=0)
    with pytest.raises(InputError, match="Hounsfield"):
        segment_fragments(Volume(volume.voxels, volume.geometry), bone)
