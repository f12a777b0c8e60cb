"""From where a volume is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import ParameterError, UnknownNameError
from prosector.model.geometry import Array, Geometry, frozen

VIEWS = {
    "anterior": (0.0, 0.0),
    "left": (90.0, 0.0),
    "posterior": (180.0, 0.0),
    "right": (270.0, 0.0),
    "superior": (180.0, 90.0),
    "inferior": (0.0, -90.0),
}
"""Named views as (azimuth, elevation) in degrees. The name is the side that the viewer stands on."""

MAX_VIEW_ANGLE_DEG = 120.0

FIT_MARGIN = 1.02
"""The fitted field of view is this much larger than the object."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A parallel or perspective view.

    Parameters
    ----------
    center_lps : (3,) array
        The point in the middle of the picture, LPS mm.
    forward_lps, up_lps : (3,) arrays
        Unit vectors from the viewer into the scene, and towards the top of the picture. ``right_lps``
        is ``forward × up``: looking from the front (forward = P, up = H) the patient's left is on the
        viewer's right.
    height_mm : float
        Field of view from the top edge of the picture to the bottom edge, in the plane through the center.
    view_angle_deg : float
        0 for a parallel view. Above 0, the angle at the viewer's eye between the picture's top and bottom
        edges; the eye lies ``height_mm / 2 / tan(angle / 2)`` before the center.
    """

    center_lps: Array
    forward_lps: Array
    up_lps: Array
    height_mm: float
    view_angle_deg: float = 0.0

    def __post_init__(self) -> None:
        forward = np.asarray(self.forward_lps, dtype=np.float64)
        forward = forward / np.linalg.norm(forward)
        up = np.asarray(self.up_lps, dtype=np.float64)
        up = up - forward * (up @ forward)
        if np.linalg.norm(up) < 1e-9 or not np.isfinite(forward).all():
            raise ParameterError("a camera's up direction must not be parallel to its viewing direction")
        if not (np.isfinite(self.height_mm) and self.height_mm > 0):
            raise ParameterError(f"a field of view is greater than 0 mm; found {self.height_mm}")
        if not 0 <= self.view_angle_deg < MAX_VIEW_ANGLE_DEG:
            raise ParameterError(
                f"a view angle is from 0 (parallel) to below {MAX_VIEW_ANGLE_DEG}°; found {self.view_angle_deg}"
            )
        object.__setattr__(self, "center_lps", frozen(np.array(self.center_lps, dtype=np.float64)))
        object.__setattr__(self, "forward_lps", frozen(forward))
        object.__setattr__(self, "up_lps", frozen(up / np.linalg.norm(up)))

    @property
    def is_parallel(self) -> bool:
        """Whether all rays are parallel, so that a millimetre is the same everywhere in the picture."""
        return self.view_angle_deg == 0

    @property
    def eye_lps(self) -> Array | None:
        """The viewer's eye, LPS mm; None for a parallel view."""
        if self.is_parallel:
            return None
        distance = self.height_mm / 2 / np.tan(np.radians(self.view_angle_deg) / 2)
        return np.asarray(self.center_lps - distance * self.forward_lps)

    @property
    def right_lps(self) -> Array:
        """Unit vector towards the right edge of the picture."""
        return np.asarray(np.cross(self.forward_lps, self.up_lps))

    def pixel_spacing_mm(self, size: tuple[int, int]) -> float:
        """Side of a (square) pixel of a picture of ``size`` (width, height), in the plane through the center."""
        return self.height_mm / size[1]


def view_angles(view: str) -> tuple[float, float]:
    """Return (azimuth, elevation) in degrees of a named view."""
    if view not in VIEWS:
        raise UnknownNameError("view", view, VIEWS)
    return VIEWS[view]


def fit_camera(
    geometry: Geometry,
    size: tuple[int, int],
    azimuth_deg: float = 0.0,
    elevation_deg: float = 0.0,
    roll_deg: float = 0.0,
    zoom: float = 1.0,
    view_angle_deg: float = 0.0,
) -> Camera:
    """A parallel camera that shows the whole grid.

    Parameters
    ----------
    geometry : Geometry
        What to show.
    size : (width, height)
        Picture size in pixels.
    azimuth_deg : float
        The viewer's position around the patient's long axis: 0 in front, 90 on the patient's left,
        180 behind, 270 on the right.
    elevation_deg : float
        The viewer's position above (+90 over the head) or below the patient, −90 to 90.
    roll_deg : float
        Turns the picture clockwise about the viewing direction.
    zoom : float
        Above 1 shows less, enlarged.
    view_angle_deg : float
        0 for a parallel view; see :class:`Camera`.
    """
    if not np.isfinite([azimuth_deg, elevation_deg, roll_deg]).all() or abs(elevation_deg) > 90:
        raise ParameterError(f"elevation is from -90 to 90 degrees and angles are finite; found {elevation_deg}")
    if not (np.isfinite(zoom) and zoom > 0):
        raise ParameterError(f"zoom is greater than 0; found {zoom}")
    az, el, roll = np.radians([azimuth_deg, elevation_deg, roll_deg])
    forward = np.array([-np.sin(az) * np.cos(el), np.cos(az) * np.cos(el), -np.sin(el)])
    up = np.array([-np.sin(az) * np.sin(el), np.cos(az) * np.sin(el), np.cos(el)])
    right = np.cross(forward, up)
    up = up * np.cos(roll) - right * np.sin(roll)
    unfitted = Camera(geometry.center_lps, forward, up, 1.0)
    offsets = geometry.corners_lps - geometry.center_lps
    half_width = np.abs(offsets @ unfitted.right_lps).max() + max(geometry.spacing_mm) / 2
    half_height = np.abs(offsets @ unfitted.up_lps).max() + max(geometry.spacing_mm) / 2
    height = 2 * max(half_height, half_width * size[1] / size[0]) * FIT_MARGIN / zoom
    return Camera(unfitted.center_lps, unfitted.forward_lps, unfitted.up_lps, float(height), view_angle_deg)


def orientation_letters(camera: Camera) -> dict[str, str]:
    """Patient direction at each border of the picture (PS3.3 C.7.6.1.1.1).

    Returns
    -------
    dict
        Keys ``left, right, top, bottom``; values such as ``R``, ``H`` or ``RA`` where the view is oblique.
    """
    return {
        "right": direction_letters(camera.right_lps),
        "left": direction_letters(-camera.right_lps),
        "top": direction_letters(camera.up_lps),
        "bottom": direction_letters(-camera.up_lps),
    }


def direction_letters(direction_lps: Array, significant: float = 0.2) -> str:
    """Letters of a direction, the strongest first; components below ``significant`` are left out."""
    pairs = zip(direction_lps, ("LR", "PA", "HF"), strict=True)
    named = sorted(((abs(v), names[0] if v > 0 else names[1]) for v, names in pairs), reverse=True)
    return "".join(letter for size, letter in named if size > significant)
