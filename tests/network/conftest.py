"""A real Orthanc on loopback, plain and with TLS, and a workstation of its own for every test."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from made_pictures import secondary_capture

from prosector.case import keys
from prosector.case.decisions import decide
from prosector.case.folder import create_case, record
from prosector.case.people import Person, add_person, people
from prosector.case.runs import path_sha256
from prosector.case.sessions import log_in
from prosector.network.nodes import Node

CALLING, CALLED = "PROSECTOR", "ORTHANC"
ORTHANC = shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin") or ""
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "tester", "not a secret: of the tests"


@dataclass
class Pacs:
    """An Orthanc that can be killed and started again on the same ports and the same store."""

    folder: Path
    dicom: int
    http: int
    ours: int  # where Orthanc finds our listener
    tls: Path | None = None
    inner: tuple[int, int, int] = (0, 0, 0)
    pid: int = 0
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        dicom, http, ours = self.inner = free_ports(3)
        (self.folder / "orthanc.json").write_text(json.dumps(self.config(dicom, http, ours)))
        relay = [sys.executable, str(Path(__file__).with_name("loopback.py"))]
        relay += ["--in", f"{self.dicom}:{dicom}", "--in", f"{self.http}:{http}", "--out", f"{ours}:{self.ours}"]
        relay += ["--tls", f"{self.http}:{self.tls / 'both.pem'}"] if self.tls else []
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*relay, "--", ORTHANC, "--logdir=" + str(self.folder), str(self.folder / "orthanc.json")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, "TCP_NODELAY": "1"},
            )  # fmt: skip
        self.pid = int(self.process.stdout.readline())
        deadline = time.monotonic() + 20
        while not self.answers():
            if time.monotonic() > deadline:
                self.stop()
                pytest.fail("Orthanc does not start: " + (self.folder / "orthanc.log").read_text(), pytrace=False)
            time.sleep(0.05)

    def config(self, dicom: int, http: int, ours: int) -> dict[str, object]:
        tls = self.tls
        secure = {
            "DicomTlsEnabled": True, "DicomTlsCertificate": str(tls / "server.pem"),
            "DicomTlsPrivateKey": str(tls / "server.key"), "DicomTlsTrustedCertificates": str(tls / "ca.pem"),
            "DicomTlsRemoteCertificateRequired": True,
        } if tls else {}  # fmt: skip
        return {
            "StorageDirectory": str(self.folder / "store"), "IndexDirectory": str(self.folder / "store"),
            "Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "HttpPort": http, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True, "RegisteredUsers": {USER: PASSWORD},
            "DicomPort": dicom, "DicomAet": CALLED, "DicomCheckCalledAet": True, "DicomCheckModalityHost": True,
            "DicomAlwaysAllowEcho": False, "DicomAlwaysAllowStore": False, "DicomAlwaysAllowFind": False,
            "DicomAlwaysAllowGet": False, "DicomAlwaysAllowMove": False,
            "DicomModalities": {"us": {"AET": CALLING, "Host": "127.0.0.1", "Port": ours, "UseDicomTls": bool(tls)}},
            "SynchronousCMove": True, "StableAge": 1, "SaveJobs": False, "LoadPrivateDictionary": False, **secure,
        }  # fmt: skip

    def url(self, path: str) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.http}/{path}"

    def get(self, path: str) -> requests.Response:
        verify = str(self.tls / "ca.pem") if self.tls else True
        return requests.get(self.url(path), auth=(USER, PASSWORD), timeout=5, verify=verify)

    def answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return self.get("system").ok
        return False

    def instances(self) -> set[str]:
        """SOP Instance UIDs of what it holds."""
        rows = self.get("instances?expand").json()
        return {row["MainDicomTags"]["SOPInstanceUID"] for row in rows}

    def clear(self) -> None:
        for row in self.get("patients").json():
            requests.delete(self.url(f"patients/{row}"), auth=(USER, PASSWORD), timeout=5,
                            verify=str(self.tls / "ca.pem") if self.tls else True)  # fmt: skip

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(10)
            self.process.stdout.close()
            self.process = None

    def node(self, **other: object) -> Node:
        """As a DICOM node."""
        fields = {"name": "test", "protocol": "dimse", "host": "127.0.0.1", "port": self.dicom, "title": CALLED,
                  "calling": CALLING, "listen": f"127.0.0.1:{self.ours}"}  # fmt: skip
        return Node(**{**fields, **self._trust(), **other})

    def web(self, **other: object) -> Node:
        """As a DICOMweb node."""
        fields = {"name": "web", "protocol": "dicomweb", "url": self.url("dicom-web"), "user": USER,
                  "password_file": str(self.folder / "password")}  # fmt: skip
        (self.folder / "password").write_text(PASSWORD + "\n")
        return Node(**{**fields, **({"ca": str(self.tls / "ca.pem")} if self.tls else {}), **other})

    def _trust(self) -> dict[str, object]:
        if self.tls is None:
            return {}
        return {"tls": True, "ca": str(self.tls / "ca.pem"), "cert": str(self.tls / "client.pem"),
                "key": str(self.tls / "client.key")}  # fmt: skip


def free_ports(number: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def started(folder: Path, tls: Path | None = None) -> Pacs:
    if not ORTHANC or not PLUGIN.exists():
        pytest.fail("Orthanc or its DICOMweb plugin is missing: run .ci/debian-packages", pytrace=False)
    pacs = Pacs(folder, *free_ports(3), tls=tls)
    pacs.start()
    return pacs


@pytest.fixture(scope="session")
def _orthanc(tmp_path_factory):
    pacs = started(tmp_path_factory.mktemp("orthanc"))
    yield pacs
    pacs.stop()


@pytest.fixture
def orthanc(_orthanc):
    """Empty and running."""
    if _orthanc.process is None:
        _orthanc.start()
    _orthanc.clear()
    return _orthanc


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """An authority, a server and a client, by openssl."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(*new, "-x509", "-days", "2", "-subj", "/CN=authority of the tests", "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost")
    for who in ("server", "client"):
        openssl(*new, "-subj", f"/CN={who}", "-keyout", f"{who}.key", "-out", f"{who}.csr")
        openssl("x509", "-req", "-in", f"{who}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", f"{who}.pem")  # fmt: skip
    (folder / "both.pem").write_bytes((folder / "server.key").read_bytes() + (folder / "server.pem").read_bytes())
    return folder


