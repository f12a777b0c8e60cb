"""Wavefront OBJ, as text. VTK's own writer has no room for a comment that says which coordinates these are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from vtkmodules.vtkIOGeometry import vtkOBJReader

from prosector.errors import FileFormatError
from prosector.model.geometry import Array
from prosector.model.mesh import Mesh

_BLOCK = 20_000
_COUNTS = re.compile(rb"^# (\d+) vertices, (\d+) triangles$", re.MULTILINE)


def write_obj(path: Path, mesh: Mesh, remark: str) -> None:
    """Write vertices and normals with the nine digits that a float32 needs."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"# {remark}\n# {len(mesh.vertices_lps)} vertices, {len(mesh.faces)} triangles\n")
        _write_rows(file, "v %.9g %.9g %.9g\n", mesh.vertices_lps)
        _write_rows(file, "vn %.9g %.9g %.9g\n", mesh.normals_lps)
        _write_rows(file, "f %d//%d %d//%d %d//%d\n", (mesh.faces + 1).repeat(2, axis=1))


def obj_reader(path: Path) -> Any:
    """VTK's reader, once the file is known to hold as much as its head says.

    Raises
    ------
    FileFormatError
        If it does not, or its head says nothing.
    """
    data = path.read_bytes()
    found = _COUNTS.search(data[:200])
    counts = (data.count(b"\nv "), data.count(b"\nf "))
    if found is None or counts != (int(found[1]), int(found[2])) or not data.endswith(b"\n"):
        raise FileFormatError("the counts in the first lines do not fit")
    return vtkOBJReader()


def _write_rows(file: Any, form: str, values: Array) -> None:
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        file.write(form * len(block) % tuple(block.ravel().tolist()))
