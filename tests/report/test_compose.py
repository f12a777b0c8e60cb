"""What the report says: each section from the log, the trace and the source; nothing that nobody did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from finished_case import QUICK, RECIPE

from prosector.case.decisions import correct, decide
from prosector.case.folder import create_case, read_case, record
from prosector.case.runs import run_in_case
from prosector.case.source import add_source
from prosector.errors import CaseError
from prosector.model.geometry import Geometry
from prosector.model.source import Acquisition, Source, Study
from prosector.pipeline.export import trace_sha256
from prosector.pipeline.recipes import parse_recipe
from prosector.pipeline.run import run
from prosector.report.compose import compose_report, report_of_result
from prosector.report.document import Report
from prosector.report.findings import same_structure
from prosector.report.limitations import limitations_of
from prosector.report.sections import missing_parts
from prosector.report.supervision import supervision_of
from prosector.report.words import UNSUPERVISED, about_in_words, counted, listed, moment, person_name


@pytest.fixture(scope="module")
def result(small_ct):
    return run(small_ct, parse_recipe(RECIPE))


@pytest.fixture(scope="module")
def plain(result):
    return report_of_result(result)


def test_patient_and_study_are_those_of_the_source_and_the_log(report):
    assert report.patient.name.startswith("Müller-Žižka^Ágnes")
    assert (report.patient.id, report.patient.birth_date, report.patient.sex) == ("MADE-UP & 1", "19700102", "F")
    study = report.base_study
    assert (study.cpt, study.report_id, study.report_status) == ("72192", "B-1", "interpreted")
    assert study.accession == "ACC-77"  # as entered, before that of the header
    assert study.performed == "20260131 094107"
    assert len(study.series_uids) == 1
    assert report.order.orderer == "Rae Ferrer (made up)"
    assert (report.coding.units, report.coding.icd10, report.coding.setting) == (1, ("S32.302A",), "hospital")


def test_written_text_stands_as_written_with_its_author(report):
    assert report.impression.text == "Fracture of the ring.\nNo displacement."
    for text in (report.question, report.necessity, report.added_value, report.impression):
        assert text.origin == "written"
        assert text.by == "Ada Beispiel-Łęcka (made up)"
        assert text.event > 0
        assert text.at.startswith("20")
    assert report.necessity_reason == "complex-geometry"
    assert (report.positive_finding.text, report.positive_finding.origin) == ("A line.", "written")
    written = [text.origin for text in report.limitations]
    assert written == ["written"] + ["generated"] * (len(written) - 1)


def test_findings_hold_their_numbers_and_pictures(report):
    bone, general = report.findings
    assert bone.structure == "bone"
    assert [text.text for text in bone.texts] == ["A line through the ring, <1 mm wide."]  # the newest counts
    assert {m.name for m in bone.measurements} >= {"volume by voxel count"}
    assert bone.measurements == report.measurements
    assert bone.images == ("run-0001/solid.dcm",)  # computed from the segment; the others are not
    assert (general.structure, general.measurements, general.images) == ("General", (), ())


def test_images_are_the_selected_ones_and_share_a_number_where_they_show_the_same(report):
    assert [(i.id, i.number) for i in report.images] == [
        ("run-0001/front.dcm", 1), ("run-0001/front.png", 1), ("run-0001/solid.dcm", 2),
    ]  # fmt: skip
    front, png, solid = report.images
    assert front.value_sha256 == png.value_sha256 != solid.value_sha256
    assert front.sop_instance_uid
    assert front.selected_by.startswith("Ada")
    assert front.qualifies
    assert front.caption == "Anterior view: 3D maximum intensity projection, preset ct-bone"
    assert {line.id for line in report.files} == {"run-0001/left.png", "run-0001/bone.nii.gz", "run-0001/size.json"}


def test_every_step_is_told_and_views_share_a_sentence(report, finished):
    trace = read_case(finished.case).last("run-done").data["trace"]
    told = sorted(step for s in report.technique for step in s.steps)
    assert told == sorted(f"run-0001/{step['id']}" for step in trace["steps"])
    (mip,) = [s for s in report.technique if s.operation == "mip"]
    assert mip.steps == ("run-0001/front", "run-0001/left")
    assert mip.words.endswith("The same: left view.")
    assert mip.images == ("run-0001/front.dcm", "run-0001/front.png")
    qualifying = [s.qualifies for s in report.technique]
    assert qualifying == sorted(qualifying, reverse=True)


def test_structures_have_code_and_volume(report):
    bone = next(s for s in report.structures if s.code)
    assert (bone.name, bone.code, bone.images) == ("bone", "SCT:3138006", ("run-0001/solid.dcm",))
    volume = next(m for m in report.measurements if m.name == "volume by voxel count")
    assert bone.volume_ml == pytest.approx(volume.value / 1000)
    preset = next(s for s in report.structures if "preset" in s.how)
    assert preset.volume_ml is None


def test_sessions_last_from_the_login_on(report, finished):
    """Not from the first entry in the case, which a run makes when it is done."""
    assert f"whose session began {moment(finished.doctor.started)}" in report.supervision.statement
    assert finished.doctor.started in {line.at for line in report.supervision.sessions}
    assert finished.doctor.started <= report.performed


def test_supervision_names_the_four_elements(report):
    found = report.supervision
    assert found.supervised
    assert "concurrent supervision of Ada Beispiel-Łęcka (made up), MD" in found.statement
    assert [len(getattr(found, e)) for e in ("region", "tissue", "archive", "review")] == [1, 1, 2, 1]
    assert found.review[0].words == "Adjusted: low_hu from 200 to 150."
    assert found.region[0].words == "Region designed: limited to a segment. Bone only."
    assert found.physicians == ("Ada Beispiel-Łęcka (made up), MD, NPI 1234567893",)
    assert found.operators == ("Tom Example (made up), RT(R) (technologist): 1 run",)
    assert {line.role for line in found.sessions} == {"physician", "technologist"}


def test_integrity_ties_it_to_the_log(report, finished):
    state = read_case(finished.case)
    assert report.integrity.log_head == state.head
    assert report.integrity.log_events == len(state.events)
    assert report.integrity.source_sha256 == (state.last("source-added").data["volume_sha256"],)
    assert report.workstation.build_sha256 == state.created.data["software"]["build_sha256"]
    assert "independent workstation" in report.workstation.statement
    assert "not cleared" in report.workstation.statement


def test_only_proof_of_archiving_and_signature_are_missing(report):
    assert [part.split()[0] for part in missing_parts(report)] == ["The", "Proof"]


def test_withdrawn_entries_are_not_told(work):
    text = read_case(work.case).text("impression")
    correct(work.case, work.doctor, text.number, "wrong case")
    assert compose_report(work.case).impression is None


def test_receipts_stand_beside_the_images(work):
    image = read_case(work.case).outputs["run-0001/front.dcm"]
    row = {
        "id": image.id,
        "sop_class_uid": "",
        "sop_instance_uid": image.sop_instance_uid,
        "sha256": "",
        "status": "0000",
    }
    sent = {"transfer": "t1", "node": {"name": "PACS"}, "instances": [row]}
    record(work.case, "archive-sent", sent)
    record(work.case, "archive-committed", {"transfer": "t1", "committed": [image.sop_instance_uid], "failed": []})
    front, png, solid = compose_report(work.case).images
    assert [line.split()[0] for line in front.receipts] == ["sent", "storage"]
    assert "status 0000" in front.receipts[0]
    assert png.receipts == solid.receipts == ()


def test_a_run_nobody_supervised_makes_the_report_say_so(work):
    run_in_case(work.case, parse_recipe(QUICK), session=work.technologist)
    assert compose_report(work.case).supervision.supervised  # its images were not selected
    decide(work.case, work.doctor, "archive", "select", ["run-0002/front.png"])
    found = compose_report(work.case).supervision
    assert not found.supervised
    assert found.statement.startswith("NOT SUPERVISED throughout: run-0002")
    assert "not a complete 76377 record" in found.statement


def test_a_case_of_a_program_is_not_supervised(tmp_path, named_series, work):
    case = create_case(tmp_path / "other")
    add_source(case, named_series)
    run_in_case(case, parse_recipe(QUICK))
    report = compose_report(case)
    assert report.supervision.statement == UNSUPERVISED
    assert report.supervision.operators == ("a program, by itself: 1 run",)
    assert report.images == ()
    assert supervision_of(read_case(case)) == report.supervision


def test_a_lost_table_is_a_limitation_and_no_number(work):
    points = {"kind": "distance", "points_lps": [0.0, 0.0, 0.0, 10.0, 0.0, 0.0]}
    step = {"id": "far", "operation": "measure-points", "inputs": {"volume": "source"}, "parameters": points}
    run_in_case(work.case, parse_recipe({**QUICK, "steps": [*QUICK["steps"], step]}), session=work.doctor)
    report = compose_report(work.case)
    assert any("measured, but its table was not kept" in text.text for text in report.limitations)
    (work.case / "outputs" / "run-0001" / "size.json").write_text("{}")
    report = compose_report(work.case)
    assert report.measurements == ()
    assert any("cannot be read" in text.text for text in report.limitations)


def test_no_source_no_report(tmp_path, work):
    with pytest.raises(CaseError, match="no source"):
        compose_report(create_case(tmp_path / "empty"))


def test_a_run_outside_a_case_is_the_same_document_left_open(plain, result):
    assert isinstance(plain, Report)
    assert (plain.status, plain.supervision.supervised, plain.signature) == ("draft", False, None)
    assert plain.supervision.statement == UNSUPERVISED
    assert [i.number for i in plain.images] == [1, 2, 3]
    assert plain.images[0].file == "front.dcm"
    assert len(list(missing_parts(plain))) == 13
    assert plain.integrity.trace_sha256 == (trace_sha256(result.trace),)
    assert report_of_result(result) == plain  # no clock in it


def test_measurements_are_told_without_a_case_too(plain, report):
    assert [(m.name, m.value) for m in plain.measurements] == [(m.name, m.value) for m in report.measurements]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("bone", "Bone", True),
        ("left iliac wing", "iliac wing, left", True),
        ("artery", "right common iliac artery", True),
        ("left kidney", "right kidney", False),
        ("", "bone", False),
    ],
)
def test_names_of_one_structure(one, other, same):
    assert same_structure(one, other) is same
    assert same_structure(other, one) is same


def test_words():
    assert counted([3, 1, 2, 8, 8]) == "1–3, 8"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"
    assert person_name("Doe^Jane^M=ideographic") == "Doe, Jane M"
    assert moment("20260131 094107.123") == "2026-01-31 09:41:07"
    assert moment("2026-02-01T12:00:00+01:00") == "2026-02-01 11:00:00 UTC"
    assert moment("2026-02-01") == "2026-02-01"
    assert moment("soon") == "soon"
    assert about_in_words(["run-1", "run-2/a.png", "run-2/b.png"]) == "run-1; run-2: a.png, b.png"


def tilted(degrees: float, distance: float = 2.0) -> Geometry:
    shift = distance * np.tan(np.radians(degrees))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 0.5], [shift, 0.5, 0], [distance, 0, 0]])
    return Geometry((4, 5, 6), affine)


THIN = Source(
    modality="CT",
    series_instance_uid="1.2.3.4",
    sop_instance_uids=("1.2.3.4.1",),
    study=Study(instance_uid="1.2.3"),
    acquisition=Acquisition(slice_thickness_mm=2.0),
)


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
def test_limitations(change, geometry, expected):
    source = replace(THIN, acquisition=replace(THIN.acquisition, **change))
    found = limitations_of(source, geometry)
    assert len(found) == len(expected)
    assert all(words in line for words, line in zip(expected, found, strict=True))


def test_loader_warnings_come_first_and_are_not_said_twice():
    source = replace(THIN, warnings=("gantry tilt: slices are sheared by 18.50°", "a slice was read twice"))
    expected = ("Gantry tilt: slices are sheared by 18.50°", "A slice was read twice")
    assert limitations_of(source, tilted(18.5, 0.8)) == expected
