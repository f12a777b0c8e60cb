"""``prosector mesh``: formats, spaces, a file for each segment, the printability report and its exit code."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from prosector.cli import main
from prosector.surface.files import MESH_ENDINGS, read_mesh


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A CT of a block that leaves the volume, and its two halves as labels."""
    folder = tmp_path_factory.mktemp("mesh")
    hu = np.full((20, 22, 24), -1000, dtype=np.int16)
    hu[4:16, 4:16, 6:] = 500
    labels = np.zeros(hu.shape, dtype=np.uint8)
    labels[4:10, 4:16, 6:], labels[10:16, 4:16, 6:] = 1, 2
    affine = np.diag([0.8, 0.8, 1.5, 1])
    for name, array in (("ct", hu), ("labels", labels)):
        nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"{name}.nii.gz")
    return folder / "ct.nii.gz", folder / "labels.nii.gz"


@pytest.fixture
def call(capsys, files):
    """Run ``prosector mesh`` in this process: (exit code, standard output, standard error)."""

    def run(*arguments):
        try:
            main(["mesh", str(files[0]), "--modality", "CT", *(str(a) for a in arguments)])
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize("ending", MESH_ENDINGS)
def test_formats_and_spaces(call, tmp_path, ending):
    lps, ras = tmp_path / f"lps{ending}", tmp_path / f"ras{ending}"
    assert call("--level-hu", 0, "--out", lps)[0] == 0
    code, out, _ = call("--level-hu", 0, "--space", "RAS", "--out", ras)
    assert code == 0
    assert "RAS mm" in out
    assert np.allclose(read_mesh(lps).vertices_lps, read_mesh(ras, space="RAS").vertices_lps)
    assert read_mesh(ras).volume_mm3 > 0


def test_closed_or_open_and_the_check_says_which(call, tmp_path):
    code, out, _ = call("--level-hu", 0, "--check", "--out", tmp_path / "closed.stl")
    assert code == 0
    assert "printable: " in out
    assert "\nclosed\n" in out
    code, out, _ = call("--level-hu", 0, "--open", "--check", "--out", tmp_path / "open.stl")
    assert code == 1
    assert "not printable as it is" in out
    assert (tmp_path / "open.stl").stat().st_size > 1000


def test_each_segment_in_its_file(call, files, tmp_path):
    out = tmp_path / "part.ply"
    options = ("--segmentation", files[1], "--each", "--check", "--minimum-wall", 2, "--json")
    code, said, _ = call(*options, "--out", out)
    assert code == 0
    findings = json.loads(said)
    assert len(findings) == 2
    assert not out.exists()
    meshes = [read_mesh(finding["file"]) for finding in findings]
    shared = set(map(bytes, meshes[0].vertices_lps)) & set(map(bytes, meshes[1].vertices_lps))
    assert len(shared) > 100
    for finding in findings:
        assert finding["is_printable"]
        assert finding["minimum_wall_mm"] == 2
        assert finding["volume_mm3"] == pytest.approx(6 * 12 * 18 * 0.8 * 0.8 * 1.5, rel=0.01)


def test_options_that_do_not_fit_together(call, files, tmp_path):
    out = ("--out", tmp_path / "x.stl")
    assert call("--level-hu", 0, "--each", *out)[0] == 2
    assert call("--segmentation", files[1], "--open", *out)[0] == 2
    assert call("--level-hu", 0, "--space", "RAI", *out)[0] == 2
    code, _, err = call("--level-hu", 0, "--out", tmp_path / "x.xyz")
    assert code == 2
    assert ".obj" in err
    assert not list(tmp_path.iterdir())
