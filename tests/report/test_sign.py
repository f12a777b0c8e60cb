"""Draft, final, amended: who may sign, what the signature covers, and what stays as it was."""

from __future__ import annotations

import json

import pytest
from finished_case import PASSPHRASE, QUICK

from prosector.case.folder import create_case, read_case, record
from prosector.case.people import Person, add_person, change_passphrase
from prosector.case.runs import path_sha256, run_in_case
from prosector.case.sessions import log_in
from prosector.case.source import add_source
from prosector.case.verify import verify_case
from prosector.errors import CaseError, LockedError, NotPermittedError
from prosector.pipeline.recipes import parse_recipe
from prosector.report.json import document_sha256, read_report
from prosector.report.sign import (
    ATTESTATION,
    INTERPRETATION,
    amend_report,
    draft_report,
    read_filed,
    sign_report,
    signed_reports,
    verify_signature,
)


def names(filed):
    return [path.name for path in filed.files]


def test_a_draft_is_filed_and_named_by_the_log(work):
    filed = draft_report(work.case, work.technologist)
    stem = f"{filed.report.report_id}-v1"
    assert names(filed) == [f"{stem}.json", f"{stem}.html", f"{stem}.pdf"]
    data = filed.event.data
    assert (filed.event.kind, data["status"], data["version"]) == ("report-drafted", "draft", 1)
    assert data["document_sha256"] == document_sha256(filed.report)
    assert data["head"] == filed.report.integrity.log_head == read_case(work.case).events[-2].sha256
    assert [path_sha256(work.case / row["file"]) for row in data["files"]] == [row["sha256"] for row in data["files"]]
    assert draft_report(work.case).report.version == 2
    assert verify_case(work.case).ok


def test_a_physician_signs(work):
    filed = sign_report(work.case, work.doctor, PASSPHRASE)
    report = filed.report
    assert (report.status, report.attestation.text, report.attestation.origin) == ("final", ATTESTATION, "written")
    signed = report.signature
    assert (signed.person, signed.credentials, signed.npi, signed.role) == ("ada", "MD", "1234567893", "physician")
    assert verify_signature(report)
    assert verify_signature(report, work.doctor.person.public_key)
    state = read_case(work.case)
    said, entered = state.events[-2:]
    assert (said.kind, said.data["text"], entered.kind) == ("attested", ATTESTATION, "report-signed")
    assert report.attestation.event == said.number
    assert entered.data["signature"]["value"] == signed.value
    assert read_filed(work.case, entered) == report
    assert verify_case(work.case).ok
    assert "DRAFT" not in filed.files[1].read_text(encoding="utf-8")


def test_what_was_attested_in_the_case_stands(work):
    said = record(work.case, "attested", {"text": "I was there."}, session=work.doctor)
    report = sign_report(work.case, work.doctor, PASSPHRASE).report
    assert (report.attestation.text, report.attestation.event) == ("I was there.", said.number)
    assert len(read_case(work.case).of("attested")) == 1
    again = amend_report(work.case, work.doctor, PASSPHRASE, "Once more.").report
    assert again.attestation.event > said.number


def test_the_signature_is_of_every_word(work):
    report = sign_report(work.case, work.doctor, PASSPHRASE, "I watched all of it.").report
    assert report.attestation.text == "I watched all of it."
    later = report.signature.model_copy(update={"at": "2027-01-01T00:00:00+00:00"})
    other = report.impression.model_copy(update={"text": "No fracture."})
    for change in ({"impression": other}, {"signature": later}, {"version": 7}, {"images": report.images[:1]}):
        assert not verify_signature(report.model_copy(update=change))
    stranger = add_person(Person("eve", "Eve Example (made up)", "physician", "MD"), PASSPHRASE, by=work.doctor.person)
    assert not verify_signature(report, stranger.public_key)
    assert not verify_signature(report.model_copy(update={"signature": None}))


