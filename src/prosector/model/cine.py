"""A run of pictures of a volume: a camera that moves, or a slab that does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import InputError
from prosector.model.camera import Camera
from prosector.model.geometry import Array, frozen
from prosector.model.rendering import Rendering

MOTIONS = ("rotate", "rock", "sweep")
"""Once around an axis; to and fro about it; a slab that moves along it."""


@dataclass(frozen=True, eq=False)
class Cine:
    """Frames and how they came about.

    Parameters
    ----------
    frames : (n, height, width, 3) uint8 array
        RGB as displayed.
    frame_time_ms : float
        How long each frame stands.
    cameras : tuple of Camera
        One a frame.
    method, preset : str
        As of a :class:`Rendering`.
    motion : str
        One of MOTIONS.
    letters : tuple of dict
        Patient directions at the borders, one dict a frame.
    annotated, burned_in_identity : bool
        As of a :class:`Rendering`.
    """

    frames: Array
    frame_time_ms: float
    cameras: tuple[Camera, ...]
    method: str
    preset: str
    motion: str
    letters: tuple[dict[str, str], ...]
    annotated: bool = False
    burned_in_identity: bool = False

    def __post_init__(self) -> None:
        frames = frozen(self.frames, np.uint8)
        if frames.ndim != 4 or frames.shape[3] != 3 or not len(frames):
            raise InputError(f"a cine's frames are (n, height, width, 3), at least one; found {frames.shape}")
        if not len(frames) == len(self.cameras) == len(self.letters):
            raise InputError(
                f"a cine has a camera and letters for every frame; found {len(frames)} frames, "
                f"{len(self.cameras)} cameras and {len(self.letters)} letters"
            )
        if not (np.isfinite(self.frame_time_ms) and self.frame_time_ms > 0):
            raise InputError(f"a frame stands for more than 0 ms; found {self.frame_time_ms}")
        if self.motion not in MOTIONS:
            raise InputError(f"a cine's motion is one of {', '.join(MOTIONS)}; found {self.motion!r}")
        object.__setattr__(self, "frames", frames)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.frames.shape[2], self.frames.shape[1]

    @property
    def duration_s(self) -> float:
        """How long one run takes."""
        return len(self.frames) * self.frame_time_ms / 1000

    def frame(self, number: int) -> Rendering:
        """One frame, from 0, as a picture."""
        return Rendering(
            self.frames[number],
            self.cameras[number],
            self.method,
            self.preset,
            self.letters[number],
            annotated=self.annotated,
            burned_in_identity=self.burned_in_identity,
        )
