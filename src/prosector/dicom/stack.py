"""From the slices' headers to one grid: order, step, affine.

PS3.3 C.7.6.2.1.1 places pixel (row j, column i) of a slice at
``IPP + i · PixelSpacing[1] · IOP[0:3] + j · PixelSpacing[0] · IOP[3:6]``. Slices are ordered along the
normal ``IOP[0:3] × IOP[3:6]``. The step from slice to slice is the vector between their positions, which
under a gantry tilt is not the normal: the affine is then a shear, and is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prosector.dicom.header import Header, tag_name
from prosector.errors import MissingAttributeError, MixedGeometryError, NotAVolumeError, SliceSpacingError
from prosector.model.geometry import Array, Geometry

SAME_ORIENTATION = 1e-3
"""Direction cosines of one grid differ by no more than this between slices."""

SAME_PIXEL_SPACING_MM = 1e-4
"""Pixel Spacing of one grid differs by no more than this between slices."""

SAME_POSITION_FRACTION = 0.02
"""Slices closer than this fraction of the usual step lie at the same position."""

IRREGULAR_FRACTION = 0.05
"""Slices further than this fraction of a step from a regular grid are refused."""

JITTER_FRACTION = 0.01
"""Slices further than this fraction of a step from a regular grid are warned of."""

JITTER_FLOOR_MM = 0.02
"""Positions are often written to a tenth or a hundredth of a millimetre; less than this is rounding."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Headers in slice order, and the grid that they form."""

    headers: tuple[Header, ...]
    geometry: Geometry
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plane:
    row: Array
    column: Array
    spacing: Array


def build_stack(headers: Sequence[Header]) -> Stack:
    """Order single-frame slices and derive their grid.

    Raises
    ------
    MissingAttributeError
        Where a slice lacks position, orientation, spacing or size.
    MixedGeometryError
        Where slices differ in orientation, spacing or size, or do not lie in line.
    SliceSpacingError
        Where slices are missing, doubled or irregularly spaced.
    NotAVolumeError
        For fewer than two slices.
    """
    if len(headers) < 2:
        raise NotAVolumeError("one slice is no volume; at least two parallel slices are needed")
    plane = _common_plane(headers)
    rows, columns = _common_size(headers)
    positions = np.stack([h.numbers("ImagePositionPatient", 3) for h in headers])
    normal = np.cross(plane.row, plane.column)
    order = np.argsort(positions @ normal, kind="stable")
    positions = positions[order]
    warnings = _check_line(positions, positions @ normal)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = plane.column * plane.spacing[0]
    affine[:3, 2] = plane.row * plane.spacing[1]
    affine[:3, 3] = positions[0]
    ordered = tuple(headers[n] for n in order)
    geometry = Geometry((len(ordered), rows, columns), affine, ordered[0].text("FrameOfReferenceUID"))
    if not geometry.is_orthogonal:
        warnings = (f"gantry tilt: slices are sheared by {geometry.tilt_degrees:.2f}°; kept as acquired", *warnings)
    return Stack(ordered, geometry, (*warnings, *_thickness_warning(ordered[0], geometry)))


def _common_size(headers: Sequence[Header]) -> tuple[int, int]:
    sizes = {(h.integer("Rows"), h.integer("Columns")) for h in headers}
    if len(sizes) > 1:
        found = ", ".join(sorted(f"{r}×{c}" for r, c in sizes))
        raise MixedGeometryError(f"slices differ in {tag_name('Rows')} × {tag_name('Columns')}: {found}")
    rows, columns = sizes.pop()
    if not rows or not columns or rows < 0 or columns < 0:
        raise MissingAttributeError(f"{tag_name('Rows')} or {tag_name('Columns')} is absent or zero")
    return rows, columns


