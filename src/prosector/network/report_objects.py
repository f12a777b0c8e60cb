"""The signed report of a case as DICOM objects, built for sending from the document that the log holds."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from prosector.case.state import CaseState
from prosector.network.instances import Instance, read_instance
from prosector.report.objects import PDF, SR, write_report_objects
from prosector.report.sign import read_filed


def report_instances(folder: Path, state: CaseState, place: Path, done: Container[str]) -> tuple[Instance, ...]:
    """Build the objects of the newest signed report: structured report, PDF and selection of key images.

    The same report gives the same objects, so that what was acknowledged is known again.

    Parameters
    ----------
    folder, state
        The case.
    place : Path
        Folder for the files.
    done : container of str
        Ids that the archive has already; where structured report and PDF are among them, nothing is built.

    Returns
    -------
    tuple of Instance
        With ids ``reports/NAME``.

    Raises
    ------
    InputError
        If the report is not what was filed, or the source is no DICOM or not what it was.
    """
    signed = state.of("report-signed")
    if not signed:
        return ()
    name = f"{signed[-1].data['report']}-v{signed[-1].data['version']}"
    if f"reports/{name}{SR}" in done and f"reports/{name}{PDF}" in done:
        return ()
    files = write_report_objects(read_filed(folder, signed[-1]), folder, place)
    return tuple(read_instance(file, f"reports/{file.name}") for file in files)
