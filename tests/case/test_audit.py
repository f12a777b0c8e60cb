"""The audit trail: messages that follow the schema of DICOM PS3.15 A.5.1, in the file and at a syslog collector."""

import re
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as Xml

import pytest

from prosector.case import sessions
from prosector.case.audit import AuditEvent, Node, audit, audit_files
from prosector.case.audit_case import audit_case
from prosector.case.audit_message import CODES, KINDS, build_message
from prosector.case.decisions import log_out
from prosector.case.folder import create_case, read_case, record
from prosector.case.people import TRIES
from prosector.case.runs import run_in_case
from prosector.case.sessions import log_in
from prosector.case.source import add_source
from prosector.errors import LockedError, NotPermittedError, OutputError, ParameterError, UnknownNameError
from prosector.pipeline.recipes import parse_recipe

PASSPHRASE = "correct horse battery staple"
NOW = datetime(2026, 11, 23, 12, 0, 0, 123000, UTC)
PICTURE = parse_recipe(
    {
        "name": "one",
        "steps": [{"id": "m", "operation": "mip", "inputs": {"volume": "source"},
                   "parameters": {"width": 32, "height": 32}}],
        "outputs": [{"step": "m", "file": "m.png"}],
    }
)  # fmt: skip

CODED = {"csd-code", "codeSystemName", "originalText"}
# PS3.15 A.5.1: element -> (attributes that it must have, that it may have, children in their order)
SCHEMA = {
    "AuditMessage": (set(), set(), ["EventIdentification", "ActiveParticipant", "AuditSourceIdentification",
                                    "ParticipantObjectIdentification"]),
    "EventIdentification": ({"EventDateTime", "EventOutcomeIndicator"}, {"EventActionCode"},
                            ["EventID", "EventTypeCode", "EventOutcomeDescription"]),
    "EventID": (CODED, {"displayName"}, []),
    "EventTypeCode": (CODED, {"displayName"}, []),
    "EventOutcomeDescription": (set(), set(), []),
    "ActiveParticipant": ({"UserID", "UserIsRequestor"}, {"AlternativeUserID", "UserName", "NetworkAccessPointID",
                                                          "NetworkAccessPointTypeCode"}, ["RoleIDCode"]),
    "RoleIDCode": (CODED, {"displayName"}, []),
    "AuditSourceIdentification": ({"AuditSourceID"}, {"AuditEnterpriseSiteID"}, ["AuditSourceTypeCode"]),
    "AuditSourceTypeCode": ({"csd-code"}, CODED, []),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID"}, {"ParticipantObjectTypeCode", "ParticipantObjectTypeCodeRole"},
        ["ParticipantObjectIDTypeCode", "ParticipantObjectName", "ParticipantObjectQuery", "ParticipantObjectDetail",
         "ParticipantObjectDescription"]),
    "ParticipantObjectIDTypeCode": (CODED, {"displayName"}, []),
    "ParticipantObjectName": (set(), set(), []),
    "ParticipantObjectQuery": (set(), set(), []),
    "ParticipantObjectDescription": (set(), set(), ["SOPClass"]),
    "SOPClass": ({"NumberOfInstances"}, {"UID"}, []),
}  # fmt: skip


def hold_to_schema(element):
    must, may, children = SCHEMA[element.tag]
    assert must <= set(element.attrib) <= must | may, element.tag
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order), f"{element.tag}: {[child.tag for child in element]}"
    for child in element:
        hold_to_schema(child)


def messages():
    return [Xml.fromstring(line) for path in audit_files() for line in path.read_text().splitlines()]


