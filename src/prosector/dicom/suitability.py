"""Will a series make a good 3D? A judgement by its geometry, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.model.geometry import Geometry

THIN_MM = 1.5
"""Slices this close or closer show fine bone and small vessels."""

THICK_MM = 3.0
"""Slices further apart than this make steps that can be seen."""

FEW_SLICES = 20
ISOTROPIC = 1.6
"""Longest voxel edge over the shortest, up to which a voxel counts as nearly cubic."""

ANISOTROPIC = 4.0


@dataclass(frozen=True, slots=True)
class Suitability:
    """``good``, ``fair`` or ``poor``, and why."""

    grade: str
    reasons: tuple[str, ...]


def suitability(geometry: Geometry, thickness_mm: float | None) -> Suitability:
    """Judge a grid: how far apart its slices are, how cubic its voxels, how many it has, whether it has gaps."""
    poor, fair = [], []
    distance, edges = geometry.slice_distance_mm, geometry.spacing_mm
    ratio = max(edges) / min(edges)
    if distance > THICK_MM:
        poor.append(f"slices {distance:.2g} mm apart: steps will show")
    elif distance > THIN_MM:
        fair.append(f"slices {distance:.2g} mm apart: fine bone and small vessels blur")
    if ratio > ANISOTROPIC:
        poor.append(f"voxels {ratio:.1f} times as long as wide")
    elif ratio > ISOTROPIC:
        fair.append(f"voxels {ratio:.1f} times as long as wide")
    if geometry.shape[0] < FEW_SLICES:
        poor.append(f"only {geometry.shape[0]} slices")
    if thickness_mm and distance > 1.05 * thickness_mm:
        fair.append("gaps between slices")
    grade = "poor" if poor else "fair" if fair else "good"
    return Suitability(grade, (*poor, *fair))


def plane_of(geometry: Geometry) -> str:
    """``axial``, ``coronal`` or ``sagittal``, with ``oblique`` where the slices are turned by over 2.5°."""
    normal = np.abs(geometry.normal_lps)
    name = ("sagittal", "coronal", "axial")[int(normal.argmax())]
    return name if normal.max() > 0.999 else f"oblique {name}"
