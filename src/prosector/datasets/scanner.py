"""A scanner for test objects: any grid, exact partial volume, point spread, slice profile, noise, bias field.

A voxel's value is the mean of the scene over pixel × pixel × slice thickness, the thickness taken along the slice
normal and not along a tilted table feed, then blurred in the plane by a Gaussian.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter

from prosector.datasets.shapes import Points, Shape, distance
from prosector.errors import ParameterError, UnknownNameError
from prosector.model.geometry import Array, Geometry

ORIENTATIONS: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    "axial": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "axial-downwards": ((1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "coronal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "sagittal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
    "oblique": ((0.8, 0.6, 0), (-0.36, 0.48, 0.8), (0.48, -0.64, 0.6)),
}
"""Direction of rows (i), of columns (j) and from slice to slice (k), in LPS."""

MATERIALS: dict[str, dict[str, float]] = {
    "CT": {"air": -1000, "tissue": 50, "vessel": 350, "bone": 1200, "marrow": 320, "lesion": 110},
    "MR": {"air": 0, "tissue": 300, "vessel": 900, "bone": 60, "marrow": 420, "lesion": 600},
}
"""Values of the materials, HU or arbitrary units; arteries as in CT angiography or contrast-enhanced MRA."""

FWHM_PER_SIGMA = 2.3548
BRICK = 16
"""Voxels along the side of the blocks that are computed at a time."""

FINENESS = 2.5
"""Samples along the shortest side of a voxel where a boundary crosses it."""

LARGEST_MM = 6.0
"""Spacing and thickness up to which distances (shapes.FAR) reach from a voxel's centre to its corners."""


@dataclass(frozen=True)
class Scan:
    """How a test object is scanned.

    Parameters
    ----------
    spacing_mm : (k, j, i)
        Table feed from slice to slice, distance of rows, distance of columns.
    orientation : str
        A row of ORIENTATIONS.
    tilt_deg : float
        Turns the image plane about its rows while the feed stays: a sheared grid, as a tilted gantry makes.
    modality : str
        CT (int16, Hounsfield units) or MR (uint16, arbitrary units).
    noise : float
        Standard deviation in HU or units; Rician for MR.
    blur_mm : float
        Full width at half maximum of the point spread in the plane.
    thickness_mm : float or None
        Width of the slice profile; None takes the distance between slices.
    bias : float
        MR only: largest relative deviation of the coil's sensitivity from 1.
    seed : int
        Of the noise and of where the grid lies under the object (a fraction of a voxel).
    materials : mapping
        Values that replace those of MATERIALS.
    """

    spacing_mm: tuple[float, float, float] = (0.8, 0.7, 0.7)
    orientation: str = "axial"
    tilt_deg: float = 0.0
    modality: str = "CT"
    noise: float = 15.0
    blur_mm: float = 0.9
    thickness_mm: float | None = None
    bias: float = 0.0
    seed: int = 1
    materials: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.orientation not in ORIENTATIONS:
            raise UnknownNameError("orientation", self.orientation, ORIENTATIONS)
        if self.modality not in MATERIALS:
            raise UnknownNameError("modality of a phantom", self.modality, MATERIALS)
        for name in self.materials:
            if name not in MATERIALS[self.modality]:
                raise UnknownNameError("material", name, MATERIALS[self.modality])
        sizes = (*self.spacing_mm, self.spacing_mm[0] if self.thickness_mm is None else self.thickness_mm)
        if len(self.spacing_mm) != 3 or not all(0.05 <= s <= LARGEST_MM for s in sizes):
            raise ParameterError(f"spacing and slice thickness are from 0.05 to {LARGEST_MM:g} mm; found {sizes}")
        if not (abs(self.tilt_deg) <= 45 and self.noise >= 0 and 0 <= self.blur_mm <= 20 and 0 <= self.bias < 1):
            raise ParameterError("tilt is up to 45°, noise 0 or more, blur 0 to 20 mm and bias 0 to below 1")
        if self.seed < 0:
            raise ParameterError(f"a seed is 0 or more; found {self.seed}")

    def value(self, material: str) -> float:
        """HU or units of a material."""
        return float(self.materials.get(material, MATERIALS[self.modality][material]))


