"""The report as PDF: embedded fonts, the same bytes for the same document, nothing from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
)
from reportlab.platypus import Table as Grid

from prosector.atomic import write_bytes
from prosector.report.document import Report
from prosector.report.layout import (
    KEY,
    Block,
    Bullets,
    Fields,
    Heading,
    Passage,
    Picture,
    Pictures,
    Section,
    Table,
    banners,
    marks,
    version_line,
)
from prosector.report.pdf_styles import (
    BAR,
    FACES,
    INK,
    LINE,
    PALE,
    SOFT,
    WARN,
    WARN_GROUND,
    padding,
    require_fonts,
    style_of,
)
from prosector.report.sections import sections_of
from prosector.report.series import header_line
from prosector.report.words import NOT_STATED, moment

PAGE = A4
MARGIN, TOP, BOTTOM = 16 * mm, 22 * mm, 18 * mm
FOOT = 10 * mm
WIDTH = PAGE[0] - 2 * MARGIN
ABREAST = 3
"""Pictures side by side."""

GUTTER = 4 * mm

FIRST_LINES, FIRST_ROW = 32 * mm, 95 * mm
"""A heading begins a new page where less room than this is left for it and the text or pictures that follow."""


def write_report_pdf(path: str | Path, report: Report, pictures: Mapping[int, bytes]) -> None:
    """Write the document as a PDF file.

    Parameters
    ----------
    path : path
    report : Report
    pictures : mapping
        PNG files by image number; an image that is absent shows its caption only.

    Raises
    ------
    OutputError
        If the file cannot be written.
    MachineError
        If the fonts are not there.
    """
    write_bytes(path, report_pdf(report, pictures))


def report_pdf(report: Report, pictures: Mapping[int, bytes]) -> bytes:
    """The file."""
    require_fonts()
    out = BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=PAGE,
        invariant=1,
        lang="en",
        title=f"{report.title}: {version_line(report)}",
        author=report.signature.name if report.signature else "",
        subject=report.base_study.study_uid,
        creator=f"{report.workstation.software or 'Prosector'} {report.workstation.version}",
        displayDocTitle=1,
    )
    frame = Frame(MARGIN, BOTTOM, WIDTH, PAGE[1] - TOP - BOTTOM, 0, 0, 0, 0)

    def on_page(canvas: Canvas, _: Any) -> None:
        _page_marks(canvas, report)

    document.addPageTemplates(PageTemplate("page", [frame], onPage=on_page))
    document.build(list(_story(report, pictures)), canvasmaker=_Numbered)
    return out.getvalue()


class _Numbered(Canvas):  # type: ignore[misc]
    """Keeps the pages until it is saved, when it knows how many there are and writes that on each."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        kept = self._kept
        for number, page in enumerate(kept, start=1):
            self.__dict__.update(page)
            self.setFillColor(SOFT)
            self.setFont(FACES["text"], 7.5)
            self.drawRightString(PAGE[0] - MARGIN, FOOT, f"page {number} of {len(kept)}")
            super().showPage()
        super().save()


def _page_marks(canvas: Canvas, report: Report) -> None:
    """Head and foot of a page, and DRAFT across it."""
    said = marks(report)
    canvas.saveState()
    if report.status == "draft":
        canvas.setFont(FACES["bold"], 110)
        canvas.setFillColor(colors.HexColor("#f4f1f1"))
        canvas.translate(PAGE[0] / 2, PAGE[1] / 2)
        canvas.rotate(55)
        canvas.drawCentredString(0, -40, "DRAFT")
        canvas.restoreState()
        canvas.saveState()
    right, head = PAGE[0] - MARGIN, PAGE[1] - 13 * mm
    canvas.setStrokeColor(LINE)
    canvas.line(MARGIN, head - 2 * mm, right, head - 2 * mm)
    canvas.line(MARGIN, FOOT + 3.5 * mm, right, FOOT + 3.5 * mm)
    canvas.setFillColor(INK)
    canvas.setFont(FACES["bold"], 7.5)
    canvas.drawString(MARGIN, head, _shortened(header_line(report.patient, report.base_study), WIDTH - 60 * mm))
    canvas.setFillColor(SOFT)
    canvas.setFont(FACES["text"], 7.5)
    canvas.drawRightString(right, head, report.title)
    canvas.drawCentredString(PAGE[0] / 2, FOOT, version_line(report))
    if said:
        canvas.setFillColor(WARN)
        canvas.setFont(FACES["bold"], 7.5)
        canvas.drawString(MARGIN, FOOT, said)
    canvas.restoreState()


def _shortened(text: str, width: float) -> str:
    while pdfmetrics.stringWidth(text, FACES["bold"], 7.5) > width:
        text = text.rstrip("…")[:-1] + "…"
    return text


def _story(report: Report, pictures: Mapping[int, bytes]) -> Iterator[Flowable]:
    yield Paragraph(escape(report.title), style_of("title"))
    yield Paragraph(escape(f"{version_line(report)} · {moment(report.created)}"), style_of("soft"))
    for word, meaning in banners(report):
        yield Spacer(0, 3 * mm)
        yield _banner(word, meaning)
    yield Spacer(0, 2 * mm)
    yield Paragraph(escape(KEY), style_of("soft"))
    for part in sections_of(report):
        yield from _section(part, pictures)


