"""Anchors, with a time-stamping authority of our own made by openssl."""

import hashlib
import json
import shutil
import subprocess

import pytest

from prosector.case import time_stamp
from prosector.case.anchor import add_timestamp, check_anchor, request_timestamp, sign_head
from prosector.case.decisions import correct, write_text_field
from prosector.case.events import FIRST
from prosector.case.folder import create_case, read_case
from prosector.case.log import HEAD, LOG
from prosector.case.sessions import log_in
from prosector.case.verify import verify_case
from prosector.errors import CaseError, FileFormatError, TamperedError
from prosector.model.digest import canonical_json

PASSPHRASE = "correct horse battery staple"
CONFIG = """
[t]
serial = {place}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.2
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""


def openssl(*arguments, **more):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **more)


class Authority:
    """A root, an authority under it, and its answers."""

    def __init__(self, place, name):
        place.mkdir()
        self.place, self.config, self.root = place, place / "tsa.cnf", place / "root.pem"
        self.config.write_text(CONFIG.format(place=place))
        (place / "serial").write_text("01\n")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *key, "-keyout", place / "root.key", "-out", self.root, "-subj", f"/CN={name} root")
        openssl("req", *key, "-keyout", place / "tsa.key", "-out", place / "tsa.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", place / "tsa.csr", "-CA", self.root, "-CAkey", place / "root.key",
                "-CAcreateserial", "-days", 5, "-extfile", self.config, "-extensions", "leaf",
                "-out", place / "tsa.pem")  # fmt: skip

    def stamp(self, request, out, *options):
        openssl("ts", "-reply", "-config", self.config, "-section", "t", "-queryfile", request, "-signer",
                self.place / "tsa.pem", "-inkey", self.place / "tsa.key", "-out", out, *options)  # fmt: skip
        return out


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tsa") / "one", "Test authority")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tsa") / "two", "Another authority")


@pytest.fixture
def case(tmp_path, doctor):
    folder = create_case(tmp_path / "case")
    write_text_field(folder, doctor, "question", "Is it broken?")
    return folder


@pytest.fixture
def stamped(case, authority, doctor, tmp_path):
    """The case with a time stamp, and one event after the stamped one."""
    request = request_timestamp(case)
    write_text_field(case, doctor, "impression", "It is.")
    add_timestamp(case, authority.stamp(request, tmp_path / "answer.tsr"), authority.root, doctor)
    return case


def anchors(folder):
    return next(c for c in verify_case(folder).checks if c.name == "anchors")


def test_the_head_is_stamped_and_openssl_agrees(stamped, authority):
    event = read_case(stamped).last("anchored")
    covered = read_case(stamped).events[event.data["number"]]
    assert covered.kind == "text-recorded"
    assert event.data["head"] == covered.sha256
    found = verify_case(stamped)
    assert [c.name for c in found.checks if not c.ok] == ["source"] or found.ok
    (note,) = anchors(stamped).notes
    assert f"the log up to event {covered.number} was time-stamped" in note
    assert "CN=Test authority" in note
    assert "not checked" not in note
    (answer,) = (stamped / "anchors").glob("*.tsr")
    said = openssl("ts", "-verify", "-digest", covered.sha256, "-in", answer, "-CAfile", authority.root)
    assert b"OK" in said.stdout + said.stderr


def test_without_a_root_it_is_said_that_the_signature_was_not_checked(case, authority, tmp_path):
    add_timestamp(case, authority.stamp(request_timestamp(case), tmp_path / "a.tsr"))
    assert anchors(case).ok
    assert "signature was not checked" in anchors(case).notes[0]


def test_another_authority_is_refused(case, authority, stranger, tmp_path):
    answer = stranger.stamp(request_timestamp(case), tmp_path / "a.tsr")
    with pytest.raises(CaseError, match="signature does not hold"):
        add_timestamp(case, answer, authority.root)
    assert read_case(case).last("anchored") is None


def test_an_answer_to_another_request_is_refused(case, authority, tmp_path):
    """The same hash, asked for again: only the nonce differs."""
    answer = authority.stamp(request_timestamp(case), tmp_path / "a.tsr")
    request_timestamp(case)
    with pytest.raises(CaseError, match="nonce"):
        add_timestamp(case, answer, authority.root)


def test_an_answer_for_another_case_is_refused(case, authority, tmp_path):
    other = create_case(tmp_path / "other")
    answer = authority.stamp(request_timestamp(other), tmp_path / "a.tsr")
    with pytest.raises(TamperedError, match="of another case"):
        add_timestamp(case, answer, authority.root)


@pytest.mark.parametrize("swapped", [False, True])
def test_an_answer_with_the_whole_chain_is_read_in_either_order(case, authority, tmp_path, swapped):
    """openssl does not sort certificates as DER asks; the root is one of the two whichever way they stand."""
    chain = tmp_path / "chain.pem"
    files = [authority.root, authority.place / "tsa.pem"]
    chain.write_text("".join(f.read_text() for f in (files[::-1] if swapped else files)))
    answer = authority.stamp(request_timestamp(case), tmp_path / "a.tsr", "-chain", chain)
    add_timestamp(case, answer, authority.root)
    assert "CN=Test authority (" in anchors(case).notes[0]
    whole = answer.read_bytes()
    for size in range(0, len(whole), 97):  # cut anywhere, it is told as unreadable
        with pytest.raises(FileFormatError):
            time_stamp.read_stamp(whole[:size])


def test_a_stamp_that_nobody_asked_for_here_is_refused(case, authority, tmp_path):
    request = request_timestamp(case)
    answer = authority.stamp(request, tmp_path / "a.tsr")
    request.unlink()
    with pytest.raises(CaseError, match="no request for event"):
        add_timestamp(case, answer, authority.root)


@pytest.mark.parametrize("content", [b"", b"no", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_answer(case, tmp_path, content):
    (tmp_path / "x.tsr").write_bytes(content)
    with pytest.raises((FileFormatError, CaseError)):
        add_timestamp(case, tmp_path / "x.tsr")


def test_a_refusal_is_told(case, authority, tmp_path):
    (tmp_path / "bad.tsq").write_bytes(b"nonsense")
    answer = authority.stamp(tmp_path / "bad.tsq", tmp_path / "bad.tsr")
    with pytest.raises(CaseError, match="refused the time stamp"):
        add_timestamp(case, answer, authority.root)


def test_every_bit_of_a_kept_stamp_matters(stamped):
    """The file check sees any change; the anchor check by itself sees one in what was stamped or signed."""
    (answer,) = (stamped / "anchors").glob("*.tsr")
    head = bytes.fromhex(read_case(stamped).last("anchored").data["head"])
    whole = answer.read_bytes()
    for at in (whole.index(head), len(whole) - 1):
        data = bytearray(whole)
        data[at] ^= 1
        answer.write_bytes(data)
        assert not anchors(stamped).ok
        assert any(not c.ok for c in verify_case(stamped).checks if c.name == "files")
    answer.unlink()
    assert "cannot be read" in anchors(stamped).wrong[0]


def rewritten(folder, change):
    """The log as a forger leaves it: changed, and chained and headed anew."""
    previous, lines = FIRST, []
    for number, raw in enumerate(change([json.loads(line) for line in (folder / LOG).read_bytes().splitlines()])):
        line = canonical_json({**raw, "number": number, "previous": previous}).encode()
        previous = hashlib.sha256(line).hexdigest()
        lines.append(line + b"\n")
    (folder / LOG).write_bytes(b"".join(lines))
    (folder / HEAD).write_text(f"{len(lines) - 1} {previous}\n")


def test_a_log_that_was_written_anew_does_not_fit_its_stamp(stamped, tmp_path):
    def change(events):
        events[2]["data"]["text"] = "Is it whole?"
        return events

    kept = shutil.copy(next((stamped / "anchors").glob("*.tsr")), tmp_path / "kept.tsr")
    rewritten(stamped, change)
    assert "another event" in anchors(stamped).wrong[0]
    with pytest.raises(TamperedError, match="changed or"):
        check_anchor(stamped, kept)


def test_a_log_cut_before_its_stamp_is_found_by_the_stamp_kept_elsewhere(stamped, authority, tmp_path):
    kept = shutil.copy(next((stamped / "anchors").glob("*.tsr")), tmp_path / "kept.tsr")
    assert check_anchor(stamped, kept, authority.root).number == 2
    rewritten(stamped, lambda events: events[:2])
    assert anchors(stamped).ok  # nothing is left that could say so
    with pytest.raises(TamperedError, match="cut"):
        check_anchor(stamped, kept, authority.root)


def test_a_stamp_from_another_time_than_the_events_is_found(stamped, monkeypatch):
    def change(events):
        events[-1]["utc"] = "2020-01-01T00:00:00.000+00:00"
        return events

    rewritten(stamped, change)
    assert "is not between" in anchors(stamped).wrong[0]


def test_a_stamp_stays_even_if_its_entry_is_withdrawn(stamped, doctor):
    correct(stamped, doctor, read_case(stamped).last("anchored").number, "wrong authority")
    assert len(anchors(stamped).notes) == 1


def test_a_persons_signature_anchors_too(case, doctor, technologist, tmp_path):
    event = sign_head(case, doctor)
    assert event.data["method"] == "signature"
    assert anchors(case).notes == (
        f"event {event.number}: the log up to event {event.data['number']} was signed by Ada Example (made up) "
        f"(physician, key {doctor.person.public_key[:16]}…)",
    )
    kept = shutil.copy(case / event.data["files"][0]["file"], tmp_path / "kept.signed.json")
    assert check_anchor(case, kept).number == event.data["number"]
    tom = sign_head(case, log_in("tom", PASSPHRASE))
    assert "Tom Example" in anchors(case).notes[1]
    assert tom.data["number"] == event.number


@pytest.mark.parametrize("field", ["head", "number", "case_id"])
def test_a_forged_signature_is_found(case, doctor, field, tmp_path):
    event = sign_head(case, doctor)
    path = case / event.data["files"][0]["file"]
    whole = json.loads(path.read_text())
    whole[field] = 1 if field == "number" else "0" * 64
    path.write_text(json.dumps(whole))
    assert "does not hold" in anchors(case).wrong[0]
    with pytest.raises(CaseError, match="does not hold"):
        check_anchor(case, path)
    path.write_text("{}")
    with pytest.raises(FileFormatError, match="no signed head"):
        check_anchor(case, path)


def test_a_signature_of_another_case_is_refused(case, doctor, tmp_path):
    other = create_case(tmp_path / "other")
    event = sign_head(other, doctor)
    with pytest.raises(CaseError, match="another case"):
        check_anchor(case, other / event.data["files"][0]["file"])


def test_a_nonce_of_any_length_is_recognised(monkeypatch):
    """DER integers have a zero before a high bit, and no more zeros than that (X.690, 8.3)."""
    for nonce, raw in ((1, b"\x02\x01\x01"), (0x80, b"\x02\x02\x00\x80"), (0x7FFF, b"\x02\x02\x7f\xff")):

        class Response:
            tst_info = type("Info", (), {"nonce": nonce})

        monkeypatch.setattr(time_stamp, "decode_timestamp_response", lambda _: Response)
        time_stamp.require_nonce(b"whatever" + raw + b"\x01\x01\xff", b"")
        with pytest.raises(CaseError, match="nonce"):
            time_stamp.require_nonce(b"whatever" + raw[:-1] + b"\x09\x01\x01\xff", b"")
