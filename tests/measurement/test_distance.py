"""Distances between bodies at known places."""

from __future__ import annotations

import numpy as np
import pytest
from solids import GRIDS, ISOTROPIC, Body, centers, grid, labelled, rod, scanned, sphere

from prosector.errors import InputError
from prosector.measurement.distance import distance_map, make_pair, measure_distances

GAP = 2.3


def bodies(gap: float) -> tuple[Body, Body]:
    vessel = rod((0.2, 0.3, 1), 2.5, 40)
    away = np.cross((0.2, 0.3, 1), (1, 0, 0))
    center = away / np.linalg.norm(away) * (2.5 + gap + 4)
    return vessel, sphere(tuple(center), 4.0)


@pytest.mark.parametrize("steps", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("with_values", [True, False], ids=["values", "labels"])
def test_minimum_distance_and_its_points(steps: np.ndarray, with_values: bool) -> None:
    vessel, lesion = bodies(GAP)
    geometry = grid(steps, 30)
    at = centers(geometry)
    labels = labelled(geometry, lesion=lesion(at) < 0, vessel=vessel(at) < 0)
    volume = scanned(geometry, lambda p: np.minimum(vessel(p), lesion(p)), 250, 0, noise=5) if with_values else None
    found = measure_distances(make_pair(labels, "lesion", "vessel", volume)).find("minimum distance between surfaces")
    voxel = max(geometry.spacing_mm)
    assert found.value == pytest.approx(GAP, abs=0.3 * voxel)
    assert found.uncertainty is not None
    assert abs(found.value - GAP) < found.uncertainty
    start, end = np.array(found.where_lps)
    assert np.linalg.norm(end - start) == pytest.approx(found.value)
    assert abs(lesion(start)) < 0.5 * voxel
    assert abs(vessel(end)) < 0.5 * voxel


def test_contact_of_a_slab_on_a_slab() -> None:
    """Two boxes with 10 mm × 10 mm face to face."""
    geometry = grid(np.diag([0.5, 0.5, 0.5])[:, ::-1], 18)
    at = centers(geometry)
    column = np.abs(at[..., :2]).max(axis=-1) < 5
    labels = labelled(
        geometry,
        upper=column & (at[..., 2] > 0) & (at[..., 2] < 5),
        lower=column & (at[..., 2] < 0) & (at[..., 2] > -6),
    )
    found = measure_distances(make_pair(labels, "upper", "lower"), contact_mm=0.3)
    assert found.find("minimum distance between surfaces").value == 0
    area = found.find("contact area")
    assert area.value == pytest.approx(100, rel=0.08)
    assert found.find("contact length").value == pytest.approx(10 * 2**0.5, abs=1.5)  # corners are rounded


def test_apart_there_is_no_contact() -> None:
    vessel, lesion = bodies(GAP)
    geometry = grid(ISOTROPIC, 26)
    at = centers(geometry)
    found = measure_distances(make_pair(labelled(geometry, lesion=lesion(at) < 0, vessel=vessel(at) < 0),
                                        "lesion", "vessel"), contact_mm=1, within_mm=4)  # fmt: skip
    assert found.find("contact area").value == 0
    assert found.find("contact length").value == 0
    exact = np.count_nonzero((lesion(at) < 0) & (vessel(at) < 4)) * geometry.voxel_volume_mm3
    within = found.find("volume within a distance")
    assert within.uncertainty is not None
    assert abs(within.value - exact) <= within.uncertainty
    assert within.value == pytest.approx(exact, rel=0.1)


def test_map_of_distance() -> None:
    geometry = grid(ISOTROPIC, 24)
    at = centers(geometry)
    left, right = sphere((-5, 0, 0), 3), sphere((5, 0, 0), 4)
    mesh = distance_map(make_pair(labelled(geometry, left=left(at) < 0, right=right(at) < 0), "left", "right"))
    assert mesh.values is not None
    assert mesh.unit == "mm"
    assert mesh.quantity == "distance to right"
    assert np.abs(mesh.values - right(mesh.vertices_lps)).max() < 0.4
    assert mesh.values.min() == pytest.approx(3, abs=0.3)


def test_the_other_may_lie_on_another_grid() -> None:
    vessel, lesion = bodies(GAP)
    fine, coarse = grid(ISOTROPIC, 26), grid(GRIDS["tilted"], 28)
    found = measure_distances(
        make_pair(
            labelled(fine, lesion=lesion(centers(fine)) < 0),
            "lesion",
            "vessel",
            other_labels=labelled(coarse, vessel=vessel(centers(coarse)) < 0),
        )
    )
    assert found.find("minimum distance between surfaces").value == pytest.approx(GAP, abs=0.35)


def test_a_segment_has_no_distance_to_itself() -> None:
    geometry = grid(ISOTROPIC, 10)
    labels = labelled(geometry, ball=sphere((0, 0, 0), 3)(centers(geometry)) < 0)
    with pytest.raises(InputError, match="both are"):
        make_pair(labels, "ball", "ball")