def _section(part: Section, pictures: Mapping[int, bytes]) -> Iterator[Flowable]:
    words = Paragraph(escape(part.title.upper()), style_of("section")), Paragraph(part.origin, style_of("origin"))
    line, low = ("LINEBELOW", (0, 0), (-1, -1), 0.6, LINE), ("VALIGN", (0, 0), (-1, -1), "BOTTOM")
    widths, style = [WIDTH * 0.6, WIDTH * 0.4], [line, low, *padding(0, 2, 0, 0)]
    head = Grid([words], colWidths=widths, style=style, spaceBefore=6 * mm, spaceAfter=1.5 * mm)
    waiting: list[Flowable] = [head]
    for block in part.blocks:
        drawn = list(_drawn(block, pictures))
        if isinstance(block, Heading):
            waiting += drawn
            continue
        if waiting:
            needed = FIRST_ROW if isinstance(block, Pictures) else FIRST_LINES
            yield CondPageBreak(needed)
        yield from (*waiting, *drawn)
        waiting = []


def _drawn(block: Block, pictures: Mapping[int, bytes]) -> Iterator[Flowable]:
    if isinstance(block, Heading):
        remark = f'&nbsp;&nbsp;<font face="{FACES["text"]}" size="7.5" color="#5c6675">{escape(block.remark)}</font>'
        yield Paragraph(escape(block.text) + (remark if block.remark else ""), style_of("heading"))
    elif isinstance(block, Passage):
        yield _passage(block)
    elif isinstance(block, Bullets):
        for item in block.items:
            yield Paragraph(escape(item), style_of("bullet"), bulletText="•")
    elif isinstance(block, Fields):
        yield _fields(block)
    elif isinstance(block, Table):
        yield _table(block)
    else:
        yield from _rows_of_pictures(block, pictures)


def _passage(block: Passage) -> Flowable:
    if not block.written:
        name = "absent" if block.absent else "alarm" if block.alarm else "text"
        return Paragraph(_lines(block.text), style_of(name))
    inside = [[Paragraph(_lines(block.text), style_of("written"))], [Paragraph(escape(block.credit), style_of("soft"))]]
    style = [("LINEBEFORE", (0, 0), (0, -1), 2.2, BAR), *padding(1, 1, 4 * mm, 0)]
    return Grid(inside, colWidths=[WIDTH], style=style, splitInRow=1, spaceBefore=1.5 * mm, spaceAfter=2 * mm)


def _fields(block: Fields) -> Flowable:
    """Two fields abreast; wide ones alone."""
    rows: list[list[Any]] = []
    style = [*padding(1.6, 2.4, 0, 6), ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.4, PALE)]
    for n in range(0, len(block.rows), 2):
        rows.append([cell for name, value in block.rows[n : n + 2] for cell in _field(name, value)])
        rows[-1] += [""] * (4 - len(rows[-1]))
    for name, value in block.wide:
        style.append(("SPAN", (1, len(rows)), (3, len(rows))))
        rows.append([*_field(name, value), "", ""])
    return Grid(
        rows,
        colWidths=[WIDTH * share for share in (0.17, 0.33, 0.17, 0.33)],
        style=style,
        splitInRow=1,
        spaceAfter=2 * mm,
    )


def _field(name: str, value: str) -> tuple[Flowable, Flowable]:
    return Paragraph(escape(name), style_of("soft")), Paragraph(
        _lines(value), style_of("value" if value != NOT_STATED else "absent")
    )


def _table(block: Table) -> Flowable:
    columns = range(len(block.head))
    kinds = ["number" if n in block.numbers else "code" if n in block.code else "cell" for n in columns]
    heads = ["head number" if n in block.numbers else "head" for n in columns]
    rows = [[Paragraph(escape(name), style_of(kind)) for name, kind in zip(block.head, heads, strict=True)]]
    rows += [[Paragraph(_lines(text), style_of(k)) for text, k in zip(row, kinds, strict=True)] for row in block.rows]
    style = [
        *padding(2, 3, 0, 6),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, 0), 0.6, LINE),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, PALE),
    ]
    widths = [WIDTH * share for share in block.shares]
    return Grid(rows, colWidths=widths, style=style, repeatRows=1, splitInRow=1, spaceBefore=mm, spaceAfter=2.5 * mm)


def _rows_of_pictures(block: Pictures, pictures: Mapping[int, bytes]) -> Iterator[Flowable]:
    width = (WIDTH - (ABREAST - 1) * GUTTER) / ABREAST
    for n in range(0, len(block.pictures), ABREAST):
        row: list[list[Flowable]] = [
            _picture(picture, pictures.get(picture.number), width) for picture in block.pictures[n : n + ABREAST]
        ]
        row += [[]] * (ABREAST - len(row))
        grid = Grid([row], colWidths=[width + GUTTER] * (ABREAST - 1) + [width],
                    style=[*padding(0, 0, 0, 0), ("VALIGN", (0, 0), (-1, -1), "TOP")])  # fmt: skip
        yield KeepTogether([Spacer(0, 1.5 * mm), grid, Spacer(0, 2 * mm)])


def _picture(picture: Picture, png: bytes | None, width: float) -> list[Flowable]:
    caption = f'<font face="{FACES["bold"]}">{picture.number}</font>&nbsp; {escape(picture.caption)}'
    below = [Paragraph(caption, style_of("caption")), Paragraph(escape(picture.small), style_of("code"))]
    if png is None:
        return below
    columns, rows = ImageReader(BytesIO(png)).getSize()
    return [Image(BytesIO(png), width, width * rows / columns, hAlign="LEFT"), Spacer(0, 1 * mm), *below]


def _banner(word: str, meaning: str) -> Flowable:
    inside = [[Paragraph(escape(word), style_of("banner"))], [Paragraph(escape(meaning), style_of("banner text"))]]
    style = [("BOX", (0, 0), (-1, -1), 1.2, WARN), ("BACKGROUND", (0, 0), (-1, -1), WARN_GROUND), *padding(3, 4, 9, 9)]
    return Grid(inside, colWidths=[WIDTH], style=style)


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br/>")
