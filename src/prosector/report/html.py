"""The report as one HTML file: pictures inside, no outside request, fit for paper."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import jinja2
import numpy as np

from prosector.atomic import write_text
from prosector.model.rendering import Rendering
from prosector.rendering.png import write_png
from prosector.report.json import report_document
from prosector.report.model import DraftReport, OutputFile

THUMBNAIL_PX = 400
"""A thumbnail's longer side is at most this long."""

NOT_STATED = "not stated"


def write_report_html(path: str | Path, report: DraftReport) -> None:
    """Write the report as one self-contained HTML file.

    It says what :func:`prosector.report.json.report_document` holds, the trace's single steps apart, and
    shows a thumbnail of each image. Everything is escaped; values that were not found read "not stated".

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    thumbnails = {image.number: _data_uri(image.rendering) for image in report.images}
    files: dict[str, list[OutputFile]] = {}
    for output in report.outputs:
        files.setdefault(output.step, []).append(output)
    page = _template().render(**report_document(report), thumbnails=thumbnails, files=list(files.values()))
    write_text(path, page)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("prosector.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(stated=_stated, day=_day, clock=_clock, person=_person, figures=_figures)
    return environment.get_template("report.html.j2")


def _data_uri(rendering: Rendering) -> str:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "thumbnail.png"
        write_png(file, _reduced(rendering))
        return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode("ascii")


def _reduced(rendering: Rendering) -> Rendering:
    """The picture with blocks of n × n pixels averaged into one; a rest at the right and the bottom is cut."""
    n = -(-max(rendering.size) // THUMBNAIL_PX)
    height, width = (side // n for side in rendering.pixels.shape[:2])
    if n == 1 or not height or not width:
        return rendering
    blocks = rendering.pixels[: height * n, : width * n].reshape(height, n, width, n, 3)
    return replace(rendering, pixels=np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8), values=None)


def _stated(value: object) -> str:
    """A value as text, or ``not stated``; numbers without a tail of zeros."""
    if value is None or value == "" or value == []:
        return NOT_STATED
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _day(value: str) -> str:
    """A DICOM date (PS3.5 6.2, DA) as 2026-01-31; anything else as it is."""
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", value)
    return "-".join(match.groups()) if match else value


def _clock(value: str) -> str:
    """A DICOM time (PS3.5 6.2, TM) as 09:41:07; anything else as it is."""
    match = re.fullmatch(r"(\d\d)(\d\d)?(\d\d)?(?:\.\d+)?", value)
    return ":".join(part for part in match.groups() if part) if match else value


def _person(value: str) -> str:
    """A DICOM person name (PS3.5 6.2.1) as ``Family, Given Middle``, from its first component group."""
    family, *rest = value.split("=")[0].split("^")
    given = " ".join(part for part in rest if part)
    return ", ".join(part for part in (family, given) if part)


def _figures(numbers: list[int] | tuple[int, ...]) -> str:
    """Figure numbers with runs drawn together: ``1–6, 8``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
