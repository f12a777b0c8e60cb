"""Sending a case, or files, to an archive: acknowledged one by one, resumed where it broke off."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prosector.case import audit
from prosector.case.folder import read_case, record
from prosector.case.lock import locked
from prosector.case.sessions import Session
from prosector.case.state import CaseState
from prosector.errors import InputError, NetworkError
from prosector.model.progress import Progress, silent
from prosector.network.association import Broken
from prosector.network.commitment import Commitment, ask_commitment
from prosector.network.dicomweb import present, stow
from prosector.network.films import FILM, split_film
from prosector.network.instances import Instance, Selection, case_instances, file_instances
from prosector.network.journal import (
    ACKNOWLEDGED,
    TRANSFERS,
    Journal,
    acknowledged,
    begin_journal,
    committed,
    fold_journals,
    kept,
    receipts,
    resumed_journal,
)
from prosector.network.nodes import Node
from prosector.network.report_objects import report_instances
from prosector.network.store import NO_CONTEXT, store, words_of

Audited = Callable[[str, Node, Sequence[Instance]], None]

LOCK_S = 0.5
"""Two transfers of a case do not run at once: the second is told so."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on: tries in a row without progress, the first pause between them, and the wait for commitment."""

    tries: int = 5
    pause_s: float = 1.0
    longest_pause_s: float = 30.0
    commitment_s: float = 30.0


@dataclass(slots=True)
class Sent:
    """What became of a transfer.

    ``sent`` were acknowledged now, ``earlier`` before; ``refused`` are ids with the reason; ``committed`` is how many
    the archive said that it keeps, ``lost`` those that it said it does not; ``notes`` are for people.
    """

    node: str
    sent: int = 0
    earlier: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    committed: int = 0
    lost: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was refused or lost."""
        return not self.refused and not self.lost


def send_case(
    folder: str | Path,
    node: Node,
    *,
    everything: bool = False,
    again: bool = False,
    session: Session | None = None,
    patience: Patience | None = None,
    progress: Progress = silent,
) -> Sent:
    """Send a case's archived images and signed report; enter the receipts into its log.

    What the node has acknowledged, by identifier and content, is not sent again. Each acknowledgement is on the disk
    before the next instance goes out, so that a kill loses none; the next call enters what a killed one received.

    Parameters
    ----------
    folder : path
    node : Node
    everything : bool
        All outputs and reports, not only the archived and signed.
    again : bool
        Also what was acknowledged before.
    session : Session, optional
        Whose act it is; left out, the program's.
    patience : Patience, optional
    progress : callable

    Raises
    ------
    NetworkError
        If the node cannot be reached, refuses, or gives up midway; receipts up to there are in the log.
    CaseError
        If there is nothing to send, or a file is not what was recorded.
    LockedError
        If the case is being sent by another process.
    """
    folder, patience = Path(folder), patience or Patience()
    read_case(folder)
    with locked(folder / TRANSFERS / "send.lock", LOCK_S):
        fold_journals(folder, session)
        state = read_case(folder)
        done = set() if again else kept(state, node)
        result = Sent(node.name)
        with tempfile.TemporaryDirectory(prefix="prosector-") as place:
            report = _report(folder, state, Path(place), node, done, result)
            selection = case_instances(folder, everything, report)
            result.notes += selection.notes
            pending = [i for i in selection.instances if i.key not in done]
            result.earlier += len(selection.instances) - len(pending)
            if pending:
                journal = begin_journal(folder, node)
                try:
                    delivery = _Delivery(node, journal, patience, progress, _auditor(state, session))
                    _deliver(delivery, pending, done, result)
                finally:
                    fold_journals(folder, session)
        _commit_case(folder, node, session, patience, result)
    return result


def send_files(
    paths: Sequence[Path],
    node: Node,
    *,
    again: bool = False,
    session: Session | None = None,
    patience: Patience | None = None,
    progress: Progress = silent,
) -> Sent:
    """Send DICOM files that belong to no case; a broken transfer of the same files is taken up where it was.

    Parameters, errors and result as for :func:`send_case`; NoDicomError where there is nothing to send.
    """
    patience = patience or Patience()
    selection: Selection = file_instances(paths, progress)
    journal = resumed_journal(node, selection.instances)
    with locked(journal.path.with_suffix(".lock"), LOCK_S):
        done = set() if again else acknowledged(journal.rows())
        result = Sent(node.name, notes=list(selection.notes))
        pending = [i for i in selection.instances if i.key not in done]
        result.earlier = len(selection.instances) - len(pending)
        if pending:
            delivery = _Delivery(node, journal, patience, progress, _auditor(None, session))
            _deliver(delivery, pending, done, result)
        answer = _asked(node, _to_commit(journal.rows()), patience)
        _note(result, answer)
        journal.remove()
    return result


def _report(
    folder: Path, state: CaseState, place: Path, node: Node, done: set[tuple[str, str]], result: Sent
) -> tuple[Instance, ...]:
    """The objects of the signed report that are still to be sent; images go also where these cannot be made."""
    ids = {row["id"] for row in receipts(state, node) if (row["sop_instance_uid"], row["sha256"]) in done}
    try:
        made = report_instances(folder, state, place, ids)
    except InputError as error:
        result.refused.append(("the signed report", f"it cannot be made into DICOM objects: {error}"))
        return ()
    if not made and (signed := state.last("report-signed")):
        stem = f"reports/{signed.data['report']}-v{signed.data['version']}."
        result.earlier += sum(name.startswith(stem) for name in ids)
    return made


@dataclass(frozen=True, slots=True)
class _Delivery:
    node: Node
    journal: Journal
    patience: Patience
    progress: Progress
    audited: Audited


def _deliver(delivery: _Delivery, pending: Sequence[Instance], done: set[tuple[str, str]], result: Sent) -> None:
    """Send, and for films that the archive does not take, their frames."""
    delivery.audited("begin-transfer", delivery.node, pending)
    answered: dict[tuple[str, str], str] = {}
    try:
        _persist(delivery, pending, answered)
        for film in [i for i in pending if answered[i.key] == NO_CONTEXT and i.sop_class_uid == FILM]:
            answered[film.key] = _film_sent(delivery, film, done)
    finally:
        stored = [i for i in pending if answered.get(i.key) in ACKNOWLEDGED]
        result.sent += len(stored)
        result.refused += [
            (i.id, f"{words_of(s)} (status {s})")
            for i in pending
            if (s := answered.get(i.key, "0000")) not in ACKNOWLEDGED
        ]
        delivery.audited("transferred", delivery.node, stored)


def _film_sent(delivery: _Delivery, film: Instance, done: set[tuple[str, str]]) -> str:
    """Send a film as single pictures; the status for the whole, whose receipt names them."""
    with tempfile.TemporaryDirectory(prefix="prosector-") as place:
        frames = split_film(film, Path(place))
        answered = {frame.key: "0000" for frame in frames if frame.key in done}
        _persist(delivery, [f for f in frames if f.key not in answered], answered)
    worst = next((s for s in answered.values() if s not in ACKNOWLEDGED), "0000")
    sent_as = [frame.sop_instance_uid for frame in frames]
    delivery.journal.add({**film.receipt(worst), "sent_as": sent_as})
    return worst


def _persist(delivery: _Delivery, pending: Sequence[Instance], answered: dict[tuple[str, str], str]) -> None:
    """Send until every instance has an answer, with growing pauses while nothing moves."""
    node, patience = delivery.node, delivery.patience
    deliver = store if node.protocol == "dimse" else stow

    def acknowledge(instance: Instance, status: str) -> None:
        if status != NO_CONTEXT or instance.sop_class_uid != FILM:
            delivery.journal.add(instance.receipt(status))
        answered[instance.key] = status
        delivery.progress(f"sending to {node.name}", min(1.0, len(answered) / len(pending)))

    failures = 0
    while rest := [i for i in pending if i.key not in answered]:
        before = len(answered)
        try:
            deliver(node, rest, acknowledge)
        except Broken as error:
            failures = 1 if len(answered) > before else failures + 1
            if failures > patience.tries:
                raise NetworkError(
                    f"{error}. {len(pending) - len(rest)} of {len(pending)} instances are acknowledged, and stay so; "
                    "run the command again to send the rest"
                ) from None
            delivery.progress(f"{node.name} does not answer: trying again", len(answered) / len(pending))
            time.sleep(min(patience.longest_pause_s, patience.pause_s * 2 ** (failures - 1)))


def _commit_case(folder: Path, node: Node, session: Session | None, patience: Patience, result: Sent) -> None:
    """Ask for commitment to whatever of the case the node has acknowledged and not committed to yet."""
    state = read_case(folder)
    had = committed(state, node)
    result.committed = len({uid for _, uid in had})
    open_rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    gone = set()
    for event in state.of("archive-committed"):
        gone |= {(event.data["transfer"], row["uid"]) for row in event.data["failed"]}
    for row in _to_commit(receipts(state, node)):
        if (row["transfer"], row["sop_instance_uid"]) not in had | gone:
            open_rows[row["transfer"]].append(row)
    for transfer, rows in open_rows.items():
        answer = _asked(node, rows, patience)
        _note(result, answer)
        if answer.committed or answer.failed:
            data = {
                "transfer": transfer,
                "committed": list(answer.committed),
                "failed": [{"uid": uid, "reason": reason} for uid, reason in answer.failed],
                "by": "storage commitment" if node.protocol == "dimse" else "query",
            }
            record(folder, "archive-committed", data, about=[transfer], session=session)


def _to_commit(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Acknowledged receipts; of a film that went as single pictures, those of the pictures."""
    return [row for row in rows if row["status"] in ACKNOWLEDGED and "sent_as" not in row]


