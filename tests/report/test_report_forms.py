"""JSON, HTML and PDF: they say the same, mark what was generated, escape everything and load nothing."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from prosector.errors import FileFormatError, OutputError
from prosector.report.document import (
    BaseStudy,
    Completeness,
    ImageLine,
    MeasurementLine,
    Patient,
    Report,
    RuleResult,
    Workstation,
)
from prosector.report.html import report_html, write_report_html
from prosector.report.json import document_sha256, read_report, report_schema, report_to_json, write_report_json
from prosector.report.layout import GENERATED, MIXED, WRITTEN, marks
from prosector.report.measured import number_with_unit
from prosector.report.pdf import report_pdf
from prosector.report.pictures import LONGEST_PX, reduced
from prosector.report.sections import sections_of
from prosector.report.supervision import unsupervised


class Page(HTMLParser):
    """The text and the addresses of a page, and which text stands in passages as written."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def html(report, pictures):
    return report_html(report, pictures)


@pytest.fixture(scope="module")
def pdf(report, pictures):
    return report_pdf(report, pictures)


@pytest.fixture(scope="module")
def printed(pdf):
    return pages_of(pdf)


def pages_of(pdf: bytes) -> list[str]:
    """The text of a PDF, page by page, as an outside program reads it."""
    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


def test_json_comes_back_the_same(report, tmp_path):
    write_report_json(tmp_path / "report.json", report)
    assert read_report(tmp_path / "report.json") == report
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data["title"] == "3D post-processing (76377)"
    assert data["impression"]["origin"] == "written"
    assert set(data) == set(Report.model_fields)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"report_id": "x", "strange": 1}'])
def test_what_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(FileFormatError, match=r"report\.json is no report"):
        read_report(tmp_path / "report.json")
    with pytest.raises(FileFormatError, match="no file"):
        read_report(tmp_path / "absent.json")


def test_the_published_schema_is_current(repository):
    published = json.loads((repository / "docs" / "reference" / "report.schema.json").read_text(encoding="utf-8"))
    assert published == report_schema()


def test_the_keys_are_documented(repository):
    page = (repository / "docs" / "reference" / "report.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| `")]
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])} == set(Report.model_fields)


def test_the_hash_is_of_all_but_the_signature_itself(report):
    assert document_sha256(report) == document_sha256(report.model_copy())
    changed = report.model_copy(update={"version": 2})
    assert document_sha256(changed) != document_sha256(report)


def test_html_escapes_everything(html):
    page = Page(html)
    assert "<b>" not in re.sub(r"<figcaption><b>\d+</b>", "", html)
    assert "Müller-Žižka, Ágnes <b>" in page.text
    assert "<1 mm wide" in page.text
    assert "script" not in page.tags


def test_nothing_breaks_out_of_the_style_sheet(report, pictures):
    evil = report.patient.model_copy(update={"name": 'x"; } body { display: none; } </style><script>', "id": "\\"})
    page = report_html(report.model_copy(update={"patient": evil}), pictures)
    assert page.count("</style>") == 1
    assert "script" not in Page(page).tags
    head = page.split("@top-left { content: ")[1].split("\n")[0]
    assert re.fullmatch(r'"[A-Za-z0-9 .,:()\\-]*"; font: 8pt sans-serif; color: #5c6675; }', head)


def test_html_asks_nothing_of_the_network(html):
    assert all(address.startswith("data:image/png;base64,") for address in Page(html).addresses)
    assert not re.search(r"url\(|@import|http:|https:", html)
    assert "default-src 'none'" in html


def test_html_shows_each_picture_once(html, report, finished):
    addresses = Page(html).addresses
    assert len(addresses) == len({image.number for image in report.images}) == 2
    shown = [np.asarray(Image.open(BytesIO(base64.b64decode(a.split(",")[1])))) for a in addresses]
    front = np.asarray(Image.open(finished.case / "outputs" / "run-0001" / "front.png").convert("RGB"))
    assert any(np.array_equal(front, picture) for picture in shown)  # the other was read from its DICOM object


def test_every_form_marks_what_people_wrote(report, html, printed):
    origins = {section.title: section.origin for section in sections_of(report)}
    assert origins["What the 3D images added"] == WRITTEN
    assert origins["Technique"] == origins["Integrity"] == GENERATED
    assert origins["Findings"] == MIXED
    assert html.count('class="written"') == 8
    everything = "".join(printed)
    assert everything.count("generated from the record") == sum(o == GENERATED for o in origins.values())
    assert "Ada Beispiel-Łęcka (made up), 20" in everything  # the credit below a passage


def test_html_and_pdf_say_the_same(html, printed):
    """Every word of the page is in the PDF, whose lines break elsewhere."""
    written = re.sub(r"\s+", "", Page(html.split("<main>")[1]).text)
    on_paper = re.sub(r"\s+", "", "".join(printed))
    for passage in ("Alinethroughthering,<1mmwide.", "Nodisplacement.", "Adjusted:low_hufrom200to150.", "SCT:3138006"):
        assert passage in written
        assert passage in on_paper


def test_every_page_names_patient_version_and_draft(printed, report):
    assert len(printed) >= 3
    for number, page in enumerate(printed, start=1):
        assert "Müller-Žižka, Ágnes" in page
        assert "accession ACC-77" in page
        assert f"page {number} of {len(printed)}" in page
        assert "DRAFT" in page
    assert marks(report) == "DRAFT"


