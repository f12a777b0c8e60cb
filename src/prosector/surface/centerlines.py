"""Centrelines as VTK polygonal data: one polyline for each branch, radii at its points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkPoints, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

from prosector.atomic import atomic_path
from prosector.errors import EmptyResultError
from prosector.model.centerlines import Centerlines
from prosector.surface.polydata import write

RADIUS = "MaximumInscribedSphereRadius"
"""Name of the radii's array, as VMTK and 3D Slicer have it."""


def write_centerlines_vtp(path: str | Path, value: Centerlines) -> None:
    """Write ``.vtp``: polylines in LPS mm with the radius in mm as point data, names and nodes as cell data.

    Raises
    ------
    EmptyResultError
        If there are no branches.
    OutputError
        If the file cannot be written.
    """
    if not value.branches:
        raise EmptyResultError("there is no centreline, so no file is written")
    polydata = vtkPolyData()
    points, lines, names = vtkPoints(), vtkCellArray(), vtkStringArray()
    points.SetDataTypeToDouble()
    every = np.ascontiguousarray(np.concatenate([b.points_lps for b in value.branches]))
    points.SetData(numpy_to_vtk(every, deep=True))
    names.SetName("Name")
    first = 0
    for branch in value.branches:
        lines.InsertNextCell(len(branch.points_lps))
        for n in range(len(branch.points_lps)):
            lines.InsertCellPoint(first + n)
        first += len(branch.points_lps)
        names.InsertNextValue(branch.name)
    polydata.SetPoints(points)
    polydata.SetLines(lines)
    radii = numpy_to_vtk(np.concatenate([b.radii_mm for b in value.branches]), deep=True)
    radii.SetName(RADIUS)
    polydata.GetPointData().AddArray(radii)
    nodes = numpy_to_vtk(np.array([[b.start, b.end] for b in value.branches], dtype=np.int32), deep=True)
    nodes.SetName("Nodes")
    polydata.GetCellData().AddArray(nodes)
    polydata.GetCellData().AddArray(names)
    writer = vtkXMLPolyDataWriter()
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetByteOrderToLittleEndian()
    writer.SetInputData(polydata)
    with atomic_path(path) as partial:
        write(writer, partial)
