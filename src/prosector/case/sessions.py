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
from prosector.case.events import Actor
from prosector.case.people import Person, home, read_person, unlock
from prosector.errors import NotPermittedError
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
    """Begin a session; another one that was open on this workstation for the same user of the machine is left.

    Raises
    ------
    UnknownNameError, NotPermittedError, LockedError
        As :func:`prosector.case.people.unlock`.
    """
    person_key = unlock(person_id, passphrase)
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
    return session


def current_session() -> Session | None:
    """The session that is open, or None; one that has expired is closed."""
    path = _path()
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        used = datetime.fromisoformat(kept.pop("used"))
        expires = datetime.fromisoformat(kept["expires"])
        private_key = base64.b64decode(kept.pop("private_key"))
        person = Person(**kept.pop("person"))
        session = Session(person=person, private_key=private_key, **{**kept, "cases": tuple(kept["cases"])})
    except (ValueError, KeyError, TypeError):
        path.unlink(missing_ok=True)  # torn or foreign: nobody is logged in by it
        return None
    now = datetime.now(UTC)
    if now >= expires or now - used >= IDLE:
        path.unlink(missing_ok=True)
        return None
    return session


def require_session(*roles: str) -> Session:
    """The open session, of one of the roles if any are named.

    Raises
    ------
    NotPermittedError
        If nobody is logged in, or somebody of another role.
    """
    session = current_session()
    if session is None:
        raise NotPermittedError("nobody is logged in, or the session has expired: prosector login")
    if roles and session.person.role not in roles:
        raise NotPermittedError(f"this is for a {' or '.join(roles)}; logged in is a {session.person.role}")
    return session


def touched(session: Session, case_folder: Path) -> Session:
    """Note that the session entered something in a case just now."""
    cases = tuple(dict.fromkeys((*session.cases, str(case_folder.resolve()))))
    session = replace(session, cases=cases)
    open_one = current_session()
    if open_one is not None and open_one.id == session.id:
        _keep(session)
    return session


def forget_session() -> None:
    """Remove the open session from this workstation."""
    _path().unlink(missing_ok=True)


def _path() -> Path:
    return home() / "session.json"


def _keep(session: Session) -> None:
    fields = asdict(session)
    fields["private_key"] = keys.encoded(session.private_key)
    fields["used"] = datetime.now(UTC).isoformat()
    home().mkdir(parents=True, exist_ok=True)
    home().chmod(stat.S_IRWXU)
    write_text(_path(), json.dumps(fields) + "\n")
    _path().chmod(stat.S_IRUSR | stat.S_IWUSR)