def _common_plane(headers: Sequence[Header]) -> _Plane:
    orientations = np.stack([h.numbers("ImageOrientationPatient", 6) for h in headers])
    spread = np.abs(orientations - orientations[0]).max(axis=1)
    if spread.max() > SAME_ORIENTATION:
        raise MixedGeometryError(
            f"slices differ in {tag_name('ImageOrientationPatient')}: "
            f"{int((spread > SAME_ORIENTATION).sum())} of {len(headers)} lie in another plane than the first; "
            "split the series by orientation"
        )
    spacings = np.stack([h.numbers("PixelSpacing", 2) for h in headers])
    if spacings.min() <= 0 or np.abs(spacings - spacings[0]).max() > SAME_PIXEL_SPACING_MM:
        found = sorted({f"{a:g}\\{b:g}" for a, b in spacings})
        raise MixedGeometryError(f"{tag_name('PixelSpacing')} must be one positive pair; found {', '.join(found[:5])}")
    row, column = orientations[0, :3], orientations[0, 3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if abs(lengths[0] - 1) > 0.01 or abs(lengths[1] - 1) > 0.01 or abs(row @ column) > 0.01:
        raise MixedGeometryError(
            f"{tag_name('ImageOrientationPatient')} must be two unit vectors at a right angle (PS3.3 C.7.6.2.1.1); "
            f"found {orientations[0].round(4).tolist()}"
        )
    return _Plane(row / lengths[0], column / lengths[1], spacings[0])


def _check_line(positions: Array, along_mm: Array) -> tuple[str, ...]:
    steps = np.diff(along_mm)
    usual = float(np.median(steps[steps > 1e-4])) if (steps > 1e-4).any() else 0.0
    if usual <= 0 or steps.min() < SAME_POSITION_FRACTION * usual:
        count = int((steps < max(SAME_POSITION_FRACTION * usual, 1e-4)).sum())
        raise SliceSpacingError(
            f"{count} of {len(along_mm)} slices lie at the position of another one, at "
            f"{_places(along_mm[1:][steps < max(SAME_POSITION_FRACTION * usual, 1e-4)])}: duplicates, or several "
            "volumes in one series (phases, echoes)"
        )
    n = np.arange(len(positions))[:, None]
    grid = positions[0] + n * (positions[-1] - positions[0]) / (len(positions) - 1)
    off = float(np.linalg.norm(positions - grid, axis=1).max())
    if off > max(IRREGULAR_FRACTION * usual, JITTER_FLOOR_MM):
        raise _irregular(along_mm, steps, usual, off)
    if off > max(JITTER_FRACTION * usual, JITTER_FLOOR_MM):
        return (f"slice positions deviate from a regular grid by up to {off:.3f} mm",)
    return ()


def _irregular(along_mm: Array, steps: Array, usual: float, off: float) -> MixedGeometryError | SliceSpacingError:
    odd = np.abs(steps - usual) > IRREGULAR_FRACTION * usual
    if not odd.any():
        return MixedGeometryError(
            f"slice positions do not lie on a line: up to {off:.2f} mm beside it; the series holds slices "
            "of several acquisitions"
        )
    wide = np.flatnonzero(odd & (steps > 1.5 * usual))
    gaps = ", ".join(f"{along_mm[n]:.2f} to {along_mm[n + 1]:.2f} mm" for n in wide[:5])
    what = f"gaps at {gaps}" if len(wide) else f"steps from {steps.min():.3f} to {steps.max():.3f} mm"
    return SliceSpacingError(
        f"slices are not evenly spaced: {what} along the slice normal, where the usual step is {usual:.3f} mm; "
        "slices are missing, or several acquisitions are mixed. Fetch the whole series again"
    )


def _places(along_mm: Array) -> str:
    shown = ", ".join(f"{v:.2f}" for v in along_mm[:5])
    return f"{shown}{', …' if len(along_mm) > 5 else ''} mm along the slice normal"


def _thickness_warning(header: Header, geometry: Geometry) -> tuple[str, ...]:
    thickness = header.number("SliceThickness")
    distance = geometry.slice_distance_mm
    if thickness and distance > 1.05 * thickness:
        return (
            f"slices of {thickness:g} mm (0018,0050) lie {distance:.3f} mm apart: tissue between them was not imaged",
        )
    return ()
