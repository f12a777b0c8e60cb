"""Bone fragments: size, gap and step-off at the fracture, and what it takes to bring them back in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from prosector.errors import EmptyResultError, InputError, ParameterError
from prosector.measurement import fragments_definitions as definitions
from prosector.measurement.fragments_faces import FractureLine, find_line
from prosector.measurement.fragments_icp import Registration, register
from prosector.measurement.fragments_surface import Surface, find_surface
from prosector.measurement.uncertainty import of_distance
from prosector.measurement.warnings import grid_warnings
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap
from prosector.model.measurement import Contribution, Definition, Measurement, Measurements, Point, RigidTransform
from prosector.model.volume import Volume

KEEP = 0.9
"""Share of a fragment's surface, its fracture faces left out, that has a counterpart on the intact bone."""

REACH_MM = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """What shows where fragments belong.

    Parameters
    ----------
    segment : str
        Name of the intact bone.
    mirrored : bool
        Whether it is that of the other side.
    plane : (point, normal) or None
        Midsagittal plane, LPS; None takes the plane across L midway between both sides. It is only where the search
        begins: the mirror image is then brought onto the reference fragment.
    """

    segment: str
    mirrored: bool = True
    plane: tuple[Array, Array] | None = None


def measure_fragments(
    labels: LabelMap,
    volume: Volume | None = None,
    *,
    fragments: Sequence[str] = (),
    reference: str = "",
    place: Place | None = None,
    reach_mm: float = REACH_MM,
) -> Measurements:
    """Measure bone fragments and their displacement.

    Parameters
    ----------
    labels : LabelMap
        One segment for each fragment, marrow filled.
    volume : Volume, optional
        On the same grid: the surfaces are then found between voxels.
    fragments : sequence of str
        Names; empty takes all segments except that of ``place``.
    reference : str
        The fragment that stays; empty takes the largest.
    place : Place, optional
        The intact bone against which displacement is measured; without it there are sizes, gaps and steps only.
    reach_mm : float
        Faces further apart are no fracture line.

    Returns
    -------
    Measurements
        For each fragment volume and extents; for each pair with opposed faces gap, step-off and facing area; with
        ``place`` for each fragment but the reference translation, rotation and their parts, and the rigid transform
        that takes its points to where they belong, LPS mm, the reference fragment left where it is.

    Raises
    ------
    InputError
        If a segment is not there.
    EmptyResultError
        If a segment holds no voxel.
    ParameterError
        If there is no fragment, the reference is none of them, or the reach is not above 0 mm.
    GeometryError
        If the volume lies on another grid.
    """
    names = _names(labels, fragments, place)
    if not (np.isfinite(reach_mm) and reach_mm > 0):
        raise ParameterError(f"the reach across a fracture is above 0 mm; found {reach_mm}")
    surfaces = {name: find_surface(labels, name, volume) for name in names}
    reference = reference or max(names, key=lambda name: surfaces[name].mesh.volume_mm3)
    if reference not in names:
        raise ParameterError(f"the reference {reference!r} is none of the fragments {', '.join(names)}")
    ordered = [reference, *(name for name in names if name != reference)]
    items = [item for name in names for item in _sizes(name, surfaces[name], labels)]
    lines = {}
    for a, b in combinations(ordered, 2):
        line = find_line(surfaces[a], surfaces[b], reach_mm)
        if line is not None:
            lines[a, b] = line
            items += _line_items(f"{b} from {a}", line, labels.geometry)
    warnings = list(grid_warnings(labels.geometry, volume.source if volume else None))
    if volume is None:
        warnings.append("no volume was given: surfaces are those of the labels, to about half a voxel")
    warnings += _unseen(surfaces)
    if len(names) > 1 and not lines:
        warnings.append(f"no opposed faces within {reach_mm:g} mm: no gap or step-off")
    transforms: tuple[RigidTransform, ...] = ()
    if place is not None:
        more, transforms = _displacements(ordered, surfaces, lines, place, find_surface(labels, place.segment, volume))
        items += more
    return Measurements(tuple(items), (), transforms, tuple(warnings))


