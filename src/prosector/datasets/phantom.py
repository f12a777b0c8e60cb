"""An analytic CT of a broken pelvis: bones, contrast-filled vessels, a mass, soft tissue, table.

Every surface is a formula, so the same patient can be scanned at any voxel size, noise and blur, and what is
true of it is known without measuring (:mod:`prosector.datasets.phantom_truth`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from prosector.datasets.phantom_bones import HEAD_CENTER, SOCKET_RADIUS_MM, build_skeleton, discs
from prosector.datasets.phantom_layers import Bone, Layer, Skin, Solid
from prosector.datasets.phantom_scan import Scanner, degrade, sample
from prosector.datasets.phantom_soft import muscles, outline, table, viscera
from prosector.datasets.phantom_truth import HIGH_LPS, LOW_LPS, build_truth
from prosector.datasets.phantom_vessels import arteries, lesion, veins
from prosector.datasets.shapes import Ellipsoid, both_sides
from prosector.datasets.shapes_swept import tube
from prosector.errors import ParameterError
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.progress import Progress, silent
from prosector.model.source import Acquisition, Equipment, Patient, Source, Study
from prosector.model.structures import structure
from prosector.model.volume import HOUNSFIELD, Volume

SPACING_MM = (2.25, 2.0, 2.0)
"""Voxels (k, j, i) of the embedded sample."""

BODY, BONE, FRAGMENT, VESSEL, LESION, TABLE = 1, 2, 3, 4, 5, 6

SEGMENTS = {
    BODY: ("body", "body"),
    BONE: ("bone", "bone"),
    FRAGMENT: ("bone fragment", "bone"),
    VESSEL: ("vessel", "vessel"),
    LESION: ("lesion", "lesion"),
    TABLE: ("table", "table"),
}
"""Number: segment name and structure. Each voxel has one label; "body" is what is left of the patient."""


def build_pelvis(
    spacing_mm: tuple[float, float, float] = SPACING_MM,
    noise_hu: float = 12.0,
    seed: int = 1,
    blur_mm: float = 3.4,
    subsamples: int = 3,
    progress: Progress = silent,
) -> tuple[Volume, LabelMap, dict[str, Any]]:
    """Scan the pelvis phantom.

    Parameters
    ----------
    spacing_mm : (k, j, i)
        Distance of slices, rows and columns. The grid covers the phantom's field of view, 360 × 248 × 243 mm,
        to the nearest whole voxel.
    noise_hu : float
        Standard deviation in the middle of the patient; 0 for none.
    seed : int
        Of the noise. The same arguments give the same voxels.
    blur_mm : float
        Full width at half maximum of the Gaussian point spread; 0 for none.
    subsamples : int
        Samples per voxel axis where tissues meet (partial volume); 1 for none.
    progress : Progress

    Returns
    -------
    volume : Volume
        int16 Hounsfield units, head first supine, k rising towards the head.
    truth : LabelMap
        What lies at each voxel's centre.
    facts : dict
        See :func:`prosector.datasets.phantom_truth.build_truth`.

    Raises
    ------
    ParameterError
        For a spacing outside 0.2 to 50 mm, or a negative noise, blur or subsample count.
    """
    if not all(0.2 <= s <= 50 for s in spacing_mm):
        raise ParameterError(f"the phantom's voxel spacing is from 0.2 to 50 mm; found {spacing_mm}")
    if not (noise_hu >= 0 and blur_mm >= 0 and subsamples >= 1 and seed >= 0):
        raise ParameterError("noise, blur and seed are not negative and subsamples at least 1")
    scanner = Scanner(noise_hu=noise_hu, blur_mm=blur_mm, subsamples=subsamples, seed=seed)
    geometry = build_grid(spacing_mm)
    exact, labels = sample(build_layers(), geometry, subsamples, progress)
    voxels = degrade(exact, labels, geometry, scanner)
    segments = tuple(Segment(n, name, structure(kind), algorithm_name="truth") for n, (name, kind) in SEGMENTS.items())
    volume = Volume(voxels, geometry, HOUNSFIELD, _source(spacing_mm[0]))
    return volume, LabelMap(labels, geometry, segments), build_truth()


def build_grid(spacing_mm: tuple[float, float, float]) -> Geometry:
    """The grid that covers the phantom's field of view."""
    low, high, step = np.array(LOW_LPS), np.array(HIGH_LPS), np.array(spacing_mm, dtype=np.float64)
    k, j, i = (max(1, round(n)) for n in (high - low)[::-1] / step)
    affine = np.eye(4)
    affine[:3, :3] = np.diag(step)[::-1]
    affine[:3, 3] = low + step[::-1] / 2
    return Geometry((k, j, i), affine)


def _source(thickness_mm: float) -> Source:
    return Source(
        modality="CT",
        series_number=2,
        description="Pelvis with contrast, computed",
        patient=Patient(name="Phantom^Pelvis", id="PHANTOM-1", birth_date="19600101", sex="O"),
        study=Study(id="1", date="20200102", time="101500", description="Analytic phantom, not a patient"),
        equipment=Equipment(manufacturer="Prosector", model="Analytic phantom", station_name="PHANTOM"),
        acquisition=Acquisition(
            body_part="PELVIS",
            patient_position="HFS",
            protocol="Pelvis phantom",
            kernel="GAUSSIAN",
            kvp=120.0,
            contrast_agent="Computed contrast",
            slice_thickness_mm=thickness_mm,
            date="20200102",
            time="101500",
            image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        ),
    )


def _even(cortex_mm: float, marrow_hu: float) -> Callable[[Array], tuple[Array, Array]]:
    def profile(xyz: Array) -> tuple[Array, Array]:
        return np.full(len(xyz), cortex_mm), np.full(len(xyz), marrow_hu)

    return profile


def _femoral(xyz: Array) -> tuple[Array, Array]:
    """Thin shell over dense cancellous bone in the head, thick shell over fatty marrow in the shaft."""
    z = xyz[:, 2]
    cortex = np.interp(z, (-80, -55, -38, -15, 25), (6.5, 5.0, 2.6, 1.7, 1.5))
    return cortex, np.interp(z, (-75, -50, -25, -8, 5), (-40, 60, 150, 250, 330))


def build_layers() -> list[Layer]:
    """Everything in the scene, in the order in which it is painted."""
    bones = build_skeleton()
    even = _even(1.8, 230.0)
    joints = both_sides(Ellipsoid(HEAD_CENTER, (SOCKET_RADIUS_MM + 0.5,) * 3))
    thecal_sac = tube([(0, 42, 200, 8.5), (0, 44, 150, 8.5), (0, 53, 110, 8.5), (0, 68, 90, 7.5), (0, 80, 62, 5)])
    return [
        *table(TABLE),
        Skin(outline(), BODY),
        *viscera(),
        muscles(),
        *(Solid(joint, 70.0) for joint in joints),
        *(Solid(disc, 88.0) for disc in discs()),
        Solid(thecal_sac, 18.0),
        Solid(veins(), 115.0),
        Solid(lesion(), 84.0, LESION),
        Bone(bones.sacrum, _even(1.5, 200.0), BONE),
        *(Bone(v, _even(1.4, 210.0), BONE) for v in bones.vertebrae),
        Bone(bones.left_femur, _femoral, BONE),
        Bone(bones.right_femur, _femoral, BONE),
        Bone(bones.right_hip, even, BONE),
        Bone(bones.left_hip, even, BONE, unbroken=bones.unbroken_left_hip),
        Bone(bones.fragment, even, FRAGMENT, unbroken=bones.unbroken_fragment),
        Solid(arteries().lumen, 350.0, VESSEL),
    ]
