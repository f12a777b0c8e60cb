"""Transfer functions and lights as tables for the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from prosector.model.camera import Camera
from prosector.model.geometry import Array
from prosector.model.transfer import Shading, TransferFunction

TABLE_ROWS = 4096
"""Rows of the transfer table, over the values between the functions' outermost points."""

GRADIENT_ROWS = 256
"""Rows of the gradient opacity table."""

GLOSS_ROWS = 1024
"""Rows of the table of highlights by cosine."""

UNSHADED = Shading(ambient=1.0, diffuse=0.0, specular=0.0, shininess=1.0)

Style = tuple[TransferFunction, float]
"""A transfer function and what multiplies its opacity."""


@dataclass(frozen=True, eq=False)
class Optics:
    """Tables of several styles over the same values.

    Parameters
    ----------
    table : (styles, TABLE_ROWS, 5) float64
        Running integrals, in rows, of extinction per mm, extinction × row, and extinction × red, green, blue.
    low, bin_width : float
        Value of row 0 and difference between rows. One row beyond each outermost point.
    factors : (styles, rows) float64
        Gradient opacity.
    rows_per_gradient : float
        Rows of ``factors`` per (value per mm).
    """

    table: Array
    low: float
    bin_width: float
    factors: Array
    rows_per_gradient: float

    @property
    def dark(self) -> float:
        """Up to this value nothing is seen; a row less, since segments are at least a row wide."""
        seen = np.flatnonzero(self.table[:, :, 0].any(axis=0))
        rows = int(seen[0]) if seen.size else self.table.shape[1]
        return self.low + (rows - 2) * self.bin_width if rows > 2 else -np.inf


@lru_cache(maxsize=32)
def optics_of(styles: tuple[Style, ...]) -> Optics:
    """Tables for the kernels; kept for the last few sets of styles."""
    points = [p[0] for transfer, _ in styles for p in (*transfer.opacity, *transfer.color)]
    span = max(max(points) - min(points), 1e-3 * max(abs(max(points)), 1e-3))
    bin_width = span / (TABLE_ROWS - 3)
    low = min(points) - bin_width
    table = np.stack([_running_integrals(style, low, bin_width) for style in styles])
    factors, rows_per_gradient = _gradient_factors(styles)
    return Optics(table, low, bin_width, factors, rows_per_gradient)


def _running_integrals(style: Style, low: float, bin_width: float) -> Array:
    transfer, opacity = style
    rgba = transfer.table(1.0, low, low + bin_width * (TABLE_ROWS - 1), TABLE_ROWS).astype(np.float64)
    extinction = -np.log1p(-rgba[:, 3:] * opacity)
    columns = np.hstack([extinction, extinction * np.arange(TABLE_ROWS)[:, np.newaxis], extinction * rgba[:, :3]])
    table = np.zeros_like(columns)
    np.cumsum((columns[1:] + columns[:-1]) / 2, axis=0, out=table[1:])
    return table


def _gradient_factors(styles: tuple[Style, ...]) -> tuple[Array, float]:
    high = max((p[0] for transfer, _ in styles for p in transfer.gradient_opacity), default=0.0)
    if high <= 0:
        rows = [t.gradient_opacity[-1][1] if t.gradient_opacity else 1.0 for t, _ in styles]
        return np.repeat(np.array(rows, dtype=np.float64)[:, np.newaxis], 2, axis=1), 0.0
    table = np.stack([t.gradient_table(high, GRADIENT_ROWS).astype(np.float64) for t, _ in styles])
    return table, (GRADIENT_ROWS - 1) / high


@lru_cache(maxsize=32)
def gloss_of(shading: Shading | None, needs_gradient: bool) -> Array:
    """Highlights for cosines evenly spaced from 0 to 1, (1, rows) float64 (Blinn, 1977).

    A single row where neither shading nor gradient opacity needs a gradient.
    """
    if shading is None and not needs_gradient:
        return np.zeros((1, 1))
    s = shading or UNSHADED
    cosine = np.linspace(0, 1, GLOSS_ROWS)
    return np.asarray(s.specular * cosine**s.shininess)[np.newaxis]


def lamps_of(shading: Shading | None, camera: Camera) -> Array:
    """Direction towards each light (LPS, unit) and its colour times intensity, (lights, 6) float64."""
    rows = []
    for light in (shading or UNSHADED).lights:
        right, up, near = light.direction
        way = right * camera.right_lps + up * camera.up_lps - near * camera.forward_lps
        rows.append([*(way / np.linalg.norm(way)), *(light.intensity * np.asarray(light.color))])
    return np.array(rows, dtype=np.float64)