def _names(labels: LabelMap, fragments: Sequence[str], place: Place | None) -> list[str]:
    there = [s.name for s in labels.segments]
    chosen = list(fragments) or [name for name in there if place is None or name != place.segment]
    for name in [*chosen, *([place.segment] if place else [])]:
        if name not in there:
            raise InputError(f"no segment {name!r} here; there are: {', '.join(there)}")
    if not chosen:
        raise ParameterError("there is no fragment to measure")
    if len(set(chosen)) < len(chosen) or (place is not None and place.segment in chosen):
        raise ParameterError("each fragment is named once, and the intact bone is none of them")
    return chosen


def _unseen(surfaces: Mapping[str, Surface]) -> list[str]:
    shares = {name: 1 - float(s.seen.mean()) for name, s in surfaces.items() if s.seen.any()}
    return [
        f"{share:.0%} of the border of {name} does not show in the values"
        for name, share in shares.items()
        if share > 0.1
    ]


def _point(place: Array) -> Point:
    x, y, z = (float(v) for v in place)
    return x, y, z


def _sizes(name: str, surface: Surface, labels: LabelMap) -> list[Measurement]:
    index = np.argwhere(labels.mask(name))
    if not len(index):
        raise EmptyResultError(f"segment {name!r} holds no voxel")
    centers = labels.geometry.to_lps(index)
    middle = centers.mean(axis=0)
    axes = np.linalg.eigh(np.cov((centers - middle).T) if len(index) > 3 else np.eye(3))[1].T[::-1]
    skin = Contribution("voxel spacing", float(surface.mesh.area_mm2 * np.median(surface.step_mm) / 2 / 3))
    found = [Measurement(definitions.VOLUME, surface.mesh.volume_mm3, name, (skin,), (_point(middle),))]
    for definition, axis in zip(definitions.EXTENTS, axes, strict=True):
        reach = surface.points @ axis
        ends = surface.points[[int(np.argmin(reach)), int(np.argmax(reach))]]
        on_axis = tuple(_point(middle + ((end - middle) @ axis) * axis) for end in ends)
        spread = of_distance(np.array(on_axis[0]), np.array(on_axis[1]), labels.geometry)
        found.append(Measurement(definition, float(np.ptp(reach)), name, (spread,), on_axis))
    return found


def _line_items(of: str, line: FractureLine, geometry: Geometry) -> list[Measurement]:
    start = line.center - line.gap_mm / 2 * line.normal
    ends = np.array([start, start + line.gap_mm * line.normal])
    widest = of_distance(line.gap_ends[0], line.gap_ends[1], geometry)
    items = [
        Measurement(
            definitions.GAP, line.gap_mm, of, (of_distance(ends[0], ends[1], geometry),), tuple(map(_point, ends))
        ),
        Measurement(definitions.LARGEST_GAP, line.largest_gap_mm, of, (widest,), tuple(map(_point, line.gap_ends))),
        Measurement(definitions.FACE_AREA, line.area_mm2, of, (), (_point(line.center),)),
    ]
    if line.step is not None:
        size = float(np.linalg.norm(line.step))
        to = line.center + line.step
        spread = of_distance(line.center, to, geometry)
        items.insert(2, Measurement(definitions.STEP, size, of, (spread,), (_point(line.center), _point(to))))
    return items


def _displacements(
    ordered: Sequence[str],
    surfaces: Mapping[str, Surface],
    lines: Mapping[tuple[str, str], FractureLine],
    place: Place,
    intact: Surface,
) -> tuple[list[Measurement], tuple[RigidTransform, ...]]:
    target, target_normals = _template(intact, place, surfaces[ordered[0]])
    homes = {}
    for name in ordered:
        outer = _without_faces(name, surfaces[name], lines)
        homes[name] = register(
            surfaces[name].points[outer], surfaces[name].normals[outer], target, target_normals, KEEP
        )
    reference = ordered[0]
    back = np.linalg.inv(homes[reference].matrix)
    items, transforms = [], []
    for name in ordered[1:]:
        matrix = back @ homes[name].matrix
        of = f"{name} to {reference}"
        items += _motion(of, matrix, surfaces[name], homes[name], homes[reference])
        transforms.append(RigidTransform("reduction", matrix, name))
    return items, tuple(transforms)