def summary(root):
    said = root.find("EventIdentification")
    kind = said.find("EventTypeCode")
    person = next((p.get("UserID") for p in root.iter("ActiveParticipant") if p.get("UserName")), "")
    code = said.find("EventID").get("csd-code")
    return code, kind.get("csd-code") if kind is not None else "", said.get("EventOutcomeIndicator"), person


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("person", ["", "ada"])
def test_every_kind_follows_the_schema(kind, person):
    event = AuditEvent(
        kind, person, "Ada Example" if person else "", 4, "because", "1.2.3", (("1.2.840.10008.5.1.4.1.1.7", 2),),
        patient="f" * 64, case_id="c", destination=Node("PACS", "10.0.0.1"), log="file:///audit", query=b"\x00<x>",
    )  # fmt: skip
    text = build_message(event, NOW)
    assert "\n" not in text
    root = Xml.fromstring(text)
    hold_to_schema(root)
    assert len(root.findall("EventIdentification")) == len(root.findall("AuditSourceIdentification")) == 1
    requestors = [p for p in root.iter("ActiveParticipant") if p.get("UserIsRequestor") == "true"]
    assert len(requestors) == 1
    for thing in root.iter("ParticipantObjectIdentification"):  # the schema: a name or a query
        assert (thing.find("ParticipantObjectName") is None) != (thing.find("ParticipantObjectQuery") is None)
    for coded in root.iter():
        if coded.get("codeSystemName") == "DCM":
            assert coded.get("originalText") == CODES[coded.get("csd-code")]
    assert root[0].get("EventDateTime") == "2026-11-23T12:00:00.123+00:00"


def test_codes_are_those_of_the_standard():
    from pydicom.sr._concepts_dict import concepts

    standard = {code: meaning for rows in concepts["DCM"].values() for code, (meaning, _) in rows.items()}
    assert {code: standard[code] for code in CODES} == dict(CODES)


def test_a_transfer_has_a_source_and_a_destination():
    root = Xml.fromstring(build_message(AuditEvent("transferred", destination=Node("PACS", "10.0.0.1")), NOW))
    roles = {p.get("UserID"): p.find("RoleIDCode").get("csd-code") for p in root.iter("ActiveParticipant")}
    assert roles == {"PACS": "110152", "prosector": "110153"}
    (pacs,) = [p for p in root.iter("ActiveParticipant") if p.get("UserID") == "PACS"]
    assert pacs.get("NetworkAccessPointTypeCode") == "2"
    root = Xml.fromstring(build_message(AuditEvent("received", source=Node("PACS", "pacs.local")), NOW))
    roles = {p.get("UserID"): p.find("RoleIDCode").get("csd-code") for p in root.iter("ActiveParticipant")}
    assert roles == {"PACS": "110153", "prosector": "110152"}


def test_text_from_outside_cannot_break_a_message():
    nasty = 'a"<b>&\n\x00\x1b\ud800]]>'
    text = build_message(AuditEvent("login", nasty, nasty, 4, nasty), NOW)
    root = Xml.fromstring(text.encode("utf-8"))
    assert root.find("ActiveParticipant").get("UserID") == 'a"<b>&    ]]>'
    assert "\n" not in text


def test_logins_failures_and_lock_outs_are_in_the_trail(physician):
    for _ in range(TRIES):
        with pytest.raises(NotPermittedError):
            log_in("ada", "wrong horse battery staple")
    with pytest.raises(LockedError):
        log_in("ada", PASSPHRASE)
    with pytest.raises(UnknownNameError):
        log_in("correct-horse", PASSPHRASE)
    found = [(code, kind, outcome) for code, kind, outcome, _ in map(summary, messages())]
    assert found == [("110114", "110122", "4")] * TRIES + [("110114", "110122", "12"), ("110114", "110122", "4")]
    trail = audit_files()[0].read_text()
    assert "horse" not in trail  # neither a passphrase nor what was typed in the place of a name


def test_work_in_a_case_is_in_the_trail(tmp_path, ct_series, doctor):
    case = create_case(tmp_path / "case")
    volume = add_source(case, ct_series, session=doctor)
    run_in_case(case, PICTURE, session=doctor, volume=volume)
    record(case, "exported", {"what": "pictures", "to": "a stick"}, session=doctor)
    audit_case("read-case", read_case(case), doctor)
    log_out(doctor)
    found = [summary(root) for root in messages()]
    assert found == [
        ("110114", "110122", "0", "ada"),
        ("110103", "", "0", "ada"),
        ("110103", "", "0", "ada"),
        ("110106", "", "0", "ada"),
        ("110103", "", "0", "ada"),
        ("110114", "110123", "0", "ada"),
    ]
    actions = [root[0].get("EventActionCode") for root in messages()]
    assert actions == ["E", "R", "C", "R", "R", "E"]
    study = messages()[1].find("ParticipantObjectIdentification")
    assert study.get("ParticipantObjectID") == read_case(case).last("source-added").data["study_uid"]
    assert study.find(".//SOPClass").get("NumberOfInstances") == str(volume.geometry.shape[0])
    assert volume.source.patient.id not in audit_files()[0].read_text() or not volume.source.patient.id


