"""Mesh files by VTK: STL, PLY, VTP. LPS millimetres; never anything about the patient."""

from __future__ import annotations

import errno
import os
import struct
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
    remark.SetName(REMARK)  # a name stands readable in the header, a value would be compressed
    remark.InsertNextValue("left, posterior, superior; millimetres")
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
    ending = _ending(path)
    if len(mesh.faces) == 0:
        raise EmptyResultError("the surface has no triangles, so no file is written")
    with atomic_path(path) as partial:
        write(_WRITERS[ending](mesh), partial)
        if ending in _SIZES and _SIZES[ending](partial) != partial.stat().st_size:
            # VTK's PLY writer does not notice a full disk.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_mesh(path: str | Path) -> Mesh:
    """Read a mesh in LPS millimetres, of the kinds that :func:`write_mesh` writes.

    Normals are computed from the triangles; corners of an STL at the same place become one vertex.

    Raises
    ------
    UsageError
        If the ending is not one of those that can be read.
    FileFormatError
        If the file is absent, truncated or holds no surface of triangles.
    """
    path, ending = Path(path), _ending(path)
    if not path.is_file():
        raise FileFormatError(f"no file {path}")
    if ending in _SIZES and _SIZES[ending](path) != path.stat().st_size:
        raise FileFormatError(f"{path} is not a whole binary {ending} file of triangles; write it again")
    reader = _READERS[ending]()
    reader.SetFileName(str(path))
    try:
        return to_mesh(update(reader, f"reading {path}"))
    except InputError as error:
        raise FileFormatError(f"{error}: it is not a whole {ending} file of triangles; write it again") from error


def _stl_size(path: Path) -> int:
    """Size that the header promises: 80 bytes, the number of triangles, 50 bytes for each."""
    with path.open("rb") as file:
        start = file.read(84)
    return 84 + 50 * struct.unpack_from("<I", start, 80)[0] if len(start) == 84 else -1


def _ply_size(path: Path) -> int:
    """Size that the header promises for float vertex properties and triangles of int corners.

    VTK's reader trusts the header and runs beyond the end of a truncated file.
    """
    with path.open("rb") as file:
        header, end, _ = file.read(4096).partition(b"end_header\n")
    lines = [line.split() for line in header.decode("ascii", "replace").splitlines()]
    counts = {line[1]: int(line[2]) for line in lines if line[:1] == ["element"] and line[2:3] and line[2].isdigit()}
    if not end or ["format", "binary_little_endian", "1.0"] not in lines or set(counts) != {"vertex", "face"}:
        return -1
    floats = sum(line[:2] == ["property", "float"] for line in lines)
    return len(header) + len(end) + counts["vertex"] * 4 * floats + counts["face"] * 13


_SIZES: dict[str, Callable[[Path], int]] = {".stl": _stl_size, ".ply": _ply_size}


def _ending(path: str | Path) -> str:
    ending = Path(path).suffix.lower()
    if ending not in _WRITERS:
        found = f"found {ending!r}" if ending else "found none"
        raise UsageError(f"a mesh file ends in {', '.join(MESH_ENDINGS)}; {found}")
    return ending
