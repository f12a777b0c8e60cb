"""Small DICOM series that the loader's tests write, with any one thing wrong or unusual about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"

AXES = {
    "axial": ([1, 0, 0], [0, 1, 0]),
    "axial feet up": ([-1, 0, 0], [0, 1, 0]),
    "axial prone": ([-1, 0, 0], [0, -1, 0]),
    "axial decubitus": ([0, 1, 0], [-1, 0, 0]),
    "axial mirrored rows": ([1, 0, 0], [0, -1, 0]),
    "sagittal": ([0, 1, 0], [0, 0, -1]),
    "coronal": ([1, 0, 0], [0, 0, -1]),
    "oblique": ([0.8, 0.6, 0.0], [-0.36, 0.48, 0.8]),
}
"""Direction of rows and of columns."""

Edit = Callable[[int, Dataset], Any]


def uid(*words: object) -> str:
    return str(generate_uid(entropy_srcs=["prosector tests", *map(str, words)]))


def values(shape: tuple[int, int, int] = (5, 7, 9), dtype: str = "i2", seed: int = 1) -> np.ndarray:
    low, high = (0, 4000) if dtype.startswith("u") else (-1000, 3000)
    if dtype.endswith("1"):
        low, high = (0, 250) if dtype == "u1" else (-100, 100)
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def positions(count: int, axes: str = "axial", step_mm: float = 2.5, shear: float = 0.0) -> np.ndarray:
    row, column = (np.array(v, dtype=float) for v in AXES[axes])
    step = step_mm * np.cross(row, column) + shear * column
    return np.array([-20.5, -31.25, 44.0]) + np.arange(count)[:, None] * step


def write_series(
    folder: Path,
    voxels: np.ndarray,
    *,
    axes: str = "axial",
    places: np.ndarray | None = None,
    spacing_mm: tuple[float, float] = (0.8, 0.8),
    modality: str = "CT",
    edit: Edit | None = None,
    save: Callable[[FileDataset, Path], None] | None = None,
    name: str = "series",
) -> list[FileDataset]:
    """Write one slice a file, names in no order; ``edit(k, dataset)`` changes each before it is saved."""
    folder.mkdir(parents=True, exist_ok=True)
    places = positions(len(voxels), axes) if places is None else places
    made = []
    for k, plane in enumerate(voxels):
        dataset = slice_dataset(k, plane, AXES[axes], places[k], spacing_mm, modality, name)
        if edit:
            edit(k, dataset)
        path = folder / f"{(k * 7919) % 10007:05d}_{name}"
        (save or _save)(dataset, path)
        made.append(dataset)
    return made


def slice_dataset(k, plane, axes, place, spacing_mm, modality, name) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CT if modality == "CT" else MR
    meta.MediaStorageSOPInstanceUID = uid(name, "instance", k, np.asarray(place).tolist())
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    d.SOPClassUID, d.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    d.StudyInstanceUID, d.SeriesInstanceUID = uid("study"), uid(name)
    d.FrameOfReferenceUID = uid("frame")
    d.Modality, d.SeriesDescription, d.SeriesNumber = modality, name, 1
    d.PatientName, d.PatientID = "Secret^Person", "SECRET-ID"
    d.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    d.InstanceNumber = 1000 - k
    d.Rows, d.Columns = plane.shape
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.BitsAllocated = d.BitsStored = plane.dtype.itemsize * 8
    d.HighBit = d.BitsStored - 1
    d.PixelRepresentation = 1 if plane.dtype.kind == "i" else 0
    d.PixelSpacing = list(spacing_mm)
    d.SliceThickness = 2.5
    d.ImageOrientationPatient = [*axes[0], *axes[1]]
    d.ImagePositionPatient = [round(float(v), 6) for v in place]
    if modality == "CT":
        d.RescaleIntercept, d.RescaleSlope, d.RescaleType = 0, 1, "HU"
    raw = np.ascontiguousarray(plane, dtype=plane.dtype.newbyteorder("<")).tobytes()
    d.PixelData = raw + b"\0" * (len(raw) % 2)
    d["PixelData"].VR = "OB" if plane.dtype.itemsize == 1 else "OW"
    return d


def _save(dataset: FileDataset, path: Path) -> None:
    dataset.save_as(path, enforce_file_format=True)
