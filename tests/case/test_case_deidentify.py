"""A case without its people: the same work, the same values, nobody in it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pydicom
import pytest

from prosector.case.decisions import correct, decide, write_text_field
from prosector.case.deidentify import deidentify_case
from prosector.case.folder import create_case, read_case, record
from prosector.case.runs import run_in_case
from prosector.case.source import add_source
from prosector.case.verify import verify_case
from prosector.datasets.write_series import write_ct_series
from prosector.errors import CaseError
from prosector.model.source import Patient
from prosector.pipeline.recipes import parse_recipe

SIZE = {"width": 48, "height": 48}
RECIPE = parse_recipe(
    {
        "name": "two pictures",
        "steps": [
            {"id": "mip", "operation": "mip", "inputs": {"volume": "source"}, "parameters": SIZE},
            {"id": "banner", "operation": "volume", "inputs": {"volume": "source"},
             "parameters": {"width": 192, "height": 192, "banner": True}},
        ],
        "outputs": [{"step": "mip", "file": "mip.dcm"}, {"step": "banner", "file": "banner.png"}],
    }
)  # fmt: skip


@pytest.fixture
def series(tmp_path, small_ct):
    patient = Patient("Zwetschgenbaum^Kunigunde", "QX-77123", "", "19410203", "F")
    study = replace(small_ct.source.study, accession_number="ACC998877", date="20240506")
    source = replace(small_ct.source, patient=patient, study=study)
    write_ct_series(replace(small_ct, source=source), tmp_path / "series")
    return tmp_path / "series"


@pytest.fixture
def case(tmp_path, series, doctor):
    folder = create_case(tmp_path / "case")
    add_source(folder, series, session=doctor)
    run_in_case(folder, RECIPE, session=doctor)
    decide(folder, doctor, "archive", "select", ["run-0001/mip.dcm"], {"note": "for Kunigunde's surgeon"})
    wrong = decide(folder, doctor, "archive", "reject", ["run-0001/mip.dcm"])
    write_text_field(folder, doctor, "impression", "Frau Zwetschgenbaum is well.")
    correct(folder, doctor, wrong.number, "Ada mistook it")
    order = {"orderer": {"name": "Orderer Omega", "npi": ""}, "date": "20240501"}
    record(folder, "order-recorded", order, session=doctor)
    return folder


def bytes_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_copy_is_whole_and_names_nobody(tmp_path, case, series):
    before, original = read_case(case), bytes_of(series)
    made = deidentify_case(case, tmp_path / "copy")
    state = read_case(made.folder)
    assert "run-0001/mip" in made.same
    assert made.other == ("run-0001/banner",)  # the made-up name stands in it now
    assert made.dropped == ()
    assert state.created.data["origin"]["sha256"] == before.head
    assert state.archived == ("run-0001/mip.dcm",)
    assert {s.person["id"] for s in state.sessions} == {"physician-1"}
    assert not state.of("text-recorded", "order-recorded", "attested")
    everything = bytes_of(made.folder)
    for needle in (b"zwetschgen", b"kunigunde", b"qx-77123", b"19410203", b"acc998877", b"ada ", b"omega",
                   before.last("source-added").data["study_uid"].encode(), str(tmp_path).encode()):  # fmt: skip
        assert [name for name, data in everything.items() if needle in data.lower()] == []
    assert bytes_of(series) == original
    assert read_case(case).events[-1].kind == "exported"
    assert len(read_case(case).events) == len(before.events) + 1
    outputs = {row.file for row in state.outputs.values()}
    assert "De-identified" in str(pydicom.dcmread(made.folder / sorted(outputs)[1]).PatientName)


def test_the_copy_verifies_and_can_be_moved(tmp_path, case):
    deidentify_case(case, tmp_path / "copy")
    shutil.move(tmp_path / "copy", tmp_path / "elsewhere")
    found = verify_case(tmp_path / "elsewhere", replay=True)
    assert found.ok, [check.wrong for check in found.checks if check.wrong]


def test_texts_that_name_the_patient_are_found_and_nothing_is_left(tmp_path, case):
    with pytest.raises(CaseError, match="would still name somebody") as raised:
        deidentify_case(case, tmp_path / "copy", keep_texts=True)
    assert "wetsch" not in str(raised.value)
    assert not (tmp_path / "copy").exists()
    assert read_case(case).events[-1].kind == "order-recorded"


def test_harmless_texts_are_kept_where_asked(tmp_path, series, doctor):
    folder = create_case(tmp_path / "case")
    add_source(folder, series)
    write_text_field(folder, doctor, "impression", "No fracture.")
    made = deidentify_case(folder, tmp_path / "copy", keep_texts=True)
    assert read_case(made.folder).text("impression").data["text"] == "No fracture."
    log = [json.loads(line) for line in (made.folder / "case.jsonl").read_text().splitlines()]
    assert {event["actor"]["name"] for event in log} == {"", "Physician 1 (made up)"}


def test_a_copy_inside_the_case_is_refused(case):
    with pytest.raises(CaseError, match="inside the case"):
        deidentify_case(case, case / "outputs" / "copy")
