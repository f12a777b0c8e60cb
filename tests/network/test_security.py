"""TLS, titles, passwords: what an archive asks of us and we of it."""

from __future__ import annotations

import logging
import socket

import pytest

from prosector.errors import NetworkError
from prosector.network.fetch import fetch_study
from prosector.network.find import Query, find_studies
from prosector.network.send import Patience, send_files

QUICK = Patience(tries=0, pause_s=0.01, commitment_s=10)


def test_everything_works_over_tls_both_ways(secure_orthanc, pictures, tmp_path):
    found = send_files([pictures], secure_orthanc.node(), patience=QUICK)
    assert (found.sent, found.committed) == (6, 6)  # the archive called our listener over TLS
    assert fetch_study(secure_orthanc.node(), Query(study="2.25.7001"), tmp_path / "get").came == 6
    assert fetch_study(secure_orthanc.node(retrieve="move"), Query(study="2.25.7001"), tmp_path / "move").came == 6
    secure_orthanc.clear()
    found = send_files([pictures], secure_orthanc.web(), patience=QUICK)
    assert (found.sent, found.committed) == (6, 6)
    assert fetch_study(secure_orthanc.web(), Query(study="2.25.7001"), tmp_path / "wado").came == 6


@pytest.mark.parametrize(
    ("other", "said"),
    [({"ca": ""}, "not trusted"), ({"cert": "", "key": ""}, "trust our certificate"), ({"tls": False}, "want TLS")],
)
def test_a_connection_that_is_not_trusted_is_not_made(secure_orthanc, pictures, other, said):
    with pytest.raises(NetworkError, match=said):
        send_files([pictures], secure_orthanc.node(**other), patience=QUICK)


def test_a_foreign_certificate_is_not_trusted_over_https(secure_orthanc, pictures):
    with pytest.raises(NetworkError, match="no trusted TLS"):
        send_files([pictures], secure_orthanc.web(ca=""), patience=QUICK)


def test_tls_is_not_spoken_to_a_plain_port(orthanc, certificates):
    with pytest.raises(NetworkError, match="does not agree on TLS"):
        find_studies(orthanc.node(tls=True, ca=str(certificates / "ca.pem")), Query(study="1.2"))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"title": "OTHER"}, "Called AE title not recogni[sz]ed"),
        ({"port": 1}, "cannot be reached: Connection refused"),
        ({"host": "no.such.host.invalid"}, "cannot be reached"),
    ],
)
def test_why_there_is_no_association_is_said(orthanc, pictures, other, said):
    with pytest.raises(NetworkError, match=said) as caught:
        send_files([pictures], orthanc.node(**other), patience=QUICK)
    assert "SECRET" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_wrong_password_is_said_and_never_shown(orthanc, pictures, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "wrong").write_text("hunter2")
    with pytest.raises(NetworkError, match="HTTP 401") as caught:
        send_files([pictures], orthanc.web(password_file=str(tmp_path / "wrong")), patience=QUICK)
    send_files([pictures], orthanc.web(), patience=QUICK)
    for secret in ("hunter2", "not a secret", "SECRETNAME"):
        assert secret not in caplog.text + str(caught.value)
    with pytest.raises(NetworkError, match="HTTP 404"):
        send_files([pictures], orthanc.web(url=orthanc.url("nowhere")), patience=QUICK)


def test_our_listener_is_on_loopback_and_says_when_its_port_is_taken(orthanc, pictures):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NetworkError, match=f"cannot listen at 127.0.0.1:{port}"):
            send_files([pictures], orthanc.node(listen=f"127.0.0.1:{port}"), patience=QUICK)
    assert orthanc.node().listening()[0] == "127.0.0.1"
