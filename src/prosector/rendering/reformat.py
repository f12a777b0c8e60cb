"""Supporting views: planes and curves through a volume. They are reformats, not 3D rendering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import ParameterError, UnknownNameError
from prosector.kernels.mpr import GREATEST, LEAST, MEAN, reformat
from prosector.model.camera import Camera, orientation_letters
from prosector.model.geometry import Array
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.model.window import Window
from prosector.rendering.projection import robust_window
from prosector.rendering.rays import checked_size, step_mm

SLABS = {"mean": MEAN, "max": GREATEST, "min": LEAST}
"""What a thick slab shows."""

CURVES = ("straightened", "stretched")
"""How a curve is laid flat."""

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Slab:
    """Thickness of a reformat in mm (0 is a single sample), and ``mean``, ``max`` or ``min`` through it."""

    thickness_mm: float = 0.0
    show: str = "mean"

    def __post_init__(self) -> None:
        if self.show not in SLABS:
            raise UnknownNameError("slab", self.show, SLABS)
        if not (np.isfinite(self.thickness_mm) and self.thickness_mm >= 0):
            raise ParameterError(f"a slab's thickness is 0 mm or more; found {self.thickness_mm}")


THIN = Slab()


def reformat_plane(
    volume: Volume, camera: Camera, size: tuple[int, int], window: Window | None = None, slab: Slab = THIN
) -> Rendering:
    """The plane through a camera's center, as it sees it (multiplanar reformat, oblique in general).

    Parameters
    ----------
    volume : Volume
    camera : Camera
        Its center lies in the plane, ``forward`` is the plane's normal, ``height_mm`` the picture's height. A
        view angle makes no difference: the plane is where it holds.
    size : (width, height)
        In pixels.
    window : Window, optional
        Without it from 1 % to 99.5 % of the values.
    slab : Slab
        Centred on the plane.

    Returns
    -------
    Rendering
        Of method ``mpr``, with ``values`` in modality units, NaN outside of the volume (black).

    Raises
    ------
    ParameterError
        If the size is out of range.
    """
    width, height = checked_size(size)
    spacing = camera.pixel_spacing_mm((width, height))
    rows = (height / 2 - np.arange(height) - 0.5)[:, np.newaxis] * spacing * camera.up_lps
    start = camera.center_lps + rows - (width / 2 - 0.5) * spacing * camera.right_lps
    across = np.repeat(camera.right_lps[np.newaxis] * spacing, height, axis=0)
    depth = np.repeat(camera.forward_lps[np.newaxis], height, axis=0)
    values = _sampled(volume, start, across, depth, width, slab)
    return _finished(values, camera, "mpr", orientation_letters(camera), window)


def reformat_curve(
    volume: Volume,
    path_lps: list[Point] | Array,
    width_mm: float,
    spacing_mm: float,
    *,
    flat: str = "straightened",
    turn_deg: float = 0.0,
    window: Window | None = None,
    slab: Slab = THIN,
) -> Rendering:
    """A surface along a path, laid flat (curved multiplanar reformat; Kanitsar and others, 2002).

    The path runs from the top of the picture to its bottom. ``straightened``: it is the middle column, and
    the lines across turn along with it without twist; lengths along the path are true. ``stretched``: the
    surface is swept by parallel lines across; the path keeps its excursions to the left and right, and
    lengths on the surface are true.

    Parameters
    ----------
    volume : Volume
    path_lps : (n, 3) array
        At least two different points, LPS mm, joined by straight lines.
    width_mm, spacing_mm : float
        Width of the picture and side of its pixels.
    flat : str
        ``straightened`` or ``stretched``.
    turn_deg : float
        Turns the lines across about the path (about its overall direction where stretched).
    window : Window, optional
        Without it from 1 % to 99.5 % of the values.
    slab : Slab
        Centred on the surface.

    Returns
    -------
    Rendering
        Of method ``curved-mpr``, with ``values``, NaN outside of the volume (black), and without letters:
        directions change from row to row. Its camera stands for the middle of the path.

    Raises
    ------
    UnknownNameError
        If ``flat`` is not in CURVES.
    ParameterError
        If the path has no length, or the size comes out of range.
    """
    if flat not in CURVES:
        raise UnknownNameError("curve", flat, CURVES)
    if not (spacing_mm > 0 and width_mm > 0):
        raise ParameterError(f"width and pixel spacing are greater than 0 mm; found {width_mm} and {spacing_mm}")
    path = _checked_path(path_lps)
    if flat == "straightened":
        middle, along, across = _straightened(path, spacing_mm, turn_deg)
    else:
        middle, along, across = _stretched(path, spacing_mm, turn_deg)
    width, height = checked_size((max(1, round(width_mm / spacing_mm)), len(middle)))
    depth = np.cross(along, across)
    start = middle - (width / 2 - 0.5) * spacing_mm * across
    values = _sampled(volume, start, across * spacing_mm, depth, width, slab)
    row = height // 2
    camera = Camera(middle[row], np.cross(-along[row], across[row]), -along[row], height * spacing_mm)
    return _finished(values, camera, "curved-mpr", {}, window)


def _checked_path(path_lps: list[Point] | Array) -> Array:
    path = np.asarray(path_lps, dtype=np.float64)
    if path.ndim != 2 or path.shape[1] != 3 or not np.isfinite(path).all():
        raise ParameterError("a path is a list of points, three finite numbers each, in LPS mm")
    path = path[np.r_[True, np.linalg.norm(np.diff(path, axis=0), axis=1) > 1e-6]]
    if len(path) < 2:
        raise ParameterError("a path has at least two different points")
    return path


def _spread(path: Array, spacing: float) -> Array:
    """Points along a polyline, ``spacing`` apart, and centred on it."""
    lengths = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    count = max(2, int(lengths[-1] / spacing + 1e-6))
    at = (lengths[-1] - (count - 1) * spacing) / 2 + np.arange(count) * spacing
    return np.stack([np.interp(at, lengths, path[:, axis]) for axis in range(3)], axis=1)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _first_across(direction: Array, turn_deg: float) -> Array:
    """A direction across: the patient's left as far as it can be, else the front; then turned."""
    axis = np.eye(3)[0] if abs(direction[0]) < 0.9 else -np.eye(3)[1]
    across = _unit(axis - direction * (axis @ direction))
    turn = np.radians(turn_deg)
    return np.asarray(np.cos(turn) * across + np.sin(turn) * np.cross(direction, across))


