"""Sending to a real archive: receipts, commitment, resuming, and everything that can break midway."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pydicom
import pytest
from made_pictures import secondary_capture
from pydicom.uid import SecondaryCaptureImageStorage
from pynetdicom import AE, evt

from prosector.case import keys
from prosector.case.decisions import decide
from prosector.case.folder import create_case, read_case
from prosector.case.people import Person, add_person
from prosector.case.runs import run_in_case
from prosector.case.sessions import log_in
from prosector.case.source import add_source
from prosector.case.verify import verify_case
from prosector.datasets.write_series import write_ct_series
from prosector.errors import CaseError, LockedError, NetworkError, NoDicomError
from prosector.network import send as sending
from prosector.network.journal import Journal, begin_journal
from prosector.network.nodes import Node
from prosector.network.send import Patience, send_case, send_files
from prosector.pipeline.recipes import parse_recipe
from prosector.report.sign import sign_report

QUICK = Patience(tries=2, pause_s=0.05, commitment_s=10)


def statuses(folder):
    return [row["status"] for e in read_case(folder).of("archive-sent") for row in e.data["instances"]]


@pytest.mark.parametrize("way", ["dimse", "dicomweb"])
def test_a_case_is_sent_once_with_receipts_and_commitment(orthanc, make_case, way):
    case = make_case(3, film=4, selected=3)
    node = orthanc.node() if way == "dimse" else orthanc.web()
    found = send_case(case, node, patience=QUICK)
    assert (found.sent, found.earlier, found.committed, found.ok) == (3, 0, 3, True)
    (sent,) = read_case(case).of("archive-sent")
    assert statuses(case) == ["0000" if way == "dimse" else "200"] * 3
    assert sent.data["node"]["address"] == node.address
    assert {row["sop_instance_uid"] for row in sent.data["instances"]} == orthanc.instances()
    (kept,) = read_case(case).of("archive-committed")
    assert set(kept.data["committed"]) == orthanc.instances()
    assert kept.data["transfer"] == sent.data["transfer"]
    again = send_case(case, node, patience=QUICK)
    assert (again.sent, again.earlier, again.committed) == (0, 3, 3)
    assert len(read_case(case).of("archive-sent", "archive-committed")) == 2
    more = send_case(case, node, everything=True, patience=QUICK)  # the film was not selected
    assert (more.sent, more.earlier) == (1, 3)
    assert verify_case(case).ok
    assert not list((case / "transfers").glob("*.jsonl"))


def test_what_is_not_in_the_case_or_was_changed_is_not_sent(orthanc, make_case):
    case = make_case(2)
    victim = case / "outputs" / "run-0001" / "x002.dcm"
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    with pytest.raises(CaseError, match=r"x002.dcm was changed since"):
        send_case(case, orthanc.node())
    victim.unlink()
    with pytest.raises(CaseError, match="not where the log says"):
        send_case(case, orthanc.node())
    with pytest.raises(CaseError, match="nothing to send"):
        send_case(make_case(1, selected=0), orthanc.node())
    assert orthanc.instances() == set()


def test_an_archive_that_is_killed_midway_loses_nothing(orthanc, make_case, monkeypatch):
    case = make_case(12)
    node = orthanc.node()
    add = Journal.add

    def kill_after_four(journal, row):
        add(journal, row)
        if len(journal.rows()) == 4:
            orthanc.kill()

    monkeypatch.setattr(Journal, "add", kill_after_four)
    with pytest.raises(NetworkError, match=r"4 of 12 instances are acknowledged"):
        send_case(case, node, patience=QUICK)
    assert statuses(case) == ["0000"] * 4
    monkeypatch.setattr(Journal, "add", add)
    orthanc.start()
    assert len(orthanc.instances()) == 4
    found = send_case(case, node, patience=QUICK)
    assert (found.sent, found.earlier, found.committed) == (8, 4, 12)
    assert len(orthanc.instances()) == 12


def test_an_archive_that_comes_back_is_waited_for(orthanc, pictures, monkeypatch):
    add = Journal.add

    def kill_once(journal, row):
        add(journal, row)
        if len(journal.rows()) == 2:
            orthanc.kill()
            threading.Timer(0.2, orthanc.start).start()

    monkeypatch.setattr(Journal, "add", kill_once)
    found = send_files([pictures], orthanc.web(), patience=Patience(tries=8, pause_s=0.2))
    assert (found.sent, found.committed) == (6, 6)
    assert len(orthanc.instances()) == 6


SLOW_SEND = """
import sys, time
from prosector.network.journal import Journal
from prosector.network.nodes import node_of
from prosector.network.send import send_case
add = Journal.add
def slow(journal, row):
    add(journal, row)
    print(len(journal.rows()), flush=True)
    time.sleep(0.4)
