"""A case without its people: for teaching and for reports of faults.

The source is de-identified, the runs are computed again on it, decisions are entered again by made-up people with
the same roles and keys of their own. The new case has its own log; only the hash of the old one leads back.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prosector.case import keys
from prosector.case.events import TEXT_FIELDS, Event
from prosector.case.folder import create_case, read_case, record
from prosector.case.people import Person
from prosector.case.runs import run_in_case
from prosector.case.sessions import Session, certified_text
from prosector.case.source import add_source
from prosector.case.state import CaseState
from prosector.errors import CaseError, InputError
from prosector.model.progress import Progress, silent
from prosector.pipeline.recipes import parse_trace, recipe_of
from prosector.pipeline.run import Result
from prosector.pipeline.source import read_labels

if TYPE_CHECKING:
    from prosector.dicom.deidentify import Options, Pseudonyms
    from prosector.dicom.deidentify_search import Identity
    from prosector.model.volume import Volume

SOURCE = "source"
DECISION = ("element", "what", "parameters", "parameter", "old", "new")
"""What is copied of a decision; notes are words of people."""
CODING = ("units", "regions", "icd10", "setting", "component", "purpose", "rendering_host")
ENTRIES: Mapping[str, tuple[str, ...]] = {"decision": DECISION, "coding-recorded": CODING, "base-recorded": ("cpt",)}
NOT_COPIED = "orders, communications, attestations, reports, receipts, anchors and times"


@dataclass(frozen=True, slots=True)
class DeidentifiedCase:
    """What came of it.

    Parameters
    ----------
    folder : Path
    same, other : tuple of str
        Steps ("run-0001/mip") whose values hash to what they did in the original, and those that do not.
    dropped : tuple of str
        Source objects that were left out, with the reason.
    """

    folder: Path
    same: tuple[str, ...]
    other: tuple[str, ...]
    dropped: tuple[str, ...]


def deidentify_case(
    case: str | Path,
    out: str | Path,
    options: Options | None = None,
    *,
    names: Pseudonyms | None = None,
    keep_texts: bool = False,
    session: Session | None = None,
    progress: Progress = silent,
) -> DeidentifiedCase:
    """Make a case that holds the same work on the same pictures, and nothing of who it is about or by.

    Parameters
    ----------
    case : path
        The original; an "exported" event is all that is entered in it.
    out : path
        A new or empty folder.
    options : Options, optional
        What is kept of the DICOM attributes.
    names : Pseudonyms, optional
        Left out, new ones from a secret that is forgotten.
    keep_texts : bool
        Copy what people wrote too. It may name anybody; only what the search knows is found.
    session : Session, optional
        Whoever exports.

    Returns
    -------
    DeidentifiedCase

    Raises
    ------
    CaseError
        If ``out`` is not empty or the source is not what it was; if anything in the result still holds a name, an
        identifier or a UID of the original. Nothing is left behind then.
    InputError
        If the source is not DICOM or may not be de-identified.
    """
    from prosector.dicom.deidentify import Options, Pseudonyms

    case, out = Path(case), Path(out)
    state = read_case(case)
    if out.resolve().is_relative_to(case.resolve()):
        raise CaseError("the copy cannot lie inside the case: it would be part of it")
    create_case(out, _NO_WORKSTATION, {"sha256": state.head, "not_copied": NOT_COPIED})
    copy = _Copy(case, out, state, options or Options(), names or Pseudonyms(), keep_texts)
    try:
        made = copy.make(progress)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    record(case, "exported", {"what": "de-identified copy", "to": "a folder"}, session=session)
    return made


_NO_WORKSTATION = {"id": "removed", "system": "", "model": "", "manufacturer": "", "serial": ""}


@dataclass(slots=True)
class _Copy:
    case: Path
    out: Path
    state: CaseState
    options: Options
    names: Pseudonyms
    keep_texts: bool
    people: dict[str, Session] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    same: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def make(self, progress: Progress) -> DeidentifiedCase:
        identity, volume = self._source(progress)
        collect_case(self.state, identity)
        for event in self.state.events:
            if event.kind == "run-done":
                progress(f"computing {event.data['run']} again", event.number / len(self.state.events))
                self._run(event, volume)
            else:
                self._enter(event)
        for session in self.people.values():
            if read_case(self.out).session(session.id) is not None:
                record(self.out, "session-ended", {"session": session.id, "reason": "copied"}, session=session)
        require_clean(self.out, identity)
        return DeidentifiedCase(self.out, tuple(self.same), tuple(self.other), tuple(self.dropped))

    def _source(self, progress: Progress) -> tuple[Identity, Volume]:
        """De-identify every source; the first is what runs work on."""
        from prosector.case.source import read_source
        from prosector.dicom.deidentify import deidentify_series
        from prosector.dicom.deidentify_search import Identity

        identity, volume = Identity(), None
        for number, event in enumerate(self.state.of("source-added"), 1):
            read_source(self.case, progress, event)  # it is what it was
            data = event.data
            if not data["series_uid"]:
                raise InputError("the source is not DICOM: there is no table of what identifies in such a file")
            place = self.out / SOURCE / str(number)
            path = self.case / data["path"]
            found = deidentify_series(path, place, self.names, self.options, data["series_uid"], progress)
            self.dropped += [f"source {number}, file {file}: {why}" for file, why in found.dropped]
            load = {name: value for name, value in data["load"].items() if name != "series"}
            added = add_source(self.out, place, load, progress=progress)
            volume = added if volume is None else volume
            identity.merge(found.identity)
        if volume is None:
            raise CaseError("the case has no source yet: prosector case create --series PATH")
        return identity, volume

    def _run(self, event: Event, volume: Volume) -> None:
        trace = parse_trace(event.data["trace"])
        kept = event.data.get("given", {})
        given = {name: read_labels(self.case / row["file"], volume) for name, row in kept.items()}
        supervisor = event.data.get("supervisor", {}).get("session", "")
        new, result = run_in_case(
            self.out,
            recipe_of(trace),
            session=self._session(event.actor.session),
            supervisor=self._session(supervisor),
            given=given,
            volume=volume,
        )
        self.runs[event.data["run"]] = new.data["run"]
        self.numbers[event.number] = new.number
        self._compare(event, result)

    def _compare(self, event: Event, result: Result) -> None:
        before = {s.id: s.output_sha256 for s in parse_trace(event.data["trace"]).steps}
        for step in result.trace.steps:
            is_same = before.get(step.id) == step.output_sha256
            (self.same if is_same else self.other).append(f"{event.data['run']}/{step.id}")

    def _enter(self, event: Event) -> None:
        """Enter again what a person decided; nothing of what is about the patient or somebody outside."""
        data = dict(self._data_of(event))
        session = self._session(event.actor.session)
        if not data or session is None:
            return
        about = [_renamed(name, self.runs) for name in event.about]
        self.numbers[event.number] = record(self.out, event.kind, data, about=about, session=session).number

    def _data_of(self, event: Event) -> Iterator[tuple[str, Any]]:
        if event.kind in ENTRIES:
            yield from ((name, event.data[name]) for name in ENTRIES[event.kind] if name in event.data)
        elif event.kind == "text-recorded" and self.keep_texts and event.data["field"] in TEXT_FIELDS:
            yield from event.data.items()
        elif event.kind == "correction" and event.data["of"] in self.numbers:
            yield from (("of", self.numbers[event.data["of"]]), ("reason", "withdrawn in the original"))

    def _session(self, old: str) -> Session | None:
        """The made-up person's session that stands for one of the original; the same person for the same."""
        began = self.state.session(old) if old else None
        if began is None:
            return None
        if old not in self.people:
            person = began.person
            known = {self.state.session(s).person["id"]: n.person for s, n in self.people.items()}  # type: ignore[union-attr]
            number = sum(p.role == person["role"] for p in set(known.values())) + 1
            made_up = Person(
                f"{person['role']}-{number}", f"{person['role'].title()} {number} (made up)", person["role"]
            )
            self.people[old] = made_up_session(known.get(person["id"], made_up))
        return self.people[old]


