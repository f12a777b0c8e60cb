"""Key object selections: what was chosen, in its order, readable elsewhere."""

from __future__ import annotations

import highdicom
import pydicom
import pytest
from derived_objects import BARE, CREATED, SOURCE, assert_valid, dsrdump

from prosector.dicom.codes import FOR_REPORT_ATTACHMENT, PHYSICIAN, SUPERVISING
from prosector.dicom.derived import Derivation, derive_series, write_dicom
from prosector.dicom.key_objects import build_key_objects
from prosector.dicom.report_references import ObjectReference
from prosector.dicom.sr_document import Observer
from prosector.errors import EmptyResultError

STUDY = SOURCE.study.instance_uid
PICTURES = tuple(ObjectReference("1.2.840.10008.5.1.4.1.1.7", f"1.2.3.7.{n}", "1.2.3.7", STUDY) for n in (2, 1, 3))
REPORT = ObjectReference("1.2.840.10008.5.1.4.1.1.104.1", "1.2.3.8.1", "1.2.3.8", STUDY)
OBSERVER = Observer("Ada Example (made up)", PHYSICIAN, SUPERVISING, "Clinic")


def selection(selected=PICTURES, source=SOURCE, **more):
    series = derive_series(source, "Key images", CREATED, recipe_sha256="ab", number=1013)
    return build_key_objects(selected, source, Derivation(series), **more)


def written(tmp_path, dataset):
    file = tmp_path / "keys.dcm"
    write_dicom(file, dataset)
    assert_valid(file)
    return pydicom.dcmread(file)


def test_the_chosen_pictures_in_their_order(tmp_path):
    read = written(tmp_path, selection(description="Archived by the physician.", observers=[OBSERVER]))
    assert read.Modality == "KO"
    assert read.ConceptNameCodeSequence[0].CodeValue == "113000"
    assert read.ContentTemplateSequence[0].TemplateIdentifier == "2010"
    images = [
        i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in read.ContentSequence if i.ValueType == "IMAGE"
    ]
    assert images == ["1.2.3.7.2", "1.2.3.7.1", "1.2.3.7.3"]
    series = read.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert {i.ReferencedSOPInstanceUID for i in series.ReferencedSOPSequence} == set(images)
    assert series.SeriesInstanceUID == "1.2.3.7"


def test_other_readers_understand_it(tmp_path):
    written(tmp_path, selection(description="Archived by the physician.", observers=[OBSERVER]))
    dump = dsrdump(tmp_path / "keys.dcm")
    assert "Archived by the physician." in dump
    assert "Ada Example" in dump
    document = highdicom.ko.KeyObjectSelectionDocument.from_dataset(pydicom.dcmread(tmp_path / "keys.dcm"))
    assert len(document.content.get_references()) == 3
    assert document.resolve_reference("1.2.3.7.3") == (STUDY, "1.2.3.7", "1.2.3.7.3")


def test_without_a_person_the_workstation_chose(tmp_path):
    read = written(tmp_path, selection(source=BARE, title=FOR_REPORT_ATTACHMENT))
    names = [i.ConceptNameCodeSequence[0].CodeValue for i in read.ContentSequence if "ConceptNameCodeSequence" in i]
    assert "121012" in names
    assert "121008" not in names
    assert read.ConceptNameCodeSequence[0].CodeValue == "113020"


def test_documents_can_be_selected_too(tmp_path):
    read = written(tmp_path, selection((*PICTURES, REPORT, PICTURES[0])))
    types = [i.ValueType for i in read.ContentSequence]
    assert types.count("IMAGE") == 3
    assert types.count("COMPOSITE") == 1


def test_nothing_selected_is_refused():
    with pytest.raises(EmptyResultError):
        selection(())


def test_other_choices_other_uids():
    uids = {selection(s, description=d).SOPInstanceUID for s in (PICTURES, PICTURES[:1]) for d in ("", "best")}
    assert len(uids) == 4
    assert selection() == selection()
