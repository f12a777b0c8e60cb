"""From a slice's full header to the Source of a volume."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pydicom
from pydicom.dataset import Dataset

from prosector.dicom.enhanced import read_full
from prosector.dicom.frames import Frame
from prosector.model.source import Acquisition, Equipment, Patient, Source, Study


def read_source(frames: Sequence[Frame], problems: Sequence[str]) -> Source:
    """Build the Source from the first slice's header; UIDs from all, in slice order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = read_full(frames[0].header)
        return Source(
            modality=_text(data, "Modality") or "OT",
            series_instance_uid=_text(data, "SeriesInstanceUID"),
            series_number=frames[0].header.integer("SeriesNumber"),
            description=_text(data, "SeriesDescription"),
            sop_class_uid=frames[0].header.text("SOPClassUID"),
            sop_instance_uids=_uids(frames),
            patient=_patient(data),
            study=_study(data),
            equipment=_equipment(data),
            acquisition=_acquisition(data, frames[0]),
            warnings=tuple(problems),
        )


def _uids(frames: Sequence[Frame]) -> tuple[str, ...]:
    """One for each slice, or one for each file where files hold several."""
    uids = tuple(f.sop_instance_uid for f in frames)
    if not all(uids):
        return ()
    return uids if len(set(uids)) == len(uids) else tuple(dict.fromkeys(uids))


def _patient(data: Dataset) -> Patient:
    return Patient(
        name=_text(data, "PatientName"),
        id=_text(data, "PatientID"),
        issuer_of_id=_text(data, "IssuerOfPatientID"),
        birth_date=_text(data, "PatientBirthDate"),
        sex=_text(data, "PatientSex"),
    )


def _study(data: Dataset) -> Study:
    return Study(
        instance_uid=_text(data, "StudyInstanceUID"),
        id=_text(data, "StudyID"),
        date=_text(data, "StudyDate"),
        time=_text(data, "StudyTime"),
        accession_number=_text(data, "AccessionNumber"),
        referring_physician=_text(data, "ReferringPhysicianName"),
        description=_text(data, "StudyDescription"),
        patient_age=_text(data, "PatientAge"),
    )


def _equipment(data: Dataset) -> Equipment:
    return Equipment(
        manufacturer=_text(data, "Manufacturer"),
        model=_text(data, "ManufacturerModelName"),
        station_name=_text(data, "StationName"),
        serial_number=_text(data, "DeviceSerialNumber"),
        software_versions=_text(data, "SoftwareVersions"),
        institution=_text(data, "InstitutionName"),
    )


def _acquisition(data: Dataset, frame: Frame) -> Acquisition:
    lossy = _text(data, "LossyImageCompression")
    return Acquisition(
        body_part=_text(data, "BodyPartExamined"),
        laterality=_text(data, "Laterality") or _text(data, "ImageLaterality"),
        patient_position=_text(data, "PatientPosition"),
        protocol=_text(data, "ProtocolName"),
        kernel=_text(data, "ConvolutionKernel") or frame.keys.get("ConvolutionKernel", ""),
        kvp=_number(data, "KVP") or _kvp(frame),
        contrast_agent=_text(data, "ContrastBolusAgent"),
        slice_thickness_mm=frame.thickness_mm,
        sequence=_text(data, "SequenceName") or _text(data, "ScanningSequence"),
        field_strength_tesla=_number(data, "MagneticFieldStrength"),
        date=_text(data, "AcquisitionDate"),
        time=_text(data, "AcquisitionTime"),
        lossy_compression=lossy if lossy in ("00", "01") else "",
        image_type=frame.image_type,
    )


def _kvp(frame: Frame) -> float | None:
    try:
        return float(frame.keys.get("KVP", ""))
    except ValueError:
        return None


def _text(data: Dataset, keyword: str) -> str:
    try:
        value = data.get(keyword)
    except Exception:  # an unreadable optional value is as good as none
        return ""
    if value is None:
        return ""
    if isinstance(value, (list, pydicom.multival.MultiValue)):
        return "\\".join(str(v) for v in value)
    return str(value).strip("\0 ")


def _number(data: Dataset, keyword: str) -> float | None:
    try:
        return float(_text(data, keyword))
    except ValueError:
        return None
