"""From a DICOM folder, file or archive to a Volume."""

from __future__ import annotations

import os

from prosector.dicom.frames import Frame
from prosector.dicom.header import tag_name
from prosector.dicom.metadata import read_source
from prosector.dicom.pixels import read_voxels
from prosector.dicom.regularize import regularize
from prosector.dicom.scan import Scan, scan
from prosector.dicom.series import Series
from prosector.errors import NoDicomError, SeriesChoiceError, UnknownNameError
from prosector.model.progress import Progress, silent
from prosector.model.volume import AIR_HU, HOUNSFIELD, Volume

TILTS = {
    "keep": "as acquired: a sheared affine",
    "regularize": "resampled onto an orthogonal grid",
}
"""What to do with a gantry tilt."""


def read_series(
    path: str | os.PathLike[str],
    series: str | None = None,
    *,
    volume: int | None = None,
    gaps: str = "refuse",
    tilt: str = "keep",
    progress: Progress = silent,
) -> Volume:
    """Read one CT or MR series as a volume.

    Parameters
    ----------
    path : path
        A folder tree, file, DICOMDIR, .zip or .tar archive.
    series : str, optional
        Series Instance UID (0020,000E), or the end of one that is unique. May be left out where only one
        series makes a volume; the volume's ``source.warnings`` then name what was passed over.
    volume : int, optional
        Which volume of a series that holds several (phases, echoes), from 1 as ``prosector info`` lists them.
    gaps : str
        What to do about missing, double or unevenly spaced slices: ``refuse`` (an error names the places),
        ``interpolate``, ``largest-regular-run`` or ``drop-duplicates``; what was done is a warning.
    tilt : str
        ``keep`` a gantry tilt as a sheared affine, or ``regularize`` it onto an orthogonal grid, by resampling.
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
    if tilt not in TILTS:
        raise UnknownNameError("way to treat a tilt", tilt, TILTS)
    found = scan(path, progress)
    chosen, notes = choose_series(found, series)
    stack, choice = chosen.stack(volume, gaps)
    unit = _unit(chosen, stack.frames[0])
    voxels, pixel_notes = read_voxels(stack, AIR_HU if unit == HOUNSFIELD else 0.0, progress)
    if unit == HOUNSFIELD and stack.frames[0].intercept is None:
        choice = (*choice, f"{tag_name('RescaleIntercept')} is absent: stored values are taken as Hounsfield units")
    general = [w for w in chosen.warnings if w not in stack.warnings]
    warnings = dict.fromkeys((*notes, *choice, *general, *stack.warnings, *pixel_notes))
    voxels.flags.writeable = False
    read = Volume(voxels, stack.geometry, unit, read_source(stack.frames, tuple(warnings)))
    return regularize(read) if tilt == "regularize" else read


def choose_series(found: Scan, series: str | None) -> tuple[Series, tuple[str, ...]]:
    """The series to load, and what to say about the choice.

    Raises
    ------
    NoDicomError, SeriesChoiceError
    """
    if not found.series:
        raise NoDicomError(_nothing(found))
    broken = (f"{len(found.unreadable)} DICOM file(s) that cannot be read passed over",) if found.unreadable else ()
    if series is not None:
        matching = [s for s in found.series if s.uid == series] or [s for s in found.series if s.uid.endswith(series)]
        if len(matching) != 1 or not series:
            raise SeriesChoiceError(f"{len(matching)} series match {series!r}; there are:\n{_listing(found)}")
        return matching[0], broken
    if len(found.series) == 1:
        return found.series[0], broken
    loadable = [s for s in found.series if s.loadable]
    if len(loadable) == 1:
        note = f"took the only series that makes a volume; {len(found.series) - 1} other series passed over"
        return loadable[0], (note, *broken)
    raise SeriesChoiceError(
        f"{len(found.series)} series, {len(loadable)} of which make a volume; choose one by its UID "
        f"(series=…, --series on the command line):\n{_listing(found)}"
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


def _unit(series: Series, frame: Frame) -> str:
    """Hounsfield for CT, unless Rescale Type (0028,1054) or a real world value mapping says otherwise."""
    if frame.unit:
        return frame.unit
    if series.modality != "CT":
        return "1"
    kind = frame.rescale_type.upper()
    return HOUNSFIELD if kind in ("", "HU", "HU_MOD", "US", "HOUNSFIELD UNITS") else "1"
