"""Every error that Prosector raises on purpose.

The tree::

    ProsectorError
    ├── UsageError                  the caller asked for something that does not exist       (exit 2)
    │   ├── UnknownNameError            a preset, view, method, operation or recipe
    │   └── ParameterError              a parameter out of its range
    ├── InputError                  what was given to read or to work on                     (exit 3)
    │   ├── DicomInputError             DICOM that cannot be loaded as asked
    │   │   ├── NoDicomError                nothing readable there
    │   │   ├── SeriesChoiceError           several series, or the one asked for is absent
    │   │   ├── MissingAttributeError       an attribute that geometry or pixels need
    │   │   ├── MixedGeometryError          slices that do not belong to one grid
    │   │   ├── SliceSpacingError           gaps, duplicates, irregular steps
    │   │   ├── NotAVolumeError             one slice, a scout, a report, a picture
    │   │   ├── PixelDataError              absent, truncated or undecodable pixels
    │   │   └── NoDicomSourceError          derived DICOM asked for from a source that is not DICOM
    │   ├── FileFormatError             NIfTI, JSON and other files that do not hold what they should
    │   ├── GeometryError               grids that do not match, matrices that cannot be inverted
    │   ├── EmptyResultError            a segmentation or surface with nothing in it
    │   ├── RecipeError                 a recipe that cannot run
    │   └── CaseError                   a case folder, its log or what is to be entered in it
    │       ├── TamperedError               a log that does not hold together
    │       ├── NotPermittedError           a person or role that may not do this
    │       └── LockedError                 another process writes, or too many wrong passphrases
    └── MachineError                the machine, not the input                               (exit 4)
        ├── MissingCodecError           a decoder that is not installed
        ├── OutputError                 a place that cannot be written
        └── NetworkError                a PACS that cannot be reached or refuses

Messages say what was found (with the DICOM tag), what was expected and what to do. They never hold
a patient's name or identifier.
"""

from __future__ import annotations


class ProsectorError(Exception):
    """Root of the tree; ``exit_code`` is what the command line returns for it."""

    exit_code = 3


class UsageError(ProsectorError):
    """The caller asked for something that does not exist or cannot be combined."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that is not in its table; the message lists the table."""

    def __init__(self, kind: str, name: str, known: object) -> None:
        names = ", ".join(sorted(str(n) for n in known))  # type: ignore[attr-defined]
        super().__init__(f"unknown {kind} {name!r}; choose one of: {names}")


class ParameterError(UsageError):
    """A parameter that is out of its range or of the wrong kind."""


class InputError(ProsectorError):
    """What was given to read or to work on."""


class DicomInputError(InputError):
    """DICOM that cannot be loaded as asked."""


class NoDicomError(DicomInputError):
    """No readable DICOM object at the path."""


class SeriesChoiceError(DicomInputError):
    """Several series and none chosen, or the chosen one is not there."""


class MissingAttributeError(DicomInputError):
    """An attribute that the geometry or the pixels need is absent or empty."""


class MixedGeometryError(DicomInputError):
    """Slices of one series that do not lie on one grid."""


class SliceSpacingError(DicomInputError):
    """Missing, duplicate or irregularly spaced slices."""


class NotAVolumeError(DicomInputError):
    """An object or series that holds no volume."""


class PixelDataError(DicomInputError):
    """Pixels that are absent, truncated or cannot be decoded."""


class NoDicomSourceError(DicomInputError):
    """Derived DICOM was asked for, but the source is not DICOM."""


class FileFormatError(InputError):
    """A file that does not hold what its name or header promises."""


class GeometryError(InputError):
    """Grids that do not match, or a matrix that cannot be inverted."""


class EmptyResultError(InputError):
    """An operation found nothing; the message says what to try."""


class RecipeError(InputError):
    """A recipe that cannot be run as written."""


class CaseError(InputError):
    """A case folder, its log, or what is to be entered in it."""


class TamperedError(CaseError):
    """A log whose lines do not hold together; the message locates the first that does not."""


class NotPermittedError(CaseError):
    """A person, role or session that may not do what is asked."""


class LockedError(CaseError):
    """Another process writes to the case, or a person is locked out for a while."""


class MachineError(ProsectorError):
    """Something about the machine, not about the input."""

    exit_code = 4


class MissingCodecError(MachineError):
    """A decoder is not installed; the message names the extra that brings it."""


class OutputError(MachineError):
    """A file or folder that cannot be written."""


class NetworkError(MachineError):
    """A PACS that cannot be reached, refuses, or answers what was not expected."""
