"""The modules around a derived object's content (PS3.3 C.7 and C.12), filled from a Source.

Identity is carried as it was found, even where it breaks a value rule: a PACS files an object by patient
name, identifiers and accession number, so a tidied value would file it elsewhere. Dates, times and coded
strings have one legal form only; they are brought into it, or left empty where they cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID

from prosector.dicom.codes import ACQUISITION_EQUIPMENT, PROCESSING_EQUIPMENT, SOURCE_IMAGE, code_sequence
from prosector.dicom.derived import LO_LENGTH, Derivation, DerivedSeries, Workstation, require_dicom
from prosector.model.source import Acquisition, Equipment, Source
from prosector.model.structures import Code

SH_LENGTH = 16
ST_LENGTH = 1024
"""Characters that a short string and a short text hold (PS3.5 6.2)."""

UNSUPERVISED = "Not made under physician supervision."
"""Said in Derivation Description (0008,2111) of everything that no physician supervised."""

DOCUMENTS = frozenset({"DOC", "M3D", "SR", "KO"})
"""Modalities (0008,0060) of what is not an image."""

UNPAIRED_PARTS = frozenset(
    "ABDOMEN ABDOMENPELVIS AORTA BACK BLADDER BRAIN CEREBELLUM CERVIX CHEST CHESTABDOMEN CHESTABDPELVIS "  # noqa: SIM905
    "CIRCLEOFWILLIS COCCYX COLON CSPINE CTSPINE DUODENUM ESOPHAGUS FACE GALLBLADDER HEAD HEADNECK HEART JAW "
    "LARYNX LIVER LSPINE LSSPINE MEDIASTINUM MOUTH NECK NECKCHEST NECKCHESTABDOMEN NECKCHESTABDPELV NOSE "
    "PANCREAS PELVIS PENIS PHARYNX PROSTATE RECTUM SKULL SPINE SPLEEN SSPINE STERNUM STOMACH THYMUS THYROID "
    "TLSPINE TONGUE TRACHEA TSPINE URETHRA UTERUS VAGINA VULVA WHOLEBODY".split()
)
"""Terms of Body Part Examined (PS3.16 annex L) for what the body has once."""

_LEGAL = {
    "AS": r"\d{3}[DWMY]",
    "CS": r"[A-Z0-9_ ]{1,16}",
    "DA": r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
    "TM": r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?",
}

_LONGEST = {"LO": LO_LENGTH, "SH": SH_LENGTH}


def put(dataset: Dataset, keyword: str, value: Any) -> None:
    """Set an attribute; dates, times, ages and coded strings are brought into their legal form."""
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    vr = dictionary_VR(tag)
    if vr in _LEGAL and isinstance(value, str):
        value = _legal(vr, value)
    dataset.add(DataElement(tag, vr, value, validation_mode=config.IGNORE))


def _legal(vr: str, value: str) -> str | None:
    """The value in the form that PS3.5 6.2 allows, or None where it has none."""
    value = value.strip().upper()
    if vr == "DA":  # ACR-NEMA wrote 1994.11.22
        value = value.replace(".", "")
    if vr == "TM":  # and 14:44:24
        value = value.replace(":", "")
    return value if re.fullmatch(_LEGAL[vr], value) else None


def put_known(dataset: Dataset, keyword: str, value: str) -> None:
    """Set an optional attribute (type 3) if there is something to say, cut to the length of its VR."""
    length = _LONGEST.get(dictionary_VR(keyword))
    value = "\\".join(part[:length] for part in value.split("\\"))
    put(dataset, keyword, value)
    if dataset[keyword].is_empty:
        del dataset[keyword]


def begin_object(sop_class_uid: str, uid: str, modality: str, source: Source, derivation: Derivation) -> Dataset:
    """What every derived object begins with: identity, patient, base study, series, equipment, times, number.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    """
    require_dicom(source)
    dataset = Dataset()
    dataset.SOPClassUID = UID(sop_class_uid)
    dataset.SOPInstanceUID = UID(uid)
    add_context(dataset, modality, source, derivation)
    dataset.InstanceNumber = derivation.instance_number
    return dataset


def begin_image(sop_class_uid: str, uid: str, modality: str, source: Source, derivation: Derivation) -> Dataset:
    """The same for an image, which also says how it was derived and of what.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    ParameterError
        If no derivation code is given.
    """
    derivation.require_codes()
    dataset = begin_object(sop_class_uid, uid, modality, source, derivation)
    add_laterality(dataset, source.acquisition)
    add_derivation(dataset, derivation.description, derivation.codes, derivation.supervised)
    add_source_images(dataset, source, spatial_locations_preserved="NO")
    add_lossy_compression(dataset, source.acquisition)
    return dataset


def add_context(dataset: Dataset, modality: str, source: Source, derivation: Derivation) -> None:
    """Patient, study, series, equipment and times, over whatever was there."""
    series = derivation.series
    add_patient_and_study(dataset, source)
    add_series(dataset, series, modality, source.acquisition)
    add_equipment(dataset, series.workstation)
    add_contributing_equipment(dataset, source, series)
    add_times(dataset, series.created)


def add_patient_and_study(dataset: Dataset, source: Source) -> None:
    """Patient (C.7.1.1), General Study (C.7.2.1) and Patient Study (C.7.2.2) modules of the base study."""
    patient, study = source.patient, source.study
    required = (  # type 1 and 2: there, and empty where nothing is known
        ("PatientName", patient.name),
        ("PatientID", patient.id),
        ("PatientBirthDate", patient.birth_date),
        ("PatientSex", patient.sex.upper() if patient.sex.upper() in ("M", "F", "O") else ""),
        ("StudyInstanceUID", study.instance_uid),
        ("StudyDate", study.date),
        ("StudyTime", study.time),
        ("ReferringPhysicianName", study.referring_physician),
        ("StudyID", study.id),
        ("AccessionNumber", study.accession_number),
    )
    for keyword, value in required:
        put(dataset, keyword, value or None)
    put_known(dataset, "IssuerOfPatientID", patient.issuer_of_id)
    put_known(dataset, "StudyDescription", study.description)
    put_known(dataset, "PatientAge", study.patient_age)


def add_series(dataset: Dataset, series: DerivedSeries, modality: str, acquisition: Acquisition) -> None:
    """General Series module (C.7.3.1) with the source's body part; documents have none (C.17.1, C.24.1)."""
    put(dataset, "Modality", modality)
    put(dataset, "SeriesInstanceUID", series.instance_uid)
    put(dataset, "SeriesNumber", series.number)
    put(dataset, "SeriesDescription", series.description)
    put(dataset, "SeriesDate", dicom_date(series.created))
    put(dataset, "SeriesTime", dicom_time(series.created))
    if modality not in DOCUMENTS:
        put_known(dataset, "BodyPartExamined", acquisition.body_part)


