"""A finished case of made-up people, built once and copied for every test that changes it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from finished_case import FAST, PASSPHRASE, RECIPE

from prosector.case import keys
from prosector.case.decisions import decide, write_text_field
from prosector.case.folder import create_case, record
from prosector.case.people import Person, add_person
from prosector.case.runs import run_in_case
from prosector.case.sessions import Session, log_in
from prosector.case.source import add_source
from prosector.datasets.write_series import write_ct_series
from prosector.model.source import Patient
from prosector.pipeline.recipes import parse_recipe


@dataclass
class Work:
    """A workstation with a case and who is logged in there."""

    home: Path
    case: Path
    doctor: Session
    technologist: Session


@pytest.fixture(scope="session")
def named_series(small_ct, tmp_path_factory):
    """The small CT as DICOM, of a made-up patient whose name needs more than ASCII."""
    folder = tmp_path_factory.mktemp("named") / "series"
    patient = Patient(name="Müller-Žižka^Ágnes^<b>", id="MADE-UP & 1", birth_date="19700102", sex="F")
    study = replace(small_ct.source.study, date="20260131", time="094107", accession_number="ACC-9")
    write_ct_series(replace(small_ct, source=replace(small_ct.source, patient=patient, study=study)), folder)
    return folder


@pytest.fixture(scope="session")
def finished(named_series, tmp_path_factory):
    """Everything done but the report."""
    place = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROSECTOR_HOME", str(place / "home"))
        patch.setattr(keys, "ARGON2", FAST)
        ada = add_person(Person("ada", "Ada Beispiel-Łęcka (made up)", "physician", "MD", "1234567893"), PASSPHRASE)
        add_person(Person("tom", "Tom Example (made up)", "technologist", "RT(R)"), PASSPHRASE, by=ada)
        doctor, tom = log_in("ada", PASSPHRASE), log_in("tom", PASSPHRASE)
        case = create_case(place / "case")
        add_source(case, named_series, session=tom)
        run_in_case(case, parse_recipe(RECIPE), session=tom, supervisor=doctor)
        decide(case, doctor, "region", "segment", ["run-0001"], {"note": "Bone only."})
        decide(case, doctor, "tissue", "preset", ["run-0001"], {"parameters": {"preset": "ct-bone"}})
        decide(case, doctor, "review", "adjusted", ["run-0001"], {"parameter": "low_hu", "old": 200, "new": 150.0})
        files = ["run-0001/front.dcm", "run-0001/front.png", "run-0001/solid.dcm"]
        decide(case, doctor, "archive", "select", files)
        decide(case, doctor, "archive", "reject", ["run-0001/left.png"])
        fill_in(case, doctor, tom)
    return Work(place / "home", case, doctor, tom)


def fill_in(case, doctor, tom):
    orderer = {"name": "Rae Ferrer (made up)", "npi": "1234567893"}
    record(case, "order-recorded", {"orderer": orderer, "date": "2026-01-30", "order_id": "ORD-1"}, session=tom)
    record(case, "base-recorded", {"cpt": "72192", "accession": "ACC-77", "report_id": "B-1", "status": "interpreted"},
           session=tom)  # fmt: skip
    coding = {"units": 1, "icd10": ["S32.302A"], "setting": "hospital", "rendering_host": "workstation"}
    record(case, "coding-recorded", coding, session=tom)
    told = {"to": "Rae Ferrer", "at": "2026-02-01T11:00:00+00:00", "what": "fracture", "critical": True}
    record(case, "communication-recorded", told, session=doctor)
    write_text_field(case, doctor, "question", "Is the ring broken?")
    why = {"reason": "complex-geometry", "positive_finding": "A line."}
    write_text_field(case, doctor, "necessity", "The line runs obliquely.", why)
    write_text_field(case, doctor, "findings", "A first thought.", {"structure": "bone"})
    write_text_field(case, doctor, "findings", "A line through the ring, <1 mm wide.", {"structure": "bone"})
    write_text_field(case, doctor, "findings", "The table is empty.")
    write_text_field(case, doctor, "added-value", "The line is seen whole.")
    write_text_field(case, doctor, "impression", "Fracture of the ring.\nNo displacement.")
    write_text_field(case, doctor, "limitations", "The patient moved.")


@pytest.fixture
def work(finished, tmp_path, monkeypatch):
    """A copy of the finished case and its workstation."""
    monkeypatch.setenv("PROSECTOR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(keys, "ARGON2", FAST)
    shutil.copytree(finished.home, tmp_path / "home")
    shutil.copytree(finished.case, tmp_path / "case")
    return replace(finished, home=tmp_path / "home", case=tmp_path / "case")


@pytest.fixture(scope="session")
def report(finished):
    """The report that the case comes to, unsigned."""
    from prosector.report.compose import compose_report

    return compose_report(finished.case)


@pytest.fixture(scope="session")
def pictures(finished, report):
    from prosector.case.folder import read_case
    from prosector.report.pictures import pictures_of_case

    return pictures_of_case(finished.case, read_case(finished.case), report)