@pytest.fixture(scope="session")
def secure_orthanc(certificates, tmp_path_factory):
    pacs = started(tmp_path_factory.mktemp("orthanc-tls"), certificates)
    yield pacs
    pacs.stop()


@pytest.fixture(autouse=True)
def workstation(tmp_path_factory, monkeypatch):
    """An empty workstation."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PROSECTOR_HOME", str(home))
    return home


@pytest.fixture
def pictures(tmp_path):
    """Six pictures of one study in a folder."""
    for number in range(1, 7):
        secondary_capture(tmp_path / "pictures", number)
    return tmp_path / "pictures"


@pytest.fixture
def make_case(tmp_path, monkeypatch):
    """A case whose log says that it made some pictures, and that they were archived."""

    def make(count: int, film: int = 0, selected: int | None = None) -> Path:
        monkeypatch.setattr(keys, "ARGON2", {"iterations": 1, "lanes": 1, "memory_kib": 64})
        folder = create_case(tmp_path / f"case-{count}-{film}")
        place = folder / "outputs" / "run-0001"
        made = [secondary_capture(place, number) for number in range(1, count + 1)]
        made += [secondary_capture(place, 99, film)] if film else []
        rows = [
            {"id": f"run-0001/{path.name}", "file": path.relative_to(folder).as_posix(), "step": "s",
             "kind": "Rendering", "sha256": path_sha256(path), "value_sha256": ""} for path in made
        ]  # fmt: skip
        record(folder, "run-done", {"run": "run-0001", "recipe": "r", "trace": {}, "outputs": rows})
        if not people():
            add_person(Person("ada", "Ada Example (made up)", "physician", "MD", "1234567893"), "correct horse battery")
        session = log_in("ada", "correct horse battery")
        if chosen := [row["id"] for row in rows][:selected]:
            decide(folder, session, "archive", "select", chosen)
        return folder

    return make
