"""One way in for every kind of volume: DICOM, NIfTI, NRRD, MetaImage."""

from __future__ import annotations

import os
from pathlib import Path

from prosector.errors import ParameterError
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
