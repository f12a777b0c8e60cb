"""Mesh files by VTK: STL, PLY, VTP. LPS millimetres; never anything about the patient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vtkmodules.vtkCommonCore import vtkStringArray
from vtkmodules.vtkIOGeometry import vtkSTLReader, vtkSTLWriter
from vtkmodules.vtkIOPLY import vtkPLYReader, vtkPLYWriter
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader, vtkXMLPolyDataWriter

from prosector.atomic import atomic_path
from prosector.errors import EmptyResultError, FileFormatError, InputError, UsageError
from prosector.model.mesh import Mesh
from prosector.surface.polydata import to_mesh, to_polydata, update, write

REMARK = "Prosector surface, LPS mm"
"""Which coordinates these are: patient left, posterior and superior, in millimetres."""


def _stl_writer(mesh: Mesh) -> Any:
    writer = vtkSTLWriter()
    writer.SetFileTypeToBinary()
    writer.SetHeader(REMARK)
    writer.SetInputData(to_polydata(mesh))
    return writer


def _ply_writer(mesh: Mesh) -> Any:
    writer = vtkPLYWriter()
    writer.SetFileTypeToBinary()
    writer.SetDataByteOrderToLittleEndian()
    writer.AddComment(REMARK)
    writer.SetInputData(to_polydata(mesh, with_normals=True))
    return writer


def _vtp_writer(mesh: Mesh) -> Any:
    writer = vtkXMLPolyDataWriter()
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetByteOrderToLittleEndian()
    polydata = to_polydata(mesh, with_normals=True)
    remark = vtkStringArray()
    remark.SetName("Remark")
    remark.InsertNextValue(REMARK)
    polydata.GetFieldData().AddArray(remark)
    writer.SetInputData(polydata)
    return writer


_WRITERS: dict[str, Callable[[Mesh], Any]] = {".stl": _stl_writer, ".ply": _ply_writer, ".vtp": _vtp_writer}
_READERS: dict[str, Callable[[], Any]] = {".stl": vtkSTLReader, ".ply": vtkPLYReader, ".vtp": vtkXMLPolyDataReader}

MESH_ENDINGS = tuple(_WRITERS)
"""File endings that can be written and read."""


def write_mesh(path: str | Path, mesh: Mesh) -> None:
    """Write a mesh in the format of the file's ending, whole or not at all.

    Parameters
    ----------
    path : str or Path
        ``.stl`` (binary, without normals of vertices), ``.ply`` (binary) or ``.vtp``.
    mesh : Mesh

    Raises
    ------
    UsageError
        If the ending is another.
    EmptyResultError
        If the mesh has no triangles.
    OutputError
        If the file cannot be written.
    """
    writer_of = _WRITERS[_ending(path)]
    if len(mesh.faces) == 0:
        raise EmptyResultError("the surface has no triangles, so no file is written")
    with atomic_path(path) as partial:
        write(writer_of(mesh), partial)


def read_mesh(path: str | Path) -> Mesh:
    """Read a mesh in LPS millimetres; normals are computed from its triangles.

    Raises
    ------
    UsageError
        If the ending is not one of those that can be read.
    FileFormatError
        If the file is absent or holds no surface of triangles.
    """
    reader = _READERS[_ending(path)]()
    if not Path(path).is_file():
        raise FileFormatError(f"no file {path}")
    reader.SetFileName(str(path))
    try:
        mesh = to_mesh(update(reader, f"reading {path}"))
    except InputError as error:
        raise FileFormatError(str(error)) from error
    if len(mesh.faces) == 0:
        raise FileFormatError(f"{path} holds no triangles")
    return mesh


def _ending(path: str | Path) -> str:
    ending = Path(path).suffix.lower()
    if ending not in _WRITERS:
        found = f"found {ending!r}" if ending else "found none"
        raise UsageError(f"a mesh file ends in {', '.join(MESH_ENDINGS)}; {found}")
    return ending