def add_laterality(dataset: Dataset, acquisition: Acquisition) -> None:
    """Laterality (0020,0060), type 2C: required of single-frame images where the part is paired.

    Of a part that is not stated nobody can tell whether it is paired: the attribute is then there and
    empty, which says "not known". Where the body has the part once, it must be absent.
    """
    if dataset.get("BodyPartExamined") not in UNPAIRED_PARTS:
        put(dataset, "Laterality", acquisition.laterality if acquisition.laterality in ("L", "R") else None)


def add_equipment(dataset: Dataset, workstation: Workstation) -> None:
    """General Equipment module (C.7.5.1): what produced the object."""
    put(dataset, "Manufacturer", workstation.manufacturer)
    put(dataset, "ManufacturerModelName", workstation.model)
    put(dataset, "DeviceSerialNumber", workstation.serial_number)
    put(dataset, "SoftwareVersions", workstation.software_version)
    put_known(dataset, "StationName", workstation.station_name)
    put_known(dataset, "InstitutionName", workstation.institution)


def add_contributing_equipment(dataset: Dataset, source: Source, series: DerivedSeries) -> None:
    """Contributing Equipment Sequence (C.12.1): the scanner where it is known, and this workstation."""
    items = []
    scanner, workstation = source.equipment, series.workstation
    if scanner.manufacturer:
        items.append(_equipment_item(ACQUISITION_EQUIPMENT, scanner))
    station = Equipment(
        workstation.manufacturer,
        workstation.model,
        workstation.station_name,
        workstation.serial_number,
        workstation.software_version,
        workstation.institution,
    )
    item = _equipment_item(PROCESSING_EQUIPMENT, station)
    put(item, "ContributionDateTime", dicom_date(series.created) + series.created.strftime("%H%M%S.%f%z"))
    put(item, "ContributionDescription", workstation.description[:ST_LENGTH])
    dataset.ContributingEquipmentSequence = [*items, item]


