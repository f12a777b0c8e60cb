"""What a reader of the 3D images must keep in mind about the series that they were made from."""

from __future__ import annotations

from prosector.model.geometry import Geometry
from prosector.model.source import Source

THICK_SLICE_MM = 3.0
"""Slices thicker than this are named as a limitation."""

TILT_DEGREES = 0.1
"""A smaller angle between slice step and slice normal is rounding."""

GAP_SHARE = 1.05
"""Slices further apart than this many times their thickness leave tissue out."""

ANISOTROPY = 2.0
"""A grid whose longest spacing is more than this many times its shortest is coarse in one direction."""


def limitations_of(source: Source, geometry: Geometry) -> tuple[str, ...]:
    """The loader's warnings, then what thickness, gaps, tilt and compression bring with them."""
    acquisition = source.acquisition
    thickness = acquisition.slice_thickness_mm
    distance = geometry.slice_distance_mm
    found = [warning[:1].upper() + warning[1:] for warning in source.warnings]
    if thickness is None:
        found.append("The series does not state its slice thickness.")
    elif thickness > THICK_SLICE_MM:
        found.append(f"Slices are {thickness:.1f} mm thick: finer detail across the slices is not shown.")
    if thickness is not None and distance > thickness * GAP_SHARE:
        found.append(f"Slices {thickness:.2f} mm thick lie {distance:.2f} mm apart: tissue between them was not seen.")
    if max(geometry.spacing_mm) > ANISOTROPY * min(geometry.spacing_mm):
        k, j, i = geometry.spacing_mm
        found.append(f"Voxels are elongated ({k:.2f} × {j:.2f} × {i:.2f} mm): surfaces may show steps.")
    if geometry.tilt_degrees > TILT_DEGREES and not any("tilt" in warning for warning in source.warnings):
        found.append(
            f"The slices are stacked at {geometry.tilt_degrees:.1f}° to their normal (gantry tilt); the 3D images "
            "follow the tilted grid, nothing was resampled."
        )
    if acquisition.lossy_compression == "01":
        found.append("The source images had been compressed with loss.")
    if not source.is_dicom:
        found.append("The source is not DICOM: there is no base study that this report could refer to.")
    return tuple(found)