def _asked(node: Node, rows: Sequence[Mapping[str, Any]], patience: Patience) -> Commitment:
    if not rows or not node.commitment:
        return Commitment()
    if node.protocol == "dimse":
        uids = {(row["sop_class_uid"], row["sop_instance_uid"]) for row in rows}
        return ask_commitment(node, sorted(uids), patience.commitment_s)
    wanted = {row["sop_instance_uid"]: row["study_uid"] for row in rows}
    try:
        there = present(node, wanted)
    except Broken as error:
        return Commitment(why=str(error))
    failed = tuple((uid, "not found there by query") for uid in wanted if uid not in there)
    return Commitment(tuple(uid for uid in wanted if uid in there), failed)


def _note(result: Sent, answer: Commitment) -> None:
    result.committed += len(answer.committed)
    result.lost += list(answer.failed)
    if answer.why:
        result.notes.append(f"not committed yet: {answer.why}; send again to ask again")


def _auditor(state: CaseState | None, session: Session | None) -> Audited:
    """Enters transfers into the workstation's audit trail, one message a study."""

    def audited(kind: str, node: Node, instances: Sequence[Instance]) -> None:
        for study in dict.fromkeys(i.study_uid for i in instances):
            classes = Counter(i.sop_class_uid for i in instances if i.study_uid == study)
            audit.audit(
                audit.AuditEvent(
                    kind,
                    person=session.person.id if session else "",
                    name=session.person.name if session else "",
                    study_uid=study,
                    sop_classes=tuple(classes.items()),
                    instances=sum(classes.values()),
                    case_id=state.created.data["case_id"] if state else "",
                    destination=audit.Node(node.title or node.url, node.host),
                )
            )

    return audited
