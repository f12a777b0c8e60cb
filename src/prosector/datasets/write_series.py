"""A volume as a classic CT or MR series: one file per slice, explicit little endian, the same bytes every time."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from prosector.atomic import atomic_path
from prosector.errors import GeometryError, InputError
from prosector.model.digest import digest
from prosector.model.geometry import ORTHOGONAL_TOLERANCE
from prosector.model.progress import Progress, silent
from prosector.model.volume import Volume
from prosector.model.window import Window

RESCALE_INTERCEPT = -1024
STORED_BITS = 12
TILT_TOLERANCE_DEG = 0.01
"""A shear of less is rounding, no gantry tilt."""

SOFT_TISSUE = Window(40, 400)


def uid_of(*names: str) -> str:
    """A UID made from names: UUID-derived (PS3.5 B.2), the UUID by hash, so the same every time."""
    hashed = hashlib.sha256("\n".join(("prosector phantom", *names)).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=hashed[:16], version=5).int}"


def write_ct_series(
    volume: Volume, folder: str | Path, window: Window = SOFT_TISSUE, progress: Progress = silent
) -> list[Path]:
    """Write a CT volume as DICOM CT Image objects IM0001.dcm, IM0002.dcm …, head end first.

    Patient, study and equipment are those of ``volume.source``; UIDs are hashed from the volume's content, so
    the same volume gives the same files.

    Parameters
    ----------
    volume : Volume
        Whole Hounsfield units from -1024 to 3071 (12 bits stored); rows and columns at right angles.
    folder : path
        Made if absent; files of the same names are replaced.
    window : Window
        Written as the default display window.

    Returns
    -------
    list of Path
        The files in the order of their instance numbers.

    Raises
    ------
    InputError
        If the volume is not CT or its values need more than 12 bits.
    GeometryError
        If rows and columns are not at right angles.
    OutputError
        If the folder cannot be written.
    """
    _check(volume)
    return _write_slices(volume, folder, _series_attributes(volume, window), progress)


def write_mr_series(volume: Volume, folder: str | Path, progress: Progress = silent) -> list[Path]:
    """Write an MR volume as DICOM MR Image objects, as :func:`write_ct_series` does a CT.

    Parameters
    ----------
    volume : Volume
        Modality MR, whole values from 0 to 4095; rows and columns at right angles.
    folder : path

    Raises
    ------
    InputError
        If the volume is not MR or its values need more than 12 bits.
    GeometryError
        If rows and columns are not at right angles.
    OutputError
        If the folder cannot be written.
    """
    _check(volume, "MR", 0)
    top = float(volume.voxels.max())
    common = _series_attributes(volume, Window(top / 2, max(top, 1.0)))
    common.SOPClassUID, common.Modality = MRImageStorage, "MR"
    for name in ("KVP", "ConvolutionKernel", "RescaleIntercept", "RescaleSlope", "RescaleType"):
        delattr(common, name)
    # Type 1 of the MR Image module (PS3.3 C.8.3.1); a gradient echo, since nothing was really acquired
    common.ScanningSequence, common.SequenceVariant, common.ScanOptions = "GR", "NONE", ""
    common.MRAcquisitionType, common.EchoTime, common.EchoTrainLength = "3D", 0, 1
    common.RepetitionTime = 10
    common.WindowCenterWidthExplanation = "FULL RANGE"
    return _write_slices(volume, folder, common, progress)


def _write_slices(volume: Volume, folder: str | Path, common: Dataset, progress: Progress) -> list[Path]:
    step_up = volume.geometry.affine[2, 0] >= 0
    order = range(volume.geometry.shape[0] - 1, -1, -1) if step_up else range(volume.geometry.shape[0])
    paths = []
    for number, k in enumerate(order, start=1):
        path = Path(folder) / f"IM{number:04d}.dcm"
        with atomic_path(path) as partial:
            pydicom.dcmwrite(partial, _slice(volume, common, k, number), enforce_file_format=True)
        paths.append(path)
        progress("writing DICOM", number / len(order))
    return paths


def _check(volume: Volume, modality: str = "CT", lowest: int = RESCALE_INTERCEPT) -> None:
    if volume.is_hounsfield != (modality == "CT") or volume.source.modality != modality:
        units = "Hounsfield units" if modality == "CT" else "arbitrary units"
        raise InputError(f"{modality} series hold {units}; found modality {volume.source.modality!r}")
    low, high = volume.voxels.min(), volume.voxels.max()
    top = 2**STORED_BITS - 1 + lowest
    if low < lowest or high > top or not np.issubdtype(volume.voxels.dtype, np.integer):
        raise InputError(f"12 stored bits hold whole values from {lowest} to {top}; found {low} to {high}")
    _, j, i = (volume.geometry.affine[:3, n] / volume.geometry.spacing_mm[n] for n in range(3))
    if abs(j @ i) > ORTHOGONAL_TOLERANCE:
        raise GeometryError("Image Orientation (0020,0037) needs rows and columns at right angles")


def _series_attributes(volume: Volume, window: Window) -> Dataset:
    """What all slices share: patient, study, series, frame of reference, equipment, acquisition."""
    source, identity = volume.source, digest(volume)
    patient, study, gear, scan = source.patient, source.study, source.equipment, source.acquisition
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = CTImageStorage
    ds.PatientName, ds.PatientID = patient.name, patient.id
    ds.PatientBirthDate, ds.PatientSex = patient.birth_date, patient.sex
    ds.QualityControlSubject = "YES"
    ds.StudyInstanceUID = study.instance_uid or uid_of(identity, "study")
    ds.StudyID, ds.StudyDate, ds.StudyTime = study.id, study.date, study.time
    ds.AccessionNumber, ds.ReferringPhysicianName = study.accession_number, study.referring_physician
    ds.StudyDescription = study.description
    ds.Modality = "CT"
    ds.SeriesInstanceUID = source.series_instance_uid or uid_of(identity, "series")
    ds.SeriesNumber, ds.SeriesDescription = source.series_number or 1, source.description
    ds.SeriesDate, ds.SeriesTime = scan.date, scan.time
    ds.AcquisitionDate, ds.AcquisitionTime = scan.date, scan.time
    ds.ContentDate, ds.ContentTime = scan.date, scan.time
    ds.BodyPartExamined, ds.PatientPosition = scan.body_part, scan.patient_position
    ds.ProtocolName = scan.protocol
    ds.FrameOfReferenceUID = volume.geometry.frame_of_reference_uid or uid_of(identity, "frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.Manufacturer, ds.ManufacturerModelName = gear.manufacturer, gear.model
    ds.StationName, ds.SoftwareVersions = gear.station_name, gear.software_versions or "phantom 1"
    ds.DeviceSerialNumber = gear.serial_number or "0"
    ds.ContrastBolusAgent = scan.contrast_agent
    ds.KVP, ds.ConvolutionKernel = scan.kvp, scan.kernel
    ds.AcquisitionNumber = 1
    ds.WindowCenter, ds.WindowWidth = window.center, window.width
    ds.WindowCenterWidthExplanation = "SOFT TISSUE"
    _describe_pixels(ds, volume)
    return ds


def _describe_pixels(ds: Dataset, volume: Volume) -> None:
    geometry, scan = volume.geometry, volume.source.acquisition
    spacing = geometry.spacing_mm
    row, column = geometry.affine[:3, 2] / spacing[2], geometry.affine[:3, 1] / spacing[1]
    ds.ImageType = list(scan.image_type or ("ORIGINAL", "PRIMARY", "AXIAL"))
    ds.ImageOrientationPatient = [_short(v) for v in (*row, *column)]
    ds.PixelSpacing = [_short(spacing[1]), _short(spacing[2])]
    if geometry.tilt_degrees > TILT_TOLERANCE_DEG:
        ds.GantryDetectorTilt = _short(geometry.tilt_degrees)
    ds.SliceThickness = _short(scan.slice_thickness_mm or geometry.slice_distance_mm)
    ds.Rows, ds.Columns = geometry.shape[1:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, STORED_BITS, STORED_BITS - 1, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = RESCALE_INTERCEPT, 1, "HU"


def _short(value: float) -> float:
    """At most 16 characters as a decimal string (VR DS), without a negative zero."""
    return round(float(value), 7) + 0.0


def _slice(volume: Volume, common: Dataset, k: int, number: int) -> Dataset:
    ds = Dataset()
    ds.update(common)
    position = volume.geometry.to_lps((k, 0, 0))
    instance = UID(uid_of(str(common.SeriesInstanceUID), f"slice {k}"))
    ds.SOPInstanceUID = instance
    ds.InstanceNumber = number
    ds.ImagePositionPatient = [_short(v) for v in position]
    ds.SliceLocation = _short(float(position @ volume.geometry.normal_lps))
    stored = volume.voxels[k].astype(np.int32) - int(common.get("RescaleIntercept", 0))
    ds.add_new("PixelData", "OW", stored.astype("<u2").tobytes())
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = common.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = instance
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = UID(uid_of("implementation"))
    ds.file_meta.ImplementationVersionName = "PROSECTOR"
    return ds