def made_up_session(person: Person) -> Session:
    """A session of somebody who is no user of any workstation, with a key that is forgotten.

    Its signatures hold the new log together; they vouch for nobody.
    """
    own, private = keys.new_private_key(), keys.new_private_key()
    now = datetime.now(UTC)
    bare = Session(
        str(uuid.uuid4()),
        Person(person.id, person.name, person.role, public_key=keys.public_key_of(own)),
        private,
        keys.public_key_of(private),
        "",
        now.isoformat(timespec="seconds"),
        (now + timedelta(days=1)).isoformat(timespec="seconds"),
    )
    return Session(
        bare.id, bare.person, private, bare.session_key, keys.sign(own, certified_text(bare.opening())),
        bare.started, bare.expires,
    )  # fmt: skip


def collect_case(state: CaseState, identity: Identity) -> None:
    """Add the people of a case, its UIDs and its order to what must not be found."""
    for session in state.sessions:
        identity.add_name(str(session.person["name"]))
        identity.add_id(str(session.person.get("npi", "")))
        identity.add_id(session.id)
    identity.add_id(str(state.created.data["case_id"]))
    for output in state.outputs.values():
        identity.add_uid(output.sop_instance_uid)
    for event in state.of("order-recorded"):
        orderer = event.data["orderer"]
        identity.add_name(str(orderer.get("name", "")))
        for text in (orderer.get("npi", ""), event.data.get("order_id", "")):
            identity.add_id(str(text or ""))
    for event in state.of("base-recorded"):
        identity.add_id(str(event.data.get("accession", "")))


def require_clean(folder: Path, identity: Identity) -> None:
    """Search every file of a folder.

    Raises
    ------
    CaseError
        With the files that hold something; never what they hold.
    """
    from prosector.dicom.deidentify_search import leaks

    found = leaks(folder, identity)
    if found:
        # a file's own name may be what identifies
        kinds = sorted({Path(name).suffix or "no ending" for name in found})
        raise CaseError(
            f"{len(found)} files would still name somebody or bear an original identifier ({', '.join(kinds)}): "
            "nothing was written. Look at texts, names of recipes and of segments"
        )


def _renamed(name: str, runs: Mapping[str, str]) -> str:
    run, slash, file = name.partition("/")
    return runs.get(run, run) + slash + file
