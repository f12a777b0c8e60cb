"""Working in a case: source, runs, decisions, corrections, logging out."""

from dataclasses import replace

import pydicom
import pytest

from prosector.case.decisions import correct, decide, log_out, write_text_field
from prosector.case.folder import create_case, read_case
from prosector.case.keys import is_signed
from prosector.case.runs import path_sha256, run_in_case, supervised_text
from prosector.case.sessions import current_session, log_in
from prosector.case.source import add_source, changed_files, read_source
from prosector.errors import CaseError, NotPermittedError, RecipeError, UnknownNameError
from prosector.model.digest import digest
from prosector.pipeline.recipes import parse_recipe
from prosector.pipeline.run import run_operation
from prosector.pipeline.source import read_labels

PASSPHRASE = "correct horse battery staple"
SIZE = {"width": 64, "height": 64}
RECIPE = parse_recipe(
    {
        "name": "two pictures",
        "steps": [
            {"id": "mip", "operation": "mip", "inputs": {"volume": "source"}, "parameters": SIZE},
            {"id": "bone", "operation": "volume", "inputs": {"volume": "source"}, "parameters": SIZE},
        ],
        "outputs": [{"step": "mip", "file": "mip.dcm"}, {"step": "bone", "file": "bone.png"}],
    }
)


@pytest.fixture
def case(tmp_path, ct_series):
    folder = create_case(tmp_path / "case")
    add_source(folder, ct_series)
    return folder


def test_the_source_is_held_to_its_hashes(tmp_path, ct_series, case):
    event = read_case(case).last("source-added")
    files = event.data["files"]
    assert len(files) == len(event.data["instances"]) == read_source(case).geometry.shape[0]
    assert changed_files(event) == ()
    text = (case / "case.jsonl").read_text()
    assert "PHANTOM" not in text.upper().replace("PROSECTOR", "") or "Name" not in text


def test_a_changed_source_is_refused_and_named(tmp_path, small_ct):
    from prosector.datasets.write_series import write_ct_series

    series = tmp_path / "series"
    write_ct_series(small_ct, series)
    case = create_case(tmp_path / "case")
    add_source(case, series)
    victim = sorted(series.rglob("*.dcm"))[3]
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    event = read_case(case).last("source-added")
    assert len(changed_files(event)) == 1
    with pytest.raises(CaseError, match="reads otherwise"):
        read_source(case)
    victim.unlink()
    assert any("is gone" in line for line in changed_files(event))


def test_a_run_is_recorded_with_its_files(case, doctor):
    event, result = run_in_case(case, RECIPE, session=doctor)
    state = read_case(case)
    assert list(state.outputs) == ["run-0001/mip.dcm", "run-0001/bone.png"]
    for output in state.outputs.values():
        assert path_sha256(case / output.file) == output.sha256
    mip = state.outputs["run-0001/mip.dcm"]
    assert mip.sop_instance_uid
    assert mip.value_sha256 == result.trace.steps[0].output_sha256
    assert event.actor.person == "ada"
    second, _ = run_in_case(case, RECIPE)
    assert second.data["run"] == "run-0002"
    assert second.actor.role == "program"


def test_a_run_is_supervised_where_a_physician_is_logged_in(case, doctor, technologist):
    tom = log_in("tom", PASSPHRASE)
    alone, _ = run_in_case(case, RECIPE, session=tom)
    assert alone.data["supervisor"] == {}
    event, result = run_in_case(case, RECIPE, session=tom, supervisor=doctor)
    seal = event.data["supervisor"]
    assert seal["person"] == "ada"
    assert is_signed(doctor.session_key, seal["signature"], supervised_text(seal["trace_sha256"], doctor.id))
    assert result.trace.supervised
    assert result.trace.steps[0].parameters["supervised"] is True
    state = read_case(case)
    before, after = (state.outputs[f"run-000{n}/bone.png"] for n in (1, 2))
    assert before.value_sha256 != after.value_sha256  # the mark is gone
    said = [pydicom.dcmread(case / state.outputs[f"run-000{n}/mip.dcm"].file).DerivationDescription for n in (1, 2)]
    assert ["Not made under physician supervision" in words for words in said] == [True, False]
    assert {s.person["id"] for s in state.sessions} == {"ada", "tom"}
    with pytest.raises(NotPermittedError, match="a physician supervises"):
        run_in_case(case, RECIPE, session=doctor, supervisor=tom)


