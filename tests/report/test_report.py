"""The draft report: what it says, what it never says, and that both forms say the same."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from prosector.errors import OutputError
from prosector.model.camera import fit_camera
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.mesh import Mesh
from prosector.model.recipe import Output, Trace, TraceStep
from prosector.model.rendering import Rendering
from prosector.model.source import Acquisition, Equipment, Patient, Source, Study
from prosector.model.structures import structure
from prosector.report.build import build_draft_report
from prosector.report.html import THUMBNAIL_PX, write_report_html
from prosector.report.json import report_document, write_report_json
from prosector.report.limitations import limitations_of
from prosector.report.model import DraftReport

GRID = Geometry((4, 5, 6), np.array([[0, 0, 0.5, 0], [0, 0.5, 0, 0], [2.0, 0, 0, 0], [0, 0, 0, 1]]))
SOURCE = Source(
    modality="CT",
    series_instance_uid="1.2.3.4",
    description="Pelvis <b>bone</b>",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    sop_instance_uids=("1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3", "1.2.3.4.4"),
    patient=Patient(name="Doe^Jane^<script>alert(1)</script>", id="A&1", birth_date="19700102", sex="F"),
    study=Study(instance_uid="1.2.3", date="20260131", time="094107.000", description="CT pelvis"),
    equipment=Equipment(manufacturer="Maker", model="Model 7"),
    acquisition=Acquisition(kernel="B60", kvp=120.0, slice_thickness_mm=2.0, image_type=("ORIGINAL", "PRIMARY")),
)
VIEW = {"width": 900, "height": 600, "zoom": 1.0, "roll_deg": 0.0, "preset": "ct-bone", "annotate": True}
WINDOW = {"window_center": 650.0, "window_width": 1700.0}


def picture(method: str, shade: int = 90) -> Rendering:
    camera = fit_camera(GRID, (900, 600))
    return Rendering(np.full((600, 900, 3), shade, np.uint8), camera, method, "ct-bone", {"left": "R", "right": "L"})


def made(name: str, operation: str, inputs: dict[str, str], kind: str, **parameters: Any) -> TraceStep:
    given = {key: (origin, "0" * 64) for key, origin in inputs.items()}
    return TraceStep(name, operation, given, parameters, kind, f"{name:f<64}", 0.1)


STEPS = (
    made(
        "bone", "segment-bone", {"volume": "source"}, "LabelMap", low_hu=200.0, high_hu=450.0, minimum_volume_mm3=200.0
    ),
    made("only", "keep-inside", {"volume": "source", "labels": "bone"}, "Volume", margin_mm=2.0),
    made("front", "mip", {"volume": "source"}, "Rendering", azimuth_deg=0.0, elevation_deg=0.0, **VIEW, **WINDOW),
    made("side", "mip", {"volume": "source"}, "Rendering", azimuth_deg=90.0, elevation_deg=0.0, **VIEW, **WINDOW),
    made("solid", "volume", {"volume": "only"}, "Rendering", azimuth_deg=30.0, elevation_deg=10.0, **VIEW),
    made("mesh", "extract-label-mesh", {"labels": "bone"}, "Mesh", smooth_iterations=0, reduce_fraction=0.0),
)
TRACE = Trace(
    recipe="bone-ct",
    source_sha256="a" * 64,
    source_series_uid="1.2.3.4",
    steps=STEPS,
    outputs=(
        Output("front", "front.png"),
        Output("front", "front.dcm"),
        Output("solid", "solid.png"),
        Output("mesh", "bone.stl"),
    ),
    versions={"prosector": "0.1.0", "python": "3.11.7", "numba": "0.61.0"},
    machine={"cpu": "x86_64", "threads": 2},
    started_utc="2026-02-01T10:00:00+00:00",
)
VALUES = {
    "bone": LabelMap(
        np.ones((4, 5, 6), np.uint8), GRID, (Segment(1, "bone", structure("bone"), "AUTOMATIC", "hysteresis"),)
    ),
    "front": picture("mip"),
    "side": picture("mip"),
    "solid": picture("volume"),
    "mesh": Mesh(np.eye(3) * 10, np.array([[0, 1, 2]]), np.eye(3)),
}


class Page(HTMLParser):
    """The text and the addresses of a page."""

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
def report() -> DraftReport:
    return build_draft_report(TRACE, VALUES, SOURCE, GRID)


@pytest.fixture(scope="module")
def html(report: DraftReport, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report_html(path, report)
    return path.read_text(encoding="utf-8")


def page_of(report: DraftReport, folder: Path) -> Page:
    write_report_html(folder / "report.html", report)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_json_holds_every_key_and_the_whole_trace(report: DraftReport, tmp_path: Path) -> None:
    write_report_json(tmp_path / "report.json", report)
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert list(data) == [
        "schema", "schema_version", "title", "status", "made_utc", "patient", "base_study", "source_series", "geometry",
        "techniques", "structures", "measurements", "images", "outputs", "limitations", "workstation", "missing", "trace",
    ]  # fmt: skip
    assert data["title"] == "3D post-processing (76377)"
    assert [step["id"] for step in data["trace"]["steps"]] == [step.id for step in STEPS]
    assert data["trace"]["steps"][2]["parameters"]["window_center"] == 650.0
    assert data["geometry"]["slice_distance_mm"] == pytest.approx(2.0)
    assert data["base_study"]["instance_uid"] == "1.2.3"
    assert data["patient"]["name"].startswith("Doe^Jane")


def test_documented_keys_are_the_keys(report: DraftReport, repository: Path) -> None:
    page = (repository / "docs" / "reference" / "report.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    document = report_document(report)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])} == set(document)
    for section in ("status", "patient", "base_study", "source_series", "geometry", "workstation"):
        (row,) = [row for row in rows if row.startswith(f"| `{section}`")]
        assert all(f"`{key}`" in row or f"the {key}" in row for key in document[section]), section
    for section in ("techniques", "structures", "images", "outputs"):
        (row,) = [row for row in rows if row.startswith(f"| `{section}`")]
        assert all(f"`{key}`" in row for key in document[section][0]), section


def test_never_complete_and_says_so_first(report: DraftReport, html: str) -> None:
    status = report_document(report)["status"]
    assert (status["supervised"], status["complete"], status["state"]) == (False, False, "draft")
    text = Page(html).text
    assert text.index("Made without physician supervision") < text.index("Patient and base study")
    assert "not a complete 76377 record" in text
    assert "not cleared" in text
    assert "payable" not in text.lower()


def test_html_escapes_everything(html: str) -> None:
    page = Page(html)
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert "Pelvis <b>bone</b>" in page.text


def test_html_asks_nothing_of_the_network(html: str) -> None:
    assert all(address.startswith("data:image/png;base64,") for address in Page(html).addresses)
    assert not re.search(r"url\(|@import|http:|https:", html)
    assert "default-src 'none'" in html


def test_thumbnails_show_the_pictures(html: str) -> None:
    addresses = Page(html).addresses
    assert len(addresses) == 3
    picture = Image.open(BytesIO(base64.b64decode(addresses[0].split(",")[1])))
    assert picture.size == (300, 200)
    assert max(picture.size) <= THUMBNAIL_PX
    assert set(np.asarray(picture).ravel().tolist()) == {90}


def test_every_step_is_told_once(report: DraftReport) -> None:
    told = [step for technique in report.techniques for s in technique.statements for step in s.steps]
    assert sorted(told) == sorted(step.id for step in STEPS)


def test_views_share_a_statement(report: DraftReport) -> None:
    (mip,) = [t for t in report.techniques if "maximum" in t.name.lower()]
    (statement,) = mip.statements
    assert mip.qualifies
    assert statement.steps == ("front", "side")
    assert statement.words.endswith("The same: left view.")
    assert statement.figures == (1, 2)


def test_structures_name_the_images_that_came_of_them(report: DraftReport) -> None:
    bone, preset = report.structures
    assert (bone.name, bone.code, bone.figures) == ("bone", "SCT:3138006", (3,))
    assert bone.volume_ml == pytest.approx(120 * 0.5 / 1000)
    assert preset.figures == (1, 2, 3)
    assert preset.volume_ml is None


def test_captions_name_the_view(report: DraftReport) -> None:
    captions = [image.caption for image in report.images]
    assert captions[0].startswith("Anterior view: ")
    assert captions[1].startswith("Left view: ")
    assert captions[2].startswith("View from azimuth 30°, elevation 10°: Volume rendering")
    assert report.images[0].files == ("front.png", "front.dcm")
    assert report.images[0].sha256 == STEPS[2].output_sha256


def test_outputs_list_the_files(report: DraftReport) -> None:
    assert [(output.file, output.kind) for output in report.outputs] == [
        ("front.png", "Rendering"), ("front.dcm", "Rendering"), ("solid.png", "Rendering"), ("bone.stl", "Mesh"),
    ]  # fmt: skip
    assert report.outputs[3].content == "surface of 1 triangles, 0.9 cm²"


def test_the_source_itself_can_be_an_output() -> None:
    (output,) = build_draft_report(
        replace(TRACE, outputs=(Output("source", "ct.nii.gz"),)), VALUES, SOURCE, GRID
    ).outputs
    assert (output.kind, output.sha256) == ("Volume", TRACE.source_sha256)


def test_hashes_stand_in_full(html: str) -> None:
    """Those of files in the table; those of pictures that were not written below the picture."""
    text = Page(html).text
    assert all(step.output_sha256 in text for step in STEPS if step.id in ("front", "side", "solid", "mesh"))


def test_what_is_absent_is_said(tmp_path: Path) -> None:
    empty = replace(TRACE, steps=(), outputs=())
    page = page_of(build_draft_report(empty, {}, Source(), GRID), tmp_path)
    assert page.text.count("not stated") > 10
    assert "No images were made." in page.text
    assert "None of the steps is a 3D technique" in page.text
    assert "The source is not DICOM" in page.text


def test_segmentation_alone_does_not_qualify(tmp_path: Path) -> None:
    page = page_of(build_draft_report(replace(TRACE, steps=STEPS[:1], outputs=()), VALUES, SOURCE, GRID), tmp_path)
    assert "None of the steps is a 3D technique" in page.text


def test_dates_names_and_figures_read_well(html: str) -> None:
    text = Page(html).text
    assert "Doe, Jane <script>" in text
    assert "1970-01-02" in text
    assert "2026-01-31 09:41:07" in text
    assert "Images 1–2." in text


def test_same_trace_same_bytes(report: DraftReport, html: str, tmp_path: Path) -> None:
    again = build_draft_report(TRACE, VALUES, SOURCE, GRID)
    write_report_html(tmp_path / "report.html", again)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html
    assert report_document(again) == report_document(report)


def test_unwritable_place(report: DraftReport, tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        write_report_html(tmp_path / "report.html", report)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_report_json(tmp_path / "file" / "report.json", report)


def tilted(degrees: float, distance: float = 2.0) -> Geometry:
    shift = distance * np.tan(np.radians(degrees))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 0.5], [shift, 0.5, 0], [distance, 0, 0]])
    return Geometry((4, 5, 6), affine)


@pytest.mark.parametrize(
    ("change", "geometry", "expected"),
    [
        ({}, tilted(0, 0.8), []),
        ({}, tilted(18.5, 0.8), ["stacked at 18.5°"]),
        ({"slice_thickness_mm": 5.0}, tilted(0, 0.8), ["5.0 mm thick"]),
        ({"slice_thickness_mm": 0.7}, tilted(0, 0.9), ["tissue between them"]),
        ({"slice_thickness_mm": None}, tilted(0, 0.8), ["does not state"]),
        ({"lossy_compression": "01"}, tilted(0, 0.8), ["compressed with loss"]),
        ({}, tilted(0, 1.9), ["elongated"]),
    ],
)
def test_limitations(change: dict[str, Any], geometry: Geometry, expected: list[str]) -> None:
    source = replace(SOURCE, acquisition=replace(SOURCE.acquisition, **change))
    found = limitations_of(source, geometry)
    assert len(found) == len(expected)
    assert all(words in line for words, line in zip(expected, found, strict=True))


def test_loader_warnings_come_first_and_are_not_said_twice() -> None:
    source = replace(SOURCE, warnings=("gantry tilt: slices are sheared by 18.50°", "a slice was read twice"))
    expected = ("Gantry tilt: slices are sheared by 18.50°", "A slice was read twice")
    assert limitations_of(source, tilted(18.5, 0.8)) == expected
