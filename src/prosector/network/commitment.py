"""Storage commitment (PS3.4 J): the archive says that it keeps what it was sent."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from prosector.dicom.uids import random_uid
from prosector.errors import NetworkError
from prosector.network.association import Broken, associated, evt, listening
from prosector.network.nodes import Node

PUSH_MODEL = UID("1.2.840.10008.1.20.1")
PUSH_MODEL_INSTANCE = UID("1.2.840.10008.1.20.1.1")

REQUEST = 1
"""Action type (J.3.2.1.1)."""

REASONS: Mapping[int, str] = {
    0x0110: "processing failure",
    0x0112: "no such instance there",
    0x0119: "class and instance conflict",
    0x0122: "class not supported",
    0x0131: "transaction used twice",
    0x0213: "out of resources",
}
"""Failure Reason (0008,1197) of PS3.3 C.14.1.1."""


SAME_S = 3.0
"""How long the association is kept for a report over itself; after that the report comes to our listener."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """What the archive committed to. ``why`` says why there is no answer, where there is none."""

    committed: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    why: str = ""


def ask_commitment(node: Node, instances: Iterable[tuple[str, str]], wait_s: float) -> Commitment:
    """Ask a DIMSE node to commit to instances, and wait for what it reports.

    The report comes over the same association or over one that the archive opens to our listener, as it likes
    (J.3.3): both are waited for.

    Parameters
    ----------
    node : Node
    instances : iterable of (str, str)
        SOP Class UID and SOP Instance UID.
    wait_s : float
        How long to wait for the report.

    Returns
    -------
    Commitment
        No answer is no error: it may be asked again.

    Raises
    ------
    NetworkError
        If our listener's port is taken.
    """
    transaction = random_uid()
    reports: queue.SimpleQueue[Dataset] = queue.SimpleQueue()

    def report(event: evt.Event) -> tuple[int, None]:
        said = event.event_information
        if str(said.get("TransactionUID", "")) != transaction:
            return 0x0115, None  # invalid argument value: not ours
        reports.put(said)
        return 0x0000, None

    handlers = [(evt.EVT_N_EVENT_REPORT, report)]
    served = build_context(PUSH_MODEL)
    served.scu_role, served.scp_role = False, True  # whoever calls us is the provider (J.3.3.1)
    try:
        with listening(node, [served], handlers):
            with associated(node, [build_context(PUSH_MODEL)], handlers) as association:
                _ask(node, association, transaction, instances)
                said = _reported(reports, min(SAME_S, wait_s))
            said = said or _reported(reports, wait_s - SAME_S)
        return _answer(said) if said else Commitment(why=f"{node.name} reported nothing within {wait_s:g} s")
    except Broken as error:
        return Commitment(why=str(error))
    except NetworkError as error:
        if "none of the kinds" in str(error):
            return Commitment(why=f"{node.name} offers no storage commitment")
        raise


def _ask(node: Node, association: Association, transaction: str, instances: Iterable[tuple[str, str]]) -> None:
    request = Dataset()
    request.TransactionUID = transaction
    request.ReferencedSOPSequence = [_reference(*uids) for uids in instances]
    status, _ = association.send_n_action(request, REQUEST, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    if "Status" not in status:
        raise Broken(f"{node.name} did not answer the request for storage commitment")
    if status.Status != 0:
        raise Broken(f"{node.name} refuses to commit to storage (status {int(status.Status):04X})")


def _reference(sop_class: str, sop_instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = sop_instance
    return item


def _reported(reports: queue.SimpleQueue[Dataset], wait_s: float) -> Dataset | None:
    try:
        return reports.get(timeout=max(0.0, wait_s))
    except queue.Empty:
        return None


def _answer(said: Dataset) -> Commitment:
    failed = tuple(
        (str(item.ReferencedSOPInstanceUID), REASONS.get(int(item.get("FailureReason", 0)), "not said why"))
        for item in said.get("FailedSOPSequence") or ()
    )
    return Commitment(tuple(_uids(said.get("ReferencedSOPSequence"))), failed)


def _uids(items: Any) -> list[str]:
    return [str(item.ReferencedSOPInstanceUID) for item in items or ()]
