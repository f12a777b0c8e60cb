"""Mesh to VTK's polygonal data and back, and VTK's failures as our errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkObject, vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkCommonMisc import vtkErrorCode
from vtkmodules.vtkFiltersCore import vtkWindowedSincPolyDataFilter

from prosector.errors import FileFormatError, InputError, ParameterError
from prosector.kernels.mesh_normals import vertex_normals
from prosector.model.geometry import Array
from prosector.model.mesh import Mesh


def to_polydata(mesh: Mesh, *, with_normals: bool = False) -> Any:
    """Build a vtkPolyData that holds copies of the mesh's arrays."""
    polydata = _polydata(mesh.vertices_lps, mesh.faces)
    if with_normals:
        normals = numpy_to_vtk(mesh.normals_lps, deep=True)
        normals.SetName("Normals")
        polydata.GetPointData().SetNormals(normals)
    return polydata


def _polydata(vertices: Array, faces: Array) -> Any:
    points = vtkPoints()
    points.SetData(numpy_to_vtk(vertices, deep=True))
    cells = vtkCellArray()
    cells.SetData(3, numpy_to_vtk(faces.ravel(), deep=True))
    polydata = vtkPolyData()
    polydata.SetPoints(points)
    polydata.SetPolys(cells)
    return polydata


def to_mesh(polydata: Any) -> Mesh:
    """Build a Mesh with normals from the faces; points that no triangle uses are left out.

    Raises
    ------
    FileFormatError
        If there are polygons with more than three corners.
    """
    polys = polydata.GetPolys()
    if polys.GetNumberOfCells() == 0:
        return build_mesh(np.empty((0, 3), np.float32), np.empty((0, 3), np.int32))
    if polys.IsHomogeneous() != 3:
        raise FileFormatError("a surface of triangles is needed; this one has polygons with other numbers of corners")
    vertices = vtk_to_numpy(polydata.GetPoints().GetData()).astype(np.float32)
    return build_mesh(vertices, vtk_to_numpy(polys.GetConnectivityArray()).reshape(-1, 3).astype(np.int32))


def build_mesh(vertices: Array, faces: Array) -> Mesh:
    """Build a Mesh with normals from its faces, without the vertices that no face uses."""
    used = np.zeros(len(vertices), dtype=bool)
    used[faces.ravel()] = True
    if not used.all():
        number = np.cumsum(used, dtype=np.int32) - 1
        vertices, faces = vertices[used], number[faces]
    normals = np.zeros((len(vertices), 3), dtype=np.float64)
    vertex_normals(np.ascontiguousarray(vertices), np.ascontiguousarray(faces), normals)
    return Mesh(vertices, faces, normals.astype(np.float32))


def smooth_points(points: Array, faces: Array, iterations: int, passband: float) -> Array:
    """Move points by VTK's windowed sinc filter, those on edges with more than two faces too.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    if iterations < 1:
        raise ParameterError(f"smoothing takes at least one iteration; found {iterations}")
    if not 0 < passband <= 2:
        raise ParameterError(f"the pass band of smoothing is above 0 and at most 2; found {passband}")
    smoothing = vtkWindowedSincPolyDataFilter()
    smoothing.SetInputData(_polydata(points, faces))
    smoothing.SetNumberOfIterations(iterations)
    smoothing.SetPassBand(passband)
    smoothing.NormalizeCoordinatesOn()
    smoothing.NonManifoldSmoothingOn()
    smoothing.FeatureEdgeSmoothingOff()
    smoothing.BoundarySmoothingOn()
    return np.asarray(vtk_to_numpy(update(smoothing, "smoothing").GetPoints().GetData()))


def update(algorithm: Any, what: str) -> Any:
    """Run a VTK filter or reader and return its output.

    Raises
    ------
    InputError
        If no triangles come out.
    """
    with _silence():
        algorithm.Update()
    polydata = algorithm.GetOutput()
    if polydata is None or polydata.GetNumberOfPolys() == 0:
        raise InputError(f"{what} left no triangles")
    return polydata


def write(writer: Any, target: Path) -> None:
    """Run a VTK writer.

    Raises
    ------
    OSError
        If VTK could not write the file.
    """
    writer.SetFileName(str(target))
    with _silence():
        done = writer.Write()
    if done == 0 or writer.GetErrorCode() != 0:
        full = writer.GetErrorCode() == vtkErrorCode.OutOfDiskSpaceError
        code = errno.ENOSPC if full else errno.EIO
        raise OSError(code, os.strerror(code))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep VTK's words from the terminal; failure is seen in what it returns."""
    before = vtkObject.GetGlobalWarningDisplay()
    vtkObject.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        vtkObject.SetGlobalWarningDisplay(before)
