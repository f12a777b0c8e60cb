"""Sessions: a person who has given the passphrase, for a while.

At login the person's key certifies a key made for the session; events are signed with that one, so that nobody
types a passphrase for each act and the person's own key lies open for a moment only.
"""

from __future__ import annotations

import base64
import json
import stat
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prosector.atomic import write_text
from prosector.case import keys
from prosector.case.audit import AuditEvent, audit
from prosector.case.events import Actor
from prosector.case.people import Person, home, read_person, unlock
from prosector.errors import LockedError, NotPermittedError, UnknownNameError
from prosector.model.digest import canonical_json

LONGEST = timedelta(hours=8)
IDLE = timedelta(minutes=30)
"""A session in which nothing was entered for so long is over."""


@dataclass(frozen=True, slots=True)
class Session:
    """Someone at work.

    Parameters
    ----------
    id : str
    person : Person
    private_key : bytes
        Of the session.
    session_key : str
        Its public part, base64.
    certificate : str
        The person's signature over :func:`certified_text`.
    started, expires : str
        UTC, ISO.
    cases : tuple of str
        Folders in which the session entered something, so that logging out ends it there too.
    """

    id: str
    person: Person
    private_key: bytes
    session_key: str
    certificate: str
    started: str
    expires: str
    cases: tuple[str, ...] = ()

    @property
    def actor(self) -> Actor:
        """As events name it."""
        return Actor(self.person.role, self.person.id, self.person.name, self.id)

    def opening(self) -> dict[str, Any]:
        """Data of the event that begins it in a case."""
        person = {k: v for k, v in asdict(self.person).items() if k != "public_key"}
        return {
            "session": self.id,
            "person": person,
            "public_key": self.person.public_key,
            "session_key": self.session_key,
            "certificate": self.certificate,
            "logged_in": self.started,
            "expires": self.expires,
        }

    def sign(self, message: bytes) -> str:
        """Signature by the session's key, base64."""
        return keys.sign(self.private_key, message)


def certified_text(opening: Mapping[str, Any]) -> bytes:
    """What the person's key signs at login: who, which key, from when to when."""
    fields = {name: opening[name] for name in ("session", "person", "session_key", "logged_in", "expires")}
    return canonical_json(fields).encode()


def log_in(person_id: str, passphrase: str) -> Session:
    """Begin a session; an earlier one of the same person is replaced, those of others stay open.

    A technologist works while the physician who supervises is logged in too.

    Raises
    ------
    UnknownNameError, NotPermittedError, LockedError
        As :func:`prosector.case.people.unlock`.
    """
    person_key = _unlocked(person_id, passphrase)
    person = read_person(person_id)
    private = keys.new_private_key()
    now = datetime.now(UTC)
    bare = Session(
        id=str(uuid.uuid4()),
        person=person,
        private_key=private,
        session_key=keys.public_key_of(private),
        certificate="",
        started=now.isoformat(timespec="seconds"),
        expires=(now + LONGEST).isoformat(timespec="seconds"),
    )
    session = replace(bare, certificate=keys.sign(person_key, certified_text(bare.opening())))
    _keep(session)
    audit(AuditEvent("login", person=person.id, name=person.name))
    return session


def open_sessions() -> tuple[Session, ...]:
    """All sessions that are open on this workstation, the newest first; those that have expired are closed."""
    found = [_read(path) for path in _folder().glob("*.json")]
    return tuple(sorted((s for s in found if s is not None), key=lambda s: s.started, reverse=True))


def current_session(person_id: str = "") -> Session | None:
    """The session of a person, or the one that was opened last; None where there is none."""
    return next((s for s in open_sessions() if person_id in ("", s.person.id)), None)


def supervising_session() -> Session | None:
    """The session of a physician that is open, whoever works; None where there is none."""
    return next((s for s in open_sessions() if s.person.role == "physician"), None)


def require_session(*roles: str, person_id: str = "") -> Session:
    """The open session (of a person, where one is named), of one of the roles if any are named.

    Raises
    ------
    NotPermittedError
        If nobody is logged in, or somebody of another role.
    """
    session = current_session(person_id)
    if session is None:
        who = f"{person_id!r} is not" if person_id else "nobody is"
        raise NotPermittedError(f"{who} logged in, or the session has expired: prosector login")
    if roles and session.person.role not in roles:
        raise NotPermittedError(f"this is for a {' or '.join(roles)}; logged in is a {session.person.role}")
    return session


def touched(session: Session, case_folder: Path) -> Session:
    """Note that the session entered something in a case just now."""
    cases = tuple(dict.fromkeys((*session.cases, str(case_folder.resolve()))))
    session = replace(session, cases=cases)
    if any(s.id == session.id for s in open_sessions()):
        _keep(session)
    return session


def forget_session(session: Session) -> None:
    """Remove an open session from this workstation."""
    _path(session.person.id).unlink(missing_ok=True)


def _unlocked(person_id: str, passphrase: str) -> bytes:
    """The person's key; a login that fails is audited. An unknown name is left out: it may be a passphrase."""
    try:
        return unlock(person_id, passphrase)
    except UnknownNameError:
        audit(AuditEvent("login", outcome=4, why="no such user"))
        raise
    except (NotPermittedError, LockedError) as error:
        audit(
            AuditEvent("login", person=person_id, outcome=12 if isinstance(error, LockedError) else 4, why=str(error))
        )
        raise


def _folder() -> Path:
    folder = home() / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    for place in (home(), folder):
        place.chmod(stat.S_IRWXU)
    return folder


def _path(person_id: str) -> Path:
    return _folder() / f"{person_id}.json"


def _read(path: Path) -> Session | None:
    """A kept session; one that is torn, foreign or has expired is removed."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        used = datetime.fromisoformat(kept.pop("used"))
        expires = datetime.fromisoformat(kept["expires"])
        private_key = base64.b64decode(kept.pop("private_key"))
        person = Person(**kept.pop("person"))
        session = Session(person=person, private_key=private_key, **{**kept, "cases": tuple(kept["cases"])})
    except (OSError, ValueError, KeyError, TypeError):
        path.unlink(missing_ok=True)
        return None
    now = datetime.now(UTC)
    if now >= expires or now - used >= IDLE:
        path.unlink(missing_ok=True)
        audit(AuditEvent("logout", person=person.id, name=person.name, why="the session expired"))
        return None
    return session


def _keep(session: Session) -> None:
    fields = asdict(session)
    fields["private_key"] = keys.encoded(session.private_key)
    fields["used"] = datetime.now(UTC).isoformat()
    path = _path(session.person.id)
    write_text(path, json.dumps(fields) + "\n")
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
