"""Runs a server that listens on every address, such as Debian's Orthanc, so that only this machine reaches it.

    python loopback.py --in OUTER:INNER --out INNER:OUTER --tls OUTER:PEM -- COMMAND...

The command gets a network of its own (unshare, CLONE_NEWNET) in which there is nothing but a loopback. ``--in``
passes on what comes to 127.0.0.1:OUTER of the machine to INNER in there; ``--out`` the other way, for the calls
that a PACS makes. It needs root or user namespaces; where the system permits neither, the command runs in the
common network and must protect itself (the tests' Orthanc accepts known peers on 127.0.0.1 only).

``--tls`` names a port of ``--in`` at which TLS is spoken for the command, with a key and certificate: Debian's Orthanc
crashes at the first HTTPS request that it gets.

Prints the command's process id on the first line; ends when its standard input is closed.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import os
import selectors
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--in", dest="inwards", action="append", default=[])
    parser.add_argument("--out", dest="outwards", action="append", default=[])
    parser.add_argument("--tls", action="append", default=[])
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    # A user namespace is for processes of one thread: first of all. Threads that start now stay in the common
    # network; this one leaves it, and so do those that it starts.
    if os.geteuid() != 0:
        LIBC.unshare(CLONE_NEWUSER)
    inner = Factory()
    outer = Factory()
    listening = [(outer.listen(ours), inner, int(theirs)) for ours, theirs in map(pair, given.inwards)]
    if not inner.leave():
        sys.stderr.write("no network namespaces here: the server listens on all addresses\n")
    listening += [(inner.listen(theirs), outer, int(ours)) for theirs, ours in map(pair, given.outwards)]
    server = inner.call(lambda: subprocess.Popen(given.command, stdin=subprocess.DEVNULL))
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    secured = {int(port): security(pem) for port, pem in (text.split(":", 1) for text in given.tls)}
    for listener, factory, port in listening:
        context = secured.get(listener.getsockname()[1])
        threading.Thread(target=pass_on, args=(listener, factory, port, context), daemon=True).start()
    sys.stdin.read()
    with contextlib.suppress(ProcessLookupError):
        server.send_signal(signal.SIGKILL)
    server.wait()


def pair(text: str) -> tuple[int, int]:
    first, second = text.split(":")
    return int(first), int(second)


class Factory:
    """A thread that makes sockets and processes in its own network."""

    def __init__(self) -> None:
        self._asked: list[tuple[Callable[[], object], list[object], threading.Event]] = []
        self._wake = threading.Semaphore(0)
        threading.Thread(target=self._work, daemon=True).start()

    def call(self, what: Callable[[], object]):
        answer: list[object] = []
        done = threading.Event()
        self._asked.append((what, answer, done))
        self._wake.release()
        done.wait()
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    def leave(self) -> bool:
        return bool(self.call(leave_network))

    def listen(self, port: int) -> socket.socket:
        return self.call(lambda: socket.create_server(("127.0.0.1", port)))

    def connect(self, port: int) -> socket.socket:
        return self.call(lambda: socket.create_connection(("127.0.0.1", port), 10))

    def _work(self) -> None:
        while True:
            self._wake.acquire()
            what, answer, done = self._asked.pop(0)
            try:
                answer.append(what())
            except Exception as error:
                answer.append(error)
            done.set()


def leave_network() -> bool:
    if LIBC.unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        asked = struct.pack("16sh22x", b"lo", 0)
        _, flags = struct.unpack("16sh22x", fcntl.ioctl(probe, SIOCGIFFLAGS, asked))
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))
    return True


def security(pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


def pass_on(listener: socket.socket, factory: Factory, port: int, context: ssl.SSLContext | None) -> None:
    while True:
        near, _ = listener.accept()
        threading.Thread(target=relay, args=(near, factory, port, context), daemon=True).start()


def relay(near: socket.socket, factory: Factory, port: int, context: ssl.SSLContext | None) -> None:
    near.settimeout(20)
    with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
        near = opened.enter_context(context.wrap_socket(near, server_side=True) if context else near)
        far = opened.enter_context(factory.connect(port))
        both = opened.enter_context(selectors.DefaultSelector())
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            both.register(one, selectors.EVENT_READ, other)
        while both.get_map():
            for key, _ in both.select():
                data = received(key.fileobj)
                if data:
                    key.data.sendall(data)
                elif context:
                    return  # TLS ends both ways at once
                else:
                    both.unregister(key.fileobj)
                    key.data.shutdown(socket.SHUT_WR)


def received(link: socket.socket) -> bytes:
    """What is there, including what TLS has read ahead, which no selector sees."""
    data = link.recv(1 << 18)
    while isinstance(link, ssl.SSLSocket) and link.pending():
        data += link.recv(link.pending())
    return data


if __name__ == "__main__":
    main()
