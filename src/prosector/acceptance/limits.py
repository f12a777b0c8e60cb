"""What the acceptance test asks for, in one place."""

from __future__ import annotations

import math

MEAN_DIAMETER_VOXELS = 0.25
HIGH_DIAMETER_VOXELS = 0.5
"""Of the 95th percentile of the deviations along a tube."""

FEWEST_ACROSS = 4
"""Voxels across the narrowest tube for which the limits hold."""

VOLUME_PERCENT = 2.0
DISTANCE_VOXELS = 0.3
ANGLE_DEG = 1.0
CERTAINTY = 3.0
"""Standard deviations of what noise alone does to the best estimate: a limit below that would test the noise."""

BORDER_VOXELS = 3.0
"""Width of the zone in which voxels must be weighed: a border that labels know to a voxel to either side, and blur."""

BONE_DICE = 0.97
VESSEL_DICE = 0.93
LABELS_FOUND, LABELS_GIVEN = "found", "given"


def noise_of_volume_percent(voxels: float, noise_to_contrast: float) -> float:
    """Standard deviation of a ball's volume that noise leaves, percent of the volume.

    Every voxel of the border zone (its area times ``BORDER_VOXELS``) adds its noise over contrast. The level inside
    comes from the voxels within that zone, and its error counts for the half of the zone that is filled.

    Parameters
    ----------
    voxels : float
        Volume in voxels.
    noise_to_contrast : float
        Standard deviation of a voxel over the difference of ball and surroundings.
    """
    across = (6 * voxels / math.pi) ** (1 / 3)
    border = BORDER_VOXELS * math.pi * across**2
    deep = max(math.pi / 6 * max(across - BORDER_VOXELS, 0.0) ** 3, 1.0)
    return 100 * noise_to_contrast * math.hypot(math.sqrt(border) / voxels, border / (2 * voxels) / math.sqrt(deep))


def noise_of_arc_deg(radius_voxels: float, noise_to_contrast: float) -> float:
    """Standard deviation of an encasement angle that noise leaves, degrees.

    Each end of the arc is a border between lesion and surroundings, seen over three voxels along the vessel and the
    1 mm (at least a voxel) that may lie between wall and lesion; of the two voxels across it, each adds its noise.
    """
    end_voxels = noise_to_contrast * math.sqrt(2 / 3)
    return math.degrees(math.sqrt(2) * end_voxels / radius_voxels)