Journal.add = slow
send_case(sys.argv[1], node_of(sys.argv[2]))
"""


def test_a_killed_sender_knows_what_was_acknowledged(orthanc, make_case):
    case = make_case(8)
    node = orthanc.node()
    address = f"{node.address}?listen={node.listen}"
    process = subprocess.Popen([sys.executable, "-c", SLOW_SEND, str(case), address], stdout=subprocess.PIPE, text=True)
    while process.stdout.readline().strip() != "3":
        pass
    with pytest.raises(LockedError):
        send_case(case, node)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert read_case(case).of("archive-sent") == ()
    (journal,) = (case / "transfers").glob("*.jsonl")
    with journal.open("ab") as file:
        file.write(b'{"sop_instance_uid": "2.25.7001.1.')  # torn by the kill
    found = send_case(case, node, patience=QUICK)
    assert 3 <= found.earlier < 8
    assert found.sent + found.earlier == found.committed == 8
    assert statuses(case) == ["0000"] * 8
    first, second = read_case(case).of("archive-sent")
    uids = [{row["sop_instance_uid"] for row in e.data["instances"]} for e in (first, second)]
    assert not uids[0] & uids[1]
    assert uids[0] | uids[1] == orthanc.instances()


def test_a_journal_that_the_log_has_already_is_not_entered_twice(orthanc, make_case):
    case = make_case(2)
    send_case(case, orthanc.node(), patience=QUICK)
    (event,) = read_case(case).of("archive-sent")
    journal = begin_journal(case, orthanc.node())  # killed after the event, before the journal was removed
    lines = [{"transfer": event.data["transfer"], "node": event.data["node"]}, *event.data["instances"]]
    journal.path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert send_case(case, orthanc.node(), patience=QUICK).earlier == 2
    assert read_case(case).of("archive-sent") == (event,)
    assert not journal.path.exists()


def test_what_the_archive_says_it_does_not_have_is_sent_again(orthanc, make_case):
    case = make_case(3)
    send_case(case, orthanc.node(commitment=False), patience=QUICK)
    orthanc.clear()
    found = send_case(case, orthanc.node(), patience=QUICK)
    assert (found.sent, found.committed, len(found.lost), found.ok) == (0, 0, 3, False)
    assert found.lost[0][1] == "no such instance there"
    found = send_case(case, orthanc.node(), patience=QUICK)
    assert (found.sent, found.committed, found.ok) == (3, 3, True)
    orthanc.clear()
    found = send_case(case, orthanc.node(), again=True, patience=QUICK)
    assert (found.sent, len(orthanc.instances())) == (3, 3)


def test_receipts_of_one_archive_do_not_hold_for_another(orthanc, make_case):
    case = make_case(1)
    send_case(case, orthanc.node(commitment=False), patience=QUICK)
    found = send_case(case, orthanc.web(), patience=QUICK)
    assert (found.sent, found.earlier) == (1, 0)


@pytest.fixture
def old_archive(tmp_path):
    """An archive that takes single-frame captures only, refuses one of them, and offers no commitment."""
    kept = {}

    def keep(event):
        if event.dataset.InstanceNumber == 66:
            return 0xA900
        if event.dataset.SOPInstanceUID in kept:
            return 0x0111
        kept[str(event.dataset.SOPInstanceUID)] = event.encoded_dataset()
        return 0x0000

    ae = AE("OLD")
    ae.add_supported_context(SecondaryCaptureImageStorage, "1.2.840.10008.1.2")
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, keep)])
    yield Node("old", host="127.0.0.1", port=server.server_address[1], title="OLD"), kept
    server.shutdown()


def test_a_film_goes_as_single_pictures_where_films_are_not_taken(old_archive, make_case):
    node, kept = old_archive
    case = make_case(1, film=5)
    found = send_case(case, node, patience=QUICK)
    assert (found.sent, found.refused, len(kept)) == (2, [], 6)
    assert any("offers no storage commitment" in note for note in found.notes)
    rows = {row["id"]: row for row in read_case(case).of("archive-sent")[0].data["instances"]}
    assert list(rows) == ["run-0001/x001.dcm", *(f"run-0001/x099.dcm#{n}" for n in range(1, 6)), "run-0001/x099.dcm"]
    assert set(rows["run-0001/x099.dcm"]["sent_as"]) <= set(kept)
    film = pydicom.dcmread(case / "outputs" / "run-0001" / "x099.dcm")
    for number, uid in enumerate(rows["run-0001/x099.dcm"]["sent_as"]):
        frame = pydicom.dcmread(pydicom.filebase.DicomBytesIO(kept[uid]))
        assert frame.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"  # all that it takes
        assert frame.PixelData == film.PixelData[192 * number : 192 * (number + 1)]
        assert (frame.StudyInstanceUID, frame.InstanceNumber) == (film.StudyInstanceUID, number + 1)
        assert frame.SeriesInstanceUID != film.SeriesInstanceUID
        assert "NumberOfFrames" not in frame
    assert send_case(case, node, patience=QUICK).earlier == 2


def test_what_an_archive_refuses_is_said_and_kept_on_record(old_archive, tmp_path):

    node, _ = old_archive
    files = [secondary_capture(tmp_path, 65), secondary_capture(tmp_path, 66)]
    found = send_files(files, node, patience=QUICK)
    assert (found.sent, found.ok) == (1, False)
    assert found.refused == [("x066.dcm", "the object does not fit its class (status A900)")]


def test_files_are_sent_without_a_case(orthanc, pictures, monkeypatch):
    (pictures / "notes.txt").write_text("no DICOM")
    found = send_files([pictures], orthanc.node(), patience=QUICK)
    assert (found.sent, found.committed) == (6, 6)
    assert found.notes == ["1 file(s) that are no DICOM passed over"]
    with pytest.raises(NoDicomError):
        send_files([pictures / "notes.txt"], orthanc.node())
    orthanc.clear()
    deliver, calls = sending.store, []

    def breaks(node, instances, acknowledge):
        calls.append(len(instances))
        deliver(node, instances[:2], acknowledge)
        raise KeyboardInterrupt

    monkeypatch.setattr(sending, "store", breaks)
    with pytest.raises(KeyboardInterrupt):
        send_files([pictures], orthanc.node(), patience=QUICK)
    monkeypatch.setattr(sending, "store", deliver)
    found = send_files([pictures], orthanc.node(), patience=QUICK)
    assert (found.sent, found.earlier, len(orthanc.instances())) == (4, 2, 6)
    assert send_files([pictures], orthanc.node(), patience=QUICK).sent == 6  # a new transfer, not a resumed one


def test_every_transfer_is_audited_without_the_patient(orthanc, make_case, workstation):
    send_case(make_case(2), orthanc.node(), patience=QUICK)
    (trail,) = (workstation / "audit").glob("*.log")
    text = trail.read_text()
    assert "110102" in text
    assert "110104" in text
    assert "2.25.7001" in text
    assert "SECRET" not in text
    assert time.strftime("%Y") in text


MIP = {
    "name": "front",
    "steps": [
        {"id": "mip", "operation": "mip", "inputs": {"volume": "source"}, "parameters": {"width": 32, "height": 32}}
    ],
    "outputs": [{"step": "mip", "file": "mip.dcm"}],
}


def test_the_report_goes_too_once_it_is_signed(orthanc, small_ct, tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "ARGON2", {"iterations": 1, "lanes": 1, "memory_kib": 64})
    write_ct_series(small_ct, tmp_path / "series")
    case = create_case(tmp_path / "case")
    add_source(case, tmp_path / "series")
    add_person(Person("ada", "Ada Example (made up)", "physician", "MD", "1234567893"), "correct horse battery")
    doctor = log_in("ada", "correct horse battery")
    run_in_case(case, parse_recipe(MIP), session=doctor)
    decide(case, doctor, "archive", "select", ["run-0001/mip.dcm"])
    assert send_case(case, orthanc.node(), patience=QUICK).notes == [
        "the case has no signed report: only images are sent"
    ]
    sign_report(case, doctor, "correct horse battery")
    found = send_case(case, orthanc.node(), session=doctor, patience=QUICK)
    assert (found.sent, found.earlier, found.committed, found.ok, found.notes) == (3, 1, 4, True, [])
    sent = read_case(case).of("archive-sent")[-1]
    assert [row["id"].split(".", 1)[1] for row in sent.data["instances"]] == ["sr.dcm", "pdf.dcm", "ko.dcm"]
    assert sent.actor.person == "ada"
    assert {row["sop_instance_uid"] for row in sent.data["instances"]} < orthanc.instances()
    assert send_case(case, orthanc.node(), patience=QUICK).earlier == 4
    assert send_case(case, orthanc.web(), patience=QUICK).sent == 4
    assert len(orthanc.instances()) == 4  # the same report gives the same objects
    assert verify_case(case).ok
    victim = sorted((tmp_path / "series").rglob("*.dcm"))[0]
    victim.unlink()
    found = send_case(case, orthanc.node(), again=True, patience=QUICK)
    assert (found.sent, found.ok) == (1, False)
    assert "cannot be made into DICOM objects" in found.refused[0][1]
