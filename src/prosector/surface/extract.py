"""Surfaces from volumes and label maps."""

from __future__ import annotations

import math

import numpy as np

from prosector.errors import EmptyResultError, ParameterError
from prosector.kernels.mesh import isosurface
from prosector.model.labels import LabelMap
from prosector.model.mesh import Mesh
from prosector.model.volume import Volume
from prosector.surface.boxes import bounding_box
from prosector.surface.process import SMOOTHING_ITERATIONS, SMOOTHING_PASSBAND, smooth_mesh, with_volume


def extract_mesh(volume: Volume, level: float, *, closed: bool = True) -> Mesh:
    """Triangulate the surface at which the voxel values pass a level.

    Parameters
    ----------
    volume : Volume
    level : float
        In the volume's unit; at or above it is inside. NaN voxels are outside.
    closed : bool
        Whether to close the surface where the object leaves the volume, at the outer faces of the border
        voxels, as a 3D printer needs it. Otherwise it stays open there.

    Returns
    -------
    Mesh
        Normals along the gradient of the voxel values.

    Raises
    ------
    ParameterError
        If the level is not finite.
    EmptyResultError
        If nothing lies at the level; the message says which values there are.
    """
    if not math.isfinite(level):
        raise ParameterError(f"the level of a surface is a finite value; found {level}")
    mesh = Mesh(*isosurface(volume.voxels, float(level), volume.geometry.affine, closed=closed))
    if len(mesh.faces) == 0:
        raise EmptyResultError(f"no surface at {level:g}: {_found(volume)}; choose a level between")
    return mesh


def extract_label_mesh(
    labelmap: LabelMap,
    segment: str | None = None,
    *,
    smooth: bool = True,
    iterations: int = SMOOTHING_ITERATIONS,
    passband: float = SMOOTHING_PASSBAND,
) -> Mesh:
    """Triangulate the border of a segment, closed everywhere.

    Parameters
    ----------
    labelmap : LabelMap
    segment : str or None
        Name of the segment; None takes all of them as one object.
    smooth : bool
        Whether to take off the stairs that the voxels leave. The surface then encloses as much as the
        voxels hold, within 0.1 %.
    iterations, passband : int, float
        As of :func:`prosector.surface.process.smooth_mesh`.

    Raises
    ------
    InputError
        If there is no such segment.
    EmptyResultError
        If it holds no voxel.
    """
    mask = labelmap.mask(segment)
    box = bounding_box(mask)
    if box is None:
        what = "the label map" if segment is None else f"segment {segment!r}"
        raise EmptyResultError(f"{what} holds no voxel, so it has no surface; look at how it was segmented")
    affine = np.array(labelmap.geometry.affine)
    affine[:3, 3] = labelmap.geometry.to_lps([s.start for s in box])
    mesh = Mesh(*isosurface(np.ascontiguousarray(mask[box]).view(np.uint8), 0.5, affine, closed=True))
    if not smooth:
        return mesh
    # Cutting the corners of voxels takes volume off everywhere alike; it is given back in the same way.
    voxels_mm3 = np.count_nonzero(mask) * labelmap.geometry.voxel_volume_mm3
    return with_volume(smooth_mesh(mesh, iterations=iterations, passband=passband), voxels_mm3)


def _found(volume: Volume) -> str:
    values = volume.voxels
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if finite.size == 0:
        return "no voxel holds a finite value"
    unit = " HU" if volume.is_hounsfield else ""
    return f"voxel values run from {finite.min():g}{unit} to {finite.max():g}{unit}"