def test_no_recipe_says_by_itself_that_it_was_supervised(case, doctor):
    step = replace(RECIPE.steps[0], parameters={**SIZE, "supervised": True})
    with pytest.raises(RecipeError, match="by nothing else"):
        run_in_case(case, replace(RECIPE, steps=(step, RECIPE.steps[1])), session=doctor)


def test_given_labels_are_kept(case, doctor, small_ct):
    body = run_operation("segment-body", {"volume": read_source(case)})
    recipe = parse_recipe(
        {
            "name": "inside",
            "inputs": {"labels": "LabelMap"},
            "steps": [{"id": "k", "operation": "keep-inside", "inputs": {"volume": "source", "labels": "labels"}}],
        }
    )
    event, _ = run_in_case(case, recipe, session=doctor, given={"labels": body})
    row = event.data["given"]["labels"]
    assert path_sha256(case / row["file"]) == row["sha256"]
    assert (
        digest(read_labels(case / row["file"], read_source(case))) == event.data["trace"]["inputs"]["labels"]["sha256"]
    )


def test_decisions_name_what_is_there(case, doctor):
    run_in_case(case, RECIPE, session=doctor)
    decide(case, doctor, "archive", "select", ["run-0001/mip.dcm", "run-0001/bone.png"])
    decide(case, doctor, "archive", "reject", ["run-0001/mip.dcm"])
    decide(case, doctor, "review", "adjusted", ["run-0001"], {"parameter": "level", "old": 200, "new": 250})
    state = read_case(case)
    assert state.archived == ("run-0001/bone.png",)
    assert len(state.decisions()) == 3
    for wrong in (["run-0009"], [], ["run-0001/none.png"]):
        with pytest.raises(CaseError, match="about something in the case"):
            decide(case, doctor, "region", "crop", wrong)
    with pytest.raises(CaseError, match="about something in the case"):
        decide(case, doctor, "archive", "select", ["run-0001"])
    with pytest.raises(CaseError, match="from what"):
        decide(case, doctor, "review", "adjusted", ["run-0001"])
    with pytest.raises(UnknownNameError, match="decision on tissue"):
        decide(case, doctor, "tissue", "crop", ["run-0001"])


def test_a_correction_withdraws_and_can_be_withdrawn(case, doctor):
    first = write_text_field(case, doctor, "impression", "No fracture.")
    write_text_field(case, doctor, "impression", "A fracture.")
    event = correct(case, doctor, first.number + 1, "typed into the wrong case")
    assert read_case(case).text("impression").data["text"] == "No fracture."
    correct(case, doctor, event.number, "it was the right one after all")
    assert read_case(case).text("impression").data["text"] == "A fracture."
    for number in (0, 99, -1):
        with pytest.raises(CaseError, match="not one that can be withdrawn"):
            correct(case, doctor, number, "because")


def test_texts_have_fields_reasons_and_content(case, doctor):
    write_text_field(case, doctor, "necessity", "Overlap hides it.", {"reason": "overlap"})
    with pytest.raises(UnknownNameError):
        write_text_field(case, doctor, "diagnosis", "x")
    with pytest.raises(UnknownNameError, match="reason"):
        write_text_field(case, doctor, "necessity", "x", {"reason": "billing"})
    with pytest.raises(CaseError, match="empty"):
        write_text_field(case, doctor, "impression", " \n")


def test_logging_out_ends_the_session_in_its_cases(case, doctor):
    write_text_field(case, doctor, "question", "Is it broken?")
    session = current_session()
    assert log_out(session) == ()
    assert current_session() is None
    (kept,) = read_case(case).sessions
    assert kept.ended.data["reason"] == "logged out"
    again = log_in("ada", PASSPHRASE)
    write_text_field(case, again, "question", "Is it healed?")
    assert len(read_case(case).sessions) == 2
