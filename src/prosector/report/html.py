"""The report as one HTML file: pictures inside, no outside request, fit for paper."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jinja2

from prosector.atomic import write_text
from prosector.report.document import Report
from prosector.report.layout import KEY, banners, marks, version_line
from prosector.report.sections import sections_of
from prosector.report.series import header_line
from prosector.report.words import NOT_STATED, moment


def write_report_html(path: str | Path, report: Report, pictures: Mapping[int, bytes]) -> None:
    """Write the document as one self-contained HTML file.

    Parameters
    ----------
    path : path
    report : Report
    pictures : mapping
        PNG files by image number (:mod:`prosector.report.pictures`); an image that is absent shows its caption only.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_text(path, report_html(report, pictures))


def report_html(report: Report, pictures: Mapping[int, bytes]) -> str:
    """The page. Everything is escaped; values that were not found read "not stated"."""
    inside = {number: "data:image/png;base64," + base64.b64encode(png).decode() for number, png in pictures.items()}
    return _template().render(
        report=report,
        made=moment(report.created),
        version=version_line(report),
        who=header_line(report.patient, report.base_study),
        banners=tuple(banners(report)),
        marks=marks(report),
        key=KEY,
        sections=tuple(sections_of(report)),
        pictures=inside,
        not_stated=NOT_STATED,
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("prosector.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["css"] = _css
    return environment.get_template("report.html.j2")


def _css(text: str) -> str:
    """Text inside a CSS string (CSS Syntax 3, 4.3.7): anything but plain letters and digits as escapes."""
    return "".join(c if c.isascii() and (c.isalnum() or c in " .,:-()") else f"\\{ord(c):x} " for c in text)
