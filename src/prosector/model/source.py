"""Where a volume came from. Identity is kept for derived DICOM and never printed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient module (PS3.3 C.7.1.1), as found; every value may be empty."""

    name: str = field(default="", repr=False)
    id: str = field(default="", repr=False)
    issuer_of_id: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Study:
    """The general study module (PS3.3 C.7.2.1), as found."""

    instance_uid: str = ""
    id: str = field(default="", repr=False)
    date: str = ""
    time: str = ""
    accession_number: str = field(default="", repr=False)
    referring_physician: str = field(default="", repr=False)
    description: str = ""
    patient_age: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Equipment:
    """The device that acquired the images (PS3.3 C.7.5.1)."""

    manufacturer: str = ""
    model: str = ""
    station_name: str = ""
    serial_number: str = field(default="", repr=False)
    software_versions: str = ""
    institution: str = ""


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What the report says about how the source images were made.

    ``slice_thickness_mm`` is Slice Thickness (0018,0050); the distance between slices is a property of
    the geometry, never of this tag.
    """

    body_part: str = ""
    laterality: str = ""
    patient_position: str = ""
    protocol: str = ""
    kernel: str = ""
    kvp: float | None = None
    contrast_agent: str = ""
    slice_thickness_mm: float | None = None
    sequence: str = ""
    field_strength_tesla: float | None = None
    date: str = ""
    time: str = ""
    lossy_compression: str = ""
    image_type: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """The series that a volume was read from.

    ``sop_instance_uids`` are in the order of the volume's slices (one for all frames of a multi-frame
    object). Empty UIDs mean that the volume has no DICOM source, so no derived DICOM can refer to one.
    ``warnings`` are what the loader found and did; the report repeats them.
    """

    modality: str = "OT"
    series_instance_uid: str = ""
    series_number: int | None = None
    description: str = ""
    sop_class_uid: str = ""
    sop_instance_uids: tuple[str, ...] = field(default=(), repr=False)
    patient: Patient = field(default_factory=Patient, repr=False)
    study: Study = field(default_factory=Study, repr=False)
    equipment: Equipment = field(default_factory=Equipment)
    acquisition: Acquisition = field(default_factory=Acquisition)
    warnings: tuple[str, ...] = ()

    @property
    def is_dicom(self) -> bool:
        """Whether derived DICOM objects can refer to the source."""
        return bool(self.study.instance_uid and self.series_instance_uid and self.sop_instance_uids)
