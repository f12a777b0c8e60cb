"""Finding and fetching from a real archive, whole files only, resumed where it broke off."""

from __future__ import annotations

import pydicom
import pytest
from made_pictures import secondary_capture

from prosector.errors import NetworkError, UsageError
from prosector.network import fetch as fetching
from prosector.network.fetch import fetch_study
from prosector.network.find import Query, find_studies
from prosector.network.send import Patience, send_files

QUICK = Patience(tries=2, pause_s=0.05, commitment_s=10)
WAYS = ("get", "move", "dicomweb")


def node_for(pacs, way):
    return pacs.web() if way == "dicomweb" else pacs.node(retrieve=way)


@pytest.fixture
def filled(orthanc, pictures, tmp_path):
    """Two studies of one made-up patient: six pictures, and one picture and a film."""
    other = [
        secondary_capture(tmp_path / "other", 1, study="2.25.7002"),
        secondary_capture(tmp_path / "other", 2, 3, "2.25.7002"),
    ]
    send_files([pictures, *other], orthanc.web(commitment=False))
    return orthanc


def contents(folder):
    return {pydicom.dcmread(path).SOPInstanceUID: path.read_bytes() for path in folder.rglob("*.dcm")}


@pytest.mark.parametrize("way", ["get", "dicomweb"])
def test_studies_are_found_with_their_series(filled, way):
    node = node_for(filled, way)
    (study,) = find_studies(node, Query(study="2.25.7001"))
    assert (study.uid, study.date, study.description, study.accession) == ("2.25.7001", "20260102", "Made up", "ACC1")
    assert (study.modalities, study.instances, study.patient_id) == ("CT", "6", "SECRETID")
    (series,) = study.series
    assert (series.uid, series.modality, series.number, series.instances) == ("2.25.7001.1", "CT", "1001", "6")
    assert {s.uid for s in find_studies(node, Query(patient_id="SECRETID"))} == {"2.25.7001", "2.25.7002"}
    assert [s.uid for s in find_studies(node, Query(accession="ACC2"))] == ["2.25.7002"]
    assert len(find_studies(node, Query(date="20260101-20260131", modality="CT"))) == 2
    assert find_studies(node, Query(patient_name="NOBODY*")) == ()


def test_one_must_say_what_is_looked_for():
    for query in ({}, {"patient_id": "*"}, {"modality": "CT"}):
        with pytest.raises(UsageError, match="say which study"):
            Query(**query)


@pytest.mark.parametrize("way", WAYS)
def test_a_study_is_fetched_whole_and_resumed(filled, pictures, tmp_path, way, monkeypatch):
    node, out = node_for(filled, way), tmp_path / "out"
    found = fetch_study(node, Query(accession="ACC1"), out, patience=QUICK)
    assert (found.came, found.there, found.folder) == (6, 0, out / "2.25.7001")
    theirs, ours = contents(out), contents(pictures)
    assert set(theirs) == set(ours)
    for uid, data in ours.items():
        name = found.folder / "2.25.7001.1" / f"{uid}.dcm"
        assert pydicom.dcmread(name) == pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    (found.folder / "2.25.7001.1" / "2.25.7001.1.3.dcm").unlink()
    cut = found.folder / "2.25.7001.1" / "2.25.7001.1.5.dcm"
    cut.write_bytes(cut.read_bytes()[:-20])
    found = fetch_study(node, Query(study="2.25.7001"), out, patience=QUICK)
    assert (found.came, found.there) == (2, 4)
    assert contents(out) == theirs
    monkeypatch.setattr(fetching, "_bring", lambda *_: pytest.fail("everything is here"))
    assert fetch_study(node, Query(study="2.25.7001"), out).there == 6


def test_a_break_is_taken_up_and_nothing_half_is_left(filled, tmp_path, monkeypatch):
    keep, out = fetching._keep, tmp_path / "out"

    def kill_after_two(wanted, data):
        keep(wanted, data)
        if len(wanted.came) == 2:
            filled.kill()

    monkeypatch.setattr(fetching, "_keep", kill_after_two)
    with pytest.raises(NetworkError, match=r"reached|broke|answer"):
        fetch_study(filled.node(), Query(study="2.25.7001"), out, patience=QUICK)
    monkeypatch.setattr(fetching, "_keep", keep)
    had = len(contents(out))
    assert 2 <= had < 6
    assert not list(out.rglob(".partial*"))
    filled.start()
    found = fetch_study(filled.node(), Query(study="2.25.7001"), out, patience=QUICK)
    assert (found.came, found.there) == (6 - had, had)


def test_what_is_not_one_study_or_series_is_refused(filled, tmp_path):
    node = filled.node()
    with pytest.raises(UsageError, match="2 studies match"):
        fetch_study(node, Query(patient_id="SECRETID"), tmp_path / "out")
    with pytest.raises(UsageError, match="no series"):
        fetch_study(node, Query(study="2.25.7001"), tmp_path / "out", series=["2.25.9"])
    with pytest.raises(NetworkError, match="no study that matches"):
        fetch_study(node, Query(study="2.25.7009"), tmp_path / "out")
    assert fetch_study(node, Query(study="2.25.7002"), tmp_path / "out", series=["2.25.7002.1"]).came == 2


def test_a_move_to_somebody_unknown_is_explained(filled, tmp_path):
    node = filled.node(retrieve="move", calling="STRANGER")
    with pytest.raises(NetworkError):
        fetch_study(node, Query(study="2.25.7001"), tmp_path / "out", patience=QUICK)


def test_an_archive_that_sends_something_else_is_not_trusted(filled, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "wado", lambda *_: (secondary_capture(tmp_path, 77)).read_bytes())
    with pytest.raises(NetworkError, match="not asked for"):
        fetch_study(filled.web(), Query(study="2.25.7001"), tmp_path / "out", patience=QUICK)
    monkeypatch.setattr(fetching, "wado", lambda *_: b"<html>")
    with pytest.raises(NetworkError, match="no DICOM object"):
        fetch_study(filled.web(), Query(study="2.25.7001"), tmp_path / "out", patience=QUICK)
    monkeypatch.setattr(fetching, "find_instances", lambda *_: (("", "../../evil"),))
    with pytest.raises(NetworkError, match="no UID"):
        fetch_study(filled.web(), Query(study="2.25.7001"), tmp_path / "out", patience=QUICK)
    assert not list((tmp_path / "out").rglob("*.dcm"))
