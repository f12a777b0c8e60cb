"""The audit trail of a workstation: who logged in, opened, exported and sent what (DICOM PS3.15 A.5).

Messages go to a file for each day under the workstation's home, one a line, and, where ``PROSECTOR_SYSLOG`` names a
collector (``host:port`` or ``udp://host:port``, ``tls://host:port``), to it by syslog (RFC 5424 over RFC 5426 or
RFC 5425). What the collector did not take waits in a file and is sent before the next message.

A message names people by their login, studies by their UID and the patient by a pseudonym of the case, never by name
or number: an audit repository joins them by the study.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from prosector.case.audit_message import AuditEvent, Node, build_message
from prosector.case.lock import locked
from prosector.case.people import home
from prosector.errors import OutputError, ParameterError

SYSLOG = "PROSECTOR_SYSLOG"
"""Environment variable: where audit messages are sent besides the file; empty for nowhere."""

SYSLOG_CA = "PROSECTOR_SYSLOG_CA"
"""Environment variable: root certificates (PEM) for a collector reached by TLS, where the system's do not do."""

MSGID = "IHE+RFC-3881"
"""RFC 5424 MSGID of audit messages (IHE ITI TF-2, 3.20)."""

FACILITY = 10
"""Security and authorization (RFC 5424, table 1)."""

SEVERITY = {0: 5, 4: 4, 8: 3, 12: 2}
"""Notice, warning, error, critical, by the event's outcome."""

TIMEOUT_S = 3.0
LARGEST_DATAGRAM = 65_000
UNSENT = "unsent.log"

__all__ = ["AuditEvent", "Node", "audit", "audit_files", "build_message"]


@dataclass(frozen=True, slots=True)
class _Collector:
    secure: bool
    host: str
    port: int


def audit(event: AuditEvent) -> Path:
    """Enter an event into the workstation's audit trail.

    Parameters
    ----------
    event : AuditEvent

    Returns
    -------
    Path
        The file of the day, to which it was added.

    Raises
    ------
    OutputError
        If that file cannot be written: what cannot be audited is not done.
    ParameterError
        If ``PROSECTOR_SYSLOG`` is no address. A collector that does not answer is no error: its messages wait.
    """
    now = datetime.now(UTC)
    message = build_message(event, now)
    collector = _collector()
    folder = home() / "audit"
    path = folder / f"{now.date().isoformat()}.xml.log"
    with locked(folder / "audit.lock"):
        _append(path, message)
        if collector is not None:
            _forward(collector, folder / UNSENT, _framed(message, now, event.outcome))
    return path


def audit_files() -> tuple[Path, ...]:
    """The files of the audit trail, oldest first; reading them is itself an event (``read-audit``)."""
    return tuple(sorted((home() / "audit").glob("*.xml.log")))


def _append(path: Path, message: str) -> None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"  # a killed process left half a line
            data = (("\n" if torn else "") + message + "\n").encode()
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise OutputError(f"the audit trail {path.name} cannot be written: {error.strerror}") from error


def _collector() -> _Collector | None:
    address = os.environ.get(SYSLOG, "").strip()
    if not address:
        return None
    parts = urlsplit(address if "://" in address else f"udp://{address}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("udp", "tls") or not parts.hostname:
        raise ParameterError(f"{SYSLOG} is host:port, udp://host:port or tls://host:port; found {address!r}")
    return _Collector(parts.scheme == "tls", parts.hostname, port or (6514 if parts.scheme == "tls" else 514))


def _framed(message: str, now: datetime, outcome: int) -> bytes:
    """The syslog message (RFC 5424, 6): header, no structured data, a byte order mark and the XML."""
    priority = FACILITY * 8 + SEVERITY[outcome]
    when = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    host = socket.gethostname() or "-"
    header = f"<{priority}>1 {when} {host} prosector {os.getpid()} {MSGID} - "
    return header.encode("ascii", "replace") + b"\xef\xbb\xbf" + message.encode()


def _forward(collector: _Collector, waiting: Path, framed: bytes) -> None:
    """Send what waits and then this; keep what was not taken, in order."""
    lines = waiting.read_bytes().splitlines() if waiting.exists() else []
    lines.append(framed)
    sent = 0
    try:
        sent = _send(collector, lines)
    finally:
        rest = lines[sent:]
        if rest:
            waiting.write_bytes(b"\n".join(rest) + b"\n")
        else:
            waiting.unlink(missing_ok=True)


def _send(collector: _Collector, lines: list[bytes]) -> int:
    """How many messages were handed over; UDP cannot tell whether they arrived."""
    sent = 0
    try:
        with _linked(collector) as link:
            for line in lines:
                # RFC 5425, 4.3: octets are counted; RFC 5426, 3.1: one message a datagram
                link.sendall(f"{len(line)} ".encode() + line if collector.secure else line[:LARGEST_DATAGRAM])
                sent += 1
    except OSError:  # as ssl.SSLError and socket.gaierror are
        return sent
    return sent


@contextmanager
def _linked(collector: _Collector) -> Iterator[socket.socket]:
    address = (collector.host, collector.port)
    if not collector.secure:
        family, kind, proto, _, found = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, proto) as link:
            link.connect(found)
            yield link
        return
    context = ssl.create_default_context(cafile=os.environ.get(SYSLOG_CA) or None)
    with (
        socket.create_connection(address, timeout=TIMEOUT_S) as bare,
        context.wrap_socket(bare, server_hostname=collector.host) as secure,
    ):
        yield secure
        with suppress(OSError):  # not every collector says goodbye
            secure.unwrap()
