"""The report as DICOM: valid, filed in the base study, saying what the document says and naming what it is made of."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import highdicom
import pydicom
import pytest
from finished_case import FAST, PASSPHRASE, RECIPE

from prosector.case import keys
from prosector.case.decisions import write_text_field
from prosector.case.folder import read_case
from prosector.case.runs import run_in_case
from prosector.case.sessions import Session
from prosector.dicom import codes
from prosector.errors import CaseError, NoDicomSourceError
from prosector.model.source import Source
from prosector.pipeline.recipes import parse_recipe
from prosector.report.compose import compose_report
from prosector.report.document import Report
from prosector.report.objects import write_report_objects
from prosector.report.sign import amend_report, sign_report

POINTS = {"kind": "distance", "points_lps": [0, 0, 0, 3, 4, 12], "name": "gap"}
MEASURED = {
    **RECIPE,
    "steps": [*RECIPE["steps"][:1], RECIPE["steps"][-1],
              {"id": "gap", "operation": "measure-points", "inputs": {"volume": "source"}, "parameters": POINTS}],
    "outputs": [{"step": "bone", "file": "bone.dcm"}, {"step": "size", "file": "size.json"},
                {"step": "gap", "file": "gap.json"}],
}  # fmt: skip


EXPECTED = ("needed to build DICOMDIR", "Retired Person Name form", "Unrecognized defined term <99PROSECTOR>")
"""Warnings of dciodvfy: what the source lacks, names in one component, and our own codes."""


@dataclass
class Done:
    """A signed case, its report and its objects."""

    case: Path
    doctor: Session
    report: Report
    files: tuple[Path, ...]


@pytest.fixture(scope="module")
def done(finished, tmp_path_factory):
    place = tmp_path_factory.mktemp("objects")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROSECTOR_HOME", str(place / "home"))
        patch.setattr(keys, "ARGON2", FAST)
        shutil.copytree(finished.home, place / "home")
        shutil.copytree(finished.case, place / "case")
        run_in_case(place / "case", parse_recipe(MEASURED), session=finished.technologist, supervisor=finished.doctor)
        report = sign_report(place / "case", finished.doctor, PASSPHRASE).report
        files = write_report_objects(report, place / "case", place / "out")
        yield Done(place / "case", finished.doctor, report, files)


@pytest.fixture(scope="module")
def objects(done):
    return read(done.files)


@pytest.fixture
def copied(done, tmp_path):
    """A copy of the case, to be changed."""
    return shutil.copytree(done.case, tmp_path / "case")


def read(files):
    return [pydicom.dcmread(file) for file in files]


def items(root):
    for child in root.get("ContentSequence", ()):
        yield child
        yield from items(child)


def named(root, name):
    return [i for i in items(root) if i.get("ConceptNameCodeSequence") and
            i.ConceptNameCodeSequence[0].CodeValue == name.value]  # fmt: skip


def passages(root, heading):
    (section,) = named(root, heading)
    return [i.TextValue for i in section.ContentSequence if i.ValueType == "TEXT"]


def test_every_object_is_valid(done):
    for file in done.files:
        faults = subprocess.run(["dciodvfy", file], capture_output=True, text=True, errors="replace").stderr
        wrong = [line for line in faults.splitlines() if line.startswith(("Error", "Warning"))]
        assert not [line for line in wrong if not any(e in line for e in EXPECTED)]
        assert subprocess.run(["dcmftest", file], capture_output=True).returncode == 0


def test_a_signed_report_becomes_three_verified_objects(done, objects, small_ct):
    stem = f"{done.report.report_id}-v{done.report.version}"
    assert [file.name for file in done.files] == [f"{stem}.sr.dcm", f"{stem}.pdf.dcm", f"{stem}.ko.dcm"]
    structured, pdf, selection = objects
    for made, number in ((structured, 1011), (pdf, 1012), (selection, 1013)):
        assert made.StudyInstanceUID == small_ct.source.study.instance_uid
        assert (made.SeriesNumber, made.PatientName) == (number, "Müller-Žižka^Ágnes^<b>")
        assert "SUPERVISED" not in made.SeriesDescription
        assert "DRAFT" not in made.SeriesDescription
    assert (structured.CompletionFlag, structured.VerificationFlag) == ("COMPLETE", "VERIFIED")
    assert structured.VerifyingObserverSequence[0].VerifyingObserverName == "Ada Beispiel-Łęcka (made up)"
    assert pdf.VerificationFlag == "VERIFIED"
    filed = (done.case / "reports" / f"{stem}.pdf").read_bytes()
    assert pdf.EncapsulatedDocument[: pdf.EncapsulatedDocumentLength] == filed
    highdicom.sr.srread(done.files[0])
    dump = subprocess.run(
        ["dsrdump", done.files[0]], capture_output=True, text=True, check=True, errors="replace"
    ).stdout
    assert "Fracture of the ring." in dump


def test_the_structured_report_says_what_the_document_says(done, objects):
    structured, signed = objects[0], done.report
    assert passages(structured, codes.REQUEST) == [
        "Ordered by Rae Ferrer (made up) on 2026-01-30, number ORD-1.", "Is the ring broken?"]  # fmt: skip
    assert passages(structured, codes.INDICATIONS) == ["The line runs obliquely."]
    assert passages(structured, codes.FINDINGS) == ["A line through the ring, <1 mm wide.", "The table is empty."]
    assert passages(structured, codes.IMPRESSIONS) == [
        "Fracture of the ring.\nNo displacement.", "The line is seen whole."]  # fmt: skip
    assert "fracture (critical)" in passages(structured, codes.CRITICAL_RESULTS)[0]
    procedure = passages(structured, codes.PROCEDURE_DESCRIPTIONS)
    assert {s.words for s in signed.technique} <= set(procedure)
    assert signed.attestation.text in procedure
    assert any(signed.integrity.log_head in words for words in procedure)
    (finding,) = [i for i in items(structured) if i.get("TextValue") == "A line through the ring, <1 mm wide."]
    assert named(finding, codes.TRACKING_IDENTIFIER)[0].TextValue == "bone"
    assert named(finding, codes.PERSON_NAME)[0].PersonName == "Ada Beispiel-Łęcka (made up)"
    roles = {i.ConceptCodeSequence[0].CodeValue for i in named(structured, codes.PERSON_ROLE)}
    assert roles == {codes.SUPERVISING.value, codes.PERFORMING.value}


def test_numbers_name_their_segment_or_their_points(done, objects):
    structured, signed = objects[0], done.report
    numbers = {(i.ConceptNameCodeSequence[0].CodeMeaning, i.MeasuredValueSequence[0].FloatingPointValue)
               for i in items(structured) if i.ValueType == "NUM"}  # fmt: skip
    assert ("Distance", 13.0) in numbers
    for line in signed.measurements:
        assert line.value in {value for _, value in numbers}
    segments = named(structured, codes.REFERENCED_SEGMENT)
    row = read_case(done.case).outputs["run-0002/bone.dcm"]
    assert [s.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for s in segments] == [row.sop_instance_uid]
    places = [list(i.GraphicData) for i in items(structured) if i.ValueType == "SCOORD3D"]
    assert [0, 0, 0, 3, 4, 12] in places
    assert len(places) == sum(bool(line.where_lps) for line in signed.measurements)
    assert named(structured, codes.FINDING_SITE)[0].ConceptCodeSequence[0].CodeValue == "3138006"


def test_key_objects_are_the_archived_images(done, objects):
    selection = objects[2]
    images = [i for i in selection.ContentSequence if i.ValueType == "IMAGE"]
    chosen = [i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in images]
    assert chosen == [line.sop_instance_uid for line in done.report.images if line.sop_instance_uid]
    assert len(chosen) == 2
    assert selection.ConceptNameCodeSequence[0].CodeValue == "113020"


def test_drafts_and_unsupervised_work_say_so(done, small_ct, tmp_path):
    report = compose_report(done.case, volume=small_ct)
    alone = report.supervision.model_copy(update={"supervised": False})
    made = read(write_report_objects(report.model_copy(update={"supervision": alone}), done.case, tmp_path, small_ct))
    structured, pdf, selection = made
    assert all(each.SeriesDescription.startswith("3D DRAFT NOT SUPERVISED post-processing") for each in made)
    assert (structured.CompletionFlag, structured.VerificationFlag, pdf.VerificationFlag) == (
        "PARTIAL", "UNVERIFIED", "UNVERIFIED")  # fmt: skip
    assert selection.ConceptNameCodeSequence[0].CodeValue == "113000"
    assert "draft" in pdf.DocumentTitle
    assert any("NOT SUPERVISED" in i.get("TextValue", "") for i in items(structured))


def test_an_amended_report_names_the_objects_before(done, objects, copied, tmp_path):
    write_text_field(copied, done.doctor, "impression", "No fracture.")
    amended = amend_report(copied, done.doctor, PASSPHRASE, "Second look.").report
    for place in (done.files[0].parent, tmp_path / "elsewhere"):  # beside the objects of the first version, and not
        made = read(write_report_objects(amended, copied, place))
        for before, after in zip(objects[:2], made[:2], strict=True):
            series = after.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
            assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == before.SOPInstanceUID
            assert after.SeriesInstanceUID != before.SeriesInstanceUID
    assert passages(made[0], codes.ADDENDUM) == ["Second look."]


def test_nothing_is_recorded_and_twice_the_same_bytes(done, small_ct, tmp_path):
    head = read_case(done.case).head
    again = write_report_objects(done.report, done.case, tmp_path)
    assert [f.read_bytes() for f in again] == [f.read_bytes() for f in done.files]
    assert read_case(done.case).head == head


def test_what_is_not_what_was_filed_is_refused(done, copied, small_ct, tmp_path):
    def written(report=done.report):
        return write_report_objects(report, copied, tmp_path / "out", small_ct)

    with pytest.raises(CaseError, match="r-0-v1"):
        written(done.report.model_copy(update={"predecessor": "r-0-v1"}))
    pdf = next((copied / "reports").glob("*.pdf"))
    pdf.write_bytes(pdf.read_bytes() + b" ")
    with pytest.raises(CaseError, match=r"\.pdf is gone or is not"):
        written()
    picture = copied / "outputs" / "run-0001" / "front.dcm"
    picture.write_bytes((picture.parent / "solid.dcm").read_bytes())
    with pytest.raises(CaseError, match=r"front\.dcm is another"):
        written()
    picture.unlink()
    with pytest.raises(CaseError, match=r"front\.dcm is gone"):
        written()
    assert not (tmp_path / "out").exists()


def test_a_source_that_is_no_dicom_is_refused(done, small_ct, tmp_path):
    with pytest.raises(NoDicomSourceError):
        write_report_objects(done.report, done.case, tmp_path, replace(small_ct, source=Source(modality="CT")))
