"""``prosector deidentify`` on a series: the copy, the secret, and what is refused."""

from __future__ import annotations

import stat

import pydicom
import pytest

from prosector.cli import main
from prosector.datasets.write_series import write_ct_series


@pytest.fixture
def told(capsys):
    def call(*arguments):
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        assert "internal error" not in captured.err
        return code, captured.out, captured.err

    return call


@pytest.fixture
def series(tmp_path, small_ct):
    write_ct_series(small_ct, tmp_path / "series")
    files = sorted((tmp_path / "series").rglob("*.dcm"))
    for file in files[2:]:
        file.unlink()
    data = pydicom.dcmread(files[0])
    data.PatientName = "Zwetschgenbaum^Kunigunde"
    data.save_as(files[0])
    return tmp_path / "series"


def uids(folder):
    return [pydicom.dcmread(file).SOPInstanceUID for file in sorted(folder.glob("*.dcm"))]


def test_a_series_is_copied_and_a_kept_secret_gives_the_same_uids(told, tmp_path, series):
    secret = tmp_path / "secret"
    code, out, _ = told("deidentify", series, "--out", tmp_path / "a", "--secret-file", secret)
    assert (code, out.endswith("2 files\n")) == (0, True)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    told("deidentify", series, "--out", tmp_path / "b", "--secret-file", secret, "--shift-dates")
    told("deidentify", series, "--out", tmp_path / "c")
    assert uids(tmp_path / "a") == uids(tmp_path / "b") != uids(tmp_path / "c")


def test_what_is_refused(told, tmp_path, series):
    code, _, err = told("deidentify", series, "--out", series)
    assert code == 3
    assert "not empty" in err
    (tmp_path / "bad").write_text("no secret")
    assert told("deidentify", series, "--out", tmp_path / "a", "--secret-file", tmp_path / "bad")[0] == 3
    code, _, err = told("deidentify", series, "--out", tmp_path / "Kunigunde")
    assert code == 0  # the folder's own name is the caller's
    for file in series.rglob("*.dcm"):
        data = pydicom.dcmread(file)
        data.BurnedInAnnotation = "YES"
        data.save_as(file)
    assert told("deidentify", series, "--out", tmp_path / "d")[0] == 3
    assert not (tmp_path / "d").exists()
