"""Pictures of both, kept and compared, so that nobody wins by doing less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from prosector.atomic import atomic_path

SSIM_WINDOW = 7


def compare(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Mean absolute difference in 8-bit levels, and structural similarity (Wang and others, 2004)."""
    from skimage.metrics import structural_similarity

    difference = np.abs(ours.astype(np.int16) - theirs.astype(np.int16)).mean()
    side = min(SSIM_WINDOW, *ours.shape[:2])
    similarity = structural_similarity(ours, theirs, channel_axis=2, win_size=side - 1 + side % 2, data_range=255)
    return {"mean_difference_levels": round(float(difference), 2), "ssim": round(float(similarity), 4)}


def keep(pixels: np.ndarray, folder: Path, name: str) -> str:
    """Write a PNG and return its name."""
    file = "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-") + ".png"
    with atomic_path(folder / file) as partial:
        Image.fromarray(pixels).save(partial)
    return file


def is_picture(result: Any) -> bool:
    return isinstance(result, np.ndarray) and result.ndim == 3 and result.dtype == np.uint8