def _straightened(path: Array, spacing: float, turn_deg: float) -> tuple[Array, Array, Array]:
    """Points, directions along and across; across is carried along with the least turning."""
    middle = _spread(path, spacing)
    along = _unit(np.gradient(middle, axis=0))
    across = np.empty_like(along)
    carried = _first_across(along[0], turn_deg)
    for n, direction in enumerate(along):
        carried = _unit(carried - direction * (carried @ direction))
        across[n] = carried
    return middle, along, across


def _stretched(path: Array, spacing: float, turn_deg: float) -> tuple[Array, Array, Array]:
    """Points on the surface swept by parallel lines: the path without its excursions across."""
    across = _first_across(_unit(path[-1] - path[0] if np.any(path[-1] != path[0]) else path[1] - path[0]), turn_deg)
    center = path.mean(axis=0)
    seen = path - np.outer((path - center) @ across, across)
    seen = seen[np.r_[True, np.linalg.norm(np.diff(seen, axis=0), axis=1) > 1e-6]]
    if len(seen) < 2:
        raise ParameterError("a path that runs straight across cannot be stretched; turn it by 90°")
    middle = _spread(seen, spacing)
    along = _unit(np.gradient(middle, axis=0))
    return middle, along, np.repeat(across[np.newaxis], len(middle), axis=0)


def _sampled(volume: Volume, start: Array, across: Array, depth: Array, width: int, slab: Slab) -> Array:
    """Values of a surface made of straight rows; ``depth`` are unit vectors (LPS)."""
    geometry = volume.geometry
    count = 1 if slab.thickness_mm == 0 else max(2, int(np.ceil(slab.thickness_mm / step_mm(geometry))))
    to_index = geometry.inverse[:3, :3].T
    out = np.empty((len(start), width), dtype=np.float32)
    ways = np.ascontiguousarray(depth @ to_index * slab.thickness_mm / count)
    reformat(
        volume.voxels,
        np.ascontiguousarray(geometry.to_index(start)),
        np.ascontiguousarray(across @ to_index),
        ways,
        count,
        SLABS[slab.show],
        out,
    )
    return out


def _finished(values: Array, camera: Camera, method: str, letters: dict[str, str], window: Window | None) -> Rendering:
    missed = np.isnan(values)
    window = window or robust_window(values)
    grey = window.apply(np.where(missed, np.float32(window.low), values))
    grey[missed] = 0
    return Rendering(np.repeat(grey[..., np.newaxis], 3, axis=2), camera, method, letters=letters, values=values)
