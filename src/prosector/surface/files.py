"""Mesh files: STL, PLY, OBJ, VTP, glTF. Millimetres, LPS or RAS; never anything about the patient."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkStringArray
from vtkmodules.vtkIOGeometry import vtkSTLReader, vtkSTLWriter
from vtkmodules.vtkIOPLY import vtkPLYReader, vtkPLYWriter
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader, vtkXMLPolyDataWriter

from prosector.atomic import atomic_path
from prosector.errors import EmptyResultError, FileFormatError, InputError, UnknownNameError, UsageError
from prosector.model.mesh import Mesh
from prosector.surface.glb import read_glb, write_glb
from prosector.surface.obj import obj_reader, write_obj
from prosector.surface.polydata import build_mesh, to_mesh, to_polydata, update, write
from prosector.surface.value_colors import value_colors

SPACES = ("LPS", "RAS")
"""Which way x, y and z grow: to the patient's left, posterior, superior as in DICOM, or right, anterior, superior."""


def _write_stl(path: Path, mesh: Mesh, remark: str) -> None:
    writer = vtkSTLWriter()
    writer.SetFileTypeToBinary()
    writer.SetHeader(remark)
    writer.SetInputData(to_polydata(mesh))
    write(writer, path)


def _write_ply(path: Path, mesh: Mesh, remark: str) -> None:
    writer = vtkPLYWriter()
    writer.SetFileTypeToBinary()
    writer.SetDataByteOrderToLittleEndian()
    writer.AddComment(remark)
    polydata = to_polydata(mesh, with_normals=True)
    if mesh.values is not None:
        writer.AddComment(f"colours: {_value_words(mesh)}")
        colors = numpy_to_vtk(value_colors(mesh), deep=True)
        colors.SetName("colors")
        polydata.GetPointData().AddArray(colors)
        writer.SetArrayName("colors")
    writer.SetInputData(polydata)
    write(writer, path)


def _write_vtp(path: Path, mesh: Mesh, remark: str) -> None:
    writer = vtkXMLPolyDataWriter()
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetByteOrderToLittleEndian()
    polydata = to_polydata(mesh, with_normals=True)
    array = vtkStringArray()
    array.SetName(remark)  # a name stands readable in the header, a value would be compressed
    array.InsertNextValue("millimetres")
    polydata.GetFieldData().AddArray(array)
    if mesh.values is not None:
        values = numpy_to_vtk(mesh.values, deep=True)
        values.SetName(f"{mesh.quantity} ({mesh.unit})")
        polydata.GetPointData().SetScalars(values)
    writer.SetInputData(polydata)
    write(writer, path)


def _value_words(mesh: Mesh) -> str:
    assert mesh.values is not None
    low, high = mesh.value_range or (float(mesh.values.min()), float(mesh.values.max()))
    return f"{mesh.quantity} from {low:g} to {high:g} {mesh.unit}"


def _write_glb(path: Path, mesh: Mesh, remark: str) -> None:
    write_glb(path, mesh, remark, next(space for space in SPACES if space in remark))


_WRITERS: dict[str, Callable[[Path, Mesh, str], None]] = {
    ".stl": _write_stl,
    ".ply": _write_ply,
    ".obj": write_obj,
    ".vtp": _write_vtp,
    ".glb": _write_glb,
}

MESH_ENDINGS = tuple(_WRITERS)
"""File endings that can be written and read."""


def write_mesh(path: str | Path, mesh: Mesh, *, space: str = "LPS") -> None:
    """Write a mesh in the format of the file's ending, whole or not at all.

    Parameters
    ----------
    path : str or Path
        ``.stl`` (binary, without normals of vertices), ``.ply`` (binary), ``.obj``, ``.vtp`` or ``.glb``
        (binary glTF).
    mesh : Mesh
        Its values, where it has some, go into VTP as they are, and into PLY and glTF as colours.
    space : str
        ``LPS``, or ``RAS`` as neuroimaging has it. Millimetres both; a comment in the file says which.

    Raises
    ------
    UsageError
        If the ending is another.
    UnknownNameError
        If the space is another.
    EmptyResultError
        If the mesh has no triangles.
    OutputError
        If the file cannot be written.
    """
    ending = _ending(path)
    mesh = _turned(mesh, space)
    if len(mesh.faces) == 0:
        raise EmptyResultError("the surface has no triangles, so no file is written")
    with atomic_path(path) as partial:
        _WRITERS[ending](partial, mesh, f"Prosector surface, {space} mm")
        if ending in _SIZES and _SIZES[ending](partial) != partial.stat().st_size:
            # VTK's PLY writer does not notice a full disk.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_mesh(path: str | Path, *, space: str = "LPS") -> Mesh:
    """Read a mesh in millimetres, of the kinds that :func:`write_mesh` writes.

    Normals are computed from the triangles; corners of an STL at the same place become one vertex.

    Parameters
    ----------
    path : str or Path
    space : str
        ``LPS`` or ``RAS``: what the file is in. The mesh is in LPS.

    Raises
    ------
    UsageError
        If the ending is not one of those that can be read.
    UnknownNameError
        If the space is another.
    FileFormatError
        If the file is absent, truncated or holds no surface of triangles.
    """
    path, ending = Path(path), _ending(path)
    if not path.is_file():
        raise FileFormatError(f"no file {path}")
    if ending in _SIZES and _SIZES[ending](path) != path.stat().st_size:
        raise FileFormatError(f"{path} is not a whole binary {ending} file of triangles; write it again")
    try:
        mesh = build_mesh(*read_glb(path)) if ending == ".glb" else _read_by_vtk(path, ending)
    except InputError as error:
        raise FileFormatError(
            f"{path}: {error}; it is not a whole {ending} file of triangles, write it again"
        ) from error
    return _turned(mesh, space)


def _read_by_vtk(path: Path, ending: str) -> Mesh:
    reader = obj_reader(path) if ending == ".obj" else _READERS[ending]()
    reader.SetFileName(str(path))
    return to_mesh(update(reader, "reading"))


_READERS: dict[str, Callable[[], Any]] = {".stl": vtkSTLReader, ".ply": vtkPLYReader, ".vtp": vtkXMLPolyDataReader}


def _turned(mesh: Mesh, space: str) -> Mesh:
    """Between LPS and another space: half a turn about the long axis, which leaves the winding as it is."""
    if space not in SPACES:
        raise UnknownNameError("space", space, SPACES)
    if space == "LPS":
        return mesh
    turn = np.array([-1, -1, 1], dtype=np.float32)
    return replace(mesh, vertices_lps=mesh.vertices_lps * turn, normals_lps=mesh.normals_lps * turn)


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
    colors = sum(line[:2] == ["property", "uchar"] for line in lines)
    return len(header) + len(end) + counts["vertex"] * (4 * floats + colors) + counts["face"] * 13


_SIZES: dict[str, Callable[[Path], int]] = {".stl": _stl_size, ".ply": _ply_size}


def _ending(path: str | Path) -> str:
    ending = Path(path).suffix.lower()
    if ending not in _WRITERS:
        found = f"found {ending!r}" if ending else "found none"
        raise UsageError(f"a mesh file ends in {', '.join(MESH_ENDINGS)}; {found}")
    return ending
