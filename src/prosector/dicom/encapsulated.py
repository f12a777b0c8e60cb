"""Documents and models carried whole inside a DICOM object: the report's PDF, and surfaces for 3D printing (STL)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, EncapsulatedSTLStorage

from prosector._version import __version__
from prosector.dicom.codes import (
    CT_MODEL,
    DIAGNOSTIC_IMAGING_REPORT,
    EDGE_DETECTION,
    MILLIMETRE,
    MR_MODEL,
    SOURCE_DOCUMENT_IMAGE,
    code_item,
    code_sequence,
)
from prosector.dicom.derived import LO_LENGTH, Derivation, finish
from prosector.dicom.derived_image import frame_of_reference
from prosector.dicom.modules import (
    ST_LENGTH,
    UNSUPERVISED,
    add_source_images,
    begin_object,
    put,
    put_known,
)
from prosector.dicom.report_references import ObjectReference, evidence, purposed, source_references
from prosector.errors import EmptyResultError, ParameterError
from prosector.model.geometry import Geometry
from prosector.model.source import Source
from prosector.model.structures import Code

STL_HEADER_BYTES = 84
STL_TRIANGLE_BYTES = 50
"""Binary STL: 80 bytes of remark and a count; twelve numbers and two bytes for each triangle."""

MODEL_TITLES = {"CT": CT_MODEL, "MR": MR_MODEL}


@dataclass(frozen=True, slots=True)
class DocumentState:
    """What is said of a document beside its content.

    Parameters
    ----------
    title : str
        Document Title (0042,0010).
    verified : bool
        Whether a physician signed it.
    predecessors : tuple of ObjectReference
        The documents that it takes the place of.
    """

    title: str
    verified: bool = False
    predecessors: tuple[ObjectReference, ...] = ()


def build_encapsulated_pdf(
    pdf: bytes, source: Source, derivation: Derivation, state: DocumentState, images: Sequence[ObjectReference] = ()
) -> Dataset:
    """Build an Encapsulated PDF (PS3.3 A.45.1), titled as a Diagnostic Imaging Report (18748-4, LN).

    Parameters
    ----------
    pdf : bytes
        The file, as it is; Burned In Annotation is YES, since a report names the patient.
    source : Source
    derivation : Derivation
        Says whether a physician supervised; codes are not used.
    state : DocumentState
    images : sequence of ObjectReference
        Pictures that the document shows; the images of the source are named in any case.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    ParameterError
        If the bytes are no PDF.
    """
    if not pdf.startswith(b"%PDF-"):
        raise ParameterError("this is no PDF: it does not begin with %PDF-")
    uid = derivation.uid("encapsulated PDF", hashlib.sha256(pdf).hexdigest())
    dataset = begin_object(EncapsulatedPDFStorage, uid, "DOC", source, derivation)
    references = (*source_references(source), *images)
    _add_document(dataset, pdf, "application/pdf", state, DIAGNOSTIC_IMAGING_REPORT, references)
    put(dataset, "VerificationFlag", "VERIFIED" if state.verified else "UNVERIFIED")
    dataset.BurnedInAnnotation = "YES"
    dataset.ConversionType = "WSD"  # SC Equipment (C.8.6.1)
    if state.predecessors:
        dataset.PredecessorDocumentsSequence = evidence(state.predecessors)
    return finish(dataset)


def build_encapsulated_stl(
    stl: bytes, source: Source, geometry: Geometry, derivation: Derivation, usage: Code | None = None
) -> Dataset:
    """Build an Encapsulated STL (PS3.3 A.85.1): a surface in patient coordinates (LPS), millimetres.

    Parameters
    ----------
    stl : bytes
        Binary STL.
    source : Source
    geometry : Geometry
        Of the volume that the surface came from: names the frame of reference that its vertices are in.
    derivation : Derivation
        Its description says how the surface was made; codes are not used.
    usage : Code, optional
        What the model is for (CID 7064); left out, it is not said.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    EmptyResultError
        If there is no triangle.
    ParameterError
        If the bytes are no binary STL.
    """
    _require_stl(stl)
    uid = derivation.uid("encapsulated STL", hashlib.sha256(stl).hexdigest())
    dataset = begin_object(EncapsulatedSTLStorage, uid, "M3D", source, derivation)
    put(dataset, "FrameOfReferenceUID", frame_of_reference(geometry, source))
    put(dataset, "PositionReferenceIndicator", None)
    add_source_images(dataset, source, spatial_locations_preserved="YES")
    del dataset.SourceImageSequence  # an image's way to say it; a document's is Source Instance Sequence
    title = MODEL_TITLES.get(source.modality)
    references = source_references(source)
    state = DocumentState(derivation.series.description)
    _add_document(dataset, stl, "model/stl", state, title, references)
    dataset.BurnedInAnnotation = "NO"
    _add_model(dataset, derivation, usage)
    return finish(dataset)


def _require_stl(stl: bytes) -> None:
    count = int.from_bytes(stl[80:STL_HEADER_BYTES], "little")
    if len(stl) != STL_HEADER_BYTES + STL_TRIANGLE_BYTES * count:
        raise ParameterError(f"this is no binary STL: {len(stl)} bytes do not hold {count} triangles")
    if count == 0:
        raise EmptyResultError("the surface has no triangles, so no model is written")


def _add_document(
    dataset: Dataset,
    document: bytes,
    mime_type: str,
    state: DocumentState,
    title: Code | None,
    references: Sequence[ObjectReference],
) -> None:
    """Encapsulated Document (C.24.2)."""
    put(dataset, "AcquisitionDateTime", None)
    put(dataset, "DocumentTitle", state.title)
    dataset.ConceptNameCodeSequence = [] if title is None else [code_item(title)]
    dataset.SourceInstanceSequence = purposed(references, SOURCE_DOCUMENT_IMAGE)
    dataset.MIMETypeOfEncapsulatedDocument = mime_type
    put(dataset, "EncapsulatedDocument", document + b"\0" * (len(document) % 2))
    put(dataset, "EncapsulatedDocumentLength", len(document))


def _add_model(dataset: Dataset, derivation: Derivation, usage: Code | None) -> None:
    """Manufacturing 3D Model (C.35.1)."""
    dataset.MeasurementUnitsCodeSequence = code_sequence([MILLIMETRE])
    dataset.ModelModification = "NO"
    dataset.ModelMirroring = "NO"
    if usage is not None:
        dataset.ModelUsageCodeSequence = code_sequence([usage])
    warning = "" if derivation.supervised else f" {UNSUPERVISED}"
    put_known(dataset, "ContentDescription", derivation.description[: LO_LENGTH - len(warning)] + warning)
    algorithm = Dataset()
    algorithm.AlgorithmFamilyCodeSequence = code_sequence([EDGE_DETECTION])
    put(algorithm, "AlgorithmName", "Prosector surface extraction")
    put(algorithm, "AlgorithmVersion", __version__)
    put(algorithm, "AlgorithmParameters", derivation.description[:ST_LENGTH])
    dataset.DerivationAlgorithmSequence = [algorithm]
