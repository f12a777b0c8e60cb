"""Content items of structured reports and key object selections (PS3.3 C.17.3): one function for each value type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydicom.dataset import Dataset
from pydicom.valuerep import DS

from prosector.dicom.codes import code_item
from prosector.dicom.modules import image_reference, put
from prosector.dicom.report_references import ObjectReference
from prosector.model.structures import Code

CONTAINS = "CONTAINS"
HAS_PROPERTIES = "HAS PROPERTIES"
HAS_CONCEPT_MOD = "HAS CONCEPT MOD"
HAS_OBS_CONTEXT = "HAS OBS CONTEXT"
INFERRED_FROM = "INFERRED FROM"
"""How an item relates to the one that it stands in (C.17.3.2.4)."""

UCUM_MEANINGS = {
    "1": "no units", "%": "percent", "mm": "millimeter", "mm2": "square millimeter", "mm3": "cubic millimeter",
    "ml": "milliliter", "deg": "degree", "[hnsf'U]": "Hounsfield unit", "cm": "centimeter",
}  # fmt: skip
"""Code Meaning of units; others are their own meaning."""


def item(relation: str, value_type: str, name: Code | None, children: Iterable[Dataset] = ()) -> Dataset:
    """A content item without its value; ``children`` are the items in it."""
    made = Dataset()
    made.RelationshipType = relation
    made.ValueType = value_type
    if name is not None:
        made.ConceptNameCodeSequence = [code_item(name)]
    nested = list(children)
    if nested:
        made.ContentSequence = nested
    return made


def container(relation: str, name: Code, children: Iterable[Dataset], template: str = "") -> Dataset:
    """A heading with items below it, by the rules of a template of PS3.16 where it names one."""
    made = item(relation, "CONTAINER", name, children)
    made.ContinuityOfContent = "SEPARATE"
    if template:
        made.ContentTemplateSequence = [template_item(template)]
    return made


def template_item(template: str) -> Dataset:
    """Identification of a template (C.18.8)."""
    made = Dataset()
    made.MappingResource = "DCMR"
    made.TemplateIdentifier = template
    return made


def text(relation: str, name: Code, value: str, children: Iterable[Dataset] = ()) -> Dataset:
    """A passage of plain text."""
    made = item(relation, "TEXT", name, children)
    put(made, "TextValue", value)
    return made


def code(relation: str, name: Code, value: Code, children: Iterable[Dataset] = ()) -> Dataset:
    """A coded value."""
    made = item(relation, "CODE", name, children)
    made.ConceptCodeSequence = [code_item(value)]
    return made


def person(relation: str, name: Code, value: str) -> Dataset:
    """A person's name."""
    made = item(relation, "PNAME", name)
    put(made, "PersonName", value)
    return made


def uid(relation: str, name: Code, value: str) -> Dataset:
    """A unique identifier."""
    made = item(relation, "UIDREF", name)
    put(made, "UID", value)
    return made


def number(relation: str, name: Code, value: float, unit: str, children: Iterable[Dataset] = ()) -> Dataset:
    """A number with its UCUM unit: to 16 characters, and in full as Floating Point Value (0040,A161)."""
    made = item(relation, "NUM", name, children)
    measured = Dataset()
    measured.NumericValue = DS(value, auto_format=True)
    measured.FloatingPointValue = value
    measured.MeasurementUnitsCodeSequence = [code_item(Code(unit, "UCUM", UCUM_MEANINGS.get(unit, unit)))]
    made.MeasuredValueSequence = [measured]
    return made


def image(relation: str, name: Code | None, reference: ObjectReference, segment: int | None = None) -> Dataset:
    """A reference to an image, or to a segment of a segmentation."""
    made = item(relation, "IMAGE", name)
    named = image_reference(reference.sop_class_uid, reference.sop_instance_uid)
    if segment is not None:
        named.ReferencedSegmentNumber = segment
    made.ReferencedSOPSequence = [named]
    return made


def composite(relation: str, name: Code | None, reference: ObjectReference) -> Dataset:
    """A reference to an object that is no image."""
    made = item(relation, "COMPOSITE", name)
    made.ReferencedSOPSequence = [image_reference(reference.sop_class_uid, reference.sop_instance_uid)]
    return made


def points(relation: str, name: Code, where_lps: Sequence[Sequence[float]], frame_of_reference: str) -> Dataset:
    """Places in the patient, LPS mm (C.18.9): one is a point, two a line, more a set of points."""
    made = item(relation, "SCOORD3D", name)
    made.GraphicType = {1: "POINT", 2: "POLYLINE"}.get(len(where_lps), "MULTIPOINT")
    made.GraphicData = [float(value) for point in where_lps for value in point]
    put(made, "ReferencedFrameOfReferenceUID", frame_of_reference)
    return made
