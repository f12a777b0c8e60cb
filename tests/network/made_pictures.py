"""Small DICOM pictures to send about."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import MultiFrameTrueColorSecondaryCaptureImageStorage, SecondaryCaptureImageStorage

from prosector.dicom.derived import finish, write_dicom


def secondary_capture(folder: Path, number: int, frames: int = 0, study: str = "2.25.7001", name: str = "x") -> Path:
    """A tiny true colour picture or film of a made-up patient, uncompressed."""
    dataset = Dataset()
    dataset.SOPClassUID = MultiFrameTrueColorSecondaryCaptureImageStorage if frames else SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = f"{study}.1.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
    dataset.PatientName, dataset.PatientID = "SECRETNAME^MADEUP", "SECRETID"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.StudyTime = dataset.ReferringPhysicianName = ""
    dataset.StudyDate, dataset.AccessionNumber, dataset.StudyID = "20260102", f"ACC{study[-1]}", "1"
    dataset.StudyDescription, dataset.SeriesDescription = "Made up", "3D pictures"
    dataset.Modality, dataset.ConversionType, dataset.SeriesNumber = "CT", "WSD", 1001
    dataset.InstanceNumber = number
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows = dataset.Columns = 8
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.ImageType, dataset.BurnedInAnnotation = ["DERIVED", "SECONDARY"], "NO"
    if frames:
        dataset.NumberOfFrames, dataset.FrameTime = frames, "40"
        dataset.FrameIncrementPointer = Tag("FrameTime")
    dataset.PixelData = bytes(i * number % 251 for i in range(192 * max(frames, 1)))
    dataset["PixelData"].VR = "OB"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{number:03d}.dcm"
    write_dicom(path, finish(dataset))
    return path
