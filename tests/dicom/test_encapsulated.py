"""Documents inside DICOM objects: the bytes come back, and the objects say what they are and are of."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from derived_objects import BARE, CREATED, SOURCE, assert_valid

from prosector.dicom.codes import PLANNING_INTENT
from prosector.dicom.derived import Derivation, derive_series, write_dicom
from prosector.dicom.encapsulated import DocumentState, build_encapsulated_pdf, build_encapsulated_stl
from prosector.dicom.report_references import ObjectReference, read_reference
from prosector.errors import EmptyResultError, NoDicomError, ParameterError
from prosector.model.geometry import Geometry
from prosector.model.mesh import Mesh
from prosector.surface.files import read_mesh, write_mesh

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF"
GEOMETRY = Geometry((3, 20, 30), np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]], "1.2.3.9")
EARLIER = ObjectReference("1.2.840.10008.5.1.4.1.1.104.1", "1.2.3.8.1", "1.2.3.8", SOURCE.study.instance_uid)
PICTURE = ObjectReference("1.2.840.10008.5.1.4.1.1.7", "1.2.3.7.1", "1.2.3.7", SOURCE.study.instance_uid)


def derivation_of(source=SOURCE, number=1012, **changes):
    series = derive_series(source, "Report", CREATED, recipe_sha256="ab", number=number)
    return Derivation(series, description="The surface at 200 HU.", **changes)


def written(tmp_path, dataset):
    file = tmp_path / "document.dcm"
    write_dicom(file, dataset)
    assert_valid(file)
    return pydicom.dcmread(file)


def pdf_of(source=SOURCE, state=None, **changes):
    state = state or DocumentState("3D post-processing (76377)")
    return build_encapsulated_pdf(PDF, source, derivation_of(source, **changes), state, [PICTURE])


@pytest.fixture
def stl(tmp_path):
    corners = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    normals = corners - corners.mean(axis=0)
    path = tmp_path / "solid.stl"
    write_mesh(path, Mesh(corners, faces, normals / np.linalg.norm(normals, axis=1, keepdims=True)))
    return path.read_bytes()


def test_a_pdf_comes_back_whole(tmp_path):
    read = written(tmp_path, pdf_of())
    assert read.EncapsulatedDocument[: read.EncapsulatedDocumentLength] == PDF
    assert len(PDF) % 2
    subprocess.run(["dcm2pdf", tmp_path / "document.dcm", tmp_path / "back.pdf"], check=True, capture_output=True)
    assert (tmp_path / "back.pdf").read_bytes().startswith(PDF)


def test_a_pdf_says_what_it_is(tmp_path):
    read = written(tmp_path, pdf_of())
    assert (read.Modality, read.MIMETypeOfEncapsulatedDocument) == ("DOC", "application/pdf")
    title = read.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator) == ("18748-4", "LN")
    assert read.BurnedInAnnotation == "YES"
    assert read.VerificationFlag == "UNVERIFIED"
    assert read.StudyInstanceUID == SOURCE.study.instance_uid
    assert read.SeriesNumber == 1012
    named = [item.ReferencedSOPInstanceUID for item in read.SourceInstanceSequence]
    assert named == [*SOURCE.sop_instance_uids, PICTURE.sop_instance_uid]
    assert "PredecessorDocumentsSequence" not in read


def test_an_amended_pdf_names_what_it_replaces(tmp_path):
    read = written(tmp_path, pdf_of(state=DocumentState("3D", verified=True, predecessors=(EARLIER,))))
    assert read.VerificationFlag == "VERIFIED"
    series = read.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == EARLIER.sop_instance_uid


def test_a_model_comes_back_whole(tmp_path, stl):
    derivation = derivation_of(number=1004)
    read = written(tmp_path, build_encapsulated_stl(stl, SOURCE, GEOMETRY, derivation, PLANNING_INTENT))
    (tmp_path / "back.stl").write_bytes(read.EncapsulatedDocument[: read.EncapsulatedDocumentLength])
    assert read_mesh(tmp_path / "back.stl").volume_mm3 == pytest.approx(1000 / 6, rel=1e-5)
    assert (read.Modality, read.MIMETypeOfEncapsulatedDocument) == ("M3D", "model/stl")
    assert read.ConceptNameCodeSequence[0].CodeValue == "85040-4"
    assert read.MeasurementUnitsCodeSequence[0].CodeValue == "mm"
    assert read.ModelUsageCodeSequence[0].CodeValue == "129013"
    assert (read.ModelModification, read.ModelMirroring) == ("NO", "NO")
    assert read.FrameOfReferenceUID == "1.2.3.9"
    assert read.ReferencedSeriesSequence[0].SeriesInstanceUID == SOURCE.series_instance_uid
    assert "supervision" in read.ContentDescription
    assert read.DerivationAlgorithmSequence[0].AlgorithmParameters == "The surface at 200 HU."


def test_supervised_models_do_not_say_otherwise(stl):
    model = build_encapsulated_stl(stl, SOURCE, GEOMETRY, derivation_of(supervised=True))
    assert "supervision" not in model.ContentDescription
    assert "ModelUsageCodeSequence" not in model


def test_bare_and_other_sources_give_valid_objects(tmp_path, stl):
    written(tmp_path, pdf_of(BARE))
    written(tmp_path, build_encapsulated_stl(stl, BARE, GEOMETRY, derivation_of(BARE)))
    other = replace(SOURCE, modality="PT", sop_class_uid="1.2.840.10008.5.1.4.1.1.128")
    read = written(tmp_path, build_encapsulated_stl(stl, other, GEOMETRY, derivation_of(other)))
    assert not read.ConceptNameCodeSequence


def test_what_is_no_document_is_refused(stl):
    with pytest.raises(ParameterError, match="no PDF"):
        build_encapsulated_pdf(b"PK", SOURCE, derivation_of(), DocumentState("3D"))
    with pytest.raises(ParameterError, match="no binary STL"):
        build_encapsulated_stl(stl[:-1], SOURCE, GEOMETRY, derivation_of())
    with pytest.raises(EmptyResultError):
        build_encapsulated_stl(bytes(84), SOURCE, GEOMETRY, derivation_of())


def test_same_document_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_dicom(tmp_path / name, pdf_of())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_references_are_read_from_files(tmp_path):
    write_dicom(tmp_path / "a.dcm", pdf_of())
    reference = read_reference(tmp_path / "a.dcm")
    assert reference.study_instance_uid == SOURCE.study.instance_uid
    assert reference.sop_class_uid == EARLIER.sop_class_uid
    (tmp_path / "b.dcm").write_text("nothing")
    for name in ("b.dcm", "c.dcm"):
        with pytest.raises(NoDicomError, match=name):
            read_reference(tmp_path / name)
