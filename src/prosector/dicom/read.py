"""From a DICOM folder to a Volume."""

from __future__ import annotations

import os

from prosector.dicom.header import tag_name
from prosector.dicom.metadata import read_source
from prosector.dicom.pixels import read_voxels, replace_padding
from prosector.dicom.scan import Scan, Series, scan
from prosector.errors import NoDicomError, SeriesChoiceError
from prosector.model.progress import Progress, silent
from prosector.model.volume import AIR_HU, HOUNSFIELD, Volume


def read_series(path: str | os.PathLike[str], series: str | None = None, progress: Progress = silent) -> Volume:
    """Read one CT or MR series as a volume.

    Parameters
    ----------
    path : path
        A folder tree or a file.
    series : str, optional
        Series Instance UID (0020,000E), or the end of one that is unique. May be left out where only one
        series makes a volume; the volume's ``source.warnings`` then name what was passed over.
    progress : callable
        Called with what is being done and the fraction done.

    Returns
    -------
    Volume
        Axis order (k, j, i) = (slice, row, column); LPS affine; modality units (HU for CT).

    Raises
    ------
    DicomInputError
        A subclass that says what was found, what was expected and what to do.
    """
    found = scan(path, progress)
    chosen, notes = choose_series(found, series)
    stack = chosen.stack()
    voxels = read_voxels(stack.headers, stack.geometry.shape, progress)
    unit = _unit(chosen)
    padding = replace_padding(voxels, stack.headers, AIR_HU if unit == HOUNSFIELD else 0.0)
    if unit == HOUNSFIELD and stack.headers[0].number("RescaleIntercept") is None:
        notes = (*notes, f"{tag_name('RescaleIntercept')} is absent: stored values are taken as Hounsfield units")
    source = read_source(stack.headers, (*notes, *chosen.warnings, *([padding] if padding else [])))
    voxels.flags.writeable = False
    return Volume(voxels, stack.geometry, unit, source)


def choose_series(found: Scan, series: str | None) -> tuple[Series, tuple[str, ...]]:
    """The series to load, and what to say about the choice.

    Raises
    ------
    NoDicomError, SeriesChoiceError, DicomInputError
    """
    if not found.series:
        raise NoDicomError(_nothing(found))
    if series is not None:
        matching = [s for s in found.series if s.uid == series] or [s for s in found.series if s.uid.endswith(series)]
        if len(matching) != 1:
            raise SeriesChoiceError(f"{len(matching)} series match {series!r}; there are:\n{_listing(found)}")
        return matching[0], ()
    if len(found.series) == 1:
        return found.series[0], ()
    loadable = [s for s in found.series if s.loadable]
    if len(loadable) == 1:
        note = f"took the only series that makes a volume; {len(found.series) - 1} other series passed over"
        return loadable[0], (note,)
    raise SeriesChoiceError(
        f"{len(found.series)} series, {len(loadable)} of which make a volume; choose one by its UID "
        f"(--series on the command line):\n{_listing(found)}"
    )


def _nothing(found: Scan) -> str:
    files = f"{found.not_dicom} other file(s) passed over"
    if found.unreadable:
        name, reason = found.unreadable[0]
        files += f"; {len(found.unreadable)} unreadable, the first: {name}: {reason}"
    return f"no readable DICOM object in {found.root} ({files}); give a DICOM file or a folder that holds some"


def _listing(found: Scan) -> str:
    return "\n".join(
        f"  {s.uid}  {s.modality or '??'}  {len(s.headers)} files  {s.description or '(no description)'}"
        f"{'' if s.loadable else f'  [no volume: {s.reason}]'}"
        for s in found.series
    )


def _unit(series: Series) -> str:
    if series.modality != "CT":
        return "1"
    kind = series.headers[0].text("RescaleType").upper()
    return HOUNSFIELD if kind in ("", "HU", "HU_MOD") else "1"
