"""What the tests of derived objects share: sources, and judges that are not our own code."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from prosector.model.source import Acquisition, Equipment, Patient, Source, Study

CREATED = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)

REAL_SERIES = ("chest_cta/dicom", "ct_skull_phantom_tilt", "ct_abdomen_portal", "mr_brain_mprage")

SOURCE = Source(
    modality="CT",
    series_instance_uid="1.2.3.4.5",
    series_number=4,
    description="Thorax 1.0",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    sop_instance_uids=("1.2.3.4.5.1", "1.2.3.4.5.2", "1.2.3.4.5.3"),
    patient=Patient("Müller^Jürgen", "PID-7", "HOSPITAL", "19500102", "M"),
    study=Study("1.2.3.4", "S1", "20260303", "101112", "ACC1", "Doe^Jane", "CT chest", "076Y"),
    equipment=Equipment("Maker", "Scanner", "CT01", "123", "1.0\\2.0", "Hospital"),
    acquisition=Acquisition(body_part="CHEST"),
)
"""Three CT slices with everything known."""

BARE = Source(
    modality="CT",
    series_instance_uid=SOURCE.series_instance_uid,
    sop_class_uid=SOURCE.sop_class_uid,
    sop_instance_uids=SOURCE.sop_instance_uids,
    study=Study(SOURCE.study.instance_uid),
)
"""The same with every optional attribute missing."""

EXPECTED_WARNINGS = (
    # said of what the source itself lacks or holds
    "needed to build DICOMDIR",
    "Retired Person Name form",
    # true of a source that does not state its body part
    "is only permitted to be empty when actually unknown",
    # a source's own word for a body part
    "Unrecognized defined term <",
)


def with_acquisition(source: Source, **changes: str) -> Source:
    return replace(source, acquisition=replace(source.acquisition, **changes))


def assert_valid(file: Path, allowed: tuple[str, ...] = EXPECTED_WARNINGS) -> None:
    """No error of dciodvfy, no warning that is not expected, and dcmtk reads it to the end."""
    done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, errors="replace")
    lines = [line for line in done.stderr.splitlines() if line.startswith(("Error", "Warning"))]
    unexpected = [line for line in lines if line.startswith("Error") or not any(a in line for a in allowed)]
    assert not unexpected, "\n".join(unexpected)
    assert done.returncode == 0
    assert done.stderr.strip(), "dciodvfy names the object that it checked"
    assert subprocess.run(["dcmftest", str(file)], capture_output=True).returncode == 0
    dump = subprocess.run(["dcmdump", "-q", str(file)], capture_output=True, text=True, errors="replace")
    assert dump.returncode == 0
    assert not dump.stderr


def dsrdump(file: Path) -> str:
    """What dcmtk reads of a structured report; it must find no fault with it."""
    done = subprocess.run(["dsrdump", str(file)], capture_output=True, text=True, check=True, errors="replace")
    harmless = ("does not support this Specific Character Set", "template constraints not yet supported")
    assert all(any(h in line for h in harmless) for line in done.stderr.splitlines()), done.stderr
    return done.stdout
