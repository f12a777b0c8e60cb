"""What the acceptance test asks for, in one place."""

from __future__ import annotations

MEAN_DIAMETER_VOXELS = 0.25
HIGH_DIAMETER_VOXELS = 0.5
"""Of the 95th percentile of the deviations along a tube."""

FEWEST_ACROSS = 4
"""Voxels across the narrowest tube for which the limits hold."""

VOLUME_PERCENT = 2.0
DISTANCE_VOXELS = 0.3
ANGLE_DEG = 1.0
BONE_DICE = 0.97
VESSEL_DICE = 0.93
LABELS_FOUND, LABELS_GIVEN = "found", "given"
