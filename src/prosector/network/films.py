"""Films for archives that take no multi-frame pictures: a series of single pictures, one a frame."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, MultiFrameTrueColorSecondaryCaptureImageStorage, SecondaryCaptureImageStorage

from prosector.dicom.derived import finish, write_dicom
from prosector.dicom.uids import derived_uid
from prosector.network.instances import Instance, read_instance

FILM = str(MultiFrameTrueColorSecondaryCaptureImageStorage)

OF_FILMS = (
    "NumberOfFrames",
    "FrameIncrementPointer",
    "FrameTime",
    "PreferredPlaybackSequencing",
    "RecommendedDisplayFrameRate",
    "CineRate",
    "StartTrim",
    "StopTrim",
    "EffectiveDuration",
)
"""Attributes of the Multi-frame and Cine modules, which a single picture must not have."""


def split_film(film: Instance, folder: Path) -> tuple[Instance, ...]:
    """Write each frame of a multi-frame true colour capture as a Secondary Capture (PS3.3 A.8.1).

    The frames make a series of their own in the same study, numbered in order. Identifiers are a function of the
    film's, so that the same film makes the same frames whenever it is split.

    Parameters
    ----------
    film : Instance
    folder : Path
        Where the files are written.

    Returns
    -------
    tuple of Instance
        Their ids are the film's with ``#`` and the number of the frame.
    """
    source = dcmread(film.path)
    frames = int(source.NumberOfFrames)
    size = source.Rows * source.Columns * source.SamplesPerPixel
    pixels = memoryview(source.PixelData)
    bare = _without_film(source)
    made = []
    for number in range(frames):
        dataset = deepcopy(bare)
        dataset.SOPInstanceUID = UID(derived_uid("frame", film.sop_instance_uid, str(number)))
        dataset.InstanceNumber = number + 1
        data = bytes(pixels[number * size : (number + 1) * size])
        dataset.PixelData = data + b"\0" * (len(data) % 2)
        dataset["PixelData"].VR = "OB"
        path = folder / f"{dataset.SOPInstanceUID}.dcm"
        write_dicom(path, finish(dataset))
        made.append(read_instance(path, f"{film.id}#{number + 1}"))
    return tuple(made)


def _without_film(source: Dataset) -> Dataset:
    bare = Dataset()
    for element in source:
        if element.keyword not in (*OF_FILMS, "PixelData"):
            bare.add(element)
    bare.SOPClassUID = SecondaryCaptureImageStorage
    bare.SeriesInstanceUID = UID(derived_uid("frames of", str(source.SOPInstanceUID)))
    bare.SeriesDescription = f"{str(source.get('SeriesDescription', '3D'))[:50]}, single frames"
    return bare
