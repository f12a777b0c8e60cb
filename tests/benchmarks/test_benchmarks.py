"""The benchmarks' own parts: they are asv-shaped, count fairly and tell what they found."""

from __future__ import annotations

import inspect
import time
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import (
    bone,
    centerlines,
    cine,
    frames,
    loading,
    machine,
    meshes,
    outcome,
    pictures,
    scenes,
    vesselness,
    vtk_peers,
)
from benchmarks.ours import OURS
from benchmarks.timing import alternate, medians

CLASSES = [
    frames.Mip,
    frames.VolumeRendering,
    frames.Surface,
    meshes.Mesh,
    cine.Cine,
    loading.Load,
    bone.Bone,
    vesselness.Vesselness,
    centerlines.Centerlines,
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_classes_are_as_asv_expects(kind: type) -> None:
    assert len(kind.params) == len(kind.param_names)
    for name in ("setup", *(n for n in dir(kind) if n.startswith(("time_", "peakmem_")))):
        taken = list(inspect.signature(getattr(kind, name)).parameters.values())[1:]
        assert any(p.kind is p.VAR_POSITIONAL for p in taken) or len(taken) == len(kind.params), name
    assert hasattr(kind, "time_prosector")


def test_asv_classes_run() -> None:
    for kind, params in ((frames.Mip, ("tiny", 32, "left")), (meshes.Mesh, ("tiny",))):
        bench = kind()
        bench.setup(*params)
        bench.time_prosector(*params)
        bench.peakmem_prosector(*params)


def test_bone_aims_name_rows_that_are_measured() -> None:
    cases = {(case, peer) for _, case, _, peer, _ in outcome.AIMS}
    assert {("bone", bone.SITK), ("vesselness", vesselness.ITK), ("vesselness", vesselness.SKIMAGE)} <= cases
    runs = bone.runs(scenes.scene("tiny").volume)
    assert runs[bone.STEPS]().sum() == pytest.approx(runs[bone.SITK]().sum(), rel=0.1)


def test_turns_are_taken() -> None:
    order: list[str] = []
    found = alternate({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 4
    assert [len(v) for v in found.values()] == [3, 3]


def test_the_slow_wait_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.timing.SLOW", ((0.01, 1),))
    found = alternate({"fast": lambda: None, "slow": lambda: time.sleep(0.02)}, 4)
    assert [len(v) for v in found.values()] == [4, 1]
    assert medians(found)["slow"] >= 0.02


def test_aims_are_ratios_of_medians() -> None:
    peer = vtk_peers.FIXED_POINT
    rows = [
        {"case": "mip, steady", "size": 512, "medians": {OURS: 0.1, peer: 0.4}},
        {"case": "mip, steady", "size": 512, "medians": {OURS: 0.1, peer: 0.1}},
        {"case": "mip, steady", "size": 256, "medians": {OURS: 0.1, peer: 9.0}},
        {"case": "mesh", "size": None, "medians": {OURS: 0.2, meshes.SKIMAGE: 3.0}},
    ]
    found = {(a["what"], a["against"]): (a["ratio"], a["worst"]) for a in outcome.aims(rows)}
    assert found == {
        ("MIP `still`", peer): (pytest.approx(2.0), pytest.approx(1.0)),
        ("mesh with normals", meshes.SKIMAGE): (pytest.approx(15.0), pytest.approx(15.0)),
    }


def test_pictures_are_compared() -> None:
    random = np.random.default_rng(1)
    picture = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert pictures.compare(picture, picture) == {"mean_difference_levels": 0.0, "ssim": 1.0}
    other = pictures.compare(picture, 255 - picture)
    assert other["mean_difference_levels"] > 50
    assert other["ssim"] < 0.1


def test_the_plot_is_a_picture() -> None:
    row = {"case": "mesh <1>", "size": None, "view": "", "medians": {OURS: 0.1, "other & more": 0.4}}
    drawn = ElementTree.fromstring(outcome.plot([row]))
    assert sum(1 for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")) == 3


def test_the_machine_is_described_without_its_name() -> None:
    described = machine.describe()
    told = {"processor", "cores", "threads", "memory_gb", "load", "system", "python", "versions"}
    assert set(described) == told
    assert described["cores"] >= 1
    assert set(described["versions"]) <= set(machine.PACKAGES)
    assert {"numpy", "numba", "vtk"} <= set(described["versions"])


def test_the_same_scene_for_all() -> None:
    found = scenes.scene("tiny")
    assert found.volume.geometry.shape == scenes.TINY_SHAPE
    assert found.step_mm == 1.5
    assert found.fresh().volume is not found.volume
    assert found.fresh().volume.voxels is found.volume.voxels
    counts = {name: run() for name, run in meshes.runs(found).items()}
    vertices, _triangles = counts[OURS]
    assert all(abs(v - vertices) < 0.01 * vertices for v, _ in counts.values()), counts
    assert np.ptp(scenes.scene("tiny").volume.voxels) > 1500
