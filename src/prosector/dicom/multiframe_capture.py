"""A cine as DICOM Multi-frame True Color Secondary Capture, filed into the study that it was made from.

The frames follow one another in time: Frame Increment Pointer names Frame Time, and the Cine module says how
fast. The SC Multi-frame Vector module is part of the object and has nothing to say: each of its vectors is
required only where Frame Increment Pointer names it, and a viewer that finds Frame Time alone plays the film.

What holds for a single picture holds here (:mod:`prosector.dicom.secondary_capture`): no Frame of Reference
and no image plane. Patient Orientation and Pixel Spacing belong to all frames, so they are stated only where
all frames agree.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import MultiFrameTrueColorSecondaryCaptureImageStorage

from prosector.dicom.derived import Derivation, finish
from prosector.dicom.modules import begin_image, put
from prosector.dicom.secondary_capture import add_capture, add_pixel_spacing, add_true_color
from prosector.errors import ParameterError
from prosector.model.camera import orientation_letters
from prosector.model.cine import Cine
from prosector.model.digest import digest
from prosector.model.source import Source

LARGEST_PIXEL_DATA = 2**32 - 2
"""Bytes of Pixel Data that an explicit length can tell (PS3.5 7.1.1)."""

LOOPING, SWEEPING = 0, 1
"""Preferred Playback Sequencing (0018,1244): over and over; forwards and backwards."""


def build_multiframe_capture(cine: Cine, source: Source, derivation: Derivation) -> Dataset:
    """Build a Multi-frame True Color Secondary Capture Image (PS3.3 A.8.5): RGB, 8 bits, in the base study.

    Parameters
    ----------
    cine : Cine
        Its frames are stored as they are; Burned In Annotation says whether they name the patient.
    source : Source
        As for :func:`prosector.dicom.secondary_capture.build_secondary_capture`.
    derivation : Derivation

    Returns
    -------
    pydicom Dataset
        With file meta information, ready for :func:`prosector.dicom.derived.write_dicom`.

    Raises
    ------
    NoDicomSourceError
        If the source is not DICOM.
    ParameterError
        If no derivation code is given, or the frames are more than one object can hold.
    """
    if cine.frames.nbytes > LARGEST_PIXEL_DATA:
        raise ParameterError("the frames take more than the 4 GiB that a DICOM object holds: fewer or smaller ones")
    uid = derivation.uid("multi-frame secondary capture", digest(cine))
    dataset = begin_image(MultiFrameTrueColorSecondaryCaptureImageStorage, uid, source.modality, source, derivation)
    add_capture(dataset, derivation.series)
    add_true_color(dataset, cine.frames, cine.burned_in_identity)
    _add_frames(dataset, cine)
    return finish(dataset)


def _add_frames(dataset: Dataset, cine: Cine) -> None:
    """Multi-frame (C.7.6.6) and SC Multi-frame Image (C.8.6.3)."""
    sides = [letters or orientation_letters(c) for letters, c in zip(cine.letters, cine.cameras, strict=True)]
    same = all(side == sides[0] for side in sides)
    dataset.PatientOrientation = [sides[0]["right"], sides[0]["bottom"]] if same else None
    spacings = {round(camera.pixel_spacing_mm(cine.size), 10) for camera in cine.cameras}
    if len(spacings) == 1 and all(camera.is_parallel for camera in cine.cameras):
        add_pixel_spacing(dataset, spacings.pop())
    dataset.NumberOfFrames = len(cine.frames)
    if len(cine.frames) > 1:
        _add_pace(dataset, cine)


def _add_pace(dataset: Dataset, cine: Cine) -> None:
    """Frame Increment Pointer, which one frame alone must not have, and the Cine module (C.7.6.5)."""
    dataset.FrameIncrementPointer = Tag("FrameTime")
    put(dataset, "FrameTime", f"{cine.frame_time_ms:.10g}")
    dataset.PreferredPlaybackSequencing = SWEEPING if cine.motion == "sweep" else LOOPING
    rate = max(1, round(1000 / cine.frame_time_ms))
    dataset.RecommendedDisplayFrameRate = rate
    dataset.CineRate = rate
    dataset.StartTrim = 1
    dataset.StopTrim = len(cine.frames)
    put(dataset, "EffectiveDuration", f"{cine.duration_s:.10g}")
