"""How values become colour and opacity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prosector.errors import ParameterError
from prosector.model.geometry import Array

Points = tuple[tuple[float, float], ...]
ColorPoints = tuple[tuple[float, tuple[float, float, float]], ...]


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp far away that turns with the camera.

    Parameters
    ----------
    direction : (right, up, towards the viewer)
        Where the light comes from, as the viewer sees it; (0, 0, 1) is a headlight.
    color : (r, g, b)
        0 to 1.
    intensity : float
        Multiplies the color.
    """

    direction: tuple[float, float, float] = (0.0, 0.0, 1.0)
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    intensity: float = 1.0

    def __post_init__(self) -> None:
        values = np.array([*self.direction, *self.color, self.intensity], dtype=np.float64)
        if values.shape != (7,) or not np.isfinite(values).all() or np.linalg.norm(values[:3]) < 1e-9:
            raise ParameterError("a light has a direction and a color, three finite numbers each, and an intensity")
        if (values[3:] < 0).any():
            raise ParameterError("a light's color and intensity are not negative")


MOST_LIGHTS = 8
"""A scene has at most this many lights."""


@dataclass(frozen=True, slots=True)
class Shading:
    """Blinn–Phong coefficients and lights; without lights of its own, one headlight."""

    ambient: float = 0.2
    diffuse: float = 0.8
    specular: float = 0.2
    shininess: float = 16.0
    lights: tuple[Light, ...] = (Light(),)

    def __post_init__(self) -> None:
        if not 1 <= len(self.lights) <= MOST_LIGHTS:
            raise ParameterError(f"a scene has 1 to {MOST_LIGHTS} lights; found {len(self.lights)}")


@dataclass(frozen=True, slots=True)
class TransferFunction:
    """Piecewise linear maps from value to colour and opacity.

    Parameters
    ----------
    color : tuple of (value, (r, g, b))
        RGB from 0 to 1 at rising values.
    opacity : tuple of (value, opacity)
        Opacity of one millimetre of such material, 0 to 1.
    gradient_opacity : tuple of (gradient magnitude per mm, factor)
        Multiplies the opacity; empty means 1 everywhere.
    shading : Shading or None
        None leaves the colour as it is.
    """

    color: ColorPoints
    opacity: Points
    gradient_opacity: Points = ()
    shading: Shading | None = Shading()

    def __post_init__(self) -> None:
        for name, points in (("color", self.color), ("opacity", self.opacity)):
            values = [p[0] for p in points]
            if len(values) < 1 or values != sorted(values):
                raise ParameterError(f"{name} points stand at rising values; found {values}")
        if any(not 0 <= a <= 1 for _, a in self.opacity) or any(a < 0 for _, a in self.gradient_opacity):
            raise ParameterError("opacity is from 0 to 1")

    def scaled(self, low: float, high: float) -> TransferFunction:
        """The same function with its values (0 to 1) stretched over ``low`` to ``high``."""
        span = high - low
        return replace(
            self,
            color=tuple((low + v * span, c) for v, c in self.color),
            opacity=tuple((low + v * span, a) for v, a in self.opacity),
            gradient_opacity=tuple((g * span, f) for g, f in self.gradient_opacity),
        )

    @property
    def first_visible(self) -> float:
        """Values up to this one are wholly transparent; −inf if the function starts opaque."""
        visible = [n for n, (_, a) in enumerate(self.opacity) if a > 0]
        if not visible:
            return float("inf")
        return self.opacity[visible[0] - 1][0] if visible[0] > 0 else float("-inf")

    def table(self, step_mm: float, low: float, high: float, size: int) -> Array:
        """Sample colour and opacity for a ray step.

        Opacity is corrected for the step: ``1 − (1 − a)^(step_mm / 1 mm)`` (Engel et al., Real-Time
        Volume Graphics, 2006, ch. 1.4.3).

        Returns
        -------
        (size, 4) float32 array
            Red, green, blue (not multiplied by opacity) and opacity for values evenly spaced from
            ``low`` to ``high`` inclusive.
        """
        values = np.linspace(low, high, size)
        at = [p[0] for p in self.color]
        rgb = [np.interp(values, at, [p[1][n] for p in self.color]) for n in range(3)]
        alpha = np.interp(values, [p[0] for p in self.opacity], [p[1] for p in self.opacity])
        alpha = 1 - (1 - np.clip(alpha, 0, 1 - 1e-6)) ** step_mm
        return np.stack([*rgb, alpha], axis=1).astype(np.float32)

    def gradient_table(self, high_per_mm: float, size: int) -> Array:
        """(size,) float32 factors for gradient magnitudes evenly spaced from 0 to ``high_per_mm``."""
        if not self.gradient_opacity:
            return np.ones(size, dtype=np.float32)
        at, factors = zip(*self.gradient_opacity, strict=True)
        return np.asarray(np.interp(np.linspace(0, high_per_mm, size), at, factors), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class LabelStyle:
    """How one structure of a label map looks.

    Parameters
    ----------
    transfer : TransferFunction or None
        Its own function; None takes that of the rest of the volume.
    opacity : float
        Multiplies the opacity of a millimetre, 0 to 1.
    visible : bool
        Whether it is shown at all.
    """

    transfer: TransferFunction | None = None
    opacity: float = 1.0
    visible: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise ParameterError(f"a structure's opacity is from 0 to 1; found {self.opacity}")