def _template(intact: Surface, place: Place, reference: Surface) -> tuple[Array, Array]:
    """Points and normals of the intact bone, mirrored where it is that of the other side."""
    if not place.mirrored:
        return intact.points, intact.normals
    if place.plane is not None:
        point, normal = (np.asarray(v, dtype=np.float64) for v in place.plane)
        length = float(np.linalg.norm(normal))
        if not (np.isfinite([*point, *normal]).all() and length > 0):
            raise ParameterError("a plane of symmetry is a point and a normal that is not zero")
        normal = normal / length
    else:
        point, normal = (intact.points.mean(axis=0) + reference.points.mean(axis=0)) / 2, np.array([1.0, 0, 0])
    flip = np.eye(3) - 2 * np.outer(normal, normal)
    return (intact.points - point) @ flip + point, intact.normals @ flip


def _without_faces(name: str, surface: Surface, lines: Mapping[tuple[str, str], FractureLine]) -> Array:
    outer = np.ones(len(surface.points), dtype=bool)
    for (a, b), line in lines.items():
        if name == a:
            outer[line.first] = False
        elif name == b:
            outer[line.second] = False
    return np.flatnonzero(outer)


def _motion(of: str, matrix: Array, surface: Surface, own: Registration, base: Registration) -> list[Measurement]:
    middle = surface.points.mean(axis=0)
    moved = matrix[:3, :3] @ middle + matrix[:3, 3]
    shift, turn = moved - middle, rotation_vector(matrix[:3, :3])
    where = (_point(middle), _point(moved))
    residual = float(np.hypot(own.residual_mm, base.residual_mm))
    half = Contribution("voxel spacing", float(np.median(surface.step_mm)) / 2)
    arm = float(np.sqrt(np.mean(((surface.points - middle) ** 2).sum(axis=1))))
    tilt = Contribution("voxel spacing", float(np.degrees(half.half_width / arm)))
    doubts = _doubts(own, base, float(np.median(surface.step_mm)))

    def said(definition: Definition, value: float, part: Contribution) -> Measurement:
        return Measurement(definition, float(value), of, (part,), where, doubts)

    items = [said(definitions.TRANSLATION, float(np.linalg.norm(shift)), half)]
    items += [said(d, v, half) for d, v in zip(definitions.TRANSLATION_PARTS, shift, strict=True)]
    items.append(said(definitions.ROTATION, float(np.linalg.norm(turn)), tilt))
    items += [said(d, v, tilt) for d, v in zip(definitions.ROTATION_PARTS, turn, strict=True)]
    items.append(Measurement(definitions.RESIDUAL, residual, of))
    return items


def _doubts(own: Registration, base: Registration, step_mm: float) -> tuple[str, ...]:
    found = []
    if max(own.residual_mm, base.residual_mm) > step_mm:
        found.append("the surfaces fit to more than a voxel: both sides may differ, or a fragment is not one piece")
    if min(own.kept, base.kept) < 0.75 * KEEP:
        found.append("less than expected of the surface found a counterpart on the intact bone")
    return tuple(found)


def rotation_vector(rotation: Array) -> Array:
    """Axis times angle in degrees of a 3×3 rotation."""
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    twist = np.array(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
    )
    if angle < 1e-9:
        return np.zeros(3)
    if np.pi - angle < 1e-6:  # the antisymmetric part vanishes: the axis is in the symmetric one
        return np.asarray(np.degrees(angle) * np.linalg.eigh(rotation + rotation.T)[1][:, -1])
    return np.asarray(np.degrees(angle) * twist / (2 * np.sin(angle)))
