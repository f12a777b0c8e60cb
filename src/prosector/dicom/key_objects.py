"""Key Object Selection: which pictures were chosen, and why (PS3.3 A.35.4, PS3.16 TID 2010)."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from prosector.dicom import content_items as items
from prosector.dicom.codes import KEY_OBJECT_DESCRIPTION, OF_INTEREST
from prosector.dicom.content_items import CONTAINS
from prosector.dicom.derived import Derivation, finish
from prosector.dicom.modules import begin_object
from prosector.dicom.report_references import ObjectReference, evidence
from prosector.dicom.sr_document import Observer, add_private_scheme, device_context, language, person_context
from prosector.errors import EmptyResultError
from prosector.model.digest import canonical_json
from prosector.model.source import Source
from prosector.model.structures import Code


def build_key_objects(
    selected: Sequence[ObjectReference],
    source: Source,
    derivation: Derivation,
    title: Code = OF_INTEREST,
    description: str = "",
    observers: Sequence[Observer] = (),
) -> Dataset:
    """Build a Key Object Selection Document.

    Parameters
    ----------
    selected : sequence of ObjectReference
        In the order in which they are to be shown; the same object once.
    source : Source
        Names patient and study.
    derivation : Derivation
        Its description and codes are not used.
    title : Code
        Of CID 7010.
    description : str
        Key Object Description: why they were chosen.
    observers : sequence of Observer
        Who chose them; the workstation alone where nobody did.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    EmptyResultError
        If nothing is selected.
    """
    chosen = tuple(dict.fromkeys(selected))
    if not chosen:
        raise EmptyResultError("no object is selected, so there is no selection to write")
    said = [[r.sop_instance_uid for r in chosen], title.value, description, [o.name for o in observers]]
    uid = derivation.uid("key objects", canonical_json(said))
    dataset = begin_object(KeyObjectSelectionDocumentStorage, uid, "KO", source, derivation)
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.CurrentRequestedProcedureEvidenceSequence = evidence(chosen)
    content = [language(), *(part for observer in observers for part in person_context(observer))]
    content += [] if observers else device_context(derivation.series.workstation)
    if description:
        content.append(items.text(CONTAINS, KEY_OBJECT_DESCRIPTION, description))
    content += [_reference(reference) for reference in chosen]
    root = items.container(CONTAINS, title, content, "2010")
    del root.RelationshipType
    dataset.update(root)
    if observers:
        add_private_scheme(dataset)
    return finish(dataset)


def _reference(reference: ObjectReference) -> Dataset:
    return (items.image if reference.is_image else items.composite)(CONTAINS, None, reference)