def test_pdf_is_the_same_twice_and_holds_its_fonts(pdf, report, pictures):
    assert report_pdf(report, pictures) == pdf
    pages = PdfReader(BytesIO(pdf)).pages
    fonts = [font.get_object() for page in pages for font in page["/Resources"]["/Font"].values()]
    shown = {font["/BaseFont"].split("+")[-1]: "/FontFile2" in font.get("/FontDescriptor", {}) for font in fonts}
    assert {name.strip("/") for name in shown} >= {"DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono"}
    assert all(embedded for name, embedded in shown.items() if "DejaVu" in name)


def test_unsupervised_is_said_everywhere(report, pictures):
    alone = report.model_copy(update={"supervision": unsupervised(), "status": "final"})
    text = Page(report_html(alone, pictures)).text
    assert text.index("NOT SUPERVISED.") < text.index("Patient and base study")
    assert "not a complete 76377 record" in text
    pages = pages_of(report_pdf(alone, pictures))
    assert all("NOT SUPERVISED" in page for page in pages)
    assert "payable" not in (text + "".join(pages)).lower()


def test_an_empty_report_says_what_is_absent():
    empty = Report(
        report_id="r",
        patient=Patient(),
        base_study=BaseStudy(study_uid=""),
        workstation=Workstation(statement="Here."),
        supervision=unsupervised(),
        created="2026-02-01T10:00:00+00:00",
    )
    text = Page(report_html(empty, {})).text
    assert text.count("not stated") > 10
    for said in ("No findings were entered.", "None of the steps is a 3D technique", "patient not stated"):
        assert said in text
    assert report_pdf(empty, {}).startswith(b"%PDF")


def test_long_tables_run_over_pages_and_repeat_their_head(report):
    many = tuple(MeasurementLine(name=f"length {n}", of="x", value=n, unit="mm", text=f"{n} mm") for n in range(120))
    long = report.model_copy(update={"measurements": many, "findings": (), "images": ()})
    pages = pages_of(report_pdf(long, {}))
    with_rows = [page for page in pages if re.search(r"length \d+", page)]
    assert len(with_rows) >= 2
    assert all("Definition" in page for page in with_rows)
    assert all(f"length {n}\n" in "".join(pages) for n in range(120))


@pytest.mark.parametrize(
    ("words", "count"), [("Many words. " * 900, 900), ("\n".join(["Many lines."] * 200), 200), ("Many" + "x" * 3000, 1)]
)
def test_long_passages_run_over_pages_whole(report, words, count):
    text = report.impression.model_copy(update={"text": words})
    line = report.measurements[0].model_copy(update={"definition": "Said at length. " * 600})
    long = report.model_copy(update={"impression": text, "measurements": (line,), "findings": (), "images": ()})
    shown = "".join(pages_of(report_pdf(long, {})))
    assert shown.count("Many") == count
    assert shown.replace("\n", " ").count("Said") == 600


@pytest.mark.parametrize("words", ["a\x00b\x0bc", "漢字 😀", "&lt;b> <i>un</b>closed & <img src=x>", " \n\n "])
def test_strange_passages_break_nothing(report, words):
    strange = report.model_copy(update={"impression": report.impression.model_copy(update={"text": words})})
    assert report_pdf(strange, {}).startswith(b"%PDF")
    assert "img" not in Page(report_html(strange, {})).tags


def test_an_image_without_pixels_keeps_its_caption(report):
    lost = ImageLine(number=9, id="run-0001/turn.mp4", caption="A cine", file="", sha256="", value_sha256="ab" * 32)
    one = report.model_copy(update={"images": (lost,), "findings": ()})
    assert "A cine" in Page(report_html(one, {})).text
    assert report_pdf(one, {}).startswith(b"%PDF")


def test_the_rules_are_shown_where_they_were_checked(report, pictures):
    result = RuleResult(rule="R072", severity="E", message="Not sent.", satisfied_by="prosector send")
    checked = Completeness(
        profile="research", dated="2026-01-01", complete=False, statement="Not complete against profile research.",
        results=(result,),
    )  # fmt: skip
    text = Page(report_html(report.model_copy(update={"completeness": checked}), pictures)).text
    assert "R072" in text
    assert text.index("Not complete against profile research") < text.index("Patient and base study")


def test_pictures_are_made_smaller_by_averaging():
    pixels = np.zeros((1300, 700, 3), np.uint8)
    pixels[::3] = 90
    small = reduced(pixels)
    assert small.shape == (433, 233, 3)
    assert max(small.shape) <= LONGEST_PX
    assert set(small.ravel().tolist()) == {30}
    assert reduced(pixels[:LONGEST_PX]).shape[0] <= LONGEST_PX


def test_unwritable_places(report, tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        write_report_html(tmp_path / "report.html", report, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_report_json(tmp_path / "file" / "report.json", report)


def test_plain_data_has_no_surprises(report):
    assert json.loads(json.dumps(report_to_json(report), allow_nan=False)) == report_to_json(report)


@pytest.mark.parametrize(
    ("value", "uncertainty", "unit", "text"),
    [
        (12.345, 0.42, "mm", "12.3 ± 0.4 mm"),
        (12.345, 0.042, "mm", "12.35 ± 0.04 mm"),
        (1234.5, 12.0, "mm3", "1234 ± 12 mm³"),
        (12345.0, 120.0, "mm3", "12.3 ± 0.1 ml"),
        (-40000.0, None, "mm2", "-400 cm²"),
        (61.25, None, "%", "61.25 %"),
        (90.0, 0.0, "deg", "90 ± 0 °"),
        (210.0, 3.0, "[hnsf'U]", "210 ± 3 HU"),
        (0.5, None, "1", "0.5"),
    ],
)
def test_a_number_is_written_as_far_as_it_is_known(value, uncertainty, unit, text):
    assert number_with_unit(value, uncertainty, unit) == text
