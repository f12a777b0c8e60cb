"""A workstation of its own for every test, with made-up people."""

from __future__ import annotations

import pytest

from prosector.case import keys
from prosector.case.people import Person, add_person
from prosector.case.sessions import log_in
from prosector.datasets.write_series import write_ct_series

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def workstation(tmp_path_factory, monkeypatch):
    """An empty workstation, and a key derivation that does not take half a second."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PROSECTOR_HOME", str(home))
    monkeypatch.setattr(keys, "ARGON2", {"iterations": 1, "lanes": 1, "memory_kib": 64})
    return home


@pytest.fixture
def physician():
    return add_person(Person("ada", "Ada Example (made up)", "physician", "MD", "1234567893"), PASSPHRASE)


@pytest.fixture
def technologist(physician):
    person = Person("tom", "Tom Example (made up)", "technologist", "RT(R)(CT)")
    return add_person(person, PASSPHRASE, by=physician)


@pytest.fixture
def doctor(physician):
    """The physician's session."""
    return log_in(physician.id, PASSPHRASE)


@pytest.fixture(scope="session")
def ct_series(small_ct, tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "series"
    write_ct_series(small_ct, folder)
    return folder
