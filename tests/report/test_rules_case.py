"""The rules on a real case, made, sent, anchored, replayed and signed through the functions of the case room."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from finished_case import FAST, PASSPHRASE, SIZE

from prosector.case import keys
from prosector.case.decisions import decide, write_text_field
from prosector.case.folder import create_case, read_case, record
from prosector.case.log import LOG
from prosector.case.people import Person, add_person
from prosector.case.runs import run_in_case
from prosector.case.sessions import Session, log_in
from prosector.case.source import add_source
from prosector.case.verify import verify_case
from prosector.cli import main
from prosector.cli.report_check import command
from prosector.errors import CaseError, UnknownNameError
from prosector.pipeline.recipes import parse_recipe
from prosector.report.check import BEFORE_SIGNING, check_case, check_report, rules_without_findings
from prosector.report.compose import compose_report
from prosector.report.sign import sign_report

IMAGE = "run-0001/front.dcm"
SMALL = {
    "name": "one picture",
    "steps": [{"id": "front", "operation": "mip", "inputs": {"volume": "source"}, "parameters": SIZE}],
    "outputs": [{"step": "front", "file": "front.dcm"}],
}
HOSPITAL = "medicare-hospital"
OFFICE = "medicare-nonhospital"
RESEARCH = "research"


@dataclass
class Signed:
    """A workstation, its case, and the physician's session."""

    home: Path
    case: Path
    doctor: Session


@pytest.fixture(scope="module")
def signed(named_series, tmp_path_factory):
    """A case from its creation to the signature, on a workstation with a clearance on record."""
    place = tmp_path_factory.mktemp("signed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROSECTOR_HOME", str(place / "home"))
        patch.setattr(keys, "ARGON2", FAST)
        ada = add_person(Person("ada", "Ada Example (made up)", "physician", "MD", "1234567893"), PASSPHRASE)
        add_person(Person("tom", "Tom Example (made up)", "technologist", "RT(R)"), PASSPHRASE, by=ada)
        doctor, tom = log_in("ada", PASSPHRASE), log_in("tom", PASSPHRASE)
        case = create_case(place / "case", {"cleared": "K123456"})
        add_source(case, named_series, session=tom)
        run_in_case(case, parse_recipe(SMALL), session=tom, supervisor=doctor)
        decide(case, doctor, "region", "accepted", ["run-0001"])
        decide(case, doctor, "tissue", "preset", ["run-0001"])
        decide(case, doctor, "review", "no-change-needed", ["run-0001"])
        decide(case, doctor, "archive", "select", [IMAGE])
        write_about(case, doctor, tom)
        sent(case, IMAGE)
        assert verify_case(case, replay=True, enter=tom).ok
        sign_report(case, doctor, PASSPHRASE, completeness=check_case(case, HOSPITAL, signing=True))
    return Signed(place / "home", case, doctor)


def write_about(case, doctor, tom) -> None:
    record(case, "base-recorded", {"cpt": "72192", "report_id": "B-1", "procedure": "CT pelvis"}, session=tom)
    coding = {"units": 1, "icd10": ["S32.302A"], "setting": "hospital", "component": "global"}
    record(case, "coding-recorded", coding, session=tom)
    write_text_field(case, doctor, "question", "Is the pelvic ring broken?")
    necessity = {"reason": "complex-geometry", "positive_finding": "A line on the axial images."}
    write_text_field(case, doctor, "necessity", "The line runs obliquely.", necessity)
    write_text_field(case, doctor, "considered", "Radiographs do not show the ring whole.")
    write_text_field(case, doctor, "findings", "A line on the 3D MIP.", {"structure": "ring", "images": [IMAGE]})
    write_text_field(case, doctor, "added-value", "The line is seen whole.")
    write_text_field(case, doctor, "impression", "Fracture of the pelvic ring.")


def sent(case, *outputs: str) -> None:
    """What an archive would have said."""
    made = [read_case(case).outputs[name] for name in outputs]
    rows = [{"id": o.id, "sop_class_uid": o.sop_class_uid, "sop_instance_uid": o.sop_instance_uid, "sha256": o.sha256,
             "status": "0000"} for o in made]  # fmt: skip
    record(case, "archive-sent", {"transfer": "t1", "node": {"name": "pacs"}, "instances": rows})
    committed = [row["sop_instance_uid"] for row in rows]
    record(case, "archive-committed", {"transfer": "t1", "committed": committed, "failed": []})


@pytest.fixture
def at_home(signed, monkeypatch):
    monkeypatch.setenv("PROSECTOR_HOME", str(signed.home))
    return signed


def errors(found) -> set[str]:
    return {result.rule for result in found.results if result.severity == "E"}


