"""Window center and width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import ParameterError
from prosector.model.geometry import Array


@dataclass(frozen=True, slots=True)
class Window:
    """A linear window over modality values, in modality units."""

    center: float
    width: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.center) and np.isfinite(self.width)) or self.width < 1e-6:
            raise ParameterError(f"a window's width is greater than zero; found {self.width}")

    @property
    def low(self) -> float:
        """The value that becomes black."""
        return self.center - self.width / 2

    @property
    def high(self) -> float:
        """The value that becomes white."""
        return self.center + self.width / 2

    def apply(self, values: Array) -> Array:
        """Map modality values to grey levels 0–255 (uint8), LINEAR_EXACT of PS3.3 C.11.2.1.3.2."""
        scaled = (np.asarray(values, dtype=np.float32) - np.float32(self.low)) * np.float32(255.0 / self.width)
        return np.asarray(np.rint(np.clip(scaled, 0, 255)), dtype=np.uint8)
