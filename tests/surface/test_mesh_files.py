"""Mesh files: round trip, repeatable bytes, nothing half written, nothing on the terminal."""

from __future__ import annotations

import resource
import struct
from pathlib import Path

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOGeometry import vtkGLTFReader

from prosector.errors import EmptyResultError, FileFormatError, OutputError, UnknownNameError, UsageError
from prosector.model.geometry import Geometry
from prosector.model.mesh import Mesh
from prosector.model.volume import Volume
from prosector.surface.extract import extract_mesh
from prosector.surface.files import MESH_ENDINGS, read_mesh, write_mesh


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    k, j, i = np.meshgrid(*[np.arange(16) - 7.4] * 3, indexing="ij")
    voxels = (6 - np.sqrt(k**2 + j**2 + i**2)).astype(np.float32)
    affine = np.diag([2.0, 0.8, -0.8, 1])
    affine[:3, 3] = -120, 40, 310
    return extract_mesh(Volume(voxels, Geometry(voxels.shape, affine)), 0.0)


@pytest.mark.parametrize("ending", MESH_ENDINGS)
def test_round_trip(mesh: Mesh, tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a folder" / f"bone{ending}"
    write_mesh(path, mesh)
    back = read_mesh(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    corners, expected = back.vertices_lps[back.faces], mesh.vertices_lps[mesh.faces]
    assert np.array_equal(corners, expected)
    assert len(back.vertices_lps) == len(mesh.vertices_lps)
    assert back.volume_mm3 == pytest.approx(mesh.volume_mm3, rel=1e-9)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ending", MESH_ENDINGS)
def test_bytes_are_repeatable_and_say_which_coordinates(mesh: Mesh, tmp_path: Path, ending: str) -> None:
    one, two = tmp_path / f"one{ending}", tmp_path / f"two{ending}"
    write_mesh(one, mesh)
    write_mesh(two, mesh)
    assert one.read_bytes() == two.read_bytes()
    assert b"Prosector surface, LPS mm" in one.read_bytes()


def test_stl_is_binary_by_the_book(mesh: Mesh, tmp_path: Path) -> None:
    path = tmp_path / "bone.STL"
    write_mesh(path, mesh)
    data = path.read_bytes()
    assert not data.startswith(b"solid")
    assert struct.unpack_from("<I", data, 80)[0] == len(mesh.faces)
    assert len(data) == 84 + 50 * len(mesh.faces)
    first = np.frombuffer(data, "<f4", 9, 84 + 12).reshape(3, 3)
    assert np.array_equal(first, mesh.vertices_lps[mesh.faces[0]])


def test_ply_and_vtp_hold_the_normals(mesh: Mesh, tmp_path: Path) -> None:
    write_mesh(tmp_path / "bone.ply", mesh)
    header, _, body = (tmp_path / "bone.ply").read_bytes().partition(b"end_header\n")
    assert b"property float nx" in header
    values = np.frombuffer(body, "<f4", 6 * len(mesh.vertices_lps)).reshape(-1, 6)
    assert np.array_equal(values, np.hstack([mesh.vertices_lps, mesh.normals_lps]))
    write_mesh(tmp_path / "bone.vtp", mesh)
    assert b'Normals="Normals"' in (tmp_path / "bone.vtp").read_bytes()


def test_other_endings(mesh: Mesh, tmp_path: Path) -> None:
    for name in ("bone.xyz", "bone"):
        with pytest.raises(UsageError, match=r"\.stl, \.ply, \.obj, \.vtp, \.glb; found"):
            write_mesh(tmp_path / name, mesh)
        with pytest.raises(UsageError, match=r"\.stl, \.ply, \.obj, \.vtp, \.glb; found"):
            read_mesh(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(mesh: Mesh, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write"):
        write_mesh(tmp_path / "file" / "bone.stl", mesh)
    (tmp_path / "bone.stl").mkdir()
    with pytest.raises(OutputError, match="a folder of that name"):
        write_mesh(tmp_path / "bone.stl", mesh)
    empty = Mesh(np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 3)))
    with pytest.raises(EmptyResultError, match="no file is written"):
        write_mesh(tmp_path / "empty.stl", empty)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bone.stl", "file"]


@pytest.mark.parametrize("ending", MESH_ENDINGS)
def test_no_room_for_the_whole_file(mesh: Mesh, tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            write_mesh(tmp_path / f"bone{ending}", mesh)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ending", MESH_ENDINGS)
@pytest.mark.parametrize("keep", [0, 30, 500, 3000])
def test_truncated_files(mesh: Mesh, tmp_path: Path, ending: str, keep: int, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"bone{ending}"
    write_mesh(path, mesh)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FileFormatError, match="not a whole"):
        read_mesh(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ending", MESH_ENDINGS)
def test_files_of_something_else(tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"letter{ending}"
    with pytest.raises(FileFormatError, match="no file"):
        read_mesh(path)
    path.write_text("Dear colleague,\nplease find enclosed the requested pictures.\n" * 20)
    with pytest.raises(FileFormatError, match="not a whole"):
        read_mesh(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ending", MESH_ENDINGS)
def test_ras_is_said_and_stays_outward(mesh: Mesh, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"bone{ending}"
    write_mesh(path, mesh, space="RAS")
    assert b"Prosector surface, RAS mm" in path.read_bytes()
    assert b"LPS" not in path.read_bytes()
    as_written = read_mesh(path)
    assert np.array_equal(np.sort(as_written.vertices_lps[:, 0]), np.sort(-mesh.vertices_lps[:, 0]))
    assert as_written.volume_mm3 == pytest.approx(mesh.volume_mm3, rel=1e-6)
    back = read_mesh(path, space="RAS")
    assert np.array_equal(back.vertices_lps[back.faces], mesh.vertices_lps[mesh.faces])
    with pytest.raises(UnknownNameError, match="unknown space 'RAI'; choose one of: LPS, RAS"):
        write_mesh(path, mesh, space="RAI")
    with pytest.raises(UnknownNameError, match="unknown space"):
        read_mesh(path, space="lps")


@pytest.mark.parametrize("space", ["LPS", "RAS"])
def test_gltf_stands_upright_in_metres_for_another_reader(mesh: Mesh, tmp_path: Path, space: str) -> None:
    path = tmp_path / "bone.glb"
    write_mesh(path, mesh, space=space)
    data = path.read_bytes()
    assert data[:4] == b"glTF"
    assert struct.unpack_from("<I", data, 8)[0] == len(data)
    assert len(data) % 4 == 0
    reader = vtkGLTFReader()
    reader.SetFileName(str(path))
    reader.ApplyDeformationsToGeometryOn()
    reader.Update()
    block = reader.GetOutput()
    while not block.IsA("vtkPolyData"):
        block = block.GetBlock(0)
    points = vtk_to_numpy(block.GetPoints().GetData())
    left, posterior, superior = mesh.vertices_lps.T
    assert np.allclose(points, np.stack([left, superior, -posterior], axis=1) / 1000, atol=1e-6)
    assert block.GetNumberOfPolys() == len(mesh.faces)
