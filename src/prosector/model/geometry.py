"""Where voxels lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prosector.errors import GeometryError

Array = NDArray[Any]

ORTHOGONAL_TOLERANCE = 1e-4
"""Largest cosine between two index axes that still counts as a right angle (0.006°)."""

AFFINE_TOLERANCE_MM = 1e-3
"""Two grids are the same when no corner differs by more than this."""


def frozen(array: ArrayLike, dtype: Any = None) -> Array:
    """Return a read-only C-contiguous array; copies only when it must."""
    result = np.ascontiguousarray(array, dtype=dtype)
    if result.flags.writeable:
        result = result.view()
        result.flags.writeable = False
    return result


@dataclass(frozen=True, eq=False)
class Geometry:
    """A grid of voxels in patient space.

    Parameters
    ----------
    shape : tuple of int
        (k, j, i): slices, rows, columns.
    affine : (4, 4) array
        From index (k, j, i, 1) to DICOM patient space (L, P, S) in millimetres, to voxel centres.
        Any invertible matrix is valid: a gantry tilt is a shear, a mirrored acquisition a negative
        determinant.
    frame_of_reference_uid : str
        Frame of Reference UID (0020,0052), empty where there is none.

    Raises
    ------
    GeometryError
        If the shape is not three positive numbers, or the affine is not finite and invertible.
    """

    shape: tuple[int, int, int]
    affine: Array
    frame_of_reference_uid: str = ""

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise GeometryError(f"a volume's shape is three positive numbers (k, j, i); found {self.shape}")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError("an affine is a finite 4×4 matrix from index (k, j, i) to LPS mm")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-12 or not np.array_equal(affine[3], (0, 0, 0, 1)):
            raise GeometryError(
                "the affine cannot be inverted: two index axes point the same way, or one has no length"
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", frozen(affine))

    @cached_property
    def inverse(self) -> Array:
        """(4, 4) matrix from LPS mm to index (k, j, i)."""
        return frozen(np.linalg.inv(self.affine))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Length of one step along k, j and i, in millimetres.

        Along k this is the distance between neighbouring slices' first voxels; under a gantry tilt it
        is longer than :attr:`slice_distance_mm`.
        """
        k, j, i = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(k), float(j), float(i)

    @property
    def normal_lps(self) -> Array:
        """Unit normal of the slices, row direction × column direction (PS3.3 C.7.6.2.1.1)."""
        normal = np.cross(self.affine[:3, 2], self.affine[:3, 1])
        return np.asarray(normal / np.linalg.norm(normal))

    @property
    def slice_distance_mm(self) -> float:
        """Perpendicular distance between neighbouring slices, in millimetres."""
        return abs(float(self.normal_lps @ self.affine[:3, 0]))

    @property
    def tilt_degrees(self) -> float:
        """Angle between the slice step and the slice normal; 0 for an orthogonal grid."""
        cosine = self.slice_distance_mm / self.spacing_mm[0]
        return float(np.degrees(np.arccos(min(1.0, cosine))))

    @property
    def is_orthogonal(self) -> bool:
        """Whether the index axes are at right angles."""
        axes = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return bool(np.abs(axes.T @ axes - np.eye(3)).max() < ORTHOGONAL_TOLERANCE)

    @property
    def is_right_handed(self) -> bool:
        """Whether (i, j, k) form a right-handed system in LPS."""
        return bool(np.linalg.det(self.affine[:3, [2, 1, 0]]) > 0)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        return abs(float(np.linalg.det(self.affine[:3, :3])))

    @cached_property
    def corners_lps(self) -> Array:
        """(8, 3) corners of the outermost voxel centres, LPS mm."""
        top = np.array(self.shape) - 1
        index = np.array([[a, b, c] for a in (0, top[0]) for b in (0, top[1]) for c in (0, top[2])])
        return self.to_lps(index)

    @property
    def center_lps(self) -> Array:
        """Middle of the grid, LPS mm."""
        return self.to_lps((np.array(self.shape) - 1) / 2.0)

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Length of the grid along k, j and i, voxel edges included."""
        k, j, i = (n * s for n, s in zip(self.shape, self.spacing_mm, strict=True))
        return k, j, i

    def to_lps(self, index: ArrayLike) -> Array:
        """Map (..., 3) indices (k, j, i) to LPS millimetres."""
        return np.asarray(index, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, points_lps: ArrayLike) -> Array:
        """Map (..., 3) LPS points in millimetres to fractional indices (k, j, i)."""
        return np.asarray(points_lps, dtype=np.float64) @ self.inverse[:3, :3].T + self.inverse[:3, 3]

    def matches(self, other: Geometry) -> bool:
        """Whether the other grid is the same: shape, and every corner within 0.001 mm."""
        return self.shape == other.shape and bool(
            np.abs(self.corners_lps - other.corners_lps).max() < AFFINE_TOLERANCE_MM
        )

    def require_same(self, other: Geometry, what: str) -> None:
        """Raise GeometryError unless ``other`` (named ``what``) lies on this grid."""
        if not self.matches(other):
            raise GeometryError(
                f"{what} lies on another grid: shape {other.shape} against {self.shape}, "
                f"spacing {_round(other.spacing_mm)} mm against {_round(self.spacing_mm)} mm; "
                "use one made from the same series"
            )


def _round(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(v, 3) for v in values)
