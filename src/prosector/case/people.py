"""People of this workstation: who they are, their roles, and their keys. There are no default accounts."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prosector.atomic import write_text
from prosector.case import keys
from prosector.case.events import ROLES
from prosector.case.lock import locked
from prosector.errors import CaseError, LockedError, NotPermittedError, UnknownNameError

HOME = "PROSECTOR_HOME"
"""Environment variable: where people and sessions of this workstation are kept."""

SHORTEST_PASSPHRASE = 12
TRIES = 5
"""Wrong passphrases in a row until a person is locked out."""

LOCKED_OUT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the workstation. ``npi`` is the US National Provider Identifier, where there is one."""

    id: str
    name: str
    role: str
    credentials: str = ""
    npi: str = ""
    public_key: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9.-]{1,39}", self.id):
            raise CaseError(f"a login is 2 to 40 small letters, digits, dots and hyphens; found {self.id!r}")
        if self.role not in ROLES:
            raise UnknownNameError("role", self.role, ROLES)
        if not self.name.strip():
            raise CaseError("a person has a name")
        if self.npi and not is_npi(self.npi):
            raise CaseError(f"an NPI has ten digits, the last a check digit; found {self.npi!r}")


def is_npi(text: str) -> bool:
    """Whether ten digits end in the right check digit (ISO/IEC 7812-1 Luhn over 80840 and the number)."""
    if not re.fullmatch(r"\d{10}", text):
        return False
    digits = [int(d) for d in "80840" + text][::-1]
    return sum(d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(digits)) % 10 == 0


def home() -> Path:
    """The workstation's own folder."""
    return Path(os.environ.get(HOME) or Path.home() / ".config" / "prosector")


def add_person(person: Person, passphrase: str, by: Person | None = None) -> Person:
    """Add a user with a new key.

    Parameters
    ----------
    person : Person
        Its ``public_key`` is made here.
    passphrase : str
        At least 12 characters.
    by : Person, optional
        Who adds; only the first user of a workstation is added by nobody, and physicians are added by physicians or
        physicists.

    Raises
    ------
    CaseError
        If the login is taken or the passphrase too short.
    NotPermittedError
        If ``by`` may not add such a person.
    """
    with locked(home() / "people.lock"):
        if (_folder() / f"{person.id}.json").exists():
            raise CaseError(f"the login {person.id!r} is taken")
        if people():
            if by is None:
                raise NotPermittedError("this workstation has users: log in to add another")
            if person.role == "physician" and by.role not in ("physician", "physicist"):
                raise NotPermittedError("a physician is added by a physician or a physicist")
        _require_long(passphrase)
        private = keys.new_private_key()
        made = Person(person.id, person.name, person.role, person.credentials, person.npi, keys.public_key_of(private))
        _write(made, keys.encrypt(private, passphrase))
    return made


def people() -> tuple[Person, ...]:
    """All users, by login."""
    return tuple(read_person(path.stem) for path in sorted(_folder().glob("*.json")))


def read_person(person_id: str) -> Person:
    """A user by login, or UnknownNameError."""
    return Person(**_record(person_id)["person"])


def unlock(person_id: str, passphrase: str) -> bytes:
    """A user's private key.

    Raises
    ------
    UnknownNameError
        If there is no such user.
    NotPermittedError
        If the passphrase is wrong.
    LockedError
        After five wrong ones in a row, for 15 minutes.
    """
    with locked(home() / "people.lock"):
        record = _record(person_id)
        tries = _tries(person_id)
        _require_not_locked_out(tries)
        try:
            private = keys.decrypt(record["key"], passphrase)
        except NotPermittedError:
            _count_wrong(person_id, tries)
            raise
        (_folder() / f"{person_id}.tries").unlink(missing_ok=True)
    return private


def change_passphrase(person_id: str, old: str, new: str) -> None:
    """Encrypt a user's key anew. Raises as :func:`unlock`, and CaseError for a short one."""
    _require_long(new)
    private = unlock(person_id, old)
    with locked(home() / "people.lock"):
        _write(read_person(person_id), keys.encrypt(private, new))


def _require_long(passphrase: str) -> None:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise CaseError(f"a passphrase has at least {SHORTEST_PASSPHRASE} characters; found {len(passphrase)}")


def _require_not_locked_out(tries: Mapping[str, Any]) -> None:
    if tries["wrong"] >= TRIES:
        until = datetime.fromisoformat(tries["at"]) + LOCKED_OUT
        if datetime.now(UTC) < until:
            raise LockedError(f"too many wrong passphrases: locked until {until.isoformat(timespec='minutes')}")


def _count_wrong(person_id: str, tries: Mapping[str, Any]) -> None:
    over = tries["wrong"] >= TRIES  # the lock-out has passed: counting begins anew
    now = {"wrong": 1 if over else tries["wrong"] + 1, "at": datetime.now(UTC).isoformat()}
    write_text(_folder() / f"{person_id}.tries", json.dumps(now) + "\n")


def _tries(person_id: str) -> dict[str, Any]:
    path = _folder() / f"{person_id}.tries"
    if not path.exists():
        return {"wrong": 0, "at": ""}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        datetime.fromisoformat(found["at"])
        return {"wrong": int(found["wrong"]), "at": str(found["at"])}
    except (ValueError, KeyError, TypeError):
        return {"wrong": TRIES, "at": datetime.now(UTC).isoformat()}  # not readable: on the safe side


def _folder() -> Path:
    folder = home() / "people"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(stat.S_IRWXU)
    return folder


def _record(person_id: str) -> dict[str, Any]:
    path = _folder() / f"{person_id}.json"
    if not re.fullmatch(r"[a-z0-9.-]+", person_id) or not path.exists():
        raise UnknownNameError("person", person_id, [p.stem for p in _folder().glob("*.json")])
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CaseError(f"the record of {person_id!r} cannot be read: {error}") from error
    return record


def _write(person: Person, key: dict[str, Any]) -> None:
    path = _folder() / f"{person.id}.json"
    write_text(path, json.dumps({"person": asdict(person), "key": key}, indent=2) + "\n")
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
