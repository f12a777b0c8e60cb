"""Fetching a study: by C-GET, C-MOVE or WADO-RS, one whole file after the other, resumed where it broke off."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import RE_VALID_UID, UID
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, build_role
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from prosector.atomic import require_writable, write_bytes
from prosector.case.audit import AuditEvent, audit
from prosector.case.audit import Node as Application
from prosector.errors import NetworkError, ProsectorError, UsageError
from prosector.model.progress import Progress, silent
from prosector.network.association import Broken, associated, evt, listening
from prosector.network.dicomweb import asking, wado
from prosector.network.find import FoundSeries, FoundStudy, Query, find_instances, find_studies
from prosector.network.nodes import Node
from prosector.network.send import Patience

GET = UID("1.2.840.10008.5.1.4.1.2.2.3")
MOVE = UID("1.2.840.10008.5.1.4.1.2.2.2")
"""Study Root Query/Retrieve Information Models – GET and MOVE (PS3.4 C.4.2, C.4.3)."""

MOST_UIDS = 100
"""Instances that are asked for by their UIDs in one request."""

MOST_CLASSES = 120
"""SOP classes that one association has room for."""

CANNOT_STORE = 0xA900
REFUSED: dict[int, str] = {
    0xA701: "it is out of resources",
    0xA702: "it is out of resources",
    0xA801: "it does not know our title: its administrator enters it with our address and port (listen)",
    0xA900: "it does not understand the request",
}


@dataclass(slots=True)
class Fetched:
    """What was fetched: where it lies, how many came now and how many were there already."""

    folder: Path
    study: FoundStudy
    came: int = 0
    there: int = 0


@dataclass(slots=True)
class _Wanted:
    """One series of a study that is being fetched; ``uids`` is empty where the archive does not list instances."""

    study: str
    series: str
    uids: dict[str, str]
    folder: Path
    came: set[str]
    fault: ProsectorError | None = None

    def path(self, uid: str) -> Path:
        return self.folder / f"{uid}.dcm"

    def missing(self) -> list[str]:
        return [uid for uid in self.uids if uid not in self.came]


def fetch_study(
    node: Node,
    query: Query,
    out: str | Path,
    *,
    series: Sequence[str] = (),
    person: str = "",
    patience: Patience | None = None,
    progress: Progress = silent,
) -> Fetched:
    """Bring one study, or some of its series, into ``OUT/STUDY-UID/SERIES-UID/INSTANCE-UID.dcm``.

    Files are written as they come and are whole or not there; those that are there already are not asked for again.

    Parameters
    ----------
    node : Node
    query : Query
        Must match one study.
    out : path
    series : sequence of str
        Series Instance UIDs; left out, all of the study.
    person : str
        Login of who fetches, for the audit trail.
    patience : Patience, optional
    progress : callable

    Raises
    ------
    UsageError
        If several studies match, or the study has no such series.
    NetworkError
        If nothing matches, the node cannot be reached, or it does not bring everything; what came stays.
    OutputError
        If the folder cannot be written.
    """
    patience = patience or Patience()
    require_writable(Path(out) / "x")
    progress("looking for the study", 0.0)
    study = _one_study(node, find_studies(node, query, person))
    chosen = _chosen(study, series)
    result = Fetched(Path(out) / _sound(study.uid), study)
    kinds: Counter[str] = Counter()
    try:
        for number, one in enumerate(chosen):
            wanted = _look_at(node, study.uid, one.uid, result.folder)
            result.there += len(wanted.came)
            before = set(wanted.came)
            progress(f"fetching series {number + 1} of {len(chosen)}", number / len(chosen))
            try:
                _bring_all(node, wanted, patience)
            finally:
                result.came += len(wanted.came - before)
                kinds.update(wanted.uids.get(uid, "") for uid in wanted.came - before)
    finally:
        source = Application(node.title or node.url, node.host)
        audit(AuditEvent("received", person=person, study_uid=study.uid, instances=result.came, source=source,
                         sop_classes=tuple((uid, n) for uid, n in kinds.items() if uid)))  # fmt: skip
    return result


def _one_study(node: Node, found: Sequence[FoundStudy]) -> FoundStudy:
    if not found:
        raise NetworkError(f"{node.name} has no study that matches; --list with less shows what it has")
    if len(found) > 1:
        uids = ", ".join(f"{study.uid} ({study.date or 'no date'})" for study in found[:5])
        raise UsageError(f"{len(found)} studies match; choose one with --study: {uids}{' …' if len(found) > 5 else ''}")
    return found[0]


def _chosen(study: FoundStudy, series: Sequence[str]) -> list[FoundSeries]:
    strange = set(series) - {one.uid for one in study.series}
    if strange:
        there = ", ".join(one.uid for one in study.series)
        raise UsageError(f"the study has no series {sorted(strange)[0]}; it has: {there}")
    return [one for one in study.series if not series or one.uid in series]


def _sound(uid: str) -> str:
    """A UID that may name a file: an archive is not trusted with paths."""
    if not re.fullmatch(RE_VALID_UID, uid) or len(uid) > 64:
        raise NetworkError("the archive answers with an identifier that is no UID; nothing is written under that name")
    return uid


def _look_at(node: Node, study: str, series: str, folder: Path) -> _Wanted:
    """What the series holds, and which of it is here and whole."""
    uids = {_sound(uid): kind for kind, uid in find_instances(node, study, series)}
    wanted = _Wanted(study, series, uids, folder / _sound(series), set())
    wanted.came |= {uid for uid in uids if _is_whole(wanted.path(uid), uid)}
    return wanted


def _is_whole(path: Path, uid: str) -> bool:
    """Whether a file holds the instance to its end; ours do, but somebody may have copied them badly."""
    try:
        dataset = dcmread(path)
        if dataset.SOPInstanceUID != uid:
            return False
        if "BitsAllocated" not in dataset or dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            return True  # encapsulated pixels without their end are no DICOM to the reader
        return len(dataset.PixelData) >= get_expected_length(dataset)
    except (OSError, EOFError, InvalidDicomError, AttributeError, ValueError):
        return False


def _bring_all(node: Node, wanted: _Wanted, patience: Patience) -> None:
    """Ask until everything is here, with growing pauses while nothing comes."""
    failures = 0
    while not wanted.uids or wanted.missing():
        before, said = len(wanted.came), ""
        try:
            _bring(node, wanted)
        except Broken as error:
            said = str(error)
        if wanted.fault is not None:
            raise wanted.fault
        if not wanted.uids and not said:
            return
        failures = 0 if len(wanted.came) > before else failures + 1
        if failures > patience.tries or (failures and not said):
            what = said or f"{node.name} does not bring what it lists"
            count = f"{len(wanted.came)} of {len(wanted.uids)}" if wanted.uids else str(len(wanted.came))
            raise NetworkError(f"{what}. {count} instances of the series are here and stay; run it again for the rest")
        if said:
            time.sleep(min(patience.longest_pause_s, patience.pause_s * 2 ** max(0, failures - 1)))


def _bring(node: Node, wanted: _Wanted) -> None:
    if node.protocol == "dicomweb":
        with asking(node) as session:
            for uid in wanted.missing():
                _keep(wanted, wado(node, session, (wanted.study, wanted.series, uid)))
    elif node.retrieve == "get":
        with _offering(node, wanted) as association:
            _ask(node, association, wanted)
    else:
        contexts = [build_context(uid, ALL_TRANSFER_SYNTAXES) for uid in _classes(wanted)]
        with (
            listening(node, contexts, [(evt.EVT_C_STORE, _stored, [wanted])]),
            associated(node, [build_context(MOVE)]) as association,
        ):
            _ask(node, association, wanted)


def _offering(node: Node, wanted: _Wanted) -> AbstractContextManager[Association]:
    """For C-GET the archive stores to us over our own association, for which the roles are exchanged (PS3.4 C.5.3)."""
    classes = _classes(wanted)[:MOST_CLASSES]
    contexts = [build_context(GET), *(build_context(uid, ALL_TRANSFER_SYNTAXES) for uid in classes)]
    roles = [build_role(uid, scp_role=True) for uid in classes]
    return associated(node, contexts, [(evt.EVT_C_STORE, _stored, [wanted])], roles)


def _classes(wanted: _Wanted) -> list[str]:
    """SOP classes that will come; all that there are where the archive does not say."""
    told = set(wanted.uids.values())
    if not told or "" in told:
        return [str(cx.abstract_syntax) for cx in AllStoragePresentationContexts]
    return sorted(told)


def _ask(node: Node, association: Association, wanted: _Wanted) -> None:
    """The whole series where nothing is here yet, single instances where some are."""
    missing = wanted.missing()
    batches = [missing[at : at + MOST_UIDS] for at in range(0, len(missing), MOST_UIDS)] if wanted.came else [[]]
    for batch in batches:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "IMAGE" if batch else "SERIES"
        identifier.StudyInstanceUID, identifier.SeriesInstanceUID = wanted.study, wanted.series
        if batch:
            identifier.SOPInstanceUID = batch
        if node.retrieve == "get":
            answers = association.send_c_get(identifier, GET)
        else:
            answers = association.send_c_move(identifier, node.calling, MOVE)
        _follow(node, answers)


def _follow(node: Node, answers: Iterable[tuple[Dataset, Dataset | None]]) -> None:
    """Read the answers to the end; warnings (some did not come) show in what is missing afterwards."""
    for status, _ in answers:
        if "Status" not in status:
            raise Broken(f"{node.name} broke off, or did not answer within {node.timeout_s:g} s")
        code = int(status.Status)
        if code not in (0x0000, 0xFF00) and code >> 12 != 0xB:
            why = REFUSED.get(code, "see the archive's own log")
            raise NetworkError(f"{node.name} does not bring the images (status {code:04X}): {why}")


def _stored(event: evt.Event, wanted: _Wanted) -> int:
    """Answer a C-STORE that brings what was asked for."""
    try:
        _keep(wanted, event.encoded_dataset())
    except ProsectorError as error:
        wanted.fault = error
        return CANNOT_STORE
    return 0x0000


def _keep(wanted: _Wanted, data: bytes) -> None:
    """Write an instance, if it is one of those that were asked for."""
    try:
        header = dcmread(BytesIO(data), stop_before_pixels=True, specific_tags=["SOPInstanceUID", "SeriesInstanceUID"])
        uid, series = _sound(str(header.SOPInstanceUID)), str(header.SeriesInstanceUID)
    except (InvalidDicomError, AttributeError, EOFError):
        raise NetworkError("the archive sent something that is no DICOM object") from None
    if series != wanted.series or (wanted.uids and uid not in wanted.uids):
        raise NetworkError("the archive sent an instance that was not asked for; it was not kept")
    write_bytes(wanted.path(uid), data)
    wanted.came.add(uid)
