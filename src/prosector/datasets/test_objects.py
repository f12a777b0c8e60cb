"""Test objects: analytic CT and MR scans of which every measure is known.

One table of kinds, from which the command line and the documentation are made. ``build_test_object`` is pure;
the same arguments give the same voxels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from prosector.datasets import test_objects_contact as contact
from prosector.datasets import test_objects_vessels as vessels
from prosector.datasets.scanner import Part, Scan, build_scan_grid, scan_scene
from prosector.datasets.shapes_exact import RoundedBox
from prosector.datasets.test_objects_fracture import fracture_scene
from prosector.datasets.test_objects_scene import Numbers, Scene
from prosector.errors import ParameterError, UnknownNameError
from prosector.model.labels import LabelMap, Segment
from prosector.model.source import Acquisition, Equipment, Patient, Source, Study
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume

TISSUE_MM, AIR_MM = 12.0, 5.0
"""Soft tissue around the object, and air around that."""

LARGEST_VOXELS = 400_000_000


@dataclass(frozen=True)
class Kind:
    """A kind of test object: how its scene is built, its parameters with their defaults, and what it is for."""

    build: Callable[[Numbers], Scene]
    parameters: Numbers
    help: str


_TUBE = {"diameter_mm": 6.0, "length_mm": 45.0, **vessels.POSED}

KINDS: dict[str, Kind] = {
    "tube": Kind(vessels.tube_scene, _TUBE, "a straight vessel"),
    "bent-tube": Kind(
        vessels.bent_scene,
        {"diameter_mm": 6.0, "bend_radius_mm": 22.0, "bend_deg": 140.0, **vessels.POSED},
        "a vessel along an arc of a circle",
    ),
    "stenosis": Kind(
        vessels.stenosis_scene,
        {**_TUBE, "diameter_mm": 7.0, "length_mm": 60.0, "stenosis_percent": 55.0, "stenosis_length_mm": 14.0},
        "a vessel that narrows smoothly",
    ),
    "fusiform": Kind(
        vessels.fusiform_scene,
        {**_TUBE, "diameter_mm": 9.0, "length_mm": 70.0, "aneurysm_mm": 20.0, "aneurysm_length_mm": 36.0},
        "a vessel that widens all round",
    ),
    "aneurysm": Kind(
        vessels.saccular_scene,
        {**_TUBE, "diameter_mm": 4.5, "length_mm": 40.0, "sac_mm": 10.0, "neck_mm": 4.0, "neck_length_mm": 1.5},
        "a ball on a neck beside a vessel",
    ),
    "fork": Kind(
        vessels.fork_scene,
        {**_TUBE, "diameter_mm": 8.0, "length_mm": 60.0, "branch_mm": 6.0, "fork_deg": 60.0},
        "a vessel with two branches",
    ),
    "fracture": Kind(
        fracture_scene,
        {"gap_mm": 3.0, "step_mm": 2.0, "rotation_deg": 0.0, "angulation_deg": 0.0, "cortex_mm": 2.5},
        "a broken bone with its intact mirror image on the other side",
    ),
    "tumour": Kind(
        contact.tumour_scene,
        {**_TUBE, "tumour_mm": 16.0, "distance_mm": 3.0},
        "a ball at a distance from a vessel",
    ),
    "encasement": Kind(
        contact.encasement_scene,
        {**_TUBE, "tumour_mm": 8.0, "contact_mm": 18.0, "encasement_deg": 150.0},
        "a tumour around part of a vessel's circumference",
    ),
    "joint": Kind(
        contact.joint_scene,
        {"head_mm": 30.0, "gap_mm": 2.0, "wall_mm": 7.0, **vessels.POSED},
        "a ball in a socket, nearly touching",
    ),
    "bone-vessel": Kind(
        contact.beside_bone_scene,
        {**_TUBE, "diameter_mm": 4.5, "distance_mm": 1.2, "bone_mm": 16.0, "cortex_mm": 2.5},
        "a vessel along a bone with marrow",
    ),
    "balls": Kind(
        contact.balls_scene,
        {"smallest_mm": 4.0, "largest_mm": 14.0, "count": 5.0, "gap_mm": 4.0, **vessels.POSED},
        "balls of growing size",
    ),
}
"""Every kind of test object by name."""


@dataclass(frozen=True, eq=False)
class Phantom:
    """A scanned test object.

    Parameters
    ----------
    kind : str
    volume : Volume
        int16 Hounsfield units, or uint16 arbitrary units for MR.
    labels : LabelMap
        The part at each voxel's centre.
    truth : dict
        JSON-ready: ``quantities`` (name, of, value, unit, definition, where_lps), points, centre lines and
        transforms in LPS mm, and the settings of the scan.
    """

    kind: str
    volume: Volume
    labels: LabelMap
    truth: dict[str, Any]

    def value(self, name: str, of: str | None = None) -> float:
        """A true number by name, and by what it is of where several have the name."""
        for row in self.truth["quantities"]:
            if row["name"] == name and (of is None or row["of"] == of):
                return float(row["value"])
        raise UnknownNameError("true quantity", name, {row["name"] for row in self.truth["quantities"]})


def build_test_object(kind: str, scan: Scan | None = None, **parameters: float) -> Phantom:
    """Scan a test object.

    Parameters
    ----------
    kind : str
        A row of KINDS.
    scan : Scan
        Grid, noise, blur and materials.
    **parameters
        Of the kind; millimetres, degrees or percent, as the names say.

    Raises
    ------
    UnknownNameError
        For a kind or parameter that does not exist.
    ParameterError
        For a parameter out of its range, or a grid of more than 400 million voxels.
    """
    scan = scan or Scan()
    if kind not in KINDS:
        raise UnknownNameError("kind of phantom", kind, KINDS)
    for name in parameters:
        if name not in KINDS[kind].parameters:
            raise UnknownNameError(f"parameter of phantom {kind!r}", name, KINDS[kind].parameters)
    chosen = {name: float(value) for name, value in {**KINDS[kind].parameters, **parameters}.items()}
    _check(chosen)
    scene = KINDS[kind].build(chosen)
    low = np.min([part.shape.low for part in scene.parts], axis=0) - TISSUE_MM
    high = np.max([part.shape.high for part in scene.parts], axis=0) + TISSUE_MM
    body = Part(RoundedBox((low + high) / 2, (high - low) / 2, 0.8 * TISSUE_MM), "tissue")
    geometry = build_scan_grid(low - AIR_MM, high + AIR_MM, scan)
    if np.prod(geometry.shape, dtype=np.float64) > LARGEST_VOXELS:
        raise ParameterError(f"a grid of {geometry.shape} voxels is too large; choose a wider spacing")
    voxels, numbers = scan_scene((body, *scene.parts), geometry, scan)
    unit = HOUNSFIELD if scan.modality == "CT" else "1"
    named = [part for part in scene.parts if part.name]
    segments = tuple(
        Segment(n, part.name, structure(part.structure), algorithm_name="truth") for n, part in enumerate(named, 1)
    )
    volume = Volume(voxels, geometry, unit, _source(kind, scan, geometry.slice_distance_mm))
    return Phantom(kind, volume, LabelMap(numbers, geometry, segments), _truth(kind, scan, chosen, scene))


def _check(chosen: Numbers) -> None:
    for name, value in chosen.items():
        above_zero = name.endswith(("diameter_mm", "length_mm", "_mm")) and not name.startswith(("gap", "step", "dist"))
        if not np.isfinite(value) or (above_zero and not 0 < value <= 400):
            raise ParameterError(f"{name} is {'above 0 and up to 400 mm' if above_zero else 'finite'}; found {value}")


def _truth(kind: str, scan: Scan, chosen: Numbers, scene: Scene) -> dict[str, Any]:
    used = {name for part in scene.parts for name in (part.material, part.core_material) if name} | {"air", "tissue"}
    materials = {name: scan.value(name) for name in sorted(used)}
    return {
        "phantom": kind,
        "coordinates": "DICOM patient space (L, P, S), millimetres",
        "parameters": chosen,
        "scan": {**asdict(scan), "materials": materials},
        "quantities": [{**asdict(q), "value": round(q.value, 6)} for q in scene.quantities],
        **scene.facts,
    }


def _source(kind: str, scan: Scan, slice_distance_mm: float) -> Source:
    title = f"{kind} test object"
    return Source(
        modality=scan.modality,
        series_number=1,
        description=f"{title}, computed",
        patient=Patient(name=f"Phantom^{kind}", id=f"PHANTOM-{kind.upper()}", birth_date="19600101", sex="O"),
        study=Study(id="1", date="20200102", time="101500", description="Analytic phantom, not a patient"),
        equipment=Equipment(manufacturer="Prosector", model="Analytic phantom", station_name="PHANTOM"),
        acquisition=Acquisition(
            body_part="PHANTOM",
            patient_position="HFS",
            protocol=title,
            kernel="GAUSSIAN" if scan.modality == "CT" else "",
            kvp=120.0 if scan.modality == "CT" else None,
            contrast_agent="Computed contrast" if kind not in ("fracture", "joint", "balls") else "",
            slice_thickness_mm=scan.thickness_mm or round(slice_distance_mm, 6),
            date="20200102",
            time="101500",
            image_type=("ORIGINAL", "PRIMARY", "AXIAL" if scan.orientation.startswith("axial") else "OTHER"),
        ),
    )