def test_a_session_that_expires_is_a_logout(doctor, monkeypatch):
    monkeypatch.setattr(sessions, "IDLE", timedelta(0))
    assert sessions.current_session() is None
    assert sessions.current_session() is None  # it is told once
    assert [summary(root)[1] for root in messages()] == ["110122", "110123"]
    assert messages()[-1].find(".//EventOutcomeDescription").text == "the session expired"


def test_a_torn_line_stays_alone_and_the_file_is_private(workstation):
    path = audit(AuditEvent("application-start"))
    with path.open("ab") as file:
        file.write(b"<AuditMessage><Event")
    audit(AuditEvent("application-stop"))
    first, torn, last = path.read_text().splitlines()
    assert torn == "<AuditMessage><Event"
    assert Xml.fromstring(first).tag == Xml.fromstring(last).tag == "AuditMessage"
    assert path.stat().st_mode & 0o077 == 0


def test_a_trail_that_cannot_be_written_is_an_error(workstation):
    path = audit(AuditEvent("application-start"))
    path.unlink()
    path.mkdir()
    with pytest.raises(OutputError, match="audit trail"):
        audit(AuditEvent("application-stop"))


def test_what_is_no_event_or_address(monkeypatch):
    with pytest.raises(UnknownNameError):
        AuditEvent("coffee")
    with pytest.raises(ParameterError):
        AuditEvent("login", outcome=3)
    monkeypatch.setenv("PROSECTOR_SYSLOG", "carrier-pigeon://roof")
    with pytest.raises(ParameterError, match="PROSECTOR_SYSLOG"):
        audit(AuditEvent("application-start"))


HEADER = re.compile(rb"<(\d+)>1 (\S+Z) (\S+) prosector (\d+) IHE\+RFC-3881 - \xef\xbb\xbf(.*)")


def test_messages_go_to_a_collector_by_udp(monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(5)
        monkeypatch.setenv("PROSECTOR_SYSLOG", f"127.0.0.1:{collector.getsockname()[1]}")
        path = audit(AuditEvent("login", "ada", "Ädä", 4, "wrong"))
        priority, _, _, _, body = HEADER.fullmatch(collector.recv(65535)).groups()
    assert int(priority) == 10 * 8 + 4
    assert body.decode() + "\n" == path.read_text()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    place = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
               "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", place / "key.pem",
               "-out", place / "cert.pem"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return place


def collect(server, context, received):
    with server.accept()[0] as bare, context.wrap_socket(bare, server_side=True) as link:
        while chunk := link.recv(65535):
            received.append(chunk)


def frames(data):
    while data:
        length, _, rest = data.partition(b" ")
        yield rest[: int(length)]
        data = rest[int(length) :]


def test_by_tls_nothing_is_lost_while_the_collector_is_down(monkeypatch, certificate, workstation):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("PROSECTOR_SYSLOG", f"tls://localhost:{port}")
    monkeypatch.setenv("PROSECTOR_SYSLOG_CA", str(certificate / "cert.pem"))
    for person in ("ada", "tom"):
        audit(AuditEvent("login", person))
    unsent = workstation / "audit" / "unsent.log"
    assert len(unsent.read_bytes().splitlines()) == 2
    received = []
    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(target=collect, args=(server, context, received))
        thread.start()
        path = audit(AuditEvent("logout", "ada"))
        thread.join(10)
    assert not unsent.exists()
    bodies = [HEADER.fullmatch(frame)[5].decode() for frame in frames(b"".join(received))]
    assert bodies == path.read_text().splitlines()
