"""Rules H: what was archived, by whose choice, and whether the archive has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prosector.report.document import ImageLine
from prosector.report.findings import GENERAL
from prosector.report.rules_table import PICTURES, Finding, Subject, rule
from prosector.report.rules_technique import qualifies

STORED = ("0", "0000", "0x0000", "200", "success")
"""Statuses of C-STORE (PS3.4 B.2.3) and STOW-RS (PS3.18) that say an instance was stored."""

COERCED = ("b", "0xb")
"""Beginnings of C-STORE's warnings: stored, though not as it was sent or expected."""


@rule("R070")
def images_are_archived(on: Subject) -> Iterator[Finding]:
    """R070."""
    if not on.report.images:
        yield Finding("no image or cine is archived")
    for files in _pictures(on).values():
        made = next((on.state.outputs[f.id] for f in files if f.id in on.state.outputs), None)
        if not any(f.sop_instance_uid and f.sop_class_uid for f in files):
            yield Finding(f"{files[0].id} is archived only as a file that no PACS takes",
                          (made.event,) if made else ())  # fmt: skip
    for image in on.report.images:
        known = on.state.outputs.get(image.id)
        if not image.sha256 or (known is not None and known.sha256 != image.sha256):
            yield Finding(f"the hash of {image.id} is not that of the log", (known.event,) if known else ())


@rule("R071")
def archived_is_what_was_selected(on: Subject) -> Iterator[Finding]:
    """R071."""
    told, selected = {image.id for image in on.report.images}, set(on.state.archived)
    numbers = tuple(e.number for e in on.state.decisions("archive"))
    for name in sorted(told - selected):
        yield Finding(f"{name} is in the report, but not selected", numbers)
    for name in sorted(selected - told):
        yield Finding(f"{name} is selected, but not in the report", numbers)
    pictures = {row.sop_instance_uid: row for row in on.state.outputs.values() if row.kind in PICTURES}
    for event in on.state.of("archive-sent"):
        for row in event.data["instances"]:
            sent = pictures.get(str(row.get("sop_instance_uid") or "-"))
            if sent is not None and sent.id not in selected:
                yield Finding(f"{sent.id} was sent to the archive, but not selected", (event.number,))


@rule("R072")
def archive_has_confirmed(on: Subject) -> Iterator[Finding]:
    """R072."""
    committed = {uid for e in on.state.of("archive-committed") for uid in e.data["committed"]}
    for files in _pictures(on).values():
        receipts = [row for file in files for row in _receipts(on, file)]
        said = {str(row.get("status", "")).lower() for row in receipts}
        if not any(status in STORED or status.startswith(COERCED) for status in said):
            yield Finding(f"no archive has confirmed the receipt of {files[0].id}")
        elif not said & set(STORED):
            yield Finding(f"the archive has stored {files[0].id} with a warning", severity="W")
        # a film that went as single pictures is kept when they all are
        if not any(set(row.get("sent_as") or [row["sop_instance_uid"]]) <= committed for row in receipts):
            yield Finding(f"no archive has committed itself to keep {files[0].id}", severity="W")
    if not on.report.images:
        yield Finding("nothing is archived")


@rule("R073")
def findings_have_a_3d_view(on: Subject) -> Iterator[Finding]:
    """R073."""
    for finding in on.report.findings:
        if finding.structure != GENERAL and not any(qualifies(on, image) for image in finding.images):
            yield Finding(f"no archived 3D view belongs to the finding on {finding.structure}")


def _pictures(on: Subject) -> dict[str, list[ImageLine]]:
    """The archived files, those of the same picture together."""
    found: dict[str, list[ImageLine]] = {}
    for image in on.report.images:
        found.setdefault(image.value_sha256 or image.id, []).append(image)
    return found


def _receipts(on: Subject, file: ImageLine) -> list[Mapping[str, Any]]:
    """What archives have answered on this very file: its UID with its content."""
    rows = [row for e in on.state.of("archive-sent") for row in e.data["instances"]]
    key = (file.sop_instance_uid, file.sha256)
    return [row for row in rows if file.sop_instance_uid and (row.get("sop_instance_uid"), row.get("sha256")) == key]
