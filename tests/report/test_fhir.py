"""The FHIR bundle: valid resources, links that lead somewhere, statuses and the signature."""

from __future__ import annotations

import base64
import json

import pytest
from fhir.resources.R4B.bundle import Bundle
from finished_case import PASSPHRASE

from prosector.report.fhir import STATUS, fhir_bundle
from prosector.report.sign import sign_report


@pytest.fixture
def signed(work):
    filed = sign_report(work.case, work.doctor, PASSPHRASE)
    return filed.report, filed.files[2].read_bytes()


def of_kind(bundle, kind):
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]


def references(value):
    if isinstance(value, dict):
        yield from ([value["reference"]] if isinstance(value.get("reference"), str) else [])
        yield from (found for inner in value.values() for found in references(inner))
    elif isinstance(value, list):
        yield from (found for inner in value for found in references(inner))


def empties(value):
    """FHIR has no empty objects, lists or strings."""
    if value in ({}, [], "", None):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from empties(inner)


def test_the_bundle_is_fhir(signed, report):
    for document, pdf in (signed, (report, None)):
        bundle = fhir_bundle(document, pdf)
        Bundle.model_validate_json(json.dumps(bundle))
        names = [entry["fullUrl"] for entry in bundle["entry"]]
        assert len(set(names)) == len(names)
        assert set(references(bundle)) <= set(names)
        assert not list(empties(bundle))
        assert fhir_bundle(document, pdf) == bundle


def test_it_holds_what_the_report_says(signed):
    report, pdf = signed
    bundle = fhir_bundle(report, pdf)
    (diagnostic,) = of_kind(bundle, "DiagnosticReport")
    assert diagnostic["status"] == "final"
    assert diagnostic["conclusion"] == report.impression.text
    assert {c["code"] for c in diagnostic["code"]["coding"]} == {"18748-4", "76377"}
    assert len(diagnostic["result"]) == len(of_kind(bundle, "Observation")) == len(report.measurements)
    assert len(diagnostic["media"]) == len(of_kind(bundle, "Media")) == 2
    (study,) = of_kind(bundle, "ImagingStudy")
    assert study["identifier"][0]["value"] == f"urn:oid:{report.base_study.study_uid}"
    (order,) = of_kind(bundle, "ServiceRequest")
    assert (order["intent"], order["authoredOn"], order["priority"]) == ("order", "2026-01-30", "routine")
    (patient,) = of_kind(bundle, "Patient")
    assert (patient["birthDate"], patient["gender"]) == ("1970-01-02", "female")
    (binary,) = of_kind(bundle, "Binary")
    assert base64.b64decode(binary["data"]) == pdf
    observation = of_kind(bundle, "Observation")[0]
    assert observation["valueQuantity"]["system"] == "http://unitsofmeasure.org"
    assert observation["valueQuantity"]["value"] == report.measurements[0].value


def test_the_signature_and_the_hashes_are_in_the_provenance(signed):
    report, pdf = signed
    (provenance,) = of_kind(fhir_bundle(report, pdf), "Provenance")
    assert provenance["signature"][0]["data"] == report.signature.value
    assert [a["type"]["coding"][0]["code"] for a in provenance["agent"]] == ["assembler", "verifier"]
    held = {e["what"]["identifier"]["value"] for e in provenance["entity"]}
    assert held >= {report.integrity.log_head, *report.integrity.trace_sha256}


@pytest.mark.parametrize(("ours", "theirs"), STATUS.items())
def test_statuses(report, ours, theirs):
    (diagnostic,) = of_kind(fhir_bundle(report.model_copy(update={"status": ours})), "DiagnosticReport")
    assert diagnostic["status"] == theirs
