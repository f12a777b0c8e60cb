"""What a draft report says, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from prosector.model.geometry import Geometry
from prosector.model.recipe import Trace
from prosector.model.rendering import Rendering
from prosector.model.source import Source
from prosector.report.measured import MeasurementTold

TITLE = "3D post-processing (76377)"
"""Title of the document; a report of its own, apart from the base study's."""

UNSUPERVISED = (
    "Made without physician supervision. This is a draft of what the software computed; it is not a complete "
    "76377 record and must not be filed as one."
)
"""Stands at the top of every draft."""

NOT_CLEARED = "Prosector is not cleared for diagnosis by any regulator."
"""Stands in the workstation statement of every report."""

MISSING = (
    "The request for 3D post-processing, and the clinical question that it asks",
    "Why the 2D images and reformats of the base study did not suffice",
    "The supervising physician, and that physician's own acts: which region, which structures, which images "
    "are archived, and how the result was reviewed and adjusted",
    "Findings from the 3D images, apart from those of the base report, and what they added",
    "An interpretation that answers the clinical question",
    "Proof that the images were archived",
    "The interpreting physician's signature",
)
"""What only people can add. No program may fill these in."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What was done, in words, with the steps of the trace that back it.

    Steps that differ only in the direction of view share a statement. ``figures`` are the numbers of the
    images that are, or were computed from, one of the steps.
    """

    words: str
    operation: str
    steps: tuple[str, ...]
    figures: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique and what was done with it; ``qualifies`` says whether it is one that 76377 asks for."""

    name: str
    qualifies: bool
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class StructureShown:
    """A structure that was delineated, or that a preset brings out.

    ``code`` is ``scheme:value``, empty for a preset. ``figures`` are the numbers of the images that it
    was used in.
    """

    name: str
    code: str
    how: str
    volume_ml: float | None
    figures: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReportImage:
    """A picture with its number, caption, files and the sha256 of its content."""

    number: int
    step: str
    caption: str
    files: tuple[str, ...]
    sha256: str
    rendering: Rendering


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that the recipe names, and the value that is in it."""

    file: str
    step: str
    kind: str
    content: str
    sha256: str


@dataclass(frozen=True, slots=True)
class DraftReport:
    """Everything that a draft report says.

    Built by :func:`prosector.report.build.build_draft_report`; written by
    :func:`prosector.report.json.write_report_json` and :func:`prosector.report.html.write_report_html`.
    ``limitations`` are the loader's warnings and what the geometry brings with it.
    """

    trace: Trace
    source: Source
    geometry: Geometry
    techniques: tuple[Technique, ...]
    structures: tuple[StructureShown, ...]
    measurements: tuple[MeasurementTold, ...]
    images: tuple[ReportImage, ...]
    outputs: tuple[OutputFile, ...]
    limitations: tuple[str, ...]
    workstation: str
