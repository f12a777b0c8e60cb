"""The structured report: every number with what stands behind it, every passage with its author, readable elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import highdicom
import pydicom
import pytest
from derived_objects import BARE, CREATED, SOURCE, assert_valid, dsrdump

from prosector.dicom import codes
from prosector.dicom.derived import Derivation, Workstation, derive_series, write_dicom
from prosector.dicom.report_references import ObjectReference
from prosector.dicom.sr_document import DocumentStatus, Observer, Verification
from prosector.dicom.structured_report import (
    Passage,
    ReportContent,
    Section,
    SegmentReference,
    build_structured_report,
    private_code,
)
from prosector.measurement.definitions_basic import DISTANCE, ENCASEMENT, MINIMUM_DISTANCE, VOXEL_VOLUME
from prosector.model.measurement import Contribution, Measurement
from prosector.model.structures import Code

STUDY = SOURCE.study.instance_uid
PICTURE = ObjectReference("1.2.840.10008.5.1.4.1.1.7", "1.2.3.7.1", "1.2.3.7", STUDY)
SEGMENTATION = ObjectReference("1.2.840.10008.5.1.4.1.1.66.4", "1.2.3.6.1", "1.2.3.6", STUDY, ((1, "aorta"),))
EARLIER = ObjectReference("1.2.840.10008.5.1.4.1.1.88.34", "1.2.3.5.1", "1.2.3.5", STUDY)
SIGNED = datetime(2026, 3, 4, 6, 7, 8, tzinfo=UTC)
AORTA = Code("15825003", "SCT", "Aorta")

MEASUREMENTS = (
    Measurement(VOXEL_VOLUME, 41234.5678901, "aorta", (Contribution("voxels", 3.0), Contribution("threshold", 4.0))),
    Measurement(DISTANCE, 50.5, "aorta", (), ((0.0, 1.0, 2.0), (0.0, 1.0, 52.5)), ("thick slices",)),
    Measurement(ENCASEMENT, 180.0, "tumour", (), ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0.25))),
    Measurement(MINIMUM_DISTANCE, 1e-7, "tumour and aorta", (), ((1.0, 2.0, 3.0),)),
)
CONTENT = ReportContent(
    measurements=MEASUREMENTS,
    sections=(
        Section(codes.INDICATIONS, (Passage("Aneurysm? Größe?", "Ada Example", "aorta"),)),
        Section(codes.PROCEDURE_DESCRIPTIONS, (Passage("Volume rendering."), Passage("Maximum intensity projection."))),
        Section(codes.KEY_IMAGES, (), (PICTURE,)),
    ),
    observers=(
        Observer("Ada Example", codes.PHYSICIAN, codes.SUPERVISING, "Clinic"),
        Observer("Tom Example", codes.TECHNOLOGIST, codes.PERFORMING),
    ),
    frame_of_reference_uid="1.2.3.9",
    sites={"aorta": AORTA},
    segments={"aorta": SegmentReference(SEGMENTATION, 1)},
)
SIGNATURE = Verification("Ada Example", SIGNED, "Clinic")


def report_of(content=CONTENT, source=SOURCE, supervised=True, **more):
    station = Workstation(station_name="WS-7", institution="Clinic")
    series = derive_series(source, "Report", CREATED, recipe_sha256="ab", number=1011, workstation=station)
    return build_structured_report(content, source, Derivation(series, supervised=supervised, **more))


def written(tmp_path, dataset):
    file = tmp_path / "report.dcm"
    write_dicom(file, dataset)
    assert_valid(file)
    return pydicom.dcmread(file)


def found(root, name, kind=None):
    """Every item of that name below, of that value type."""
    hits = []
    for child in root.get("ContentSequence", ()):
        names = child.get("ConceptNameCodeSequence")
        if names and names[0].CodeValue == name.value and kind in (None, child.ValueType):
            hits.append(child)
        hits += found(child, name, kind)
    return hits


def test_every_number_carries_what_stands_behind_it(tmp_path):
    read = written(tmp_path, report_of())
    (volume,) = found(read, VOXEL_VOLUME.code, "NUM")
    measured = volume.MeasuredValueSequence[0]
    assert measured.FloatingPointValue == 41234.5678901
    assert float(measured.NumericValue) == pytest.approx(41234.5678901, rel=1e-9)
    assert measured.MeasurementUnitsCodeSequence[0].CodeValue == VOXEL_VOLUME.unit
    (spread,) = found(volume, codes.UNCERTAINTY_RANGE)
    assert spread.MeasuredValueSequence[0].FloatingPointValue == 5.0
    assert found(volume, codes.COMMENT)[0].TextValue == VOXEL_VOLUME.text
    method = found(volume, codes.MEASUREMENT_METHOD)[0].ConceptCodeSequence[0]
    assert (method.CodingSchemeDesignator, method.CodeMeaning) == ("99PROSECTOR", VOXEL_VOLUME.name)
    distance, nearest = found(read, DISTANCE.code, "NUM")
    assert nearest.MeasuredValueSequence[0].FloatingPointValue == 1e-7
    assert [c.TextValue for c in found(distance, codes.COMMENT)] == [DISTANCE.text, "Warning: thick slices"]
    assert not found(distance, codes.UNCERTAINTY_RANGE)


def test_points_are_places_in_the_patient(tmp_path):
    read = written(tmp_path, report_of())
    places = found(read, codes.SOURCE_OF_MEASUREMENT, "SCOORD3D")
    assert [p.GraphicType for p in places] == ["POLYLINE", "MULTIPOINT", "POINT"]
    assert list(places[0].GraphicData) == [0.0, 1.0, 2.0, 0.0, 1.0, 52.5]
    assert {p.ReferencedFrameOfReferenceUID for p in places} == {"1.2.3.9"}
    bare = written(tmp_path, report_of(replace(CONTENT, frame_of_reference_uid="")))
    assert not found(bare, codes.SOURCE_OF_MEASUREMENT)


def test_one_group_for_each_thing_with_its_segment_and_site(tmp_path):
    read = written(tmp_path, report_of())
    groups = found(read, codes.MEASUREMENT_GROUP)
    assert [g.ContentTemplateSequence[0].TemplateIdentifier for g in groups] == ["1411", "1501", "1501"]
    assert [found(g, codes.TRACKING_IDENTIFIER)[0].TextValue for g in groups] == ["aorta", "tumour", "tumour and aorta"]
    assert len({found(g, codes.TRACKING_UID)[0].UID for g in groups}) == 3
    segment = found(groups[0], codes.REFERENCED_SEGMENT)[0].ReferencedSOPSequence[0]
    assert (segment.ReferencedSOPInstanceUID, segment.ReferencedSegmentNumber) == ("1.2.3.6.1", 1)
    assert found(groups[0], codes.FINDING_SITE)[0].ConceptCodeSequence[0].CodeValue == AORTA.value
    assert len(found(groups[0], DISTANCE.code)) == 1


def test_passages_name_their_author(tmp_path):
    read = written(tmp_path, report_of())
    (indications,) = found(read, codes.INDICATIONS)
    (question,) = indications.ContentSequence
    assert question.TextValue == "Aneurysm? Größe?"
    assert found(question, codes.PERSON_NAME)[0].PersonName == "Ada Example"
    assert found(question, codes.TRACKING_IDENTIFIER)[0].TextValue == "aorta"
    (procedure,) = found(read, codes.PROCEDURE_DESCRIPTIONS)
    assert len(procedure.ContentSequence) == 2
    observer = found(procedure.ContentSequence[0], codes.OBSERVER_TYPE)[0]
    assert observer.ConceptCodeSequence[0].CodeValue == codes.DEVICE.value
    (pictures,) = found(read, codes.KEY_IMAGES)
    assert pictures.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == PICTURE.sop_instance_uid


def test_people_and_workstation_are_observers(tmp_path):
    read = written(tmp_path, report_of())
    names = [i for i in read.ContentSequence if i.ValueType == "PNAME"]
    assert [str(n.PersonName) for n in names] == ["Ada Example", "Tom Example"]
    roles = [i.ConceptCodeSequence[0] for i in read.ContentSequence if i.get("ConceptNameCodeSequence")
             and i.ConceptNameCodeSequence[0].CodeValue == codes.PERSON_ROLE.value]  # fmt: skip
    assert [r.CodeMeaning for r in roles] == [codes.SUPERVISING.meaning, "Performing"]
    assert read.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99PROSECTOR"
    assert found(read, codes.DEVICE_NAME)[0].TextValue == "WS-7"


def test_everything_named_is_evidence(tmp_path):
    read = written(tmp_path, report_of())
    series = {
        s.SeriesInstanceUID: [i.ReferencedSOPInstanceUID for i in s.ReferencedSOPSequence]
        for s in read.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    }
    assert series == {"1.2.3.4.5": list(SOURCE.sop_instance_uids), "1.2.3.7": ["1.2.3.7.1"], "1.2.3.6": ["1.2.3.6.1"]}
    library = found(read, codes.IMAGE_LIBRARY)[0]
    assert len(library.ContentSequence[0].ContentSequence) == 3


def test_drafts_and_signed_documents(tmp_path):
    draft = written(tmp_path, report_of(supervised=False))
    assert (draft.CompletionFlag, draft.VerificationFlag, draft.PreliminaryFlag) == (
        "PARTIAL", "UNVERIFIED", "PRELIMINARY")  # fmt: skip
    assert "NOT SUPERVISED" in found(draft, codes.COMMENT)[-1].TextValue
    final = written(tmp_path, report_of(replace(CONTENT, status=DocumentStatus(True, SIGNATURE, (EARLIER,)))))
    assert (final.CompletionFlag, final.VerificationFlag, final.PreliminaryFlag) == ("COMPLETE", "VERIFIED", "FINAL")
    (verifier,) = final.VerifyingObserverSequence
    assert (str(verifier.VerifyingObserverName), verifier.VerifyingOrganization) == ("Ada Example", "Clinic")
    assert verifier.VerificationDateTime == "20260304060708.000000+0000"
    replaced = final.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert replaced.ReferencedSOPInstanceUID == EARLIER.sop_instance_uid
    assert not any("NOT SUPERVISED" in c.TextValue for c in found(final, codes.COMMENT))


def test_other_readers_understand_it(tmp_path):
    written(tmp_path, report_of())
    dump = dsrdump(tmp_path / "report.dcm")
    assert "Comprehensive 3D SR" in dump
    assert "41234.5678901" in dump
    assert "Aneurysm?" in dump
    read = highdicom.sr.srread(tmp_path / "report.dcm")
    groups = read.content.get_volumetric_roi_measurement_groups(tracking_uid=None)
    assert [g.tracking_identifier for g in groups] == ["aorta"]
    assert [m.value for m in groups[0].get_measurements()] == [pytest.approx(41234.5678901), 50.5]
    others = read.content.get_image_measurement_groups()
    assert [g.tracking_identifier for g in others] == ["tumour", "tumour and aorta"]


def test_bare_and_empty_reports_are_valid(tmp_path):
    read = written(tmp_path, report_of(ReportContent(), BARE))
    assert not found(read, codes.IMAGING_MEASUREMENTS)
    magnetic = replace(SOURCE, modality="MR", sop_class_uid="1.2.840.10008.5.1.4.1.1.4")
    read = written(tmp_path, report_of(source=magnetic))
    assert found(read, codes.PROCEDURE_REPORTED)[0].ConceptCodeSequence[0].CodeValue == "25056-3"


def test_same_report_same_bytes_and_other_words_other_uid(tmp_path):
    for name in ("a", "b"):
        write_dicom(tmp_path / name, report_of())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    other = replace(CONTENT, sections=CONTENT.sections[1:])
    assert report_of(other).SOPInstanceUID != report_of().SOPInstanceUID
    assert private_code(ENCASEMENT) != private_code(DISTANCE)


def test_names_keep_credentials_and_lose_only_what_a_name_cannot_hold():
    read = report_of(replace(CONTENT, observers=(Observer("A\\B=C"), Observer("Ada Example, MD"))))
    first, second = found(read, codes.PERSON_NAME)[:2]
    assert first.PersonName == "A B C"
    assert second.PersonName == "Ada Example^^^^MD"
    assert second.PersonName.name_suffix == "MD"
