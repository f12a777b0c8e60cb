"""Signed reports under attack: a document, a signature or what it rests on that is another is found."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from prosector.case import keys
from prosector.case.decisions import decide
from prosector.case.events import FIRST
from prosector.case.folder import create_case
from prosector.case.log import HEAD, LOG
from prosector.case.people import Person, add_person
from prosector.case.runs import run_in_case
from prosector.case.sessions import log_in
from prosector.case.source import add_source
from prosector.case.verify import verify_case
from prosector.model.digest import canonical_json
from prosector.pipeline.recipes import parse_recipe
from prosector.report.sign import amend_report, draft_report, sign_report

PASSPHRASE = "correct horse battery staple"
PICTURE = parse_recipe(
    {
        "name": "one",
        "steps": [{"id": "m", "operation": "mip", "inputs": {"volume": "source"},
                   "parameters": {"width": 32, "height": 32}}],
        "outputs": [{"step": "m", "file": "m.png"}],
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory, ct_series):
    """A case with a draft, a signed report and an addendum to it."""
    place = tmp_path_factory.mktemp("filed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROSECTOR_HOME", str(place / "home"))
        patch.setattr(keys, "ARGON2", {"iterations": 1, "lanes": 1, "memory_kib": 64})
        ada = add_person(Person("ada", "Ada Example (made up)", "physician", "MD"), PASSPHRASE)
        add_person(Person("eve", "Eve Example (made up)", "physician", "MD"), PASSPHRASE, by=ada)
        session, case = log_in("ada", PASSPHRASE), create_case(place / "case")
        volume = add_source(case, ct_series)
        run_in_case(case, PICTURE, session=session, volume=volume)
        decide(case, session, "archive", "select", ["run-0001/m.png"])
        draft_report(case, session)
        sign_report(case, session, PASSPHRASE)
        amend_report(case, session, PASSPHRASE, "The side was left out.", addendum="It is the left side.")
    return place


@pytest.fixture
def case(original, workstation, tmp_path):
    shutil.copytree(original / "home", workstation, dirs_exist_ok=True)
    return Path(shutil.copytree(original / "case", tmp_path / "case"))


def events_of(folder):
    return [json.loads(line) for line in (folder / LOG).read_bytes().splitlines()]


def chained(folder, events):
    """As a forger leaves the log: chain and head hold again."""
    previous, lines = FIRST, []
    for number, raw in enumerate(events):
        line = canonical_json({**raw, "number": number, "previous": previous}).encode()
        previous = hashlib.sha256(line).hexdigest()
        lines.append(line + b"\n")
    (folder / LOG).write_bytes(b"".join(lines))
    (folder / HEAD).write_text(f"{len(lines) - 1} {previous}\n")


def wrong(folder):
    return {check.name: list(check.wrong) for check in verify_case(folder).checks if check.wrong}


def signed(events):
    return next(e for e in events if e["kind"] == "report-signed")


def test_a_signed_and_amended_case_verifies(case):
    assert wrong(case) == {}


def test_a_word_changed_in_a_document_is_found(case):
    path = case / next(r["file"] for r in signed(events_of(case))["data"]["files"] if r["file"].endswith(".json"))
    path.write_text(path.read_text().replace("I have reviewed", "I have glanced at", 1))
    found = wrong(case)
    assert "the document is not the one that was filed" in found["reports"][0]
    assert "was changed" in found["files"][0]
    path.write_text("{")
    assert "cannot be read" in wrong(case)["reports"][0]
    path.unlink()
    assert "cannot be read" in wrong(case)["reports"][0]


def test_a_document_changed_with_its_hashes_is_found_by_the_signature(case):
    """The forger has changed the document, and its hashes in the log too."""
    events = events_of(case)
    event = signed(events)
    row = next(r for r in event["data"]["files"] if r["file"].endswith(".json"))
    document = json.loads((case / row["file"]).read_text())
    document["patient"]["sex"] = "O"
    (case / row["file"]).write_text(json.dumps(document))
    row["sha256"] = hashlib.sha256((case / row["file"]).read_bytes()).hexdigest()
    bare = {**document, "signature": {**document["signature"], "value": ""}}
    event["data"]["document_sha256"] = hashlib.sha256(canonical_json(bare).encode()).hexdigest()
    chained(case, events)
    assert "the report's signature does not hold" in wrong(case)["reports"][0]


def test_a_signature_by_somebody_else_is_found(case):
    """Eve signs with her own key, in Ada's session."""
    from prosector.case.people import unlock

    private = unlock("eve", PASSPHRASE)
    events = events_of(case)
    data = signed(events)["data"]
    data["signature"] |= {
        "public_key": keys.public_key_of(private),
        "value": keys.sign(private, data["document_sha256"].encode()),
    }
    chained(case, events)
    lines = wrong(case)["reports"]
    assert any("signed by another person than entered it" in line for line in lines)
    assert any("bears another signature than the log names" in line for line in lines)


def test_a_report_on_another_log_is_found(case):
    events = events_of(case)
    signed(events)["data"]["head"] = "0" * 64
    chained(case, events)
    assert any("rests on a log that is not this one" in line for line in wrong(case)["reports"])


def test_an_amendment_of_what_was_not_signed_is_found(case):
    events = events_of(case)
    events[-1]["data"]["predecessor"] = "another-v1"
    chained(case, events)
    assert any("amends a version that was not signed here" in line for line in wrong(case)["reports"])


def test_a_picture_put_in_the_place_of_another_is_found(case):
    """File and log agree; the signed report still shows the first picture."""
    events = events_of(case)
    run = next(e for e in events if e["kind"] == "run-done")
    path = case / run["data"]["outputs"][0]["file"]
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    run["data"]["outputs"][0]["sha256"] = hashlib.sha256(data).hexdigest()
    chained(case, events)
    assert any("shows another run-0001/m.png than the case holds" in line for line in wrong(case)["reports"])
