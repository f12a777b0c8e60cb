"""Folders, archives and DICOMDIR; files that are not what they seem."""

from __future__ import annotations

import gc
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet
from series_writer import values, write_series

import prosector
from prosector.dicom import blobs
from prosector.errors import InputError, NoDicomError, SeriesChoiceError


@pytest.fixture
def folder(tmp_path):
    write_series(tmp_path / "study" / "a", values())
    return tmp_path / "study"


def assert_whole(path, passed_over=None):
    found = prosector.scan(path)
    assert [len(s.headers) for s in found.series] == [5]
    assert passed_over is None or found.not_dicom == passed_over
    np.testing.assert_array_equal(prosector.read_series(path).voxels, values())


def test_a_tree_with_other_files(folder):
    (folder / "notes.txt").write_text("nothing")
    (folder / "empty").write_bytes(b"")
    (folder / "a" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 100)
    (folder / "deep" / "er").mkdir(parents=True)
    first = sorted((folder / "a").iterdir())[0]
    first.rename(folder / "deep" / "er" / first.name)
    assert_whole(folder, passed_over=3)


@pytest.mark.parametrize("name", ["Иванов", "胸部 CT", "with space", "é", "a'b\"c", "x" * 200])
def test_names_in_any_script(tmp_path, name):
    write_series(tmp_path / name, values())
    assert_whole(tmp_path / name)


def test_symlinks_that_lead_back_up_or_nowhere(folder):
    (folder / "a" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "dangling").symlink_to(folder / "nowhere")
    assert_whole(folder)


def zipped(folder, target, method):
    with zipfile.ZipFile(target, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))


def tarred(folder, target, mode):
    with tarfile.open(target, mode) as archive:
        archive.add(folder, "study")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zip(folder, tmp_path, method):
    (folder / "notes.txt").write_text("nothing")
    zipped(folder, tmp_path / "no ending", method)
    assert_whole(tmp_path / "no ending", passed_over=1)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar(folder, tmp_path, mode):
    tarred(folder, tmp_path / "study.bin", mode)
    assert_whole(tmp_path / "study.bin")


def test_the_unpacked_bytes_vanish(folder, tmp_path, monkeypatch):
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr(blobs.tempfile, "tempdir", str(spools))
    zipped(folder, tmp_path / "s.zip", zipfile.ZIP_DEFLATED)
    found = prosector.scan(tmp_path / "s.zip")
    assert len(list(spools.iterdir())) == 1
    del found
    assert list(spools.iterdir()) == []


def test_bombs_are_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * (80 << 20))
    with pytest.raises(InputError, match="archive bomb"):
        prosector.scan(tmp_path / "bomb.zip")
    monkeypatch.setattr(blobs, "MAX_MEMBERS", 10)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for n in range(11):
            archive.writestr(str(n), b"")
    with pytest.raises(InputError, match="more than 10 files"):
        prosector.scan(tmp_path / "many.zip")


@pytest.mark.parametrize("cut", [30, 400, 2000])
def test_a_broken_archive_is_named(folder, tmp_path, cut):
    zipped(folder, tmp_path / "s.zip", zipfile.ZIP_DEFLATED)
    (tmp_path / "s.zip").write_bytes((tmp_path / "s.zip").read_bytes()[:-cut])
    with pytest.raises(InputError, match=r"s\.zip: an archive that cannot be unpacked"):
        prosector.scan(tmp_path / "s.zip")


def test_an_encrypted_or_wild_archive_writes_nothing_elsewhere(folder, tmp_path):
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        for n, file in enumerate(sorted((folder / "a").iterdir())):
            info = tarfile.TarInfo(f"../../../outside{n}")
            info.size = file.stat().st_size
            archive.addfile(info, io.BytesIO(file.read_bytes()))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    assert_whole(tmp_path / "t.tar")
    assert not list(Path(tmp_path).parent.glob("outside*"))


@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
def test_dicomdir(folder, tmp_path):
    files = FileSet()
    for file in sorted((folder / "a").iterdir()):
        dataset = pydicom.dcmread(file)
        dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20200101", "101010", "1"
        dataset.AccessionNumber = ""
        files.add(dataset)
    files.write(tmp_path / "disc")
    (tmp_path / "disc" / "unlisted").write_bytes(sorted((folder / "a").iterdir())[0].read_bytes())
    assert_whole(tmp_path / "disc" / "DICOMDIR")
    (tmp_path / "disc" / "unlisted").unlink()
    assert_whole(tmp_path / "disc")
    del files
    gc.collect()  # pydicom's FileSet leaves its temporary folder to the collector, which warns


def test_a_single_file_and_a_missing_path(folder, tmp_path):
    one = sorted((folder / "a").iterdir())[0]
    assert len(prosector.scan(one).series) == 1
    with pytest.raises(InputError, match="no such file or folder"):
        prosector.scan(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content", [b"", b"x", b"hello world\n" * 500, b"\0" * 200, b"\0" * 128 + b"DICM", b"\x1f\x8b"]
)
def test_what_is_no_dicom(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(NoDicomError, match="no readable DICOM object"):
            prosector.read_series(path)


def test_ten_thousand_files(tmp_path):
    write_series(tmp_path / "series", values((40, 4, 4)))
    model = sorted((tmp_path / "series").iterdir())[0].read_bytes()
    old = pydicom.dcmread(io.BytesIO(model)).SeriesInstanceUID.encode()
    for n in range(50):
        other = tmp_path / f"s{n}"
        other.mkdir()
        raw = model.replace(old, old[:-2] + b"%02d" % n)
        for k in range(200):
            (other / str(k)).write_bytes(raw if k < 50 else b"not dicom")
    found = prosector.scan(tmp_path)
    assert found.not_dicom == 50 * 150
    assert len(found.series) >= 50
    with pytest.raises(SeriesChoiceError):
        prosector.read_series(tmp_path, series="no such")


def test_a_bomb_in_the_headers_of_a_tar(tmp_path):
    with tarfile.open(tmp_path / "pax.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("file")
        info.pax_headers = {"comment": "x" * (100 << 20)}
        archive.addfile(info, io.BytesIO(b""))
    assert (tmp_path / "pax.tar.gz").stat().st_size < 1 << 20
    with pytest.raises(InputError, match="archive bomb"):
        prosector.scan(tmp_path / "pax.tar.gz")