def test_only_a_physician_with_the_passphrase_signs(work):
    before = read_case(work.case).head
    with pytest.raises(NotPermittedError, match="only a physician signs"):
        sign_report(work.case, work.technologist, PASSPHRASE)
    with pytest.raises(NotPermittedError, match="passphrase is wrong"):
        sign_report(work.case, work.doctor, "wrong horse battery staple")
    for _ in range(4):
        with pytest.raises(NotPermittedError):
            sign_report(work.case, work.doctor, "wrong horse battery staple")
    with pytest.raises(LockedError):
        sign_report(work.case, work.doctor, PASSPHRASE)
    assert read_case(work.case).head == before
    assert not (work.case / "reports").exists()


def test_a_changed_passphrase_signs_with_the_same_key(work):
    change_passphrase("ada", PASSPHRASE, "another long passphrase")
    assert verify_signature(sign_report(work.case, work.doctor, "another long passphrase").report)


def test_a_signed_report_is_amended_never_signed_again(work):
    with pytest.raises(CaseError, match="no signed report"):
        amend_report(work.case, work.doctor, PASSPHRASE, "why")
    first = sign_report(work.case, work.doctor, PASSPHRASE)
    kept = [path.read_bytes() for path in first.files]
    with pytest.raises(CaseError, match="report amend CASE"):
        sign_report(work.case, work.doctor, PASSPHRASE)
    with pytest.raises(CaseError, match="says why"):
        amend_report(work.case, work.doctor, PASSPHRASE, " ")
    second = amend_report(work.case, work.doctor, PASSPHRASE, "The side was wrong.").report
    assert (second.status, second.version) == ("amended", 2)
    assert second.predecessor == f"{first.report.report_id}-v1"
    assert second.predecessor_sha256 == document_sha256(first.report)
    assert (second.amendment.text, second.amendment.origin) == ("The side was wrong.", "written")
    assert verify_signature(second)
    assert [path.read_bytes() for path in first.files] == kept
    assert len(signed_reports(work.case)) == 2
    assert verify_case(work.case).ok


def test_an_addendum_adds_and_changes_nothing(work):
    first = sign_report(work.case, work.doctor, PASSPHRASE).report
    run_in_case(work.case, parse_recipe(QUICK), session=work.doctor)  # what came later is not in it
    filed = amend_report(work.case, work.doctor, PASSPHRASE, "Asked by the referrer.", addendum="Left side.")
    report = filed.report
    assert (report.status, report.addenda[0].text, report.addenda[0].by) == (
        "addendum", "Left side.", "Ada Beispiel-Łęcka (made up)",
    )  # fmt: skip
    own = {"status", "version", "predecessor", "predecessor_sha256", "amendment", "created", "addenda", "signature",
           "attestation", "integrity"}  # fmt: skip
    assert report.model_dump(exclude=own) == first.model_dump(exclude=own)
    again = amend_report(work.case, work.doctor, PASSPHRASE, "Once more.", addendum="And only left.").report
    assert [text.text for text in again.addenda] == ["Left side.", "And only left."]
    assert filed.files[1].read_text(encoding="utf-8").index("Left side.") > 0


def test_a_changed_file_is_not_amended(work):
    filed = sign_report(work.case, work.doctor, PASSPHRASE)
    data = json.loads(filed.files[0].read_text(encoding="utf-8"))
    data["impression"]["text"] = "No fracture."
    filed.files[0].write_text(json.dumps(data), encoding="utf-8")
    assert not verify_signature(read_report(filed.files[0]))
    with pytest.raises(CaseError, match="not what event"):
        amend_report(work.case, work.doctor, PASSPHRASE, "why", addendum="more")
    assert not verify_case(work.case).ok


def test_nobody_attests_supervision_that_was_not(tmp_path, named_series, work):
    case = create_case(tmp_path / "alone")
    add_source(case, named_series)
    with pytest.raises(CaseError, match="nothing was computed"):
        sign_report(case, work.doctor, PASSPHRASE)
    run_in_case(case, parse_recipe(QUICK))
    with pytest.raises(CaseError, match="not supervised"):
        sign_report(case, work.doctor, PASSPHRASE, ATTESTATION)
    report = sign_report(case, log_in("ada", PASSPHRASE), PASSPHRASE).report
    assert report.attestation.text == INTERPRETATION
    assert not report.supervision.supervised
    assert read_case(case).of("attested") == ()
    assert verify_signature(report)
