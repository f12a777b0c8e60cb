"""``prosector bench``: everything runs on something tiny, so that the benchmarks never rot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import vtk_peers
from benchmarks.ours import OURS
from prosector.cli import bench, main


def test_quick_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["bench", "--quick", "--rounds", "1", "--out", str(tmp_path / "out")])
    assert "benchmarks.md" in capfd.readouterr().out
    found = json.loads((tmp_path / "out" / "benchmarks.json").read_text())
    cases = {row["case"] for row in found["results"]}
    assert cases == {"mesh", "cine"} | {
        f"{m}, {w}" for m in ("mip", "volume", "surface") for w in ("steady", "first frame")
    }
    for row in found["results"]:
        assert row["medians"][OURS] > 0
        for picture in row.get("pictures", {}).values():
            assert (tmp_path / "out" / picture).stat().st_size > 200
        for who, like in row.get("compared", {}).items():
            # an interactive frame is coarse by design; its error is held elsewhere
            assert like.get("ssim", 1) > (0.6 if "interactive" in who else 0.8), (row["case"], who)
    rendered = {who for row in found["results"] for who in row["medians"]}
    assert (vtk_peers.FIXED_POINT in rendered) == vtk_peers.can_render()
    text = (tmp_path / "out" / "benchmarks.md").read_text()
    assert "| mesh with normals | vtkFlyingEdges3D |" in text
    assert (tmp_path / "out" / "benchmarks.svg").read_text().startswith("<svg")


def test_without_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "PACKAGE", tmp_path / "lib" / "prosector")
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--quick", "--out", str(tmp_path / "out")])
    assert stop.value.code == 4
    assert "source checkout" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_data_set_is_wrong_usage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--quick", "--dataset", "nothing", "--out", str(tmp_path / "out")])
    assert stop.value.code == 2
    said = capfd.readouterr().err
    assert "chest_cta" in said
    assert "Traceback" not in said
