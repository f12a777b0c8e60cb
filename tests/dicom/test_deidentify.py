"""De-identification of series: identity in odd places, every attribute of the table, dates, pixels, pydicom's files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID

from prosector.datasets.write_series import write_ct_series
from prosector.dicom.deidentify import Options, Pseudonyms, actions, deidentify_dataset, deidentify_series, refusal
from prosector.dicom.deidentify_search import Identity, leaks
from prosector.errors import InputError, ParameterError, ProsectorError

NAMES = Pseudonyms(b"a secret for tests")
DATA = Path(pydicom.__file__).parent / "data" / "test_files"
TEXT_MARK, DATE_MARK, UID_MARK = "XYZZYMARK", "19770707", "1.2.3.77777.1"
MARKS = {"PN": "Xyzzymark^Q", "DA": DATE_MARK, "DT": f"{DATE_MARK}070707", "TM": "070707", "UI": UID_MARK,
         "AS": "077Y", "CS": "XYZZYMARK", "UR": "http://xyzzymark.org"}  # fmt: skip
BYTES = {"OB", "OW", "OD", "OF", "OL", "UN"}
NUMBERS = {"DS", "IS", "FL", "FD", "SL", "SS", "UL", "US"}


@pytest.fixture(scope="module")
def series(small_ct, tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    write_ct_series(small_ct, folder / "Doe")
    for file in sorted((folder / "Doe").rglob("*.dcm"))[2:]:
        file.unlink()
    return folder / "Doe"


def spoiled(file):
    """A slice with its patient in places that nobody expects."""
    data = pydicom.dcmread(file)
    data.PatientName, data.PatientID, data.PatientBirthDate = "Zwetschgenbaum^Kunigunde", "QX-77123", "19410203"
    data.StudyDate, data.PatientAge, data.PatientSex = "20240506", "093Y", "F"
    data.DeviceSerialNumber = "SN-4711-X"
    data.ConvolutionKernel = "ZWETSCHGENBAUM"
    data.add_new(0x00181251, "SH", "for Kunigunde")
    data.private_block(0x0099, "SPY", create=True).add_new(1, "LO", "Kunigunde Zwetschgenbaum")
    data.add_new(0x60003000, "OW", b"Zwetschgenbaum  ")
    data.add_new(0x50003000, "OW", b"Zwetschgenbaum  ")
    deep, deeper = Dataset(), Dataset()
    deeper.PatientName, deeper.TextValue = "Zwetschgenbaum^Kunigunde", "Frau Zwetschgenbaum, QX-77123"
    deeper.private_block(0x0099, "SPY", create=True).add_new(1, "PN", "Zwetschgenbaum")
    deep.ReferencedSOPInstanceUID, deep.ContentSequence = UID_MARK, [deeper]
    data.add_new(0x00409096, "SQ", [deep])
    data.preamble = b"Kunigunde".ljust(128, b"\0")
    data.file_meta.SourceApplicationEntityTitle = "KUNIGUNDE"
    return data


def test_odd_places(series, tmp_path):
    (tmp_path / "in").mkdir()
    for number, file in enumerate(sorted(series.rglob("*.dcm"))):
        spoiled(file).save_as(tmp_path / "in" / f"Zwetschgenbaum {number}.dcm")
    found = deidentify_series(tmp_path / "in", tmp_path / "out", NAMES)
    assert len(found.written) == 2
    assert leaks(tmp_path / "out", found.identity) == ()
    assert len(leaks(tmp_path / "in", found.identity)) == 2  # the search does find
    for path in found.written:
        raw = path.read_bytes().lower()
        assert not [n for n in (b"zwetschgen", b"kunigunde", b"77123", b"19410203", b"sn-4711") if n in raw]
        assert "zwetsch" not in path.name.lower()
    one, two = map(pydicom.dcmread, found.written)
    assert one.StudyInstanceUID == two.StudyInstanceUID
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.SOPInstanceUID == one.file_meta.MediaStorageSOPInstanceUID
    assert one.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in one.DeidentificationMethodCodeSequence] == ["113100"]
    before = pydicom.dcmread(sorted(series.rglob("*.dcm"))[0])
    assert NAMES.uid(before.StudyInstanceUID) == one.StudyInstanceUID
    assert before.PixelData in {one.PixelData, two.PixelData}


def test_the_result_is_valid(series, tmp_path):
    """dciodvfy finds no error that it did not find before."""

    def faults(file):
        said = subprocess.run(["dciodvfy", file], capture_output=True, text=True, errors="replace").stderr
        return {line for line in said.splitlines() if line.startswith("Error")}

    found = deidentify_series(series, tmp_path / "out", NAMES)
    assert faults(found.written[0]) <= faults(sorted(series.rglob("*.dcm"))[0])


def marked():
    """Every attribute of the table, set to something that can be found again; sequences hold a marked item."""
    data = Dataset()
    for tag in actions():
        try:
            vr = dictionary_VR(Tag(tag)).split(" or ")[-1]
        except KeyError:
            continue
        if vr == "SQ":
            item = Dataset()
            item.PatientComments, item.PersonName = TEXT_MARK, MARKS["PN"]
            data.add_new(tag, vr, [item])
        elif vr in BYTES:
            data.add_new(tag, vr, b"XYZZYMARK   XYZZYMARK   ")
        elif vr not in NUMBERS and vr != "AT":
            data.add_new(tag, vr, MARKS.get(vr, TEXT_MARK))
    data.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2")
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
    return data


@pytest.mark.filterwarnings("ignore:Invalid value")
@pytest.mark.parametrize("options", [Options(), Options("shift")], ids=["basic", "shifted"])
def test_no_attribute_of_the_table_survives(options):
    data = marked()
    assert len(data) > 550
    deidentify_dataset(data, NAMES, options, Identity())  # by the table alone, without knowing what to look for
    left = [e.keyword for e in data.iterall() if e.VR != "SQ" and _is_marked(e, options)]
    assert left == []


def _is_marked(element, options):
    text = repr(element.value).lower()
    if options.dates == "shift" and element.VR in ("DT", "TM"):  # the time of day stays
        return DATE_MARK in text or (element.keyword == "PatientBirthTime" and bool(element.value))
    return any(mark in text for mark in ("xyzzymark", DATE_MARK, "070707", UID_MARK, "077y"))


def test_dates_move_together(series):
    files = sorted(series.rglob("*.dcm"))
    one, two = spoiled(files[0]), spoiled(files[1])
    two.StudyDate, two.AcquisitionDateTime = "20240516", "20240516120000.5"
    for data in (one, two):
        deidentify_dataset(data, NAMES, Options("shift", keep_characteristics=True, keep_device=True))
    from datetime import datetime

    first, second = (datetime.strptime(d.StudyDate, "%Y%m%d") for d in (one, two))
    assert (second - first).days == 10
    assert 365 <= (datetime(2024, 5, 6) - first).days <= 3650
    assert two.AcquisitionDateTime == two.StudyDate + "120000.5"
    assert not one.PatientBirthDate
    assert (one.PatientAge, one.PatientSex, one.DeviceSerialNumber) == ("090Y", "F", "SN-4711-X")
    codes = [item.CodeValue for item in one.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107", "113108", "113109"]
    with pytest.raises(ParameterError, match="dates"):
        Options("later")


def test_pixels_that_show_a_name_are_not_written(series, tmp_path):
    files = sorted(series.rglob("*.dcm"))
    (tmp_path / "in").mkdir()
    data = pydicom.dcmread(files[0])
    data.BurnedInAnnotation = "YES"
    data.save_as(tmp_path / "in" / "1.dcm")
    with pytest.raises(InputError, match="Burned In Annotation"):
        deidentify_series(tmp_path / "in", tmp_path / "none", NAMES)
    (tmp_path / "in" / "2.dcm").write_bytes(files[1].read_bytes())
    found = deidentify_series(tmp_path / "in", tmp_path / "out", NAMES)
    assert len(found.written) == len(found.dropped) == 1
    data.BurnedInAnnotation = "NO"
    assert refusal(data) == ""
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    assert refusal(data) == ""
    del data.BurnedInAnnotation
    assert "capture" in refusal(data)


def test_other_secrets_give_other_uids():
    assert NAMES.uid("1.2.3") == Pseudonyms(b"a secret for tests").uid("1.2.3") != Pseudonyms().uid("1.2.3")
    assert "secret" not in repr(NAMES)


def test_structured_reports_go_through_and_keep_their_numbers(tmp_path):
    found = deidentify_series(DATA / "test-SR.dcm", tmp_path, NAMES)
    assert leaks(tmp_path, found.identity) == ()
    before, after = pydicom.dcmread(DATA / "test-SR.dcm"), pydicom.dcmread(found.written[0])
    for tag in ("TextValue", "PersonName"):
        texts = [{str(e.value) for e in d.iterall() if e.keyword == tag} for d in (before, after)]
        assert not texts[0] & texts[1]
    assert [e.value for e in after.iterall() if e.keyword == "NumericValue"] == [
        e.value for e in before.iterall() if e.keyword == "NumericValue"
    ]


def test_pydicoms_files_go_through_or_say_why(tmp_path):
    written = 0
    for number, file in enumerate(sorted(DATA.glob("*.dcm"))):
        out = tmp_path / str(number)
        try:
            found = deidentify_series(file, out, NAMES)
        except ProsectorError:
            continue
        assert leaks(out, found.identity) == (), file.name
        written += len(found.written)
    assert written > 25
