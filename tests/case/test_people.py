"""Who may log in, and what happens to those who try too often."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from prosector.case import keys, people, sessions
from prosector.case.people import Person, add_person, change_passphrase, is_npi, read_person, unlock
from prosector.case.sessions import certified_text, current_session, log_in, require_session
from prosector.errors import CaseError, LockedError, NotPermittedError, UnknownNameError

PASSPHRASE = "correct horse battery staple"


def test_there_are_no_default_accounts():
    assert people.people() == ()
    with pytest.raises(UnknownNameError):
        log_in("admin", "admin")


def test_the_key_is_encrypted_and_opens_with_the_passphrase(physician, workstation):
    private = unlock("ada", PASSPHRASE)
    assert keys.public_key_of(private) == physician.public_key == read_person("ada").public_key
    kept = (workstation / "people" / "ada.json").read_bytes()
    assert private not in kept
    assert keys.encoded(private).encode() not in kept
    assert PASSPHRASE.encode() not in kept
    assert (workstation / "people" / "ada.json").stat().st_mode & 0o077 == 0


def test_five_wrong_passphrases_lock_out_even_the_right_one(physician, monkeypatch):
    for _ in range(people.TRIES):
        with pytest.raises(NotPermittedError, match="wrong"):
            unlock("ada", "wrong horse battery staple")
    with pytest.raises(LockedError, match="locked until"):
        unlock("ada", PASSPHRASE)
    monkeypatch.setattr(people, "LOCKED_OUT", timedelta(0))
    unlock("ada", PASSPHRASE)
    with pytest.raises(NotPermittedError):
        unlock("ada", "wrong horse battery staple")
    unlock("ada", PASSPHRASE)  # one wrong try after a right one is only one


def test_a_count_of_tries_that_cannot_be_read_locks(physician, workstation):
    (workstation / "people" / "ada.tries").write_text("{")
    with pytest.raises(LockedError):
        unlock("ada", PASSPHRASE)


def test_a_changed_passphrase_keeps_the_key(physician):
    change_passphrase("ada", PASSPHRASE, "another long passphrase")
    assert keys.public_key_of(unlock("ada", "another long passphrase")) == physician.public_key
    with pytest.raises(NotPermittedError):
        unlock("ada", PASSPHRASE)
    with pytest.raises(CaseError, match="at least 12"):
        change_passphrase("ada", "another long passphrase", "short")


def test_who_may_add_whom(physician, technologist):
    with pytest.raises(NotPermittedError, match="log in"):
        add_person(Person("eve", "Eve Example", "physician"), PASSPHRASE)
    with pytest.raises(NotPermittedError, match="by a physician or a physicist"):
        add_person(Person("eve", "Eve Example", "physician"), PASSPHRASE, by=technologist)
    with pytest.raises(CaseError, match="taken"):
        add_person(Person("tom", "Tom Other", "technologist"), PASSPHRASE, by=physician)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": "../ada"}, "a login is"),
        ({"id": "A"}, "a login is"),
        ({"role": "admin"}, "unknown role"),
        ({"name": "  "}, "has a name"),
        ({"npi": "1234567890"}, "check digit"),
    ],
)
def test_what_is_no_person(fields, words):
    with pytest.raises((CaseError, UnknownNameError), match=words):
        Person(**{"id": "ada", "name": "Ada", "role": "physician", **fields})


def test_the_check_digit_of_an_npi():
    assert is_npi("1234567893")
    assert not any(is_npi(f"123456789{d}") for d in "012456789")


def test_a_session_is_certified_by_the_persons_key(doctor, physician):
    opening = doctor.opening()
    assert keys.is_signed(physician.public_key, opening["certificate"], certified_text(opening))
    other = {**opening, "expires": "2099-01-01T00:00:00+00:00"}
    assert not keys.is_signed(physician.public_key, opening["certificate"], certified_text(other))
    assert keys.is_signed(doctor.session_key, doctor.sign(b"x"), b"x")
    assert not keys.is_signed(doctor.session_key, "not base64!", b"x")


def test_a_session_is_kept_between_processes_and_expires(doctor, workstation, monkeypatch):
    assert current_session() == doctor
    assert (workstation / "sessions" / "ada.json").stat().st_mode & 0o077 == 0
    kept = json.loads((workstation / "sessions" / "ada.json").read_text())
    for name, age in (("used", sessions.IDLE), ("expires", timedelta(0))):
        old = {**kept, name: (datetime.now(UTC) - age).isoformat()}
        (workstation / "sessions" / "ada.json").write_text(json.dumps(old))
        assert current_session() is None
        assert not (workstation / "sessions" / "ada.json").exists()


def test_a_torn_session_file_logs_nobody_in(doctor, workstation):
    (workstation / "sessions" / "ada.json").write_text('{"id": "x"')
    assert current_session() is None
    with pytest.raises(NotPermittedError, match="prosector login"):
        require_session()


def test_a_session_has_a_role(technologist):
    log_in("tom", PASSPHRASE)
    with pytest.raises(NotPermittedError, match="for a physician; logged in is a technologist"):
        require_session("physician")


def test_a_technologist_works_while_the_physician_is_logged_in(doctor, technologist):
    tom = log_in("tom", PASSPHRASE)
    assert current_session() == tom
    assert current_session("ada") == doctor
    assert sessions.supervising_session() == doctor
    assert require_session("physician", person_id="ada") == doctor
    sessions.forget_session(doctor)
    assert sessions.supervising_session() is None
    with pytest.raises(NotPermittedError, match="'ada' is not logged in"):
        require_session(person_id="ada")
