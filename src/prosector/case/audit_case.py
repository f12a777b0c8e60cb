"""What is audited of the work in cases: which study was opened, worked on or exported, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prosector.case.audit import AuditEvent, Node, audit
from prosector.case.sessions import Session
from prosector.case.state import CaseState

AUDITED: Mapping[str, str] = {"source-added": "read-case", "run-done": "create-case", "exported": "export"}
"""Events of a case's log that go into the audit trail of the workstation, and as what."""


def audit_case(
    kind: str,
    state: CaseState,
    session: Session | None = None,
    *,
    destination: Node | None = None,
    sop_classes: tuple[tuple[str, int], ...] = (),
) -> Path:
    """Enter an event about a case into the audit trail.

    Parameters
    ----------
    kind : str
        ``read-case``, ``create-case``, ``update-case``, ``export``, ``begin-transfer``, ``transferred``.
    state : CaseState
        Says which study, and the patient's pseudonym.
    session : Session, optional
        Whose act it is; left out, the program's own.
    destination : Node, optional
        Where something went.
    sop_classes : tuple of (UID, number)
        What instances; left out, the number of instances of the source.

    Raises
    ------
    OutputError, ParameterError
        As :func:`prosector.case.audit.audit`.
    """
    added = [event.data for event in state.of("source-added")]
    source = added[0] if added else {}
    return audit(
        AuditEvent(
            kind,
            person=session.person.id if session else "",
            name=session.person.name if session else "",
            study_uid=source.get("study_uid", ""),
            sop_classes=sop_classes,
            instances=sum(len(data.get("instances", ())) for data in added),
            patient=source.get("identity_sha256", ""),
            case_id=state.created.data["case_id"],
            destination=destination,
        )
    )
