"""A look at a picture that was written as DICOM: its first frame as it would be displayed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import pixel_array

from prosector.errors import PixelDataError
from prosector.model.geometry import Array

BROKEN = (InvalidDicomError, ValueError, AttributeError, KeyError, NotImplementedError, RuntimeError)
"""What pydicom raises on files that are no pictures, or that it has no decoder for."""


def read_preview(path: str | Path) -> Array:
    """(height, width, 3) uint8 pixels of the first frame; grey ones through the first window, else from end to end.

    Raises
    ------
    PixelDataError
        If it is no DICOM picture that can be decoded.
    """
    try:
        ds = dcmread(path)
        pixels = np.asarray(pixel_array(ds, index=0))
        if pixels.ndim == 3:
            return np.ascontiguousarray(pixels.astype(np.uint8))
        gray = _windowed(ds, np.asarray(apply_modality_lut(pixels, ds), dtype=np.float64))
    except (
        InvalidDicomError,
        OSError,
        ValueError,
        AttributeError,
        KeyError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise PixelDataError(f"{Path(path).name} holds no picture that can be shown: {type(error).__name__}") from error
    return np.repeat(np.rint(gray * 255).astype(np.uint8)[..., None], 3, axis=2)


def _windowed(ds: Dataset, values: Array) -> Array:
    """Values to 0…1 by the linear VOI LUT function (PS3.3 C.11.2.1.2.1)."""
    low, high = float(values.min()), float(values.max())
    if "WindowCenter" in ds and "WindowWidth" in ds:
        center, width = (_first(ds[name].value) for name in ("WindowCenter", "WindowWidth"))
        low, high = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    gray = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    return np.asarray(1 - gray if ds.PhotometricInterpretation == "MONOCHROME1" else gray)


def _first(value: object) -> float:
    return float(value[0] if isinstance(value, MultiValue) else value)  # type: ignore[arg-type]
