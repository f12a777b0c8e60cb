"""A folder with one NIfTI mask for each structure, as TotalSegmentator writes without ``--ml``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prosector.errors import FileFormatError
from prosector.exchange.label_names import imported_segment
from prosector.exchange.nifti import read_labels_nifti
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment

ENDINGS = (".nii.gz", ".nii")


def is_mask_folder(folder: Path) -> bool:
    """Whether a folder holds NIfTI files."""
    return folder.is_dir() and bool(_files(folder))


def read_mask_folder(folder: str | Path, geometry: Geometry) -> LabelMap:
    """Read every mask of a folder into one label map, in the order of their names.

    Parameters
    ----------
    folder : path
        Each file is named after its structure (``kidney_left.nii.gz``) and is 0 outside it.
    geometry : Geometry
        The volume's grid.

    Returns
    -------
    LabelMap
        Numbered from 1. Empty masks, which mean that the structure was not found, are left out.

    Raises
    ------
    FileFormatError
        If there is no mask, or two of them overlap.
    GeometryError
        If a mask does not lie on the grid.
    """
    folder = Path(folder)
    files = _files(folder)
    if not files:
        raise FileFormatError(f"{folder}: no NIfTI mask (.nii.gz or .nii) in this folder")
    labels = np.zeros(geometry.shape, dtype=np.uint8 if len(files) < 256 else np.uint16)
    segments: list[Segment] = []
    for name, file in files.items():
        mask = read_labels_nifti(file, geometry).labels > 0
        if not mask.any():
            continue
        segment = imported_segment(len(segments) + 1, name)
        shared = labels[mask]
        if shared.any():
            other = segments[int(shared.max()) - 1].name
            raise FileFormatError(
                f"{folder}: {segment.name!r} and {other!r} overlap in {np.count_nonzero(shared)} voxels, and a label "
                "map holds one label for each voxel; read them one by one"
            )
        labels[mask] = segment.number
        segments.append(segment)
    return LabelMap(labels, geometry, tuple(segments))


def _files(folder: Path) -> dict[str, Path]:
    """Files by name without ending, sorted."""
    found = {}
    for file in sorted(folder.iterdir()):
        ending = next((e for e in ENDINGS if file.name.lower().endswith(e)), "")
        if ending and file.is_file() and not file.name.startswith("."):
            found[file.name[: -len(ending)]] = file
    return found