@dataclass(frozen=True, eq=False)
class Part:
    """Something in the scene: painted over what came before; one without a name gets no label.

    Where the ``core`` reaches, what is inside ``shape`` is of ``core_material``: marrow, which a fracture lays bare.
    """

    shape: Shape
    material: str
    name: str = ""
    structure: str = ""
    core: Shape | None = None
    core_material: str = ""

    def value(self, points: Points, width: float, scan: Scan) -> Array:
        """Mean value of its materials in small cubes around the points."""
        shell = np.full(len(points.xyz), scan.value(self.material))
        if self.core is not None and points.reaches(self.core):
            share = _share(distance(self.core, points), width)
            shell += share * (scan.value(self.core_material) - shell)
        return shell


def _share(d: Array, width: float) -> Array:
    """How much of a small cube lies inside a face at signed distance ``d`` from its centre."""
    if width == 0:
        return np.asarray((d < 0).astype(np.float64))
    return np.asarray(np.clip(0.5 - d / width, 0, 1))


def build_scan_grid(low_lps: Array, high_lps: Array, scan: Scan) -> Geometry:
    """The grid of a scan that covers a box (LPS mm), shifted by a random fraction of a voxel."""
    row, column, step = (np.array(v) for v in ORIENTATIONS[scan.orientation])
    angle = np.radians(scan.tilt_deg)
    column = np.cos(angle) * column + np.sin(angle) * step
    affine = np.eye(4)
    affine[:3, :3] = np.stack([step, column, row], axis=1) * scan.spacing_mm
    box = np.array([low_lps, high_lps])
    corners = np.array([[box[a][0], box[b][1], box[c][2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    index = corners @ np.linalg.inv(affine[:3, :3]).T
    shift = np.random.default_rng([scan.seed, 7]).uniform(-0.5, 0.5, 3)
    first = np.floor(index.min(axis=0)) + shift
    k, j, i = (int(n) for n in np.ceil(index.max(axis=0) - first) + 1)
    affine[:3, 3] = affine[:3, :3] @ first
    return Geometry((k, j, i), affine)


def scan_scene(parts: Sequence[Part], geometry: Geometry, scan: Scan) -> tuple[Array, Array]:
    """Scan a scene.

    Returns
    -------
    voxels : (k, j, i) int16 or uint16 array
    labels : (k, j, i) uint8 array
        Number of the last named part (from 1, in their order) at each voxel's centre.
    """
    ideal, labels = integrate(parts, geometry, scan)
    sigma = scan.blur_mm / FWHM_PER_SIGMA
    spacing = geometry.spacing_mm
    if sigma > 0:
        ideal = gaussian_filter(ideal, (0, sigma / spacing[1], sigma / spacing[2]), mode="nearest")
    return _received(ideal, geometry, scan), labels


def integrate(parts: Sequence[Part], geometry: Geometry, scan: Scan) -> tuple[Array, Array]:
    """Mean of the scene over each voxel's pixel area and slice thickness, float32, and the labels (uint8)."""
    values = np.empty(geometry.shape, dtype=np.float32)
    labels = np.empty(geometry.shape, dtype=np.uint8)
    offsets, width = _subsamples(geometry, scan)
    reach = float(np.linalg.norm(offsets, axis=1).max()) + width
    for brick in _bricks(geometry.shape):
        block = values[brick]
        xyz = geometry.to_lps(np.indices(block.shape).reshape(3, -1).T + [s.start for s in brick])
        looks, names = _look(parts, xyz, scan)
        flat = np.full(len(xyz), scan.value("air"))
        mixed = np.zeros(len(xyz), dtype=bool)
        for look in looks:
            flat[look.inside] = look.value[look.inside]
            mixed |= look.edge < reach
        if mixed.any():
            flat[mixed] = _blend(looks, xyz, np.flatnonzero(mixed), offsets, width, scan)
        values[brick], labels[brick] = flat.reshape(block.shape), names.reshape(block.shape)
    return values, labels


def _bricks(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    for index in np.ndindex(*(-(-n // BRICK) for n in shape)):
        yield tuple(slice(n * BRICK, min((n + 1) * BRICK, size)) for n, size in zip(index, shape, strict=True))


def _subsamples(geometry: Geometry, scan: Scan) -> tuple[Array, float]:
    """(n, 3) offsets in mm that fill the pixel and the slice profile evenly, and the side of what each stands for."""
    axes = geometry.affine[:3, :3]
    thickness = scan.thickness_mm or geometry.slice_distance_mm
    sides = [geometry.normal_lps * thickness, axes[:, 1], axes[:, 2]]
    lengths = np.linalg.norm(sides, axis=1)
    counts = np.ceil(FINENESS * lengths / lengths.min()).astype(int)
    steps = np.meshgrid(*((np.arange(n) + 0.5) / n - 0.5 for n in counts), indexing="ij")
    offsets = np.stack(steps, axis=-1).reshape(-1, 3) @ np.array(sides)
    return offsets, float(np.cbrt(np.prod(lengths / counts)))


@dataclass(frozen=True, eq=False)
class _Look:
    """A part at voxel centres: whether inside, its value there, and distance from the nearest boundary in or of it."""

    part: Part
    inside: Array
    value: Array
    edge: Array


def _look(parts: Sequence[Part], xyz: Array, scan: Scan) -> tuple[list[_Look], Array]:
    """The parts within reach, and the label of each point."""
    points = Points.of(xyz)
    looks = []
    names = np.zeros(len(xyz), dtype=np.uint8)
    number = 0
    for part in parts:
        number += bool(part.name)
        if not points.reaches(part.shape):
            continue
        d = distance(part.shape, points)
        edge = np.abs(d)
        if part.core is not None:
            edge = np.minimum(edge, np.where(d < 0, np.abs(distance(part.core, points)), np.inf))
        looks.append(_Look(part, d < 0, part.value(points, 0.0, scan), edge))
        if part.name:
            names[d < 0] = number
    return looks, names


def _blend(looks: Sequence[_Look], xyz: Array, chosen: Array, offsets: Array, width: float, scan: Scan) -> Array:
    """Mean over the samples around each chosen point, each a small cube in which a face counts as flat.

    A part is looked at closely only where one of its faces may cross the voxel.
    """
    values = np.full((len(chosen), len(offsets)), scan.value("air"))
    reach = float(np.linalg.norm(offsets, axis=1).max()) + width
    for look in looks:
        near, inside = look.edge[chosen] < reach, look.inside[chosen]
        whole = inside & ~near
        values[whole] = look.value[chosen[whole], None]
        if near.any():
            fine = Points.of((xyz[chosen[near], None, :] + offsets).reshape(-1, 3))
            share = _share(distance(look.part.shape, fine), width)
            old = values[near].ravel()
            values[near] = (old + share * (look.part.value(fine, width, scan) - old)).reshape(-1, len(offsets))
    return np.asarray(values.mean(axis=1))


def _received(ideal: Array, geometry: Geometry, scan: Scan) -> Array:
    """Bias field, noise and rounding, slice by slice."""
    if scan.modality == "MR":
        ideal = ideal * _sensitivity(geometry, scan)
    stored = np.empty(ideal.shape, dtype=np.int16 if scan.modality == "CT" else np.uint16)
    for k, plane in enumerate(ideal):
        rng = np.random.default_rng([scan.seed, 11, k])
        noisy = plane + scan.noise * _texture(rng, plane.shape)
        if scan.modality == "CT":
            stored[k] = np.clip(np.rint(noisy), -1024, 3071)
        else:  # magnitude of a complex signal: Gudbjartsson & Patz, Magn Reson Med 1995;34:910
            stored[k] = np.clip(np.rint(np.hypot(noisy, scan.noise * rng.standard_normal(plane.shape))), 0, 4095)
    return stored


def _texture(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Noise of unit deviation, correlated in the plane over about a pixel, as a soft kernel leaves it."""
    white = gaussian_filter(rng.standard_normal(shape), 0.5, mode="wrap")
    return np.asarray(white / white.std())


def _sensitivity(geometry: Geometry, scan: Scan) -> Array:
    """A smooth field of largest deviation ``bias`` from 1: half a wave across the field of view."""
    k, j, i = (np.linspace(-0.5, 0.5, n) for n in geometry.shape)
    wave = np.cos(np.pi * k)[:, None, None] * (np.sin(np.pi * j)[:, None] * 0.6 + np.sin(np.pi * i) * 0.4)
    return np.asarray(1 + scan.bias * wave)