def test_a_draft_wants_what_comes_with_the_signature(finished) -> None:
    found = check_report(compose_report(finished.case), read_case(finished.case), HOSPITAL)
    assert "not cleared by a regulator" in found.statement
    assert errors(found) == {"R024", "R035", "R036", "R072", "R080", "R081"}
    assert not found.complete
    assert all(result.evidence or result.message for result in found.results)


def test_a_signed_case_is_complete(at_home) -> None:
    found = check_case(at_home.case, HOSPITAL)
    assert errors(found) == set(), found.results
    assert found.complete
    assert found.statement.startswith("Complete against profile medicare-hospital, dated 20")
    warned = {result.rule for result in found.results if result.severity == "W"}
    # no order, no anchor, tests are quicker than people, and the phantom has no kernel
    assert warned == {"R010", "R038", "R039", "R053"}


def test_outside_of_a_hospital_it_wants_an_order(at_home) -> None:
    assert errors(check_case(at_home.case, OFFICE)) == {"R010"}


def test_what_was_true_at_signing_stands_in_the_document(at_home) -> None:
    (path,) = (at_home.case / "reports").glob("*.json")
    kept = json.loads(path.read_text())["completeness"]
    assert kept["statement"].startswith(BEFORE_SIGNING + "Complete against profile")
    assert kept["complete"]


def test_an_edited_log_is_told(at_home, tmp_path) -> None:
    shutil.copytree(at_home.case, tmp_path / "case")
    log = tmp_path / "case" / LOG
    text = log.read_text()
    assert "CT pelvis" in text
    log.write_text(text.replace("CT pelvis", "CT thorax"))
    found = check_case(tmp_path / "case", RESEARCH)
    assert {"R038", "R03A"} <= errors(found)
    assert not found.complete


def test_a_changed_report_is_refused(at_home, tmp_path) -> None:
    shutil.copytree(at_home.case, tmp_path / "case")
    (path,) = (tmp_path / "case" / "reports").glob("*.json")
    path.write_text(path.read_text().replace("Fracture of the pelvic", "Fracture of the outer"))
    with pytest.raises(CaseError, match="is not what event"):
        check_case(tmp_path / "case", RESEARCH)


def test_work_of_a_program_alone_is_never_complete(at_home, named_series, tmp_path) -> None:
    case = create_case(tmp_path / "alone")
    add_source(case, named_series)
    run_in_case(case, parse_recipe(SMALL))
    decide(case, at_home.doctor, "archive", "select", ["run-0001/front.dcm"])
    for name, expected in ((HOSPITAL, True), (RESEARCH, False)):
        found = check_case(case, name)
        assert not found.complete
        assert "NOT SUPERVISED" in found.statement
        assert ("R037" in errors(found)) is expected
        assert any(r.rule == "R037" and r.evidence for r in found.results)


def test_the_same_question_in_case_after_case(at_home) -> None:
    found = check_case(at_home.case, HOSPITAL, earlier=[at_home.case, at_home.case])
    (result,) = (r for r in found.results if r.rule == "R013")
    assert (result.severity, "2 earlier reports" in result.message) == ("W", True)


def test_unknown_profile(at_home) -> None:
    with pytest.raises(UnknownNameError, match="research"):
        check_case(at_home.case, "medicaid")


def test_the_command_tells_and_exits(at_home, tmp_path: Path) -> None:
    before = (at_home.case / LOG).read_bytes()
    told = CliRunner().invoke(command, [str(at_home.case), "--profile", OFFICE])
    assert told.exit_code == 1
    for words in ("R010", "error", "Not complete against profile medicare-nonhospital, dated", "of 63 rules"):
        assert words in told.output
    assert "Müller" not in told.output
    assert CliRunner().invoke(command, [str(at_home.case), "--profile", RESEARCH]).exit_code == 0
    assert (at_home.case / LOG).read_bytes() == before


def test_the_command_as_json(at_home) -> None:
    told = CliRunner().invoke(command, [str(at_home.case), "--profile", HOSPITAL, "--json", "--replay"])
    assert told.exit_code == 0
    data = json.loads(told.stdout)
    assert (data["profile"], data["complete"]) == (HOSPITAL, True)
    assert {"rule", "severity", "message", "satisfied_by", "evidence"} == set(data["results"][0])


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--profile", "medicaid"], 2), ([], 2), (["--profile", RESEARCH, "--earlier", "none"], 3)]
)
def test_the_command_refuses(at_home, arguments, code, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["report", "check", str(at_home.case), *arguments])
    assert stop.value.code == code


def test_counting_rules(at_home) -> None:
    found = check_case(at_home.case, HOSPITAL)
    met, asked = rules_without_findings(found)
    assert (asked, met) == (63, 63 - len({r.rule for r in found.results}))