def _equipment_item(purpose: Code, equipment: Equipment) -> Dataset:
    item = Dataset()
    put(item, "Manufacturer", equipment.manufacturer)
    put_known(item, "InstitutionName", equipment.institution)
    put_known(item, "StationName", equipment.station_name)
    put_known(item, "ManufacturerModelName", equipment.model)
    put_known(item, "DeviceSerialNumber", equipment.serial_number)
    put_known(item, "SoftwareVersions", equipment.software_versions)
    item.PurposeOfReferenceCodeSequence = code_sequence([purpose])
    return item


def add_times(dataset: Dataset, created: datetime) -> None:
    """Date and time of content and instance."""
    for prefix in ("Content", "InstanceCreation"):
        put(dataset, f"{prefix}Date", dicom_date(created))
        put(dataset, f"{prefix}Time", dicom_time(created))


def add_source_images(dataset: Dataset, source: Source, spatial_locations_preserved: str) -> None:
    """Source Image Sequence (C.12.4.1.3) and the series that the images belong to (C.12.2).

    ``spatial_locations_preserved`` is YES or NO (0028,135A).
    """
    items, references = [], []
    for uid in dict.fromkeys(source.sop_instance_uids):
        item = image_reference(source.sop_class_uid, uid)
        references.append(image_reference(source.sop_class_uid, uid))
        item.SpatialLocationsPreserved = spatial_locations_preserved
        item.PurposeOfReferenceCodeSequence = code_sequence([SOURCE_IMAGE])
        items.append(item)
    dataset.SourceImageSequence = items
    series = Dataset()
    put(series, "SeriesInstanceUID", source.series_instance_uid)
    series.ReferencedInstanceSequence = references
    dataset.ReferencedSeriesSequence = [series]


def image_reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """An item that names one instance (Image SOP Instance Reference macro, table 10-3)."""
    item = Dataset()
    put(item, "ReferencedSOPClassUID", sop_class_uid)
    put(item, "ReferencedSOPInstanceUID", sop_instance_uid)
    return item


def add_derivation(dataset: Dataset, description: str, codes: Iterable[Code], supervised: bool) -> None:
    """Derivation Description and Code Sequence; says so where no physician supervised.

    The warning comes last but is never what is cut when the text is too long (1024 characters).
    """
    warning = "" if supervised else f" {UNSUPERVISED}"
    put(dataset, "DerivationDescription", description[: ST_LENGTH - len(warning)] + warning)
    dataset.DerivationCodeSequence = code_sequence(codes)


def add_lossy_compression(dataset: Dataset, acquisition: Acquisition) -> None:
    """What was once compressed with loss stays marked for good (C.7.6.1.1.5)."""
    put(dataset, "LossyImageCompression", acquisition.lossy_compression or "00")


def dicom_date(moment: datetime) -> str:
    """DA value."""
    return moment.strftime("%Y%m%d")


def dicom_time(moment: datetime) -> str:
    """TM value, microseconds included."""
    return moment.strftime("%H%M%S.%f")
