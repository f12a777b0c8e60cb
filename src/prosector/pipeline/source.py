"""One way in for every kind of volume and of labels: DICOM, NIfTI, NRRD, MetaImage."""

from __future__ import annotations

import os
from pathlib import Path

from prosector.errors import FileFormatError, ParameterError
from prosector.model.labels import LabelMap
from prosector.model.progress import Progress, silent
from prosector.model.volume import Volume


def read_volume(
    path: str | os.PathLike[str],
    series: str | None = None,
    *,
    volume: int | None = None,
    gaps: str = "refuse",
    tilt: str = "keep",
    modality: str | None = None,
    progress: Progress = silent,
) -> Volume:
    """Read a volume from DICOM (a folder, file, DICOMDIR or archive) or from a NIfTI, NRRD or MetaImage file.

    Parameters
    ----------
    path : path
    series, volume, gaps, tilt
        As :func:`prosector.dicom.read.read_series`; for the other formats only ``volume`` applies.
    modality : str, optional
        ``CT`` or ``MR``, for formats that do not say; DICOM does.
    progress : callable

    Raises
    ------
    InputError, UsageError, MachineError
        As the readers raise them.
    """
    from prosector.dicom.read import read_series
    from prosector.exchange.volumes import is_volume_file, read_volume_file

    if is_volume_file(Path(path)):
        if series is not None:
            raise ParameterError(f"{Path(path).name} is no DICOM: it has no series to choose from")
        return read_volume_file(Path(path), modality, volume)
    if modality is not None:
        raise ParameterError("a modality is given only for files that do not say theirs; DICOM does")
    return read_series(path, series, volume=volume, gaps=gaps, tilt=tilt, progress=progress)


def read_labels(path: str | os.PathLike[str], volume: Volume, *, names: str = "") -> LabelMap:
    """Read labels that belong to a volume, whoever wrote them.

    Voxels are put where the file says they lie: axes may be swapped or turned and the file may hold a crop, but
    nothing is ever resampled.

    Parameters
    ----------
    path : path
        ``.nii``, ``.nii.gz``; ``.seg.nrrd`` (3D Slicer); a DICOM Segmentation; or a folder with a NIfTI mask for each
        structure (TotalSegmentator).
    volume : Volume
        On whose grid the labels lie.
    names : str, optional
        For NIfTI files that do not name their labels: ``totalsegmentator`` for the numbering of its version 2.

    Raises
    ------
    FileFormatError
        If the file holds no labels, or overlapping ones.
    GeometryError
        If its voxels are not those of the volume.
    UnknownNameError
        If there is no such numbering.
    ParameterError
        If a numbering is given for a file that names its labels.
    """
    from prosector.exchange.mask_folder import is_mask_folder, read_mask_folder
    from prosector.exchange.nifti import read_labels_nifti
    from prosector.exchange.nrrd_segmentation import read_labels_seg_nrrd

    path, geometry = Path(path), volume.geometry
    low = path.name.lower()
    if low.endswith((".nii", ".nii.gz")):
        return read_labels_nifti(path, geometry, names)
    if names:
        raise ParameterError(f"{path.name} names its labels itself: a numbering is only for NIfTI files")
    if low.endswith(".nrrd"):
        return read_labels_seg_nrrd(path, geometry)
    if is_mask_folder(path):
        return read_mask_folder(path, geometry)
    if path.is_dir():
        raise FileFormatError(f"{path}: no NIfTI masks in this folder; name the file that holds the labels")
    from prosector.dicom.segmentation_read import read_segmentation

    return read_segmentation(path, geometry)
